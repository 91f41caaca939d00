"""How a release is started, and how the new copy proves itself.

The rule that must never break: once a start under an id may have left us, no other id is started until that one is seen
terminal; Flink takes an id once, so the same start again can never make a second copy while its JobManager lives.
"""

from __future__ import annotations

from dataclasses import replace

from ..actions import Action
from ..jobs import Ended, JobRecord
from ..naming import Standing, named
from ..operations import Again, Mark, Operation, Outcome, Undo
from ..releases import Release
from ..steps import End, Start, Step, UploadJar, Wait
from ..undone import with_past, with_undo
from .aftermath import aftermath
from .blame import Blame
from .ends import (
    CACHE_SECONDS,
    FINISHED,
    Limits,
    age_seconds,
    current_copy,
    fail,
    not_yet_told,
    pause,
    refuse,
    wait_for_vanished,
    was_refused,
)
from .facts import CopySeen, CopyState, Seen, Status, looked_at, status_of
from .last_state import newest_of_lost
from .proof import MOST_RESTARTS, Evidence, looping, new_copy, proved, proving, restarts, unproven
from .rollback import failed_start, way_back
from .savepoints import named_savepoint, same_path

MOST_LOST = 2  # copies of one operation that the cluster may lose; a release may be what brings a JobManager down


def start(operation: Operation, record: JobRecord, release: Release, savepoint: str | None, seen: Seen) -> Step:
    """Start a release where nothing runs: under this operation's id, or under the one whose start may still come.

    current copy  release and state  step
    ------------  -----------------  ---------------------------------------------------------------------
    MAY_APPEAR    the same           Wait until it cannot be running unseen, then Start under the same id
    MAY_APPEAR    another            Refuse: which of the two would run is not known
    otherwise     any                Start under this operation's id
    """
    if status_of(record.current, seen.copy) is not Status.MAY_APPEAR:
        return Start(operation.copy_token("copy"), release, savepoint, incarnation=seen.incarnation)
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
        return UploadJar(old.release, path, f"{refused.message}; {_stopped_with(path)}")
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
        return UploadJar(release, stop_savepoint, _stopped_with(stop_savepoint) if stop_savepoint else "")
    token = operation.copy_token("copy")
    return Start(token, release, savepoint, incarnation=seen.incarnation, stop_savepoint=stop_savepoint)


def _stopped_with(savepoint: str) -> str:
    return f"the job is stopped, and START continues from {savepoint}"


def starting(operation: Operation, record: JobRecord, mark: Mark, seen: Seen, limits: Limits) -> Step:
    """Follow a start until the new copy has proved itself, or has failed.

    copy        restored from      step
    ----------  -----------------  ---------------------------------------------------------------------
    RUNNING     what it should     as `proving` says: settle, then a checkpoint that we ask for
    RUNNING     not reported yet   Wait, while Flink's cache may lag; then it failed
    RUNNING     something else     it failed: it runs, but not from our savepoint
    FINISHED    any                End: it has finished by itself
    STARTING,   any                as `_not_yet` says
    RESTARTING
    FAILED,     any                Wait, while Flink's count of its checkpoints may be older than its end
    CANCELED
    … FAILED                       the cluster lost it: as `_lost` says; otherwise it failed
    … CANCELED                     Fail: somebody cancelled it
    ABSENT      any                as `_absent` says

    What follows when it failed, `failed_start` says.
    """
    copy = looked_at(seen)
    refused = mark.refused if was_refused(record, mark, seen) else None
    match copy.state:
        case CopyState.ABSENT:
            return _absent(operation, record, mark, seen, limits)
        case CopyState.RUNNING:
            return _running(operation, record, mark, seen, limits)
        case CopyState.STARTING | CopyState.RESTARTING | CopyState.CANCELLING:
            return _not_yet(operation, record, mark, seen, limits)
        case CopyState.FINISHED:
            end = proved(operation, record, "has finished by itself")
            return replace(end, message=f"{end.message}; {FINISHED}", ended="FINISHED")
        case CopyState.FAILED | CopyState.CANCELED if not refused and (waiting := not_yet_told(operation, seen)):
            return waiting
        case CopyState.FAILED if copy.lost:
            what = f"was ended by the cluster: {copy.failure or 'Flink names no cause'}"
            return _lost(operation, record, seen, what, ended="FAILED")
        case CopyState.FAILED:
            ended: Ended = "NEVER_STARTED" if refused else "FAILED"
            cause = refused or copy.failure or "Flink names no cause"
            return failed_start(operation, record, seen, Evidence(f"failed: {cause}", "StartFailed", ended))
        case CopyState.CANCELED:
            what, after = "was cancelled by somebody else", aftermath(operation, record, seen, "ended")
            message = _told(operation, record, what, after)
            return End(Outcome.FAILED, message, code="CanceledMeanwhile", ended="CANCELED")


def _told(operation: Operation, record: JobRecord, what: str, after: str) -> str:
    """Put a message together: what was undone before, what became of the copy, what it committed, what to do."""
    again = "the old release was started again: " if operation.undo else ""
    return with_undo(operation, f"{again}{new_copy(record, what)}; {after}")


def _absent(operation: Operation, record: JobRecord, mark: Mark, seen: Seen, limits: Limits) -> Step:
    """Decide about a new copy that the cluster does not know.

    refused, and it never ran (`was_refused`)   Fail: it never started
    one of these two, and the jar is gone too  UploadJar; for the second one not beyond the deadline below
    it was seen before                         Wait until it must be gone, then as `_lost` says
    the JobManager is another one since        Wait until it must be gone, then the same Start again
    long ago (the start deadline, and the      Fail: only the same START is safe
    time that a lost copy may run unseen)
    a while ago                                the same Start again: Flink takes the id once
    just sent                                  Wait; if it surely did not leave, the same Start again
    """
    copy = current_copy(record)
    if was_refused(record, mark, seen):
        evidence = Evidence(f"did not start: {mark.refused}", "StartFailed", "NEVER_STARTED")
        return failed_start(operation, record, seen, evidence)
    another_manager = mark.incarnation != seen.incarnation
    late = age_seconds(mark.sent_at, seen) > limits.start_seconds + seen.vanish_seconds
    if (copy.seen or (another_manager and not late)) and not seen.jar_on_cluster:
        return UploadJar(copy.own_release)  # before the wait: every step but a wait begins it anew
    if copy.seen:
        return wait_for_vanished(operation, seen) or _lost(operation, record, seen, "vanished from the cluster")
    if another_manager and (waiting := wait_for_vanished(operation, seen)):
        return waiting
    if late:
        what = "was started and does not appear; it may still come, and START repeats it under the same id"
        return fail(with_past(operation, new_copy(record, what)), "StartUnanswered")
    if mark.unanswered and age_seconds(mark.last_sent_at, seen) < limits.repeat_seconds:
        return Wait(pause(mark.last_sent_at, seen), "the new copy is not listed yet")
    if not seen.jar_on_cluster:
        return UploadJar(copy.own_release)
    return Start(copy.flink_job_id, copy.own_release, copy.savepoint, incarnation=seen.incarnation, undo=operation.undo)


def _lost(operation: Operation, record: JobRecord, seen: Seen, what: str, ended: Ended | None = None) -> Step:
    """Start a release again whose copy the cluster lost: the same one, from the newest state of that copy.

    lost before  newest state of the copy that was lost       step
    -----------  -------------------------------------------  ------------------------------------------------------
    too often    any                                          Fail, saying what was committed and what to do
    otherwise    known                                        Start from it, under the next id of this operation
    otherwise    not known, deleted, or reported too early    Wait while it may be reported; then Fail, as above
    """
    copy, again, lost = looked_at(seen), operation.again, current_copy(record)
    number = (again.number if again else 0) + 1
    state = newest_of_lost(operation, lost.own_release, record, seen)
    if isinstance(state, Wait):
        return state
    code = "Vanished" if ended is None else "CopyLost"
    if isinstance(state, End):
        after = f"{state.message}; {aftermath(operation, record, seen, 'vanished')}"
        return End(Outcome.FAILED, _told(operation, record, what, after), code=code, ended=ended)
    if number > MOST_LOST:
        after = aftermath(operation, record, seen, "ended" if ended else "vanished", state)
        often = f"{what}, after {number - 1} more like it"
        return End(Outcome.FAILED, _told(operation, record, often, after), code=code, ended=ended)
    if not seen.jar_on_cluster:
        return UploadJar(lost.own_release)
    progressed = int(not same_path(state, lost.savepoint))
    completed = (again.completed if again else 0) + max(copy.committed, progressed)
    since, before = (again.since, again.savepoint) if again else (lost.started_at, lost.savepoint)
    return Start(
        operation.copy_token("rollback" if operation.undo else "copy", number),
        lost.own_release,
        state,
        incarnation=seen.incarnation,
        undo=operation.undo,
        again=Again(number=number, since=since, completed=completed, savepoint=before),
    )


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
    """Wait for a copy that does not run yet, or does not run at the moment.

    failed by its own  deadline  the copy                                 step
    fault
    -----------------  --------  ---------------------------------------  -----------------------------------------
    3 times or more    any       any                                      it failed: a crash loop
    fewer              ahead     any                                      Wait
    fewer              passed    committed something, or is the rollback  End: UNPROVEN, it is kept; but 2 failures
                                                                          of its own: it failed
    fewer              passed    a TaskManager is gone, or slots are      End: UNPROVEN, it is kept
                                 gone since the release was checked
    fewer              passed    it gets no slots, and there is no way    the same
                                 back
    fewer              passed    otherwise                                it failed: going back loses nothing
    """
    copy = looked_at(seen)
    if len(copy.own_failures) >= MOST_RESTARTS:
        return failed_start(operation, record, seen, looping(copy))
    if age_seconds(mark.sent_at, seen) > limits.start_seconds:
        what = f"is {copy.state} after {age_seconds(mark.sent_at, seen):.0f} s and {restarts(record, copy)} restarts"
        if _is_kept(operation, record, copy) and len(copy.own_failures) <= 1:
            return unproven(operation, record, seen, what)
        evidence = Evidence(f"{what}: {copy.failure or 'Flink names no cause'}", "StartTimeout")
        return failed_start(operation, record, seen, evidence)
    return Wait(pause(mark.last_sent_at, seen), f"the new copy is {copy.state}", listed=True)


def _is_kept(operation: Operation, record: JobRecord, copy: CopySeen) -> bool:
    if copy.committed or operation.undo or copy.slots_gone:
        return True
    blame = copy.failures[0].blame if copy.failures else Blame.RELEASE
    return blame is Blame.CLUSTER or (blame is Blame.SLOTS and way_back(operation, record) is None)
