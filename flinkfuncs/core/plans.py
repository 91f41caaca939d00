"""What is in a plan, and what its id depends on. A plan says what an action would do, and is made by what does it.

    part of the id  changes with
    --------------  -----------------------------------------------------------------------------------------------
    before the dot  the action and what is asked for, except the place of its jar; the wanted release; the current
                    copy and whether it ended; the operations that come before; the folder; the status; where nothing
                    runs, the state that would be started from
    after the dot   the release: its jar's bytes and its spec; zeros where none was read

An action over HTTP is compared with both parts before it is recorded: for the second one its jar is read where it lies.
When it is driven its release is compared again, since the jar may be another one by then. An upload is compared with
both when it is driven. Whether uploads are paused is in neither: it decides when an upload is driven, not what it does.

The rule that must never break: nothing else goes into an id, so a plan that is made again has the same one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import takewhile
from typing import Literal

from .actions import Action
from .jobs import JobRecord
from .operations import Compared, Operation, Outcome
from .releases import Release
from .session.last_state import NEED_STATE
from .steps import End

NO_RELEASE = "0" * 16
CHANGED = "PlanChanged"  # the code of a refusal
RESTS = ("STOPPED", "FINISHED", "CANCELED", "FAILED", "VANISHED", "NEVER_STARTED")  # statuses in which nothing runs


class Verdict(StrEnum):
    """What an action would come to."""

    NOTHING_TO_DO = "NOTHING_TO_DO"
    WILL_DO = "WILL_DO"
    WOULD_BE_REFUSED = "WOULD_BE_REFUSED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class Ground:
    """What the cluster says of a job: its status, and the path of the state that it would be started from."""

    status: str
    state: str | None = None


@dataclass(frozen=True)
class Foretold:
    """A step as the operation will write it down, with words for people."""

    step: str
    detail: str = ""


@dataclass(frozen=True)
class Stops:
    """The run that would be ended."""

    status: str
    flink_job_id: str | None = None
    release_id: str | None = None


@dataclass(frozen=True)
class StateFacts:
    """What is known of a complete savepoint or checkpoint."""

    written_at: datetime | None = None
    size_bytes: int | None = None  # of all that it needs, whatever wrote it


@dataclass(frozen=True)
class StateTaken:
    """The state that would be started from. That of a `stop` is still to be written, into the directory `path`."""

    path: str
    kind: Literal["savepoint", "checkpoint", "stop"]
    taken_at: datetime | None = None  # of a `stop`: of the newest savepoint that there is
    size_bytes: int | None = None  # … likewise


@dataclass(frozen=True)
class WayBack:
    """What a rollback would do."""

    about: str
    release_id: str | None = None


@dataclass(frozen=True)
class Plan:
    """What an action would do now."""

    id: str
    action: Action
    verdict: Verdict
    code: str | None = None
    reason: str | None = None
    steps: tuple[Foretold, ...] = ()
    stops: Stops | None = None
    state: StateTaken | None = None
    release: Release | None = None
    before: Release | None = None  # what the release is compared with
    compared: Compared | None = None
    warnings: tuple[str, ...] = ()
    downtime_seconds: float | None = None
    rollback: WayBack | None = None


def plan_id(record: JobRecord, operation: Operation, ground: Ground, release: Release | None) -> str:
    """Return the id of a plan of an operation; `record` is without it, or has it on its list."""
    return f"{record_part(record, operation, ground)}.{release_part(release)}"


def record_part(record: JobRecord, operation: Operation, ground: Ground) -> str:
    """Return the part that needs no jar (16 hex digits)."""
    request, current = operation.request, record.current
    if current and current.operation == operation.id:  # it has adopted a job meanwhile
        current, ground = None, Ground("NONE")
    earlier = takewhile(lambda other: other.id != operation.id, record.open)
    facts = {
        "asked": request.model_dump(mode="json", include=_ASKED),
        "spec": request.spec.model_dump(mode="json"),
        "wanted": record.wanted.id if record.wanted else None,
        "copy": [current.flink_job_id, current.ended] if current else None,
        "earlier": [other.id for other in earlier],
        "folder": record.folder,
        "status": ground.status,
        "state": ground.state if state_matters(operation, ground.status) else None,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


_ASKED = {
    *("action", "replaces_spec", "save_point_name", "folder", "switch_mode", "wanted_sha256"),
    *("without_savepoint", "allow_unaligned_checkpoint", "adopt", "release", "again", "hold_after_rollback"),
}


def state_matters(operation: Operation, status: str) -> bool:
    """Whether a plan rests on the state that a job would be started from: where one is named, it is asked for."""
    return operation.action in NEED_STATE and status in RESTS and operation.request.save_point_name is None


def release_part(release: Release | None) -> str:
    """Return the part that the jar and its spec decide (16 hex digits)."""
    return release.id[:16] if release else NO_RELEASE


def record_objection(operation: Operation, record: JobRecord, ground: Ground) -> End | None:
    """Return why an upload is not taken that was planned: what the record says has changed, or the status."""
    plan = operation.request.plan
    if plan is None or operation.cause.kind != "upload" or operation.acted:
        return None
    if plan.startswith(record_part(record, operation, ground)):
        return None
    return _changed("the job is no longer as the plan found it, or another action was planned")


def release_objection(operation: Operation) -> End | None:
    """Return why a release is not taken that was planned: its jar or its spec is another one."""
    plan, release = operation.request.plan, operation.release
    if plan is None or release is None or operation.acted or plan.endswith(release_part(release)):
        return None
    return _changed("another release was planned: its jar or its spec has changed")


def _changed(why: str) -> End:
    return End(Outcome.REFUSED, f"{why}; the job is untouched: plan it again", code=CHANGED)


def changes_record(end: End, record: JobRecord, operation: Operation) -> bool:
    """Whether an operation that ends well without a step of its own leaves the job's record another one."""
    adopted = record.current is not None and record.current.operation == operation.id
    another = end.wanted is not None and not _is_as_recorded(end.wanted, record.wanted)
    return end.forget or adopted or another


def _is_as_recorded(release: Release, wanted: Release | None) -> bool:
    """Whether a release is the wanted one, and to be taken like it."""
    return wanted is not None and release.same_as(wanted) and wanted.taken_as(release) == wanted
