"""Where do a test's jars, records and messages lie? In containers and a queue of its own, on a real Azurite."""

from __future__ import annotations

import base64
import io
import json
import time
import zipfile
from contextlib import ExitStack
from dataclasses import replace
from uuid import uuid4

from azure.storage.blob import ContainerClient

from flinkfuncs.clients.jars import Jars, Place
from flinkfuncs.clients.ledger import Entry, Ledger
from flinkfuncs.clients.queue import OperationsQueue
from flinkfuncs.clients.storage import blob_service, queue_service
from flinkfuncs.clusters.cluster import Cluster
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.names import JobName
from flinkfuncs.messages import NO_MESSAGES, NoMessages
from flinkfuncs.operations import Driver, Patience
from tests.wire.clock import Clock


class ClockedLedger(Ledger):
    """A ledger on a storage that has the time of the test."""

    def __init__(self, storage: Storage) -> None:
        """Keep the test's records of one cluster."""
        super().__init__(storage.records, storage.cluster)
        self._clock = storage.clock

    def entry(self, job: JobName) -> Entry | None:
        """Read, as late as the test is."""
        entry = super().entry(job)
        return entry and self._later(entry)

    def write(self, record: JobRecord, *, etag: str | None) -> Entry:
        """Write, as late as the test is."""
        return self._later(super().write(record, etag=etag))

    def _later(self, entry: Entry) -> Entry:
        return replace(entry, storage_time=self._clock.later(entry.storage_time))


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
        self.clock = Clock()

    def ledger(self) -> Ledger:
        """Return another client of the ledger."""
        return ClockedLedger(self)

    def driver(
        self,
        cluster: Cluster,
        patience: Patience | None = None,
        *,
        ledger: Ledger | None = None,
        messages: NoMessages = NO_MESSAGES,
    ) -> Driver:
        """Return a driver as another process would have one; what it sleeps costs nothing."""
        clock = self.clock
        return Driver(
            ledger or self.ledger(),
            self.queue,
            cluster,
            patience or Patience(),
            messages=messages,
            now=clock.now,
            clock=clock.monotonic,
            sleep=clock.sleep,
        )

    def upload(self, blob: str, data: bytes | str) -> str:
        """Put a blob into the jars container; return its ETag."""
        etag: str = self.uploads.upload_blob(blob, data, overwrite=True).get_blob_properties().etag
        return etag

    def next_second(self) -> None:
        """Wait until what is uploaded has another Last-Modified, which has whole seconds."""
        time.sleep(1.01 - time.time() % 1)

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
