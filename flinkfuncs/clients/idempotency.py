"""Where idempotency keys are kept: a blob each, created once and never changed, in the ledger's container.

    <cluster>/keys/<SHA-256 of the key>.json    what its first call asked for; deleted once it is older than KEPT

The names are digests, so a sixteenth of the keys is a listing of its own: each hourly pass looks at another one, and a
key goes within sixteen hours of its time. The rule that must never break: of two calls that bring a key first, one
records it, and the other finds what that one recorded.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from itertools import islice

from azure.storage.blob import ContainerClient

from ..core.errors import NotFound, Unanswered
from ..core.idempotency import KEPT, Key, Keyed
from ..core.model import read_stored
from .storage import Conflict, storage_errors

MOST_LISTED = 5000  # in one pass: one request to storage
MOST_DELETED = 1000  # in one pass


class IdempotencyKeys:
    """The keys of one cluster."""

    def __init__(self, container: ContainerClient, root: str) -> None:
        """Keep the container; nothing is read yet. `root` begins every blob's name."""
        self._container = container
        self._root = root

    def look(self, call: Keyed) -> Keyed:
        """Return a call with what is known of the first one with its key.

        Raises:
            Refused: that one asked for something else (422).
            Unavailable: storage cannot be reached.

        """
        return call.repeats(self.read(call.name))

    def record(self, call: Keyed, key: Key) -> Key:
        """Record the first call with a key, and return what is on record: of two at once, one was the first.

        Raises:
            Refused: the other one asked for something else (422).
            Unavailable: storage cannot be reached.

        """
        while True:
            try:
                self.create(call.name, key)
            except (Conflict, Unanswered):
                if first := call.repeats(self.read(call.name)).first:
                    return first
            else:
                return key

    def forget_old(self, now: datetime) -> None:
        """Delete keys that are older than KEPT, at most MOST_DELETED of this hour's sixteenth.

        Raises:
            Unavailable: storage cannot be reached.

        """
        digit = int(now.timestamp() // 3600) % 16
        with storage_errors("idempotency keys"):
            blobs = self._container.list_blobs(f"{self._root}keys/{digit:x}", results_per_page=MOST_LISTED)
            old = [blob.name for blob in islice(blobs, MOST_LISTED) if now - blob.creation_time > KEPT]
        for name in old[:MOST_DELETED]:
            with suppress(NotFound), storage_errors("an idempotency key"):
                self._container.delete_blob(name)

    def read(self, name: str) -> Key | None:
        """Return what the first call with a key recorded."""
        try:
            with storage_errors("the idempotency key"):
                text = self._container.download_blob(self._blob(name)).readall()
        except NotFound:
            return None
        return read_stored(Key, text, what="the idempotency key")

    def create(self, name: str, key: Key) -> None:
        """Write a key down.

        Raises:
            Conflict: it is on record.
            Unanswered: this write may have happened; read again.

        """
        with storage_errors("the idempotency key"):
            self._container.upload_blob(self._blob(name), key.to_json().encode(), overwrite=False)

    def _blob(self, name: str) -> str:
        return f"{self._root}keys/{name}.json"
