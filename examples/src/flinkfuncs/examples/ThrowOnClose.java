package flinkfuncs.examples;

import org.apache.flink.api.common.functions.RichMapFunction;

/** Passes numbers on and throws when the task ends: at a stop that is after the savepoint is complete. */
final class ThrowOnClose extends RichMapFunction<Long, Long> {
    private static final long serialVersionUID = 1;

    @Override
    public Long map(Long number) {
        return number;
    }

    @Override
    public void close() {
        throw new IllegalStateException("fails while stopping");
    }
}
