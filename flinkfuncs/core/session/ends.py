"""How an operation on a session cluster ends or waits, and how long things may take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..jobs import Copy, Ended, JobRecord
from ..names import Directory, require_one
from ..operations import BATCH, Mark, Operation, Outcome
from ..steps import End, Wait
from .facts import CopyState, Seen

ENDS: dict[CopyState, Ended] = {
    CopyState.FINISHED: "FINISHED",
    CopyState.CANCELED: "CANCELED",
    CopyState.FAILED: "FAILED",
}
# What Flink leaves of a job that has finished by itself.
FINISHED = (
    "Flink deletes the checkpoints of a job that has finished: START needs a savePointName, STATELESS_UPDATE runs it "
    "from the beginning"
)
BATCH_ENDS = "CANCEL ends it, STATELESS_UPDATE puts another release in its place"
CACHE_SECONDS = 10.0  # Flink's REST caches lag by up to 3 s (web.refresh-interval); after this they tell the truth


@dataclass(frozen=True)
class Limits:
    """How long things may take (seconds), where savepoints may lie, and what is held."""

    savepoint_root: Directory
    other_roots: tuple[Directory, ...] = ()  # below which savepoints may lie, too
    start_seconds: float = 300.0
    stop_seconds: float = 3600.0
    settle_seconds: float = 10.0  # a new copy has to run this long without a restart
    repeat_seconds: float = 30.0  # a call that was not answered is looked for this long before it is sent again
    hold_after_rollback: bool = True  # an upload of a release that was rolled back is refused


def below_root(limits: Limits, directory: Directory) -> Directory:
    """Return a directory if savepoints may lie there.

    Raises:
        Refused: they may not.

    """
    return require_one((limits.savepoint_root, *limits.other_roots), directory)


def refuse(message: str, code: str) -> End:
    """End an operation that touched nothing."""
    return End(Outcome.REFUSED, message, code=code)


def fail(message: str, code: str) -> End:
    """End an operation that was carried out and did not work."""
    return End(Outcome.FAILED, message, code=code)


def refuse_batch(then: str) -> End:
    """End an operation that needs a checkpoint or a savepoint of a job that takes none."""
    return refuse(f"the job runs in batch mode, in which Flink takes no checkpoints and no savepoints: {then}", BATCH)


def age_seconds(since: datetime, seen: Seen) -> float:
    """Return how long ago something was (seconds)."""
    return (seen.now - since).total_seconds()


def pause(since: datetime, seen: Seen) -> float:
    """Return how long to wait before the next look (seconds): 50 ms at first, more the longer it takes, at most 1 s."""
    return min(1.0, max(0.05, age_seconds(since, seen) / 20))


def current_copy(record: JobRecord) -> Copy:
    """Return the copy that a step which was begun works on."""
    if record.current is None:
        raise AssertionError(f"a step was begun on job {record.name}, which has no copy")
    return record.current


def was_refused(record: JobRecord, mark: Mark, seen: Seen) -> bool:
    """Whether a start was definitely refused, and nothing of it ran.

    Flink refuses the same way where main() fails *after* it has submitted the job (a second execute(), a result that it
    asks for): that copy runs. The JobManager that refused lists it; another one since then may not.
    """
    if mark.refused is None or mark.unanswered:  # of several calls the last one may only say that the id is taken
        return False
    return (
        not current_copy(record).seen
        and not (seen.copy and seen.copy.committed)
        and mark.incarnation == seen.incarnation
    )


def not_yet_told(operation: Operation, seen: Seen) -> Wait | None:
    """Wait until what Flink tells of the checkpoints of a copy that has ended is younger than its end."""
    if seen.copy is not None and seen.copy.state is CopyState.ABSENT:
        return None
    if operation.ended_at is None:
        return Wait(0.0, "the copy has ended", hop=False, ended=True)
    if age_seconds(operation.ended_at, seen) < seen.cache_seconds:
        return Wait(0.2, "what Flink tells of its checkpoints may be older than its end", hop=False)
    return None


def wait_for_vanished(operation: Operation, seen: Seen) -> Wait | None:
    """Wait while a copy that the cluster no longer knows may still run on a TaskManager; None when it must be gone.

    A TaskManager that lost its JobManager goes on until its heartbeat times out. So a copy is gone only when it was
    unknown for `heartbeat.timeout` + 30 s without a break, and no TaskManager lists slots of it.
    """
    since = operation.vanished_at or seen.now
    held = seen.copy is not None and seen.copy.slots_held
    if not held and operation.vanished_at and age_seconds(since, seen) >= seen.vanish_seconds:
        return None
    return Wait(2.0, f"the copy vanished; it may still run for {seen.vanish_seconds:.0f} s", vanished=True)
