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

The state to go back to is the savepoint of this operation's stop; where the old copy could not be stopped with one, the
state that the new copy was started from. Each end says what was committed and what the next step is (`aftermath`).

The rule that must never break: the bad copy is terminal before the old release is started.
"""

from __future__ import annotations

from ..actions import Action
from ..jobs import JobRecord
from ..operations import Operation, Outcome, Undo
from ..releases import Release
from ..steps import Cancel, End, Start, Step, UploadJar, Wait
from ..undone import with_undo
from .aftermath import aftermath, output_of, state_before
from .ends import Limits, age_seconds, current_copy, not_yet_told, pause, wait_for_vanished
from .facts import CopyState, Seen, looked_at
from .proof import Evidence, new_copy

TERMINAL = (CopyState.FINISHED, CopyState.CANCELED, CopyState.FAILED)


def failed_start(operation: Operation, record: JobRecord, seen: Seen, evidence: Evidence) -> Step:
    """Say what follows now that the new copy is no good."""
    message = new_copy(record, evidence.what)
    after = aftermath(operation, record, seen, "ended" if evidence.ended else "kept")
    if operation.undo:
        message = with_undo(operation, f"and the rollback failed, too: {message}; {after}")
        return End(Outcome.FAILED, message, code="RollbackFailed", ended=evidence.ended, listed=evidence.ended is None)
    if way_back(operation, record) is None:
        message = f"{message}; {after}"
        return End(Outcome.FAILED, message, code=evidence.code, ended=evidence.ended, listed=evidence.ended is None)
    output = output_of(operation, record, seen)
    undo = Undo(
        reason=message,
        at=seen.now,
        started_at=output.since,
        completed=output.completed,
        never_started=evidence.ended == "NEVER_STARTED",
    )
    if evidence.ended:
        return _ended(operation, record, seen, undo, evidence)
    return Cancel(current_copy(record).flink_job_id, undo=undo)


def undoing(operation: Operation, record: JobRecord, undo: Undo, seen: Seen, limits: Limits) -> Step:
    """Make the bad copy terminal, then go back.

    copy        step
    ----------  ---------------------------------------------------------------------------------------------
    terminal    Wait, while Flink's count of its checkpoints may be older than its end; then the old release again,
                or (onFailure stop) the end
    ABSENT      Wait until it must be gone, then the same
    CANCELLING  Wait, until the deadline
    otherwise   Cancel again, when the last one surely did not leave or was not answered
    """
    copy, mark = looked_at(seen), operation.cancel
    if mark is None:
        raise AssertionError(f"operation {operation.id} undoes a copy that it did not cancel")
    completed = max(undo.completed, output_of(operation, record, seen).completed)
    counted = undo.model_copy(update={"completed": completed})
    if copy.state in TERMINAL:
        gone = _ended(operation, record, seen, counted, Evidence("", "NewCopyFailed", "CANCELED"))
        return not_yet_told(operation, seen) or gone
    if copy.state is CopyState.ABSENT:
        uncounted = counted.model_copy(update={"at_least": True})
        gone = _ended(operation, record, seen, uncounted, Evidence("", "NewCopyFailed"))
        return wait_for_vanished(operation, seen) or gone
    if age_seconds(mark.sent_at, seen) > limits.stop_seconds:
        after = aftermath(operation, record, seen, "kept")
        return End(Outcome.FAILED, f"{undo.reason}; it cannot be cancelled; {after}", code="RollbackFailed")
    unsent = mark.unanswered == 0 or age_seconds(mark.last_sent_at, seen) > limits.repeat_seconds
    if copy.state is not CopyState.CANCELLING and unsent:
        return Cancel(current_copy(record).flink_job_id, undo=undo)
    return Wait(pause(mark.last_sent_at, seen), "the new copy failed and is being cancelled", hop=False)


def _ended(operation: Operation, record: JobRecord, seen: Seen, undo: Undo, evidence: Evidence) -> Step:
    """Go back now that the bad copy is terminal."""
    old, state = way_back(operation, record), state_before(operation, record)
    if old is None or state is None:
        raise AssertionError(f"operation {operation.id} undoes a copy without a way back")
    after = aftermath(operation, record, seen, "ended" if evidence.ended else "vanished")
    message = f"{undo.reason}; {after}"
    if current_copy(record).spec.on_failure == "stop":
        return End(Outcome.FAILED, message, code=evidence.code, ended=evidence.ended, savepoint=operation.savepoint)
    if not seen.jar_on_cluster:
        return UploadJar(old, instead=message)
    return Start(operation.copy_token("rollback"), old, state, incarnation=seen.incarnation, undo=undo)


def way_back(operation: Operation, record: JobRecord) -> Release | None:
    """Return the release of the copy that this operation ended, where its state was kept.

    An adopted copy has no release to go back to. An operation that an older version of this app began does not name
    it; there the copy before the current one has it.
    """
    if operation.replaced or operation.again:
        return operation.replaced if state_before(operation, record) else None
    stopped = operation.stop is not None and operation.savepoint is not None
    canceled = operation.cancel is not None and operation.action is Action.LAST_STATE_UPDATE
    return record.previous.release if (stopped or canceled) and record.previous else None
