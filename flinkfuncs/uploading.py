"""How do a jar and its job.json get into the jars container over HTTP? As a pipeline would put them there.

    what lies under the name          If-Match      what is done                              status
    --------------------------------  ------------  ----------------------------------------  -----------------
    nothing                           none          it is written                             201
    nothing                           any           nothing                                   412 UploadChanged
    the same bytes, and the same      any           nothing: it is no second upload           200
    remarks
    anything else                     none          nothing                                   409 UploadExists
                                      its ETag, *   it is replaced                            200
                                      another       nothing                                   412 UploadChanged

A jar for a plan, or for the `jar` of an action, lies under the digest of its bytes, so there is never anything to
replace. What is not a jar, or not a job.json, is refused before anything is written.

The rule that must never break: nothing that somebody else has put there is replaced by whoever does not name its ETag.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .clients.jar_file import check_jar
from .clients.jars import JOB_JSON_LIMIT_BYTES, BlobFacts, Jars
from .clients.storage import Conflict
from .core.errors import Refused
from .core.uploads import JOB_JSON, SAID_OF_JARS, JarMetadata, Target, is_jar, metadata_of, parse_job_json

MIB = 1024 * 1024
LONGEST_JAR = 64 * MIB  # the worker holds it in memory; the platform itself takes no request above 100 MB
ANY = "*"


@dataclass(frozen=True)
class Stored:
    """A file of the jars container."""

    blob: str
    size_bytes: int
    sha256: str
    etag: str
    written: Literal["created", "replaced", "no"]


class Uploader:
    """Puts files into the jars container."""

    def __init__(self, jars: Jars, *, container: str) -> None:
        """Keep what is needed; nothing is written yet."""
        self._jars, self._container = jars, container

    def require_short(self, target: Target, size_bytes: int) -> None:
        """Refuse what is too long, and say how it gets there (413)."""
        most_bytes = LONGEST_JAR if is_jar(target.file) else JOB_JSON_LIMIT_BYTES
        if size_bytes <= most_bytes:
            return
        if not is_jar(target.file):
            raise Refused(f"{JOB_JSON} has at most {most_bytes} bytes", code="BodyTooLarge", status=413)
        way = (
            f"az storage blob upload --account-name ACCOUNT --auth-mode login --container-name {self._container} "
            f"--file {target.file} --name {target.blob('BUILD')}"
        )
        raise Refused(
            f"{target.file} has {size_bytes} bytes, and an HTTP request takes a jar of at most {LONGEST_JAR}; put it "
            f"into the container itself, by `flinkfuncs deploy` or `{way}`",
            code="JarTooLarge",
            status=413,
        )

    def put(self, target: Target, content: bytes, said: JarMetadata, *, if_match: str | None) -> Stored:
        """Write a file, by the table above.

        Raises:
            Refused: it is too long (413), not what it is called (400, 422), or something else lies there (409, 412).
            Unavailable: storage cannot be reached.

        """
        self.require_short(target, len(content))
        _require_what_it_is_called(target, content)
        sha256 = hashlib.sha256(content).hexdigest()
        blob, metadata = target.blob(sha256), metadata_of(said)
        known = self._jars.look("uploads", blob)
        while True:
            if known and self._is_same(known, sha256, len(content), metadata):
                return Stored(blob, known.size_bytes, sha256, known.etag, "no")
            etag = _to_replace(blob, known, if_match)
            try:
                written = self._jars.put(blob, content, metadata, etag=etag)
            except Conflict:  # or our own write had landed, and its answer was lost
                known, before = self._jars.look("uploads", blob), known
                if known == before:
                    raise
                continue
            return Stored(blob, len(content), sha256, written.etag, "replaced" if etag else "created")

    def _is_same(self, known: BlobFacts, sha256: str, size_bytes: int, metadata: Mapping[str, str]) -> bool:
        ours = {name.lower(): text for name, text in known.metadata.items() if name.lower() in SAID_OF_JARS}
        if known.size_bytes != size_bytes or ours != {**metadata}:
            return False
        try:
            return self._jars.sha256(known) == sha256
        except Conflict:
            return False


def _require_what_it_is_called(target: Target, content: bytes) -> None:
    if target.file == JOB_JSON:
        parse_job_json(content)
        return
    if not content:
        raise Refused(f"{target.file} is empty", code="EmptyJar", status=422)
    # The class to run may be named by the spec alone, which is not known here.
    check_jar(io.BytesIO(content), name=target.file, entry_class=target.file)


def _to_replace(blob: str, known: BlobFacts | None, if_match: str | None) -> str | None:
    """Return the ETag of what is to be replaced; None: there must be nothing."""
    if if_match is None:
        if known is None:
            return None
        raise Refused(
            f"{blob} is there already, with other bytes or remarks, since {known.last_modified:%Y-%m-%dT%H:%M:%SZ}; "
            f"take another name, or send If-Match: {known.etag} to replace it",
            code="UploadExists",
        )
    if known is None:
        raise Refused(f"there is no {blob} to replace", code="UploadChanged", status=412)
    if if_match != ANY and _bare(if_match) != _bare(known.etag):
        raise Refused(f"{blob} is another one by now, with the ETag {known.etag}", code="UploadChanged", status=412)
    return known.etag


def _bare(etag: str) -> str:
    return etag.strip().removeprefix("W/").strip('"')
