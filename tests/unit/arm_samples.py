"""Records, operations and rows for the tests of the ARM table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flinkfuncs.core.actions import Action
from flinkfuncs.core.arm.row import MARKER, Row, digests
from flinkfuncs.core.arm.seen import ArmLimits, ArmSeen, OperationState, OperationStatus
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import ArmProgress, Cause, Mark, Operation, Request
from flinkfuncs.core.releases import JarSource, Release, Spec

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
JOB = JobName("orders")
OLD = ArmLimits(api_version="2023-06-01-preview")
NEW = ArmLimits(api_version="2024-05-01-preview")
SAVEPOINT = "abfs://sp@acct/orders/savepoint-20e9e9-8a48c6b905e5"


def release(digit: str = "a", spec: dict[str, object] | None = None) -> Release:
    """A release whose bytes are named by one hex digit."""
    source = JarSource(place="uploads", name="stateful/orders/orders.jar", last_modified=NOW)
    return Release(
        sha256=digit * 64, size_bytes=1, jar_name="orders.jar", spec=Spec.model_validate(spec or {}), source=source
    )


def operation(
    action: Action, kind: str = "http", *, held: Release | None = None, at: datetime = NOW, folder: str | None = None
) -> Operation:
    """An operation that has sent nothing yet; an upload was put there at that time."""
    upload = kind == "upload"
    jar = JarSource(place="uploads", name="stateful/orders/orders.jar", last_modified=at) if upload else None
    request = Request.model_validate(
        {"action": action, "jar": jar, "folder": folder or ("stateful" if upload else None)}
    )
    return Operation(
        id="20261121T020000Z-orders-3f2a9c1b7d4e",
        job=JOB,
        request=request,
        cause=Cause.model_validate({"kind": kind, "detail": "x"}),
        requested_at=NOW,
        driven_at=NOW,
        progressed_at=NOW,
        release=held,
    )


def sent(
    base: Operation, *before: Row, unanswered: int = 1, refused: str | None = None, in_progress: bool = False
) -> Operation:
    """The same operation after its call, before which the given rows stood there."""
    mark = Mark(sent_at=NOW, last_sent_at=NOW, unanswered=unanswered, refused=refused)
    arm = ArmProgress(action=base.action, row_before=digests(before), seen_in_progress=in_progress)
    return base.model_copy(update={"submit": mark, "arm": arm})


def row(action: str | None = None, result: str | None = None, status: str | None = None, **more: object) -> Row:
    """A row of the job."""
    fields = {"job_name": JOB, "action": action, "action_result": result, "status": status, **more}
    return Row.model_validate(fields)


def marker(of: Operation) -> dict[str, str]:
    """The flinkConfiguration of a row that answers this operation."""
    return {MARKER: of.id}


def record(*operations: Operation, **fields: object) -> JobRecord:
    """The job's record."""
    return JobRecord(name=JOB, open=operations).but(**fields)


def seen(*rows: Row, polled: OperationState = OperationState.UNKNOWN, error: str = "", seconds: float = 0) -> ArmSeen:
    """A look at the cluster, some seconds after the call."""
    return ArmSeen(now=NOW + timedelta(seconds=seconds), rows=rows, polled=OperationStatus(polled, error))
