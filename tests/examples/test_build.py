"""Are the committed jars what the sources make, on every machine, byte by byte?"""

import zipfile
from pathlib import Path

import pytest

from examples.build import (
    JARS,
    JARS_DIRECTORY,
    PACKAGE,
    VERSION_ENTRY,
    Jar,
    WrongCompilerError,
    build,
    javac,
    sources_digest,
)

JAVA_11 = 55


def test_a_rebuild_gives_the_committed_bytes(tmp_path: Path) -> None:
    """Whoever has the noted javac can make the jars anew and get the same files."""
    try:
        javac()
    except WrongCompilerError as reason:
        pytest.skip(f"the example's jars are not rebuilt: {reason}")
    build(tmp_path)
    assert {jar.name: jar.read_bytes() for jar in tmp_path.iterdir()} == {
        jar.name: jar.read_bytes() for jar in JARS_DIRECTORY.iterdir()
    }


@pytest.mark.parametrize("jar", JARS, ids=lambda jar: jar.version)
def test_a_jar_names_its_entry_class_its_version_and_the_sources_it_was_made_of(jar: Jar) -> None:
    """Flink finds main() by the manifest; a jar older than the sources is noticed without a compiler."""
    with zipfile.ZipFile(JARS_DIRECTORY / jar.name) as archive:
        manifest = archive.read("META-INF/MANIFEST.MF").decode()
        main_class = archive.read(f"{PACKAGE}.{jar.main_class}".replace(".", "/") + ".class")
        assert archive.read(VERSION_ENTRY).decode().strip() == jar.version
    assert f"Main-Class: {PACKAGE}.{jar.main_class}\r\n" in manifest
    assert f"Sources-Digest: {sources_digest()}\r\n" in manifest
    assert int.from_bytes(main_class[6:8], "big") == JAVA_11


def test_no_javac_on_the_path_is_told_with_the_version_that_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason names what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WrongCompilerError, match=r"no javac on the PATH; .* javac 17"):
        javac()


def test_a_javac_of_another_major_version_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another compiler makes other bytes of the same sources."""
    other = tmp_path / "javac"
    other.write_text("#!/bin/sh\necho javac 21.0.8\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WrongCompilerError, match=r"is javac 21\.0\.8"):
        javac()
