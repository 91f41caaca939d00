"""From which state a job may be started whose last copy was not stopped by us: from the newest one that is still there.

    named (savePointName), where that counts           that one
    no copy can have run after the newest savepoint    the newest savepoint
    every start of the job was refused                 none is needed
    a start may still come                             that of this start: `start` repeats it, or refuses
    otherwise                                          what the last copy left, as below

    the last copy's newest state, as Flink or storage reports it   step
    -------------------------------------------------------------  ---------------------------------------------
    reported too early: Flink's caches may lag behind its end      Wait
    none, since the job runs in batch mode                         Refuse: STATELESS_UPDATE starts it again
    not known, or there is none                                    Refuse: name one, or start without state
    a checkpoint that Flink deleted, or deletes when it cancels    Refuse, as above
    an unaligned checkpoint, and another release is to be started  Refuse, except with allowUnalignedCheckpoint
    a savepoint, a retained checkpoint                             start from it

Before a copy is cancelled for its state, the same questions are asked about the state that it has then.

The rule that must never break: no state older than the newest one is taken without being asked for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from ..actions import Action
from ..jobs import Ended, JobRecord
from ..naming import named
from ..operations import Operation, Outcome
from ..releases import Release
from ..steps import Cancel, End, Wait
from .ends import Limits, current_copy, not_yet_told, refuse, refuse_batch
from .facts import CopySeen, CopyState, Seen, Status, TriggerFailed, TriggerSeen, standing, status_of
from .savepoints import named_objection, named_savepoint, never_ran, resting_savepoint

State: TypeAlias = str | Wait | End | None  # the path to start from, or why not (yet); None: fresh, nothing is lost

NEED_STATE = (Action.START, Action.UPDATE, Action.LAST_STATE_UPDATE, Action.RE_LAUNCH)
ENDED = (CopyState.FINISHED, CopyState.CANCELED, CopyState.FAILED)
WAYS_ON = "name the savepoint to start from (savePointName), or start without state (STATELESS_UPDATE)"


def is_asked_for(operation: Operation, record: JobRecord, copy: CopySeen | None, trigger: TriggerSeen) -> bool:
    """Whether a look has to find out what the last copy left: not in the stretch between a stop and its start."""
    if operation.has_started:
        return copy is not None and _may_be_lost(operation, record, copy)
    if operation.action not in NEED_STATE or named(operation, record, standing(record, copy)):
        return False
    if record.last_ran is None or resting_savepoint(record):
        return False
    if copy is None or operation.cancel:
        return True
    if copy.state is CopyState.ABSENT:
        return status_of(record.current, copy) is Status.VANISHED
    if operation.stop:
        waits = operation.stops_failed > 0 and operation.stop.unanswered == 0
        failed = isinstance(trigger, TriggerFailed) or copy.ended_by_the_cluster
        return failed or (waits and copy.state is not CopyState.RUNNING)
    alive = copy.state is not CopyState.RESTARTING and copy.state not in ENDED
    return not alive or operation.action is Action.LAST_STATE_UPDATE


def _may_be_lost(operation: Operation, record: JobRecord, copy: CopySeen) -> bool:
    """Whether a new copy may have to be started again from what it left; one that is undone may not."""
    undone = operation.undo is not None and operation.rollback is None
    vanished = copy.state is CopyState.ABSENT and status_of(record.current, copy) is Status.VANISHED
    return not undone and (vanished or copy.lost)


def newest_of_lost(operation: Operation, release: Release, record: JobRecord, seen: Seen) -> str | Wait | End:
    """Return the newest state of a copy that the cluster lost, for the same release; or why it cannot be taken."""
    return not_yet_told(operation, seen) or _objection(operation, release, record, seen) or _path(seen)


def newest_state(operation: Operation, record: JobRecord, seen: Seen, limits: Limits) -> State:
    """Return the state to start from, now that nothing of the job runs."""
    if named(operation, record, standing(record, seen.copy)):
        return named_savepoint(operation, record, limits)
    if status_of(record.current, seen.copy) is Status.MAY_APPEAR:
        return current_copy(record).savepoint
    if resting := resting_savepoint(record):
        return resting
    if never_ran(record):
        return None
    release = operation.release or record.wanted
    return not_yet_told(operation, seen) or _objection(operation, release, record, seen) or _path(seen)


def cancel_for_state(operation: Operation, record: JobRecord, seen: Seen, limits: Limits) -> Cancel | End:
    """Cancel a copy to start from its newest state; never one whose state would go with it."""
    if named(operation, record, standing(record, seen.copy)):
        objection = named_objection(operation, record, seen, limits)
    else:
        objection = _objection(operation, operation.release or record.wanted, record, seen)
    return objection or Cancel(current_copy(record).flink_job_id)


def after_cancel(
    operation: Operation, record: JobRecord, seen: Seen, limits: Limits, ended: Ended | None
) -> str | Wait | End:
    """Return the state to start from, now that the copy has ended which this operation cancelled for it."""
    state = newest_state(operation, record, seen, limits)
    if state is None:
        raise AssertionError(f"operation {operation.id} cancelled a copy that never ran")
    if not isinstance(state, End):
        return state
    message = f"the job is {ended or 'VANISHED'}, and {state.message}"
    return replace(state, outcome=Outcome.FAILED, message=message, ended=ended)


def _objection(operation: Operation, release: Release | None, record: JobRecord, seen: Seen) -> End | None:
    left = seen.left
    if left and left.batch:
        return refuse_batch("STATELESS_UPDATE starts it from the beginning")
    if left is None:
        return refuse(f"there is no state that is surely the newest one: {WAYS_ON}", "NoValidState")
    if not left.survives:
        return refuse(
            f"the newest state is {left.path}, which Flink deletes when the job ends (or did): {WAYS_ON}",
            "CheckpointNotRetained",
        )
    if left.unaligned and _is_another(release, record) and not operation.request.allow_unaligned_checkpoint:
        return refuse(
            f"the newest state is an unaligned checkpoint ({left.path}): with another release it may not fit; "
            "allowUnalignedCheckpoint tries it",
            "UnalignedCheckpoint",
        )
    return None


def _is_another(release: Release | None, record: JobRecord) -> bool:
    """Whether the release to start is another one than that of the last copy, or may be."""
    last = record.last_ran
    return not (release and last and release.same_as(last.release))


def _path(seen: Seen) -> str:
    if seen.left is None:
        raise AssertionError("a state is taken that nobody told of")
    return seen.left.path
