package flinkfuncs.examples;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** The version of the code, read from the one resource in which two jars of the same sources differ. */
final class Version {
    private Version() {}

    static String ofThisJar() throws IOException {
        try (InputStream resource = Version.class.getResourceAsStream("version.txt")) {
            if (resource == null) {
                throw new IOException("version.txt is missing from the jar");
            }
            return new String(resource.readAllBytes(), StandardCharsets.UTF_8).trim();
        }
    }
}
