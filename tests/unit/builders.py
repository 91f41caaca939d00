"""How do the tables' tests write down a record, an operation and a look at the cluster?

Everything happens at NOW; the job is `orders`. Its release OLD runs as the copy `old`; an operation brings NEW.
A step is read back as one line by `said`, so that a test's row looks like the row of the table that it checks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import Copy, Ended, JobRecord, Savepoint
from flinkfuncs.core.names import Directory, JobName
from flinkfuncs.core.operations import Cause, Checked, Mark, Operation, Request, operation_id
from flinkfuncs.core.releases import JarSource, Release, Spec
from flinkfuncs.core.session.blame import Blame, Failure
from flinkfuncs.core.session.ends import Limits
from flinkfuncs.core.session.facts import Adoptable, CopySeen, CopyState, Left, Seen, TriggerSeen, TriggerUnknown
from flinkfuncs.core.steps import (
    Cancel,
    Check,
    End,
    Keep,
    PlaceJar,
    Start,
    Step,
    Stop,
    Submit,
    TakeCheckpoint,
    Trigger,
    UploadJar,
    Wait,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ORDERS = JobName("orders")
OLD_ID = "0" * 31 + "1"
LIMITS = Limits(Directory.parse("file:///sp"), start_seconds=300, stop_seconds=3600, repeat_seconds=30)

CauseKind = Literal["upload", "http", "arm", "timer"]


def ago(seconds: float) -> datetime:
    """Return the time that many seconds before NOW."""
    return NOW - timedelta(seconds=seconds)


def release(name: str, spec: Spec | None = None) -> Release:
    """Return a release whose jar has that name; the same name is the same jar."""
    sha256 = f"{sum(map(ord, name)):064x}"
    source = JarSource(place="uploads", name=f"stateful/orders/{name}.jar", etag=f"etag of {name}")
    return Release(sha256=sha256, size_bytes=1, jar_name=f"{name}.jar", spec=spec or Spec(), source=source)


OLD, NEW = release("old"), release("new")


def copy_of(
    release: Release = OLD,
    *,
    flink_job_id: str = OLD_ID,
    operation: str = "earlier",
    savepoint: str | None = None,
    seen: bool = True,
    ended: Ended | None = None,
) -> Copy:
    """Return a copy that was started a minute ago."""
    return Copy(
        flink_job_id=flink_job_id,
        release=release,
        operation=operation,
        started_at=ago(60),
        savepoint=savepoint,
        seen=seen,
        ended=ended,
    )


def savepoint(path: str, *, of: str = OLD_ID, operation: str = "earlier") -> Savepoint:
    """Return a complete savepoint."""
    return Savepoint(
        path=path, taken_at=ago(30), origin=Action.SAVEPOINT, cause="http", flink_job_id=of, operation=operation
    )


def asked(
    action: Action,
    *,
    by: CauseKind = "http",
    brings: Release | None = None,
    named: str | None = None,
    job_json: str | None = None,
    without_savepoint: bool = False,
    allow_unaligned: bool = False,
    uploaded_at: datetime | None = None,
    folder: Literal["stateful", "stateless"] | None = None,
    switch_mode: bool = False,
    identity: str = "this one",
    requested_seconds_ago: float = 0,
) -> Operation:
    """Return an operation; `brings` is its release, kept and checked, `named` its savePointName.

    `job_json` is the digit that its job.json's SHA-256 is made of.
    """
    jar = None
    if by == "upload":
        jar = JarSource(place="uploads", name="stateful/orders/new.jar", etag="1", last_modified=uploaded_at or NOW)
    request = Request(
        action=action,
        jar=jar,
        save_point_name=named,
        job_json_sha256=job_json * 64 if job_json else None,
        without_savepoint=without_savepoint,
        allow_unaligned_checkpoint=allow_unaligned,
        folder=folder,
        switch_mode=switch_mode,
    )
    at = ago(requested_seconds_ago)
    return Operation(
        id=operation_id(ORDERS, at=NOW, identity=identity),
        job=ORDERS,
        request=request,
        cause=Cause(kind=by, detail=identity),
        requested_at=at,
        driven_at=at,
        progressed_at=at,
        release=brings,
        checked=Checked(release=brings.id, verdict="PASSED") if brings else None,
    )


def unchecked(operation: Operation) -> Operation:
    """Return the operation before its release was checked."""
    return operation.model_copy(update={"checked": None})


def with_marks(operation: Operation, **fields: object) -> Operation:
    """Return the operation with steps written down."""
    return operation.model_copy(update=fields)


def sent(
    seconds_ago: float = 0,
    *,
    last_seconds_ago: float | None = None,
    refused: str | None = None,
    unanswered: int = 1,
    incarnation: str | None = "first",
) -> Mark:
    """Return the mark of a step; `unanswered` 0 is one that surely did not leave, or was refused."""
    last = seconds_ago if last_seconds_ago is None else last_seconds_ago
    return Mark(
        sent_at=ago(seconds_ago),
        last_sent_at=ago(last),
        refused=refused,
        unanswered=unanswered,
        incarnation=incarnation,
    )


def job(
    current: Copy | None = None,
    *operations: Operation,
    savepoints: tuple[Savepoint, ...] = (),
    wanted: Release | None = OLD,
    wanted_at: datetime | None = None,
    folder: Literal["stateful", "stateless"] | None = None,
    unknown_past: bool = False,
    ran: bool | None = None,
) -> JobRecord:
    """Return the record of the job; where there are savepoints, a copy ran before the current one."""
    return JobRecord(
        name=ORDERS,
        current=current,
        open=operations,
        savepoints=savepoints,
        wanted=wanted,
        wanted_at=wanted_at,
        folder=folder,
        unknown_past=unknown_past,
        ran=bool(savepoints) if ran is None else ran,
    )


def failures(*blames: Blame, seconds_ago: float = 1) -> tuple[Failure, ...]:
    """Return that many exceptions of a copy, newest first."""
    return tuple(Failure(ago(seconds_ago), f"{blame} failed", blame) for blame in blames)


def own(number: int) -> tuple[Failure, ...]:
    """Return that many exceptions that are the release's own fault."""
    return failures(*[Blame.RELEASE] * number)


def look(
    copy: CopyState | CopySeen | None = None,
    *,
    trigger: TriggerSeen | None = None,
    jar: bool = True,
    namesakes: tuple[str, ...] = (),
    incarnation: str = "first",
    named_there: bool | None = None,
    adoptable: Adoptable | None = None,
    left: Left | None = None,
) -> Seen:
    """Return what is seen at NOW; `jar` says whether the jar that would be started lies on the cluster."""
    return Seen(
        now=NOW,
        copy=CopySeen(copy) if isinstance(copy, CopyState) else copy,
        trigger=trigger or TriggerUnknown(),
        jar_on_cluster=jar,
        namesakes=namesakes,
        incarnation=incarnation,
        named_there=named_there,
        adoptable=adoptable,
        left=left,
        vanish_seconds=80,
    )


@dataclass(frozen=True)
class Names:
    """What the ids of one operation and its record are called in a test's row."""

    operation: Operation
    record: JobRecord

    def copy(self, flink_job_id: str) -> str:
        """Tell the old copy from the operation's own."""
        known = {self.operation.token("copy"): "own", self.operation.token("rollback"): "rollback", OLD_ID: "old"}
        return known.get(flink_job_id, "other")


def said(step: Step, operation: Operation, record: JobRecord) -> str:  # noqa: C901 - one case a step
    """Write a step as one line.

    SUCCEEDED · REFUSED JobExists · FAILED FailedWhileStopping ended FAILED with /sp/1
    Wait vanished · Start new as own from /sp/1
    """
    names = Names(operation, record)
    match step:
        case Keep():
            return "Keep"
        case UploadJar(release) | Check(release):
            return f"{type(step).__name__} {release.jar_name.removesuffix('.jar')}"
        case Stop(flink_job_id, trigger_id):
            earlier = record.current.stop.trigger_id if record.current and record.current.stop else None
            assert trigger_id == (earlier or operation.token("stop"))
            return f"Stop {names.copy(flink_job_id)}" + (" as before" if earlier else "")
        case Trigger(flink_job_id, trigger_id):
            assert trigger_id == operation.token("savepoint")
            return f"Trigger {names.copy(flink_job_id)}"
        case TakeCheckpoint(flink_job_id):
            return f"TakeCheckpoint {names.copy(flink_job_id)}"
        case Cancel(flink_job_id):
            return f"Cancel {names.copy(flink_job_id)}"
        case Start():
            jar = step.release.jar_name.removesuffix(".jar")
            return f"Start {jar} as {names.copy(step.flink_job_id)} from {step.savepoint or 'nothing'}"
        case Wait():
            return _said_wait(step)
        case End():
            return _said_end(step)
        case PlaceJar() | Submit():
            raise AssertionError(f"{step} is no step of a session cluster")


def _said_wait(wait: Wait) -> str:
    words = ["Wait"]
    words += ["vanished"] if wait.vanished else []
    words += ["listed"] if wait.listed else []
    words += ["ended"] if wait.ended else []
    words += [] if wait.hop else ["here"]
    words += [f"stopped {wait.stopped}"] if wait.stopped else []
    words += ["unstopped"] if wait.unstopped else []
    words += ["adopted"] if wait.adopted else []
    return " ".join(words)


def _said_end(end: End) -> str:
    words = [end.outcome.value]
    words += [end.code] if end.code else []
    words += [f"ended {end.ended}"] if end.ended else []
    words += [f"with {end.savepoint}"] if end.savepoint else []
    words += [f"wants {end.wanted.jar_name.removesuffix('.jar')}"] if end.wanted else []
    words += ["listed"] if end.listed else []
    words += ["forgets"] if end.forget else []
    return " ".join(words)
