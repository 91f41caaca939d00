"""Which steps an operation takes from its first one that acts, if all goes well. A plan shows them.

    first step  action                                 then
    ----------  -------------------------------------  ---------------------------------------------------------
    Stop        UPDATE                                 Start from its savepoint, or from the named one; proof
    Stop        STATELESS_UPDATE                       Start without state; proof
    Cancel      UPDATE, LAST_STATE_UPDATE              Start from the newest state, or from the named one; proof
    Cancel      STATELESS_UPDATE                       Start without state; proof
    Start       any                                    proof
    Stop,       STOP, CANCEL, SAVEPOINT                nothing
    Cancel,
    Trigger

The proof is TakeCheckpoint, except for a release in batch mode, of which Flink takes none. Repeats, a jar that has to
be uploaded again and a rollback are not predicted. The tables themselves decide each step when it is taken.
"""

from __future__ import annotations

from ..actions import Action
from ..jobs import JobRecord
from ..naming import Standing, named
from ..operations import Operation
from ..plans import Foretold, WayBack
from ..steps import Cancel, Start, Stop, Trigger
from .verdicts import BATCH


def ahead(operation: Operation, record: JobRecord, first: Stop | Cancel | Start | Trigger) -> tuple[Foretold, ...]:
    """Name the steps from the first one that acts."""
    match first:
        case Stop() if operation.action is Action.STOP:
            return (_saving(first),)
        case Stop():
            return (_saving(first), *_started(operation, _state(operation, record, "its savepoint")))
        case Cancel() if operation.action is Action.CANCEL:
            return (Foretold("Cancel", first.flink_job_id),)
        case Cancel():
            canceled = Foretold("Cancel", first.flink_job_id)
            return (canceled, *_started(operation, _state(operation, record, "its newest state")))
        case Start():
            return _started(operation, first.savepoint)
        case Trigger():
            return (_saving(first),)


def parent_of(step: Stop | Trigger) -> str:
    """Return the directory in which the operation's own will hold the savepoint: another operation has another id."""
    return step.directory.rpartition("/")[0]


def _saving(step: Stop | Trigger) -> Foretold:
    return Foretold(type(step).__name__, f"{step.flink_job_id}, with a savepoint below {parent_of(step)}")


def _state(operation: Operation, record: JobRecord, own: str) -> str | None:
    stateless = operation.action is Action.STATELESS_UPDATE
    return None if stateless else named(operation, record, Standing.RUNS) or own


def _started(operation: Operation, state: str | None) -> tuple[Foretold, ...]:
    origin = f"from {state}" if state else "without state"
    release = f"release {operation.release.id[:12]}" if operation.release else "the wanted release"
    batch = operation.checked is not None and BATCH in operation.checked.warnings
    proof = () if batch else (Foretold("TakeCheckpoint", "proves the new copy"),)
    return (Foretold("Start", f"{release} {origin}"), *proof)


def way_back(operation: Operation, record: JobRecord, first: Stop | Cancel | Start | Trigger) -> WayBack | None:
    """Say what a rollback would do; `rollback` decides when it comes to that."""
    release, current = operation.release, record.current
    if release is None or current is None or isinstance(first, Trigger):
        return None
    kept = isinstance(first, Stop) or (isinstance(first, Cancel) and operation.action is Action.LAST_STATE_UPDATE)
    state = "the savepoint of the stop" if isinstance(first, Stop) else "the state that the new copy is started from"
    if not kept:
        return WayBack("none: this operation ends no copy whose state it keeps")
    if current.release is None:
        return WayBack("none: the copy that runs was adopted, and its jar is not known")
    if release.spec.on_failure == "stop":
        return WayBack(f"none: onFailure is stop, so the job would stand still, with {state}")
    return WayBack(f"the release that runs now is started again from {state}", current.release.id)
