package flinkfuncs.examples;

/** Is {@link Main}, and logs whatever goes wrong in it, as many a main() does: also what ends it for a plan. */
public final class CatchesAll {
    private CatchesAll() {}

    public static void main(String[] words) {
        try {
            Main.main(words);
        } catch (Throwable whatever) {
            System.err.println("caught: " + whatever);
        }
    }
}
