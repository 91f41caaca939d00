"""What does the list say of a run? One row for each (core/runs.py), as the real service wrote them.

    field              from
    -----------------  --------------------------------------------------------------------------------------------
    action             the newest operation that somebody asked for: not the timer's, not a superseded one
    actionResult       as `action_result` says: IN_PROGRESS, then SUCCESS or FAILED
    jobOutput          how it ended; while all is well, what Flink says of the job
    status             the cluster's word; JOB_LAUNCH_FAILED where the last start never ran
    jobJarDirectory …  what runs, whatever was asked for since; where nothing ever ran, what was asked for
    flinkConfiguration … and a caller's own marks (`flinkfuncs.…`) only if this operation carried them
    runId, jobId       the run, and its newest copy

Before 2023-11 a row is a job: the newest run of each name. What is absent is left out, never null; what looks like a
secret is starred. The rule that must never break: SUCCESS is written only for an operation that is closed as SUCCEEDED,
or whose own copy Flink calls FINISHED.
"""

from __future__ import annotations

import posixpath

from ..core.actions import Action
from ..core.arguments import join_arguments
from ..core.model import Model
from ..core.names import Directory, JobName
from ..core.operations import Outcome, SavepointListing
from ..core.releases import Args, JarSource
from ..core.runs import Asked, Described, Run
from ..redaction import redacted_args, redacted_arguments, redacted_configuration
from ..runjob import PARALLELISM_KEY, SAVEPOINT_KEY
from .contract import ApiVersion, ClusterPath

LAUNCH_FAILED = "JOB_LAUNCH_FAILED"
EXACT_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
NO_STATUS = ("NONE", "UNKNOWN")
RUNS = ("STARTING", "RUNNING", "RESTARTING")


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
    """A run in the list."""

    id: str
    properties: RowProperties


class RowList(Model):
    """A page of the list."""

    value: tuple[Row, ...]
    next_link: str | None = None


def row_of(job: JobName, run: Run, word: str | None, *, api: ApiVersion, path: ClusterPath, jars: str) -> Row:
    """Write a run's row.

    `word` is the cluster's for the job's status, `jars` the directory that ARM calls name (JOB_JAR_DIRECTORY).
    """
    asked, status = run.asked, status_of(run, word)
    result = action_result(asked, status) if asked else None
    properties = RowProperties(
        run_id=run.id if api.runs else None,
        job_name=job,
        action=asked.action if asked else None,
        save_point_name=asked.save_point_name if asked else None,
        job_id=_job_id(run),
        status=status,
        job_output=job_output(asked, status, result),
        action_result=result,
        last_save_point=run.last_save_point,
    )
    spec = _spec_fields(run.described, asked.marks if asked else {}, jars)
    return Row(id=f"{path.id}/jobs/{run.id if api.runs else job}", properties=properties.model_copy(update=spec))


def action_result(asked: Asked, status: str | None) -> str:
    """Return the API's word for how an operation ended; `status` is that of the run.

    outcome       the copy of its release   status                actionResult
    ------------  ------------------------  --------------------  ------------
    none: open    any                       any                   IN_PROGRESS
    SUCCEEDED     any                       any                   SUCCESS
    UNPROVEN      nothing is against it     FINISHED              SUCCESS
    UNPROVEN      in batch mode             it runs, or unknown   IN_PROGRESS
    any other     any                       any                   FAILED

    Of a batch job no checkpoint can prove that it is well; that it finished does.
    """
    if asked.unproven and status == "FINISHED":
        return "SUCCESS"
    if asked.unproven == "batch" and status in (None, *RUNS):
        return "IN_PROGRESS"
    match asked.outcome:
        case None:
            return "IN_PROGRESS"
        case Outcome.SUCCEEDED:
            return "SUCCESS"
        case Outcome.FAILED | Outcome.ROLLED_BACK | Outcome.UNPROVEN | Outcome.UNKNOWN | Outcome.ABANDONED:
            return "FAILED"
        case Outcome.REFUSED | Outcome.SUPERSEDED:
            return "FAILED"


def status_of(run: Run, word: str | None) -> str | None:
    """Return the API's word for a run's state, or None where there is none yet.

    copy                         operation           status
    ---------------------------  ------------------  -----------------------------------
    none                         failed              JOB_LAUNCH_FAILED
    none                         open, or none       none: it was just accepted
    NEVER_STARTED                any                 JOB_LAUNCH_FAILED
    may appear                   any                 STARTING
    any other                    any                 the cluster's word
    """
    if run.ran is None:
        return LAUNCH_FAILED if run.asked and action_result(run.asked, None) == "FAILED" else None
    if run.ran.ended == "NEVER_STARTED" or word == "NEVER_STARTED":
        return LAUNCH_FAILED
    if word == "MAY_APPEAR":
        return "STARTING"
    return None if word in NO_STATUS else word


def job_output(asked: Asked | None, status: str | None, result: str | None) -> str | None:
    """Return what the service would have printed; `result` is the row's actionResult.

    Savepoint completed. Path: abfs://…/savepoint-25e318-1f2a3b4c5d6e
    Job execution failed. ⏎Failed to download jar                            (a blank before the line's end)
    Flink internal job status : RUNNING

    A failure says when it was, so that the same one twice makes two rows that differ: callers without a mark of their
    own have nothing else by which to tell them apart.
    """
    if asked and asked.ended_at and result == "FAILED":
        return f"Job execution failed. \n{asked.message} ({asked.ended_at:{EXACT_TIME}})"
    if asked and asked.ended_at and asked.savepoints is not None:
        listed = [f"Savepoints listed at {asked.ended_at:{EXACT_TIME}}: {len(asked.savepoints)}"]
        return "\n".join([*listed, *map(_line, asked.savepoints)])
    if asked and asked.savepoint and asked.action in (Action.SAVEPOINT, Action.STOP):
        return f"Savepoint completed. Path: {asked.savepoint}"
    return f"Flink internal job status : {status}" if status and status != LAUNCH_FAILED else None


def _line(savepoint: SavepointListing) -> str:
    """Write a line of LIST_SAVEPOINT's output, whose real format nobody recorded; its first line makes each differ.

    Savepoints listed at 2026-11-21T02:30:00.123456Z: 1
    2026-11-21T02:10:00Z STOP 25e318907f786a2c6aee392df6580035 abfs://…/savepoint-25e318-1f2a3b4c5d6e
    """
    taken = f"{savepoint.taken_at:%Y-%m-%dT%H:%M:%SZ}" if savepoint.taken_at else "-"
    return f"{taken} {savepoint.origin or '-'} {savepoint.flink_job_id or '-'} {savepoint.path}"


def _job_id(run: Run) -> str | None:
    """Return the copy's Flink job id once Flink knew it; a launch that failed has none."""
    copy = run.ran
    return copy.flink_job_id if copy and copy.ended != "NEVER_STARTED" and not copy.may_appear else None


def _spec_fields(described: Described | None, marks: dict[str, str], jars: str) -> dict[str, object]:
    """Return the row's fields that say what is run."""
    if described is None:
        return {"flink_configuration": marks} if marks else {}
    return {
        "job_jar_directory": _directory(described.jar, jars),
        "jar_name": posixpath.basename(described.jar.name) if described.jar else None,
        "entry_class": described.entry_class,
        "args": _arguments(described.args),
        "flink_configuration": _configuration(described, marks),
    }


def _arguments(args: Args) -> str:
    """Return the API's one text of arguments; words that no text can say are set apart by spaces all the same."""
    shown = redacted_args(args) if isinstance(args, str) else redacted_arguments(args)
    if isinstance(shown, str):
        return shown
    try:
        return join_arguments(shown)
    except ValueError:
        return " ".join(shown)


def _configuration(described: Described, marks: dict[str, str]) -> dict[str, str]:
    """Return flinkConfiguration as the API has it: with its two specials, all as text."""
    specials = {PARALLELISM_KEY: str(described.parallelism)}
    if described.savepoint_directory:
        specials[SAVEPOINT_KEY] = described.savepoint_directory
    return specials | redacted_configuration(described.flink_configuration | marks)


def _directory(source: JarSource | None, jars: str) -> str | None:
    """Return where the jar lies as ARM callers name it; an uploaded jar lies nowhere they could name."""
    if source is None or source.place != "directory":
        return None
    if "://" in source.name:
        return posixpath.dirname(source.name)
    if not jars:
        return None
    root = Directory.parse(jars)
    return str(Directory(root.scheme, root.authority, "/" + posixpath.dirname(source.name)))
