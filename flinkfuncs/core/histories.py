"""Which runs a job has had, and when a NEW begins another one.

    the last run                          a NEW by the ARM API
    ------------------------------------  -----------------------------------------------------------------------
    never launched                        another run
    FINISHED, CANCELED, FAILED            another run, from the named savepoint or without state
    STOPPED                               the same, if it names a savepoint; else it is refused: START continues it
    runs                                  an update of the running job, in the same run

A run keeps its id through every STOP, START and UPDATE. The rule that must never break: what a record says about a run
that may still be running stays as it is.
"""

from __future__ import annotations

from datetime import datetime

from .actions import Action
from .jobs import JobRecord
from .operations import Operation, Outcome
from .runs import MOST_ENDED, Asked, Described, Run, RunCopy, asked_of, is_told, run_id_of

OVER = ("FINISHED", "CANCELED", "FAILED", "NEVER_STARTED")


def run_id(record: JobRecord) -> str:
    """Return the id of a job's present run."""
    if record.run:
        return record.run
    if record.current:  # recorded by an earlier version
        return run_id_of(record.current.flink_job_id)
    asked = [operation for operation in record.open if is_told(operation)]
    return run_id_of(asked[0].token("copy") if asked else record.name)


def runs_of(record: JobRecord) -> tuple[Run, ...]:
    """Return the runs that are listed, the present one first; none of a job that was deleted."""
    if record.deleted and not record.open:
        return ()
    first = record.open[0] if record.open else None
    shown = with_next_run(record, first.requested_at) if first and begins_another(record, first) else record
    return (_present(shown), *shown.runs)


def run_of(record: JobRecord, operation: Operation) -> str | None:
    """Return the id of the run that an operation belongs to; None: that is not known yet."""
    if operation.run or not record.operation(operation.id):
        return operation.run
    undecided = operation.action is Action.NEW and operation.driven_at is None and record.current is not None
    if undecided and not begins_another(record, operation):
        return None
    return runs_of(record)[0].id


def begins_another(record: JobRecord, operation: Operation) -> bool:
    """Whether an operation surely begins another run, by what is recorded."""
    if operation.action is not Action.NEW or operation.cause.kind != "arm" or operation.request.adopt:
        return False
    if record.current is None:
        return record.asked is not None
    ended = record.current.ended
    return ended in OVER or (ended == "STOPPED" and operation.request.save_point_name is not None)


def with_next_run(record: JobRecord, now: datetime) -> JobRecord:
    """Return the record with its present run among those that ended, and with nothing that runs."""
    ended = _present(record.but(open=()))
    record = record.but(current=None, previous=None, ran=False, wanted=None, noticed=None)
    return record.but(asked=None, run=None, run_since=now, runs=(ended, *record.runs)[:MOST_ENDED])


def _present(record: JobRecord) -> Run:
    waiting = [operation for operation in record.open if is_told(operation)]
    copy = record.current
    asked = asked_of(waiting[-1]) if waiting else record.asked
    newest = record.newest_savepoint
    in_run = newest is not None and (record.run_since is None or newest.taken_at >= record.run_since)
    return Run(
        id=run_id(record),
        ran=RunCopy(flink_job_id=copy.flink_job_id, ended=copy.ended, may_appear=copy.may_appear) if copy else None,
        described=_described(record)
        or (asked.described if asked and not record.wanted and not _runs(record) else None),
        asked=asked.model_copy(update={"described": None}) if asked else None,
        last_save_point=newest.path if newest and in_run else None,
    )


def _runs(record: JobRecord) -> bool:
    return record.current is not None and record.current.ended != "NEVER_STARTED"


def _described(record: JobRecord) -> Described | None:
    """Return what runs; where nothing does, what the next START runs; where that is not known, what ran."""
    current = record.current
    if current and record.running:
        return Described.of_release(current.release)
    ran = current.release if current else None
    return Described.of_release(record.wanted or ran)


def remembered(record: JobRecord) -> Asked | None:
    """Return what a record of an earlier version keeps of its last operation, whose own blob is gone."""
    last = record.last
    if last is None or last.cause.kind == "timer" or last.outcome is Outcome.SUPERSEDED:
        return None
    return Asked(id=last.id, action=last.action, outcome=last.outcome, message=last.message, ended_at=last.ended_at)
