"""What an app replies to the command line, made of the app's own models, and with a field that no version knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeAlias

from flinkfuncs.api import shown
from flinkfuncs.api.codes import problem_type
from flinkfuncs.api.openapi import Problem
from flinkfuncs.core.actions import Action
from flinkfuncs.core.operations import Outcome
from flinkfuncs.health import Health, Reach
from tests.command_line import CommandLine

from .server import Answer, Fault, LocalServer, serving

ID = "20261128T014916Z-orders-3f2a9c1b7d4e"
OPERATION = f"/api/operations/{ID}"
AT = datetime(2026, 11, 28, 1, 49, 17, tzinfo=UTC)
EAST = timezone(timedelta(hours=1))
SOMETHING_NEW = {"somethingNew": {"that": "no version knows"}}

RELEASE = shown.Release(
    id="5c1d", sha256="ab" * 32, size_bytes=2048, jar_name="orders-2.jar", spec=shown.Spec(parallelism=2)
)
LAST = shown.LastOperation(
    id=ID,
    action=Action.UPDATE,
    cause=shown.Cause(kind="upload", detail="stateful/orders/orders-2.jar 0x1"),
    outcome=Outcome.SUCCEEDED,
    message="runs",
    ended_at=AT,
)
OPERATION_SEEN = shown.Operation(
    state="open",
    id=ID,
    job="orders",
    request=shown.Request(action=Action.UPDATE, spec=shown.Spec()),
    cause=LAST.cause,
    requested_at=AT - timedelta(seconds=1),
    progressed_at=AT,
)
STEPS = [
    shown.Step(at=AT.replace(microsecond=123456), step="Stop", detail="into file:///savepoints/orders").as_json(),
    shown.Step(at=AT.astimezone(EAST) + timedelta(seconds=1), step="Start", detail="as 7b1c").as_json(),
]
RESULT = shown.Result(outcome=Outcome.SUCCEEDED, message="", ended_at=AT + timedelta(seconds=3)).as_json()
SEEN: dict[str, Any] = {**OPERATION_SEEN.as_json()}
JOB: dict[str, Any] = SOMETHING_NEW | {
    **shown.Job(
        name="orders",
        status="RUNNING",
        release=RELEASE,
        run=shown.Copy(flink_job_id="7b1c", started_at=AT + timedelta(seconds=1)),
        open=(),
        last=LAST,
    ).as_json()
}
LISTED_JOB = shown.JobInList(
    name="orders",
    status="RUNNING",
    release=shown.ReleaseInList(id="5c1d", sha256="ab" * 32, jar_name="orders-2.jar"),
    run=shown.CopyInList(flink_job_id="7b1c", started_at=AT + timedelta(seconds=1)),
    open=(),
    open_count=0,
    last=LAST,
)
STOPPING = shown.OperationInList(id=ID, action=Action.STOP, cause="http", requested_at=AT)
LISTED: list[dict[str, Any]] = [
    SOMETHING_NEW | {**one.as_json()}
    for one in (
        LISTED_JOB,
        LISTED_JOB.model_copy(update={"name": "stopping", "open": (STOPPING,), "open_count": 1}),
        LISTED_JOB.model_copy(update={"name": "new", "status": "NONE", "last": None, "run": None, "release": None}),
    )
]
SAVEPOINT = shown.Savepoint(
    path="file:/s/1", taken_at=AT.replace(hour=1, minute=0, second=0), origin="SAVEPOINT", operation=ID, size_bytes=2048
)
UPLOADED = shown.Upload(state="waiting", blob="a/b", at=SAVEPOINT.taken_at, job="orders", message="waits for its jar")
MISPLACED = shown.Upload(state="rejected", blob="a/b", at=AT, outcome=Outcome.REFUSED, code="InvalidPath", message="no")
WELL = Health(
    healthy=True, cluster_kind="session", storage=Reach(reachable=True), cluster=Reach(reachable=True)
).model_dump(mode="json", by_alias=True, exclude_none=True)
Answers: TypeAlias = Mapping[str, Sequence[Answer | Fault]]


def ended(outcome: str, message: str = "what came of it", **more: object) -> dict[str, Any]:
    result = {**RESULT, "outcome": outcome, "message": message, **more}
    return SEEN | {"state": "closed", "steps": STEPS, "result": result}


def problem(status: int, code: str, detail: str = "why not") -> Answer:
    made = Problem(
        type=problem_type(code), title="x", status=status, code=code, detail=detail, instance="/api/jobs/orders"
    )
    return Answer(status, made.model_dump(mode="json", by_alias=True))


@contextmanager
def app(home: Path, answers: Answers) -> Iterator[tuple[CommandLine, LocalServer]]:
    """An app of recorded replies, and the command line."""
    with serving(answers) as server:
        yield CommandLine(server.url, home), server
