"""The app's own session cluster, on the stand-in for Flink, as quick as can be: what tests of drivers drive on."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import partial

from flinkfuncs.clients.flink import Flink
from flinkfuncs.clients.jars import Jars
from flinkfuncs.clients.ledger import Ledger
from flinkfuncs.clients.queue import OperationsQueue
from flinkfuncs.clients.savepoint_store import SavepointStore
from flinkfuncs.clusters.keeper import Keeper, keep_release
from flinkfuncs.clusters.session import SessionCluster
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Operation
from flinkfuncs.core.releases import JarSource, Release, Spec
from flinkfuncs.core.session.ends import Limits
from flinkfuncs.core.steps import Learned, Start, Step
from flinkfuncs.intake import Intake
from flinkfuncs.messages import NO_MESSAGES, NoMessages
from tests.stand_in.cluster import StandIn
from tests.stand_in.rest import FlinkServer
from tests.unit.builders import LIMITS, ORDERS, with_marks
from tests.wire.storage import Storage, jar

# Waiting costs nothing, but each look does.
BRIEF = replace(LIMITS, settle_seconds=1.0)


def quick(storage: Storage) -> StandIn:
    """Return a cluster whose savepoints take no time, and which completes checkpoints only when a test says so."""
    return StandIn(saving_seconds=0.0, checkpoint_seconds=None, clock=storage.clock.monotonic)


class Session(SessionCluster):
    """A session cluster; `acts` lists what was carried out. Each operation brings a jar of its own."""

    def __init__(
        self,
        storage: Storage,
        server: FlinkServer,
        *,
        keeper: Keeper | None = None,
        client: Flink | None = None,
        store: SavepointStore | None = None,
        limits: Limits = BRIEF,
    ) -> None:
        """Drive on the stand-in that the server serves now; `client` reaches it in another way than over plain HTTP."""
        self.flink = server.flink
        self.acts: list[Step] = []
        super().__init__(
            client or Flink(server.url, call_seconds=5),
            Jars({"uploads": storage.uploads, "directory": storage.uploads}, storage.releases),
            keeper or partial(jar_of_its_own, storage),
            limits,
            name=storage.cluster,
            owner_of=storage.ledger().owner_of,
            store=store,
        )

    def act(self, record: JobRecord, operation: Operation, step: Step) -> Learned:
        """Carry one step out."""
        assert record.operation(operation.id), "the record names the operation before anything is done"
        self.acts.append(step)
        return super().act(record, operation, step)

    def starts(self) -> list[Start]:
        """Return the starts that were carried out."""
        return [step for step in self.acts if isinstance(step, Start)]


def put(storage: Storage, operation: Operation) -> Operation:
    """Put an operation on the job's open list, as the intake does."""
    now = storage.clock.now()
    operation = with_marks(operation, requested_at=now, progressed_at=now, driven_at=None)
    entry = storage.ledger().entry(ORDERS)
    record = entry.record if entry else JobRecord(name=ORDERS)
    storage.ledger().write(record.but(open=(*record.open, operation)), etag=entry.etag if entry else None)
    return operation


def jar_of_its_own(storage: Storage, record: JobRecord, operation: Operation) -> Release:
    """Keep a jar that nobody had to upload."""
    content = jar(padding=operation.id.encode())
    sha256, source = hashlib.sha256(content).hexdigest(), JarSource(place="uploads", name="stateful/orders/job.jar")
    storage.releases.upload_blob(f"{record.name}/{sha256}.jar", content, overwrite=True)
    return Release(sha256=sha256, size_bytes=len(content), jar_name="job.jar", spec=Spec(), source=source)


def intake(
    storage: Storage,
    *,
    ledger: Ledger | None = None,
    queue: OperationsQueue | None = None,
    jars: Jars | None = None,
    messages: NoMessages = NO_MESSAGES,
) -> Intake:
    """Return an intake as another process would have one; it asks Flink for nothing, and there is none."""
    ledger = ledger or storage.ledger()
    cluster = SessionCluster(
        Flink("http://127.0.0.1:9", call_seconds=1),
        storage.jars,
        partial(keep_release, storage.jars),
        BRIEF,
        name=storage.cluster,
        owner_of=ledger.owner_of,
    )
    return Intake(ledger, queue or storage.queue, jars or storage.jars, cluster, messages, now=storage.clock.now)
