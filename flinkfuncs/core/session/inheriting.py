"""What an operation makes of a stop that an earlier one began and did not finish (abandoned, crashed, timed out).

    copy                trigger, savepoint of that stop    step
    ------------------  ---------------------------------  ---------------------------------------------------------
    FINISHED            complete, or the copy's last       note that the copy is STOPPED with it, and look again
                        savepoint is in its directory
    FINISHED            in work                            Wait: Flink reports it a moment later
    FINISHED            otherwise                          Wait while caches may lag; then as one that finished by
                                                           itself
    FAILED, CANCELED    any                                as usual
    ABSENT              any                                what starts it from state: Wait until it must be gone, then
                                                           Refuse, naming the directory; but from a named savepoint,
                                                           and where storage shows what is left: as usual
                                                           anything else: as usual
    runs                failed                             note that it failed, and look again
    runs                complete, in work                  CANCEL, LIST_SAVEPOINT: as usual
                                                           anything else: Wait, until the deadline; then Refuse
    runs                unknown                            as usual; a stop of this operation has the same trigger

The rule that must never break: between two stops of a copy only the same trigger id, and no state is taken that is
older than the savepoint which such a stop may have written.
"""

from __future__ import annotations

from contextlib import suppress

from ..actions import Action
from ..errors import Refused
from ..jobs import Copy, JobRecord
from ..names import Directory
from ..naming import Standing, named
from ..operations import Operation
from ..steps import Step, Wait
from .ends import CACHE_SECONDS, Limits, age_seconds, current_copy, refuse, wait_for_vanished
from .facts import CopySeen, CopyState, Seen, TriggerDone, TriggerFailed, TriggerRunning, TriggerUnknown
from .last_state import NEED_STATE
from .savepoints import savepoint_directory


def trigger_of(operation: Operation, record: JobRecord) -> str | None:
    """Name the trigger that has to be looked at: of this operation's stop or savepoint, else of an earlier stop."""
    running = record.running
    if running is None or operation.has_started:
        return None
    if operation.trigger and not operation.stop:
        return operation.token("savepoint")
    if running.stop:
        return running.stop.trigger_id
    return operation.stop_token if operation.stop else None


def stop_directory(operation: Operation, record: JobRecord, limits: Limits) -> Directory:
    """Return where the stop of the current copy writes its savepoint."""
    begun = current_copy(record).stop
    return Directory.parse(begun.directory) if begun else savepoint_directory(operation, record, limits)


def inherited(operation: Operation, record: JobRecord, seen: Seen, limits: Limits) -> Step | None:
    """Name what an earlier operation's stop asks for, or None where the operation may begin as ever."""
    running, copy = record.running, seen.copy
    if running is None or running.stop is None or copy is None:
        return None
    match copy.state:
        case CopyState.FINISHED:
            return _ended(operation, running, seen, copy)
        case CopyState.FAILED | CopyState.CANCELED:
            return None
        case CopyState.ABSENT:
            return _vanished(operation, record, running.stop.directory, seen)
        case CopyState.STARTING | CopyState.RUNNING | CopyState.RESTARTING | CopyState.CANCELLING:
            return _in_flight(operation, running.stop.operation, seen, limits)


def _ended(operation: Operation, running: Copy, seen: Seen, copy: CopySeen) -> Wait | None:
    if isinstance(seen.trigger, TriggerDone):
        return _stopped(seen.trigger.path)
    if isinstance(seen.trigger, TriggerRunning):
        return Wait(0.1, "the job has ended; what became of its savepoint is not told yet", hop=False)
    if running.stop and copy.last_savepoint and _holds(running.stop.directory, copy.last_savepoint):
        return _stopped(copy.last_savepoint)
    lags = age_seconds(operation.driven_at or operation.requested_at, seen) < CACHE_SECONDS
    return Wait(0.5, "the job has ended; its savepoint is not listed yet", hop=False) if lags else None


def _stopped(path: str) -> Wait:
    return Wait(0.0, f"an earlier operation's stop has ended the job, with {path}", hop=False, stopped=path)


def _holds(directory: str, path: str) -> bool:
    with suppress(Refused):  # somebody else's savepoint may lie where no plain URI leads
        return Directory.parse(directory).holds(Directory.parse(path))
    return False


def _vanished(operation: Operation, record: JobRecord, directory: str, seen: Seen) -> Step | None:
    told = named(operation, record, Standing.RESTS) or seen.left
    if operation.action not in NEED_STATE or told or operation.overtaken_by:
        return None
    return wait_for_vanished(operation, seen) or refuse(
        f"the job vanished while an earlier operation stopped it; its newest state may be a savepoint in {directory}: "
        "name the one to start from (savePointName)",
        "StopInFlight",
    )


def _in_flight(operation: Operation, earlier: str, seen: Seen, limits: Limits) -> Step | None:
    match seen.trigger:
        case TriggerFailed(cause):
            return Wait(0.0, f"an earlier operation's stop has failed: {cause}", hop=False, unstopped=True)
        case TriggerUnknown():
            return None
        case TriggerRunning() | TriggerDone():
            if operation.action in (Action.CANCEL, Action.LIST_SAVEPOINT):
                return None
            if age_seconds(operation.driven_at or operation.requested_at, seen) > limits.stop_seconds:
                return refuse(f"the stop that {earlier} began is still under way", "StopInFlight")
            return Wait(1.0, f"the stop that {earlier} began is under way")
