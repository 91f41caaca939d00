"""Files into the jars container, with storage's errors as ours.

A jar goes up in blocks whose names hold their number and the digest of their bytes. So a second try, after Ctrl-C or a
lost connection, asks which blocks are there and sends the others only; storage forgets blocks that nobody committed
after a week. The blob appears at the last step, whole: until then the app sees nothing.

The names of committed blocks can be listed, so a blob is compared with a file without reading it. A write that the app
would take for an upload is made only if the blob is still as it was found before. So a write whose answer is lost is
not made twice when it is sent again, by us or by the SDK: what lies there then is ours, or somebody else's.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .config import Config
from .console import Console, shown_size
from .exits import Exit, Failure

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

BLOCK_BYTES = 8 * 1024 * 1024
LONGEST_JOB_JSON = 1024 * 1024
AGAIN = "; run the same command again"
CHANGED = ("BlobAlreadyExists", "ConditionNotMet", "InvalidBlockList")  # the last: their commit dropped our blocks


@dataclass(frozen=True)
class Blob:
    """One blob, written or found."""

    name: str
    etag: str  # without quotes
    at: datetime  # its Last-Modified


@dataclass(frozen=True)
class Found(Blob):
    """One blob as it lies there."""

    size_bytes: int
    metadata: Mapping[str, str]  # names in lower case
    seen_at: datetime = field(compare=False)  # by storage's clock
    content: bytes = b""  # of a small one that was read


class ChangedError(Failure):
    """The blob is not as it was found before: somebody else wrote it, or the write was ours and its answer was lost."""


class Container:
    """The jars container."""

    def __init__(self, config: Config, console: Console) -> None:
        """Choose the credentials; nothing is sent yet.

        Raises:
            Failure: nothing says where the container is.

        """
        from azure.storage.blob import BlobServiceClient, ExponentialRetry  # noqa: PLC0415 - slow, and for deploy alone

        logging.getLogger("azure").addHandler(logging.NullHandler())  # their errors come back as exceptions
        self._console, self._name = console, config.container
        retry = ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=4)
        if config.storage_connection:
            try:
                service = BlobServiceClient.from_connection_string(config.storage_connection, retry_policy=retry)
            except ValueError:
                raise Failure(Exit.USAGE, "FLINKFUNCS_STORAGE_CONNECTION is not a connection string") from None
        elif config.storage_url:
            _check(config.storage_url)
            from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - slow, and not with a connection string

            service = BlobServiceClient(config.storage_url, credential=DefaultAzureCredential(), retry_policy=retry)
        else:
            raise Failure(
                Exit.USAGE, "no jars container is configured: set FLINKFUNCS_STORAGE_URL: docs/command-line.md"
            )
        self._container = service.get_container_client(config.container)

    def look(self, name: str) -> Found | None:
        """Return a blob, or None where there is none."""
        from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 - as above

        clock = _Clock()
        with self._errors(name):
            try:
                facts = self._container.get_blob_client(name).get_blob_properties(raw_response_hook=clock)
            except ResourceNotFoundError:
                return None
        return _found(name, facts, clock)

    def read_small(self, name: str) -> Found | None:
        """Return a blob with its content, or None where there is none."""
        from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 - as above

        clock = _Clock()
        with self._errors(name):
            try:
                reader = self._container.download_blob(name, raw_response_hook=clock)
            except ResourceNotFoundError:
                return None
            if reader.properties.size > LONGEST_JOB_JSON:
                raise Failure(Exit.REFUSED, f"{name} is too long for a job.json")
            return _found(name, reader.properties, clock, reader.readall())

    def holds(self, there: Found, path: Path) -> bool:
        """Whether a blob was committed from exactly the blocks of a file, and is still as it was found."""
        if there.size_bytes != path.stat().st_size:
            return False
        with self._errors(there.name):
            committed, _ = _blocks(self._container.get_blob_client(there.name))
        return committed == _ids(path) and self.look(there.name) == there

    def put_small(self, name: str, content: bytes, before: Found | None) -> Blob:
        """Write a blob in one request, in place of what was found before.

        Raises:
            ChangedError: somebody else wrote it meanwhile.

        """
        try:
            with self._errors(name):
                written = self._container.get_blob_client(name).upload_blob(
                    content, overwrite=True, **_unless_changed(before)
                )
                return _blob(name, written)
        except ChangedError:
            there = self.read_small(name)
            if there is None or there.content != content:
                raise
            return there

    def put_file(self, name: str, path: Path, before: Found | None, metadata: Mapping[str, str] | None = None) -> Blob:
        """Write a file in place of what was found before; blocks of it that are there already are not sent again.

        Raises:
            ChangedError: somebody else wrote the blob meanwhile.

        """
        from azure.storage.blob import BlobBlock  # noqa: PLC0415 - as above

        blob, ids = self._container.get_blob_client(name), _ids(path)
        try:
            with self._errors(name):
                self._stage(blob, path, ids)
                blocks = [BlobBlock(block_id=number) for number in ids]
                return _blob(
                    name, blob.commit_block_list(blocks, metadata=dict(metadata or {}), **_unless_changed(before))
                )
        except ChangedError:
            there = self.look(name)
            if there is None or there.metadata != (metadata or {}) or not self.holds(there, path):
                raise
            return there

    def _stage(self, blob: BlobClient, path: Path, ids: list[str]) -> None:
        """Send the blocks of a file that are not there, be it as a part of the blob that this one replaces."""
        there, size, read = {number for some in _blocks(blob) for number in some}, path.stat().st_size, 0
        missing = sum(number not in there for number in ids)
        if missing > 1:  # it takes a while
            self._console.say(f"uploading {path.name} ({shown_size(size)})")
        with path.open("rb") as file:
            for number, block in enumerate(iter(lambda: file.read(BLOCK_BYTES), b"")):
                if number >= len(ids) or _id(number, block) != ids[number]:
                    raise Failure(Exit.FAILED, f"{path} was changed while it was read; nothing was deployed")
                if ids[number] not in there:
                    blob.stage_block(ids[number], block, length=len(block))
                read += len(block)
                self._console.progress(f"{path.name}: {100 * read // size} % of {size:,} bytes")
        if missing < len(ids):
            self._console.say(f"{len(ids) - missing} of {len(ids)} blocks were there already")

    @contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        from azure.core import exceptions as azure  # noqa: PLC0415 - as above

        what = f"{self._name}/{name}"
        try:
            yield
        except azure.ResourceNotFoundError as error:
            raise Failure(Exit.NOT_FOUND, f"{what}: {_words(error)}") from None
        except azure.ClientAuthenticationError as error:
            self._console.detail(str(error))  # of azure-identity: each way that it tried
            raise Failure(Exit.DENIED, f"{what}: {_words(error)}") from None
        except azure.HttpResponseError as error:
            if getattr(error, "error_code", None) in CHANGED:
                raise ChangedError(Exit.FAILED, f"{what}: somebody else has written it meanwhile{AGAIN}") from None
            denied = error.status_code in (401, 403)
            again = AGAIN if (error.status_code or 0) >= 500 else ""
            raise Failure(Exit.DENIED if denied else Exit.FAILED, f"{what}: {_words(error)}{again}") from None
        except azure.AzureError as error:
            raise Failure(Exit.FAILED, f"{what}: {_words(error)}{AGAIN}") from None


def _check(url: str) -> None:
    parts = urlsplit(url)
    if parts.query:
        raise Failure(Exit.USAGE, "the storage URL takes no signature; put it into FLINKFUNCS_STORAGE_CONNECTION")
    if parts.scheme != "https" or not parts.hostname:
        raise Failure(Exit.USAGE, f"{url!r} is not the URL of an account: https://<account>.blob.core.windows.net")


class _Clock:
    """Catches the `Date` header of an answer: storage's clock; the SDK forgets it where it asks again."""

    now: datetime | None = None

    def __call__(self, answer: Any) -> None:  # noqa: ANN401 - the SDK's, untyped
        self.now = parsedate_to_datetime(answer.http_response.headers["Date"]).astimezone(UTC)


def _ids(path: Path) -> list[str]:
    """Return the names of a file's blocks."""
    with path.open("rb") as file:
        return [_id(number, block) for number, block in enumerate(iter(lambda: file.read(BLOCK_BYTES), b""))]


def _id(number: int, block: bytes) -> str:
    return f"{number:06d}-{hashlib.sha256(block).hexdigest()[:32]}"


def _blocks(blob: BlobClient) -> tuple[list[str], list[str]]:
    """Return the names of a blob's blocks: those that it consists of, in their order, and those that it may."""
    from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 - as above

    try:
        committed, staged = blob.get_block_list("all")
    except ResourceNotFoundError:
        return [], []
    return [str(block.id) for block in committed], [str(block.id) for block in staged]


def _unless_changed(before: Found | None) -> dict[str, Any]:
    """Return the condition of a write: the blob is as it was found before."""
    from azure.core import MatchConditions  # noqa: PLC0415 - as above

    if before is None:
        return {"match_condition": MatchConditions.IfMissing}
    return {"match_condition": MatchConditions.IfNotModified, "etag": f'"{before.etag}"'}


def _blob(name: str, facts: Any) -> Blob:  # noqa: ANN401 - the SDK's, untyped
    return Blob(name, bare(facts["etag"]), facts["last_modified"])


def _found(name: str, facts: Any, clock: _Clock, content: bytes = b"") -> Found:  # noqa: ANN401 - as above
    metadata = {key.lower(): text for key, text in (facts.metadata or {}).items()}
    seen_at = clock.now or datetime.now(UTC)
    return Found(name, bare(facts.etag), facts.last_modified, facts.size, metadata, seen_at, content)


def bare(etag: str) -> str:
    """Return an ETag without its quotes."""
    return etag.strip().strip('"')


def _words(error: Exception) -> str:
    return str(getattr(error, "message", None) or error).strip().partition("\n")[0]
