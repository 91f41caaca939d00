package flinkfuncs.examples;

/** Sleeps in main(), then runs as {@link Main} does: a start in flight outlives the client that asked for it. */
public final class SlowMain {
    private SlowMain() {}

    public static void main(String[] words) throws Exception {
        Thread.sleep(1000 * new Arguments(words).mainSeconds());
        Main.main(words);
    }
}
