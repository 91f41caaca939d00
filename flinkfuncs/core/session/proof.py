"""What proves that a new copy is well: it runs from what it should, settles, and completes a checkpoint we ask for.

Settle first, checkpoint last: exactly-once sinks have then usually committed nothing when there has to be a rollback.
A checkpoint alone proves nothing (a crash loop completes some, too), nor does RUNNING alone.

The rule that must never break: nothing is called done without the checkpoint, and nothing is undone without evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..jobs import Ended, JobRecord
from ..operations import Mark, Operation, Outcome, Settling
from ..steps import End, Step, TakeCheckpoint, Wait
from .ends import Limits, age_seconds, current_copy, pause
from .facts import CopySeen, Seen, TriggerDone, TriggerFailed, TriggerRunning, TriggerUnknown, looked_at

MOST_RESTARTS = 3  # a good copy may restart, too; one that did so often does not get well by itself


@dataclass(frozen=True)
class Evidence:
    """Why a new copy is no good, as its message goes on; `ended` where Flink itself says that it is over."""

    what: str
    code: str
    ended: Ended | None = None


def restarts(record: JobRecord, copy: CopySeen) -> int:
    """Return how often the copy was restarted: by its exceptions, or by what it restored beyond the start."""
    at_start = 1 if current_copy(record).savepoint else 0
    return max(copy.failures, copy.restores - at_start)


def proving(operation: Operation, record: JobRecord, mark: Mark, seen: Seen, limits: Limits) -> Step | Evidence:
    """Prove a copy that runs from what it should.

    restarts             settled  checkpoint            step
    -------------------  -------  --------------------  -----------------------------------------------------
    too many             any      any                   it failed: a crash loop
    more than last seen  any      any                   Wait: settling begins anew
    as last seen         no       any                   Wait
    as last seen         yes      not asked for         TakeCheckpoint
    as last seen         yes      being taken           Wait
    as last seen         yes      complete              End: proved
    as last seen         yes      failed, forgotten     TakeCheckpoint, the next one
    at the deadline      any      anything but complete End: UNPROVEN; more than one restart: it failed
    """
    copy = looked_at(seen)
    number = restarts(record, copy)
    if number >= MOST_RESTARTS:
        return _looping(number, copy)
    settled = operation.settling
    fresh = settled is not None and settled.restarts == number
    if fresh and isinstance(copy.checkpoint, TriggerDone):
        return proved(operation, record, "runs")
    if age_seconds(mark.sent_at, seen) > limits.start_seconds:
        return _unproven(record, number, copy)
    if settled is None or not fresh:
        begun = Settling(since=seen.now, restarts=number)
        return Wait(min(0.5, limits.settle_seconds), "the new copy settles", listed=True, settling=begun)
    if age_seconds(settled.since, seen) < limits.settle_seconds:
        return Wait(min(0.5, limits.settle_seconds), "the new copy settles", listed=True)
    return _checkpoint(operation, record, seen)


def _checkpoint(operation: Operation, record: JobRecord, seen: Seen) -> Step:
    asked = operation.checkpoint
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


def proved(operation: Operation, record: JobRecord, how: str) -> End:
    """End an operation whose copy is well; after a rollback it is the old release that is well again."""
    copy = current_copy(record)
    origin = f"from {copy.savepoint}" if copy.savepoint else "without state, as asked"
    if operation.undo is None:
        return End(
            Outcome.SUCCEEDED,
            f"the job {how}, started {origin}",
            restored_from=copy.savepoint,
            wanted=copy.release,
            listed=True,
        )
    return End(
        Outcome.ROLLED_BACK,
        f"{operation.undo.reason}; the old release {how} again, started {origin}; {replayed(operation)}",
        code="RolledBack",
        restored_from=copy.savepoint,
        listed=True,
    )


def replayed(operation: Operation) -> str:
    """Say whether output of the new copy was committed, and is written again."""
    undo = operation.undo
    if undo is None or undo.completed == 0:
        return "the new copy completed no checkpoint, so exactly-once sinks have nothing of it"
    since = f"{undo.started_at:%Y-%m-%dT%H:%M:%SZ}"
    return f"the new copy completed {undo.completed} checkpoints: output since {since} comes again"


def new_copy(record: JobRecord, what: str) -> str:
    """Say what became of the new copy, naming the savepoint and the jar that are there to go on from."""
    copy = current_copy(record)
    newest = record.newest_savepoint
    state = copy.savepoint or (newest.path if newest else None)
    release = f"release {copy.own_release.sha256[:12]} ({copy.own_release.jar_name})"
    return f"the new copy {copy.flink_job_id} of {release} {what}; savepoint: {state or 'none'}"


def _looping(number: int, copy: CopySeen) -> Evidence:
    return Evidence(f"runs, but was restarted {number} times: {copy.failure or 'Flink names no cause'}", "CrashLoop")


def _unproven(record: JobRecord, number: int, copy: CopySeen) -> End | Evidence:
    if number > 1:
        return _looping(number, copy)
    message = new_copy(record, "runs, but completed no checkpoint that proves it well; it is kept running")
    return End(Outcome.UNPROVEN, message, code="Unproven", wanted=current_copy(record).release, listed=True)
