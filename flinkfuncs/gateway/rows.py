"""What does the list say of a job? One row for each record that is not deleted, as the real service wrote them.

    field              from
    -----------------  --------------------------------------------------------------------------------------------
    action             the newest operation that somebody asked for: not the timer's, not a superseded one
    actionResult       IN_PROGRESS while it is open, then SUCCESS or FAILED
    jobOutput          how it ended; while all is well, what Flink says of the job
    status             the cluster's word; JOB_LAUNCH_FAILED where the last start never ran
    jobJarDirectory …  the release, with what the operation asked to change
    flinkConfiguration … and a caller's own marks (`flinkfuncs.…`) only if this operation carried them
    runId, jobId       the copy

What is absent is left out, never null; what looks like a secret is starred. The rule that must never break: SUCCESS is
written only for an operation that is closed as SUCCEEDED.
"""

from __future__ import annotations

import hashlib
import posixpath

from ..core.actions import Action
from ..core.arguments import join_arguments
from ..core.jobs import JobRecord, LastOperation
from ..core.model import Model
from ..core.names import Directory
from ..core.operations import Operation, Outcome, Request, Result, SavepointListing
from ..core.releases import JarSource, Release, Spec
from ..redaction import redacted_args, redacted_arguments, redacted_configuration
from ..runjob import PARALLELISM_KEY, SAVEPOINT_KEY
from .contract import ApiVersion, ClusterPath

MARKS = "flinkfuncs."  # keys of flinkConfiguration that tell callers of this API which request a row answers
LAUNCH_FAILED = "JOB_LAUNCH_FAILED"
EXACT_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
NO_STATUS = ("NONE", "UNKNOWN")


class RowProperties(Model):
    """The properties of a row, in the order in which the service wrote them."""

    job_type: str = "FlinkJob"
    run_id: str | None = None
    job_name: str
    job_jar_directory: str | None = None
    jar_name: str | None = None
    action: Action | None = None
    entry_class: str | None = None
    args: str | None = None
    save_point_name: str | None = None
    flink_configuration: dict[str, str] | None = None
    job_id: str | None = None
    status: str | None = None
    job_output: str | None = None
    action_result: str | None = None
    last_save_point: str | None = None


class Row(Model):
    """A job in the list."""

    id: str
    properties: RowProperties


class RowList(Model):
    """The list; it has one page."""

    value: tuple[Row, ...]


def row_of(
    record: JobRecord, shown: Operation | None, word: str | None, *, api: ApiVersion, path: ClusterPath, jars: str
) -> Row:
    """Write a job's row.

    `shown` is the operation that it tells of, `word` the cluster's for the job's status, `jars` the directory that
    ARM calls name (JOB_JAR_DIRECTORY).
    """
    status = status_of(record, shown, word)
    run = run_id(record, shown)
    release = (shown and shown.release) or record.wanted or (record.current and record.current.release) or None
    properties = RowProperties(
        run_id=run if api.runs else None,
        job_name=record.name,
        action=shown.action if shown else None,
        save_point_name=shown.request.save_point_name if shown else None,
        job_id=_job_id(record),
        status=status,
        job_output=job_output(shown, status),
        action_result=action_result(shown) if shown else None,
        last_save_point=record.newest_savepoint.path if record.newest_savepoint else None,
    )
    spec = _spec_fields(release, shown.request if shown else None, jars)
    return Row(id=f"{path.id}/jobs/{run if api.runs else record.name}", properties=properties.model_copy(update=spec))


def listed(record: JobRecord) -> bool:
    """Whether a job has a row: not once it is deleted, unless something waits."""
    return bool(record.open) or not record.deleted


def told(operation: Operation) -> bool:
    """Whether rows tell of an operation: a periodic savepoint is nobody's request, a superseded one never began."""
    superseded = operation.result is not None and operation.result.outcome is Outcome.SUPERSEDED
    return operation.cause.kind != "timer" and not superseded


def remembered(record: JobRecord, last: LastOperation) -> Operation:
    """Return what the record itself keeps of its last operation, whose own blob is gone."""
    return Operation(
        id=last.id,
        job=record.name,
        request=Request(action=last.action),
        cause=last.cause,
        requested_at=last.ended_at,
        progressed_at=last.ended_at,
        result=Result(outcome=last.outcome, message=last.message, ended_at=last.ended_at),
    )


def action_result(shown: Operation) -> str:
    """Return the API's word for how an operation ended."""
    if shown.result is None:
        return "IN_PROGRESS"
    match shown.result.outcome:
        case Outcome.SUCCEEDED:
            return "SUCCESS"
        case Outcome.FAILED | Outcome.ROLLED_BACK | Outcome.UNPROVEN | Outcome.UNKNOWN | Outcome.ABANDONED:
            return "FAILED"
        case Outcome.REFUSED | Outcome.SUPERSEDED:
            return "FAILED"


def status_of(record: JobRecord, shown: Operation | None, word: str | None) -> str | None:
    """Return the API's word for a job's state, or None where there is none yet.

    copy                         operation           status
    ---------------------------  ------------------  -----------------------------------
    none                         failed              JOB_LAUNCH_FAILED
    none                         open, or none       none: it was just accepted
    NEVER_STARTED                any                 JOB_LAUNCH_FAILED
    may appear                   any                 STARTING
    any other                    any                 the cluster's word
    """
    if record.current is None:
        failed = shown is not None and shown.result is not None and action_result(shown) == "FAILED"
        return LAUNCH_FAILED if failed else None
    if record.current.ended == "NEVER_STARTED" or word == "NEVER_STARTED":
        return LAUNCH_FAILED
    if word == "MAY_APPEAR":
        return "STARTING"
    return None if word in NO_STATUS else word


def job_output(shown: Operation | None, status: str | None) -> str | None:
    """Return what the service would have printed.

    Savepoint completed. Path: abfs://…/savepoint-25e318-1f2a3b4c5d6e
    Job execution failed. ⏎Failed to download jar                            (a blank before the line's end)
    Flink internal job status : RUNNING

    A failure says when it was, so that the same one twice makes two rows that differ: callers without a mark of their
    own have nothing else by which to tell them apart.
    """
    if shown and shown.result and action_result(shown) == "FAILED":
        return f"Job execution failed. \n{shown.result.message} ({shown.result.ended_at:{EXACT_TIME}})"
    if shown and shown.result and shown.result.savepoints is not None:
        return _listing(shown.result, shown.result.savepoints)
    if shown and shown.result and shown.result.savepoint and shown.action in (Action.SAVEPOINT, Action.STOP):
        return f"Savepoint completed. Path: {shown.result.savepoint}"
    return f"Flink internal job status : {status}" if status and status != LAUNCH_FAILED else None


def _listing(result: Result, savepoints: tuple[SavepointListing, ...]) -> str:
    """Write LIST_SAVEPOINT's output, whose real format nobody recorded; with its time, so that no two are the same.

    Savepoints listed at 2026-11-21T02:30:00.123456Z: 1
    2026-11-21T02:10:00Z STOP 25e318907f786a2c6aee392df6580035 abfs://…/savepoint-25e318-1f2a3b4c5d6e
    """
    lines = [
        f"{s.taken_at:%Y-%m-%dT%H:%M:%SZ} {s.origin or '-'} {s.flink_job_id or '-'} {s.path}"
        if s.taken_at
        else f"- {s.origin or '-'} {s.flink_job_id or '-'} {s.path}"
        for s in savepoints
    ]
    return "\n".join([f"Savepoints listed at {result.ended_at:{EXACT_TIME}}: {len(savepoints)}", *lines])


def run_id(record: JobRecord, shown: Operation | None) -> str:
    """Return the id of a job's run, `job-c5d-4b48-abba-5ee598dbd653`: that of the copy that runs, ran or shall run."""
    copy = record.current.flink_job_id if record.current else shown.token("copy") if shown else record.name
    digits = hashlib.sha256(copy.encode()).hexdigest()
    return f"job-{digits[:3]}-{digits[3:7]}-{digits[7:11]}-{digits[11:23]}"


def _job_id(record: JobRecord) -> str | None:
    """Return the copy's Flink job id once Flink knew it; a launch that failed has none."""
    copy = record.current
    return copy.flink_job_id if copy and copy.ended != "NEVER_STARTED" and not copy.may_appear else None


def _spec_fields(release: Release | None, request: Request | None, jars: str) -> dict[str, object]:
    """Return the row's fields that say what is run: the release, with what the request asks to change."""
    source = (request and request.jar) or (release and release.source) or None
    patch = request.spec if request else None
    if source is None and not (patch and patch.model_fields_set):
        return {}
    spec = release.spec if release else Spec()
    spec = spec.patched(patch) if patch else spec
    return {
        "job_jar_directory": _directory(source, jars),
        "jar_name": posixpath.basename(source.name) if source else None,
        "entry_class": spec.entry_class,
        "args": _arguments(spec),
        "flink_configuration": _configuration(spec, frozenset(patch.flink_configuration if patch else ())),
    }


def _arguments(spec: Spec) -> str:
    """Return the API's one text of arguments; words that no text can say are set apart by spaces all the same."""
    shown = redacted_args(spec.args) if isinstance(spec.args, str) else redacted_arguments(spec.args)
    if isinstance(shown, str):
        return shown
    try:
        return join_arguments(shown)
    except ValueError:
        return " ".join(shown)


def _configuration(spec: Spec, asked: frozenset[str]) -> dict[str, str]:
    """Return flinkConfiguration as the API has it: with its two specials, all as text."""
    specials = {PARALLELISM_KEY: str(spec.parallelism)}
    if spec.savepoint_directory:
        specials[SAVEPOINT_KEY] = spec.savepoint_directory
    kept = {key: text for key, text in spec.flink_configuration.items() if not key.startswith(MARKS) or key in asked}
    return specials | redacted_configuration(kept)


def _directory(source: JarSource | None, jars: str) -> str | None:
    """Return where the jar lies as ARM callers name it; an uploaded jar lies nowhere they could name."""
    if source is None or source.place != "directory" or not jars:
        return None
    root = Directory.parse(jars)
    return str(Directory(root.scheme, root.authority, "/" + posixpath.dirname(source.name)))
