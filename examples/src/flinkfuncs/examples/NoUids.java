package flinkfuncs.examples;

/** Is {@link Main} without a single uid: Flink makes them up from the shape of the graph. */
public final class NoUids {
    private NoUids() {}

    public static void main(String[] words) throws Exception {
        Sequence sequence = new Sequence(new Arguments(words), false);
        sequence.writeTo(sequence.count(sequence.numbers()));
        sequence.run();
    }
}
