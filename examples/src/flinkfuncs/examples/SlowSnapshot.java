package flinkfuncs.examples;

import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;

/** Passes numbers on and lets every checkpoint and savepoint wait; it has no state. */
final class SlowSnapshot implements MapFunction<Long, Long>, CheckpointedFunction {
    private static final long serialVersionUID = 1;

    private final long seconds;

    SlowSnapshot(long seconds) {
        this.seconds = seconds;
    }

    @Override
    public void initializeState(FunctionInitializationContext context) {}

    @Override
    public void snapshotState(FunctionSnapshotContext context) throws InterruptedException {
        TimeUnit.SECONDS.sleep(seconds);
    }

    @Override
    public Long map(Long number) {
        return number;
    }
}
