"""Which uploads bring nothing new.

Setting a blob's metadata, or uploading the same bytes again, gives it a new ETag and a new Last-Modified. So each job's
record keeps, for each blob's name, the bytes that an operation handled there last:

    the blobs of an upload: its jar, and its job.json     the upload
    ----------------------------------------------------  ----------------------------------------------------------
    one has other bytes than were handled under its name  is new
    all have the same; their operation FAILED, was        is new: another try, unless it is held (`rolled_back`)
    ROLLED_BACK, REFUSED, UNKNOWN or ABANDONED
    all have the same; their operation SUCCEEDED, is      repeats that operation
    UNPROVEN, or still runs and has read them

    an upload that repeats      what becomes of it
    --------------------------  ------------------------------------------------------------------------------------
    while another upload waits  SUPERSEDED, whichever of them is older: the other may bring new bytes
    the wanted release          nothing where the job runs or restarts; a job that failed or vanished is started again
    any other release           SUPERSEDED `HandledBefore`: going back to a release is `going_back`

Only bytes count: ETags and times say nothing, and Content-MD5 is often missing. A jar is read for this only where its
name and size are those of one that was handled. The newest MOST names are remembered; a name that is gone from the
folder is forgotten, and DELETE forgets all. What was superseded was not handled.

The rule that must never break: a touched blob neither takes a job back nor costs another upload its turn.
"""

from __future__ import annotations

import hashlib

from .jobs import Handled, JobRecord
from .operations import Operation, Outcome
from .uploads import JOB_JSON

MOST = 50  # names
CODE = "HandledBefore"
ANOTHER_TRY = (Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.REFUSED, Outcome.UNKNOWN, Outcome.ABANDONED)


def to_compare(record: JobRecord, operation: Operation, size_bytes: int) -> Handled | None:
    """Return the jar that an upload may bring again: only its bytes are left to compare."""
    request = operation.request
    if request.jar is None or operation.cause.kind != "upload":
        return None
    description = _known(record, _job_json(request.jar.name))
    if request.job_json_sha256 and not (description and description.sha256 == request.job_json_sha256):
        return None
    jar = _known(record, request.jar.name)
    known = [jar, description] if request.job_json_sha256 else [jar]
    another_try = any(one is not None and one.outcome in ANOTHER_TRY for one in known)
    return jar if jar and jar.size_bytes == size_bytes and not another_try else None


def with_handled(record: JobRecord, operation: Operation, outcome: Outcome) -> JobRecord:
    """Write down which bytes an upload brought that has ended."""
    jar = operation.request.jar
    if jar is None or operation.cause.kind != "upload" or outcome is Outcome.SUPERSEDED:
        return record
    if operation.repeats and outcome not in (Outcome.FAILED, Outcome.ROLLED_BACK):
        return record
    if operation.release is None and outcome is not Outcome.REFUSED:  # nobody knows its bytes
        return record
    others = (one for one in record.handled if one.blob not in (jar.name, _job_json(jar.name)))
    return record.but(handled=(*others, *_brought(operation, outcome))[-MOST:])


def without_names(record: JobRecord, gone: frozenset[str]) -> JobRecord:
    """Forget what was handled under names that are gone, given by `mark`."""
    return record.but(handled=tuple(one for one in record.handled if mark(one.blob) not in gone))


def mark(blob: str) -> str:
    """Return the digits by which the record's metadata names a blob."""
    return hashlib.sha256(blob.encode()).hexdigest()[:8]


def _known(record: JobRecord, blob: str) -> Handled | None:
    """Return the bytes that came last under a name; None: there are none, or nobody has read them."""
    found = next((one for one in record.handled if one.blob == blob), None)
    for operation in (*record.open, *record.held):
        jar = operation.request.jar
        if jar and operation.cause.kind == "upload" and not operation.repeats and blob in _names(operation):
            under_way = _brought(operation, Outcome.UNPROVEN)
            found = next((one for one in under_way if one.blob == blob), None)
    return found


def _brought(operation: Operation, outcome: Outcome) -> tuple[Handled, ...]:
    """Return what an upload brought, as far as its jar was read."""
    request, release = operation.request, operation.release
    if request.jar is None or release is None:
        return ()
    jar = Handled(
        blob=request.jar.name,
        sha256=release.sha256,
        size_bytes=release.size_bytes,
        operation=operation.id,
        outcome=outcome,
    )
    if request.job_json_sha256 is None:
        return (jar,)
    description = {"blob": _job_json(jar.blob), "sha256": request.job_json_sha256, "size_bytes": None}
    return (jar, jar.model_copy(update=description))


def _names(operation: Operation) -> tuple[str, ...]:
    request = operation.request
    if request.jar is None:
        return ()
    return (request.jar.name, _job_json(request.jar.name)) if request.job_json_sha256 else (request.jar.name,)


def _job_json(jar: str) -> str:
    return f"{jar.rpartition('/')[0]}/{JOB_JSON}"
