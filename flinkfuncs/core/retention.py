"""Which savepoints may be disposed of: a pure rule on the record, read from the top; the first row that fits decides.

    the savepoint                                                          is
    ---------------------------------------------------------------------  -----------------------------------
    … while any operation of the job is open                               kept: it may be in flight, or named
    is outside the roots, or is not called savepoint-…                     kept: not ours to delete
    is the newest one                                                      kept: the last good one
    is the newest one that a copy restored, with a checkpoint since        kept: the last one known to restore
    is what the current copy was started from                              kept: the rollback target
    was taken by the operation that started the current copy               kept: the way back
    is newer than every one that a copy restored, with a checkpoint since  kept: nothing newer is known to restore
    is one of the newest COUNT, and no older than DAYS                     kept: retained
    otherwise                                                              disposed of

Once a copy has restored a savepoint and completed a checkpoint, it needs neither that savepoint nor any older one:
every restore is NO_CLAIM. So the savepoints of a copy that was never updated or restarted all stay: none of them has
ever been restored. The rule that must never break: what is disposed of is never the only way back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .errors import Refused
from .jobs import Copy, JobRecord, Savepoint
from .names import Directory
from .session.savepoints import same_path


@dataclass(frozen=True)
class Policy:
    """How many savepoints of a job are retained and for how many days, and below which roots ours lie."""

    count: int
    days: float
    root: Directory
    others: tuple[Directory, ...] = ()  # further roots

    def of(self, record: JobRecord) -> Policy:
        """Return the policy of one job, whose spec may say otherwise."""
        return self.but(*own_limits(record))

    def but(self, count: int | None, days: float | None) -> Policy:
        """Return it with another count or another age; None leaves this one."""
        return replace(self, count=count or self.count, days=days or self.days)

    @property
    def roots(self) -> tuple[Directory, ...]:
        """Every directory below which savepoints of ours lie."""
        return (self.root, *self.others)

    def owns(self, path: str) -> bool:
        """Whether a path is that of a savepoint below one of the roots; a retained checkpoint is not."""
        try:
            return any(root.holds(Directory.parse(path)) for root in self.roots) and _is_named_by_flink(path)
        except Refused:
            return False


def _is_named_by_flink(path: str) -> bool:
    return path.rstrip("/").rpartition("/")[2].startswith("savepoint-")


def own_limits(record: JobRecord) -> tuple[int | None, float | None]:
    """Return the count and the age (days) that the job's own spec gives; None: the settings decide."""
    release = record.wanted or (record.current.release if record.current else None)
    return (release.spec.savepoint_retention_count, release.spec.savepoint_retention_days) if release else (None, None)


def why_kept(savepoint: Savepoint, record: JobRecord, policy: Policy, now: datetime) -> str | None:
    """Return why a recorded savepoint stays, as the module's table says; None: it may be disposed of."""
    if record.open:
        return "in flight"
    if not policy.owns(savepoint.path):
        return "not ours"
    if reason := why_needed(savepoint, record):
        return reason
    return None if is_surplus(savepoint.taken_at, len(_newer(savepoint, record)), policy, now) else "retained"


def why_needed(savepoint: Savepoint, record: JobRecord) -> str | None:
    """Return why a savepoint stays whatever its age and the policy; None: only count and age retain it."""
    newer = _newer(savepoint, record)
    if not newer:
        return "last good"
    if savepoint.restored and not any(other.restored for other in newer):
        return "last restored"
    if is_way_back(record.current, savepoint.path, savepoint.operation):
        return "way back"
    if not any(other.restored for other in newer):
        return "not proven"
    return None


def oldest_superseded(record: JobRecord) -> tuple[datetime, int] | None:
    """Return when the oldest savepoint was taken that only count and age retain, and how many are newer.

    As it will be once the copy that runs has proved itself; whether a savepoint lies below the root is not asked.
    """
    proven = with_proof(record) if record.running else record
    for place, savepoint in enumerate(proven.savepoints, start=1):
        if not savepoint.disposing_at and _is_named_by_flink(savepoint.path) and not why_needed(savepoint, proven):
            return savepoint.taken_at, len(proven.savepoints) - place
    return None


def newest_restored(record: JobRecord) -> Savepoint | None:
    """Return the newest savepoint that a copy restored, once the copy that runs has proved itself."""
    proven = with_proof(record) if record.running else record
    return next((savepoint for savepoint in reversed(proven.savepoints) if savepoint.restored), None)


def _newer(savepoint: Savepoint, record: JobRecord) -> tuple[Savepoint, ...]:
    return record.savepoints[record.savepoints.index(savepoint) + 1 :]


def is_way_back(current: Copy | None, path: str, operation: str) -> bool:
    """Whether the current copy was started from a savepoint, or by the operation that took it."""
    return current is not None and (same_path(current.savepoint, path) or current.operation == operation)


def is_surplus(taken_at: datetime, newer: int, policy: Policy, now: datetime) -> bool:
    """Whether count or age retain a savepoint no longer; `newer` counts those that were taken after it."""
    return newer >= policy.count or now - taken_at > timedelta(days=policy.days)


def disposable(record: JobRecord, policy: Policy, now: datetime) -> tuple[Savepoint, ...]:
    """Return the savepoints that may be disposed of, oldest first, but for those of which it is recorded already."""
    undecided = (savepoint for savepoint in record.savepoints if not savepoint.disposing_at)
    return tuple(savepoint for savepoint in undecided if why_kept(savepoint, record, policy, now) is None)


def awaits_proof(record: JobRecord, policy: Policy, now: datetime) -> bool:
    """Whether a checkpoint of the current copy would let something be disposed of: only then is the cluster asked."""
    if record.running is None:
        return False
    proven = with_proof(record)
    return proven is not record and bool(disposable(proven, policy, now))


# ------------------------------------------------------------------------------------------- what is written down of it


def with_proof(record: JobRecord) -> JobRecord:
    """Record that the current copy, started from a savepoint, has completed a checkpoint; where it was, the same."""
    start = record.current.savepoint if record.current else None
    changed = tuple(
        saved.model_copy(update={"restored": True}) if same_path(saved.path, start) else saved
        for saved in record.savepoints
    )
    return record if changed == record.savepoints else record.but(savepoints=changed)


def with_disposals(record: JobRecord, policy: Policy, now: datetime) -> JobRecord:
    """Record what is going to be disposed of, before anything is: from then on no copy is started from it."""
    chosen = {savepoint.path for savepoint in disposable(record, policy, now)}
    marked = tuple(
        saved.model_copy(update={"disposing_at": now}) if saved.path in chosen else saved for saved in record.savepoints
    )
    return record.but(savepoints=marked) if chosen else record


def without(record: JobRecord, path: str) -> JobRecord:
    """Drop a savepoint that is gone: only after the cluster said so, or its files would stay for ever."""
    return record.but(savepoints=tuple(saved for saved in record.savepoints if saved.path != path))


def being_disposed(record: JobRecord) -> tuple[Savepoint, ...]:
    """Return the savepoints whose disposal is recorded and not known to be done, oldest first."""
    return tuple(savepoint for savepoint in record.savepoints if savepoint.disposing_at)
