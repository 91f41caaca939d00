package flinkfuncs.examples;

import java.io.IOException;
import org.apache.flink.api.common.JobExecutionResult;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.serialization.SimpleStringEncoder;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.file.sink.FileSink;
import org.apache.flink.core.fs.Path;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.sink.filesystem.bucketassigners.BasePathBucketAssigner;
import org.apache.flink.streaming.api.functions.sink.filesystem.rollingpolicies.OnCheckpointRollingPolicy;

/**
 * The pieces of which every jar's job is made.
 *
 * <pre>
 *   uid        state                      parallelism
 *   numbers    the next number            1: the sequence is one, and in order
 *   pace       none                       1
 *   count      the count of each key      the job's
 *   sink       files to be committed      the job's
 * </pre>
 *
 * <p>What is left unsaid here (restart strategy, retained checkpoints, the job's name) can be given from outside by
 * Flink's configuration; what main() sets, configuration cannot change.
 */
final class Sequence {
    private final Arguments arguments;
    private final StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
    private final boolean withUids;

    Sequence(Arguments arguments) {
        this(arguments, true);
    }

    Sequence(Arguments arguments, boolean withUids) {
        this.arguments = arguments;
        this.withUids = withUids;
        if (arguments.checkpointInterval() > 0) {
            env.enableCheckpointing(arguments.checkpointInterval());
        }
    }

    /** 0, 1, 2, … at the pace asked for. */
    DataStream<Long> numbers() {
        NumberSequenceSource source = new NumberSequenceSource(0, arguments.last());
        DataStream<Long> numbers =
                uid("numbers", env.fromSource(source, WatermarkStrategy.noWatermarks(), "numbers").setParallelism(1));
        return inOrder("pace", numbers, new Pace(arguments.rate()));
    }

    /** A function that sees the whole sequence, in order. */
    DataStream<Long> inOrder(String uid, DataStream<Long> numbers, MapFunction<Long, Long> function) {
        return uid(uid, numbers.map(function).name(uid).setParallelism(1));
    }

    DataStream<Long> remember(DataStream<Long> numbers) {
        return uid("remember", numbers.keyBy(new KeyOf()).process(new Remember()).name("remember"));
    }

    DataStream<String> count(DataStream<Long> numbers) throws IOException {
        return count(numbers, new Count(Version.ofThisJar()));
    }

    DataStream<String> count(DataStream<Long> numbers, KeyedProcessFunction<Long, Long, String> function) {
        return uid("count", numbers.keyBy(new KeyOf()).process(function).name("count"));
    }

    DataStream<String> countNothing(DataStream<Long> numbers) throws IOException {
        return uid("label", numbers.map(new CountNothing(Version.ofThisJar())).name("label"));
    }

    /** Write every line once: a file holds the lines of one subtask between two checkpoints. */
    void writeTo(DataStream<String> lines) {
        FileSink<String> sink =
                FileSink.forRowFormat(new Path(arguments.sink()), new SimpleStringEncoder<String>())
                        .withBucketAssigner(new BasePathBucketAssigner<>())
                        .withRollingPolicy(OnCheckpointRollingPolicy.build())
                        .build();
        var end = lines.sinkTo(sink).name("sink");
        if (withUids) {
            end.uid("sink");
        }
    }

    /** Set options in main(): they win over what the job is started with. */
    Sequence configured(Configuration options) {
        env.configure(options, getClass().getClassLoader());
        return this;
    }

    JobExecutionResult run() throws Exception {
        return env.execute();
    }

    void runAsync(String name) throws Exception {
        env.executeAsync(name);
    }

    private <T> DataStream<T> uid(String uid, SingleOutputStreamOperator<T> operator) {
        return withUids ? operator.uid(uid) : operator;
    }
}
