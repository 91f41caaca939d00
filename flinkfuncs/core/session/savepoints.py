"""Where savepoints lie, and which of them is surely a job's newest state, by what is recorded alone."""

from __future__ import annotations

from ..errors import Refused
from ..jobs import JobRecord
from ..names import Directory, state_path
from ..naming import Standing, named
from ..operations import Operation
from ..steps import End
from .ends import Limits, below_root, refuse
from .facts import Seen, standing


def savepoint_directory(operation: Operation, record: JobRecord, limits: Limits) -> Directory:
    """Return the directory into which this operation, and no other, writes its savepoint.

    Raises:
        Refused: the release's savepointDirectory lies outside the root.

    """
    release = operation.release or record.wanted
    chosen = release.spec.savepoint_directory if release else None
    parent = below_root(limits, Directory.parse(chosen)) if chosen else limits.savepoint_root
    return parent.child(record.name, operation.id)


def named_savepoint(operation: Operation, record: JobRecord, limits: Limits) -> str | End:
    """Return the savepoint that is named, by path or bare name: a recorded one, or one below the root."""
    name = state_path(operation.request.save_point_name or "")
    if gone := not_on_record(operation, record):
        return gone
    if recorded := recorded_path(name, record):
        return recorded
    try:
        return str(below_root(limits, Directory.parse(name)))
    except Refused as error:
        return refuse(error.message, error.code)


def recorded_path(name: str, record: JobRecord) -> str | None:
    """Return the path of the newest recorded savepoint that is so named, by path or bare name."""
    name = state_path(name)
    return next((s.path for s in reversed(record.savepoints) if name == _bare(s.path) or same_path(name, s.path)), None)


def not_on_record(operation: Operation, record: JobRecord) -> End | None:
    """Return why the record alone says that the named savepoint is not there."""
    name = state_path(operation.request.save_point_name or "")
    if any(s.disposing_at and (name == _bare(s.path) or same_path(name, s.path)) for s in record.savepoints):
        return refuse(f"the savepoint {name[:128]!r} is being disposed of", "SavepointDisposed")
    if "/" not in name and not any(name == _bare(s.path) for s in record.savepoints):
        return refuse(f"no savepoint of this job is called {name[:128]!r}", "SavepointNotFound")
    return None


def named_objection(operation: Operation, record: JobRecord, seen: Seen, limits: Limits) -> End | None:
    """Return why nothing can be started from the savepoint that counts, before anything is touched for it.

    the named savepoint                                         the job runs   nothing runs
    ----------------------------------------------------------  -------------  ------------------------------
    is outside the root, or is being disposed of                Refuse         Refuse
    a bare name that no recorded savepoint has                  Refuse         Refuse
    storage was asked, and it is not there                      Refuse         Refuse
    storage was asked, and it is there                          allowed        allowed
    storage cannot be asked, the savepoint is recorded          allowed        allowed
    storage cannot be asked, the savepoint is not recorded      Refuse         allowed: Flink refuses the start
    """
    how = standing(record, seen.copy)
    if named(operation, record, how) is None:
        return None
    path = named_savepoint(operation, record, limits)
    if isinstance(path, End):
        return path
    if seen.named_there is False:
        return refuse(f"there is no complete savepoint or checkpoint at {path}", "SavepointNotFound")
    recorded = any(same_path(path, s.path) for s in record.savepoints)
    if how is Standing.RUNS and seen.named_there is None and not recorded:
        return refuse(
            f"whether {path} is there cannot be checked while the job runs: STOP or CANCEL it, then START it with "
            "this savePointName; or set SAVEPOINTS_CONNECTION, so that the app can look",
            "SavepointUnverified",
        )
    return None


def resting_savepoint(record: JobRecord) -> str | None:
    """Return the newest savepoint if no copy can have run after it.

    current copy                                                 newest state
    -----------------------------------------------------------  ----------------------------------
    STOPPED, by the stop that wrote the newest savepoint         the newest savepoint
    NEVER_STARTED, and the copy before it STOPPED as above       the newest savepoint
    NEVER_STARTED, and no copy ran before it                     what it was to start from, if anything
    anything else                                                not known
    """
    newest, current, last = record.newest_savepoint, record.current, record.last_ran
    if current is None:
        return None
    if current.ended == "NEVER_STARTED" and not record.ran:
        return current.savepoint
    if newest is None:
        return None
    if last and last.ended == "STOPPED" and last.flink_job_id == newest.flink_job_id:
        return newest.path
    return None


def never_ran(record: JobRecord) -> bool:
    """Whether every start of this job was definitely refused: of the newest we know, and of those before it."""
    current = record.current
    return current is not None and current.ended == "NEVER_STARTED" and not record.ran and current.savepoint is None


def same_path(one: str | None, other: str | None) -> bool:
    """Whether two paths name one state; Flink writes `file:/x` for `file:///x`, and people name its `_metadata`.

    Flink may name places that are no plain directories: a copy's own checkpoint lies where its configuration says.
    """
    if one is None or other is None or one == other:
        return one is not None and other is not None
    try:
        return Directory.parse(state_path(one)).is_same(Directory.parse(state_path(other)))
    except Refused:
        return False


def _bare(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]
