"""What proves that a new copy is well: it runs from what it should, settles, and completes a checkpoint we ask for.

Settle first, checkpoint last: exactly-once sinks have then usually committed nothing when there has to be a rollback.
A checkpoint alone proves nothing (a crash loop completes some, too), nor does RUNNING alone.

The rule that must never break: nothing is called done without the checkpoint, and nothing is undone without evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..jobs import Ended, JobRecord
from ..operations import BATCH, Mark, Operation, Outcome, Settling
from ..steps import End, Step, TakeCheckpoint, Wait
from ..undone import replayed, with_undo
from .aftermath import aftermath
from .ends import BATCH_ENDS, Limits, age_seconds, current_copy, pause
from .facts import CopySeen, Seen, TriggerDone, TriggerFailed, TriggerRunning, TriggerUnknown, looked_at

MAIN_FAILED = "MainFailed"  # the code of a success: the job runs, and main() failed after it had submitted it
MOST_RESTARTS = 3  # a good copy may fail, too; one that did so often without progress does not get well by itself


@dataclass(frozen=True)
class Evidence:
    """Why a new copy is no good, as its message goes on; `ended` where Flink itself says that it is over."""

    what: str
    code: str
    ended: Ended | None = None


def restarts(record: JobRecord, copy: CopySeen) -> int:
    """Return how often the copy was restarted: by its exceptions, or by what it restored beyond the start."""
    at_start = 1 if current_copy(record).savepoint else 0
    return max(len(copy.failures), copy.restores - at_start)


def proving(operation: Operation, record: JobRecord, mark: Mark, seen: Seen, limits: Limits) -> Step | Evidence:
    """Prove a copy that runs from what it should.

    restarts                   settled  checkpoint             step
    -------------------------  -------  ---------------------  ---------------------------------------------------
    3 by its own fault since   any      any                    it failed: a crash loop
    the newest checkpoint
    another one that may be    any      any                    Wait: settling begins again
    its own fault
    none since last seen       no       any                    Wait
    none since last seen       yes      none: batch mode       End: UNPROVEN, since Flink takes none
    none since last seen       yes      not asked for          TakeCheckpoint
    none since last seen       yes      being taken            Wait
    none since last seen       yes      complete               End: proved
    none since last seen       yes      failed, forgotten      TakeCheckpoint, the next one
    at the deadline            any      anything but complete  End: UNPROVEN; but 2 by its own fault since the
                                                               newest checkpoint: it failed

    `blame` decides whose fault an exception is. A restart that the cluster caused, or after which a checkpoint was
    completed, is no evidence: the release makes progress, and to undo it would write its output again.
    """
    copy = looked_at(seen)
    if len(copy.own_failures) >= MOST_RESTARTS:
        return looping(copy)
    number = restarts(record, copy)
    settled = operation.settling
    begun = Settling(since=seen.now, restarts=number, restored_from=copy.restored_from)
    fresh = settled is not None and settled.model_copy(update={"since": seen.now}) == begun
    if fresh and isinstance(copy.checkpoint, TriggerDone):
        return proved(operation, record, "runs")
    if age_seconds(mark.sent_at, seen) > limits.start_seconds:
        return _not_proved(operation, record, seen)
    if settled is None or not fresh:
        return Wait(min(0.5, limits.settle_seconds), "the new copy settles", listed=True, settling=begun)
    if age_seconds(settled.since, seen) < limits.settle_seconds:
        return Wait(min(0.5, limits.settle_seconds), "the new copy settles", listed=True)
    return _checkpoint(operation, record, seen)


def _checkpoint(operation: Operation, record: JobRecord, seen: Seen) -> Step:
    asked = operation.checkpoint
    if looked_at(seen).batch:
        return _batch(operation, record)
    following = TakeCheckpoint(
        current_copy(record).flink_job_id, operation.token("checkpoint", operation.checkpoints + 1)
    )
    if asked is None:
        return following
    match looked_at(seen).checkpoint:
        case TriggerRunning():
            return Wait(pause(asked.last_sent_at, seen), "the checkpoint that proves the copy is being taken")
        case TriggerDone() | TriggerFailed() | TriggerUnknown():
            if age_seconds(asked.last_sent_at, seen) < 1.0:
                return Wait(0.2, "the checkpoint that proves the copy is not known yet")
            return following


def _batch(operation: Operation, record: JobRecord) -> End:
    """End a start that nothing proves but that its tasks ran without a restart; there is no way back, either."""
    what = f"{new_copy(record, 'runs')}, in batch mode, in which Flink takes no checkpoint that could prove it"
    message = f"{what}; it is kept{_main_failed(operation)}; UPDATE, STOP and SAVEPOINT are refused: {BATCH_ENDS}"
    return End(Outcome.UNPROVEN, message, code=BATCH, wanted=current_copy(record).release, listed=True)


def proved(operation: Operation, record: JobRecord, how: str) -> End:
    """End an operation whose copy is well; after a rollback it is the old release that is well again."""
    copy, again = current_copy(record), operation.again
    origin = f"from {copy.savepoint}" if copy.savepoint else "without state, as asked"
    origin += f", after the cluster lost {again.number} of its copies" if again else ""
    origin += _main_failed(operation)
    if operation.undo is None:
        return End(
            Outcome.SUCCEEDED,
            f"the job {how}, started {origin}",
            code=MAIN_FAILED if _main_failed(operation) else None,
            restored_from=copy.savepoint,
            wanted=copy.release,
            listed=True,
        )
    return End(
        Outcome.ROLLED_BACK,
        f"{operation.undo.reason}; the old release {how} again, started {origin}; {replayed(operation.undo)}",
        code="RolledBack",
        restored_from=copy.savepoint,
        listed=True,
    )


def _main_failed(operation: Operation) -> str:
    """Say what main() failed with after it had submitted the job that runs: a second job, or a result it asked for.

    Flink answers such a start as it answers one that it refuses. A repeated start is refused because its id is taken.
    """
    mark = operation.rollback if operation.undo else operation.start
    if mark is None or mark.refused is None or mark.unanswered:
        return ""
    return f"; main() failed after it had submitted this job, and what it was to do then was not done: {mark.refused}"


def new_copy(record: JobRecord, what: str) -> str:
    """Say what became of the new copy, naming the savepoint and the jar that are there to go on from."""
    copy = current_copy(record)
    newest = record.newest_savepoint
    state = copy.savepoint or (newest.path if newest else None)
    release = f"release {copy.own_release.sha256[:12]} ({copy.own_release.jar_name})"
    return f"the new copy {copy.flink_job_id} of {release} {what}; savepoint: {state or 'none'}"


def looping(copy: CopySeen) -> Evidence:
    """Blame a copy for the exceptions that are its own and that no checkpoint followed."""
    own = copy.own_failures
    return Evidence(f"failed {len(own)} times without a completed checkpoint between: {own[0].cause}", "CrashLoop")


def _not_proved(operation: Operation, record: JobRecord, seen: Seen) -> End | Evidence:
    copy = looked_at(seen)
    if len(copy.own_failures) > 1:
        return looping(copy)
    return unproven(operation, record, seen, "runs, but completed no checkpoint that proves it well")


def unproven(operation: Operation, record: JobRecord, seen: Seen, what: str) -> End:
    """End an operation whose copy is kept, since nothing says that it is bad; a rollback's is the old release again."""
    number, failure = restarts(record, looked_at(seen)), looked_at(seen).failure
    often = f" (restarted {number} times: {failure})" if failure else ""
    kept = f"it is kept: {aftermath(operation, record, seen, 'kept')}{_main_failed(operation)}"
    message = f"{new_copy(record, what + often)}; {kept}"
    if operation.undo:
        both = with_undo(operation, f"the old release was started again: {message}")
        return End(Outcome.UNPROVEN, both, code="RollbackUnproven", listed=True)
    return End(Outcome.UNPROVEN, message, code="Unproven", wanted=current_copy(record).release, listed=True)
