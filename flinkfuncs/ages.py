"""How old is the state that each job could go back to, and how long is anything open? What the sweeper tells of it.

    a job that        its age
    ----------------  ---------------------------------------------------------------------------------
    may be running    of its newest savepoint; since its copy was started, where there is none yet
    rests, was never  none: nothing of it can be lost
    started

    an operation that  its age
    -----------------  --------------------------------------------------------------------------------
    is open            since it was asked for or uploaded; since it was resumed, where it was held before
    is held            none: that is what somebody asked for

They are told by the instance that sweeps, every time it does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from . import telemetry
from .clients.ledger import ListedJob


@dataclass(frozen=True)
class Ages:
    """What a sweep tells (seconds)."""

    savepoints: dict[str, float]  # by job
    oldest_operation: float  # 0 where none is open


def ages_of(jobs: Iterable[ListedJob], now: datetime) -> Ages:
    """Return the ages as one listing of all jobs shows them."""
    listed = list(jobs)
    saved = {str(job.name): job.saved_at or job.started_at for job in listed if not job.rests}
    asked = [job.resumed_at or asked_at(job.operation) for job in listed if job.operation]
    return Ages(
        savepoints={name: _seconds(now, at) for name, at in saved.items() if at},
        oldest_operation=max((_seconds(now, at) for at in asked), default=0.0),
    )


def tell_ages(jobs: Iterable[ListedJob], now: datetime) -> None:
    """Tell whoever watches."""
    ages = ages_of(jobs, now)
    telemetry.ages(ages.savepoints, ages.oldest_operation)


def asked_at(operation_id: str) -> datetime:
    """Return when an operation was asked for, as its id tells."""
    return datetime.strptime(operation_id[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _seconds(now: datetime, at: datetime) -> float:
    return max(0.0, (now - at).total_seconds())
