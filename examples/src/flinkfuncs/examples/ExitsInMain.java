package flinkfuncs.examples;

/** Ends the JVM in main(), and with it a JobManager that does not guard itself. */
public final class ExitsInMain {
    private ExitsInMain() {}

    public static void main(String[] words) throws Exception {
        System.exit(7);
    }
}
