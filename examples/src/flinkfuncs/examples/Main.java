package flinkfuncs.examples;

/** The job as it should be: sequence-1.jar and sequence-2.jar differ in their version only. */
public final class Main {
    private Main() {}

    public static void main(String[] words) throws Exception {
        Sequence sequence = new Sequence(new Arguments(words));
        sequence.writeTo(sequence.count(sequence.numbers()));
        sequence.run();
    }
}
