package flinkfuncs.examples;

import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** {@link Count} with the same state under the same name as text: Flink cannot read the one as the other. */
final class CountAsText extends KeyedProcessFunction<Long, Long, String> implements CheckpointedFunction {
    private static final long serialVersionUID = 1;

    private final String version;
    private transient ValueState<String> count;

    CountAsText(String version) {
        this.version = version;
    }

    @Override
    public void initializeState(FunctionInitializationContext context) throws Exception {
        count = context.getKeyedStateStore().getState(new ValueStateDescriptor<>("count", String.class));
    }

    @Override
    public void snapshotState(FunctionSnapshotContext context) {}

    @Override
    public void processElement(Long number, Context context, Collector<String> out) throws Exception {
        String before = count.value();
        long now = before == null ? 1 : Long.parseLong(before) + 1;
        count.update(Long.toString(now));
        out.collect(number + " " + version + " " + now);
    }
}
