"""What can be seen of one operation through the ARM API, and how an operation ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ..jobs import JobRow
from ..operations import Outcome
from ..steps import End
from .row import Row


class OperationState(StrEnum):
    """How far the long-running operation of a runJob is."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"  # the job was submitted, no more
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"  # there is none, or it cannot be told


@dataclass(frozen=True)
class OperationStatus:
    """One poll of a long-running operation."""

    state: OperationState = OperationState.UNKNOWN
    error: str = ""  # FAILED: the service's code and message
    retry_after_seconds: float | None = None


@dataclass(frozen=True)
class ArmSeen:
    """One look at the cluster, for one operation."""

    now: datetime
    rows: tuple[Row, ...]  # those of this job; more than one is possible from 2023-11 on
    polled: OperationStatus = OperationStatus()


@dataclass(frozen=True)
class ArmLimits:
    """What the service can do, and how long things may take (seconds)."""

    api_version: str
    poll_seconds: float = 5.0
    deadline_seconds: float = 1800.0
    listing_seconds: float = 60.0  # LIST_SAVEPOINT touches nothing: a list that stays the same is not waited for long
    hold_after_rollback: bool = True  # an upload of a release is refused that somebody went back from


def refuse(message: str, code: str) -> End:
    """End an operation that touched nothing."""
    return End(Outcome.REFUSED, message, code=code)


def kept_row(row: Row | None) -> JobRow | None:
    """Return what the record keeps of a row."""
    if row is None:
        return None
    return JobRow(
        action=row.action,
        status=row.status,
        action_result=row.action_result,
        job_id=row.job_id,
        last_save_point=row.last_save_point,
    )
