"""From which state a job goes on whose copy was not stopped by us: every row of `core/session/last_state.py`."""

from __future__ import annotations

import pytest

from flinkfuncs.core import progress
from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Operation
from flinkfuncs.core.session.facts import CopySeen, CopyState, Left, Seen, TriggerFailed, TriggerSeen, TriggerUnknown
from flinkfuncs.core.session.last_state import is_asked_for
from flinkfuncs.core.session.table import next_step
from flinkfuncs.core.steps import Cancel, Start
from tests.unit.builders import (
    LIMITS,
    NEW,
    NOW,
    OLD,
    ago,
    asked,
    copy_of,
    job,
    look,
    own,
    said,
    savepoint,
    sent,
    with_marks,
)

CHECKPOINT, SAVEPOINT = Left("file:/cp/chk-7"), Left("file:/sp/savepoint-1")
DELETED, UNALIGNED = Left("file:/cp/chk-7", survives=False), Left("file:/cp/chk-7", unaligned=True)
RUNS, CANCELED = copy_of(), copy_of(ended="CANCELED")
START, RE_LAUNCH = asked(Action.START), asked(Action.RE_LAUNCH)
UPDATE, LAST_STATE = asked(Action.UPDATE, brings=NEW), asked(Action.LAST_STATE_UPDATE, brings=NEW)
STATELESS = asked(Action.STATELESS_UPDATE, brings=NEW)
WITHOUT = asked(Action.STATELESS_UPDATE, brings=NEW, without_savepoint=True)
NAMED = asked(Action.UPDATE, brings=NEW, named="file:///sp/named")
RESTARTS, NOT_ALL = TriggerFailed("disk full"), TriggerFailed("Not all required tasks are currently running.")


def told(operation: Operation, seen: Seen, record: JobRecord | None = None) -> str:
    """Return the next step as one line."""
    record = record or job(RUNS, operation)
    return said(next_step(operation, record, seen, LIMITS), operation, record)


@pytest.mark.parametrize(
    ("left", "same_release", "another"),
    [
        (None, "REFUSED NoValidState", "REFUSED NoValidState"),
        (DELETED, "REFUSED CheckpointNotRetained", "REFUSED CheckpointNotRetained"),
        (UNALIGNED, "Start old as own from file:/cp/chk-7", "REFUSED UnalignedCheckpoint"),
        (CHECKPOINT, "Start old as own from file:/cp/chk-7", "Start new as own from file:/cp/chk-7"),
        (SAVEPOINT, "Start old as own from file:/sp/savepoint-1", "Start new as own from file:/sp/savepoint-1"),
    ],
)
@pytest.mark.parametrize("record", [job(RUNS), job(CANCELED)])
def test_what_has_ended_goes_on_from_its_newest_state_if_that_is_still_there(
    record: JobRecord, left: Left | None, same_release: str, another: str
) -> None:
    """Whether its end is recorded or just seen; never from an older state, nor from none."""
    seen = look(None if record.current and record.current.ended else CopyState.FAILED, left=left)
    for operation in (START, RE_LAUNCH):
        assert told(with_marks(operation, ended_at=ago(10)), seen, record) == same_release
    for operation in (UPDATE, LAST_STATE):
        assert told(with_marks(operation, ended_at=ago(10)), seen, record) == another


@pytest.mark.parametrize("left", [CHECKPOINT, None])
def test_what_flink_tells_is_believed_only_when_it_is_younger_than_the_end(left: Left | None) -> None:
    """Its caches may still name the checkpoint before the last one, or one that the end has deleted."""
    seen = look(CopyState.FAILED, left=left)
    for start in (START, asked(Action.START, requested_seconds_ago=600)):  # however long it has waited
        assert told(start, seen) == "Wait ended here"
        assert told(with_marks(start, ended_at=ago(9)), seen) == "Wait here"


def test_an_unaligned_checkpoint_is_taken_where_the_caller_says_so() -> None:
    """Flink may refuse it, which loses nothing."""
    allowed = asked(Action.UPDATE, brings=NEW, allow_unaligned=True)
    step = told(with_marks(allowed, ended_at=ago(10)), look(CopyState.FAILED, left=UNALIGNED))
    assert step == "Start new as own from file:/cp/chk-7"


@pytest.mark.parametrize(
    ("operation", "copy", "left", "step"),
    [
        # a copy that runs is cancelled only for LAST_STATE_UPDATE
        (LAST_STATE, CopyState.RUNNING, CHECKPOINT, "Cancel old"),
        (LAST_STATE, CopyState.RUNNING, SAVEPOINT, "Cancel old"),
        (LAST_STATE, CopyState.RUNNING, None, "REFUSED NoValidState"),
        (LAST_STATE, CopyState.RUNNING, DELETED, "REFUSED CheckpointNotRetained"),
        (LAST_STATE, CopyState.RUNNING, UNALIGNED, "REFUSED UnalignedCheckpoint"),
        (UPDATE, CopyState.RUNNING, CHECKPOINT, "Stop old"),
        # one that restarts cannot be stopped with a savepoint
        *[(operation, CopyState.RESTARTING, left, step) for operation in (LAST_STATE, UPDATE) for left, step in (
            (CHECKPOINT, "Cancel old"), (None, "REFUSED NoValidState"), (DELETED, "REFUSED CheckpointNotRetained"))],
        (NAMED, CopyState.RESTARTING, None, "REFUSED SavepointUnverified"),
        (asked(Action.UPDATE, brings=NEW, named="file:///etc"), CopyState.RESTARTING, None, "REFUSED OutsideRoot"),
        (STATELESS, CopyState.RESTARTING, CHECKPOINT, "REFUSED JobRestarting"),
        (WITHOUT, CopyState.RESTARTING, None, "Cancel old"),
        # and one that is about to change is waited for
        (LAST_STATE, CopyState.STARTING, CHECKPOINT, "Wait"),
        (RE_LAUNCH, CopyState.RUNNING, CHECKPOINT, "REFUSED JobRuns"),
    ],
)  # fmt: skip
def test_a_copy_is_cancelled_only_if_its_state_outlives_that(
    operation: Operation, copy: CopyState, left: Left | None, step: str
) -> None:
    """It is looked at before: afterwards there may be nothing left to look at."""
    assert told(operation, look(copy, left=left)) == step


@pytest.mark.parametrize(
    ("operation", "copy", "trigger", "left", "step"),
    [
        (UPDATE, CopyState.RESTARTING, RESTARTS, CHECKPOINT, "Cancel old"),
        (UPDATE, CopyState.RUNNING, NOT_ALL, CHECKPOINT, "Cancel old"),
        (UPDATE, CopyState.RUNNING, RESTARTS, CHECKPOINT, "FAILED SavepointFailed"),
        (UPDATE, CopyState.RESTARTING, RESTARTS, None, "FAILED SavepointFailed"),
        (UPDATE, CopyState.RESTARTING, RESTARTS, DELETED, "FAILED SavepointFailed"),
        (STATELESS, CopyState.RESTARTING, RESTARTS, CHECKPOINT, "FAILED SavepointFailed"),
        (asked(Action.STOP), CopyState.RESTARTING, RESTARTS, CHECKPOINT, "FAILED SavepointFailed"),
    ],
)
def test_a_fix_gets_through_to_a_job_that_restarts_too_often_to_be_saved(
    operation: Operation, copy: CopyState, trigger: TriggerSeen, left: Left | None, step: str
) -> None:
    """A crash loop is RUNNING now and then, so the stop is tried; only where it fails for that, the copy is cancelled."""
    assert told(with_marks(operation, stop=sent(2)), look(copy, trigger=trigger, left=left)) == step


@pytest.mark.parametrize(
    ("copy", "left", "step"),
    [
        (CopyState.CANCELLING, CHECKPOINT, "Wait"),
        (CopyState.CANCELED, CHECKPOINT, "Start new as own from file:/cp/chk-7"),
        (CopyState.CANCELED, DELETED, "FAILED CheckpointNotRetained ended CANCELED"),
        (CopyState.CANCELED, None, "FAILED NoValidState ended CANCELED"),
        (CopyState.FAILED, CHECKPOINT, "Start new as own from file:/cp/chk-7"),
        (CopyState.FINISHED, DELETED, "FAILED CheckpointNotRetained ended FINISHED"),
        (CopyState.ABSENT, CHECKPOINT, "Start new as own from file:/cp/chk-7"),
        (CopyState.ABSENT, None, "FAILED NoValidState"),
    ],
)
@pytest.mark.parametrize("operation", [UPDATE, LAST_STATE])
def test_after_its_cancel_an_update_goes_on_from_what_the_copy_left(
    operation: Operation, copy: CopyState, left: Left | None, step: str
) -> None:
    """Looked at again, since a checkpoint may have been completed, or deleted, meanwhile."""
    canceled = with_marks(operation, cancel=sent(20), ended_at=ago(10), vanished_at=ago(80))
    assert told(canceled, look(copy, left=left)) == step


def test_the_caches_are_waited_for_after_a_cancel_too() -> None:
    """A checkpoint that was completed just before the end is the newest state, not the one before it."""
    canceled = with_marks(LAST_STATE, cancel=sent(20))
    assert told(canceled, look(CopyState.CANCELED, left=CHECKPOINT)) == "Wait ended here"


@pytest.mark.parametrize(
    ("operation", "record", "copy", "trigger", "asks"),
    [
        (LAST_STATE, job(RUNS), CopyState.RUNNING, TriggerUnknown(), True),
        (UPDATE, job(RUNS), CopyState.RUNNING, TriggerUnknown(), False),
        (UPDATE, job(RUNS), CopyState.RESTARTING, TriggerUnknown(), True),
        (UPDATE, job(RUNS), CopyState.FAILED, TriggerUnknown(), True),
        (UPDATE, job(RUNS), CopyState.ABSENT, TriggerUnknown(), True),
        (UPDATE, job(copy_of(seen=False)), CopyState.ABSENT, TriggerUnknown(), False),
        (NAMED, job(RUNS), CopyState.FAILED, TriggerUnknown(), False),
        (with_marks(UPDATE, stop=sent()), job(RUNS), CopyState.FINISHED, TriggerUnknown(), False),
        (with_marks(UPDATE, stop=sent()), job(RUNS), CopyState.RUNNING, NOT_ALL, True),
        (with_marks(UPDATE, cancel=sent()), job(RUNS), CopyState.CANCELED, TriggerUnknown(), True),
        (with_marks(UPDATE, start=sent()), job(RUNS), CopyState.FAILED, TriggerUnknown(), False),
        (START, job(CANCELED), None, TriggerUnknown(), True),
        (START, job(copy_of(ended="STOPPED"), savepoints=(savepoint("file:///sp/1"),)), None, TriggerUnknown(), False),
        (START, job(), None, TriggerUnknown(), False),
        (asked(Action.CANCEL), job(RUNS), CopyState.RUNNING, TriggerUnknown(), False),
    ],
)
def test_the_state_is_looked_for_only_where_something_may_start_from_it(
    operation: Operation, record: JobRecord, copy: CopyState | None, trigger: TriggerSeen, *, asks: bool
) -> None:
    """Never between a stop and its start, which is the downtime of every update."""
    assert is_asked_for(operation, record, CopySeen(copy) if copy else None, trigger) is asks


def test_a_bad_release_after_a_last_state_update_leads_back_to_the_old_one_from_the_same_checkpoint() -> None:
    """The cancel of the bad copy is another one than that of the old copy."""
    operation = with_marks(LAST_STATE, cancel=sent(4000), ended_at=ago(3900))
    record = job(RUNS, operation)
    started = Start(operation.token("copy"), NEW, CHECKPOINT.path)
    record = progress.begun(record, operation.id, started, ago(100))
    looping = CopySeen(CopyState.RESTARTING, failures=own(9), restores=9, failure="bad")
    step = next_step(record.open[0], record, look(looping), LIMITS)
    assert isinstance(step, Cancel)
    assert step.undo
    record = progress.begun(record, operation.id, step, NOW)
    assert record.open[0].cancel == sent(0, incarnation=None)
    record = record.with_operation(with_marks(record.open[0], ended_at=ago(11)))
    assert told(record.open[0], look(CopyState.CANCELED), record) == "Start old as rollback from file:/cp/chk-7"


def test_a_copy_that_was_broken_before_the_update_is_not_gone_back_to() -> None:
    """An UPDATE that had to cancel what restarted: the old release is no way out."""
    operation = with_marks(UPDATE, cancel=sent(100), ended_at=ago(90), start=sent(60))
    record = job(copy_of(NEW, flink_job_id=UPDATE.token("copy"), savepoint=CHECKPOINT.path), operation)
    failed = CopySeen(CopyState.FAILED, failure="bad")
    assert told(operation, look(failed), record.but(previous=copy_of(OLD))) == "FAILED StartFailed ended FAILED"


def test_the_end_of_a_copy_is_written_down_once() -> None:
    """From then on the caches' age counts."""
    record = job(RUNS, START)
    step = next_step(START, record, look(CopyState.FAILED), LIMITS)
    once = progress.noted(record, START.id, step, ago(5))  # type: ignore[arg-type]
    assert once.open[0].ended_at == ago(5)
    assert progress.noted(once, START.id, step, NOW).open[0].ended_at == ago(5)  # type: ignore[arg-type]
