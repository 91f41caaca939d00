"""Which savepoints in a job's directories are named by no record, and which of them may be removed.

An operation that crashed, or was given up while Flink still wrote, leaves its savepoint in its own directory,
`<root>/<job>/<operation>/savepoint-…`. The first row that fits decides:

    the orphan                                                           is
    -------------------------------------------------------------------  --------------------------------------------
    … while any operation of the job is open                             kept: it may be in flight, or named
    is what the current copy was started from, or its operation took it  kept: the way back
    belongs to no closed operation of this ledger                        kept: it may be another deployment's
    is newer than every savepoint that a copy restored                   kept: nothing newer is known to restore
    was written less than a day ago                                      kept: somebody may still be looking
    would be retained by count and age, were it recorded                 kept: retained
    otherwise                                                            recorded as being disposed of, and disposed of

The rule that must never break: what is not surely ours, and surely superseded, is only shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from .jobs import JobRecord, Savepoint
from .names import Directory, state_path
from .retention import Policy, is_surplus, is_way_back
from .session.savepoints import same_path

GRACE = timedelta(days=1)


@dataclass(frozen=True)
class Found:
    """A complete savepoint that lies in the directory of one operation."""

    path: str
    operation: str
    written_at: datetime
    size_bytes: int = 0


def orphans(record: JobRecord, found: Iterable[Found]) -> list[Found]:
    """Return what no record names, oldest first; what an open operation is writing is none."""
    busy = {operation.id for operation in record.open}
    strays = [one for one in found if one.operation not in busy and not _is_recorded(record, one)]
    return sorted(strays, key=lambda one: (one.written_at, one.path))


def mark(path: str) -> str:
    """Return eight hexadecimal digits of a savepoint's last two names, its operation's and its own."""
    return sha256("/".join(state_path(path).split("/")[-2:]).encode()).hexdigest()[:8]


def why_orphan_kept(
    orphan: Found, record: JobRecord, is_closed: Callable[[str], bool], policy: Policy, now: datetime
) -> str | None:
    """Return why an orphan stays, as the module's table says; None: it may be removed."""
    newer = [saved for saved in record.savepoints if saved.taken_at > orphan.written_at]
    if record.open:
        return "in flight"
    if is_way_back(record.current, orphan.path, orphan.operation):
        return "way back"
    if not any(saved.restored for saved in newer):
        return "not proven"
    if now - orphan.written_at < GRACE:
        return "young"
    if not is_surplus(orphan.written_at, len(newer), policy, now):
        return "retained"
    return None if policy.owns(orphan.path) and is_closed(orphan.operation) else "not ours"


def with_removals(record: JobRecord, removable: Iterable[Found], now: datetime) -> JobRecord:
    """Record orphans as savepoints that are being disposed of: before all others, so that none is ever the newest."""
    added = tuple(
        Savepoint(
            path=one.path,
            taken_at=one.written_at,
            origin="orphan",
            cause="timer",
            flink_job_id="",
            operation=one.operation,
            disposing_at=now,
        )
        for one in removable
        if not _is_recorded(record, one)
    )
    return record.but(savepoints=(*added, *record.savepoints)) if added else record


def directories(record: JobRecord, root: Directory, others: tuple[Directory, ...] = ()) -> list[Directory]:
    """Return the directories below which the job's operations have written, or may have."""
    releases = [record.wanted, record.current.release if record.current else None]
    chosen = {release.spec.savepoint_directory for release in releases if release} - {None}
    parents = {root, *(Directory.parse(text) for text in chosen if text)}
    ours = [parent for parent in parents if any(one.holds(parent) for one in (root, *others))]
    return sorted((parent.child(record.name) for parent in ours), key=str)


def _is_recorded(record: JobRecord, one: Found) -> bool:
    return any(same_path(saved.path, one.path) for saved in record.savepoints)
