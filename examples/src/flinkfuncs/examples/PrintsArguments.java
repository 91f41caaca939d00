package flinkfuncs.examples;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Prints each argument in base64, so that none can be taken for two, and runs a job that writes nothing. */
public final class PrintsArguments {
    private PrintsArguments() {}

    public static void main(String[] words) throws Exception {
        StringBuilder line = new StringBuilder("arguments");
        for (String word : words) {
            byte[] bytes = word.getBytes(StandardCharsets.UTF_8);
            line.append(' ').append(Base64.getEncoder().encodeToString(bytes)).append(';');
        }
        System.err.println(line);
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.fromSequence(0, Long.MAX_VALUE - 1).map(new Pace(10)).uid("pace");
        env.execute();
    }
}
