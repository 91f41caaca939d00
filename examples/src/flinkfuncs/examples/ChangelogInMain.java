package flinkfuncs.examples;

import org.apache.flink.configuration.Configuration;

/** Is {@link Main} with the changelog state backend turned on in main(), which configuration cannot turn off. */
public final class ChangelogInMain {
    private ChangelogInMain() {}

    public static void main(String[] words) throws Exception {
        Configuration changelog = new Configuration();
        changelog.setString("state.changelog.enabled", "true");
        Sequence sequence = new Sequence(new Arguments(words)).configured(changelog);
        sequence.writeTo(sequence.count(sequence.numbers()));
        sequence.run();
    }
}
