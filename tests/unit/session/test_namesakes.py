"""No start beside a Flink job of the same name that is not ours: every row of `core/session/namesakes.py`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flinkfuncs.core import progress
from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Operation, Outcome, Undo
from flinkfuncs.core.session.facts import (
    CopySeen,
    CopyState,
    Left,
    Seen,
    TriggerDone,
    TriggerFailed,
    TriggerRunning,
)
from flinkfuncs.core.session.namesakes import matter
from flinkfuncs.core.session.table import next_step
from flinkfuncs.core.steps import End, Keep, Start, Step, UploadJar, Wait
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
    said,
    savepoint,
    sent,
    with_marks,
)

OTHER = "f" * 32
LAST = savepoint("file:///sp/last")
RUNS, STOPPED = copy_of(), copy_of(ended="STOPPED")
START, UPDATE = asked(Action.START), asked(Action.UPDATE, brings=NEW)
LAST_STATE = asked(Action.LAST_STATE_UPDATE, brings=NEW)
STATELESS = asked(Action.STATELESS_UPDATE, brings=NEW)
WITHOUT = asked(Action.STATELESS_UPDATE, brings=NEW, without_savepoint=True)
DONE, LEFT = TriggerDone("file:/sp/1"), Left("file:/cp/chk-7")
IN_FLIGHT = copy_of(seen=False, savepoint="file:///sp/last", operation="another")
OWN = copy_of(NEW, flink_job_id=UPDATE.token("copy"), savepoint="file:/sp/1", seen=False)
UNDO = Undo(reason="the new copy is bad", at=NOW, started_at=ago(60))


def long_ended(operation: Operation) -> Operation:
    return with_marks(operation, ended_at=ago(10), vanished_at=ago(81))


def told(operation: Operation, record: JobRecord, seen: Seen) -> str:
    return said(next_step(operation, record, seen, LIMITS), operation, record)


def beside(operation: Operation, record: JobRecord, seen: Seen) -> End:
    """How the operation ends while another job of its name runs."""
    step = next_step(operation, record, replace(seen, namesakes=(OTHER,)), LIMITS)
    assert isinstance(step, End), step
    assert OTHER in step.message
    return step


@pytest.mark.parametrize(
    ("operation", "record", "seen", "alone"),
    [
        # nothing runs: every action that starts something
        (START, job(STOPPED, savepoints=(LAST,)), look(), "Start old as own from file:///sp/last"),
        (asked(Action.START, named="last"), job(STOPPED, savepoints=(LAST,)), look(), "Start old as own from file:///sp/last"),
        (long_ended(asked(Action.RE_LAUNCH)), job(RUNS), look(CopyState.FAILED, left=LEFT), "Start old as own from file:/cp/chk-7"),
        (long_ended(START), job(RUNS), look(CopyState.ABSENT, left=LEFT), "Start old as own from file:/cp/chk-7"),
        (long_ended(START), job(IN_FLIGHT, savepoints=(LAST,)), look(CopyState.ABSENT), "Start old as old from file:///sp/last"),
        (UPDATE, job(STOPPED, savepoints=(LAST,)), look(), "Start new as own from file:///sp/last"),
        (long_ended(UPDATE), job(RUNS), look(CopyState.FAILED, left=LEFT), "Start new as own from file:/cp/chk-7"),
        (long_ended(LAST_STATE), job(RUNS), look(CopyState.FAILED, left=LEFT), "Start new as own from file:/cp/chk-7"),
        (STATELESS, job(STOPPED), look(), "Start new as own from nothing"),
        (asked(Action.NEW, brings=NEW), job(), look(), "Start new as own from nothing"),
        (asked(Action.UPDATE, by="upload", brings=NEW), job(), look(), "Start new as own from nothing"),
        # it runs: every update
        (UPDATE, job(RUNS), look(CopyState.RUNNING), "Stop old"),
        (with_marks(UPDATE, stop=sent(2, unanswered=0)), job(RUNS), look(CopyState.RUNNING), "Stop old"),
        (STATELESS, job(RUNS), look(CopyState.RUNNING), "Stop old"),
        (LAST_STATE, job(RUNS), look(CopyState.RUNNING, left=LEFT), "Cancel old"),
        (UPDATE, job(RUNS), look(CopyState.RESTARTING, left=LEFT), "Cancel old"),
        (WITHOUT, job(RUNS), look(CopyState.RESTARTING), "Cancel old"),
    ],
)  # fmt: skip
def test_nothing_is_touched_while_another_job_of_this_name_runs(
    operation: Operation, record: JobRecord, seen: Seen, alone: str
) -> None:
    """Whatever the action, and whoever started the other one; it says what to do about it."""
    assert told(operation, record, seen) == alone
    end = beside(operation, record, seen)
    assert said(end, operation, record) == "REFUSED JobRunsAlready"
    assert "adopt" in end.message


@pytest.mark.parametrize(
    ("operation", "record", "seen", "alone", "otherwise"),
    [
        # somebody starts one between our stop, or cancel, and our start
        (with_marks(UPDATE, stop=sent(2)), job(RUNS), look(CopyState.FINISHED, trigger=DONE),
         "Start new as own from file:/sp/1", "FAILED JobRunsAlready ended STOPPED with file:/sp/1"),
        (with_marks(STATELESS, stop=sent(2)), job(RUNS), look(CopyState.FINISHED, trigger=DONE),
         "Start new as own from nothing", "FAILED JobRunsAlready ended STOPPED with file:/sp/1"),
        (long_ended(with_marks(LAST_STATE, cancel=sent(20))), job(RUNS), look(CopyState.CANCELED, left=LEFT),
         "Start new as own from file:/cp/chk-7", "FAILED JobRunsAlready ended CANCELED"),
        (long_ended(with_marks(WITHOUT, cancel=sent(20))), job(RUNS), look(CopyState.FAILED),
         "Start new as own from nothing", "FAILED JobRunsAlready ended FAILED"),
        (long_ended(with_marks(LAST_STATE, cancel=sent(20))), job(RUNS), look(CopyState.ABSENT, left=LEFT),
         "Start new as own from file:/cp/chk-7", "FAILED JobRunsAlready"),
        # … before the same start is sent again
        (with_marks(UPDATE, stop=sent(60), start=sent(40), savepoint="file:/sp/1"), job(OWN), look(CopyState.ABSENT),
         "Start new as own from file:/sp/1", "FAILED JobRunsAlready with file:/sp/1"),
        (with_marks(UPDATE, stop=sent(60), start=sent(40, unanswered=0), savepoint="file:/sp/1"), job(OWN), look(CopyState.ABSENT),
         "Start new as own from file:/sp/1", "FAILED JobRunsAlready ended NEVER_STARTED with file:/sp/1"),
        (with_marks(UPDATE, start=sent(2, unanswered=0)), job(OWN), look(CopyState.ABSENT),
         "Start new as own from file:/sp/1", "REFUSED JobRunsAlready ended NEVER_STARTED"),
        # … before the old release is started again
        (long_ended(with_marks(UPDATE, stop=sent(60), start=sent(40), undo=UNDO, cancel=sent(2), savepoint="file:/sp/1")), job(OWN).but(previous=RUNS),
         look(CopyState.CANCELED), "Start old as rollback from file:/sp/1", "FAILED JobRunsAlready ended CANCELED with file:/sp/1"),
        (with_marks(UPDATE, stop=sent(60), start=sent(40, refused="no", unanswered=0), savepoint="file:/sp/1"), job(OWN).but(previous=RUNS),
         look(CopyState.ABSENT), "Start old as rollback from file:/sp/1", "FAILED JobRunsAlready ended NEVER_STARTED with file:/sp/1"),
        # … before what cannot be saved is cancelled instead
        (with_marks(UPDATE, stop=sent(2)), job(RUNS), look(CopyState.RESTARTING, trigger=TriggerFailed("full"), left=LEFT),
         "Cancel old", "FAILED JobRunsAlready"),
    ],
)  # fmt: skip
def test_what_was_begun_ends_without_a_start_beside_another_job(
    operation: Operation, record: JobRecord, seen: Seen, alone: str, otherwise: str
) -> None:
    """Nothing is lost: how the copy ended goes on record, with the savepoint that a START goes on from."""
    assert told(operation, record, seen) == alone
    end = beside(operation, record, seen)
    assert said(end, operation, record) == otherwise
    if end.savepoint:
        assert end.savepoint in end.message or operation.action is Action.STATELESS_UPDATE


@pytest.mark.parametrize(
    ("operation", "record", "seen", "step"),
    [
        (asked(Action.STOP), job(RUNS), look(CopyState.RUNNING), "Stop old"),
        (asked(Action.CANCEL), job(RUNS), look(CopyState.RUNNING), "Cancel old"),
        (asked(Action.SAVEPOINT), job(RUNS), look(CopyState.RUNNING), "Trigger old"),
        (with_marks(UPDATE, stop=sent(2)), job(RUNS), look(CopyState.RUNNING, trigger=TriggerRunning()), "Wait"),
        (with_marks(UPDATE, stop=sent(2)), job(RUNS), look(CopyState.RUNNING), "Stop old"),
        (with_marks(LAST_STATE, cancel=sent(31)), job(RUNS), look(CopyState.RUNNING, left=LEFT), "Cancel old"),
        (with_marks(UPDATE, stop=sent(60), start=sent(40), undo=UNDO, cancel=sent(40), savepoint="file:/sp/1"),
         job(OWN).but(previous=RUNS), look(CopyState.RUNNING), "Cancel other"),
    ],
)  # fmt: skip
def test_what_starts_nothing_is_carried_on(operation: Operation, record: JobRecord, seen: Seen, step: str) -> None:
    """A job can be stopped beside another one, and what was begun is followed to its end."""
    found = told(operation, record, replace(seen, namesakes=(OTHER,)))
    assert found == (step if step != "Cancel other" else "Cancel own")


def test_what_is_not_rolled_back_beside_another_job_says_what_was_committed() -> None:
    """Output of the copy that was undone comes again with whatever starts from the savepoint."""
    operation = with_marks(UPDATE, stop=sent(60), start=sent(40), undo=UNDO, cancel=sent(2), savepoint="file:/sp/1")
    seen = look(CopySeen(CopyState.CANCELED, completed=35))
    message = beside(long_ended(operation), job(OWN).but(previous=RUNS), seen).message
    assert f"{UNDO.reason}; the new copy completed 35 checkpoints: output since" in message
    assert "it was to be started from file:/sp/1" in message


def test_after_that_the_job_starts_from_where_it_was_stopped_once_the_other_is_gone() -> None:
    """The record names the savepoint of the stop as the newest state."""
    operation = with_marks(UPDATE, stop=sent(2))
    record = job(RUNS, operation)
    end = beside(operation, record, look(CopyState.FINISHED, trigger=DONE))
    record = progress.concluded(record, operation, end, NOW)
    assert told(START, record, look()) == "Start old as own from file:/sp/1"
    assert told(START, record, look(namesakes=(OTHER,))) == "REFUSED JobRunsAlready"


@pytest.mark.parametrize("operation", [UPDATE, with_marks(UPDATE, stop=sent(60), start=sent(40))])
@pytest.mark.parametrize("step", [Start("1" * 32, OLD, None), Start("2" * 32, OLD, "file:/sp/1", undo=UNDO)])
def test_others_are_looked_for_before_every_start(operation: Operation, step: Step) -> None:
    """The first one, the same again, and the way back."""
    assert matter(operation, step)


@pytest.mark.parametrize("step", [Keep(), UploadJar(NEW), Wait(1.0, "it runs"), End(Outcome.SUCCEEDED, "done")])
def test_nobody_is_looked_for_before_what_touches_nothing(step: Step) -> None:
    """A look costs a call."""
    assert not matter(UPDATE, step)
