package flinkfuncs.examples;

/** Throws on the first number, in every attempt: the start is accepted and no checkpoint is ever completed. */
public final class FailsAtRunTime {
    private FailsAtRunTime() {}

    public static void main(String[] words) throws Exception {
        Sequence sequence = new Sequence(new Arguments(words));
        sequence.writeTo(sequence.count(sequence.inOrder("crash", sequence.numbers(), Crash.always(0))));
        sequence.run();
    }
}
