"""Which messages are still to be sent, and which were? Two blobs a message, in the ledger's container.

    <cluster>/outbox/<id>.json    a message that is still to be sent, how often it was tried, and when it is due again
    <cluster>/sent/<id>           one that was received or given up; expires by the lifecycle rule of closed operations

An attempt is written down before it is made, by compare-and-swap on the ETag: of two senders one sends. The rule that
must never break: what is in `sent` is never sent again, however often it is put into the outbox.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from azure.core import MatchConditions
from azure.storage.blob import ContainerClient

from .. import telemetry
from ..core.errors import NotFound
from ..core.messages import Message
from ..core.model import Model, read_stored
from .storage import Conflict, storage_errors


class Due(Model):
    """A message in the outbox."""

    message: Message
    attempts: int = 0  # begun
    due_at: datetime  # by the clock of the instance that tried it last


@dataclass(frozen=True)
class Found:
    """A message as it was read."""

    due: Due
    etag: str


class Outbox:
    """The messages of one cluster's jobs."""

    def __init__(self, container: ContainerClient, cluster: str) -> None:
        """Keep the container; nothing is read yet."""
        self._container = container
        self._root = f"{cluster}/"

    def put(self, message: Message, now: datetime) -> None:
        """Have a message sent; put again, it is there once.

        Raises:
            Unavailable: storage cannot be reached.

        """
        due = Due(message=message, due_at=now)
        with suppress(Conflict), storage_errors(f"message {message.id}"):
            self._container.upload_blob(
                self._blob(message.id), due.to_json().encode(), metadata=_metadata(due), overwrite=False
            )

    def read(self, message_id: str) -> Found | None:
        """Return a message that is still to be sent, or None.

        Raises:
            Unavailable: storage cannot be reached.

        """
        try:
            with storage_errors(f"message {message_id}"):
                blob = self._container.download_blob(self._blob(message_id))
                text = blob.readall()
        except NotFound:
            return None
        return Found(read_stored(Due, text, what=f"the message {message_id}"), blob.properties.etag)

    def begin(self, found: Found, due_at: datetime) -> bool:
        """Write down that a message is tried once more, and when again; False where somebody else was faster.

        Raises:
            Unavailable: storage cannot be reached; Unanswered: it may be written.

        """
        due = found.due.model_copy(update={"attempts": found.due.attempts + 1, "due_at": due_at})
        try:
            with storage_errors(f"message {due.message.id}"):
                self._container.upload_blob(
                    self._blob(due.message.id),
                    due.to_json().encode(),
                    metadata=_metadata(due),
                    overwrite=True,
                    etag=found.etag,
                    match_condition=MatchConditions.IfNotModified,
                )
        except (Conflict, NotFound):
            return False
        return True

    def is_over(self, message_id: str) -> bool:
        """Whether a message was sent, or given up.

        Raises:
            Unavailable: storage cannot be reached.

        """
        with storage_errors(f"message {message_id}"):
            return bool(self._container.get_blob_client(self._over(message_id)).exists())

    def end(self, message_id: str) -> None:
        """Write down that a message was sent or given up, then forget it.

        Raises:
            Unavailable: storage cannot be reached.

        """
        with storage_errors(f"message {message_id}"):
            self._container.upload_blob(self._over(message_id), b"", overwrite=True)
        with suppress(NotFound), storage_errors(f"message {message_id}"):
            self._container.delete_blob(self._blob(message_id))

    def due(self, now: datetime, limit: int) -> list[str]:
        """Return the ids of messages that are due, the longest waiting first, at most `limit`.

        Raises:
            Unavailable: storage cannot be reached.

        """
        with storage_errors("messages"), telemetry.quiet():  # every sweep does it
            blobs = list(self._container.list_blobs(f"{self._root}outbox/", include=["metadata"]))
        waiting = [(datetime.fromisoformat((blob.metadata or {})["due"]), blob.name) for blob in blobs]
        names = [name for at, name in sorted(waiting) if at <= now]
        return [name.rpartition("/")[2].removesuffix(".json") for name in names[:limit]]

    def _blob(self, message_id: str) -> str:
        return f"{self._root}outbox/{message_id}.json"

    def _over(self, message_id: str) -> str:
        return f"{self._root}sent/{message_id}"


def _metadata(due: Due) -> dict[str, str]:
    return {"due": due.due_at.isoformat()}
