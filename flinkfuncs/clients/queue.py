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
        queue = self._service.get_queue_client(self._name, message_encode_policy=TextBase64EncodePolicy())
        with storage_errors(f"queue {self._name}"):
            queue.send_message(Nudge(job=job, operation=operation).to_json(), visibility_timeout=round(delay_seconds))
