"""Which jars there are, and how they are built: the same sources, told apart by Main-Class and version.

The bytes of a jar depend on the sources and on javac's major version alone: entries are sorted, stored without
compression, and dated 1980. The manifest carries a digest of the sources, so that a jar which lags behind them is
noticed without a compiler too.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

JAVAC_MAJOR = 17
SOURCES = Path(__file__).parent / "src"
JARS_DIRECTORY = Path(__file__).parent / "jars"
PACKAGE = "flinkfuncs.examples"
VERSION_ENTRY = "flinkfuncs/examples/version.txt"


@dataclass(frozen=True)
class Jar:
    """A jar to build; `version` is the word it writes into every line of output."""

    version: str
    main_class: str

    @property
    def name(self) -> str:
        return f"sequence-{self.version}.jar"


JARS = (
    Jar("1", "Main"),
    Jar("2", "Main"),
    Jar("throws-in-main", "ThrowsInMain"),
    Jar("exits-in-main", "ExitsInMain"),
    Jar("slow-main", "SlowMain"),
    Jar("fails-at-run-time", "FailsAtRunTime"),
    Jar("crash-loops", "CrashLoops"),
    Jar("fails-once", "FailsOnce"),
    Jar("fails-while-stopping", "FailsWhileStopping"),
    Jar("slow-checkpoints", "SlowCheckpoints"),
    Jar("incompatible-state", "IncompatibleState"),
    Jar("one-operator-more", "OneOperatorMore"),
    Jar("one-operator-fewer", "OneOperatorFewer"),
    Jar("no-uids", "NoUids"),
)


class WrongCompilerError(Exception):
    """No javac on the PATH, or one of another major version than the committed jars were built with."""


def javac() -> str:
    """Return the path of the javac that builds the jars as they are committed.

    Raises:
        WrongCompilerError: there is none, or only one of another major version.
    """
    path = shutil.which("javac")
    if path is None:
        raise WrongCompilerError(f"no javac on the PATH; the jars are built with javac {JAVAC_MAJOR}")
    said = subprocess.run([path, "-version"], capture_output=True, text=True, check=True)  # noqa: S603 - the javac of this machine
    found = re.search(r"javac (\d+)", said.stdout + said.stderr)
    if found is None or int(found[1]) != JAVAC_MAJOR:
        raise WrongCompilerError(f"{path} is {said.stdout.strip()}; the jars are built with javac {JAVAC_MAJOR}")
    return path


def build(directory: Path) -> list[Path]:
    """Compile the sources and write every jar into `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as classes:
        compile_to(Path(classes))
        return [write(jar, Path(classes), directory) for jar in JARS]


def compile_to(classes: Path) -> None:
    """Compile for Java 11 against the newest Flink; only what Flink 1.17 has too may be used."""
    flink = Path(sysconfig.get_path("purelib")) / "pyflink" / "lib" / "*"
    options = ["--release", "11", "-proc:none", "-Xlint:all,-path,-classfile", "-Werror"]
    command = [javac(), *options, "-encoding", "UTF-8", "-cp", str(flink), "-d", str(classes), *map(str, sources())]
    subprocess.run(command, check=True)  # noqa: S603 - our own sources, the javac of this machine


def sources() -> list[Path]:
    """List the Java files in the order in which javac gets them."""
    return sorted(SOURCES.rglob("*.java"))


def sources_digest() -> str:
    """Return what the manifest says of the sources: short enough for one of its lines, which end at 72 bytes."""
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources())).hexdigest()[:40]


def write(jar: Jar, classes: Path, directory: Path) -> Path:
    """Write one jar: manifest first, then the version and all classes by name."""
    manifest = (
        f"Manifest-Version: 1.0\r\nMain-Class: {PACKAGE}.{jar.main_class}\r\nSources-Digest: {sources_digest()}\r\n\r\n"
    )
    entries = {file.relative_to(classes).as_posix(): file.read_bytes() for file in classes.rglob("*.class")}
    entries[VERSION_ENTRY] = f"{jar.version}\n".encode()
    path = directory / jar.name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(entry("META-INF/MANIFEST.MF"), manifest)
        for name in sorted(entries):
            archive.writestr(entry(name), entries[name])
    return path


def entry(name: str) -> zipfile.ZipInfo:
    """Return an entry whose bytes do not depend on when and where it is written."""
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.create_system = 3
    info.external_attr = 0o644 << 16
    return info


if __name__ == "__main__":
    for built in build(JARS_DIRECTORY):
        sys.stdout.write(f"{built}\n")
