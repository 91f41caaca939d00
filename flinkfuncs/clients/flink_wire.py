"""What Flink's REST API answers, as far as it is read: the shapes, and the root cause in a stack trace."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, RootModel, ValidationError

from ..core.errors import shortened
from ..core.session.blame import Failure, Thrown, blamed
from ..redaction import redacted_text
from .http import Reply

# Flink's units of time in the singular, as java.time and its own TimeUtils write them.
UNITS = {"": 0.001, "ms": 0.001, "milli": 0.001, "millisecond": 0.001, "m": 60.0, "min": 60.0, "minute": 60.0} | {
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
}


class Answer(BaseModel):
    """Base of every answer: what is not read is ignored, since each version of Flink adds fields."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Features(Answer):
    """What the REST API of a cluster offers; without `web-submit` it has no routes below /jars."""

    web_submit: bool = Field(alias="web-submit", default=True)


class ClusterConfig(Answer):
    """`GET /config`.

    {"refresh-interval": 3000, "flink-version": "2.3.0", "features": {"web-submit": false, "web-cancel": true}}
    """

    flink_version: str = Field(alias="flink-version")
    features: Features = Features()

    @property
    def version(self) -> tuple[int, int] | None:
        """Flink's major and minor version; None: it names none, as a build of one's own may."""
        found = re.match(r"(\d+)\.(\d+)", self.flink_version)
        return (int(found[1]), int(found[2])) if found else None


class ConfigEntry(Answer):
    """One line of `GET /jobmanager/config`."""

    key: str
    value: str


class JobManagerConfig(RootModel[list[ConfigEntry]]):
    """`GET /jobmanager/config`."""


class Tasks(Answer):
    """How many tasks of a job are in which state."""

    total: int = 0
    running: int = 0
    finished: int = 0


class Listed(Answer):
    """A line of `GET /jobs/overview` (not cached)."""

    flink_job_id: str = Field(alias="jid")
    name: str
    state: str
    tasks: Tasks = Tasks()

    @property
    def tasks_run(self) -> bool:
        """Whether every task runs or has finished; RUNNING alone does not say so."""
        return self.tasks.running + self.tasks.finished == self.tasks.total


class Overview(Answer):
    """`GET /jobs/overview`."""

    jobs: list[Listed]


class TaskManagerEntry(Answer):
    """A line of `GET /taskmanagers`.

    {"id": "10.0.0.7:6122-5dbe5f", "path": "pekko.tcp://flink@10.0.0.7:6122/user/rpc/taskmanager_0", "slotsNumber": 8}
    """

    id: str
    path: str = ""

    @property
    def host(self) -> str:
        """Where it runs, as the cluster names the host."""
        return urlsplit(self.path).hostname or self.id


class TaskManagers(Answer):
    """`GET /taskmanagers`."""

    taskmanagers: list[TaskManagerEntry]


class Slot(Answer):
    """A slot of a TaskManager that is given to a job."""

    job_id: str = Field(alias="jobId")


class TaskManager(Answer):
    """`GET /taskmanagers/:id`."""

    slots: int = Field(alias="slotsNumber", default=0)
    allocated_slots: list[Slot] = Field(alias="allocatedSlots", default=[])


class JarFile(Answer):
    """A line of `GET /jars`."""

    id: str
    name: str
    uploaded: int  # milliseconds since 1970

    @property
    def uploaded_at(self) -> datetime:
        """When it was uploaded, by the JobManager's clock."""
        return _moment(self.uploaded)


class JarFiles(Answer):
    """`GET /jars`."""

    files: list[JarFile]


class JobStatus(Answer):
    """`GET /jobs/:id/status` (not cached)."""

    status: str


class Vertex(Answer):
    """A vertex of `GET /jobs/:id`."""

    status: str
    parallelism: int = 1


class JobPlan(Answer):
    """The plan of a job that was submitted."""

    type: str = "STREAMING"


class JobDetails(Answer):
    """`GET /jobs/:id` (cached, up to 3 s). Its `job-type` is there since 1.20, the type in its plan since ever."""

    name: str = ""
    vertices: list[Vertex]
    plan: JobPlan = JobPlan()

    @property
    def batch(self) -> bool:
        """Whether it runs in batch mode."""
        return self.plan.type == "BATCH"

    @property
    def tasks_run(self) -> bool:
        """Whether every task runs or has finished; RUNNING alone does not say so.

        A batch job runs one stage after the other. A job that is INITIALIZING has no vertices, and this answer may be
        that old.
        """
        run = [vertex.status in ("RUNNING", "FINISHED") for vertex in self.vertices]
        return bool(run) and (any(run) if self.batch else all(run))

    @property
    def waits_for_slots(self) -> bool:
        """Whether there are tasks that were given no slot yet."""
        return any(vertex.status in ("CREATED", "SCHEDULED") for vertex in self.vertices)


class Restored(Answer):
    """The state that a copy started from, or restarted from."""

    id: int
    path: str | None = Field(alias="external_path", default=None)
    is_savepoint: bool


class Completed(Answer):
    """The newest savepoint, or the newest completed checkpoint that is none; both count on from the same number.

    One of the history may be in progress, or have failed: then it has no path.
    """

    id: int
    path: str | None = Field(alias="external_path", default=None)
    discarded: bool = False
    acknowledged: int | None = Field(alias="latest_ack_timestamp", default=None)  # milliseconds since 1970
    size_bytes: int | None = Field(alias="state_size", default=None)  # with what earlier ones wrote and it needs

    @property
    def completed_at(self) -> datetime | None:
        """When the last task acknowledged it, by the JobManager's clock."""
        return _moment(self.acknowledged) if self.acknowledged is not None else None


class Latest(Answer):
    """The newest of each kind."""

    completed: Completed | None = None
    restored: Restored | None = None
    savepoint: Completed | None = None


class Counts(Answer):
    """How often what happened."""

    restored: int = 0
    completed: int = 0


class Checkpoints(Answer):
    """`GET /jobs/:id/checkpoints` (cached, up to 3 s)."""

    latest: Latest = Latest()
    counts: Counts = Counts()
    history: tuple[Completed, ...] = ()  # the newest 10 (`web.checkpoints.history`), newest first

    @property
    def saved(self) -> list[Completed]:
        """All that is told of that was written, newest first of each kind."""
        return [*filter(None, (self.latest.completed, self.latest.savepoint)), *self.history]


class Externalization(Answer):
    """Whether checkpoints outlive their job."""

    enabled: bool = False
    delete_on_cancellation: bool = True


class CheckpointsConfig(Answer):
    """`GET /jobs/:id/checkpoints/config`."""

    externalization: Externalization = Externalization()
    unaligned_checkpoints: bool = False
    state_changelog_enabled: bool = False

    @property
    def retained(self) -> bool:
        """Whether checkpoints are still there after the job was cancelled, or has failed."""
        return self.externalization.enabled and not self.externalization.delete_on_cancellation


class ExceptionEntry(Answer):
    """One exception of a job."""

    stacktrace: str
    timestamp: int = 0  # milliseconds since 1970, by the JobManager's clock
    task: str | None = Field(alias="taskName", default=None)
    endpoint: str | None = Field(validation_alias=AliasChoices("endpoint", "location"), default=None)

    @property
    def failure(self) -> Failure:
        """The exception with its root cause, and who is to blame for it."""
        return Failure(_moment(self.timestamp), root_cause(self.stacktrace), blamed(self.stacktrace))

    @property
    def thrown(self) -> Thrown:
        """The exception with its stack."""
        return Thrown(self.failure, redacted_text(self.stacktrace), self.task, self.endpoint)


class ExceptionHistory(Answer):
    """The exceptions of a job, newest first."""

    entries: list[ExceptionEntry]


class Exceptions(Answer):
    """`GET /jobs/:id/exceptions`; `root-exception` is gone since 2.x, the history is there since 1.13."""

    history: ExceptionHistory = Field(alias="exceptionHistory")


class TriggerStatus(Answer):
    """IN_PROGRESS or COMPLETED; COMPLETED is said of failures, too."""

    id: str


class FailureCause(Answer):
    """Why a savepoint failed."""

    stack_trace: str = Field(alias="stack-trace")


class TriggerOperation(Answer):
    """How a savepoint or a checkpoint ended: only the location, or the checkpoint's id, means success."""

    location: str | None = None
    checkpoint_id: int | None = Field(alias="checkpointId", default=None)
    # With a dash for savepoints, in camelCase for checkpoints.
    failure_cause: FailureCause | None = Field(
        validation_alias=AliasChoices("failure-cause", "failureCause"), default=None
    )


class TriggerAnswer(Answer):
    """`GET /jobs/:id/savepoints/:trigger`.

    {"status": {"id": "COMPLETED"}, "operation": {"location": "file:/sp/savepoint-ddabe5-ae0f"}}
    {"status": {"id": "COMPLETED"}, "operation": {"failure-cause": {"class": "…", "stack-trace": "…"}}}
    """

    status: TriggerStatus
    operation: TriggerOperation | None = None


class Accepted(Answer):
    """`POST /savepoint-disposal`."""

    request_id: str = Field(alias="request-id")


class Errors(Answer):
    """`{"errors": ["Internal server error.", "<Exception on server side:…stack trace…>"]}`."""

    errors: list[str]


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def seconds(duration: str | None, default: float) -> float:
    """Read a duration of Flink's configuration: `50000` (ms), `50 s`, `1 min`, `1 m`."""
    match = re.fullmatch(r"\s*(\d+)\s*([a-z]*)\s*", (duration or "").lower())
    unit = (UNITS.get(match[2]) or UNITS.get(match[2].removesuffix("s"))) if match else None
    return int(match[1]) * unit if match and unit else default


def is_gone(trace: str) -> bool:
    """Whether a disposal failed because there is nothing (left) that Flink would take for a savepoint."""
    return any(words in trace for words in ("Cannot find checkpoint or savepoint file", "Cannot find meta data file"))


def root_cause(trace: str) -> str:
    """Return the last cause that a stack trace names: what a person looks for."""
    lines = [line for line in trace.splitlines() if not line.strip().startswith("<Exception on server side")]
    causes = [line.partition("Caused by:")[2] for line in lines if "Caused by:" in line]
    named = [line for line in lines if "Exception" in line or "Error" in line]
    return shortened((causes or named or [trace])[-1 if causes else 0].strip(" <>"))


def is_flinks(reply: Reply) -> bool:
    """Whether a bad answer is Flink's own, and not that of a proxy before it."""
    try:
        return bool(Errors.model_validate_json(reply.body).errors)
    except ValidationError:
        return False


def with_root_cause(reply: Reply) -> Reply:
    """Return a bad answer with Flink's root cause in the place of its stack trace."""
    try:
        errors = Errors.model_validate_json(reply.body).errors
    except ValidationError:
        return reply
    cause = root_cause("\n".join(errors))
    return replace(reply, body=json.dumps({"errors": [cause]}).encode())
