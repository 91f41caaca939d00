package flinkfuncs.examples;

import java.util.HashMap;
import java.util.Map;

/**
 * What a job is told from outside. Every jar takes every argument, so that one set of arguments serves a job
 * through all of its releases; an argument that no jar knows is an error.
 */
final class Arguments {
    private static final Map<String, String> DEFAULTS =
            Map.of(
                    "--sink", "",
                    "--rate", "200",
                    "--checkpoint-interval", "500",
                    "--max", "-1",
                    "--main-seconds", "10",
                    "--checkpoint-seconds", "10",
                    "--crash-after-checkpoints", "3");

    private final Map<String, String> values = new HashMap<>(DEFAULTS);

    Arguments(String[] words) {
        if (words.length % 2 != 0) {
            throw new IllegalArgumentException("arguments come in pairs: --name value");
        }
        for (int i = 0; i < words.length; i += 2) {
            if (!DEFAULTS.containsKey(words[i])) {
                throw new IllegalArgumentException("unknown argument " + words[i]);
            }
            values.put(words[i], words[i + 1]);
        }
    }

    /** The directory for the output, as a URI such as file:///tmp/out. */
    String sink() {
        if (values.get("--sink").isEmpty()) {
            throw new IllegalArgumentException("--sink is missing, the directory for the output");
        }
        return values.get("--sink");
    }

    /** Numbers per second; 0 is as fast as it goes. */
    long rate() {
        return Long.parseLong(values.get("--rate"));
    }

    /** Milliseconds between two checkpoints; 0 leaves checkpointing to Flink's configuration. */
    long checkpointInterval() {
        return Long.parseLong(values.get("--checkpoint-interval"));
    }

    /** The last number of the sequence, after which the job finishes by itself; without it there is no end in sight. */
    long last() {
        long max = Long.parseLong(values.get("--max"));
        return max < 0 ? Long.MAX_VALUE - 1 : max;
    }

    /** How long the main() of {@link SlowMain} sleeps. */
    long mainSeconds() {
        return Long.parseLong(values.get("--main-seconds"));
    }

    /** How long {@link SlowCheckpoints} takes for each checkpoint and savepoint. */
    long checkpointSeconds() {
        return Long.parseLong(values.get("--checkpoint-seconds"));
    }

    /** How many checkpoints {@link CrashLoops} and {@link FailsOnce} complete before they throw. */
    int crashAfterCheckpoints() {
        return Integer.parseInt(values.get("--crash-after-checkpoints"));
    }
}
