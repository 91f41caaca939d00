"""What are callers shown of jobs and operations? Models of their own, filled field by field from the records.

    Job, JobInList        a job and its status on the cluster; what a list shows of it
    Operation             one requested action, from request to result
    Savepoint             one that is recorded, or one that no record names
    KeptRelease           a release that is known, whether its bytes are kept, and what came of it
    Upload, HeldUploads   what became of an upload; whether a job's uploads are paused
    Plan                  what an action would do

Fields without a value are left out. Arguments and Flink configuration are the user's own words and may hold passwords:
redaction.py stars them. What only the loop needs (marks of calls, counters) stays in the ledger.

The rule that must never break: no model of the ledger is part of a reply, so a field that is renamed there renames
nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

from pydantic import Field

from ..core import jobs, operations, plans, releases, windows
from ..core.actions import Action
from ..core.durations import downtime
from ..core.going_back import KnownRelease
from ..core.model import Model
from ..core.operations import Outcome
from ..core.orphans import Found, orphans
from ..core.session.blame import Thrown
from ..core.session.savepoints import same_path
from ..core.summaries import CopySummary, OperationSummary, Summary
from ..redaction import redacted_args, redacted_arguments, redacted_configuration

if TYPE_CHECKING:  # storage's SDK is not needed to be indexed
    from ..clients.ledger import Upload as LedgerUpload
    from ..uploading import Stored

Json: TypeAlias = Mapping[str, "Json"] | list["Json"] | str | int | float | bool | None
Value: TypeAlias = str | int | float | bool | tuple[str, ...] | None
Kind = Literal["upload", "http", "arm", "timer"]
Folder = Literal["stateful", "stateless"]


class Shown(Model):
    """A part of a reply. The docstrings of its fields are read by openapi.py, when the document is asked for."""

    def as_json(self) -> dict[str, Json]:
        """Return it as JSON, without the fields that have no value."""
        shown: dict[str, Json] = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return shown


# ------------------------------------------------------------------------------------------------------------ releases


class UpdateWindow(Shown):
    """When an upload may update the job: by `cron`, for some minutes, or `from` a time of the day `until` another one.

    In a request it may be empty: there is to be none any more.
    """

    cron: str | None = None
    minutes: int | None = None
    opens: str | None = Field(default=None, alias="from")
    until: str | None = None
    days: tuple[Literal["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"], ...] | None = None
    time_zone: str | None = None

    @classmethod
    def of(cls, window: windows.Window) -> Self:
        """Show a window."""
        match window:
            case windows.CronWindow():
                return cls(cron=window.cron, minutes=window.minutes, time_zone=window.time_zone)
            case windows.DailyWindow():
                return cls(opens=window.opens, until=window.until, days=window.days, time_zone=window.time_zone)
            case windows.NoWindow():
                return cls()


class Spec(Shown):
    """How a jar is run. In a request only what was asked for is there; arguments and configuration may be starred."""

    entry_class: str | None = None
    args: str | tuple[str, ...] | None = None
    """The arguments of main(): a list, or one text where an older version of the app recorded it so."""
    parallelism: int | None = None
    flink_configuration: dict[str, str] | None = None
    savepoint_directory: str | None = None
    savepoint_format: Literal["CANONICAL", "NATIVE"] | None = None
    allow_non_restored_state: bool | None = None
    on_failure: Literal["rollback", "stop"] | None = None
    savepoint_retention_count: int | None = None
    savepoint_retention_days: float | None = None
    require_slots: bool | None = None
    update_window: UpdateWindow | None = None

    @classmethod
    def of(cls, spec: releases.SpecPatch) -> Self:
        """Show what is said, or all of a whole spec."""
        every = {
            "entry_class": spec.entry_class,
            "args": redacted_args(spec.args) if isinstance(spec.args, str) else redacted_arguments(spec.args),
            "parallelism": spec.parallelism,
            "flink_configuration": redacted_configuration(spec.flink_configuration),
            "savepoint_directory": spec.savepoint_directory,
            "savepoint_format": spec.savepoint_format,
            "allow_non_restored_state": spec.allow_non_restored_state,
            "on_failure": spec.on_failure,
            "savepoint_retention_count": spec.savepoint_retention_count,
            "savepoint_retention_days": spec.savepoint_retention_days,
            "require_slots": spec.require_slots,
            "update_window": spec.update_window and UpdateWindow.of(spec.update_window),
        }
        said = {name: value for name, value in every.items() if spec.whole or name in spec.model_fields_set}
        return cls.model_validate(said)


class Release(Shown):
    """A jar and its spec."""

    id: str
    """SHA-256 of jar and spec together."""
    sha256: str
    """SHA-256 of the jar; its bytes are kept under this name."""
    size_bytes: int
    jar_name: str
    spec: Spec

    @classmethod
    def of(cls, release: releases.Release) -> Self:
        """Show a release."""
        return cls(
            id=release.id,
            sha256=release.sha256,
            size_bytes=release.size_bytes,
            jar_name=release.jar_name,
            spec=Spec.of(release.spec),
        )


class Jar(Shown):
    """Where the jar of a request was read from."""

    place: Literal["uploads", "directory"]
    """The container of uploads, or below JOB_JAR_DIRECTORY."""
    name: str
    etag: str | None = None
    last_modified: datetime | None = None


# ---------------------------------------------------------------------------------------------------------- operations


class Cause(Shown):
    """Why there is an operation."""

    kind: Kind
    detail: str
    """An upload's blob and ETag, the caller, or the schedule's time."""

    @classmethod
    def of(cls, cause: operations.Cause) -> Self:
        """Show a cause."""
        return cls(kind=cause.kind, detail=cause.detail)


class Request(Shown):
    """What was asked for."""

    action: Action
    jar: Jar | None = None
    spec: Spec
    save_point_name: str | None = None
    folder: Folder | None = None
    """Of an upload: the folder that the jar was put into."""
    job_json_sha256: str | None = None
    """Of an upload: the job.json beside the jar."""
    wanted_sha256: str | None = None
    """The SHA-256 that the job.json demands of its jar."""
    switch_mode: bool = False
    without_savepoint: bool = False
    allow_unaligned_checkpoint: bool = False
    adopt: str | None = None
    release: str | None = None
    """The id of the earlier release that the job is to go back to."""
    again: bool = False
    """Of an upload: its job.json wants a release tried again that was rolled back."""
    hold_after_rollback: bool | None = None
    """Of an upload: whether its job.json wants a release refused that was rolled back."""
    reason: str | None = None
    """Why, in the words of whoever asked."""
    build_url: str | None = None
    """The build that asked."""
    commit: str | None = None
    """What that build was made of."""
    plan: str | None = None
    """It is refused unless everything is as this plan found it."""

    @classmethod
    def of(cls, request: operations.Request) -> Self:
        """Show what was asked for."""
        jar = request.jar
        return cls(
            action=request.action,
            jar=Jar(place=jar.place, name=jar.name, etag=jar.etag, last_modified=jar.last_modified) if jar else None,
            spec=Spec.of(request.spec),
            save_point_name=request.save_point_name,
            folder=request.folder,
            job_json_sha256=request.job_json_sha256,
            wanted_sha256=request.wanted_sha256,
            switch_mode=request.switch_mode,
            without_savepoint=request.without_savepoint,
            allow_unaligned_checkpoint=request.allow_unaligned_checkpoint,
            adopt=request.adopt,
            release=request.release,
            again=request.again,
            hold_after_rollback=request.hold_after_rollback,
            reason=request.reason,
            build_url=request.build_url,
            commit=request.commit,
            plan=request.plan,
        )


class Checked(Shown):
    """What was found out about a release before the running copy was touched."""

    release: str
    """The id of the release."""
    verdict: Literal["PASSED", "SKIPPED", "REFUSED"]
    code: str | None = None
    cause: str | None = None
    warnings: tuple[str, ...] = ()
    name: str | None = None
    """The name that main() gives the job, where it is not the job's own."""

    @classmethod
    def of(cls, checked: operations.Checked) -> Self:
        """Show a verdict."""
        return cls(
            release=checked.release,
            verdict=checked.verdict,
            code=checked.code,
            cause=checked.cause,
            warnings=checked.warnings,
            name=checked.name,
        )


class Step(Shown):
    """One step that was begun. Steps are for people: their words may change."""

    at: datetime
    step: str
    detail: str = ""


class Downtime(Shown):
    """When nothing of the job ran, by this app's clock: from the stop until a copy ran without a restart."""

    since: datetime
    until: datetime | None = None
    """None: nothing runs yet, or nothing ran when the operation ended."""


class Undo(Shown):
    """Why a new copy was undone, and since when."""

    reason: str
    """For people; after a rollback the result's message begins with it."""
    at: datetime

    @classmethod
    def of(cls, undo: operations.Undo) -> Self:
        """Show it."""
        return cls(reason=undo.reason, at=undo.at)


class ListedSavepoint(Shown):
    """One line of LIST_SAVEPOINT."""

    path: str
    taken_at: datetime | None = None
    size_bytes: int | None = None
    origin: str | None = None
    flink_job_id: str | None = None


class Result(Shown):
    """How an operation ended."""

    outcome: Outcome
    message: str
    """For people: what happened, and what to do next."""
    code: str | None = None
    """For programs."""
    ended_at: datetime
    flink_job_id: str | None = None
    savepoint: str | None = None
    """The savepoint that the operation took."""
    restored_from: str | None = None
    """The savepoint or checkpoint that the new copy started from."""
    savepoints: tuple[ListedSavepoint, ...] | None = None
    """Of LIST_SAVEPOINT."""

    @classmethod
    def of(cls, result: operations.Result) -> Self:
        """Show a result."""
        lines = None if result.savepoints is None else tuple(_listed(line) for line in result.savepoints)
        return cls(
            outcome=result.outcome,
            message=result.message,
            code=result.code,
            ended_at=result.ended_at,
            flink_job_id=result.flink_job_id,
            savepoint=result.savepoint,
            restored_from=result.restored_from,
            savepoints=lines,
        )


def _listed(line: operations.SavepointListing) -> ListedSavepoint:
    return ListedSavepoint(
        path=line.path,
        taken_at=line.taken_at,
        size_bytes=line.size_bytes,
        origin=line.origin,
        flink_job_id=line.flink_job_id,
    )


class Operation(Shown):
    """One requested action on one job, from request to result."""

    state: Literal["open", "closed"]
    """Open until there is a result."""
    id: str
    job: str
    request: Request
    cause: Cause
    requested_at: datetime
    driven_at: datetime | None = None
    """When it was begun; without it, it waits for its turn."""
    progressed_at: datetime
    """When a step was written down last."""
    overtaken_by: str | None = None
    """The STOP or CANCEL that went ahead of it."""
    repeats: str | None = None
    """Of an upload: the operation that handled the same bytes before."""
    held_until: datetime | None = None
    """Of an upload that is held for its updateWindow: when that opens."""
    resumed_at: datetime | None = None
    """Of an upload that was held: when it was let through."""
    message: str | None = None
    """For people: what it waits for, where that is not its turn."""
    release: Release | None = None
    """What it is about to run, once the jar is kept."""
    replaced: Release | None = None
    """What ran before, and runs again after a rollback."""
    checked: Checked | None = None
    savepoint: str | None = None
    """The savepoint that it took."""
    downtime: Downtime | None = None
    """Of an operation that ended a copy and started another one; on `hdinsight` nobody knows it."""
    undo: Undo | None = None
    """Of a rollback, and of one that failed."""
    steps: tuple[Step, ...] = ()
    result: Result | None = None
    traceparent: str | None = None
    """The W3C trace context of what asked for it."""

    @classmethod
    def of(cls, operation: operations.Operation) -> Self:
        """Show an operation."""
        return cls(
            state=state_of(operation),
            id=operation.id,
            job=operation.job,
            request=Request.of(operation.request),
            cause=Cause.of(operation.cause),
            requested_at=operation.requested_at,
            driven_at=operation.driven_at,
            progressed_at=operation.progressed_at,
            overtaken_by=operation.overtaken_by,
            repeats=operation.repeats,
            held_until=None if operation.result else operation.held_until,
            resumed_at=operation.resumed_at,
            message=None if operation.result else operation.why_held,
            release=operation.release and Release.of(operation.release),
            replaced=operation.replaced and Release.of(operation.replaced),
            checked=operation.checked and Checked.of(operation.checked),
            savepoint=operation.savepoint,
            downtime=_downtime(operation),
            undo=operation.undo and Undo.of(operation.undo),
            steps=tuple(Step(at=taken.at, step=taken.step, detail=taken.detail) for taken in operation.steps),
            result=operation.result and Result.of(operation.result),
            traceparent=operation.traceparent,
        )


def _downtime(operation: operations.Operation) -> Downtime | None:
    since, until = downtime(operation) or (None, None)
    return Downtime(since=since, until=until) if since else None


def state_of(operation: operations.Operation) -> Literal["open", "closed"]:
    """Whether the operation still waits or runs, or has ended."""
    return "closed" if operation.result else "open"


# ------------------------------------------------------------------------------------------------------------- uploads


class Upload(Shown):
    """What became of an upload.

    state      outcome  operation
    ---------  -------  ---------  --------------------------------------------------------------
    waiting    -        -          it is not a release yet: `message` says what it waits for
    open       -        its id     it waits for its turn, is held (`message` says for which window), or is under way
    closed     any      its id     `message` says how it ended
    rejected   REFUSED  -          its name is not one of a job
    """

    state: Literal["waiting", "open", "closed", "rejected"]
    blob: str
    at: datetime
    """Last-Modified of the blob."""
    job: str | None = None
    operation: str | None = None
    outcome: Outcome | None = None
    code: str | None = None
    message: str = ""

    @classmethod
    def of(cls, upload: LedgerUpload) -> Self:
        """Show an upload."""
        if upload.outcome is None:
            state: Literal["waiting", "open", "closed", "rejected"] = "open" if upload.operation else "waiting"
        else:
            state = "closed" if upload.operation else "rejected"
        return cls(
            state=state,
            blob=upload.blob,
            at=upload.at,
            job=upload.job,
            operation=upload.operation,
            outcome=upload.outcome,
            code=upload.code,
            message=upload.message,
        )


class Uploads(Shown):
    """The newest uploads of all jobs."""

    uploads: tuple[Upload, ...]


class StoredUpload(Shown):
    """A jar or a job.json as it lies in the jars container."""

    blob: str
    """Its whole name there; that of a jar below `plans/` is what `jar` of a plan or of an action takes."""
    size_bytes: int
    sha256: str
    etag: str
    """For `If-Match`, to replace it."""
    written: Literal["created", "replaced", "no"]
    """`no`: the same bytes lay there already, with the same remarks; nothing was uploaded again."""

    @classmethod
    def of(cls, stored: Stored) -> Self:
        """Show it."""
        return cls(
            blob=stored.blob,
            size_bytes=stored.size_bytes,
            sha256=stored.sha256,
            etag=stored.etag,
            written=stored.written,
        )


class Probe(Shown):
    """What the receiver of messages answered to a test message."""

    id: str
    """Its `webhook-id`."""
    delivered: bool
    """Whether the answer was 2xx."""
    status: int
    answer: str
    """How the answer begins, without what may be a secret."""


class Me(Shown):
    """Who calls."""

    name: str | None = None
    """Of whoever signed in; a function key has none."""
    role: Literal["reader", "operator"]
    """A `reader` may send every GET, plan and dry run; an `operator` everything."""


class HeldUploads(Shown):
    """Whether a job's uploads are paused, and what is held."""

    paused: bool
    reason: str | None = None
    """Why they are paused, if somebody said it."""
    held: tuple[Operation, ...]
    """The newest upload, until uploads are resumed or its updateWindow opens (`heldUntil`)."""

    @classmethod
    def of(cls, record: jobs.JobRecord) -> Self:
        """Show what a job's record says."""
        held = tuple(Operation.of(operation) for operation in record.held)
        return cls(paused=record.uploads_paused, reason=record.paused_reason, held=held)


class ActionAsked(Shown):
    """What was asked for, as far as a list of all jobs shows it."""

    action: Action


class CauseKind(Shown):
    """Why there is an operation, as far as a list of all jobs shows it."""

    kind: Kind


class OpenOperation(Shown):
    """An operation that waits, runs or is held: the part of it that a list of all jobs shows."""

    state: Literal["open"] = "open"
    id: str
    job: str
    request: ActionAsked
    cause: CauseKind
    requested_at: datetime
    driven_at: datetime | None = None
    """When it was begun; without it, it waits for its turn."""
    progressed_at: datetime
    """When a step was written down last."""
    step: str | None = None
    """The step that was begun last."""
    held_until: datetime | None = None
    """Of an upload: when the updateWindow opens for which it is held."""
    message: str | None = None
    """Of an upload that is held for its window: that it is."""

    @classmethod
    def of(cls, job: str, operation: OperationSummary) -> Self:
        """Show an operation."""
        return cls(
            id=operation.id,
            job=job,
            request=ActionAsked(action=operation.action),
            cause=CauseKind(kind=operation.cause),
            requested_at=operation.requested_at,
            driven_at=operation.driven_at,
            progressed_at=operation.progressed_at,
            step=operation.step,
            held_until=operation.held_until,
            message=operation.why_held,
        )


class Operations(Shown):
    """Operations, newest first: of a job, whole; of all jobs, a part of each.

    With `state=rejected`, uploads whose name is not one of a job.
    """

    operations: tuple[Operation | OpenOperation | Upload, ...]
    next_link: str | None = None
    """Where the next page is, where there is one."""


# ------------------------------------------------------------------------------------------------------- kept releases


class ReleaseOperation(Shown):
    """An operation that brought a release."""

    id: str
    action: Action
    cause: Cause
    reason: str | None = None
    outcome: Outcome | None = None
    """None until it has ended."""
    ended_at: datetime | None = None


class KeptRelease(Shown):
    """A release of a job, and what came of it."""

    id: str
    sha256: str
    jar_name: str
    size_bytes: int
    spec: Spec
    kept_at: datetime | None = None
    """Since when it is kept; None where an earlier version of the app kept it, and its operations have expired."""
    kept_by: str | None = None
    """The operation that kept it first."""
    wanted: bool
    """The job should run it."""
    running: bool
    """The copy that runs, runs it."""
    available: bool
    """Its bytes are kept: the job can go back to it."""
    operations: tuple[ReleaseOperation, ...]
    """Those of the job's newest 200 that brought it, newest first."""

    @classmethod
    def of(cls, known: KnownRelease, record: jobs.JobRecord, *, available: bool) -> Self:
        """Show a release."""
        release = Release.of(known.release)
        return cls(
            id=release.id,
            sha256=release.sha256,
            jar_name=release.jar_name,
            size_bytes=release.size_bytes,
            spec=release.spec,
            kept_at=known.kept_at,
            kept_by=known.kept_by,
            wanted=known.release.same_as(record.wanted),
            running=_runs(known.release, record),
            available=available,
            operations=tuple(_of_release(operation) for operation in known.operations),
        )


def _runs(release: releases.Release, record: jobs.JobRecord) -> bool:
    """Whether a release runs, as far as it is recorded: of `hdinsight`, as the service said last."""
    if record.row:
        return record.row.status == "RUNNING" and record.launched == release.id
    return record.running is not None and release.same_as(record.running.release)


def _of_release(operation: operations.Operation) -> ReleaseOperation:
    result = operation.result
    return ReleaseOperation(
        id=operation.id,
        action=operation.action,
        cause=Cause.of(operation.cause),
        reason=operation.request.reason,
        outcome=result and result.outcome,
        ended_at=result and result.ended_at,
    )


class Releases(Shown):
    """The known releases of a job, newest first."""

    releases: tuple[KeptRelease, ...]


# ---------------------------------------------------------------------------------------------------------- savepoints


class Savepoint(Shown):
    """A savepoint of a job."""

    path: str
    taken_at: datetime
    origin: str
    """The action that took it; `orphan`: it was found in storage, and no record names it."""
    cause: Kind | None = None
    flink_job_id: str | None = None
    operation: str
    restored: bool | None = None
    """A copy that started from it has completed a checkpoint; recorded when the retention of savepoints needs it."""
    disposing_at: datetime | None = None
    """Since when it is being disposed of: nothing starts from it any more."""
    size_bytes: int | None = None
    """Where the app may list the storage."""


class Savepoints(Shown):
    """The recorded savepoints, newest first, then those that no record names."""

    savepoints: tuple[Savepoint, ...]
    orphans_unknown: str | None = None
    """Why it is not known whether there are any that no record names."""

    @classmethod
    def of(cls, record: jobs.JobRecord, found: Sequence[Found] = (), *, unknown: str | None = None) -> Self:
        """Show the savepoints of a job, where `found` lies in storage."""
        recorded = [_savepoint(savepoint, found) for savepoint in reversed(record.savepoints)]
        unnamed = [_orphan(orphan) for orphan in reversed(orphans(record, found))]
        return cls(savepoints=(*recorded, *unnamed), orphans_unknown=unknown)


def _savepoint(savepoint: jobs.Savepoint, found: Sequence[Found]) -> Savepoint:
    return Savepoint(
        path=savepoint.path,
        taken_at=savepoint.taken_at,
        origin=savepoint.origin,
        cause=savepoint.cause,
        flink_job_id=savepoint.flink_job_id,
        operation=savepoint.operation,
        restored=savepoint.restored,
        disposing_at=savepoint.disposing_at,
        size_bytes=next((one.size_bytes for one in found if same_path(one.path, savepoint.path)), None),
    )


def _orphan(orphan: Found) -> Savepoint:
    return Savepoint(
        path=orphan.path,
        taken_at=orphan.written_at,
        origin="orphan",
        operation=orphan.operation,
        size_bytes=orphan.size_bytes,
    )


# ---------------------------------------------------------------------------------------------------------------- jobs


class Adopted(Shown):
    """What Flink says of a copy that this app did not start."""

    name: str
    parallelism: int


class Copy(Shown):
    """One run of a job on Flink."""

    flink_job_id: str
    release_id: str | None = None
    """None of a copy that was adopted."""
    adopted: Adopted | None = None
    started_at: datetime
    started_from: str | None = None
    """The savepoint or checkpoint that it was started from."""
    ended: str | None = None
    """How Flink says that it ended."""

    @classmethod
    def of(cls, copy: jobs.Copy) -> Self:
        """Show a copy."""
        adopted = copy.adopted
        return cls(
            flink_job_id=copy.flink_job_id,
            release_id=copy.release.id if copy.release else None,
            adopted=Adopted(name=adopted.name, parallelism=adopted.parallelism) if adopted else None,
            started_at=copy.started_at,
            started_from=copy.savepoint,
            ended=copy.ended,
        )


class FlinkException(Shown):
    """An exception of a job, as Flink has it."""

    at: datetime
    """By the JobManager's clock."""
    cause: str
    """The root cause, shortened."""
    blames: Literal["RELEASE", "CLUSTER", "SLOTS"]
    """What surely is not the release's own fault is the cluster's, or there were no slots for it."""
    task: str | None = None
    """None: it is the job's own."""
    endpoint: str | None = None
    """Where the task ran."""
    stack_trace: str
    """Without what may be a secret; it may be cut."""

    @classmethod
    def of(cls, thrown: Thrown) -> Self:
        """Show it."""
        failure = thrown.failure
        return cls(
            at=failure.at,
            cause=failure.cause,
            blames=failure.blame.value,
            task=thrown.task,
            endpoint=thrown.endpoint,
            stack_trace=thrown.trace,
        )


class ExceptionsOfCopy(Shown):
    """The exceptions of one copy."""

    flink_job_id: str
    release_id: str | None = None
    started_at: datetime
    ended: str | None = None
    """How Flink says that it ended; NEVER_STARTED: its start was refused, and the operation's message says why."""
    exceptions: tuple[FlinkException, ...] = ()
    """Newest first, at most 16 and as many as Flink keeps."""
    forgotten: bool = False
    """The cluster does not know the copy, or not any more."""
    unknown: str | None = None
    """Why they are not known: the cluster cannot be asked now."""

    @classmethod
    def of(cls, copy: jobs.Copy, thrown: Sequence[Thrown] | None = None, *, unknown: str | None = None) -> Self:
        """Show them; `thrown` None: the cluster does not know the copy, or (`unknown`) nobody knows."""
        return cls(
            flink_job_id=copy.flink_job_id,
            release_id=copy.release.id if copy.release else None,
            started_at=copy.started_at,
            ended=copy.ended,
            exceptions=tuple(map(FlinkException.of, thrown or ())),
            forgotten=thrown is None and unknown is None,
            unknown=unknown,
        )


class Exceptions(Shown):
    """The exceptions of the copy that runs, or ran last, and of the one before it; none on `hdinsight`."""

    copies: tuple[ExceptionsOfCopy, ...]


class LastOperation(Shown):
    """How the newest closed operation of a job ended."""

    id: str
    action: Action
    cause: Cause
    outcome: Outcome
    message: str
    ended_at: datetime
    reason: str | None = None
    """Why it was asked for."""

    @classmethod
    def of(cls, last: jobs.LastOperation) -> Self:
        """Show it."""
        return cls(
            id=last.id,
            action=last.action,
            cause=Cause.of(last.cause),
            outcome=last.outcome,
            message=last.message,
            ended_at=last.ended_at,
            reason=last.reason,
        )


class StartsFrom(Shown):
    """The state from which a job that does not run can be started."""

    path: str
    unaligned: bool
    """An unaligned checkpoint: another release takes it only with `allowUnalignedCheckpoint`."""


class Links(Shown):
    """Where else people can look."""

    flink: str | None = None
    """The page of the copy on Flink's dashboard (FLINK_DASHBOARD_URL, or FLINK_REST_URL)."""
    trace: str | None = None
    """The page of a trace, with `{traceId}` in the place of its id (TRACE_URL)."""


class Job(Shown):
    """A job, and its status on the cluster."""

    name: str
    status: str
    """RUNNING, RESTARTING, STARTING, STOPPED, FINISHED, FAILED, CANCELED, VANISHED, NONE, UNKNOWN, DELETED and so on;
    on `hdinsight` the service's own word."""
    status_reason: str | None = None
    """Why the status is UNKNOWN."""
    flink_job_id: str | None = None
    folder: Folder | None = None
    """The folder that its first upload bound it to."""
    release: Release | None = None
    """The release that it should run."""
    run: Copy | None = Field(default=None, alias="copy")
    """The copy that runs, or ran last."""
    last_save_point: str | None = None
    open: tuple[Operation, ...]
    """Operations that wait or run; the first one is under way."""
    uploads: HeldUploads | None = None
    """Only while they are paused, or one is held."""
    last: LastOperation | None = None
    starts_from: StartsFrom | None = None
    """Of a job that does not run."""
    links: Links | None = None

    @classmethod
    def of(
        cls,
        record: jobs.JobRecord,
        status: str,
        *,
        reason: str | None = None,
        starts_from: StartsFrom | None = None,
        links: Links | None = None,
    ) -> Self:
        """Show a job; `reason` says why its status is UNKNOWN."""
        copy, row, newest = record.current, record.row, record.newest_savepoint
        release = record.wanted or (copy.release if copy else None)
        return cls(
            name=record.name,
            status="DELETED" if record.deleted else status,
            status_reason=reason,
            flink_job_id=copy.flink_job_id if copy else row.job_id if row else None,
            folder=record.folder,
            release=release and Release.of(release),
            run=copy and Copy.of(copy),
            last_save_point=newest.path if newest else row.last_save_point if row else None,
            open=tuple(Operation.of(operation) for operation in record.open),
            uploads=HeldUploads.of(record) if record.uploads_paused or record.held else None,
            last=record.last and LastOperation.of(record.last),
            starts_from=starts_from,
            links=links,
        )


class ReleaseInList(Shown):
    """A release without its spec."""

    id: str
    sha256: str
    jar_name: str


class CopyInList(Shown):
    """The copy that runs, or ran last."""

    flink_job_id: str
    release_id: str | None = None
    started_at: datetime
    ended: str | None = None


class OperationInList(Shown):
    """An operation that waits or runs."""

    id: str
    action: Action
    cause: Kind
    requested_at: datetime
    driven_at: datetime | None = None


class JobInList(Shown):
    """A job, as far as a list of all jobs shows it; `GET /api/jobs/{job}` shows all of it."""

    name: str
    status: str
    """As of a job that is shown alone."""
    status_reason: str | None = None
    """Why the status is UNKNOWN."""
    flink_job_id: str | None = None
    folder: Folder | None = None
    release: ReleaseInList | None = None
    run: CopyInList | None = Field(default=None, alias="copy")
    last_save_point: str | None = None
    last_save_point_at: datetime | None = None
    """When it was taken; left out where an earlier version of the app wrote the job's record last, and of a job of
    `hdinsight` whose service named the savepoint."""
    open: tuple[OperationInList, ...]
    """The first three operations that wait or run."""
    open_count: int
    """How many there are."""
    uploads_paused: bool = False
    held_until: datetime | None = None
    """When the updateWindow opens for which an upload is held."""
    last: LastOperation | None = None
    """Its message, cause and reason are cut to 200 characters each."""

    @classmethod
    def of(cls, name: str, summary: Summary, status: str, *, reason: str | None = None) -> Self:
        """Show a job; `reason` says why its status is UNKNOWN."""
        release, copy = summary.release, summary.current
        return cls(
            name=name,
            status="DELETED" if summary.deleted else status,
            status_reason=reason,
            flink_job_id=summary.flink_job_id,
            folder=summary.folder,
            release=release and ReleaseInList(id=release.id, sha256=release.sha256, jar_name=release.jar_name),
            run=copy and _copy_in_list(copy),
            last_save_point=summary.last_save_point,
            last_save_point_at=summary.last_save_point_at,
            open=tuple(_operation_in_list(operation) for operation in summary.open),
            open_count=summary.open_count,
            uploads_paused=summary.uploads_paused,
            held_until=summary.held_until,
            last=summary.last and LastOperation.of(summary.last),
        )


def _copy_in_list(copy: CopySummary) -> CopyInList:
    return CopyInList(
        flink_job_id=copy.flink_job_id, release_id=copy.release_id, started_at=copy.started_at, ended=copy.ended
    )


def _operation_in_list(operation: OperationSummary) -> OperationInList:
    return OperationInList(
        id=operation.id,
        action=operation.action,
        cause=operation.cause,
        requested_at=operation.requested_at,
        driven_at=operation.driven_at,
    )


class Jobs(Shown):
    """All jobs but the deleted ones."""

    jobs: tuple[JobInList, ...]
    next_link: str | None = None
    """Where the next page is, where there is one."""


# --------------------------------------------------------------------------------------------------------------- plans


class StepAhead(Shown):
    """A step that the operation would take."""

    step: str
    detail: str = ""
    """For people: its words may change."""


class Stops(Shown):
    """The run that would be ended."""

    flink_job_id: str | None = None
    status: str
    release_id: str | None = None
    """None of a run that was adopted."""


class StateTaken(Shown):
    """The state that would be started from."""

    path: str
    """Of a `stop`: the directory below which its savepoint will be."""
    kind: Literal["savepoint", "checkpoint", "stop"]
    taken_at: datetime | None = None
    """When it was complete; of a `stop`: when the newest savepoint that there is was taken."""
    size_bytes: int | None = None
    """As storage has it, or else Flink; of a `stop`: of the newest savepoint that there is."""


class Difference(Shown):
    """A field of the spec that the release changes; `sha256` is the jar. Without `before` it is new, without `after`
    it is gone.
    """

    field: str
    """As in a spec, or `flinkConfiguration.` and a key of it."""
    before: str | int | float | bool | tuple[str, ...] | None = None
    """Of `updateWindow`: its JSON."""
    after: str | int | float | bool | tuple[str, ...] | None = None


def _differences(before: releases.Release | None, after: releases.Release) -> Iterator[Difference]:
    """Yield what a release changes, field by field; secrets are starred, so both sides may look alike."""
    old, new = _values(before) if before else {}, _values(after)
    for field in sorted(old.keys() | new.keys()):
        was, will_be = old.get(field), new.get(field)
        if was != will_be:
            yield Difference(field=field, before=_harmless(field, was), after=_harmless(field, will_be))


def _values(release: releases.Release) -> dict[str, Value]:
    """Return all that makes a release, by the names that the API has for it."""
    spec = release.spec
    return {
        "sha256": release.sha256,
        "entryClass": spec.entry_class,
        "args": tuple(spec.argument_list),
        "parallelism": spec.parallelism,
        **{f"flinkConfiguration.{key}": value for key, value in spec.flink_configuration.items()},
        "savepointDirectory": spec.savepoint_directory,
        "savepointFormat": spec.savepoint_format,
        "allowNonRestoredState": spec.allow_non_restored_state,
        "onFailure": spec.on_failure,
        "savepointRetentionCount": spec.savepoint_retention_count,
        "savepointRetentionDays": spec.savepoint_retention_days,
        "requireSlots": spec.require_slots,
        "updateWindow": UpdateWindow.of(spec.update_window).to_json() if spec.update_window else None,
    }


def _harmless(field: str, value: Value) -> Value:
    if isinstance(value, tuple):
        return tuple(redacted_arguments(value))
    _, dot, key = field.partition(".")
    return redacted_configuration({key: value})[key] if dot and isinstance(value, str) else value


class OperatorGone(Shown):
    """An operator that the release does not have."""

    id: str
    name: str | None = None
    state_bytes: int | None = None
    """In the newest checkpoint; left out where Flink tells the state of its whole chain as one number."""


class Operators(Shown):
    """The operators of the release beside those of the run before it, by their ids."""

    kept: tuple[str, ...] | None = None
    new: tuple[str, ...] | None = None
    gone: tuple[OperatorGone, ...] | None = None
    without_uid: tuple[str, ...] = ()
    """The first operator without a uid: Flink names no more."""
    max_parallelism: int | None = None
    """The least of the run before: its state goes with no parallelism above that."""


class Slots(Shown):
    """The slots of the cluster."""

    needed: int
    """At least."""
    free: int | None = None
    """Without the run that would be ended."""


class Rollback(Shown):
    """What a rollback would do."""

    about: str
    """For people."""
    release_id: str | None = None
    """The release that would run again."""


class Plan(Shown):
    """What an action would do now."""

    id: str
    """An action or a job.json with this `plan` is refused once anything that the plan rests on has changed."""
    verdict: Literal["NOTHING_TO_DO", "WILL_DO", "WOULD_BE_REFUSED", "UNKNOWN"]
    code: str | None = None
    """Of a refusal, as the operation would have it; of UNKNOWN, why."""
    reason: str | None = None
    action: Action
    steps: tuple[StepAhead, ...] = ()
    stops: Stops | None = None
    state: StateTaken | None = None
    release: Release | None = None
    spec: tuple[Difference, ...] = ()
    """What the release changes; of a first release, all of it."""
    operators: Operators | None = None
    slots: Slots | None = None
    warnings: tuple[str, ...] = ()
    expected_downtime_seconds: float | None = None
    """Of an update that ends a run: the median `downtime` of the last ones of the same action that went well."""
    rollback: Rollback | None = None

    @classmethod
    def of(cls, plan: plans.Plan) -> Self:
        """Show a plan."""
        stops, state, back, release, compared = plan.stops, plan.state, plan.rollback, plan.release, plan.compared
        return cls(
            id=plan.id,
            verdict=plan.verdict.value,
            code=plan.code,
            reason=plan.reason,
            action=plan.action,
            steps=tuple(StepAhead(step=one.step, detail=one.detail) for one in plan.steps),
            stops=stops and Stops(flink_job_id=stops.flink_job_id, status=stops.status, release_id=stops.release_id),
            state=state
            and StateTaken(path=state.path, kind=state.kind, taken_at=state.taken_at, size_bytes=state.size_bytes),
            release=release and Release.of(release),
            spec=tuple(_differences(plan.before, release)) if release else (),
            operators=compared and _operators(compared),
            slots=_slots(compared) if compared else None,
            warnings=plan.warnings,
            expected_downtime_seconds=plan.downtime_seconds,
            rollback=back and Rollback(about=back.about, release_id=back.release_id),
        )


def _operators(compared: operations.Compared) -> Operators:
    gone = compared.gone
    return Operators(
        kept=compared.kept,
        new=compared.new,
        gone=None
        if gone is None
        else tuple(OperatorGone(id=one.id, name=one.name, state_bytes=one.state_bytes) for one in gone),
        without_uid=(compared.without_uid,) if compared.without_uid else (),
        max_parallelism=compared.max_parallelism,
    )


def _slots(compared: operations.Compared) -> Slots | None:
    needed = compared.slots_needed
    return None if needed is None else Slots(needed=needed, free=compared.slots_free)
