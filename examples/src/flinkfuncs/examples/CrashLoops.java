package flinkfuncs.examples;

/** Throws after some checkpoints, in every attempt: each attempt looks well for a while and commits output. */
public final class CrashLoops {
    private CrashLoops() {}

    public static void main(String[] words) throws Exception {
        Arguments arguments = new Arguments(words);
        Sequence sequence = new Sequence(arguments);
        Crash crash = Crash.always(arguments.crashAfterCheckpoints());
        sequence.writeTo(sequence.count(sequence.inOrder("crash", sequence.numbers(), crash)));
        sequence.run();
    }
}
