"""How operations are brought to a driver: one message a nudge, lost or doubled without harm.

    {"job": "orders", "operation": "20261121T014916Z-orders-3f2a9c1b7d4e"}

The record's `open` list is the truth; a message only says that it is worth a look. Text is base64, as the host expects.
"""

from __future__ import annotations

from azure.storage.queue import QueueServiceClient, TextBase64EncodePolicy

from ..core.model import Model
from ..core.names import JobName
from .storage import storage_errors


class Nudge(Model):
    """A message of the operations queue."""

    job: JobName
    operation: str


class MessageNudge(Model):
    """A message of the queue of messages: the outbox holds what is to be sent."""

    message: str


class OperationsQueue:
    """The queue whose messages drive operations."""

    def __init__(self, service: QueueServiceClient, name: str) -> None:
        """Keep the service and the queue's name; nothing is sent yet."""
        self._service = service
        self._name = name

    def nudge(self, job: JobName, operation: str, *, delay_seconds: float = 0) -> None:
        """Ask for a driver, at once or after a while.

        Raises:
            Unavailable: storage cannot be reached; the sweeper will find the operation.

        """
        _send(self._service, self._name, Nudge(job=job, operation=operation), delay_seconds)


class MessagesQueue:
    """The queue whose messages have a message of the outbox sent."""

    def __init__(self, service: QueueServiceClient, name: str) -> None:
        """Keep the service and the queue's name; nothing is sent yet."""
        self._service = service
        self._name = name

    def nudge(self, message_id: str) -> None:
        """Ask for a sender.

        Raises:
            Unavailable: storage cannot be reached; the sweeper will find the message.

        """
        _send(self._service, self._name, MessageNudge(message=message_id))


def _send(service: QueueServiceClient, name: str, nudge: Model, delay_seconds: float = 0) -> None:
    queue = service.get_queue_client(name, message_encode_policy=TextBase64EncodePolicy())
    with storage_errors(f"queue {name}"):
        queue.send_message(nudge.to_json(), visibility_timeout=round(delay_seconds))
