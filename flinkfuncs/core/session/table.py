"""What to do next with an operation on a session cluster: whether it may begin, and which phase continues.

    written down      phase                         module
    ----------------  ----------------------------  --------------
    a rollback        the old one has to, again     starting
    an undo           the bad copy has to end       rollback
    a start           the new copy has to prove it  starting, proof
    a cancel          the copy has to end           stopping
    a stop            the copy has to end           stopping
    a savepoint       it has to be complete         stopping
    … by an earlier   a stop may still end the      inheriting
    operation         copy
    nothing yet       may it begin, and with what   here

The rule that must never break: a row that starts something names the state it starts from, or was asked for a fresh
start.
"""

from __future__ import annotations

from dataclasses import replace

from .. import going_back
from ..actions import Action
from ..admission import asked_objection, past_objection, upload_objection, window_alone
from ..errors import Refused
from ..jobs import Copy, Ended, JobRecord
from ..naming import Standing, named, unused_note, why_unused
from ..operations import Operation, Outcome, SavepointListing
from ..plans import Ground, record_objection, release_objection
from ..steps import Cancel, End, Keep, Step, UploadJar, Wait
from .adopting import adopt
from .ends import BATCH_ENDS, FINISHED, Limits, age_seconds, current_copy, refuse, refuse_batch, wait_for_vanished
from .facts import TERMINAL, Seen, Status, standing, status_of
from .gate import checking
from .inheriting import inherited
from .last_state import State, cancel_for_state, newest_state
from .namesakes import ADOPT, CODE, alone
from .rollback import undoing
from .savepoints import named_objection, named_savepoint, resting_savepoint, same_path, savepoint_directory
from .starting import start, starting
from .stopping import begin_stop, begin_trigger, canceling, savepointing, stopping

RESTARTING = "JobRestarting"  # the code of a refusal
ENDED: dict[Status, Ended] = {
    Status.STOPPED: "STOPPED",
    Status.FINISHED: "FINISHED",
    Status.CANCELED: "CANCELED",
    Status.FAILED: "FAILED",
    Status.NEVER_STARTED: "NEVER_STARTED",
}


def next_step(operation: Operation, record: JobRecord, seen: Seen, limits: Limits) -> Step:
    """Name the one thing to do now. Do it, look again, ask again."""
    step = alone(operation, record, seen, _next_step(operation, record, seen, limits))
    if isinstance(step, End) and step.outcome is not Outcome.SUPERSEDED:
        unused = unused_note(_why_unused(operation, record, seen))
        return replace(step, message=step.message + unused + going_back.note(operation, step))
    return step


def _next_step(operation: Operation, record: JobRecord, seen: Seen, limits: Limits) -> Step:
    if operation.rollback:
        return starting(operation, record, operation.rollback, seen, limits)
    if operation.undo:
        return undoing(operation, record, operation.undo, seen, limits)
    if operation.start:
        return starting(operation, record, operation.start, seen, limits)
    if operation.cancel:
        return canceling(operation, record, operation.cancel, seen, limits)
    if operation.stop:
        return stopping(operation, record, operation.stop, seen, limits)
    if operation.trigger:
        return savepointing(operation, record, operation.trigger, seen, limits)
    refused = upload_objection(operation, record, hold=limits.hold_after_rollback)
    over = refused or _plan_objection(operation, record, seen) or window_alone(operation, record)
    return over or inherited(operation, record, seen, limits) or _begin(operation, record, seen, limits)


def _plan_objection(operation: Operation, record: JobRecord, seen: Seen) -> End | None:
    """Return why an operation that was planned is not what its plan found."""
    state = resting_savepoint(record) or (seen.left.path if seen.left else None)
    ground = Ground(status_of(record.current, seen.copy).value, state)
    return record_objection(operation, record, ground) or release_objection(operation)


def _why_unused(operation: Operation, record: JobRecord, seen: Seen) -> str | None:
    return why_unused(operation, record, standing(record, seen.copy))


def _begin(operation: Operation, record: JobRecord, seen: Seen, limits: Limits) -> Step:
    """Name the first step of each action."""
    status = status_of(record.current, seen.copy)
    if operation.action is not Action.NEW and (refused := asked_objection(operation)):
        return refused
    match operation.action:
        case Action.NEW:
            return _new(operation, record, seen, limits, status)
        case Action.START | Action.RE_LAUNCH:
            return _start(operation, record, seen, limits, status)
        case Action.UPDATE | Action.STATELESS_UPDATE | Action.LAST_STATE_UPDATE:
            return _update(operation, record, seen, limits, status)
        case Action.STOP:
            return _stop(operation, record, seen, limits, status)
        case Action.SAVEPOINT:
            return _savepoint(operation, record, seen, limits, status)
        case Action.CANCEL:
            return _cancel(record, seen, status)
        case Action.DELETE:
            return _delete(operation, record, seen, status)
        case Action.LIST_SAVEPOINT:
            return _list(record, seen)


def _new(operation: Operation, record: JobRecord, seen: Seen, limits: Limits, status: Status) -> Step:
    """Start the first copy of a job: never beside one that runs, never over a past that is not known.

    A Flink job is recognised by its name, which its main() may set; for an upload that name is known once it was
    checked, and what NEW starts under another name is not compared.

    status            namesake on Flink  past known  step
    ----------------  -----------------  ----------  --------------------------
    any, by arm       any                any         as `histories` says: another run, or an update; else as below
    not NONE          any                any         Refuse: it exists
    NONE              any, `adopt`       any         as `adopting` says; then NEW is over, an upload is an UPDATE
    NONE              yes                any         Refuse: it already runs
    NONE              no                 no          Refuse, except with savePointName
    NONE              no                 yes         Keep, UploadJar, Check, Start
    """
    if record.current and record.current.adopted and record.current.operation == operation.id:
        return _adopted(record.current)
    if operation.action is Action.NEW and operation.cause.kind == "arm" and not operation.request.adopt:
        another = _another_run(operation, record, seen, limits, status)
        if another:
            return another
        if refused := asked_objection(operation):
            return refused
    if status is not Status.NONE:
        return refuse(f"the job exists and is {status}; UPDATE changes it, DELETE frees its name", "JobExists")
    if operation.request.adopt:
        return adopt(operation.request.adopt, seen)
    if seen.namesakes:
        return refuse(
            f"Flink runs a job of this name that is not ours: {', '.join(seen.namesakes)}; {ADOPT}",
            CODE,
        )
    if objection := past_objection(operation, record):
        return objection
    state = named_savepoint(operation, record, limits) if named(operation, record, Standing.NEW) else None
    return _with_release(operation, record, seen, limits, state)


def _another_run(operation: Operation, record: JobRecord, seen: Seen, limits: Limits, status: Status) -> Step | None:
    """Return what a NEW of the ARM API is where the name had a run before; None: the first one of its name, or none."""
    match status:
        case Status.NONE if record.asked:
            return Wait(0.0, "the last run was never launched; another one begins", next_run=True)
        case Status.STOPPED if operation.request.save_point_name is None:
            return refuse(
                "the job is STOPPED: START goes on from its savepoint; a NEW run needs a savePointName, or the job's "
                "DELETE before it",
                "JobStopped",
            )
        case Status.RUNNING | Status.RESTARTING | Status.STARTING:
            return Wait(0.0, f"the job is {status}: NEW updates it", becomes=Action.UPDATE)
        case Status.CANCELLING:
            return _settle(operation, seen, limits, status)
    if ended := ENDED.get(status):
        return Wait(0.0, f"the last run is {ended}; another one begins", next_run=True, run_ended=ended)
    return None


def _adopted(copy: Copy) -> End:
    told = copy.adopted
    runs = f"{told.name!r} with parallelism {told.parallelism}" if told else "nobody knows what"
    message = (
        f"the Flink job {copy.flink_job_id} is this job's copy now; it runs {runs}. Its jar is not known: until the "
        "first release of its own there is none to go back to"
    )
    return End(Outcome.SUCCEEDED, message)


def _start(operation: Operation, record: JobRecord, seen: Seen, limits: Limits, status: Status) -> Step:
    """Start the wanted release from the named or the newest valid state.

    status                                     step
    -----------------------------------------  --------------------------------------------
    STOPPED, FINISHED, and RE_LAUNCH           Refuse: START starts it
    STOPPED, FINISHED, CANCELED, FAILED, …     Start from that state; none: Refuse
    MAY_APPEAR                                 the same Start again, under the same id
    VANISHED                                   as for FAILED, once it must be gone
    NONE                                       Refuse: there is nothing to start
    otherwise                                  Refuse: it runs
    """
    if status in (Status.STOPPED, Status.FINISHED) and operation.action is Action.RE_LAUNCH:
        return refuse(f"the job is {status}; START starts it, RE_LAUNCH only what was not stopped", "JobNotBroken")
    if status is Status.MAY_APPEAR:
        return _repeat(operation, record, seen, limits)
    if status in TERMINAL or status is Status.VANISHED:
        return _from_newest_state(operation, record, seen, limits)
    if status is Status.NONE:
        return refuse("the job was never started; NEW, or an upload, starts it", "NothingToStart")
    return refuse(f"the job is {status}; there is nothing to start", "JobRuns")


def _repeat(operation: Operation, record: JobRecord, seen: Seen, limits: Limits) -> Step:
    """Send the start that is in flight again: its release, from its state, unless another state is named."""
    earlier = current_copy(record)
    counts = named(operation, record, Standing.RESTS)
    savepoint = named_savepoint(operation, record, limits) if counts else earlier.savepoint
    if isinstance(savepoint, End):
        return savepoint
    step = start(operation, record, earlier.own_release, savepoint, seen)
    return step if isinstance(step, End) or seen.jar_on_cluster else UploadJar(earlier.own_release)


def _update(operation: Operation, record: JobRecord, seen: Seen, limits: Limits, status: Status) -> Step:
    """Replace the running release by another one.

    status                    cause    step
    ------------------------  -------  ------------------------------------------------------------------
    any, a release is wanted  http     End, where the request only sets an updateWindow: it is recorded
    NONE                      upload,  as NEW (a service keeps a row of a launch that was refused, and its
                              arm      callers UPDATE it)
    NONE                      other    Refuse: nothing to update
    RUNNING this release      upload,  End: nothing to do; RESTARTING as well, where the upload repeats another
                              NEW
    RUNNING                   any      Keep, UploadJar, Check, Stop (LAST_STATE_UPDATE: Cancel, as below)
    … in batch mode           any      Refuse (STATELESS_UPDATE: Keep, UploadJar, Check, Cancel)
    STARTING, CANCELLING      any      Wait a while, then Refuse
    RESTARTING                any      Keep, UploadJar, Check, and Cancel, if its newest state outlives that
                                       (STATELESS_UPDATE: only withoutSavepoint)
    STOPPED, CANCELED,        upload   Keep; it becomes what the next START runs
    FINISHED
    … by an unfinished        upload   Start from its newest state: the job was not ended on purpose
    update
    any terminal, VANISHED    overt.   Keep, as above: the STOP or CANCEL that went ahead was asked for later
    other terminal, VANISHED  any      Start from the named or the newest valid state (STATELESS: fresh)
    """
    if operation.overtaken_by and (status in TERMINAL or status is Status.VANISHED):
        return _remember(operation, record, status)
    upload = operation.cause.kind == "upload"
    if status is Status.NONE and operation.cause.kind in ("upload", "arm"):
        return _new(operation, record, seen, limits, status)
    if status is Status.NONE:
        return refuse("the job was never started; NEW starts it", "NothingToUpdate")
    runs = (Status.RUNNING, Status.RESTARTING) if operation.repeats else (Status.RUNNING,)
    if (upload or operation.asked_as) and status in runs and _runs_already(operation, record):
        return End(Outcome.SUCCEEDED, "the job runs this release already", wanted=operation.release)
    match status:
        case Status.RUNNING if seen.copy and seen.copy.batch and operation.action is not Action.STATELESS_UPDATE:
            return refuse_batch(BATCH_ENDS)
        case Status.RUNNING | Status.RESTARTING:
            return _prepare(operation, record, seen, limits) or _end_old_copy(operation, record, seen, limits, status)
        case Status.STARTING | Status.CANCELLING:
            return _settle(operation, seen, limits, status)
        case Status.STOPPED | Status.CANCELED | Status.FINISHED if upload and not _ended_by_an_update(record):
            return _remember(operation, record, status)
        case _:
            return _revive(operation, record, seen, limits)


def _end_old_copy(operation: Operation, record: JobRecord, seen: Seen, limits: Limits, status: Status) -> Step:
    """Stop with a savepoint; where none can be taken, or none is wanted, cancel what leaves its state behind."""
    stateless = operation.action is Action.STATELESS_UPDATE
    if seen.copy and seen.copy.batch:
        return Cancel(current_copy(record).flink_job_id)
    if status is Status.RUNNING and operation.action is not Action.LAST_STATE_UPDATE:
        return begin_stop(operation, record, limits)
    if stateless and operation.request.without_savepoint:
        return Cancel(current_copy(record).flink_job_id)
    if stateless:
        return refuse("the job is RESTARTING, so no savepoint can be taken; withoutSavepoint does without", RESTARTING)
    return cancel_for_state(operation, record, seen, limits)


def _revive(operation: Operation, record: JobRecord, seen: Seen, limits: Limits) -> Step:
    """Start a release where nothing runs: from a state for UPDATE, fresh for STATELESS_UPDATE."""
    if operation.action is Action.STATELESS_UPDATE:
        return _with_release(operation, record, seen, limits, None)
    return _from_newest_state(operation, record, seen, limits)


def _from_newest_state(operation: Operation, record: JobRecord, seen: Seen, limits: Limits) -> Step:
    """Start from the newest state; of a copy that vanished it is known only when the copy must be gone."""
    if objection := named_objection(operation, record, seen, limits):
        return objection
    vanished = status_of(record.current, seen.copy) is Status.VANISHED
    if vanished and (before := _before_start(operation, record, seen, limits)):
        return before
    return _with_release(operation, record, seen, limits, newest_state(operation, record, seen, limits))


def _runs_already(operation: Operation, record: JobRecord) -> bool:
    """Whether the release is both wanted and the one that runs: a copy that failed to prove itself may run another."""
    release = operation.release
    return release is not None and release.same_as(record.wanted) and release.same_as(current_copy(record).release)


def _ended_by_an_update(record: JobRecord) -> bool:
    """Whether the job only stands because an update ended it and did not come to its start."""
    by = current_copy(record).ended_by
    return by is not None and by.takes_release


def _remember(operation: Operation, record: JobRecord, status: Status) -> Step:
    if operation.release is None:
        return Keep()
    message = f"the job is {status}; the release is what its next START runs"
    message += f" ({FINISHED})" if status is Status.FINISHED else ""
    unused = operation.cause.kind == "upload" and named(operation, record, Standing.RESTS)
    note = unused_note("nothing is started; START takes a savePointName of its own" if unused else None)
    return End(Outcome.SUCCEEDED, message + note, wanted=operation.release)


def _settle(operation: Operation, seen: Seen, limits: Limits, status: Status) -> Step:
    """Wait for a copy that is on its way, but not for ever."""
    if age_seconds(operation.driven_at or operation.requested_at, seen) > limits.start_seconds:
        return refuse(f"the job is {status} and does not settle", "JobUnsettled")
    return Wait(1.0, f"the job is {status}")


def _prepare(operation: Operation, record: JobRecord, seen: Seen, limits: Limits) -> Step | None:
    """Return what is missing before the old copy may be touched; what can be refused is refused here."""
    if objection := named_objection(operation, record, seen, limits):
        return objection
    if operation.release is None:
        return Keep()
    try:
        savepoint_directory(operation, record, limits)
    except Refused as error:
        return refuse(error.message, error.code)
    return checking(operation, operation.release) if seen.jar_on_cluster else UploadJar(operation.release)


def _with_release(operation: Operation, record: JobRecord, seen: Seen, limits: Limits, state: State) -> Step:
    """Start the operation's release, or the wanted one where the action brings none."""
    if isinstance(state, End | Wait):
        return state
    release = operation.release or record.wanted
    if before := _before_start(operation, record, seen, limits):
        return before
    if release is None:
        raise AssertionError(f"operation {operation.id} starts a release that is not there")
    return start(operation, record, release, state, seen)


def _before_start(operation: Operation, record: JobRecord, seen: Seen, limits: Limits) -> Step | None:
    """Return what is missing before a release may be started: its jar, its check, the end of what vanished."""
    if operation.action.takes_release or operation.request.jar:
        missing = _prepare(operation, record, seen, limits)
        if missing:
            return missing
    release = operation.release or record.wanted
    if release is None:
        return refuse("no release of this job is known", "NothingToStart")
    if not seen.jar_on_cluster:
        return UploadJar(release)
    vanished = status_of(record.current, seen.copy) is Status.VANISHED
    return wait_for_vanished(operation, seen) if vanished else None


def _stop(operation: Operation, record: JobRecord, seen: Seen, limits: Limits, status: Status) -> Step:
    if seen.copy and seen.copy.batch:
        return refuse_batch(BATCH_ENDS)
    if status is Status.RUNNING:
        return begin_stop(operation, record, limits)
    if status is Status.RESTARTING:
        return refuse(
            "the job is RESTARTING, so no savepoint can be taken; CANCEL ends it, and leaves its retained checkpoints",
            RESTARTING,
        )
    return refuse(f"the job is {status}; only a RUNNING job can be stopped", "JobNotRunning")


def _savepoint(operation: Operation, record: JobRecord, seen: Seen, limits: Limits, status: Status) -> Step:
    if seen.copy and seen.copy.batch:
        return refuse_batch(BATCH_ENDS)
    if status is Status.RUNNING:
        return begin_trigger(operation, record, limits)
    return refuse(f"the job is {status}; a savepoint is taken of a RUNNING job", "JobNotRunning")


def _cancel(record: JobRecord, seen: Seen, status: Status) -> Step:
    running = seen.copy is not None and status not in TERMINAL and status not in (Status.VANISHED, Status.MAY_APPEAR)
    if record.current and running:
        return Cancel(record.current.flink_job_id)
    return refuse(f"the job is {status}; there is nothing to cancel", "JobNotRunning")


def _delete(operation: Operation, record: JobRecord, seen: Seen, status: Status) -> Step:
    """Forget a job that does not run; the ARM API's DELETE of one that runs cancels it first, as its documents say."""
    alive = status in (Status.RUNNING, Status.RESTARTING, Status.STARTING, Status.CANCELLING)
    if alive and operation.cause.kind == "arm":
        return Cancel(current_copy(record).flink_job_id)
    if status in TERMINAL or status is Status.NONE:
        return End(Outcome.SUCCEEDED, "deleted; savepoints and releases are kept, the name is free", forget=True)
    if status is Status.VANISHED:
        gone = End(Outcome.SUCCEEDED, "deleted; the cluster no longer knew its copy", forget=True)
        return wait_for_vanished(operation, seen) or gone
    return refuse(f"the job is {status}; STOP or CANCEL it first", "JobRuns")


def _list(record: JobRecord, seen: Seen) -> End:
    def size(path: str) -> int | None:
        return next((size for place, size in seen.sizes.items() if same_path(place, path)), None)

    listing = tuple(
        SavepointListing(
            path=s.path, taken_at=s.taken_at, size_bytes=size(s.path), origin=s.origin, flink_job_id=s.flink_job_id
        )
        for s in reversed(record.savepoints)
        if not s.disposing_at
    )
    return End(Outcome.SUCCEEDED, f"{len(listing)} savepoints", savepoints=listing)
