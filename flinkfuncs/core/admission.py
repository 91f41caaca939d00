"""What is over whatever the cluster says: an upload that is not the newest, or is held; an unknown past; a window.

The same for every kind of cluster, since it is a matter of the record alone.
"""

from __future__ import annotations

from .actions import Action
from .going_back import call_for
from .handled import CODE
from .jobs import JobRecord
from .operations import Operation, Outcome
from .rolled_back import objection
from .steps import End


def upload_objection(operation: Operation, record: JobRecord, *, hold: bool) -> End | None:
    """Return why an upload is not taken: a newer one waits or was taken, it is not new, in the other folder, or held.

    `hold` says whether a release is held that was rolled back before, or that somebody went back from.

    One that waits for a copy that vanished stays: otherwise uploads that come faster than that wait would keep the job
    down for ever, each beginning the wait again.
    """
    request = operation.request
    at = request.jar.last_modified if request.jar and operation.cause.kind == "upload" else None
    if at is None:
        return None
    uploads = [other for other in record.open if other.id != operation.id and other.cause.kind == "upload"]
    waiting = [other for other in uploads if not other.repeats]
    newer = [other for other in waiting if other.request.jar and (other.request.jar.last_modified or at) > at]
    if newer and operation.vanished_at is None:
        return End(Outcome.SUPERSEDED, f"a newer upload is waiting: {newer[-1].id}")
    if record.wanted_at and at < record.wanted_at.replace(microsecond=0):  # Last-Modified has whole seconds
        return End(Outcome.SUPERSEDED, f"a newer release was taken at {record.wanted_at:%Y-%m-%dT%H:%M:%SZ}")
    release = operation.release
    if operation.repeats and release and not release.same_as(record.wanted):
        return End(
            Outcome.SUPERSEDED,
            f"nothing new: operation {operation.repeats} handled the same bytes under the same name before; to go back "
            f"to them, {call_for(operation, release)}, or upload them under another name",
            code=CODE,
        )
    if record.folder and request.folder != record.folder and not request.switch_mode:
        return End(
            Outcome.REFUSED,
            f"the job is bound to the folder {record.folder}/; a job.json with switchMode true moves it",
            code="OtherFolder",
        )
    return objection(operation, record, hold=hold)


def asked_objection(operation: Operation) -> End | None:
    """Return why a call of the ARM API is refused that names a place which is not allowed."""
    why = operation.request.objection
    return End(Outcome.REFUSED, why, code="OutsideRoot") if why else None


def window_alone(operation: Operation, record: JobRecord) -> End | None:
    """Return the end of an UPDATE by a call that says an updateWindow and nothing else: no job is restarted for it."""
    request, others = operation.request, {"action", "spec", "plan", "reason", "build_url", "commit"}
    alone = request.spec.model_fields_set == {"update_window"} and not request.model_dump(
        exclude=others, exclude_defaults=True
    )
    if operation.action is not Action.UPDATE or operation.cause.kind == "upload" or not alone or not record.wanted:
        return None
    wanted = record.wanted.model_copy(update={"spec": record.wanted.spec.patched(request.spec)})
    return End(Outcome.SUCCEEDED, "the job's updateWindow is recorded; nothing else was asked for", wanted=wanted)


def past_objection(operation: Operation, record: JobRecord) -> End | None:
    """Return why a first start is not made: the job ran before, and its record is gone."""
    if not record.unknown_past or operation.request.save_point_name:
        return None
    return End(
        Outcome.REFUSED,
        "releases of a job of this name are kept, but its record is gone: name the Flink job that runs (adopt) or the "
        "savepoint to start from (savePointName), or use another name",
        code="UnknownPast",
    )
