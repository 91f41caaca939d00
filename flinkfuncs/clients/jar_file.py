"""Whether a blob is a jar that can be run: a readable zip with a class to begin with.

Only the zip's directory and its manifest are read, by ranges, so that a jar of any size costs some kilobytes.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from azure.core import MatchConditions
from azure.storage.blob import BlobClient

from ..core.errors import Refused
from .storage import storage_errors

MANIFEST = "META-INF/MANIFEST.MF"
MANIFEST_LIMIT_BYTES = 1024 * 1024


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
        """Read one range."""
        left = max(0, self._size - self._position)
        length = left if size < 0 else min(size, left)
        if length == 0:
            return b""
        with storage_errors("a jar"):
            data = self._blob.download_blob(
                self._position, length, etag=self._etag, match_condition=MatchConditions.IfNotModified
            ).readall()
        self._position += len(data)
        return data


def check_jar(file: io.RawIOBase, *, name: str, entry_class: str | None) -> None:
    """Check that a file is a jar and holds the class that is to be run.

    Raises:
        Refused: it is no zip, or neither the spec nor its manifest names a class that it holds (422).

    """
    try:
        with zipfile.ZipFile(file) as jar:
            main_class = entry_class or _main_class(jar)
            held = main_class is not None and f"{main_class.replace('.', '/')}.class" in jar.namelist()
    except (zipfile.BadZipFile, EOFError, ValueError, RuntimeError, zlib.error, struct.error) as error:
        raise Refused(f"{name} is no jar: {error}", code="NotAJar", status=422) from error
    if main_class is None:
        raise Refused(
            f"{name} has no Main-Class in its manifest, and no entryClass is given", code="NoEntryClass", status=422
        )
    if not held:
        raise Refused(f"{name} does not hold the class {main_class}", code="NoEntryClass", status=422)


def _main_class(jar: zipfile.ZipFile) -> str | None:
    """Return the manifest's Main-Class; a long value goes on in lines that begin with a space."""
    if MANIFEST not in jar.namelist():
        return None
    with jar.open(MANIFEST) as manifest:
        text = manifest.read(MANIFEST_LIMIT_BYTES).decode("utf-8", "replace").replace("\r\n", "\n")
    lines = text.replace("\n ", "").splitlines()
    values = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("main-class:")]
    return values[0] if values else None
