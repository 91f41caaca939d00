"""What is recorded of a job: the release it should run, the copy that runs, its savepoints, and what is open.

One blob a job, changed only by compare-and-swap. The record is the write-ahead log: what is about to be done stands
here before it is done, and `open` is the only truth of which operations there are to drive.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol, Self, TypeAlias

from .actions import Action
from .messages import Message
from .model import Model
from .names import JobName
from .operations import Cause, Operation, Outcome
from .releases import Parallelism, Release, Sha256, Spec
from .runs import Asked, Run
from .runs import Ended as _Ended

Ended: TypeAlias = _Ended


class RecordedCopy(Protocol):
    """What the status of a job depends on of its copy: a record has it, and its summary."""

    @property
    def flink_job_id(self) -> str:
        """The copy's id on Flink."""
        ...

    @property
    def ended(self) -> Ended | None:
        """How it ended."""
        ...

    @property
    def may_appear(self) -> bool:
        """Whether a start of it left us and nothing was heard of it."""
        ...


class Recorded(Protocol):
    """What the status of a job depends on, beside what the cluster says."""

    @property
    def current(self) -> RecordedCopy | None:
        """The copy that runs, or ran last."""
        ...

    @property
    def wanted(self) -> object:
        """Whether there is a release that it should run."""
        ...

    @property
    def deleted(self) -> bool:
        """Whether it was deleted."""
        ...


class StopBegun(Model):
    """A stop of a copy that may have left us: until it is known to have failed, every other stop carries its trigger.

    Two stops under different trigger ids can both fail and restart the job, or end it as FAILED.
    """

    trigger_id: str
    directory: str
    operation: str
    action: Action
    cause: Literal["upload", "http", "arm", "timer"]


class Adopted(Model):
    """What Flink told of a copy that this app did not start."""

    name: str  # of the Flink job
    parallelism: Parallelism


class Copy(Model):
    """One run of a job on Flink: of a release, or adopted, where nobody knows its jar.

    `ended` is written only when Flink itself named a terminal state of this very id. `seen` tells that Flink has listed
    it; a copy that was never seen and has not ended may still appear, since its start left us.
    """

    flink_job_id: str
    release: Release | None = None  # None where it was adopted
    adopted: Adopted | None = None
    operation: str
    started_at: datetime
    savepoint: str | None = None  # what it was started from
    operators: tuple[str, ...] = ()  # the ids of its operators, as planned before; empty where they are not known
    seen: bool = False
    ended: Ended | None = None
    ended_by: Action | None = None  # the action that ended it; None where it ended by itself, or by somebody else
    stop: StopBegun | None = None  # the stop that was begun, by an operation that may have been given up since

    @property
    def spec(self) -> Spec:
        """How it is run, as far as that is known."""
        if self.release:
            return self.release.spec
        return Spec(parallelism=self.adopted.parallelism) if self.adopted else Spec()

    @property
    def own_release(self) -> Release:
        """The release of a copy that we started.

        Raises:
            AssertionError: it was adopted.

        """
        if self.release is None:
            raise AssertionError(f"the copy {self.flink_job_id} was adopted; its release is not known")
        return self.release

    @property
    def may_appear(self) -> bool:
        """Whether a start under this id left us and nothing was heard of it: no other id may be started."""
        return not self.seen and self.ended is None


class Savepoint(Model):
    """A savepoint that Flink reported as complete."""

    path: str
    taken_at: datetime
    origin: Action | Literal["orphan"]  # the action that took it; orphan: found in the directory of an operation
    cause: Literal["upload", "http", "arm", "timer"]
    flink_job_id: str
    operation: str
    restored: bool = False  # a copy that was started from it has completed a checkpoint
    disposing_at: datetime | None = None  # since when it may be gone: nothing is started from it any more


class TakenJobJson(Model):
    """A job.json that names a savepoint, and that an operation took for a release: `naming` says what follows."""

    sha256: Sha256
    operation: str
    counted: bool  # whether that operation started from what it names


class Handled(Model):
    """The bytes that an operation handled last under a blob's name: `handled` says what follows."""

    blob: str
    sha256: Sha256
    size_bytes: int | None = None  # of a jar
    operation: str
    outcome: Outcome


class RolledBack(Model):
    """A release that was rolled back, and the job.json that asked for it: `rolled_back` says what follows."""

    release: str  # its id
    operation: str
    at: datetime
    job_json_sha256: Sha256 | None = None
    by: str | None = None  # who went back from it by hand; None: its own operation was rolled back
    reason: str | None = None  # … and why, if they said it


class Brought(Model):
    """How the wanted release came: `rolled_back` says what follows where somebody goes back from it."""

    at: datetime  # since when its bytes are kept
    job_json_sha256: Sha256 | None = None  # the version of the job.json that asked for it last


class Lease(Model):
    """Who drives the job, and until when by the storage's clock.

    Without an owner nobody drives it, but a message is on its way: the sweeper leaves the job alone until then.
    """

    owner: str | None = None
    until: datetime


class Noticed(Model):
    """That a job was seen vanished or failed while nothing of it was open, and whether people are told."""

    status: str
    at: datetime
    told: bool = False  # seen twice: one look may fall into a restart of the JobManager


class LastOperation(Model):
    """How the newest closed operation ended, for listings."""

    id: str
    action: Action
    cause: Cause
    outcome: Outcome
    message: str
    ended_at: datetime
    reason: str | None = None


class JobRow(Model):
    """What the ARM API's list says of a job, as far as we keep it."""

    action: str | None = None
    status: str | None = None
    action_result: str | None = None
    job_id: str | None = None
    last_save_point: str | None = None


class JobRecord(Model):
    """Everything that is known of a job and survives a crash."""

    schema_version: Literal[1] = 1  # docs/design.md, "When the app is replaced", says when there is another one
    name: JobName
    folder: Literal["stateful", "stateless"] | None = None  # the folder that its first upload bound it to
    deleted: bool = False  # a tombstone: the name is free, the savepoints and releases are still there
    unknown_past: bool = False  # releases lay there when the record was made: the job ran before, we do not know how
    wanted: Release | None = None
    wanted_at: datetime | None = None  # when the wanted release was uploaded or asked for
    brought: Brought | None = None  # how the wanted release came; None: a version wrote this that did not say it
    uploaded_at: datetime | None = None  # Last-Modified of the newest upload that an operation knows
    current: Copy | None = None
    previous: Copy | None = None  # the copy that ran before the current one: the rollback target
    ran: bool = False  # a copy before the current one ran, or may have
    savepoints: tuple[Savepoint, ...] = ()  # oldest first
    job_jsons: tuple[TakenJobJson, ...] = ()  # those that name a savepoint, oldest first
    handled: tuple[Handled, ...] = ()  # what was handled last under the names in the job's folders, newest last
    rolled_back: tuple[RolledBack, ...] = ()  # the releases that were rolled back, the newest last
    periodic_at: datetime | None = None  # when a periodic savepoint was asked for last
    row: JobRow | None = None  # hdinsight: what the service said last
    placed: str | None = None  # hdinsight: the SHA-256 of the jar at the job's place; None where it is not known
    launched: str | None = None  # hdinsight: the id of the release started last; None where it is not known
    last: LastOperation | None = None
    asked: Asked | None = None  # the newest closed operation that rows of the ARM API tell of; None: look for it
    run: str | None = None  # the id of the present run; None: `histories` says which it is
    run_since: datetime | None = None  # when it began, if there was a run before it
    runs: tuple[Run, ...] = ()  # the runs that ended before it, newest first
    open: tuple[Operation, ...] = ()  # the first one is driven, the others wait
    uploads_paused: bool = False  # uploads are held until somebody resumes them
    paused_reason: str | None = None  # why, if somebody said it
    held: tuple[Operation, ...] = ()  # the newest upload that waits for that, or its window; more only of the same age
    lease: Lease | None = None
    noticed: Noticed | None = None
    overdue_since: datetime | None = None  # the time of the newest savepoint of which people were told that it is old
    unsent: tuple[Message, ...] = ()  # what people are to be told and no receiver's outbox holds yet, oldest first
    written: str | None = None  # the id of the last write under a lease: how a driver knows that its own took effect

    @property
    def newest_savepoint(self) -> Savepoint | None:
        """The savepoint that was taken last."""
        return self.savepoints[-1] if self.savepoints else None

    @property
    def held_until(self) -> datetime | None:
        """When the first updateWindow opens for which an upload is held."""
        return min((operation.held_until for operation in self.held if operation.held_until), default=None)

    def operation(self, operation_id: str) -> Operation | None:
        """Return the open operation with that id."""
        return next((operation for operation in self.open if operation.id == operation_id), None)

    def known(self, operation_id: str) -> Operation | None:
        """Return the operation with that id that is open, or held."""
        held = (operation for operation in self.held if operation.id == operation_id)
        return self.operation(operation_id) or next(held, None)

    def claims(self, flink_job_id: str) -> bool:
        """Whether a Flink job is this job's copy, or an operation is about to adopt it."""
        adopts = any(operation.request.adopt == flink_job_id for operation in self.open)
        return adopts or (self.running is not None and self.running.flink_job_id == flink_job_id)

    @property
    def last_ran(self) -> Copy | None:
        """The copy that ran last, or may run: the current one, unless its start was refused."""
        refused = self.current is not None and self.current.ended == "NEVER_STARTED"
        return self.previous if refused else self.current

    @property
    def running(self) -> Copy | None:
        """The copy that may run: the current one, unless its end is recorded."""
        return self.current if self.current and not self.current.ended else None

    @property
    def rests(self) -> bool:
        """Whether nothing of the job can be running, by what is recorded."""
        return self.deleted or (self.row is None and self.current is not None and self.current.ended is not None)

    def with_operation(self, changed: Operation) -> Self:
        """Return the record with this state of one of its open operations."""
        return self.but(open=tuple(changed if operation.id == changed.id else operation for operation in self.open))

    def without_operation(self, operation_id: str) -> Self:
        """Return the record without an operation that is closed."""
        return self.but(open=tuple(operation for operation in self.open if operation.id != operation_id))

    def but(self, **changes: object) -> Self:
        """Return the record with the given fields changed."""
        return self.model_copy(update=changes)
