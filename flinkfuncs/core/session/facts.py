"""What can be seen of a job on a session cluster, and what that makes of its recorded state.

Only FINISHED, CANCELED and FAILED of the recorded id are terminal. A job that the cluster does not know is not: it
VANISHED (it was seen before; a TaskManager may still run it), or it MAY_APPEAR (its start left us, not seen yet).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from ..jobs import JobRecord, RecordedCopy
from ..naming import Standing
from .blame import Blame, Failure


class CopyState(StrEnum):
    """The state of one Flink job id, as an uncached endpoint names it."""

    ABSENT = "ABSENT"  # the cluster does not know the id
    STARTING = "STARTING"  # INITIALIZING, CREATED, RECONCILING, or RUNNING with tasks that do not run yet
    RUNNING = "RUNNING"
    RESTARTING = "RESTARTING"  # RESTARTING, FAILING, SUSPENDED
    CANCELLING = "CANCELLING"
    FINISHED = "FINISHED"
    CANCELED = "CANCELED"
    FAILED = "FAILED"


@dataclass(frozen=True)
class TriggerUnknown:
    """The cluster knows no such trigger: it never came, or it was forgotten (after 5 minutes, or with a JobManager)."""


@dataclass(frozen=True)
class TriggerRunning:
    """The savepoint is being written."""


@dataclass(frozen=True)
class TriggerDone:
    """The savepoint is complete and lies at this path."""

    path: str


@dataclass(frozen=True)
class TriggerFailed:
    """There is no savepoint, or (with a path) one that was written although the job did not stop well.

    `failed_over`: the job was failing over, so another one may well succeed.
    """

    cause: str
    path: str | None = None
    failed_over: bool = False


@dataclass(frozen=True)
class Disposed:
    """A savepoint is gone: disposed of now, or no longer there."""


@dataclass(frozen=True)
class DisposalRunning:
    """The savepoint is being disposed of."""


@dataclass(frozen=True)
class DisposalFailed:
    """The savepoint, or a part of it, is still there."""

    cause: str


DisposalSeen: TypeAlias = Disposed | DisposalRunning | DisposalFailed
TriggerSeen: TypeAlias = TriggerUnknown | TriggerRunning | TriggerDone | TriggerFailed


@dataclass(frozen=True)
class CopySeen:
    """What the cluster says of the copy that the record names."""

    state: CopyState
    restored_from: str | None = None  # the state it started from, or restarted from
    restored_savepoint: bool = False  # … and whether that is a savepoint
    restores: int = 0  # how often it restored a state: once at the start from one, and at every restart
    failures: tuple[Failure, ...] = ()  # its exceptions, newest first; Flink keeps 16 of them
    completed: int = 0  # how many checkpoints were completed since this JobManager took the copy over
    completed_at: datetime | None = None  # when the newest of them was, by the JobManager's clock
    checkpoint: TriggerSeen = TriggerUnknown()  # the one that we asked for
    last_savepoint: str | None = None  # the newest savepoint that Flink knows of it
    failure: str | None = None  # FAILED, RESTARTING: the root cause
    slots_held: bool = False  # ABSENT: a TaskManager still lists slots of it
    batch: bool = False  # RUNNING, STARTING: it runs in batch mode, in which Flink takes no checkpoints or savepoints
    slots_gone: bool = False  # it waits for slots, and there are fewer for it than when its release was checked

    @property
    def committed(self) -> int:
        """How many checkpoints it completed at least: each made output of exactly-once sinks visible."""
        restored_its_own = self.restored_from is not None and not self.restored_savepoint
        return max(self.completed, int(restored_its_own))

    @property
    def own_failures(self) -> list[Failure]:
        """The exceptions that are the release's own fault and that no completed checkpoint followed."""
        own = [failure for failure in self.failures if failure.blame is Blame.RELEASE]
        return [failure for failure in own if self.completed_at is None or failure.at > self.completed_at]

    @property
    def ended_by_the_cluster(self) -> bool:
        """Whether it FAILED, and its last exception is not the release's fault."""
        return self.state is CopyState.FAILED and bool(self.failures) and self.failures[0].blame is not Blame.RELEASE

    @property
    def lost(self) -> bool:
        """Whether it is a new copy that the cluster ended.

        One that got no slots and committed nothing has asked for more than there are, unless slots are gone since:
        that is its own fault.
        """
        wants_slots = bool(self.failures) and self.failures[0].blame is Blame.SLOTS
        return self.ended_by_the_cluster and (self.committed > 0 or self.slots_gone or not wants_slots)


@dataclass(frozen=True)
class Left:
    """The newest state of the copy that ran last: as Flink tells, or as it lies in storage when Flink forgot the copy.

    `survives`: it is there and stays when the copy is cancelled. `unaligned`: it holds records under way, which belong
    to the job graph that wrote it. `batch`: there is no state and never was, since the job runs in batch mode.
    """

    path: str
    survives: bool = True
    unaligned: bool = False
    batch: bool = False


@dataclass(frozen=True)
class Adoptable:
    """What the cluster says of a Flink job that is to be adopted."""

    state: CopyState
    name: str
    parallelism: int
    owner: str | None = None  # the job of this app whose copy it is, or may become


@dataclass(frozen=True)
class Seen:
    """One look at the cluster, for one operation."""

    now: datetime
    copy: CopySeen | None  # of the record's current copy; None where there is none, or its end is recorded
    trigger: TriggerSeen = TriggerUnknown()
    jar_on_cluster: bool = False
    namesakes: tuple[str, ...] = ()  # ids of jobs of this name that are not terminal and not ours
    named_there: bool | None = None  # whether the savepoint that counts lies in storage; None: not known
    adoptable: Adoptable | None = None  # the Flink job that the operation adopts, where the cluster knows it
    left: Left | None = None  # what the copy that ran last left, where that is asked for and known
    sizes: Mapping[str, int] = field(
        default_factory=dict
    )  # bytes of each savepoint that lies in storage, if it is listed
    cache_seconds: float = 10.0  # how far behind cached answers of Flink may be
    incarnation: str = ""  # differs between two runs of the JobManager
    vanish_seconds: float = 80.0  # heartbeat.timeout + 30 s: how long a vanished copy may still be running


def looked_at(seen: Seen) -> CopySeen:
    """Return what is seen of a copy on which a step was begun."""
    if seen.copy is None:
        raise AssertionError("a step was begun on a copy that is not looked at")
    return seen.copy


def standing(record: JobRecord, copy: CopySeen | None) -> Standing:
    """Return whether a job runs, as far as it matters for a savepoint that is named."""
    if record.current is None:
        return Standing.NEW
    ended = (CopyState.FINISHED, CopyState.CANCELED, CopyState.FAILED, CopyState.ABSENT)
    return Standing.RESTS if copy is None or copy.state in ended else Standing.RUNS


class Status(StrEnum):
    """The state of a job, from what is recorded and what is seen."""

    NONE = "NONE"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    RESTARTING = "RESTARTING"
    CANCELLING = "CANCELLING"
    MAY_APPEAR = "MAY_APPEAR"
    VANISHED = "VANISHED"
    STOPPED = "STOPPED"
    FINISHED = "FINISHED"
    CANCELED = "CANCELED"
    FAILED = "FAILED"
    NEVER_STARTED = "NEVER_STARTED"


TERMINAL = frozenset({Status.STOPPED, Status.FINISHED, Status.CANCELED, Status.FAILED, Status.NEVER_STARTED})


def status_of(current: RecordedCopy | None, seen: CopySeen | None) -> Status:
    """Return the state of a job.

    record            seen        status
    ----------------  ----------  --------------------------------------------
    no copy           any         NONE
    ended             any         how it ended
    not seen yet      ABSENT      MAY_APPEAR: only this id may be started
    seen              ABSENT      VANISHED: nothing may be started yet
    any               otherwise   as seen
    """
    if current is None:
        return Status.NONE
    if current.ended:
        return Status(current.ended)
    if seen is None or seen.state is CopyState.ABSENT:
        return Status.MAY_APPEAR if current.may_appear else Status.VANISHED
    return Status(seen.state)
