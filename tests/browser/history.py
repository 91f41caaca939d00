"""A job with a history: records as the app writes them, one of each kind that a job's view has to show well."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from azure.storage.blob import BlobServiceClient

from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import Copy, JobRecord, LastOperation, Savepoint
from flinkfuncs.core.model import Model
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import (
    Cause,
    Checked,
    Mark,
    Operation,
    Outcome,
    Request,
    Result,
    Settling,
    StepTaken,
    Undo,
    operation_id,
)
from flinkfuncs.core.releases import JarSource, Release, Spec

from .cloud import Cloud

NOTHING: Mapping[str, object] = MappingProxyType({})
M = TypeVar("M", bound=Model)
ROOT = "file:///savepoints"  # written down as the cloud's own
NOW = datetime.now(UTC).replace(microsecond=0)
JOB = JobName("orders")
CALLER = Cause(kind="http", detail="function key, from 203.0.113.7")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
THROWN = "java.lang.NumberFormatException: For input string: n/a"
TRACEBACK = f"x.JobException: Recovery is suppressed\n\tat a.B.c\nCaused by: {THROWN}\n\tat com.example.Parse.map"


def ago(**since: float) -> datetime:
    """Return the time of so long ago."""
    return NOW - timedelta(**since)


def release(number: int, **spec: object) -> Release:
    """Return a version of the job; its arguments have a password."""
    jar = f"orders-{number}.jar"
    return Release(
        sha256=hashlib.sha256(jar.encode()).hexdigest(),
        size_bytes=40_000_000 + number,
        jar_name=jar,
        spec=Spec.model_validate({"args": ["--topic", "orders", "--db.password", "hunter2"], "parallelism": 2} | spec),
        source=JarSource(place="uploads", name=f"stateful/orders/{jar}", etag=f"0x{number:X}"),
    )


ORPHAN = f"{ROOT}/orders/20261101T000000Z-orders-0123456789ab/savepoint-abcdef-4f0a118c2d17"
FIRST = release(1)
SECOND = release(2, parallelism=4, flink_configuration={"execution.checkpointing.interval": "10 s"})
BAD = release(3, parallelism=4, args=["--topic", "orders-v2", "--db.password", "hunter2"])


def run(number: int) -> str:
    """Return the Flink job id of a run."""
    return hashlib.sha256(f"run {number}".encode()).hexdigest()[:32]


def path(number: int) -> str:
    """Return where a savepoint is."""
    return f"{ROOT}/orders/op{number}/savepoint-{number:06x}-4f0a118c2d17"


def operation(
    action: Action,
    at: datetime,
    outcome: Outcome | None,
    message: str = "",
    *,
    cause: Cause = CALLER,
    asked: Mapping[str, object] = NOTHING,
    result: Mapping[str, object] = NOTHING,
    **parts: object,
) -> Operation:
    """Return one that was asked for then, was taken up a second later, and has ended if it has an outcome."""
    ended = None
    if outcome:
        told = {"outcome": outcome, "message": message, "ended_at": at + timedelta(seconds=20)}
        ended = Result.model_validate(told | dict(result))
    return Operation.model_validate(
        {
            "id": operation_id(JOB, at=at, identity=f"{action} {at}"),
            "job": JOB,
            "request": Request.model_validate({"action": action} | dict(asked)),
            "cause": cause,
            "requested_at": at,
            "driven_at": at + timedelta(seconds=1),
            "progressed_at": at + timedelta(seconds=20),
            "result": ended,
        }
        | parts
    )


def steps(at: datetime, *taken: tuple[float, str, str]) -> tuple[StepTaken, ...]:
    """Return steps by their seconds since the request."""
    return tuple(StepTaken(at=at + timedelta(seconds=s), step=step, detail=detail) for s, step, detail in taken)


def mark(at: datetime, seconds: float) -> Mark:
    """Return a call that was sent then."""
    sent = at + timedelta(seconds=seconds)
    return Mark(sent_at=sent, last_sent_at=sent, unanswered=1)


def uploaded(number: int) -> Cause:
    """Return the upload of a version."""
    return Cause(kind="upload", detail=f"stateful/orders/orders-{number}.jar 0x{number:X}")


def updated(at: datetime, new: Release, old: Release, number: int) -> Operation:
    """Return an update that went well: nothing ran for 3.1 s."""
    return operation(
        Action.UPDATE,
        at,
        Outcome.SUCCEEDED,
        f"the job runs, started from {path(number)}",
        cause=uploaded(number),
        asked={"reason": "a new schema", "build_url": "https://ci.example.com/481", "commit": "5c1d0e2f9a7b"},
        result={"flink_job_id": run(number), "savepoint": path(number), "restored_from": path(number)},
        release=new,
        replaced=old,
        savepoint=path(number),
        checked=Checked(release=new.id, verdict="PASSED", warnings=("the operator Source has no uid",)),
        stop=mark(at, 4),
        start=mark(at, 6),
        settling=Settling(since=at + timedelta(seconds=7.1), restarts=0),
        steps=steps(
            at,
            (1, "Keep", ""),
            (2, "Check", f"{new.sha256[:12]} ({new.jar_name})"),
            (4, "Stop", f"{run(number - 1)} trigger {'b' * 32} into file:///savepoints/orders/op{number}"),
            (6, "Start", f"{run(number)} release {new.id[:12]} from {path(number)}"),
            (17, "TakeCheckpoint", f"{run(number)} trigger {'c' * 32}"),
        ),
        traceparent=f"00-{TRACE}-00f067aa0ba902b7-01",
    )


def rolled_back(at: datetime) -> Operation:
    """Return an update whose copy failed three times, so that the old release runs again."""
    reason = f"the new copy {run(3)} of release {BAD.sha256[:12]} ({BAD.jar_name}) failed 3 times: {THROWN}"
    return operation(
        Action.UPDATE,
        at,
        Outcome.ROLLED_BACK,
        f"{reason}; the old release runs again, started from {path(3)}; the new copy completed no checkpoint",
        cause=uploaded(3),
        result={"code": "RolledBack", "flink_job_id": run(4), "savepoint": path(3), "restored_from": path(3)},
        release=BAD,
        replaced=SECOND,
        savepoint=path(3),
        stop=mark(at, 2),
        start=mark(at, 3),
        cancel=mark(at, 12),
        rollback=mark(at, 14),
        undo=Undo(reason=reason, at=at + timedelta(seconds=12), started_at=at + timedelta(seconds=3)),
        settling=Settling(since=at + timedelta(seconds=15), restarts=0),
        steps=steps(
            at, (2, "Stop", run(2)), (3, "Start", run(3)), (12, "Cancel", run(3)), (14, "Start", f"{run(4)} again")
        ),
    )


def refused(at: datetime) -> Operation:
    """Return an update that named a plan, and came too late for it."""
    message = "another release was planned: its jar or its spec has changed; the job is untouched: plan it again"
    asked = {"plan": "3f2a9c1b7d4e5a60.9b74c9897bac770f"}
    return operation(
        Action.UPDATE, at, Outcome.REFUSED, message, asked=asked, result={"code": "PlanChanged"}, driven_at=at
    )


def unproven(at: datetime) -> Operation:
    """Return an update of which nobody knows whether it is well."""
    message = f"the new copy {run(1)} of release {FIRST.sha256[:12]} runs, but completed no checkpoint; it is kept"
    return operation(
        Action.UPDATE,
        at,
        Outcome.UNPROVEN,
        message,
        result={"code": "Unproven"},
        stop=mark(at, 2),
        start=mark(at, 3),
        release=FIRST,
    )


def failed_start(at: datetime, newest: Release) -> Operation:
    """Return a start that Flink refused, since main() threw."""
    message = f"the start was refused: {THROWN}; savepoint: {path(2)}; START continues from {path(2)}"
    return operation(
        Action.START,
        at,
        Outcome.FAILED,
        message,
        result={"code": "StartFailed"},
        release=newest,
        start=mark(at, 2),
        steps=steps(at, (2, "Start", run(9))),
    )


def held(at: datetime, until: datetime) -> Operation:
    """Return an upload that waits for its window."""
    return operation(
        Action.UPDATE, at, None, cause=uploaded(4), driven_at=None, held_until=until, asked={"folder": "stateful"}
    )


@dataclass(frozen=True)
class History:
    """A job's record, and its closed operations."""

    record: JobRecord
    closed: tuple[Operation, ...] = ()
    kept: tuple[Release, ...] = ()  # releases whose bytes are kept
    files: Mapping[str, int] = field(default_factory=dict)  # complete savepoints in storage, and their sizes

    def but(self, **changes: object) -> History:
        """Return the same with another record."""
        return replace(self, record=self.record.but(**changes))

    def write(self, cloud: Cloud) -> None:
        """Have it on a cloud, whose savepoints are below a directory of its own."""
        root = cloud.host.settings["SAVEPOINT_DIRECTORY"]
        cloud.put(_below(root, self.record))
        for one in self.closed:
            cloud.ledger.close(_below(root, one))
        releases = BlobServiceClient.from_connection_string(cloud.account).get_container_client(
            cloud.host.settings["RELEASES_CONTAINER"]
        )
        for each in self.kept:
            releases.upload_blob(f"{JOB}/{each.sha256}.jar", b"PK", overwrite=True)
        for name, size in self.files.items():
            folder = Path(name.replace(ROOT, root).removeprefix("file://"))
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "_metadata").write_bytes(b"x" * size)


def _below(root: str, model: M) -> M:
    return type(model).model_validate_json(model.model_dump_json(by_alias=True).replace(ROOT, root))


def savepoint(number: int, at: datetime, origin: Action, by: Operation, *, restored: bool = False) -> Savepoint:
    """Return a recorded savepoint of the operation that took it."""
    return Savepoint(
        path=path(number),
        taken_at=at,
        origin=origin,
        cause=by.cause.kind,
        flink_job_id=run(number),
        operation=by.id,
        restored=restored,
    )


def last(operation: Operation) -> LastOperation:
    """Return how it stands in the job's record."""
    result = operation.result
    assert result
    return LastOperation(
        id=operation.id,
        action=operation.action,
        cause=operation.cause,
        outcome=result.outcome,
        message=result.message,
        ended_at=result.ended_at,
        reason=operation.request.reason,
    )


def eventful() -> History:
    """A job that was updated well, then badly and rolled back, then asked for with an outdated plan."""
    good, bad, late = updated(ago(days=3), SECOND, FIRST, 2), rolled_back(ago(hours=5)), refused(ago(minutes=9))
    first = unproven(ago(days=9))
    timer = Cause(kind="timer", detail="2026-11-21T00:00:00Z")
    periodic = operation(Action.SAVEPOINT, ago(hours=8), Outcome.SUCCEEDED, f"saved to {path(7)}", cause=timer)
    record = JobRecord(
        name=JOB,
        folder="stateful",
        wanted=SECOND,
        current=Copy(
            flink_job_id=run(4),
            release=SECOND,
            operation=bad.id,
            started_at=ago(hours=5),
            savepoint=path(3),
            seen=True,
        ),
        previous=Copy(
            flink_job_id=run(3), release=BAD, operation=bad.id, started_at=ago(hours=5), seen=True, ended="CANCELED"
        ),
        savepoints=(
            savepoint(2, ago(days=3), Action.UPDATE, good, restored=True),
            savepoint(7, ago(hours=8), Action.SAVEPOINT, periodic),
            savepoint(3, ago(hours=5), Action.UPDATE, bad, restored=True),
        ),
        last=last(late),
        ran=True,
    )
    sizes = {path(number): 1_000_000 * number for number in (2, 3, 7)} | {ORPHAN: 4_000_000}
    return History(record, (first, good, periodic, bad, late), kept=(SECOND, BAD), files=sizes)


def failed() -> History:
    """A job whose last start Flink refused, and which ran before."""
    bad = failed_start(ago(minutes=5), SECOND)
    refused_run = Copy(
        flink_job_id=run(9), release=SECOND, operation=bad.id, started_at=ago(minutes=5), savepoint=path(2)
    )
    ran = Copy(flink_job_id=run(2), release=FIRST, operation="earlier", started_at=ago(days=3), seen=True)
    taken = updated(ago(days=3), FIRST, FIRST, 2)
    record = JobRecord(
        name=JOB,
        folder="stateful",
        wanted=SECOND,
        current=refused_run.model_copy(update={"ended": "NEVER_STARTED"}),
        previous=ran.model_copy(update={"ended": "STOPPED"}),
        savepoints=(savepoint(2, ago(days=3), Action.UPDATE, taken),),
        last=last(bad),
        ran=True,
    )
    return History(record, (taken, bad), files={path(2): 1_000})
