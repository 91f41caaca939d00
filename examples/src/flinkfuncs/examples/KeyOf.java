package flinkfuncs.examples;

import org.apache.flink.api.java.functions.KeySelector;

/** A number's key: the numbers of one key are KEYS apart. */
final class KeyOf implements KeySelector<Long, Long> {
    /** examples/count.py knows this number too. */
    static final long KEYS = 100;

    private static final long serialVersionUID = 1;

    @Override
    public Long getKey(Long number) {
        return number % KEYS;
    }
}
