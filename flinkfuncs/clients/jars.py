"""Where jars come from and where their bytes are kept: a few containers, no jar ever whole in memory.

    uploads     JARS_CONTAINER: what pipelines drop, `stateful/<job>/<any>.jar` and `stateless/<job>/<any>.jar`
    directory   the container of JOB_JAR_DIRECTORY, and those of JOB_JAR_DIRECTORIES: jars that ARM calls name
    releases    RELEASES_CONTAINER: `<job>/<sha256>.jar`, the bytes that run; a rollback needs them (kept_releases.py)

Every read is pinned to the ETag that was looked at first: a blob that is overwritten half-way is never mixed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import IO, Literal, cast

from azure.core import MatchConditions
from azure.storage.blob import BlobClient, ContainerClient, StorageStreamDownloader

from .. import telemetry
from ..core.errors import NotFound, Refused, Unavailable
from ..core.names import Directory, JobName
from ..core.releases import KeptRelease
from ..core.uploads import ACTIONS, JOB_JSON, is_jar
from .jar_file import BlobFile, check_jar
from .kept_releases import KeptReleases
from .storage import CHUNK_BYTES, Conflict, storage_errors

Place = Literal["uploads", "directory"]
JOB_JSON_LIMIT_BYTES = 64 * 1024
NOWHERE_ELSE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class BlobFacts:
    """What storage says of a blob now."""

    name: str
    etag: str
    last_modified: datetime
    size_bytes: int
    metadata: Mapping[str, str] = field(default_factory=dict, compare=False)  # where it was looked at alone


@dataclass(frozen=True)
class KeptJar:
    """A jar whose bytes are kept."""

    sha256: str
    size_bytes: int
    facts: BlobFacts


class Reader:
    """A blob as a file-like part: `read(n)`, and a `len` that is the bytes left; the SHA-256 comes for free."""

    def __init__(self, stream: StorageStreamDownloader[bytes], size_bytes: int) -> None:
        """Begin at the first byte."""
        self._stream = stream
        self._hash = hashlib.sha256()
        self.len = size_bytes

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, all that are left for -1."""
        with storage_errors("a jar"):
            data = self._stream.read(size)
        self._hash.update(data)
        self.len -= len(data)
        return data

    @property
    def sha256(self) -> str:
        """The hash (hex) of what was read."""
        return self._hash.hexdigest()


class Jars:
    """The containers that hold jars."""

    def __init__(
        self,
        places: Mapping[Place, ContainerClient],
        releases: ContainerClient,
        others: Sequence[tuple[Directory, ContainerClient]] = (),
    ) -> None:
        """Keep the containers; nothing is read yet. `others` are further roots of jars that ARM calls name."""
        self._places = places
        self._others = others
        self._releases = releases
        self.releases = KeptReleases(releases)

    def look(self, place: Place, name: str) -> BlobFacts | None:
        """Return what storage says of a blob now, or None where there is none."""
        try:
            with storage_errors(f"blob {name}"):
                properties = self._blob(place, name).get_blob_properties()
        except NotFound:
            return None
        metadata = dict(properties.metadata or {})
        return BlobFacts(name, properties.etag, properties.last_modified, properties.size, metadata)

    def put(self, name: str, content: bytes, metadata: Mapping[str, str], *, etag: str | None) -> BlobFacts:
        """Write a blob of the jars container: a new one, or over the one with that ETag.

        Raises:
            Conflict: there is one already, or no longer that one.

        """
        blob, length, said = self._blob("uploads", name), len(content), dict(metadata)
        with storage_errors(f"blob {name}"):
            if etag:
                pinned = MatchConditions.IfNotModified
                written = blob.upload_blob(
                    content, length=length, metadata=said, overwrite=True, etag=etag, match_condition=pinned
                )
            else:
                written = blob.upload_blob(content, length=length, metadata=said, overwrite=False)
        return BlobFacts(name, written["etag"], written["last_modified"], length, metadata)

    def uploads(self) -> Iterator[BlobFacts]:
        """List the jars and job.json files below the two folders as they are now, without snapshots and versions."""
        for folder in ACTIONS:
            with storage_errors(f"blobs below {folder}/"), telemetry.quiet():  # every sweep does it
                blobs = list(self._container("uploads").list_blobs(f"{folder}/"))
            for blob in blobs:
                if is_jar(blob.name) or blob.name.endswith(f"/{JOB_JSON}"):
                    yield BlobFacts(blob.name, blob.etag, blob.last_modified, blob.size)

    def read_small(self, facts: BlobFacts) -> bytes:
        """Read a job.json.

        Raises:
            Refused: it is larger than a job.json can be.
            Conflict: it was overwritten meanwhile, or is gone.

        """
        if facts.size_bytes > JOB_JSON_LIMIT_BYTES:
            raise Refused(f"{facts.name} has {facts.size_bytes} bytes; a job.json has at most {JOB_JSON_LIMIT_BYTES}")
        with _gone_is_changed(facts), storage_errors(f"blob {facts.name}"):
            return _pinned(self._blob("uploads", facts.name), facts.etag).readall()

    def sha256(self, facts: BlobFacts) -> str:
        """Hash (hex) the bytes of an upload.

        Raises:
            Conflict: it was overwritten meanwhile, or is gone.

        """
        with _gone_is_changed(facts):
            return self._hash(self._blob("uploads", facts.name), facts)

    def keep(self, job: JobName, place: Place, name: str, *, etag: str | None, entry_class: str | None) -> KeptJar:
        """Check a jar and keep its bytes as a release of the job; done again, it changes nothing.

        Raises:
            NotFound: there is no such blob.
            Conflict: the blob is no longer the one with that ETag.
            Refused: the blob is empty, no jar, or names no class to run.

        """
        jar = self.checked(place, name, etag=etag, entry_class=entry_class)
        if not self.releases.hold(job, jar.sha256):
            self._copy(self._blob(place, name), jar.facts, self.releases.bytes_of(job, jar.sha256), jar.sha256)
        return jar

    def checked(self, place: Place, name: str, *, etag: str | None, entry_class: str | None) -> KeptJar:
        """Check a jar where it lies, and hash it; nothing is kept.

        Raises:
            NotFound, Conflict, Refused: as `keep` does.

        """
        facts = self.look(place, name)
        if facts is None:
            raise NotFound(f"there is no jar {name}", code="JarNotFound")
        if etag and facts.etag != etag:
            raise Conflict(f"{name} was overwritten before it was read")
        if facts.size_bytes == 0:
            raise Refused(f"{name} is empty", code="EmptyJar", status=422)
        blob = self._blob(place, name)
        check_jar(BlobFile(blob, facts.size_bytes, facts.etag), name=name, entry_class=entry_class)
        return KeptJar(self._hash(blob, facts), facts.size_bytes, facts)

    def opened(self, place: Place, facts: BlobFacts) -> Reader:
        """Open a jar where it lies.

        Raises:
            Conflict: it was overwritten meanwhile, or is gone.

        """
        with _gone_is_changed(facts), storage_errors(f"blob {facts.name}"):
            return Reader(_pinned(self._blob(place, facts.name), facts.etag), facts.size_bytes)

    def kept(self, job: JobName, sha256: str) -> Reader:
        """Open the kept bytes of a release.

        Raises:
            NotFound: they are not kept.

        """
        blob = self.releases.bytes_of(job, sha256)
        with storage_errors(f"release {job}/{sha256}"):
            stream = blob.download_blob()
        return Reader(stream, stream.size)

    def has_releases(self, job: JobName) -> bool:
        """Whether bytes of any release of that job are kept."""
        with storage_errors(f"releases of {job}"):
            names = self._releases.list_blob_names(name_starts_with=f"{job}/", results_per_page=1)
            return next(iter(names), None) is not None

    def place(self, job: JobName, sha256: str, name: str) -> None:
        """Copy the kept bytes onto a blob of the directory that ARM reads jars from."""
        reader = self.kept(job, sha256)
        with storage_errors(f"blob {name}"):
            self._blob("directory", name).upload_blob(_as_file(reader), length=reader.len, overwrite=True)

    def _container(self, place: Place) -> ContainerClient:
        if place not in self._places:
            raise Unavailable("missing setting: JOB_JAR_DIRECTORY", code="MissingSetting")
        return self._places[place]

    def _blob(self, place: Place, name: str) -> BlobClient:
        if place == "directory" and "://" in name:
            return self._elsewhere(Directory.parse(name))
        return self._container(place).get_blob_client(name)

    def _elsewhere(self, jar: Directory) -> BlobClient:
        """Return a jar below another root; one that was allowed once and is not any more is out of reach."""
        for root, container in self._others:
            if root.holds(jar):
                return container.get_blob_client(jar.blob_name)
        raise Refused(f"{jar} lies below no directory of JOB_JAR_DIRECTORIES", code="OutsideRoot", status=400)

    def _hash(self, blob: BlobClient, facts: BlobFacts) -> str:
        with storage_errors(f"blob {facts.name}"):
            reader = Reader(_pinned(blob, facts.etag), facts.size_bytes)
        while reader.read(CHUNK_BYTES):
            pass
        return reader.sha256

    def _copy(self, blob: BlobClient, facts: BlobFacts, kept: BlobClient, sha256: str) -> None:
        with storage_errors(f"release {kept.blob_name}"):
            reader = Reader(_pinned(blob, facts.etag), facts.size_bytes)
            kept.upload_blob(_as_file(reader), length=facts.size_bytes, overwrite=True)
        if reader.sha256 != sha256:
            with storage_errors(f"release {kept.blob_name}"):
                kept.delete_blob()
            raise Unavailable(f"{facts.name} did not arrive whole")


@contextmanager
def _gone_is_changed(facts: BlobFacts) -> Iterator[None]:
    """Let a blob that was deleted after it was looked at be looked at again, like one that was overwritten."""
    try:
        yield
    except NotFound as error:
        raise Conflict(f"{facts.name} was deleted before it was read") from error


def _pinned(blob: BlobClient, etag: str) -> StorageStreamDownloader[bytes]:
    return blob.download_blob(etag=etag, match_condition=MatchConditions.IfNotModified)


def _as_file(reader: Reader) -> IO[bytes]:
    return cast("IO[bytes]", reader)  # the SDK asks for read() and a length, no more


class ReleasesInPlace:
    """The kept releases for a plan, which is to leave them as they are."""

    def __init__(self, releases: KeptReleases) -> None:
        """Keep them; nothing is read yet."""
        self._releases = releases

    def hold(self, job: JobName, sha256: str) -> bool:
        """Whether bytes are there."""
        return self._releases.has(job, sha256)

    def describe(self, job: JobName, kept: KeptRelease) -> None:
        """Leave it to the operation."""


class JarsInPlace:
    """The same containers for a plan, which keeps nothing: a release's bytes are read where they lie.

    What is kept for a job would count as its past, and a first upload would be refused for it.
    """

    def __init__(self, jars: Jars, lies_at: Mapping[str, str] = NOWHERE_ELSE) -> None:
        """`lies_at` says where the bytes of an upload lie that has not been made, by the name that it will have."""
        self._jars = jars
        self.releases = ReleasesInPlace(jars.releases)
        self._lies_at = lies_at
        self._checked: dict[str, tuple[Place, BlobFacts]] = {}

    def keep(self, job: JobName, place: Place, name: str, *, etag: str | None, entry_class: str | None) -> KeptJar:  # noqa: ARG002 - as Jars has it
        """Check a jar, and remember where it lies.

        Raises:
            NotFound, Conflict, Refused: as `Jars.keep` does.

        """
        jar = self._jars.checked(place, self._lies_at.get(name, name), etag=etag, entry_class=entry_class)
        self._checked[jar.sha256] = place, jar.facts
        return jar

    def kept(self, job: JobName, sha256: str) -> Reader:
        """Open the bytes of a release, whether they were checked just now or kept before.

        Raises:
            NotFound: they are not kept; Conflict: they were overwritten meanwhile.

        """
        found = self._checked.get(sha256)
        return self._jars.opened(*found) if found else self._jars.kept(job, sha256)
