"""What does a list of all jobs say of one? What stands in the metadata of its record, so that one listing is enough.

A summary is written with each record. Where there is none (an earlier version wrote the record, or it does not fit),
the record itself is read; its next write heals that. A summary that a newer version wrote may have further fields: only
the record is refused then, when somebody wants to change it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, Self

from pydantic import ConfigDict

from .actions import Action
from .cluster_jars import used_by
from .jobs import Ended, JobRecord, LastOperation
from .model import Model
from .operations import Operation
from .orphans import GRACE, Found, mark
from .releases import Release
from .retention import Policy, being_disposed, is_surplus, newest_restored, oldest_superseded, own_limits

LONGEST_TEXT = 200  # characters of a message or a cause
MOST_OPEN = 3  # operations; the others are counted


class _Part(Model):
    model_config = ConfigDict(extra="ignore")


class ReleaseSummary(_Part):
    """A release without its spec."""

    id: str
    sha256: str
    jar_name: str


class CopySummary(_Part):
    """The copy that runs, or ran last."""

    flink_job_id: str
    release_id: str | None = None
    started_at: datetime
    ended: Ended | None = None
    may_appear: bool = False


class OperationSummary(_Part):
    """An operation that is open, or held."""

    id: str
    action: Action
    cause: Literal["upload", "http", "arm", "timer"]
    requested_at: datetime
    driven_at: datetime | None = None
    progressed_at: datetime
    step: str | None = None  # the one that was begun last
    why_held: str | None = None
    held_until: datetime | None = None

    @classmethod
    def of(cls, operation: Operation) -> Self:
        """Return what a list shows of an operation."""
        return cls(
            id=operation.id,
            action=operation.action,
            cause=operation.cause.kind,
            requested_at=operation.requested_at,
            driven_at=operation.driven_at,
            progressed_at=operation.progressed_at,
            step=operation.steps[-1].step if operation.steps else None,
            why_held=operation.why_held,
            held_until=operation.held_until,
        )


class RetentionSummary(_Part):
    """What says, without the record, whether anything of a job that rests may be disposed of."""

    count: int | None = None  # the job's own limits; None: the settings'
    days: float | None = None
    superseded_at: datetime | None = None  # when the oldest was taken that only count and age retain
    newer: int = 0  # how many were taken after that one
    restored_at: datetime | None = None  # when the newest was taken that a copy restored
    marks: tuple[str, ...] = ()  # of every one that is recorded

    @classmethod
    def of(cls, record: JobRecord) -> Self:
        """Return what retention and orphans need to know of a record."""
        count, days = own_limits(record)
        superseded_at, newer = oldest_superseded(record) or (None, 0)
        restored = newest_restored(record)
        return cls(
            count=count,
            days=days,
            superseded_at=superseded_at,
            newer=newer,
            restored_at=restored.taken_at if restored else None,
            marks=tuple(mark(savepoint.path) for savepoint in record.savepoints),
        )

    def is_due(self, policy: Policy, lying: Iterable[Found], now: datetime) -> bool:
        """Whether the record should be read: one that is recorded may go, or one of those that `lying` there."""
        limits = policy.but(self.count, self.days)
        if self.superseded_at and is_surplus(self.superseded_at, self.newer, limits, now):
            return True
        if self.restored_at is None:
            return False
        until = min(self.restored_at, now - GRACE)
        return any(one.written_at <= until and mark(one.path) not in self.marks for one in lying)


class Summary(_Part):
    """A job in a list."""

    deleted: bool = False
    wanted: bool = False
    folder: Literal["stateful", "stateless"] | None = None
    release: ReleaseSummary | None = None
    current: CopySummary | None = None
    flink_job_id: str | None = None
    last_save_point: str | None = None
    last_save_point_at: datetime | None = None  # when it was taken, where that is known
    open: tuple[OperationSummary, ...] = ()  # the first MOST_OPEN
    open_count: int = 0
    held: tuple[OperationSummary, ...] = ()  # likewise
    held_count: int = 0
    uploads_paused: bool = False
    held_until: datetime | None = None  # when the updateWindow opens for which an upload is held
    last: LastOperation | None = None
    savepoints: int  # how many are recorded
    retention: RetentionSummary | None = None  # None: an earlier version wrote the record
    disposing: bool = False  # one of them is being disposed of
    jars: tuple[str, ...]  # SHA-256 of those that it uses on its cluster; without it the record is read

    @property
    def waiting(self) -> tuple[OperationSummary, ...] | None:
        """All operations that are open or held; None where there are more than stand here."""
        every = (*self.open, *self.held)
        return every if len(every) == self.open_count + self.held_count else None


def waiting_of(record: JobRecord) -> tuple[OperationSummary, ...]:
    """Return all operations of a record that are open or held."""
    return tuple(map(OperationSummary.of, (*record.open, *record.held)))


def summary_of(record: JobRecord) -> Summary:
    """Return what a list shows of a job."""
    copy, row, newest = record.current, record.row, record.newest_savepoint
    return Summary(
        deleted=record.deleted,
        wanted=record.wanted is not None,
        folder=record.folder,
        release=_release(record.wanted or (copy.release if copy else None)),
        current=_copy(record),
        flink_job_id=copy.flink_job_id if copy else row.job_id if row else None,
        last_save_point=newest.path if newest else row.last_save_point if row else None,
        last_save_point_at=newest.taken_at if newest else None,
        open=tuple(map(OperationSummary.of, record.open[:MOST_OPEN])),
        open_count=len(record.open),
        held=tuple(map(OperationSummary.of, record.held[:MOST_OPEN])),
        held_count=len(record.held),
        uploads_paused=record.uploads_paused,
        held_until=record.held_until,
        last=_shortened(record.last) if record.last else None,
        savepoints=len(record.savepoints),
        retention=RetentionSummary.of(record),
        disposing=bool(being_disposed(record)),
        jars=tuple(sorted(used_by(record))),
    )


def _release(release: Release | None) -> ReleaseSummary | None:
    if release is None:
        return None
    return ReleaseSummary(id=release.id, sha256=release.sha256, jar_name=release.jar_name)


def _copy(record: JobRecord) -> CopySummary | None:
    copy = record.current
    if copy is None:
        return None
    return CopySummary(
        flink_job_id=copy.flink_job_id,
        release_id=copy.release.id if copy.release else None,
        started_at=copy.started_at,
        ended=copy.ended,
        may_appear=copy.may_appear,
    )


def _shortened(last: LastOperation) -> LastOperation:
    cause = last.cause.model_copy(update={"detail": _cut(last.cause.detail)})
    reason = last.reason and _cut(last.reason)
    return last.model_copy(update={"message": _cut(last.message), "cause": cause, "reason": reason})


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
