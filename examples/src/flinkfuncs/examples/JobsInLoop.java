package flinkfuncs.examples;

/** Is {@link Main} in a loop: each job has an environment of its own, and the second one is refused nevertheless. */
public final class JobsInLoop {
    private JobsInLoop() {}

    public static void main(String[] words) throws Exception {
        for (int i = 0; i < 2; i++) {
            Main.main(words);
        }
    }
}
