package flinkfuncs.examples;

import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * Counts the numbers of each key in keyed state and makes the line of output: number, version, count.
 * The state is taken in initializeState, since open() has another signature in Flink 1 than in Flink 2.
 */
final class Count extends KeyedProcessFunction<Long, Long, String> implements CheckpointedFunction {
    private static final long serialVersionUID = 1;

    private final String version;
    private transient ValueState<Long> count;

    Count(String version) {
        this.version = version;
    }

    @Override
    public void initializeState(FunctionInitializationContext context) throws Exception {
        count = context.getKeyedStateStore().getState(new ValueStateDescriptor<>("count", Long.class));
    }

    @Override
    public void snapshotState(FunctionSnapshotContext context) {}

    @Override
    public void processElement(Long number, Context context, Collector<String> out) throws Exception {
        Long before = count.value();
        long now = before == null ? 1 : before + 1;
        count.update(now);
        out.collect(number + " " + version + " " + now);
    }
}
