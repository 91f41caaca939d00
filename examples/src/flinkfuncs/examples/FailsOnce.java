package flinkfuncs.examples;

/** Throws once after some checkpoints and is well from then on: a good copy with a restart of its own. */
public final class FailsOnce {
    private FailsOnce() {}

    public static void main(String[] words) throws Exception {
        Arguments arguments = new Arguments(words);
        Sequence sequence = new Sequence(arguments);
        Crash crash = Crash.once(arguments.crashAfterCheckpoints(), arguments.sink());
        sequence.writeTo(sequence.count(sequence.inOrder("crash", sequence.numbers(), crash)));
        sequence.run();
    }
}
