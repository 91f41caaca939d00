package flinkfuncs.examples;

/** Takes its time for each checkpoint and savepoint, so that a stop stays under way for a while. */
public final class SlowCheckpoints {
    private SlowCheckpoints() {}

    public static void main(String[] words) throws Exception {
        Arguments arguments = new Arguments(words);
        Sequence sequence = new Sequence(arguments);
        SlowSnapshot slow = new SlowSnapshot(arguments.checkpointSeconds());
        sequence.writeTo(sequence.count(sequence.inOrder("slow-snapshot", sequence.numbers(), slow)));
        sequence.run();
    }
}
