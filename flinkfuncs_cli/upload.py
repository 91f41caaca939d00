"""Files into the jars container, with storage's errors as ours.

A jar goes up in blocks whose names hold their number and the digest of their bytes. So a second try, after Ctrl-C or a
lost connection, asks which blocks are there and sends the others only; storage forgets blocks that nobody committed
after a week. The blob appears at the last step, whole: until then the app sees nothing.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .config import Config
from .console import Console
from .exits import Exit, Failure

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

BLOCK_BYTES = 8 * 1024 * 1024
LONGEST_JOB_JSON = 1024 * 1024


@dataclass(frozen=True)
class Blob:
    """One blob as it lies there."""

    name: str
    etag: str  # without quotes
    at: datetime  # its Last-Modified


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

    def read_small(self, name: str) -> bytes | None:
        """Return what a blob holds, or None where there is none."""
        with self._errors(name):
            blob = self._container.get_blob_client(name)
            if not blob.exists():
                return None
            if blob.get_blob_properties().size > LONGEST_JOB_JSON:
                raise Failure(Exit.REFUSED, f"{name} is too long for a job.json")
            return blob.download_blob().readall()

    def find(self, name: str, size_bytes: int) -> Blob | None:
        """Return a blob of that name and size, or None."""
        with self._errors(name):
            blob = self._container.get_blob_client(name)
            if not blob.exists():
                return None
            facts = blob.get_blob_properties()
        return _blob(name, facts) if facts.size == size_bytes else None

    def put_small(self, name: str, content: bytes) -> Blob:
        """Write a blob in one request."""
        with self._errors(name):
            return _blob(name, self._container.get_blob_client(name).upload_blob(content, overwrite=True))

    def put_file(self, name: str, path: Path, metadata: dict[str, str] | None = None) -> Blob:
        """Write a file; blocks of it that are there already are not sent again."""
        from azure.storage.blob import BlobBlock  # noqa: PLC0415 - as above

        blob, size, sent, ids = self._container.get_blob_client(name), path.stat().st_size, 0, list[str]()
        with self._errors(name), path.open("rb") as file:
            staged = _staged(blob)
            for number, block in enumerate(iter(lambda: file.read(BLOCK_BYTES), b"")):
                ids.append(f"{number:06d}-{hashlib.sha256(block).hexdigest()[:32]}")
                if ids[-1] not in staged:
                    blob.stage_block(ids[-1], block, length=len(block))
                sent += len(block)
                self._console.progress(f"{path.name}: {100 * sent // size} % of {size:,} bytes")
            there = sum(number in staged for number in ids)
            if there:
                self._console.say(f"{there} of {len(ids)} blocks were there already")
            blocks = [BlobBlock(block_id=number) for number in ids]
            return _blob(name, blob.commit_block_list(blocks, metadata=metadata))

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
            denied = error.status_code in (401, 403)
            raise Failure(Exit.DENIED if denied else Exit.FAILED, f"{what}: {_words(error)}") from None
        except azure.AzureError as error:
            raise Failure(Exit.FAILED, f"{what}: {_words(error)}") from None


def _check(url: str) -> None:
    parts = urlsplit(url)
    if parts.query:
        raise Failure(Exit.USAGE, "the storage URL takes no signature; put it into FLINKFUNCS_STORAGE_CONNECTION")
    if parts.scheme != "https" or not parts.hostname:
        raise Failure(Exit.USAGE, f"{url!r} is not the URL of an account: https://<account>.blob.core.windows.net")


def _staged(blob: BlobClient) -> set[str]:
    from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 - as above

    try:
        _, uncommitted = blob.get_block_list("all")
    except ResourceNotFoundError:
        return set()
    return {str(block.id) for block in uncommitted}


def _blob(name: str, facts: Any) -> Blob:  # noqa: ANN401 - the SDK's, of two kinds
    return Blob(name, bare(facts["etag"]), facts["last_modified"])


def bare(etag: str) -> str:
    """Return an ETag without its quotes."""
    return etag.strip().strip('"')


def _words(error: Exception) -> str:
    return str(getattr(error, "message", None) or error).strip().partition("\n")[0]
