"""What can be done next: one class a step, nothing else.

A *sticky* step (Stop, Trigger, TakeCheckpoint, Cancel, Start, Submit) changes a job. It is written down before it is
carried out, and an operation that has one written down is carried on to its end by whoever drives it next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from .actions import Action
from .jobs import Adopted, Ended, JobRow
from .operations import Again, Checked, Outcome, SavepointListing, Settling, Undo
from .releases import Release, SpecPatch


@dataclass(frozen=True)
class Keep:
    """Read the jar, check it, and keep its bytes as a release."""


@dataclass(frozen=True)
class UploadJar:
    """Put the kept bytes on the session cluster, named by their hash."""

    release: Release
    stop_savepoint: str | None = None  # the savepoint that the stop just wrote, not to be forgotten if this fails
    instead: str = ""  # what an end says before the refusal, if this is refused


@dataclass(frozen=True)
class Check:
    """Let the session cluster run the release's main() without starting a job, and compare its operators.

    Not sticky: it touches no job. Yet it is written down, since a main() may end the JobManager.
    """

    release: Release


@dataclass(frozen=True)
class Stop:
    """Stop the copy with a savepoint: the trigger id and the directory are this operation's own."""

    flink_job_id: str
    trigger_id: str
    directory: str
    savepoint_format: str


@dataclass(frozen=True)
class Trigger:
    """Take a savepoint and let the copy run on."""

    flink_job_id: str
    trigger_id: str
    directory: str
    savepoint_format: str


@dataclass(frozen=True)
class TakeCheckpoint:
    """Ask the new copy for the checkpoint that proves it."""

    flink_job_id: str
    trigger_id: str


@dataclass(frozen=True)
class Cancel:
    """End the copy without a savepoint."""

    flink_job_id: str
    undo: Undo | None = None  # it is a new copy that failed


@dataclass(frozen=True)
class Start:
    """Start a release under an id that was chosen before; `savepoint` None is a fresh start that was asked for."""

    flink_job_id: str
    release: Release
    savepoint: str | None
    incarnation: str | None = None  # the run of the JobManager that it is sent to
    stop_savepoint: str | None = None  # the savepoint that the stop just wrote, to be recorded with the start
    undo: Undo | None = None  # the old release again, since the new copy failed
    again: Again | None = None  # the same release again, since the cluster lost its copy


@dataclass(frozen=True)
class PlaceJar:
    """Copy the kept bytes to the job's fixed place below JOB_JAR_DIRECTORY (hdinsight)."""

    release: Release


@dataclass(frozen=True)
class Submit:
    """Send one runJob (hdinsight). `row_before` is the digest of the job's row as it stands now."""

    action: Action
    release: Release | None
    spec: SpecPatch | None
    save_point_name: str | None
    row_before: str | None


@dataclass(frozen=True)
class Wait:
    """Look again after a while. `hop`: the invocation may end meanwhile; never between stop and start."""

    seconds: float
    why: str
    hop: bool = True
    vanished: bool = False  # the cluster does not know the copy: since when is written down
    unreachable: bool = False  # the cluster does not answer: since when is written down
    ended: bool = False  # the copy has ended: since when is written down
    listed: bool = False  # the cluster lists the new copy: that it was seen is written down
    settling: Settling | None = None  # since when the new copy runs without a restart: written down
    in_progress: bool = False  # hdinsight: the row says that our action is under way: that is written down
    accepted: bool = False  # hdinsight: the long-running operation has succeeded: that is written down
    adopted: tuple[str, Adopted] | None = None  # a Flink job that is the current copy from now on: written down
    stopped: str | None = None  # the savepoint with which an earlier operation's stop ended the copy: written down
    unstopped: bool = False  # the stop is known to have failed: written down
    next_run: bool = False  # the last run has ended, and another one begins: written down
    run_ended: Ended | None = None  # … and how its copy ended, where that is not recorded
    becomes: Action | None = None  # the action as which this one is carried out: written down


@dataclass(frozen=True)
class End:
    """The operation is over; what it found out goes into the job's record with the result."""

    outcome: Outcome
    message: str
    code: str | None = None
    ended: Ended | None = None  # how the current copy ended, where Flink said so
    listed: bool = False  # the cluster lists the current copy
    savepoint: str | None = None  # a savepoint that this operation took
    restored_from: str | None = None
    unstopped: bool = False  # the stop is known to have failed: another one may carry a trigger of its own
    forget: bool = False  # DELETE: the record becomes a tombstone
    wanted: Release | None = None  # the release that is from now on the job's
    launched: Release | None = None  # hdinsight: the release that the service has started
    row: JobRow | None = None  # hdinsight: what the service says of the job now
    savepoints: tuple[SavepointListing, ...] | None = None


Sticky: TypeAlias = Stop | Trigger | TakeCheckpoint | Cancel | Start | Submit
Step: TypeAlias = Keep | UploadJar | Check | PlaceJar | Sticky | Wait | End


@dataclass(frozen=True)
class Kept:
    """Learned from Keep: the release, whose bytes are kept."""

    release: Release


@dataclass(frozen=True)
class Submitted:
    """Learned from Submit: the URL of the long-running operation, to be followed as it is."""

    operation_url: str | None


@dataclass(frozen=True)
class Turned:
    """Learned from a sticky step: the other side refused it, definitely."""

    detail: str


@dataclass(frozen=True)
class Placed:
    """Learned from PlaceJar: these bytes lie at the job's place now."""

    sha256: str


@dataclass(frozen=True)
class Found:
    """Learned from Check: the verdict on the release."""

    checked: Checked


Learned: TypeAlias = Kept | Placed | Submitted | Turned | Found | None
