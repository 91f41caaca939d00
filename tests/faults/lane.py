"""Storage, a stand-in for Flink, and the app's parts on both: one cell after the other runs here.

Place   where everything lies: enough for a driver in another process
Lane    … made for cells
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from itertools import count
from typing import Self

from azure.storage.blob import BlobServiceClient, ContainerClient

from flinkfuncs.clients.flink import Flink
from flinkfuncs.clients.jars import Jars
from flinkfuncs.clients.ledger import Ledger
from flinkfuncs.clients.queue import OperationsQueue
from flinkfuncs.clients.storage import blob_service, queue_service
from flinkfuncs.clusters.keeper import keep_release
from flinkfuncs.clusters.session import SessionCluster
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.names import Directory
from flinkfuncs.core.operations import Operation
from flinkfuncs.core.session.ends import Limits
from flinkfuncs.intake import Intake
from flinkfuncs.operations import Driver, Patience
from tests.harness.rows import Before
from tests.harness.sites import Namer
from tests.stand_in.cluster import StandIn
from tests.stand_in.rest import FlinkServer, flink_server
from tests.unit.builders import ORDERS
from tests.wire.storage import Storage

PATIENCE = Patience(lease_seconds=2, invocation_seconds=60, unreachable_seconds=30)
CALL_SECONDS = 5.0
_ledgers = count(1)


@dataclass(frozen=True)
class Place:
    """An account, its containers and queue, the ledger's prefix, where Flink answers, and where savepoints lie."""

    connection: str
    uploads: str
    releases: str
    records: str
    queue: str
    prefix: str
    flink: str
    savepoints: str = "file:///sp"

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what `written` wrote."""
        return cls(**json.loads(text))

    @property
    def written(self) -> str:
        """The place as text."""
        return json.dumps(asdict(self))

    @cached_property
    def _blobs(self) -> BlobServiceClient:
        return blob_service("JARS", {"JARS": self.connection})

    @cached_property
    def messages(self) -> OperationsQueue:
        return OperationsQueue(queue_service("JARS", {"JARS": self.connection}), self.queue)

    @property
    def namer(self) -> Namer:
        """What calls are named by."""
        return Namer(
            {
                "JARS": self.connection,
                "FLINK_REST_URL": self.flink,
                "JARS_CONTAINER": self.uploads,
                "RELEASES_CONTAINER": self.releases,
                "LEDGER_CONTAINER": self.records,
            }
        )

    def container(self, name: str) -> ContainerClient:
        """Return a client of a container."""
        return self._blobs.get_container_client(name)

    def ledger(self) -> Ledger:
        """Return a client of the ledger."""
        return Ledger(self.container(self.records), self.prefix)

    def driver(self, patience: Patience = PATIENCE) -> Driver:
        """Return a driver as another process would have one."""
        return Driver(self.ledger(), self.messages, self._cluster(), patience)

    def intake(self) -> Intake:
        """Return an intake as another process would have one."""
        return Intake(self.ledger(), self.messages, self._jars(), self._cluster())

    def _jars(self) -> Jars:
        uploads = self.container(self.uploads)
        return Jars({"uploads": uploads, "directory": uploads}, self.container(self.releases))

    def _cluster(self) -> SessionCluster:
        jars = self._jars()
        return SessionCluster(
            Flink(self.flink, call_seconds=CALL_SECONDS),
            jars,
            partial(keep_release, jars),
            Limits(
                Directory.parse(self.savepoints),
                start_seconds=20,
                stop_seconds=20,
                settle_seconds=0.05,
                repeat_seconds=1.0,
            ),
            name=self.prefix,
            owner_of=self.ledger().owner_of,
        )


@dataclass(frozen=True)
class Prepared:
    """A job as a row finds it."""

    record: JobRecord | None
    flink: StandIn


class Lane:
    """One place for cells; `prepared` are the jobs from which its rows begin."""

    def __init__(self, connection: str) -> None:
        """Make containers, a queue and a stand-in."""
        self._stack = ExitStack()
        self.prepared: dict[Before, Prepared] = {}
        self.storage = Storage(connection)
        self._stack.callback(self.storage.close)
        self.server: FlinkServer = self._stack.enter_context(flink_server())
        self._releases = self.storage.releases.container_name
        self._none = f"{self._releases}-none"
        self.storage.blobs.create_container(self._none).close()
        self.place = Place(
            connection,
            self.storage.uploads.container_name,
            self._none,
            self.storage.records.container_name,
            self.storage.messages.queue_name,
            "none",
            self.server.url,
        )

    def begin(self, record: JobRecord | None, flink: StandIn) -> None:
        """Begin a cell: with a ledger of its own, and this cluster; without a record there are no releases, either."""
        releases = self._releases if record else self._none
        self.place = replace(self.place, prefix=f"c{next(_ledgers)}", releases=releases)
        self.server.serve(flink)
        if record:
            self.place.ledger().write(record, etag=None)
            return
        container = self.place.container(self._none)
        for blob in container.list_blob_names():
            container.delete_blob(blob)

    def keep_releases(self) -> None:
        """Keep the releases of a job that was just prepared."""
        prepared = self.place.container(self._none)
        for blob in prepared.list_blob_names():
            self.storage.releases.upload_blob(blob, prepared.download_blob(blob).readall(), overwrite=True)

    @property
    def flink(self) -> StandIn:
        """The cluster."""
        return self.server.flink

    def record(self) -> JobRecord | None:
        """Return the job's record."""
        return self.place.ledger().read(ORDERS)

    def operations(self) -> list[Operation]:
        """Return the job's operations, oldest first."""
        return sorted(self.place.ledger().operations(ORDERS), key=lambda operation: operation.requested_at)

    def close(self) -> None:
        """Close everything."""
        self._stack.close()
