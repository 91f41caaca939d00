package flinkfuncs.examples;

/** Is {@link Main}, and then asks for a result, which a job that was only submitted does not have. */
public final class AsksForResult {
    private AsksForResult() {}

    public static void main(String[] words) throws Exception {
        Sequence sequence = new Sequence(new Arguments(words));
        sequence.writeTo(sequence.count(sequence.numbers()));
        System.out.println(sequence.run().getNetRuntime());
    }
}
