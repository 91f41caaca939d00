"""Whether an action may be sent, and what has to be done before. The row shows the state of the job.

    action                cause   row                      step
    --------------------  ------  -----------------------  ----------------------------------------------------------
    any                   any     IN_PROGRESS              Wait; at the deadline Refuse: another action is under way
    NEW                   any     none                     Keep, PlaceJar, Submit
    NEW                   any     there                    Refuse: it exists
    UPDATE,               upload  none                     as NEW
    STATELESS_UPDATE,     other   none                     Refuse: there is no such job
    LAST_STATE_UPDATE     http    only an updateWindow     End: it is recorded (UPDATE of a job with a release)
                          upload  wanted is this release   End: nothing to do; but not of a job that failed
                          upload  STOPPED, FINISHED        Keep, PlaceJar, End: the next START runs it
                          overt.  ended                    the same: a later STOP or CANCEL went ahead of it
                          any     otherwise                Keep, PlaceJar, Submit
    START, RE_LAUNCH      any     there, does not run      PlaceJar if another jar is there, Submit
                          any     RUNNING                  Refuse: it runs
    STOP, SAVEPOINT,      any     there, has not ended     Submit
    CANCEL                any     ended                    Refuse: nothing runs
    LIST_SAVEPOINT        any     there                    Submit
    DELETE                any     there, does not run      Submit
                          any     RUNNING                  Refuse: STOP or CANCEL first
                          any     none                     End: it is gone already
    all but the above     any     none                     Refuse: there is no such job

A savepoint that a job.json names is sent only where the row says that nothing runs, and once: see `naming`.

The rule that must never break: `Submit` carries the state of the rows at that moment.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..actions import Action
from ..admission import asked_objection, past_objection, upload_objection, window_alone
from ..jobs import JobRecord, Recorded
from ..naming import Standing, named, unused_note
from ..operations import Operation, Outcome
from ..plans import Ground, record_objection, release_objection
from ..releases import Release
from ..steps import End, Keep, PlaceJar, Step, Submit, Wait
from .row import Row, digests, leading
from .seen import ArmLimits, ArmSeen, kept_row, refuse

RUNS_SINCE = "2023-11-01-preview"  # api-versions compare as text
NEWER = (Action.LAST_STATE_UPDATE, Action.RE_LAUNCH)


def begin(operation: Operation, record: JobRecord, seen: ArmSeen, limits: ArmLimits) -> Step:
    """Name the first step that is not done yet."""
    row = _living(seen)
    return (
        _unsupported(operation, limits)
        or asked_objection(operation)
        or upload_objection(operation, record, hold=limits.hold_after_rollback)
        or window_alone(operation, record)
        or _busy(operation, row, seen, limits)
        or record_objection(operation, record, Ground(status_of(record, seen.rows)))
        or release_objection(operation)
        or _by_state(operation, record, row, seen)
    )


def _by_state(operation: Operation, record: JobRecord, row: Row | None, seen: ArmSeen) -> Step:
    if row is None:
        return _without_row(operation, record, seen)
    runs = f"the job is {row.status or 'just accepted'}"
    match operation.action:
        case Action.NEW:
            return refuse(f"{runs}; UPDATE changes it, DELETE frees its name", "JobExists")
        case Action.UPDATE | Action.STATELESS_UPDATE | Action.LAST_STATE_UPDATE:
            return _update(operation, record, row, seen)
        case Action.START | Action.RE_LAUNCH if row.word == "RUNNING":
            return refuse(f"{runs}; there is nothing to start", "JobRuns")
        case Action.START | Action.RE_LAUNCH:
            return _relaunch(operation, record, seen)
        case Action.STOP | Action.SAVEPOINT | Action.CANCEL if row.ended:
            return refuse(f"{runs}; {operation.action} takes one that runs", "JobNotRunning")
        case Action.DELETE if row.word == "RUNNING":
            return refuse(f"{runs}; STOP or CANCEL it first", "JobRuns")
        case Action.STOP | Action.SAVEPOINT | Action.CANCEL | Action.DELETE | Action.LIST_SAVEPOINT:
            return _submit(operation, record, operation.action, None, seen)


def _without_row(operation: Operation, record: JobRecord, seen: ArmSeen) -> Step:
    upload = operation.cause.kind == "upload"
    if operation.action is Action.DELETE:
        return End(Outcome.SUCCEEDED, "the service has no such job; the name is free", forget=True)
    if operation.action is not Action.NEW and not (upload and operation.action.takes_release):
        return refuse(f"the service has no job {operation.job}", "JobNotFound")
    return past_objection(operation, record) or _launch(operation, record, Action.NEW, seen)


def _update(operation: Operation, record: JobRecord, row: Row, seen: ArmSeen) -> Step:
    release, upload = operation.release, operation.cause.kind == "upload"
    if release is None:
        return Keep()
    if upload and release.same_as(record.wanted) and row.word not in ("FAILED", "JOB_LAUNCH_FAILED"):
        message = f"this is the job's release already{_not_started(operation, record, seen)}"
        return End(Outcome.SUCCEEDED, message, wanted=release, row=kept_row(row))
    if (upload and row.word in ("STOPPED", "FINISHED")) or (operation.overtaken_by and row.ended):
        unused = _not_started(operation, record, seen)
        message = f"the job is {row.word}; the release is what its next START runs{unused}"
        end = End(Outcome.SUCCEEDED, message, wanted=release, row=kept_row(row))
        return _misplaced(record, release) or end
    return _launch(operation, record, operation.action, seen)


def _launch(operation: Operation, record: JobRecord, action: Action, seen: ArmSeen) -> Step:
    release = operation.release
    if release is None:
        return Keep()
    return (
        _inexpressible(operation, record, release, seen)
        or _misplaced(record, release)
        or _submit(operation, record, action, release, seen)
    )


def _relaunch(operation: Operation, record: JobRecord, seen: ArmSeen) -> Step:
    """Start what is wanted: it is named where the service last started something else, or may have."""
    wanted = record.wanted
    if wanted is None:
        return _submit(operation, record, operation.action, None, seen)
    release = None if record.launched == wanted.id else wanted
    return _misplaced(record, wanted) or _submit(operation, record, operation.action, release, seen)


def _misplaced(record: JobRecord, release: Release) -> PlaceJar | None:
    """Return what puts the jar where the service reads it, unless it lies there."""
    return None if record.placed == release.sha256 else PlaceJar(release)


def _submit(operation: Operation, record: JobRecord, action: Action, release: Release | None, seen: ArmSeen) -> Submit:
    return Submit(
        action=action,
        release=release,
        spec=None,
        save_point_name=named(operation, record, standing(seen)),
        row_before=digests(seen.rows),
    )


def standing(seen: ArmSeen) -> Standing:
    """Return whether the job runs, as far as its row says so."""
    row = _living(seen)
    if row is None:
        return Standing.NEW
    return Standing.RESTS if row.ended else Standing.RUNS


def status_of(job: Recorded, rows: Iterable[Row]) -> str:
    """Return the status of a job by its rows: the service's own word, VANISHED where it should have one."""
    row = leading(rows)
    if row is None:
        return "VANISHED" if job.wanted and not job.deleted else "NONE"
    return row.word or "STARTING"


def _not_started(operation: Operation, record: JobRecord, seen: ArmSeen) -> str:
    """Return what the message adds where a savepoint would count, but nothing is started."""
    counts = operation.cause.kind == "upload" and named(operation, record, standing(seen))
    return unused_note("nothing is started; START takes a savePointName of its own" if counts else None)


def _living(seen: ArmSeen) -> Row | None:
    return leading(row for row in seen.rows if row.word != "DELETED")


def _busy(operation: Operation, row: Row | None, seen: ArmSeen, limits: ArmLimits) -> Step | None:
    if row is None or not row.in_progress:
        return None
    since = operation.driven_at or operation.requested_at
    if (seen.now - since).total_seconds() > limits.deadline_seconds:
        return refuse(f"{row.action} of somebody else is under way and does not end", "JobBusy")
    return Wait(limits.poll_seconds, f"{row.action} of somebody else is under way")


def _unsupported(operation: Operation, limits: ArmLimits) -> End | None:
    if operation.action in NEWER and limits.api_version < RUNS_SINCE:
        return refuse(
            f"{operation.action} needs api-version {RUNS_SINCE} or newer; ARM_API_VERSION is {limits.api_version}",
            "UnsupportedAction",
        )
    if operation.request.without_savepoint:
        return refuse("withoutSavepoint cannot be said in the ARM API", "UnsupportedOption")
    if operation.request.allow_unaligned_checkpoint:
        return refuse("allowUnalignedCheckpoint cannot be said in the ARM API", "UnsupportedOption")
    if operation.request.adopt and operation.action is Action.NEW:
        return refuse("adopt cannot be said in the ARM API: its jobs are known to the service", "UnsupportedOption")
    return None


def _inexpressible(operation: Operation, record: JobRecord, release: Release, seen: ArmSeen) -> End | None:
    """Refuse what the API has no field for, rather than leave it out."""
    spec = release.spec
    said = {
        "allowNonRestoredState": spec.allow_non_restored_state,
        "savepointFormat NATIVE": spec.savepoint_format == "NATIVE",
        "onFailure stop": spec.on_failure == "stop",
        "requireSlots": spec.require_slots is True,
        "savePointName": operation.action is Action.STATELESS_UPDATE and bool(named(operation, record, standing(seen))),
    }
    names = ", ".join(name for name, is_said in said.items() if is_said)
    return refuse(f"{names} cannot be said in the ARM API", "UnsupportedOption") if names else None
