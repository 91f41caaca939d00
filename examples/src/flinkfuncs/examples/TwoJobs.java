package flinkfuncs.examples;

/** Calls execute() twice: a session cluster takes the first job and refuses the second one. */
public final class TwoJobs {
    private TwoJobs() {}

    public static void main(String[] words) throws Exception {
        Sequence sequence = new Sequence(new Arguments(words));
        for (int i = 0; i < 2; i++) {
            sequence.writeTo(sequence.count(sequence.numbers()));
            sequence.run();
        }
    }
}
