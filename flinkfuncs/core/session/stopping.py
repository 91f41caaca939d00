"""How a stop, a savepoint or a cancel that was begun goes on to its end.

The rule that must never break: between two stops only the same trigger id (with another one, both stops can fail and
the job restarts), and a stop that was written down is never given up as if the job were untouched.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from ..actions import Action
from ..errors import Refused
from ..jobs import JobRecord
from ..names import Directory
from ..operations import Mark, Operation, Outcome
from ..steps import Cancel, End, Step, Stop, Trigger, Wait
from .ends import (
    CACHE_SECONDS,
    ENDS,
    FINISHED,
    Limits,
    age_seconds,
    current_copy,
    fail,
    pause,
    refuse,
    wait_for_vanished,
)
from .facts import CopySeen, CopyState, Seen, TriggerDone, TriggerFailed, TriggerRunning, TriggerUnknown, looked_at
from .inheriting import stop_directory
from .last_state import after_cancel, cancel_for_state, newest_state
from .savepoints import savepoint_directory
from .starting import after_stop, fresh_start, start_own

NOT_ALL_RUN = "Not all required tasks are currently running"  # what Flink says of a job that restarts
MOST_STOPS = 3  # of one operation, each after the one before is known to have failed
AGAIN_SECONDS = 1.0  # how long a trigger may be unknown before it is sent again


def begin_stop(operation: Operation, record: JobRecord, limits: Limits) -> Step:
    """Stop the current copy with a savepoint: under this operation's own trigger id, or that of a stop in flight."""
    if earlier := current_copy(record).stop:
        copy = current_copy(record)
        return Stop(copy.flink_job_id, earlier.trigger_id, earlier.directory, copy.spec.savepoint_format)
    return _begin(Stop, operation, record, limits, operation.stop_token)


def begin_trigger(operation: Operation, record: JobRecord, limits: Limits) -> Step:
    """Take a savepoint of the current copy, under this operation's own trigger id and directory."""
    return _begin(Trigger, operation, record, limits, operation.token("savepoint"))


def _begin(
    kind: type[Stop] | type[Trigger], operation: Operation, record: JobRecord, limits: Limits, trigger_id: str
) -> Step:
    try:
        directory = savepoint_directory(operation, record, limits)
    except Refused as error:
        return refuse(error.message, error.code)
    copy = current_copy(record)
    return kind(copy.flink_job_id, trigger_id, str(directory), copy.spec.savepoint_format)


def stopping(operation: Operation, record: JobRecord, mark: Mark, seen: Seen, limits: Limits) -> Step:
    """Continue a stop.

    copy           savepoint             step
    -------------  --------------------  ---------------------------------------------------------------------
    FINISHED       in work               Wait: the copy ends a moment before Flink reports its savepoint
    FINISHED       complete              STOP: End; an update: Start
    FINISHED       unknown, failed       the copy's last savepoint if it is in our directory; else Fail
    FAILED         in work               Wait, as above
    FAILED         otherwise             Fail, naming the savepoint if one was written; but where the cluster ended
                                         the copy, an update: Start from the newest state, if that is known
    CANCELED       any                   Fail: somebody cancelled it
    ABSENT         any                   Wait until it must be gone; then an update: Start from the newest state,
                                         where that is known; else Fail, naming our directory
    runs           complete, in work     Wait, until the deadline
    runs           failed                Fail: the job continues (STATELESS_UPDATE withoutSavepoint: Cancel)
    … in a         failed                note it; Wait until the job runs again, then Stop under the next trigger
    failover                             id, three times at most; then as the next rows say
    … since it     failed                UPDATE: Cancel, if the job's newest state outlives that; else Fail
    restarts
    runs           unknown, not refused  Stop again after a second, under the same trigger id
    runs           unknown, refused      Fail: the job continues; but Wait while an earlier call may take effect
    """
    copy = looked_at(seen)
    in_work = isinstance(seen.trigger, TriggerRunning) and age_seconds(mark.sent_at, seen) <= limits.stop_seconds
    if in_work and copy.state in (CopyState.FINISHED, CopyState.FAILED):
        return Wait(0.1, f"the job has {copy.state}; what became of its savepoint is not told yet", hop=False)
    match copy.state:
        case CopyState.FINISHED:
            return _finished(operation, record, seen, limits)
        case CopyState.FAILED:
            goes_on = copy.ended_by_the_cluster and _from_newest_state(operation, record, seen, limits)
            return goes_on or _failed(seen, copy)
        case CopyState.CANCELED:
            return replace(
                fail("somebody cancelled the job while it was stopped", "CanceledMeanwhile"), ended="CANCELED"
            )
        case CopyState.ABSENT:
            return wait_for_vanished(operation, seen) or _vanished(operation, record, seen, limits)
    return _still_runs(operation, record, mark, seen, limits)


def _still_runs(operation: Operation, record: JobRecord, mark: Mark, seen: Seen, limits: Limits) -> Step:
    """Carry on a stop whose copy has not ended."""
    match seen.trigger:
        case TriggerDone() | TriggerRunning():
            return _await_savepoint(mark, seen, limits, hop=isinstance(seen.trigger, TriggerRunning))
        case TriggerFailed(cause, failed_over=True) if _may_stop_again(operation, mark, seen, limits):
            return Wait(0.2, f"the job was failing over while it was stopped: {cause}", unstopped=True)
        case TriggerFailed(cause, path):
            if instead := _by_last_state(operation, record, seen, limits, cause):
                return instead
            end = _not_stopped(operation, record, cause, path)
            return replace(end, unstopped=True) if isinstance(end, End) else end
        case TriggerUnknown():
            if mark.refused:
                return _maybe_late(mark, seen, limits) or _not_stopped(operation, record, mark.refused)
            if operation.stops_failed and mark.unanswered == 0:
                return _stop_again(operation, record, mark, seen, limits)
            return _again(begin_stop(operation, record, limits), mark, seen, limits)


def _may_stop_again(operation: Operation, mark: Mark, seen: Seen, limits: Limits) -> bool:
    """Whether there is another stop after one that failed in a failover and wrote no savepoint."""
    without = operation.action is Action.STATELESS_UPDATE and operation.request.without_savepoint
    written = isinstance(seen.trigger, TriggerFailed) and seen.trigger.path is not None
    in_time = age_seconds(mark.sent_at, seen) <= limits.stop_seconds
    return in_time and not without and not written and operation.stops_failed + 1 < MOST_STOPS


def _stop_again(operation: Operation, record: JobRecord, mark: Mark, seen: Seen, limits: Limits) -> Step:
    """Stop a job again that was failing over, once it runs."""
    if looked_at(seen).state is CopyState.RUNNING:
        return begin_stop(operation, record, limits)
    late = age_seconds(mark.last_sent_at, seen) > limits.start_seconds
    if not late:
        return Wait(pause(mark.last_sent_at, seen), f"the job is {looked_at(seen).state}; it is stopped when it runs")
    cause = f"it does not run again after a failover: {looked_at(seen).failure or 'Flink names no cause'}"
    return _by_last_state(operation, record, seen, limits, cause) or _not_stopped(operation, record, cause)


def savepointing(operation: Operation, record: JobRecord, mark: Mark, seen: Seen, limits: Limits) -> Step:
    """Continue a savepoint.

    savepoint             copy         step
    --------------------  -----------  ---------------------------------------
    complete              any          End
    failed                any          Fail: the job was not touched
    in work               runs         Wait, until the deadline
    in work, unknown      otherwise    Fail: it ended or restarts meanwhile
    unknown, not refused  runs         Trigger again after a second, under the same trigger id
    unknown, refused      runs         Fail; but Wait while an earlier call may take effect
    """
    match seen.trigger:
        case TriggerDone(path):
            return End(Outcome.SUCCEEDED, f"savepoint {path}", savepoint=path)
        case TriggerFailed(cause):
            return fail(f"no savepoint could be written: {cause}", "SavepointFailed")
        case TriggerRunning() | TriggerUnknown():
            if looked_at(seen).state not in (CopyState.RUNNING, CopyState.STARTING):
                return fail(f"the job is {looked_at(seen).state}; no savepoint was written", "JobNotRunning")
            if isinstance(seen.trigger, TriggerRunning):
                return _await_savepoint(mark, seen, limits, hop=True)
            if mark.refused:
                failed = fail(f"no savepoint could be written: {mark.refused}", "SavepointFailed")
                return _maybe_late(mark, seen, limits) or failed
            return _again(begin_trigger(operation, record, limits), mark, seen, limits)


def canceling(operation: Operation, record: JobRecord, mark: Mark, seen: Seen, limits: Limits) -> Step:
    """Continue a cancel.

    copy                 step
    -------------------  -------------------------------------------------------------------------
    CANCELED             End (STATELESS_UPDATE: Start fresh; UPDATE, LAST_STATE_UPDATE: Start from its newest state;
                         DELETE: the record becomes a tombstone)
    FINISHED, FAILED     End: it ended before the cancel (otherwise as above)
    CANCELLING           Wait
    ABSENT               Wait until it must be gone, then Fail (DELETE and the updates: as above)
    otherwise            Cancel again when the last one has been unanswered for long; refused: Fail
    """
    copy = looked_at(seen)
    if copy.state in (CopyState.CANCELED, CopyState.FINISHED, CopyState.FAILED):
        return _canceled(operation, record, seen, limits)
    if copy.state is CopyState.ABSENT:
        return wait_for_vanished(operation, seen) or _canceled(operation, record, seen, limits)
    if copy.state is not CopyState.CANCELLING and mark.refused:
        return fail(f"the job could not be cancelled: {mark.refused}", "CancelFailed")
    unsent = mark.unanswered == 0 or age_seconds(mark.last_sent_at, seen) > limits.repeat_seconds
    if copy.state is not CopyState.CANCELLING and unsent:
        return Cancel(current_copy(record).flink_job_id)
    if age_seconds(mark.sent_at, seen) > limits.stop_seconds:
        return fail("the job is CANCELLING and does not end", "CancelTimeout")
    return Wait(pause(mark.last_sent_at, seen), "the job is being cancelled")


def _finished(operation: Operation, record: JobRecord, seen: Seen, limits: Limits) -> Step:
    path = _written(operation, record, seen, limits)
    if path is None and age_seconds(operation.progressed_at, seen) < CACHE_SECONDS:
        return Wait(0.5, "the job has ended; its savepoint is not listed yet", hop=False)
    if path is None:
        cause = seen.trigger.cause if isinstance(seen.trigger, TriggerFailed) else "Flink knows of no savepoint"
        message = f"the job finished by itself before it was stopped with a savepoint ({cause}): {FINISHED}"
        return replace(fail(message, "JobFinished"), ended="FINISHED")
    if operation.action is Action.STOP:
        return End(Outcome.SUCCEEDED, f"stopped with savepoint {path}", savepoint=path, ended="STOPPED")
    return after_stop(operation, record, seen, limits, path)


def _written(operation: Operation, record: JobRecord, seen: Seen, limits: Limits) -> str | None:
    """Return the savepoint that this operation's stop wrote, if Flink still tells of it."""
    if isinstance(seen.trigger, TriggerDone):
        return seen.trigger.path
    last = looked_at(seen).last_savepoint
    ours = stop_directory(operation, record, limits)
    with suppress(Refused):  # somebody else's savepoint may lie where no plain URI leads
        return last if last and ours.holds(Directory.parse(last)) else None
    return None


def _failed(seen: Seen, copy: CopySeen) -> End:
    written = seen.trigger.path if isinstance(seen.trigger, TriggerFailed | TriggerDone) else None
    where = f"a consistent savepoint was written: {written}" if written else "no savepoint was written"
    message = f"the job failed while it was stopped ({copy.failure or 'Flink names no cause'}); {where}"
    return End(Outcome.FAILED, message, code="FailedWhileStopping", savepoint=written, ended="FAILED")


def _vanished(operation: Operation, record: JobRecord, seen: Seen, limits: Limits) -> Step:
    where = stop_directory(operation, record, limits)
    failed = fail(
        f"the job vanished from the cluster while it was stopped; its savepoint may be in {where}", "Vanished"
    )
    return _from_newest_state(operation, record, seen, limits) or failed


def _from_newest_state(operation: Operation, record: JobRecord, seen: Seen, limits: Limits) -> Step | None:
    """Carry an update on whose copy the cluster lost while it was stopped; None where its newest state is not known.

    That state may be the savepoint of the stop.
    """
    if operation.action not in (Action.UPDATE, Action.LAST_STATE_UPDATE) or seen.left is None:
        return None
    state = newest_state(operation, record, seen, limits)
    if isinstance(state, Wait):
        return state
    return start_own(operation, seen, state) if isinstance(state, str) else None


def _not_stopped(operation: Operation, record: JobRecord, cause: str, written: str | None = None) -> Step:
    if operation.action is Action.STATELESS_UPDATE and operation.request.without_savepoint:
        return Cancel(current_copy(record).flink_job_id)
    what = f"a savepoint was written, but the job goes on ({written})" if written else "no savepoint could be written"
    return replace(fail(f"the job was not stopped; {what}: {cause}", "SavepointFailed"), savepoint=written)


def _maybe_late(mark: Mark, seen: Seen, limits: Limits) -> Wait | None:
    """Wait while a call that went unanswered, before the one that was refused, may still take effect."""
    late = mark.unanswered > 0 and age_seconds(mark.last_sent_at, seen) < limits.repeat_seconds
    return Wait(1.0, "an earlier call was not answered and may still take effect") if late else None


def _again(step: Step, mark: Mark, seen: Seen, limits: Limits) -> Step:
    """Send the same call again: it carries the same trigger id, so Flink takes it once."""
    if age_seconds(mark.sent_at, seen) > limits.stop_seconds:
        return fail("Flink does not take the savepoint's trigger; the job goes on", "SavepointTimeout")
    if mark.unanswered and age_seconds(mark.last_sent_at, seen) < AGAIN_SECONDS:
        return Wait(0.1, "the savepoint's trigger is not known yet", hop=False)
    return step


def _await_savepoint(mark: Mark, seen: Seen, limits: Limits, *, hop: bool) -> Step:
    if age_seconds(mark.sent_at, seen) > limits.stop_seconds:
        late = f"the savepoint was not complete after {limits.stop_seconds:.0f} s"
        return fail(f"{late}; a stop that was begun may still end the job", "SavepointTimeout")
    return Wait(pause(mark.sent_at, seen), "the savepoint is being written", hop=hop)


def _canceled(operation: Operation, record: JobRecord, seen: Seen, limits: Limits) -> Step:
    """Go on now that nothing of the copy can run."""
    copy = looked_at(seen)
    ended = ENDS.get(copy.state)
    if operation.action is Action.STATELESS_UPDATE:
        return fresh_start(operation, seen)
    if operation.action in (Action.UPDATE, Action.LAST_STATE_UPDATE):
        state = after_cancel(operation, record, seen, limits, ended)
        return start_own(operation, seen, state) if isinstance(state, str) else state
    if operation.action is Action.DELETE:
        message = f"the job is {ended or 'VANISHED'} and deleted; savepoints and releases are kept, the name is free"
        return End(Outcome.SUCCEEDED, message, ended=ended, forget=True)
    if ended is None:
        return fail("the job vanished while it was cancelled", "Vanished")
    if ended == "CANCELED":
        return End(Outcome.SUCCEEDED, "cancelled; savepoints and retained checkpoints remain", ended=ended)
    note = f": {FINISHED}" if ended == "FINISHED" else ""
    return End(Outcome.SUCCEEDED, f"the job {ended} before it was cancelled{note}", ended=ended)


def _by_last_state(operation: Operation, record: JobRecord, seen: Seen, limits: Limits, cause: str) -> Cancel | None:
    """Cancel a job that cannot be saved since it restarts, to start the fix from the state that it leaves."""
    restarts = looked_at(seen).state is CopyState.RESTARTING or NOT_ALL_RUN in cause
    if operation.action is not Action.UPDATE or not restarts:
        return None
    step = cancel_for_state(operation, record, seen, limits)
    return step if isinstance(step, Cancel) else None
