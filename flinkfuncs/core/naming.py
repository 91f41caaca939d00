"""Whether a savepoint that an operation names counts.

A caller names one for one call. A job.json stays in its place, beside every later jar, so what it names counts once:

    asked for by  the job                                   the named savepoint
    ------------  ----------------------------------------  ----------------------------------------------------------
    http, arm     any                                       counts
    arm, a NEW    runs, so that the NEW is an update of it  does not count: the job continues from its own state
    upload        an earlier operation took this job.json   does not count
                  for a release
    upload        runs, or ran until this upload ended it   does not count: the job continues from its own state
    upload        known; STATELESS_UPDATE                   does not count: it starts without state
    upload        STOPPED, CANCELED or FINISHED on purpose  does not count: nothing is started
    upload        anything else in which nothing runs       counts

A job.json is identified by the SHA-256 of its bytes: a pipeline that writes the same bytes with every jar gives them a
new ETag each time, and still asks for nothing new. Where it has a reason, buildUrl or commit, which differ with each
build, it is identified by the digest of the rest. It is taken when an operation begins to act on the job, or records
the release for the next START; from then on no other operation follows its `savePointName`, also where the first one
did not: a week later the savepoint would be a week old. A start that was definitely refused gives it back. DELETE
forgets it together with the rest of the job.

The rule that must never break: what was written down once never takes a job back twice.
"""

from __future__ import annotations

from enum import Enum, auto

from .actions import Action
from .jobs import JobRecord, TakenJobJson
from .operations import Operation

CONTINUES = "a job that runs continues from its own newest state"


class Standing(Enum):
    """How a job stands when something is to be started or stopped."""

    NEW = auto()  # nothing of it ever ran under this record
    RUNS = auto()
    RESTS = auto()


def named(operation: Operation, record: JobRecord, standing: Standing) -> str | None:
    """Return the savepoint that the operation names, by path or bare name, if it counts."""
    return None if why_unused(operation, record, standing) else operation.request.save_point_name


def why_unused(operation: Operation, record: JobRecord, standing: Standing) -> str | None:
    """Return why the savepoint that an operation names does not count; None: it does, or there is none."""
    request = operation.request
    if request.save_point_name is None:
        return None
    if operation.asked_as:
        return CONTINUES
    if operation.cause.kind != "upload":
        return None
    taken = taken_by(operation, record)
    if taken and taken.operation != operation.id:
        return f"operation {taken.operation} took this job.json before; START takes a savePointName of its own"
    if taken and taken.counted:
        return None
    if operation.stop or operation.cancel or standing is Standing.RUNS:
        return CONTINUES
    if operation.action is Action.STATELESS_UPDATE and standing is not Standing.NEW:
        return "STATELESS_UPDATE starts without state"
    return None


def unused_note(why: str | None) -> str:
    """Return what a result's message adds where the savepoint that was named was not used."""
    return f"; savePointName was not used: {why}" if why else ""


def taken_by(operation: Operation, record: JobRecord) -> TakenJobJson | None:
    """Return who took the operation's job.json, if anybody did."""
    sha256 = _digest(operation)
    return next((taken for taken in record.job_jsons if taken.sha256 == sha256), None)


def with_job_json(record: JobRecord, operation: Operation, *, counted: bool) -> JobRecord:
    """Write down that the operation takes its job.json, once; only one that names a savepoint matters."""
    request = operation.request
    named_by_upload = request.save_point_name and operation.cause.kind == "upload"
    digest = _digest(operation)
    if not named_by_upload or digest is None or taken_by(operation, record):
        return record
    taken = TakenJobJson(sha256=digest, operation=operation.id, counted=counted)
    return record.but(job_jsons=(*record.job_jsons, taken))


def without_job_json(record: JobRecord, operation: Operation) -> JobRecord:
    """Give a job.json back whose start was definitely refused: nothing was started from what it names."""
    kept = tuple(taken for taken in record.job_jsons if not (taken.counted and taken.operation == operation.id))
    return record.but(job_jsons=kept)


def _digest(operation: Operation) -> str | None:
    return operation.request.job_json_version
