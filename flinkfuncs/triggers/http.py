"""What people and programs can ask over HTTP; each route translates and replies, nothing else.

    GET   /api/jobs                      every job, with its status on the cluster; in pages, as all lists of operations
    GET   /api/jobs/{job}                one job
    POST  /api/jobs/{job}/{action}       ask for an action: 202 and where to look, or hold the reply (Prefer: wait=N)
    GET   /api/jobs/{job}/savepoints     the savepoints: those recorded, newest first, then those that no record names
    GET   /api/jobs/{job}/releases       the releases that are known, newest first, and what came of each
    GET   /api/jobs/{job}/exceptions     why it failed, as the cluster has it
    GET   /api/operations?job=…          a job's operations, newest first; ?state=open | closed | rejected narrows them
    GET   /api/operations?state=open     a part of each open operation of all jobs; state=rejected: uploads under no
                                         job's name
    GET   /api/operations/{id}           one operation; Prefer: wait=N here, too
    GET   /api/uploads                   what became of the newest uploads, of all jobs; ?outcome=REFUSED narrows them
    …     control.py                     what people say to operations that wait or run
    GET   /api/me                        who calls, and what they may do
    GET   /api/health                    whether the app can do its work
    GET   /api/openapi.json              this API, described for programs (api/routes.py)

Every route asks for a right (guard.py), health too: it names settings, which are nobody else's business, and a probe
can send a key in a header. A body is read as JSON whatever its content type says (so there is no 415: `curl -d` calls
JSON a form). A held reply holds no thread: it waits on the worker's event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import azure.functions as func

from .. import telemetry
from ..api.later import shown
from ..api.links import links_of
from ..app import services
from ..core.errors import FlinkFuncsError
from ..core.jobs import Copy, JobRecord, Recorded
from ..core.names import JobName
from ..core.operations import Cause, Operation, Outcome
from .calls import as_found, as_json, asked_in, caller, read_body, record_of, replayed, with_key
from .guard import role_of
from .paging import Page, next_link, parse_page, unclear
from .plans import is_dry_run, plan_action
from .prefer import wait_seconds
from .problems import replies, replies_async

LOOK_AGAIN_SECONDS = 2  # Retry-After of a 202
POLL_SECONDS = 0.5  # how often a held request reads its operation

RUN = ("STARTING", "RUNNING", "RESTARTING", "CANCELLING", "DELETED", "UNKNOWN")  # there is nothing to start
MOST_UPLOADS = 200  # in one list
MOST_OPERATIONS = 200  # in one page
MOST_JOBS = 1000  # in one page
STATES = ("open", "closed", "rejected")

blueprint = func.Blueprint()


@blueprint.route("api/jobs", methods=["GET"])
@replies
def list_jobs(req: func.HttpRequest) -> func.HttpResponse:
    """Show every job but the deleted ones."""
    page, summaries = parse_page(req.params, most=MOST_JOBS), services().ledger.summaries()
    found = {name: job for name, job in summaries.items() if job.open_count or not job.deleted}
    names = sorted(name for name in found if page.behind is None or name > page.behind)
    statuses, reason = _statuses({name: found[name] for name in names[: page.top]})
    jobs = tuple(shown.JobInList.of(name, found[name], status, reason=reason) for name, status in statuses.items())
    more = next_link("/api/jobs", req.params, names[page.top - 1]) if len(names) > page.top else None
    return as_found(req, shown.Jobs(jobs=jobs, next_link=more))


@blueprint.route("api/jobs/{job}", methods=["GET"])
@replies
def show_job(req: func.HttpRequest) -> func.HttpResponse:
    """Show one job, and what it can be started from where it does not run."""
    record = record_of(_job(req))
    statuses, reason = _statuses({record.name: record})
    status = statuses[record.name]
    links = links_of(services().settings, record, status)
    job = shown.Job.of(record, status, reason=reason, starts_from=_starts_from(record, status), links=links)
    return as_found(req, job)


@blueprint.route("api/jobs/{job}/savepoints", methods=["GET"])
@replies
def list_savepoints(req: func.HttpRequest) -> func.HttpResponse:
    """Show what a START can be told to begin from: what is recorded, and what lies there and no record names."""
    record, housekeeper = record_of(_job(req)), services().housekeeper
    try:
        found = housekeeper.found(record) if housekeeper else []
    except FlinkFuncsError as error:
        return as_found(req, shown.Savepoints.of(record, unknown=error.message))
    return as_found(req, shown.Savepoints.of(record, found))


@blueprint.route("api/jobs/{job}/releases", methods=["GET"])
@replies
def list_releases(req: func.HttpRequest) -> func.HttpResponse:
    """Show which releases a job can go back to, and what came of each."""
    record = record_of(_job(req))
    known, jars = services().releases.known(record)
    listed = (shown.KeptRelease.of(one, record, available=one.release.sha256 in jars) for one in known)
    return as_found(req, shown.Releases(releases=tuple(listed)))


@blueprint.route("api/jobs/{job}/exceptions", methods=["GET"])
@replies
def list_exceptions(req: func.HttpRequest) -> func.HttpResponse:
    """Show why a job failed, as the cluster has it: the copy that runs, or ran last, and the one before it."""
    record = record_of(_job(req))
    copies = tuple(_exceptions(record, copy) for copy in (record.current, record.previous) if copy)
    return as_found(req, shown.Exceptions(copies=copies))


@blueprint.route("api/operations/{id}", methods=["GET"])
@replies_async
async def show_operation(req: func.HttpRequest) -> func.HttpResponse:
    """Show one operation, open or closed, and hold the reply for as long as the caller prefers."""
    operation = await asyncio.to_thread(_find, req.route_params["id"])
    seconds = wait_seconds(req.headers.get("prefer"))
    if seconds is None:
        return as_found(req, shown.Operation.of(operation))
    reply = as_found(req, shown.Operation.of(await _ended(operation, seconds)))
    reply.headers.update({"Preference-Applied": f"wait={seconds}"})
    return reply


def _find(operation_id: str) -> Operation:
    return services().ledger.find(operation_id)


@blueprint.route("api/operations", methods=["GET"])
@replies
def list_operations(req: func.HttpRequest) -> func.HttpResponse:
    """Show a job's operations, or those of all jobs that are in a state."""
    job, state = req.params.get("job"), req.params.get("state")
    if state is not None and state not in STATES:
        raise unclear(f"state is one of {', '.join(STATES)}")
    page = parse_page(req.params, most=MOST_OPERATIONS)
    if not job and state == "rejected":
        if page.behind is not None:
            raise unclear("rejected uploads come in one page, the newest ones: leave page out")
        uploads = services().ledger.uploads(rejected=True, limit=page.top)
        return as_found(req, shown.Operations(operations=tuple(shown.Upload.of(upload) for upload in uploads)))
    listed, last = _of_job(JobName(job), state, page) if job else _of_all_jobs(state, page)
    link = next_link("/api/operations", req.params, last) if last else None
    return as_found(req, shown.Operations(operations=listed, next_link=link))


@blueprint.route("api/uploads", methods=["GET"])
@replies
def list_uploads(req: func.HttpRequest) -> func.HttpResponse:
    """Show what became of the newest uploads of all jobs, those that are under no job's name or still wait as well."""
    word = req.params.get("outcome")
    if word is not None and word.upper() not in Outcome.__members__:
        raise unclear(f"outcome is one of {', '.join(Outcome)}")
    return as_found(req, shown.Uploads(uploads=_uploads(Outcome(word.upper()) if word else None)))


@blueprint.route("api/me", methods=["GET"])
@replies
def show_me(req: func.HttpRequest) -> func.HttpResponse:
    """Show who calls, and what they may do; whoever may do nothing is refused like everywhere else."""
    name, role = role_of(req)
    return as_found(req, shown.Me(name=name, role=role))


@blueprint.route("api/health", methods=["GET"])
@replies
def show_health(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the host binds the request by this name
    """Show whether the app can do its work: 200 or 503, with the same body."""
    from ..health import check_health  # noqa: PLC0415 - with the settings' library, when it is asked for

    health = check_health(services)
    report = health.model_dump(mode="json", by_alias=True, exclude_none=True)
    return as_json(report, status=200 if health.healthy else 503)


@blueprint.route("api/openapi.json", methods=["GET"])
@replies
def show_openapi(req: func.HttpRequest) -> func.HttpResponse:
    """Describe the API."""
    from ..api.openapi import document  # noqa: PLC0415 - with the settings' library, when it is asked for

    return as_found(req, document())


@blueprint.route("api/jobs/{job}/{action}", methods=["POST"])
@replies_async
async def request_action(req: func.HttpRequest) -> func.HttpResponse:
    """Record what is asked for, and hold the reply for as long as the caller prefers; or plan it."""
    if is_dry_run(req.params.get("dryRun")):
        return await asyncio.to_thread(plan_action, req)
    operation, replay = await asyncio.to_thread(_request, req)
    seconds = wait_seconds(req.headers.get("prefer"))
    if seconds is None:
        return _accepted(operation, replay)
    operation = await _ended(operation, seconds)
    applied = {"Preference-Applied": f"wait={seconds}"} | replay
    if operation.result is None:
        return _accepted(operation, applied)
    return as_json(shown.Operation.of(operation), headers=applied | _location(operation))


def _request(req: func.HttpRequest) -> tuple[Operation, dict[str, str]]:
    """Translate the call and hand it to the intake; return what it recorded, and the headers of a repeat."""
    job, request = _job(req), asked_in(req)
    call = with_key(req, f"/api/jobs/{job}/{request.action}", read_body(req))
    return services().intake.request(job, request, Cause(kind="http", detail=caller(req)), call), replayed(call)


async def _ended(operation: Operation, seconds: float) -> Operation:
    """Return the operation once it has ended, or as it is after that many seconds.

    It is recorded, whatever happens now: while storage cannot be reached the caller is not told of a failure.
    """
    deadline = time.monotonic() + seconds
    while operation.result is None and (left := deadline - time.monotonic()) > 0:
        await asyncio.sleep(min(POLL_SECONDS, left))
        operation = await asyncio.to_thread(_read_again, operation)
    return operation


def _read_again(operation: Operation) -> Operation:
    try:
        with telemetry.quiet():
            return _find(operation.id)
    except FlinkFuncsError:
        return operation


def _of_job(job: JobName, state: str | None, page: Page) -> tuple[tuple[shown.Operation, ...], str | None]:
    """Return a page of a job's operations, and the last one of it where there are more."""
    if state == "rejected":
        raise unclear("rejected uploads belong to no job: state=rejected stands alone")
    part = services().ledger.page(job, state=state, top=page.top, behind=page.behind)
    if not part.operations:
        record_of(job)
    return tuple(map(shown.Operation.of, part.operations)), part.last


def _uploads(outcome: Outcome | None) -> tuple[shown.Upload, ...]:
    """Return uploads, newest first; one that ended meanwhile has ended."""
    app, refused = services(), outcome in (None, Outcome.REFUSED)
    pending = app.intake.pending(datetime.now(UTC)) if refused else []
    ended = app.ledger.uploads([outcome] if outcome else Outcome, rejected=refused)
    found = [*(upload for upload in pending if outcome in (None, upload.outcome)), *ended]
    by_name = {upload.operation or f"{upload.blob} {upload.at}": upload for upload in found}
    newest = sorted(by_name.values(), key=lambda upload: upload.at, reverse=True)
    return tuple(shown.Upload.of(upload) for upload in newest[:MOST_UPLOADS])


def _of_all_jobs(state: str | None, page: Page) -> tuple[tuple[shown.OpenOperation, ...], str | None]:
    """Return a page of all jobs' open operations, and the last one of it where there are more."""
    if state != "open":
        raise unclear("say which operations: ?job=NAME, ?state=open or ?state=rejected")
    part = services().ledger.waiting(top=page.top, behind=page.behind)
    return tuple(shown.OpenOperation.of(job, operation) for job, operation in part.operations), part.last


def _starts_from(record: JobRecord, status: str) -> shown.StartsFrom | None:
    from ..clusters.cluster import TellsState  # noqa: PLC0415 - brings the steps of both kinds of cluster along

    cluster = services().cluster
    if status in RUN or record.current is None or not isinstance(cluster, TellsState):
        return None
    try:
        left = cluster.newest_state(record)
    except FlinkFuncsError:
        return None
    return shown.StartsFrom(path=left.path, unaligned=left.unaligned) if left and left.survives else None


def _exceptions(record: JobRecord, copy: Copy) -> shown.ExceptionsOfCopy:
    from ..clusters.cluster import TellsExceptions  # noqa: PLC0415 - as above

    cluster = services().cluster
    try:
        thrown = cluster.exceptions(record, copy) if isinstance(cluster, TellsExceptions) else None
    except FlinkFuncsError as error:
        return shown.ExceptionsOfCopy.of(copy, unknown=error.message)
    return shown.ExceptionsOfCopy.of(copy, thrown)


def _statuses(jobs: Mapping[JobName, Recorded]) -> tuple[Mapping[JobName, str], str | None]:
    """Return the status of each job; one cluster that does not answer, or refuses us, hides no job, and says why."""
    unknown = dict.fromkeys(jobs, "UNKNOWN")
    try:
        return unknown | dict(services().cluster.statuses(jobs)), None
    except FlinkFuncsError as error:
        return unknown, error.message


def _job(req: func.HttpRequest) -> JobName:
    return JobName(req.route_params["job"])  # the host decodes %2F before it matches nothing with it: see JobName


def _location(operation: Operation) -> dict[str, str]:
    return {"Location": f"/api/operations/{operation.id}"}


def _accepted(operation: Operation, headers: dict[str, str] | None = None) -> func.HttpResponse:
    told = {"Retry-After": str(LOOK_AGAIN_SECONDS)} | _location(operation) | (headers or {})
    return as_json(shown.Operation.of(operation), status=202, headers=told)
