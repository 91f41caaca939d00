"""How a record changes when a step is begun, answered, and over: pure functions, each applied once.

    begun       before the call: the mark of the step, and the new copy that a start is about to make
    learned     after the call: what it told us that cannot be looked up
    unsent      after a call that surely did not leave us
    noted       while waiting: that the copy vanished or has ended, that the new one was seen, that nobody answers
    concluded   the operation is over: its result goes into the record, and it leaves the open list

They are not idempotent: `begun` counts a call as unanswered, and `unsent` and a refusal count it back. That none is
applied twice is up to `clients/claim.py`.

The rule that must never break: nothing here forgets a savepoint, or a copy that may run.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from . import queueing
from .actions import Action
from .handled import with_handled
from .histories import run_id, with_next_run
from .jobs import Copy, Ended, JobRecord, LastOperation, Savepoint, StopBegun
from .naming import with_job_json, without_job_json
from .operations import ArmProgress, Mark, Operation, Outcome, Result, StepTaken
from .releases import Release
from .rolled_back import with_outcome
from .runs import asked_of, is_told
from .steps import (
    Cancel,
    Check,
    End,
    Found,
    Keep,
    Kept,
    Learned,
    Placed,
    PlaceJar,
    Start,
    Step,
    Stop,
    Submit,
    Submitted,
    TakeCheckpoint,
    Trigger,
    Turned,
    UploadJar,
    Wait,
)

MarkName = Literal["stop", "trigger", "checkpoint", "cancel", "start", "rollback", "submit", "check"]


def begun(record: JobRecord, operation_id: str, step: Step, now: datetime) -> JobRecord:
    """Write a step down before it is carried out."""
    operation = _open(record, operation_id)
    taken = StepTaken(at=now, step=type(step).__name__, detail=_detail(step))
    changes: dict[str, object] = {"steps": (*operation.steps, taken), "progressed_at": now}
    changes |= {"vanished_at": None, "unreachable_at": None}
    if name := _mark_name(step):
        first_undo = isinstance(step, Cancel) and step.undo is not None and operation.undo is None
        anew = first_undo or _starts_another(record, step)
        changes[name] = _marked(None if anew else getattr(operation, name), step, now)
    if isinstance(step, Stop | Cancel | Start | Submit):
        record = with_job_json(record, operation, counted=_starts_from_named(operation, step))
    if isinstance(step, Submit):
        changes["arm"] = ArmProgress(action=step.action, row_before=step.row_before)
        record = record.but(launched=None if step.release else record.launched)
    if isinstance(step, PlaceJar):
        record = record.but(placed=None)
    if isinstance(step, Stop):
        record = _with_stop(record, operation, step)
    if isinstance(step, Start):
        if _starts_another(record, step):
            changes |= {"again": step.again, "ended_at": None, "replaced": _replaced(record, operation)}
        record = _with_new_copy(record, operation, step, now)
        changes |= {"savepoint": step.stop_savepoint or operation.savepoint, "settling": None, "checkpoint": None}
    if isinstance(step, Start | Cancel) and step.undo:
        changes["undo"] = step.undo
    if isinstance(step, TakeCheckpoint):
        changes["checkpoints"] = operation.checkpoints + 1
    return record.with_operation(operation.model_copy(update=changes))


def learned(record: JobRecord, operation_id: str, step: Step, fact: Learned) -> JobRecord:
    """Write down what a call told us."""
    operation = _open(record, operation_id)
    match fact:
        case Kept(release):
            return record.with_operation(operation.model_copy(update={"release": release}))
        case Submitted(url):
            return _with_arm(record, operation, operation_url=url)
        case Placed(sha256):
            return record.but(placed=sha256)
        case Found(checked):
            return record.with_operation(operation.model_copy(update={"checked": checked}))
        case Turned(detail):
            return _with_mark(record, operation, step, refused=detail)
        case None:
            return record


def unsent(record: JobRecord, operation_id: str, step: Step) -> JobRecord:
    """Take back that a call may have left us."""
    return _with_mark(record, _open(record, operation_id), step, refused=None)


def noted(record: JobRecord, operation_id: str, wait: Wait, now: datetime) -> JobRecord:
    """Write down what was seen while waiting; the record itself comes back where there is nothing new."""
    operation = _open(record, operation_id)
    if wait.listed and record.current and not record.current.seen:
        record = record.but(current=record.current.model_copy(update={"seen": True}))
    if wait.settling and wait.settling != operation.settling:
        operation = operation.model_copy(update={"settling": wait.settling})
        record = record.with_operation(operation)
    if wait.ended and operation.ended_at is None:
        operation = operation.model_copy(update={"ended_at": now})
        record = record.with_operation(operation)
    record, operation = _with_failed_stop(record, operation, wait)
    record = _with_end_of_stop(record, wait, now)
    record = _with_adopted(record, operation, wait, now)
    if wait.next_run:
        record = _with_current_ended(record, wait.run_ended, None) if wait.run_ended else record
        record = with_next_run(record, now)
    if wait.becomes:
        carried_out = operation.request.model_copy(update={"action": wait.becomes})
        operation = operation.model_copy(update={"request": carried_out, "asked_as": operation.action})
        record = record.with_operation(operation)
    if operation.arm and (news := _news(operation.arm, wait)):
        record = _with_arm(record, operation, **news)
        operation = _open(record, operation_id)
    vanished = (operation.vanished_at or now) if wait.vanished else None
    unreachable = (operation.unreachable_at or now) if wait.unreachable else None
    if (vanished, unreachable) == (operation.vanished_at, operation.unreachable_at):
        return record
    since = {"vanished_at": vanished, "unreachable_at": unreachable}
    return record.with_operation(operation.model_copy(update=since))


def _starts_from_named(operation: Operation, step: Stop | Cancel | Start | Submit) -> bool:
    """Whether a step of an upload starts from what its job.json names: where it ended a copy, it does not."""
    match step:
        case Start():
            return step.savepoint is not None and not (operation.stop or operation.cancel)
        case Submit():
            return step.save_point_name is not None
        case Stop() | Cancel():
            return False


def was_skipped(record: JobRecord, operation_id: str, end: End) -> bool:
    """Whether a periodic savepoint found nothing to save: it leaves no operation, since nobody asked for it."""
    operation = _open(record, operation_id)
    return operation.cause.kind == "timer" and end.outcome is Outcome.REFUSED and not operation.acted


def closed(record: JobRecord, operation_id: str, end: End, now: datetime) -> Operation:
    """Return the operation as it is kept when it is over."""
    return _over(record, _open(record, operation_id), end, now)


def _over(record: JobRecord, operation: Operation, end: End, now: datetime) -> Operation:
    result = Result(
        outcome=end.outcome,
        message=end.message,
        code=end.code,
        ended_at=now,
        flink_job_id=_flink_job_id(record, end),
        savepoint=end.savepoint or operation.savepoint,
        restored_from=end.restored_from,
        savepoints=end.savepoints,
    )
    return operation.model_copy(update={"result": result, "run": run_id(record)})


def concluded(record: JobRecord, operation: Operation, end: End, now: datetime) -> JobRecord:
    """Take a closed operation's outcome into the record."""
    window = record.wanted and record.wanted.spec.update_window
    over = _over(record, record.operation(operation.id) or operation, end, now)
    if end.savepoint:
        record = with_savepoint(
            record, operation, end.savepoint, now, flink_job_id=_flink_job_id(record, end) or ("" if end.row else None)
        )
    if end.row:
        record = record.but(row=end.row)
    if end.launched:
        record = record.but(launched=end.launched.id)
    if record.current and (end.ended or end.listed):
        record = record.but(current=_with_end(record.current, operation, end))
    if record.current and end.unstopped:
        record = record.but(current=record.current.model_copy(update={"stop": None}))
    record = with_outcome(record, record.operation(operation.id) or operation, end, now)
    if end.wanted and end.outcome in (Outcome.SUCCEEDED, Outcome.UNPROVEN):
        record = _with_wanted(record, operation, end.wanted)
        record = with_job_json(record, operation, counted=False)
    if end.ended == "NEVER_STARTED" or end.outcome is Outcome.REFUSED:
        record = without_job_json(record, operation)
    record = with_handled(record, record.operation(operation.id) or operation, end.outcome)
    record = record.but(asked=asked_of(over), run=over.run) if is_told(over) else record
    if end.forget:
        record = record.but(asked=None, run=None, run_since=None, runs=())
        record = record.but(deleted=True, current=None, previous=None, ran=False, job_jsons=(), handled=())
        record = record.but(wanted=None, wanted_at=None, brought=None, folder=None, rolled_back=())
        record = record.but(row=None, placed=None, launched=None)
    if end.forget or window != (record.wanted and record.wanted.spec.update_window):
        record = queueing.looked_at_again(record, now)
    last = LastOperation(
        id=operation.id,
        action=operation.action,
        cause=operation.cause,
        outcome=end.outcome,
        message=end.message,
        ended_at=now,
        reason=operation.request.reason,
    )
    return record.without_operation(operation.id).but(last=last)


def with_savepoint(
    record: JobRecord, operation: Operation, path: str, now: datetime, *, flink_job_id: str | None = None
) -> JobRecord:
    """Add a complete savepoint of the current copy, or of the one that is named, once."""
    copy = record.current.flink_job_id if record.current else flink_job_id
    if copy is None or any(savepoint.path == path for savepoint in record.savepoints):
        return record
    savepoint = Savepoint(
        path=path,
        taken_at=now,
        origin=operation.action,
        cause=operation.cause.kind,
        flink_job_id=copy,
        operation=operation.id,
    )
    return record.but(savepoints=(*record.savepoints, savepoint))


def _with_end(copy: Copy, operation: Operation, end: End) -> Copy:
    """Write down how a copy ended, and by what: on purpose, or on the way to another one."""
    ours = end.ended in ("STOPPED", "CANCELED") and end.code != "CanceledMeanwhile"
    by = {"ended": end.ended, "ended_by": operation.action if ours else None} if end.ended else {}
    return copy.model_copy(update={"seen": True, **by})


def _flink_job_id(record: JobRecord, end: End) -> str | None:
    if record.current:
        return record.current.flink_job_id
    return end.row.job_id if end.row else None


def _news(known: ArmProgress, wait: Wait) -> dict[str, bool]:
    seen_in_progress = {"seen_in_progress": True} if wait.in_progress and not known.seen_in_progress else {}
    return seen_in_progress | ({"accepted": True} if wait.accepted and not known.accepted else {})


def _with_arm(record: JobRecord, operation: Operation, **changes: object) -> JobRecord:
    arm = (operation.arm or ArmProgress()).model_copy(update=changes)
    return record.with_operation(operation.model_copy(update={"arm": arm}))


def _open(record: JobRecord, operation_id: str) -> Operation:
    operation = record.operation(operation_id)
    if operation is None:
        raise AssertionError(f"operation {operation_id} is not open in the record of {record.name}")
    return operation


def _mark_name(step: Step) -> MarkName | None:
    match step:
        case Stop():
            return "stop"
        case Trigger():
            return "trigger"
        case TakeCheckpoint():
            return "checkpoint"
        case Cancel():
            return "cancel"
        case Start():
            return "rollback" if step.undo else "start"
        case Submit():
            return "submit"
        case Check():
            return "check"
        case Keep() | UploadJar() | PlaceJar() | Wait() | End():
            return None


def _marked(mark: Mark | None, step: Step, now: datetime) -> Mark:
    incarnation = step.incarnation if isinstance(step, Start) else None
    if mark is None:
        return Mark(sent_at=now, last_sent_at=now, unanswered=1, incarnation=incarnation)
    again = {"last_sent_at": now, "unanswered": mark.unanswered + 1, "refused": None, "incarnation": incarnation}
    return mark.model_copy(update=again)


def _with_mark(record: JobRecord, operation: Operation, step: Step, *, refused: str | None) -> JobRecord:
    name = _mark_name(step)
    mark: Mark | None = getattr(operation, name) if name else None
    if name is None or mark is None:
        return record
    answered = mark.model_copy(update={"unanswered": mark.unanswered - 1, "refused": refused})
    if name == "stop" and answered.unanswered == 0:
        record = _without_own_stop(record, operation)
    return record.with_operation(operation.model_copy(update={name: answered}))


def _starts_another(record: JobRecord, step: Step) -> bool:
    """Whether a start is another one than that of the current copy; a mark counts the calls for one id."""
    return isinstance(step, Start) and (record.current is None or record.current.flink_job_id != step.flink_job_id)


def _replaced(record: JobRecord, operation: Operation) -> Release | None:
    """Return what the copy ran that this operation ended with its state kept: at the first start, the current one."""
    stopped = operation.stop is not None and operation.cancel is None
    canceled = operation.cancel is not None and operation.action is Action.LAST_STATE_UPDATE
    first = not operation.has_started and (stopped or canceled)
    return record.current.release if first and record.current else operation.replaced


def _with_failed_stop(record: JobRecord, operation: Operation, wait: Wait) -> tuple[JobRecord, Operation]:
    """Make room for another stop of this operation, now that the last one is known to have failed."""
    if not wait.unstopped or operation.stop is None:
        return record, operation
    mark = operation.stop.model_copy(update={"unanswered": 0, "refused": None})
    changed = operation.model_copy(update={"stop": mark, "stops_failed": operation.stops_failed + 1})
    return record.with_operation(changed), changed


def _with_stop(record: JobRecord, operation: Operation, step: Stop) -> JobRecord:
    """Remember with the copy how it is being stopped, for longer than the operation lives."""
    copy = record.current
    if copy is None or (copy.stop and copy.stop.trigger_id == step.trigger_id):
        return record
    stop = StopBegun(
        trigger_id=step.trigger_id,
        directory=step.directory,
        operation=operation.id,
        action=operation.action,
        cause=operation.cause.kind,
    )
    return record.but(current=copy.model_copy(update={"stop": stop}))


def _with_adopted(record: JobRecord, operation: Operation, wait: Wait, now: datetime) -> JobRecord:
    """Make a Flink job the current copy; from then on the past is known."""
    if wait.adopted is None or record.current:
        return record
    flink_job_id, told = wait.adopted
    copy = Copy(flink_job_id=flink_job_id, adopted=told, operation=operation.id, started_at=now, seen=True)
    return record.but(current=copy, unknown_past=False, run=run_id(record))


def _without_own_stop(record: JobRecord, operation: Operation) -> JobRecord:
    """Forget a stop of which no call can have taken effect; one that an earlier operation began stays."""
    copy = record.current
    if copy is None or copy.stop is None or copy.stop.operation != operation.id:
        return record
    return record.but(current=copy.model_copy(update={"stop": None}))


def _with_end_of_stop(record: JobRecord, wait: Wait, now: datetime) -> JobRecord:
    """Write down how a stop ended whose operation was given up."""
    copy = record.current
    if copy is None or copy.stop is None or not (wait.stopped or wait.unstopped):
        return record
    if wait.unstopped or wait.stopped is None:
        return record.but(current=copy.model_copy(update={"stop": None}))
    savepoint = Savepoint(
        path=wait.stopped,
        taken_at=now,
        origin=copy.stop.action,
        cause=copy.stop.cause,
        flink_job_id=copy.flink_job_id,
        operation=copy.stop.operation,
    )
    known = any(savepoint.path == other.path for other in record.savepoints)
    return record.but(
        current=copy.model_copy(update={"ended": "STOPPED", "ended_by": copy.stop.action, "seen": True}),
        savepoints=record.savepoints if known else (*record.savepoints, savepoint),
    )


def _with_new_copy(record: JobRecord, operation: Operation, step: Start, now: datetime) -> JobRecord:
    """Record the savepoint that the stop wrote, then the copy that is about to be started; once."""
    if record.current and record.current.flink_job_id == step.flink_job_id:
        return record
    if step.stop_savepoint:
        record = with_savepoint(record, operation, step.stop_savepoint, now)
        record = _with_current_ended(record, "STOPPED", operation.action)
    if step.undo and step.undo.never_started:
        record = _with_current_ended(record, "NEVER_STARTED", None)
    copy = Copy(
        flink_job_id=step.flink_job_id,
        release=step.release,
        operation=operation.id,
        started_at=now,
        savepoint=step.savepoint,
        operators=_operators(record, operation, step.release),
    )
    before = record.current
    ran = before is not None and before.ended != "NEVER_STARTED"
    return record.but(current=copy, previous=record.last_ran, ran=record.ran or ran, run=run_id(record))


def _with_current_ended(record: JobRecord, ended: Ended, by: Action | None) -> JobRecord:
    """Record how the current copy ended, before another one takes its place."""
    if record.current is None:
        return record
    end = {"ended": ended, "ended_by": by, "seen": True}
    return record.but(current=record.current.model_copy(update=end))


def _operators(record: JobRecord, operation: Operation, release: Release) -> tuple[str, ...]:
    """Return the ids of a release's operators: from its check, or from a copy that ran it before."""
    if operation.checked and operation.checked.release == release.id:
        return operation.checked.operators
    ran = [copy for copy in (record.current, record.previous) if copy and release.same_as(copy.release)]
    return ran[0].operators if ran else ()


def _with_wanted(record: JobRecord, operation: Operation, release: Release) -> JobRecord:
    folder = operation.request.folder or record.folder
    if record.wanted and release.same_as(record.wanted):
        return record.but(folder=folder, wanted=record.wanted.taken_as(release))
    jar = operation.request.jar
    at = jar.last_modified if jar and jar.last_modified else operation.requested_at
    return record.but(wanted=release, wanted_at=at, folder=folder)


def _detail(step: Step) -> str:
    match step:
        case Stop() | Trigger():
            return f"{step.flink_job_id} trigger {step.trigger_id} into {step.directory}"
        case Start():
            return f"{step.flink_job_id} release {step.release.id[:12]} from {step.savepoint or 'no state'}"
        case TakeCheckpoint():
            return f"{step.flink_job_id} trigger {step.trigger_id}"
        case Cancel():
            return step.flink_job_id
        case UploadJar() | PlaceJar() | Check():
            return f"{step.release.sha256[:12]} ({step.release.jar_name})"
        case Submit():
            return step.action
        case Keep() | Wait() | End():
            return ""
