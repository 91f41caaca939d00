"""Whether an upload may try a release again that was rolled back before, by the app or by hand.

A pipeline that uploads the same bad version every hour would stop and start the job every hour, and its next build
would undo what somebody did by hand who went back from that version. So the record remembers which releases were rolled
back, and an upload of one of them is refused before anything is touched:

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
    it was wanted, or ran last, and an operation with `{"release": …}` of an      remembered, with who went
    older one SUCCEEDED, or is UNPROVEN                                           back from it, and why
    … of a newer one: the job goes forward again                                  as it was
    it becomes the wanted one: an operation with it SUCCEEDED, or is UNPROVEN     forgotten
    MOST others were rolled back since                                            forgotten
    DELETE                                                                        forgotten, with all of them

Of two releases the older one was kept earlier. Where nothing says since when, an operation with `{"release": …}` goes
back. Behind the ARM job API the app rolls nothing back: there only what somebody went back from is held.

The rule that must never break: a release that the job wants is never held.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from .going_back import call_for
from .jobs import Brought, JobRecord, RolledBack
from .operations import Operation, Outcome, Request
from .releases import Release
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
        f"{_happened(before[-1], release)}{said}. To try it again, "
        'upload a job.json with "again": true (it counts once for each version of the file), or '
        f"{call_for(operation, release)}",
        code=CODE,
    )


def with_outcome(record: JobRecord, operation: Operation, end: End, now: datetime) -> JobRecord:
    """Write down what an operation's end says of releases: which was rolled back, and which is the job's own now."""
    release = operation.release
    if end.wanted and end.outcome in (Outcome.SUCCEEDED, Outcome.UNPROVEN):
        left = (one for one in record.rolled_back if one.release != end.wanted.id)
        gone_back_from = _gone_back_from(record, operation, end.wanted, now)
        brought = _brought(record, operation, end.wanted)
        return record.but(rolled_back=(*left, *gone_back_from)[-MOST:], brought=brought)
    tried = release is not None and operation.start is not None and not release.same_as(record.wanted)
    if end.outcome is not Outcome.ROLLED_BACK or release is None or not tried:
        return record
    one = RolledBack(release=release.id, operation=operation.id, at=now, job_json_sha256=_version(operation.request))
    return record.but(rolled_back=(*record.rolled_back, one)[-MOST:])


def _happened(one: RolledBack, release: Release) -> str:
    if one.by is None:
        return f"operation {one.operation} tried {release.label}, and it was rolled back"
    why = f"; reason given: {one.reason}" if one.reason else ""
    return f"somebody went back from {release.label} with operation {one.operation} ({one.by}{why})"


def _gone_back_from(record: JobRecord, operation: Operation, to: Release, now: datetime) -> list[RolledBack]:
    """Return the releases that an operation with `{"release": …}` took the job back from."""
    request, wanted, known = operation.request, record.wanted, _known(record)
    if request.kept is None:
        return []
    replaced = [(wanted, known.at if known else None, known.job_json_sha256 if known else None)] if wanted else []
    ran = next((copy for copy in (record.current, record.previous) if copy and copy.operation != operation.id), None)
    if ran and ran.release and not ran.release.same_as(wanted):  # its update failed
        replaced.append((ran.release, ran.started_at, None))
    return [
        RolledBack(
            release=release.id,
            operation=operation.id,
            at=now,
            job_json_sha256=version,
            by=operation.cause.detail,
            reason=request.reason,
        )
        for release, since, version in replaced
        if not release.same_as(to) and not (since and request.kept_at and since < request.kept_at)
    ]


def _brought(record: JobRecord, operation: Operation, wanted: Release) -> Brought:
    """Return how the release came that is the job's own now."""
    request, version = operation.request, _version(operation.request)
    if wanted.same_as(record.wanted) and (known := _known(record)):
        return known.model_copy(update={"job_json_sha256": version or known.job_json_sha256})
    return Brought(at=request.kept_at or operation.driven_at or operation.requested_at, job_json_sha256=version)


def _known(record: JobRecord) -> Brought | None:
    """Return how the wanted release came; of an older record only when it was taken is known."""
    if record.brought or record.wanted_at is None:
        return record.brought
    return Brought(at=record.wanted_at)


def _version(request: Request) -> str | None:
    """Return what tells one wish to try again from another."""
    return request.job_json_version or (BY_METADATA if request.again else None)
