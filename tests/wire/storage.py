"""Where do a test's jars, records and messages lie? In containers and a queue of its own, on a real Azurite."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from contextlib import ExitStack
from uuid import uuid4

from azure.storage.blob import ContainerClient

from flinkfuncs.clients.jars import Jars, Place
from flinkfuncs.clients.ledger import Ledger
from flinkfuncs.clients.queue import OperationsQueue
from flinkfuncs.clients.storage import blob_service, queue_service


class Storage:
    """The clients of the app, on containers that are empty."""

    def __init__(self, connection: str) -> None:
        """Create the containers and the queue."""
        self._stack = ExitStack()
        environment = {"JARS": connection}
        name = f"t{uuid4().hex[:16]}"
        self.blobs = self._stack.enter_context(blob_service("JARS", environment))
        self.queues = self._stack.enter_context(queue_service("JARS", environment))
        self.records, self.uploads, self.releases = (self._container(f"{name}-{kind}") for kind in ("l", "u", "r"))
        self.messages = self._stack.enter_context(self.queues.create_queue(name))
        self.queue = OperationsQueue(self.queues, name)
        places: dict[Place, ContainerClient] = {"uploads": self.uploads}
        self.jars = Jars(places, self.releases)
        self.cluster = "cluster"

    def ledger(self) -> Ledger:
        """Return another client of the ledger."""
        return Ledger(self.records, self.cluster)

    def upload(self, blob: str, data: bytes | str) -> str:
        """Put a blob into the jars container; return its ETag."""
        etag: str = self.uploads.upload_blob(blob, data, overwrite=True).get_blob_properties().etag
        return etag

    def nudges(self) -> list[dict[str, str]]:
        """Take the messages that are visible now, as the host reads them: base64 of JSON."""
        messages = self.messages.receive_messages(messages_per_page=32, visibility_timeout=60)
        return [json.loads(base64.b64decode(message.content, validate=True)) for message in messages]

    def nudge_count(self) -> int:
        """Count the messages, visible or not yet."""
        return self.messages.get_queue_properties().approximate_message_count or 0

    def close(self) -> None:
        """Close the connections."""
        self._stack.close()

    def _container(self, name: str) -> ContainerClient:
        return self._stack.enter_context(self.blobs.create_container(name))


def jar(main_class: str | None = "com.example.Orders", *, holds: str | None = None, padding: bytes = b"") -> bytes:
    """Return the bytes of a jar whose manifest names a class, and which holds it (or another one)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        manifest = "Manifest-Version: 1.0\r\n" + (f"Main-Class: {main_class}\r\n" if main_class else "")
        made.writestr("META-INF/MANIFEST.MF", manifest)
        made.writestr(f"{(holds or main_class or 'com.example.Other').replace('.', '/')}.class", b"\xca\xfe\xba\xbe")
        made.writestr("padding", padding)
    return buffer.getvalue()
