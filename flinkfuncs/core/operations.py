"""What an operation is: one requested action on one job, from request to result.

An operation lives in its job's record while it is open, so that one compare-and-swap writes its progress, the job's
state and the lease together; closed, it is a blob of its own. Its id tells its job and its month, so that it is found
without an index:

    20261121T014916Z-orders-3f2a9c1b7d4e      time of the request (or of the upload), job, digest of what it was

Every id that a call to Flink carries (trigger ids, the new copy's job id, the savepoint directory) is derived from the
operation's id: chosen before the call, the same after a crash, and never used by another operation.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from .actions import Action
from .errors import NotFound
from .model import Model
from .names import JobName
from .releases import JarSource, Release, Sha256, SpecPatch

_ID = re.compile(r"(\d{8}T\d{6}Z)-([a-z0-9-]{1,63})-([0-9a-f]{12})")


PlanId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}\.[0-9a-f]{16}$")]


class Cause(Model):
    """Why there is an operation: which upload, which caller, which tick."""

    kind: Literal["upload", "http", "arm", "timer"]
    detail: str  # upload: blob and ETag; http, arm: the caller; timer: the schedule's time


class Request(Model):
    """What was asked for. An upload of a new job says UPDATE, too: what there is to do is decided when it is driven."""

    action: Action
    jar: JarSource | None = None
    spec: SpecPatch = SpecPatch()
    replaces_spec: bool = False  # a job.json holds the whole spec; anything else changes fields of the recorded one
    save_point_name: str | None = None
    job_json_sha256: Sha256 | None = None  # uploads only: the job.json that said all this
    folder: Literal["stateful", "stateless"] | None = None  # uploads only: where the jar was put
    switch_mode: bool = False
    wanted_sha256: str | None = None  # a job.json may pin its jar
    without_savepoint: bool = False  # STATELESS_UPDATE: go on although the way back could not be saved
    allow_unaligned_checkpoint: bool = False  # take an unaligned checkpoint although the release is another one
    adopt: str | None = None  # first contact: the Flink job that runs already and becomes this job's copy
    release: str | None = None  # the id of the earlier release that the job is to go back to
    kept: Release | None = None  # … and that release, as it was known when this was asked for
    kept_at: datetime | None = None  # … and since when its bytes are kept, where that is known
    again: bool = False  # uploads only: the release was rolled back before, and is to be tried again
    hold_after_rollback: bool | None = None  # uploads only: what job.json says; None: as the setting does
    reason: str | None = None  # why somebody asks, in a line of his own
    build_url: str | None = None  # the build that asks
    commit: str | None = None  # … and what it was made of
    names_savepoint_sha256: Sha256 | None = None  # a job.json with such remarks: the digest of the rest of it
    objection: str | None = None  # arm: why it is refused, as the service does it: in the row
    plan: PlanId | None = None  # only while everything is as this plan found it

    @property
    def job_json_version(self) -> Sha256 | None:
        """What tells one version of a job.json from another; remarks make none."""
        return self.names_savepoint_sha256 or self.job_json_sha256


BATCH = "BatchJob"  # the code of what cannot be done with a job in batch mode


class Outcome(StrEnum):
    """How an operation ended."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"  # it was carried out, and did not work
    ROLLED_BACK = "ROLLED_BACK"  # the new copy failed, and the old release runs again from the same state
    UNPROVEN = "UNPROVEN"  # the new copy runs, and nothing proves that it is well, or that it is not
    REFUSED = "REFUSED"  # nothing was touched
    SUPERSEDED = "SUPERSEDED"  # something newer took its place before it began
    UNKNOWN = "UNKNOWN"  # it was sent, and nobody can tell what came of it
    ABANDONED = "ABANDONED"  # somebody ended it by hand; the message names what may still take effect


class SavepointListing(Model):
    """One line of LIST_SAVEPOINT."""

    path: str
    taken_at: datetime | None = None
    size_bytes: int | None = None  # where the app may list the storage
    origin: str | None = None
    flink_job_id: str | None = None


class Result(Model):
    """How an operation ended, for people and for callers."""

    outcome: Outcome
    message: str
    code: str | None = None
    ended_at: datetime
    flink_job_id: str | None = None
    savepoint: str | None = None
    restored_from: str | None = None
    savepoints: tuple[SavepointListing, ...] | None = None


class StepTaken(Model):
    """One line of an operation's log: what was begun, and when."""

    at: datetime
    step: str
    detail: str = ""


class OperatorGone(Model):
    """An operator of the copy before that a release does not have."""

    id: str
    name: str | None = None
    state_bytes: int | None = None  # in the newest checkpoint; None where a chain's state is told as one number


class Compared(Model):
    """What the check of a release learned beside its verdict: a plan shows it."""

    kept: tuple[str, ...] | None = None  # the ids of operators; None where those of the copy before are not known
    new: tuple[str, ...] | None = None
    gone: tuple[OperatorGone, ...] | None = None
    without_uid: str | None = None  # the first operator that has none
    max_parallelism: int | None = None  # the least of the copy before: its state cannot be spread over more subtasks
    slots_needed: int | None = None
    slots_free: int | None = None  # without the copy before


class Checked(Model):
    """What was found out about a release before anything was touched."""

    release: str  # its id
    verdict: Literal["PASSED", "SKIPPED", "REFUSED"]
    code: str | None = None  # REFUSED: why, for programs
    cause: str | None = None  # … and for people
    warnings: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()  # the ids of all its operators; empty where they are not known
    name: str | None = None  # the name that main() gives the job, where it is another one than the job's
    compared: Compared | None = None


class Mark(Model):
    """A sticky step that may have left us: written before the call, kept until the operation ends."""

    sent_at: datetime
    last_sent_at: datetime
    refused: str | None = None  # the definite refusal of the last call, where there was one
    unanswered: int = 0  # calls that may have left us and were not refused: they took, or may take, effect
    incarnation: str | None = None  # which run of the JobManager the last call went to


class Settling(Model):
    """Since when a new copy has run without a restart."""

    since: datetime
    restarts: int
    restored_from: str | None = None  # another one means that the copy was restarted, too: by another JobManager


class Undo(Model):
    """Why a new copy is undone, and what it may have written before."""

    reason: str
    at: datetime
    started_at: datetime  # output since then is written again, if a checkpoint of the copy was completed
    completed: int = 0  # checkpoints of it that were completed: each made output visible
    never_started: bool = False  # its start was definitely refused: nothing of it ran
    at_least: bool = False  # it vanished before they could be counted for the last time


class Again(Model):
    """That a new copy was lost by the cluster, and its release started again."""

    number: int  # how many copies were lost
    since: datetime  # when the first of them was started
    completed: int  # checkpoints that they completed at least
    savepoint: str | None = None  # what the first of them was started from


class ArmProgress(Model):
    """What is known of a runJob call."""

    action: Action | None = None  # what was sent: an upload of a job that the service did not know is a NEW
    operation_url: str | None = None  # followed verbatim
    accepted: bool = False  # the long-running operation said Succeeded: submitted, no more
    row_before: str | None = None  # the digest of the job's row before the call
    seen_in_progress: bool = False


class Operation(Model):
    """One requested action on one job, and everything that was done for it."""

    id: str
    job: JobName
    request: Request
    cause: Cause
    requested_at: datetime
    traceparent: str | None = None  # the W3C trace context of what asked for it; only where telemetry is on
    driven_at: datetime | None = None  # when a driver first took it up: it has begun
    asked_as: Action | None = None  # arm: the action that was asked for, where it is carried out as another one
    run: str | None = None  # the id of the run that it belongs to, as the ARM API names it; written when it ends
    overtaken_by: str | None = None  # the STOP or CANCEL that went ahead of it: it starts nothing where nothing runs
    repeats: str | None = None  # uploads: the operation that handled the same bytes under the same names
    held_until: datetime | None = None  # uploads: when the updateWindow opens for which it is held
    resumed_at: datetime | None = None  # uploads: when it was put on the list, after it had been held
    progressed_at: datetime  # when a step was last written down
    release: Release | None = None
    check: Mark | None = None  # not sticky: it counts how often main() was begun
    checked: Checked | None = None
    stop: Mark | None = None
    stops_failed: int = 0  # stops of this operation that are known to have failed; the next one gets its own trigger id
    replaced: Release | None = None  # what the copy ran that this operation ended: a rollback starts it again
    start: Mark | None = None
    again: Again | None = None
    cancel: Mark | None = None
    settling: Settling | None = None
    checkpoint: Mark | None = None  # the checkpoint that proves the new copy
    checkpoints: int = 0  # how many of those were asked for
    undo: Undo | None = None  # the new copy failed: it is made terminal
    rollback: Mark | None = None  # … and the old release is started again
    trigger: Mark | None = None  # a savepoint without a stop
    submit: Mark | None = None  # ARM runJob
    savepoint: str | None = None  # the complete savepoint that this operation took
    vanished_at: datetime | None = None  # since when the copy has been unknown to the cluster without a break
    unreachable_at: datetime | None = None  # since when the cluster has not answered a look, without a break
    ended_at: datetime | None = None  # when the copy was first seen to have ended, where its state is asked for
    arm: ArmProgress | None = None
    steps: tuple[StepTaken, ...] = ()
    result: Result | None = None

    @property
    def action(self) -> Action:
        """The action that was asked for."""
        return self.request.action

    @property
    def why_held(self) -> str | None:
        """Why it is held, where that is for an updateWindow."""
        return f"held until {self.held_until:%Y-%m-%dT%H:%M:%SZ} by its updateWindow" if self.held_until else None

    @property
    def acted(self) -> bool:
        """Whether a call that Flink or the service acts on may have left us: from then on it is carried on."""
        marks = (self.stop, self.trigger, self.cancel, self.start, self.rollback, self.submit)
        return any(mark is not None and mark.unanswered > 0 for mark in marks)

    @property
    def has_started(self) -> bool:
        """Whether a start of this operation was written down: of its own release, or of the old one again."""
        return self.start is not None or self.rollback is not None

    @property
    def stop_token(self) -> str:
        """The trigger id of this operation's stop; after one that is known to have failed, that of the next."""
        return self.token("stop", self.stops_failed + 1 if self.stops_failed else None)

    def copy_token(self, purpose: Literal["copy", "rollback"], lost: int = 0) -> str:
        """Return the Flink job id of this operation's new copy, after `lost` ones that the cluster lost."""
        return self.token(purpose, lost + 1 if lost else None)

    def token(
        self,
        purpose: Literal["check", "stop", "savepoint", "copy", "rollback", "checkpoint"],
        number: int | None = None,
    ) -> str:
        """Return the 32 hex digits that name this operation's call of that purpose (and number) to Flink."""
        # Never made in another way: what is in flight when the app is replaced was named by the version before.
        named = purpose if number is None else f"{purpose}:{number}"
        return hashlib.sha256(f"{self.id}:{named}".encode()).hexdigest()[:32]


def operation_id(job: JobName, *, at: datetime, identity: str) -> str:
    """Return the id of the operation that this event asks for: the same event gives the same id."""
    digest = hashlib.sha256(f"{job}\n{identity}".encode()).hexdigest()[:12]
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{job}-{digest}"


def job_of(operation: str) -> JobName:
    """Return the job that an operation's id names.

    Raises:
        NotFound: the text is no operation's id.

    """
    match = _ID.fullmatch(operation)
    if not match:
        raise NotFound(f"there is no operation {operation[:96]!r}", code="OperationNotFound")
    return JobName(match[2])


def time_of(operation: str) -> datetime:
    """Return the time that an operation's id names: when it was asked for, or its upload's Last-Modified."""
    job_of(operation)
    return datetime.strptime(operation[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def month_of(operation: str) -> str:
    """Return the folder (`2026-11`) in which a closed operation lies."""
    job_of(operation)
    return f"{operation[:4]}-{operation[4:6]}"
