"""How a release is started, and how the new copy proves itself.

The rule that must never break: once a start under an id may have left us, no other id is started until that one is seen
terminal; Flink takes an id once, so the same start again can never make a second copy while its JobManager lives.
"""

from __future__ import annotations

from dataclasses import replace

from ..actions import Action
from ..jobs import Ended, JobRecord
from ..naming import Standing, named
from ..operations import Mark, Operation, Outcome, Undo
from ..releases import Release
from ..steps import End, Start, Step, UploadJar, Wait
from .ends import CACHE_SECONDS, Limits, age_seconds, current_copy, fail, pause, refuse, wait_for_vanished
from .facts import CopyState, Seen, Status, looked_at, status_of
from .proof import MOST_RESTARTS, Evidence, new_copy, proved, proving, restarts
from .rollback import failed_start
from .savepoints import named_savepoint, same_path


def start(operation: Operation, record: JobRecord, release: Release, savepoint: str | None, seen: Seen) -> Step:
    """Start a release where nothing runs: under this operation's id, or under the one whose start may still come.

    current copy  release and state  step
    ------------  -----------------  ---------------------------------------------------------------------
    MAY_APPEAR    the same           Wait until it cannot be running unseen, then Start under the same id
    MAY_APPEAR    another            Refuse: which of the two would run is not known
    otherwise     any                Start under this operation's id
    """
    if status_of(record.current, seen.copy) is not Status.MAY_APPEAR:
        return Start(operation.token("copy"), release, savepoint, incarnation=seen.incarnation)
    earlier = current_copy(record)
    same_state = savepoint == earlier.savepoint or same_path(savepoint, earlier.savepoint)
    if not (release.same_as(earlier.release) and same_state):
        return refuse(
            f"an earlier start under the id {earlier.flink_job_id} may still take effect; START repeats it, "
            "anything else could make a second copy",
            "StartInFlight",
        )
    again = Start(earlier.flink_job_id, earlier.own_release, earlier.savepoint, incarnation=seen.incarnation)
    return wait_for_vanished(operation, seen) or again


def after_stop(operation: Operation, record: JobRecord, seen: Seen, limits: Limits, path: str) -> Step:
    """Start the new release from the savepoint that the stop wrote, or from the one that was named.

    A named one that is gone since the stop was begun leads back to the old release, from the savepoint of the stop.
    """
    if operation.action is Action.STATELESS_UPDATE:
        return fresh_start(operation, seen, stop_savepoint=path)
    counts = named(operation, record, Standing.RUNS)
    restore = named_savepoint(operation, record, limits) if counts else path
    if isinstance(restore, End):
        return _old_again(operation, record, seen, path, restore)
    return start_own(operation, seen, restore, stop_savepoint=path)


def _old_again(operation: Operation, record: JobRecord, seen: Seen, path: str, refused: End) -> Step:
    old = current_copy(record)
    if old.release is None or old.spec.on_failure == "stop":
        return End(Outcome.FAILED, refused.message, code=refused.code, savepoint=path, ended="STOPPED")
    if not seen.jar_on_cluster:
        return UploadJar(old.release, path)
    undo = Undo(reason=refused.message, at=seen.now, started_at=seen.now)
    token = operation.token("rollback")
    return Start(token, old.release, path, incarnation=seen.incarnation, stop_savepoint=path, undo=undo)


def fresh_start(operation: Operation, seen: Seen, *, stop_savepoint: str | None = None) -> Step:
    """Start without state, as STATELESS_UPDATE asks."""
    return start_own(operation, seen, None, stop_savepoint=stop_savepoint)


def start_own(operation: Operation, seen: Seen, savepoint: str | None, *, stop_savepoint: str | None = None) -> Step:
    """Start the operation's own release where this operation has ended the copy before."""
    release = operation.release
    if release is None:
        raise AssertionError(f"operation {operation.id} ended a copy before its own release was kept")
    if not seen.jar_on_cluster:
        return UploadJar(release, stop_savepoint)
    token = operation.token("copy")
    return Start(token, release, savepoint, incarnation=seen.incarnation, stop_savepoint=stop_savepoint)


def starting(operation: Operation, record: JobRecord, mark: Mark, seen: Seen, limits: Limits) -> Step:
    """Follow a start until the new copy has proved itself, or has failed.

    copy        restored from   step
    ----------  --------------  ---------------------------------------------------------------------
    RUNNING     what it should  as `proving` says: settle, then a checkpoint that we ask for
    RUNNING     not told yet    Wait, while Flink's cache may lag; then it failed
    RUNNING     something else  it failed: it runs, but not from our savepoint
    FINISHED    any             End: it has finished by itself
    STARTING,   any             Wait; at the deadline, or after too many restarts, it failed
    RESTARTING
    FAILED      any             it failed
    CANCELED    any             Fail: somebody cancelled it
    ABSENT      any             as `_absent` says

    What follows when it failed, `failed_start` says.
    """
    copy = looked_at(seen)
    match copy.state:
        case CopyState.ABSENT:
            return _absent(operation, record, mark, seen, limits)
        case CopyState.RUNNING:
            return _running(operation, record, mark, seen, limits)
        case CopyState.STARTING | CopyState.RESTARTING | CopyState.CANCELLING:
            return _not_yet(operation, record, mark, seen, limits)
        case CopyState.FINISHED:
            return replace(proved(operation, record, "has finished by itself"), ended="FINISHED")
        case CopyState.FAILED:
            refused = mark.refused if mark.unanswered == 0 else None  # else it may only say that the id is taken
            ended: Ended = "NEVER_STARTED" if refused else "FAILED"
            cause = refused or copy.failure or "Flink names no cause"
            return failed_start(operation, record, seen, Evidence(f"failed: {cause}", "StartFailed", ended))
        case CopyState.CANCELED:
            message = new_copy(record, "was cancelled by somebody else")
            return End(Outcome.FAILED, message, code="CanceledMeanwhile", ended="CANCELED")


def _absent(operation: Operation, record: JobRecord, mark: Mark, seen: Seen, limits: Limits) -> Step:
    """Say what to do about a new copy that the cluster does not know.

    refused, and no other call unanswered      Fail: it never started
    it was seen before                         Wait until it must be gone, then Fail: it vanished
    the JobManager is another one since        Wait until it must be gone, then the same Start again
    long ago                                   Fail: only the same START is safe
    a while ago                                the same Start again: Flink takes the id once
    just sent                                  Wait; if it surely did not leave, the same Start again
    """
    copy = current_copy(record)
    if mark.refused and mark.unanswered == 0:
        evidence = Evidence(f"did not start: {mark.refused}", "StartFailed", "NEVER_STARTED")
        return failed_start(operation, record, seen, evidence)
    if copy.seen:
        return wait_for_vanished(operation, seen) or fail(new_copy(record, "vanished from the cluster"), "Vanished")
    if mark.incarnation != seen.incarnation and (waiting := wait_for_vanished(operation, seen)):
        return waiting
    if age_seconds(mark.sent_at, seen) > limits.start_seconds:
        late = "was started and does not appear; until it does, only a START under the same id is safe"
        return fail(new_copy(record, late), "StartUnanswered")
    if mark.unanswered and age_seconds(mark.last_sent_at, seen) < limits.repeat_seconds:
        return Wait(pause(mark.last_sent_at, seen), "the new copy is not listed yet")
    if not seen.jar_on_cluster:
        return UploadJar(copy.own_release)
    return Start(copy.flink_job_id, copy.own_release, copy.savepoint, incarnation=seen.incarnation, undo=operation.undo)


def _running(operation: Operation, record: JobRecord, mark: Mark, seen: Seen, limits: Limits) -> Step:
    copy = looked_at(seen)
    expected = current_copy(record).savepoint
    own_checkpoint = copy.restored_from is not None and not copy.restored_savepoint
    if same_path(copy.restored_from, expected) or own_checkpoint or (expected is None and copy.restored_from is None):
        verdict = proving(operation, record, mark, seen, limits)
        return failed_start(operation, record, seen, verdict) if isinstance(verdict, Evidence) else verdict
    if copy.restored_from is None and age_seconds(mark.last_sent_at, seen) < CACHE_SECONDS:
        return Wait(0.2, "the new copy runs; what it restored is not listed yet", listed=True)
    found = f"runs, but Flink says it restored {copy.restored_from or 'nothing'}"
    return failed_start(operation, record, seen, Evidence(found, "RestoredSomethingElse"))


def _not_yet(operation: Operation, record: JobRecord, mark: Mark, seen: Seen, limits: Limits) -> Step:
    copy = looked_at(seen)
    late = age_seconds(mark.sent_at, seen) > limits.start_seconds
    if late or restarts(record, copy) >= MOST_RESTARTS:
        since = f"after {age_seconds(mark.sent_at, seen):.0f} s and {restarts(record, copy)} restarts"
        what = f"is {copy.state} {since}: {copy.failure or 'Flink names no cause'}"
        return failed_start(operation, record, seen, Evidence(what, "StartTimeout" if late else "CrashLoop"))
    return Wait(pause(mark.last_sent_at, seen), f"the new copy is {copy.state}", listed=True)
