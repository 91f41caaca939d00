"""Who is to blame for an exception in a job's history: its release, or the cluster that ran it.

A stack trace is read by its headers alone: the first line, and each `Caused by:`. The first row that fits a header
decides; the words are those of Flink 1.17 to 2.3.

    a header's class and words                                                        blames
    --------------------------------------------------------------------------------  ------------------------------
    NoResourceAvailableException; "Could not acquire the minimum required resources"; SLOTS: nothing ran
    "Slot request bulk is not fulfillable"; "Pending slot request …"
    "TaskManager with id … is no longer reachable"; "[Hh]eartbeat of TaskManager with CLUSTER: a TaskManager is gone
    id … timed out"; "The TaskExecutor is shutting down"; "Pod terminated …"
    RemoteTransportException, LocalTransportException, PartitionConnectionException,  CLUSTER: a TaskManager cannot be
    PartitionNotFoundException, RecipientUnreachableException                         reached by another one
    "JobManager … no longer reachable", "[Hh]eartbeat of JobManager … timed out",     CLUSTER: the JobManager changed
    "… lost leadership", "Disconnect from JobManager …"
    "The slot … has timed out", "… slot … was removed", "… slot … has been released"  CLUSTER: a slot is gone
    anything else                                                                     RELEASE

The words count only in Flink's own exceptions (and in the plain ones that it throws for a heartbeat or a pod): a
connector may say the same about its own servers. What cannot be distinguished from outside: a release that kills its
TaskManager (System.exit in an operator, memory beyond the container's limit) looks like a TaskManager that is gone.
The rule that must never break: what is not surely the release's own fault is no reason to undo it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Blame(StrEnum):
    """Whose fault an exception is."""

    RELEASE = "RELEASE"
    CLUSTER = "CLUSTER"
    SLOTS = "SLOTS"


@dataclass(frozen=True)
class Failure:
    """An exception that failed a job or a part of it, by the JobManager's clock; `cause` is the root cause."""

    at: datetime
    cause: str
    blame: Blame = Blame.RELEASE


@dataclass(frozen=True)
class Thrown:
    """An exception as people read it; `trace` has its stack, without what may be a secret, and may be cut."""

    failure: Failure
    trace: str
    task: str | None = None  # None: it is the job's own
    endpoint: str | None = None  # where the task ran


_SLOTS = re.compile(
    r"\.NoResourceAvailableException\b|: Could not acquire the minimum required resources"
    r"|: Slot request bulk is not fulfillable|: Pending slot request "
)
_UNREACHABLE = re.compile(
    r"^org\.apache\.flink\.[\w.$]*\.(?:RemoteTransport|LocalTransport|PartitionConnection|PartitionNotFound"
    r"|RecipientUnreachable)Exception\b"
)
_GONE = re.compile(
    r"^(?:org\.apache\.flink\.[\w.$]+|java\.util\.concurrent\.TimeoutException|java\.lang\.Exception): .{0,200}?"
    r"(?:(?:Task|Job)Manager with id .{1,200} is no longer reachable|eartbeat of (?:Task|Job)Manager with id "
    r"|TaskExecutor is shutting down|Pod terminated|lost (?:the )?leadership|Disconnect from JobManager "
    r"|slot .{1,200} (?:has timed out|was removed|has been released))"
)
# A savepoint that failed for one of these failed because the job was failing over, whatever made it do so.
_FAILED_OVER = (
    "Checkpoint Coordinator is suspending",
    "FailoverRegion is restarting",
    "Task has failed",
    "The job has failed",
    "Not all required tasks are currently running",
)
MOST_HEADERS = 20
LONGEST_HEADER = 512  # characters


def blamed(trace: str) -> Blame:
    """Return who is to blame for an exception; `trace` is its stack trace."""
    for header in _headers(trace):
        if _SLOTS.search(header):
            return Blame.SLOTS
        if _UNREACHABLE.search(header) or _GONE.search(header):
            return Blame.CLUSTER
    return Blame.RELEASE


def failed_over(trace: str) -> bool:
    """Whether a savepoint failed because its job was failing over: another one may well succeed."""
    return any(words in header for header in _headers(trace) for words in _FAILED_OVER)


def _headers(trace: str) -> Iterator[str]:
    lines = trace.splitlines()
    causes = (line.strip().removeprefix("Caused by: ") for line in lines[1:] if line.startswith("Caused by: "))
    yield lines[0][:LONGEST_HEADER] if lines else ""
    for _, cause in zip(range(MOST_HEADERS), causes, strict=False):
        yield cause[:LONGEST_HEADER]
