package flinkfuncs.examples;

/** Fails at each stop, right after the savepoint for it is complete. */
public final class FailsWhileStopping {
    private FailsWhileStopping() {}

    public static void main(String[] words) throws Exception {
        Sequence sequence = new Sequence(new Arguments(words));
        sequence.writeTo(sequence.count(sequence.inOrder("throw-on-close", sequence.numbers(), new ThrowOnClose())));
        sequence.run();
    }
}
