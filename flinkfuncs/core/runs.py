"""What the ARM API's list says about a job: one row a run, from a NEW on, through every STOP, START and UPDATE.

    a run begins with                                     its id is that of
    ----------------------------------------------------  ----------------------------------------------------
    the first operation under a name                      that operation
    a NEW after the last run has ended                    that NEW
    (records of an earlier version know no run)           the copy that runs, or ran last

Everything that a row needs is in the record, and in the metadata of its blob: no closed operation is read for it. The
rule that must never break: what a run is said to run is what runs, or ran; what was asked for and failed is `asked`.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Literal

from pydantic import Field

from .actions import Action
from .model import Model
from .operations import BATCH, Operation, Outcome, SavepointListing
from .releases import DEFAULT_PARALLELISM, Args, JarSource, Release, Spec

Ended = Literal["STOPPED", "FINISHED", "CANCELED", "FAILED", "NEVER_STARTED"]

MARKS = "flinkfuncs."  # keys of flinkConfiguration that tell callers of this API which request a row answers
MOST_ENDED = 10  # runs of a job that stay in the list after they ended


class Described(Model):
    """What is run, as far as a row says it."""

    jar: JarSource | None = None
    entry_class: str | None = None
    args: Args = ""
    parallelism: int = DEFAULT_PARALLELISM
    savepoint_directory: str | None = None
    flink_configuration: dict[str, str] = Field(default={})

    @classmethod
    def of(cls, spec: Spec, jar: JarSource | None) -> Described:
        """Return what a row says of a jar that is run in this way."""
        return cls(
            jar=JarSource(place=jar.place, name=jar.name) if jar else None,
            entry_class=spec.entry_class,
            args=spec.args,
            parallelism=spec.parallelism,
            savepoint_directory=spec.savepoint_directory,
            flink_configuration={k: v for k, v in spec.flink_configuration.items() if not k.startswith(MARKS)},
        )

    @classmethod
    def of_release(cls, release: Release | None) -> Described | None:
        """Return what a row says of a release."""
        return cls.of(release.spec, release.source) if release else None


class Asked(Model):
    """An operation that somebody asked for, as far as a row says it."""

    id: str
    action: Action
    save_point_name: str | None = None
    marks: dict[str, str] = Field(default={})  # the caller's own marks, which come back with this operation alone
    described: Described | None = None  # what the request says of what to run
    outcome: Outcome | None = None  # None: it is open
    message: str = ""
    ended_at: datetime | None = None
    savepoint: str | None = None
    savepoints: tuple[SavepointListing, ...] | None = None
    unproven: Literal["batch", "streaming"] | None = None  # UNPROVEN: how the copy of its release runs


class RunCopy(Model):
    """The copy of a run that runs, or ran last."""

    flink_job_id: str
    ended: Ended | None = None
    may_appear: bool = False


class Run(Model):
    """One run of a job, as far as a row says it."""

    id: str
    ran: RunCopy | None = None
    described: Described | None = None  # None: not known, or nothing was ever run
    asked: Asked | None = None
    last_save_point: str | None = None


def run_id_of(token: str) -> str:
    """Return a run's id, `job-c5d-4b48-abba-5ee598dbd653`, made from the id of its first copy."""
    digits = hashlib.sha256(token.encode()).hexdigest()
    return f"job-{digits[:3]}-{digits[3:7]}-{digits[7:11]}-{digits[11:23]}"


def is_told(operation: Operation) -> bool:
    """Whether rows tell of an operation: a periodic savepoint is nobody's request, a superseded one never began."""
    superseded = operation.result is not None and operation.result.outcome is Outcome.SUPERSEDED
    return operation.cause.kind != "timer" and not superseded


def asked_of(operation: Operation) -> Asked:
    """Return what a row says of an operation."""
    request, result = operation.request, operation.result
    said = request.spec.flink_configuration if "flink_configuration" in request.spec.model_fields_set else {}
    return Asked(
        id=operation.id,
        action=operation.asked_as or operation.action,
        save_point_name=request.save_point_name,
        marks={key: text for key, text in said.items() if key.startswith(MARKS)},
        described=_described(operation),
        outcome=result.outcome if result else None,
        message=result.message if result else "",
        ended_at=result.ended_at if result else None,
        savepoint=result.savepoint if result else None,
        savepoints=result.savepoints if result else None,
        unproven=_unproven(operation),
    )


def _unproven(operation: Operation) -> Literal["batch", "streaming"] | None:
    """Say how the copy runs that an operation kept without a proof; None where that is the old release again."""
    result = operation.result
    if result is None or result.outcome is not Outcome.UNPROVEN or operation.undo:
        return None
    return "batch" if result.code == BATCH else "streaming"


def _described(operation: Operation) -> Described | None:
    """Return what a request says of what to run, before there is a release of it."""
    if operation.release:
        return Described.of_release(operation.release)
    request = operation.request
    if request.jar is None and not request.spec.model_fields_set:
        return None
    return Described.of(Spec().patched(request.spec), request.jar)
