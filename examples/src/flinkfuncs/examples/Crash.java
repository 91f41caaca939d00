package flinkfuncs.examples;

import java.io.IOException;
import java.util.UUID;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.state.CheckpointListener;
import org.apache.flink.core.fs.FileSystem.WriteMode;
import org.apache.flink.core.fs.Path;

/**
 * Passes numbers on until so many checkpoints of this attempt are complete, then throws at the next number.
 * It has no state, so that a sound release restores from what it left behind.
 *
 * <p>{@code once} throws only in the first attempt of a copy: main() gives each copy a name of its own, and an
 * attempt that finds the file of that name, hidden beside the output, goes on in peace.
 */
final class Crash implements MapFunction<Long, Long>, CheckpointListener {
    private static final long serialVersionUID = 1;

    private final int afterCheckpoints;
    private final String directory;
    private final String copy = UUID.randomUUID().toString();
    private transient int completed;
    private transient boolean spared;

    private Crash(int afterCheckpoints, String directory) {
        this.afterCheckpoints = afterCheckpoints;
        this.directory = directory;
    }

    static Crash always(int afterCheckpoints) {
        return new Crash(afterCheckpoints, null);
    }

    static Crash once(int afterCheckpoints, String directory) {
        return new Crash(afterCheckpoints, directory);
    }

    @Override
    public void notifyCheckpointComplete(long checkpointId) {
        completed++;
    }

    @Override
    public Long map(Long number) throws IOException {
        if (completed >= afterCheckpoints && !spared && isDue()) {
            throw new IllegalStateException("crashes after " + completed + " checkpoints");
        }
        return number;
    }

    private boolean isDue() throws IOException {
        if (directory == null) {
            return true;
        }
        Path mark = new Path(directory, ".crashed-" + copy);
        if (mark.getFileSystem().exists(mark)) {
            spared = true;
            return false;
        }
        mark.getFileSystem().create(mark, WriteMode.OVERWRITE).close();
        return true;
    }
}
