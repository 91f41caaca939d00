package flinkfuncs.examples;

/** Has the same operators as {@link Main}, but reads the count's state as another type. */
public final class IncompatibleState {
    private IncompatibleState() {}

    public static void main(String[] words) throws Exception {
        Sequence sequence = new Sequence(new Arguments(words));
        sequence.writeTo(sequence.count(sequence.numbers(), new CountAsText(Version.ofThisJar())));
        sequence.run();
    }
}
