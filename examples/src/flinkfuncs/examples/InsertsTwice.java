package flinkfuncs.examples;

import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/** Two INSERT statements, each a job of its own, where a statement set would make one. */
public final class InsertsTwice {
    private InsertsTwice() {}

    public static void main(String[] words) {
        TableEnvironment tables = TableEnvironment.create(EnvironmentSettings.inStreamingMode());
        tables.executeSql(
                "CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '10')");
        tables.executeSql("CREATE TABLE nowhere (n BIGINT) WITH ('connector' = 'blackhole')");
        tables.executeSql("INSERT INTO nowhere SELECT n FROM numbers");
        tables.executeSql("INSERT INTO nowhere SELECT n + 1 FROM numbers");
    }
}
