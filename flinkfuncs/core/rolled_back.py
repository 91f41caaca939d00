"""Whether an upload may try a release again that was rolled back before.

A pipeline that uploads the same bad version every hour would stop and start the job every hour. So the record remembers
which releases were rolled back, and an upload of one of them is refused before anything is touched:

    the release      held after   job.json, or the metadata of a jar     the upload
    of an upload     a rollback   without one, says `again: true`
    ---------------  -----------  -------------------------------------  ------------------------
    is not one that  any          any                                    is taken
    was rolled back
    was rolled back  no           any                                    is taken
                     yes          no                                     REFUSED RolledBackBefore
                     yes          yes, and no rollback followed on this  is taken, once
                                  job.json, or on metadata, before
                     yes          yes, and one did                       REFUSED RolledBackBefore

HOLD_AFTER_ROLLBACK says whether it is held; `holdAfterRollback` of the job.json takes precedence. A job.json is
identified by its content, without its remarks and plan; metadata has no versions, so it counts once for each release.
What a caller asks for is never held: `{"release": …}` of an UPDATE tries it again.

    the record                                                                   a rolled back release is
    ---------------------------------------------------------------------------  ------------------------
    an operation that has started it ends ROLLED_BACK, and the job wants another  remembered
    it becomes the wanted one: an operation with it SUCCEEDED, or is UNPROVEN    forgotten
    MOST others were rolled back since                                           forgotten
    DELETE                                                                       forgotten, with all of them

On a cluster behind the ARM job API nothing is rolled back, so nothing is held. The rule that must never break: a
release that the job wants is never held.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from .going_back import call_for
from .jobs import JobRecord, RolledBack
from .operations import Operation, Outcome, Request
from .steps import End

MOST = 20  # rollbacks
CODE = "RolledBackBefore"
BY_METADATA = hashlib.sha256(b"again").hexdigest()  # in place of a job.json's


def objection(operation: Operation, record: JobRecord, *, hold: bool) -> End | None:
    """Return why an upload of a release is not tried again; `hold` is what the setting says."""
    release, request = operation.release, operation.request
    if release is None or operation.cause.kind != "upload":
        return None
    if not (hold if request.hold_after_rollback is None else request.hold_after_rollback):
        return None
    before = [one for one in record.rolled_back if one.release == release.id]
    if not before:
        return None
    tried = _version(request) in [one.job_json_sha256 for one in before]
    if request.again and not tried:
        return None
    where = " in this version of job.json" if request.job_json_sha256 else ""
    said = f"; again{where} was tried before" if request.again else ""
    return End(
        Outcome.REFUSED,
        f"operation {before[-1].operation} tried {release.label}, and it was rolled back{said}. To try it again, "
        'upload a job.json with "again": true (it counts once for each version of the file), or '
        f"{call_for(operation, release)}",
        code=CODE,
    )


def with_outcome(record: JobRecord, operation: Operation, end: End, now: datetime) -> JobRecord:
    """Write down what an operation's end says of a release: that it was rolled back, or is the job's own now."""
    if end.wanted and end.outcome in (Outcome.SUCCEEDED, Outcome.UNPROVEN):
        left = tuple(one for one in record.rolled_back if one.release != end.wanted.id)
        return record.but(rolled_back=left)
    release = operation.release
    tried = release is not None and operation.start is not None and not release.same_as(record.wanted)
    if end.outcome is not Outcome.ROLLED_BACK or release is None or not tried:
        return record
    one = RolledBack(release=release.id, operation=operation.id, at=now, job_json_sha256=_version(operation.request))
    return record.but(rolled_back=(*record.rolled_back, one)[-MOST:])


def _version(request: Request) -> str | None:
    """Return what tells one wish to try again from another."""
    return request.job_json_version or (BY_METADATA if request.again else None)
