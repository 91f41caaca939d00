package flinkfuncs.examples;

/** Is {@link Main} by executeAsync(), under a name of its own, which configuration cannot change. */
public final class RunsAsync {
    private RunsAsync() {}

    public static void main(String[] words) throws Exception {
        Sequence sequence = new Sequence(new Arguments(words));
        sequence.writeTo(sequence.count(sequence.numbers()));
        sequence.runAsync("named in main()");
    }
}
