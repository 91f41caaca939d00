"""What follows when a new copy failed: the old release again, from the same savepoint, if there is one and it may.

    it was started in the place of      onFailure  copy         step
    ----------------------------------  ---------  -----------  ---------------------------------------------------
    nothing that this operation ended,  any        any          Fail, naming savepoint and jar
    or an adopted copy
    a copy of the old release           stop       terminal     Fail, naming savepoint and jar
    a copy of the old release           stop       runs         Cancel it, then Fail
    a copy of the old release           rollback   terminal     Start the old release from the savepoint
    a copy of the old release           rollback   runs         Cancel it, then Start the old release
    the new copy (it is the rollback)   any        any          Fail: nothing works, a person has to look

The state to go back to is the savepoint of this operation's stop; where it cancelled the old copy instead (by
LAST_STATE_UPDATE), the state that the new copy was started from.

The rule that must never break: the bad copy is terminal before the old release is started.
"""

from __future__ import annotations

from ..actions import Action
from ..jobs import Copy, JobRecord
from ..operations import Operation, Outcome, Undo
from ..steps import Cancel, End, Start, Step, UploadJar, Wait
from .ends import Limits, age_seconds, current_copy, pause, wait_for_vanished
from .facts import CopyState, Seen, looked_at
from .proof import Evidence, new_copy

TERMINAL = (CopyState.FINISHED, CopyState.CANCELED, CopyState.FAILED)


def failed_start(operation: Operation, record: JobRecord, seen: Seen, evidence: Evidence) -> Step:
    """Say what follows now that the new copy is no good."""
    message = new_copy(record, evidence.what)
    if operation.undo:
        both = f"{operation.undo.reason}; and the rollback failed, too: {message}; {_by_hand(record)}"
        return End(Outcome.FAILED, both, code="RollbackFailed", ended=evidence.ended, listed=evidence.ended is None)
    if way_back(operation, record) is None:
        return End(Outcome.FAILED, message, code=evidence.code, ended=evidence.ended, listed=evidence.ended is None)
    undo = Undo(
        reason=message, at=seen.now, started_at=current_copy(record).started_at, completed=_completed(operation, seen)
    )
    if evidence.ended:
        return _ended(operation, record, seen, undo, evidence)
    return Cancel(current_copy(record).flink_job_id, undo=undo)


def undoing(operation: Operation, record: JobRecord, undo: Undo, seen: Seen, limits: Limits) -> Step:
    """Make the bad copy terminal, then go back.

    copy        step
    ----------  -----------------------------------------------------------------------
    terminal    the old release again, or (onFailure stop) the end
    ABSENT      Wait until it must be gone, then the same
    CANCELLING  Wait, until the deadline
    otherwise   Cancel again, when the last one surely did not leave or went unanswered
    """
    copy, mark = looked_at(seen), operation.cancel
    if mark is None:
        raise AssertionError(f"operation {operation.id} undoes a copy that it did not cancel")
    counted = undo.model_copy(update={"completed": max(undo.completed, copy.completed)})
    if copy.state in TERMINAL:
        return _ended(operation, record, seen, counted, Evidence("", "NewCopyFailed", "CANCELED"))
    if copy.state is CopyState.ABSENT:
        gone = _ended(operation, record, seen, counted, Evidence("", "NewCopyFailed"))
        return wait_for_vanished(operation, seen) or gone
    if age_seconds(mark.sent_at, seen) > limits.stop_seconds:
        return End(Outcome.FAILED, f"{undo.reason}; it cannot be cancelled; {_by_hand(record)}", code="RollbackFailed")
    unsent = mark.unanswered == 0 or age_seconds(mark.last_sent_at, seen) > limits.repeat_seconds
    if copy.state is not CopyState.CANCELLING and unsent:
        return Cancel(current_copy(record).flink_job_id, undo=undo)
    return Wait(pause(mark.last_sent_at, seen), "the new copy failed and is being cancelled", hop=False)


def _ended(operation: Operation, record: JobRecord, seen: Seen, undo: Undo, evidence: Evidence) -> Step:
    """Go back now that the bad copy is terminal."""
    old, state = way_back(operation, record), operation.savepoint or current_copy(record).savepoint
    if old is None or state is None:
        raise AssertionError(f"operation {operation.id} undoes a copy without a way back")
    if current_copy(record).spec.on_failure == "stop":
        return End(Outcome.FAILED, undo.reason, code=evidence.code, ended=evidence.ended, savepoint=operation.savepoint)
    if not seen.jar_on_cluster:
        return UploadJar(old.own_release)
    return Start(operation.token("rollback"), old.own_release, state, incarnation=seen.incarnation, undo=undo)


def way_back(operation: Operation, record: JobRecord) -> Copy | None:
    """Return the copy that this operation ended, with its state kept; an adopted one has no release to go back to."""
    stopped = operation.stop is not None and operation.savepoint is not None
    canceled = operation.cancel is not None and operation.action is Action.LAST_STATE_UPDATE
    return record.previous if (stopped or canceled) and record.previous and record.previous.release else None


def _completed(operation: Operation, seen: Seen) -> int:
    return seen.copy.completed if seen.copy and operation.start else 0


def _by_hand(record: JobRecord) -> str:
    newest = record.newest_savepoint
    return f"start it by hand from {newest.path}" if newest else "there is no savepoint to start from"
