package flinkfuncs.examples;

/** Lacks the operator that counts: its state is dropped, or the start is refused. */
public final class OneOperatorFewer {
    private OneOperatorFewer() {}

    public static void main(String[] words) throws Exception {
        Sequence sequence = new Sequence(new Arguments(words));
        sequence.writeTo(sequence.countNothing(sequence.numbers()));
        sequence.run();
    }
}
