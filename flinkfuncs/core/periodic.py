"""Which jobs get a periodic savepoint at this tick: a pure rule on what is known of each.

    the job                                             at this tick
    --------------------------------------------------  ---------------------------------------------------
    has anything open, or cannot be running             nothing
    has a savepoint younger than the interval           nothing
    was asked for one within a quarter of the interval  nothing: it did not work, and is tried again later
    otherwise                                           it is due; if it is RUNNING it gets its turn

The job whose last savepoint (or attempt) is the oldest comes first, and there are at most as many turns as places; the
others wait for the next tick. Oldest first needs no state of its own and leaves nobody out: a bounded number a tick
spreads the jobs over the interval, and since each is due again an interval after its own turn, they stay spread. A
slot by the hash of a name would spread them as well, but a job that misses its slot would wait for a whole interval.

A place is taken while its savepoint is open, but no longer than PLACE: one that is stuck does not block the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

PLACE = timedelta(minutes=10)
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Rhythm:
    """How often a job is saved, and how many at once."""

    interval: timedelta
    at_once: int


@dataclass(frozen=True)
class Candidate:
    """What the rule needs to know of a job; a listing tells it, and the record tells it again."""

    name: str
    busy: bool  # something is open
    rests: bool  # nothing of it can be running
    saved_at: datetime | None
    asked_at: datetime | None  # when a periodic savepoint was asked for last
    saving: bool = False  # … and it is open

    @property
    def last(self) -> datetime:
        """When it was saved, or was to be."""
        return max(self.saved_at or NEVER, self.asked_at or NEVER)


def is_due(job: Candidate, rhythm: Rhythm, now: datetime) -> bool:
    """Whether a job gets a savepoint if it is RUNNING, as the module's table says."""
    if job.busy or job.rests:
        return False
    is_saved = job.saved_at is not None and now - job.saved_at < rhythm.interval
    was_asked = job.asked_at is not None and now - job.asked_at < rhythm.interval / 4
    return not is_saved and not was_asked


def places(jobs: Iterable[Candidate], rhythm: Rhythm, now: datetime) -> int:
    """Return how many may begin now: one for each that is under way is taken, unless it seems stuck."""
    under_way = [job for job in jobs if job.saving and job.asked_at is not None and now - job.asked_at < PLACE]
    return max(0, rhythm.at_once - len(under_way))


def in_turn(jobs: Iterable[Candidate]) -> list[Candidate]:
    """Return the jobs in the order in which they get their turns."""
    return sorted(jobs, key=lambda job: (job.last, job.name))
