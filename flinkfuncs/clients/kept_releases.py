"""Which releases of a job are kept: the bytes of their jars, and beside them what each release is.

    <job>/<sha256>.jar             the bytes that run; several releases may share them
    <job>/<sha256>.<release>.json  a release of these bytes: its spec, when it was kept, and by which operation

The bytes are written first and the description next, so whatever is described was kept. A Keep that finds the bytes
holds them: it writes their metadata again if they have not been written to for HELD_FOR. So what retention listed as
old, and an operation takes into use meanwhile, has another ETag, and is not deleted.

The rule that must never break: nothing is deleted that was held since it was listed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from azure.core import MatchConditions
from azure.storage.blob import BlobClient, BlobProperties, ContainerClient

from ..core.errors import NotFound
from ..core.model import read_stored
from ..core.names import JobName
from ..core.releases import KeptRelease
from .storage import Conflict, storage_errors

HELD_FOR = timedelta(hours=12)  # retention keeps what is younger than a day, whatever the settings say

_NAME = re.compile(r"([a-z0-9-]{1,63})/([0-9a-f]{64})(?:\.([0-9a-f]{64}))?\.(?:jar|json)")


@dataclass(frozen=True)
class KeptBlob:
    """A blob of a release as a listing shows it; `release` is None for the bytes."""

    name: str
    job: str
    sha256: str
    release: str | None
    etag: str
    held_at: datetime


def _now() -> datetime:
    return datetime.now(UTC)


class KeptReleases:
    """The container of releases."""

    def __init__(self, container: ContainerClient, *, now: Callable[[], datetime] = _now) -> None:
        """Keep the container; nothing is read yet."""
        self._container = container
        self._now = now

    def bytes_of(self, job: JobName, sha256: str) -> BlobClient:
        """Return the blob that holds the bytes of a jar."""
        return self._container.get_blob_client(f"{job}/{sha256}.jar")

    def hold(self, job: JobName, sha256: str) -> bool:
        """Keep bytes from being deleted by who listed them before; False where they are not there."""
        return self._hold(self.bytes_of(job, sha256))

    def has(self, job: JobName, sha256: str) -> bool:
        """Whether bytes are there.

        Raises:
            Unavailable: storage cannot be reached.

        """
        blob = self.bytes_of(job, sha256)
        with storage_errors(f"release {blob.blob_name}"):
            return blob.exists()

    def describe(self, job: JobName, kept: KeptRelease) -> None:
        """Write down what a release is, once its bytes are kept; done again, the first description stays."""
        blob = self._container.get_blob_client(_description(job, kept.release.sha256, kept.release.id))
        while not self._hold(blob):
            try:
                with storage_errors(f"description of {blob.blob_name}"):
                    blob.upload_blob(kept.to_json().encode(), overwrite=False)
            except Conflict:  # somebody else wrote it
                continue
            return

    def listed(self, job: JobName | None = None) -> list[KeptBlob]:
        """List the blobs of a job's releases, or of all jobs.

        Raises:
            Unavailable: storage cannot be reached.

        """
        with storage_errors("releases"):
            return [kept for blob in self._container.list_blobs(f"{job}/" if job else None) if (kept := _kept(blob))]

    def described(self, job: JobName, blobs: Iterable[KeptBlob]) -> list[KeptRelease]:
        """Read descriptions; one that is gone meanwhile is left out.

        Raises:
            Unavailable: storage cannot be reached, or a newer version of this app wrote one of them.

        """
        found = (self._description(job, blob) for blob in blobs)
        return [kept for kept in found if kept]

    def delete(self, blob: KeptBlob) -> bool:
        """Delete a blob as it was listed; False where it was held since, or is gone."""
        try:
            with storage_errors(f"release {blob.name}"):
                self._container.delete_blob(blob.name, etag=blob.etag, match_condition=MatchConditions.IfNotModified)
        except (Conflict, NotFound):
            return False
        return True

    def _hold(self, blob: BlobClient) -> bool:
        """Give a blob another ETag, unless it is too young to be deleted by anybody who has listed it."""
        while True:
            try:
                with storage_errors(f"release {blob.blob_name}"):
                    there = blob.get_blob_properties()
                    if self._now() - there.last_modified > HELD_FOR:
                        blob.set_blob_metadata({}, etag=there.etag, match_condition=MatchConditions.IfNotModified)
            except NotFound:
                return False
            except Conflict:  # somebody else held or deleted it
                continue
            return True

    def _description(self, job: JobName, blob: KeptBlob) -> KeptRelease | None:
        try:
            with storage_errors(f"release {blob.name}"):
                text = self._container.download_blob(blob.name).readall()
        except NotFound:
            return None
        return read_stored(KeptRelease, text, what=f"the description of a release of job {job}")


def _kept(blob: BlobProperties) -> KeptBlob | None:
    match = _NAME.fullmatch(blob.name)
    if match is None:
        return None
    return KeptBlob(blob.name, match[1], match[2], match[3], blob.etag, blob.last_modified)


def _description(job: JobName, sha256: str, release: str) -> str:
    return f"{job}/{sha256}.{release}.json"
