"""The app that a browser looks at: the local host on Azurite, and a Flink that follows a script."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar

from azure.storage.blob import BlobServiceClient

from flinkfuncs.clients.ledger import Ledger
from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import Copy, JobRecord, LastOperation, Savepoint
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Cause, Operation, Outcome, Request, operation_id
from flinkfuncs.core.releases import JarSource, Release, Spec
from localcloud.host_process import HostProcess
from tests.stand_in.cluster import StandIn
from tests.stand_in.rest import FlinkServer

T = TypeVar("T")
Status = Literal["RUNNING", "FAILED", "STOPPED", "FINISHED", "VANISHED", "NONE"]

VANISHED = "vanished"  # the operation of a copy that the cluster does not know any more


@dataclass(frozen=True)
class Cloud:
    """One app, its ledger and its cluster."""

    host: HostProcess
    account: str
    server: FlinkServer

    @property
    def url(self) -> str:
        """Where the page is."""
        return self.host.url + "/ui"

    @property
    def key(self) -> str:
        """A function key."""
        return self.host.key

    @property
    def flink(self) -> StandIn:
        """The cluster."""
        return self.server.flink

    @property
    def ledger(self) -> Ledger:
        """What is recorded."""
        blobs = BlobServiceClient.from_connection_string(self.account)
        container = blobs.get_container_client(self.host.settings["LEDGER_CONTAINER"])
        return Ledger(container, self.host.settings["CLUSTER_NAME"])

    def empty(self) -> None:
        """Forget every job and its operations, and begin with a cluster on which nothing runs."""
        blobs = BlobServiceClient.from_connection_string(self.account)
        for name in ("LEDGER_CONTAINER", "JARS_CONTAINER", "RELEASES_CONTAINER"):
            container = blobs.get_container_client(self.host.settings[name])
            _at_once(container.delete_blob, list(container.list_blob_names()))
        self.server.serve(StandIn())

    def put(self, *records: JobRecord) -> None:
        """Record jobs as if the app had; those whose copy has not ended run on the cluster."""
        for record in records:
            copy = record.current
            if copy and copy.operation != VANISHED and not copy.ended:
                self.flink.begin(copy.flink_job_id, record.name)
        ledger = self.ledger
        _at_once(lambda record: ledger.write(record, etag=None), records)


def a_job(
    name: str,
    status: Status = "RUNNING",
    *,
    days: float = 1,
    saved_hours: float | None = 3,
    open_action: Action | None = None,
    outcome: Outcome = Outcome.SUCCEEDED,
    number: int = 1,
) -> JobRecord:
    """Return the record of a job that has been so for some days."""
    now = datetime.now(UTC).replace(microsecond=0)
    begun, job = now - timedelta(days=days), JobName(name)
    release = _release(job, number)
    id_, cause = (
        operation_id(job, at=begun, identity="begun"),
        Cause(kind="http", detail="function key, from 127.0.0.1"),
    )
    copy = Copy(
        flink_job_id=hashlib.sha256(name.encode()).hexdigest()[:32],
        release=release,
        operation=VANISHED if status == "VANISHED" else id_,
        started_at=begun,
        seen=True,
        ended=status if status in ("FAILED", "STOPPED", "FINISHED") else None,
    )
    savepoint = Savepoint(
        path=f"file:///savepoints/{name}/savepoint-1",
        taken_at=now - timedelta(hours=saved_hours or 0),
        origin=Action.SAVEPOINT,
        cause="timer",
        flink_job_id=copy.flink_job_id,
        operation=id_,
    )
    return JobRecord(
        name=job,
        folder="stateful",
        wanted=release,
        current=None if status == "NONE" else copy,
        savepoints=() if saved_hours is None else (savepoint,),
        last=LastOperation(
            id=id_, action=Action.UPDATE, cause=cause, outcome=outcome, message="the new release runs", ended_at=begun
        ),
        open=() if open_action is None else (_operation(job, open_action, now),),
    )


def _release(job: JobName, number: int) -> Release:
    jar = f"{job}-{number}.jar"
    source = JarSource(place="uploads", name=f"stateful/{job}/{jar}", etag=f"0x{number:X}")
    sha256 = hashlib.sha256(jar.encode()).hexdigest()
    return Release(sha256=sha256, size_bytes=1_000_000 * number, jar_name=jar, spec=Spec(parallelism=2), source=source)


def _operation(job: JobName, action: Action, at: datetime) -> Operation:
    cause = Cause(kind="http", detail="function key, from 127.0.0.1")
    id_ = operation_id(job, at=at, identity=f"{action} {at}")
    return Operation(
        id=id_, job=job, request=Request(action=action), cause=cause, requested_at=at, driven_at=at, progressed_at=at
    )


def _at_once(do: Callable[[T], object], each: Iterable[T]) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(do, each))
