package flinkfuncs.examples;

/** Has one more operator with state than {@link Main}; the others restore as they are. */
public final class OneOperatorMore {
    private OneOperatorMore() {}

    public static void main(String[] words) throws Exception {
        Sequence sequence = new Sequence(new Arguments(words));
        sequence.writeTo(sequence.count(sequence.remember(sequence.numbers())));
        sequence.run();
    }
}
