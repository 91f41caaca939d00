package flinkfuncs.examples;

/** Throws in main(), before Flink hears of a job. */
public final class ThrowsInMain {
    private ThrowsInMain() {}

    public static void main(String[] words) throws Exception {
        throw new IllegalStateException("throws in main()");
    }
}
