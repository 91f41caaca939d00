package flinkfuncs.examples;

import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.functions.MapFunction;

/**
 * Lets so many numbers a second through and keeps no state, so that a restore is exactly the source's.
 * After a pause it goes on at its pace and makes up for nothing.
 */
final class Pace implements MapFunction<Long, Long> {
    private static final long serialVersionUID = 1;

    private final long nanosEach;
    private transient long due;

    Pace(long rate) {
        nanosEach = rate > 0 ? TimeUnit.SECONDS.toNanos(1) / rate : 0;
    }

    @Override
    public Long map(Long number) throws InterruptedException {
        long now = System.nanoTime();
        if (due > now) {
            TimeUnit.NANOSECONDS.sleep(due - now);
        }
        due = Math.max(due, now - TimeUnit.MILLISECONDS.toNanos(10)) + nanosEach;
        return number;
    }
}
