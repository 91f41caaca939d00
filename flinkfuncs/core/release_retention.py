"""Which of the kept jars of a job may be deleted. The first row that fits decides.

    the bytes of a jar                                      are
    ------------------------------------------------------  --------------------------------------
    … of a job without a record                             kept: its past is not known
    … while any operation of the job is open                kept: it may be about to use them
    of a release that the record names: the job wants it,   kept: needed
    runs it, or would go back to it
    are among the newest COUNT                              kept: retained
    were last kept less than DAYS ago                       kept: retained
    otherwise                                               deleted, and what describes them

Their age is that of the last operation that brought them, to half a day. Nothing is counted that no operation of this
app kept. The rule that must never break: what may be needed to run the job, or to roll it back, stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from .going_back import recorded
from .jobs import JobRecord


@dataclass(frozen=True)
class ReleasePolicy:
    """How many jars of a job stay at least, and for how many days every one of them."""

    count: int
    days: float


@dataclass(frozen=True)
class HeldJar:
    """The bytes of a jar, and when they were last kept."""

    sha256: str
    held_at: datetime


def surplus(jars: Iterable[HeldJar], policy: ReleasePolicy, now: datetime) -> list[HeldJar]:
    """Return the jars that neither their number nor their age retains, oldest last: before any record is read."""
    newest_first = sorted(jars, key=lambda jar: (jar.held_at, jar.sha256), reverse=True)
    return [jar for jar in newest_first[policy.count :] if now - jar.held_at > timedelta(days=policy.days)]


def deletable(jars: Iterable[HeldJar], record: JobRecord | None) -> list[HeldJar]:
    """Return those of the surplus jars that may go, by a record that was read after they were listed."""
    if record is None or record.open:
        return []
    needed = {release.sha256 for release in recorded(record)} | {record.placed}
    return [jar for jar in jars if jar.sha256 not in needed]
