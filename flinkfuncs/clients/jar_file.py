"""Whether a blob is a jar that may be run: a readable zip that names a class to begin with.

Only the zip's directory and its manifest are read, by ranges, so that a jar of any size costs some kilobytes. Where the
class itself lies is Flink's to find: in the jar, in a jar within it (`lib/*.jar`), or among the cluster's own.
"""

from __future__ import annotations

import io
import re
import zipfile

from azure.core import MatchConditions
from azure.storage.blob import BlobClient

from ..core.errors import FlinkFuncsError, Refused
from .storage import storage_errors

MANIFEST = "META-INF/MANIFEST.MF"
MANIFEST_LIMIT_BYTES = 1024 * 1024
READ_LIMIT_BYTES = 16 * 1024 * 1024  # zipfile reads a jar's directory at once: that of 150,000 classes


class BlobFile(io.RawIOBase):
    """A blob as a seekable file, read by ranges that are pinned to an ETag."""

    def __init__(self, blob: BlobClient, size_bytes: int, etag: str) -> None:
        """Begin at the first byte."""
        self._blob = blob
        self._size = size_bytes
        self._etag = etag
        self._position = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be read from anywhere."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a byte."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Return the current byte."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Read one range.

        Raises:
            ValueError: it is longer than the directory of any jar.

        """
        left = max(0, self._size - self._position)
        length = left if size < 0 else min(size, left)
        if length == 0:
            return b""
        if length > READ_LIMIT_BYTES:
            raise ValueError(f"its directory has {length} bytes")
        with storage_errors("a jar"):
            data = self._blob.download_blob(
                self._position, length, etag=self._etag, match_condition=MatchConditions.IfNotModified
            ).readall()
        self._position += len(data)
        return data


def check_jar(file: io.RawIOBase | io.BytesIO, *, name: str, entry_class: str | None) -> None:
    """Check that a file is a jar, and that it or the spec names the class to run.

    Raises:
        Refused: it is not a zip that Java reads, or neither the spec nor its manifest names a class (422).

    """
    try:
        with zipfile.ZipFile(file) as jar:
            found = entry_class or main_class(jar)
    except FlinkFuncsError:
        raise
    except Exception as error:  # anybody writes these bytes, and zipfile and its decompressors raise what they like
        raise Refused(f"{name} is not a jar: {error or type(error).__name__}", code="NotAJar", status=422) from error
    if not found:
        raise Refused(
            f"{name} names no class to run: its manifest has neither program-class nor Main-Class, "
            "and no entryClass is given",
            code="NoEntryClass",
            status=422,
        )


def main_class(jar: zipfile.ZipFile) -> str | None:
    """Return the class that the manifest names, as Flink reads it: `program-class` goes before `Main-Class`.

    Only the manifest's first section counts, names are compared without case, and a long value goes on in lines that
    begin with a space (the JAR specification).

    Raises:
        ValueError: the manifest is compressed in a way that Java does not read.

    """
    found = next((entry for entry in jar.infolist() if entry.filename.upper() == MANIFEST), None)
    if found is None:
        return None
    if found.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"its manifest is compressed by method {found.compress_type}, which Java does not read")
    with jar.open(found) as manifest:
        text = manifest.read(MANIFEST_LIMIT_BYTES).decode("utf-8", "replace")
    section = re.split(r"\r\n|\r|\n", text)
    section = section[: section.index("")] if "" in section else section
    lines = "\n".join(section).replace("\n ", "").split("\n")
    values = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in reversed(lines)}
    return values.get("program-class") or values.get("main-class")
