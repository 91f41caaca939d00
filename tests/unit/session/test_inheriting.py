"""What follows a stop whose operation was given up, and what abandoning one leaves."""

from __future__ import annotations

import pytest

from flinkfuncs.core import progress
from flinkfuncs.core.abandoning import abandoned
from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import Copy, JobRecord, Lease, StopBegun
from flinkfuncs.core.operations import Operation, Outcome
from flinkfuncs.core.session.facts import (
    CopySeen,
    CopyState,
    Left,
    Seen,
    TriggerDone,
    TriggerFailed,
    TriggerRunning,
    TriggerUnknown,
)
from flinkfuncs.core.session.table import next_step
from flinkfuncs.core.steps import Cancel, Start, Step, Stop, Submit, Trigger, Wait
from tests.unit.builders import (
    LIMITS,
    NEW,
    NOW,
    OLD,
    OLD_ID,
    ago,
    asked,
    copy_of,
    job,
    look,
    said,
    savepoint,
    with_marks,
)

DONE, IN_WORK, FAILED, UNKNOWN = TriggerDone("file:/sp/1"), TriggerRunning(), TriggerFailed("full"), TriggerUnknown()
DIRECTORY = "file:///sp/orders/earlier"
ENDED_LATE = CopySeen(CopyState.FINISHED, last_savepoint="file:/sp/orders/earlier/savepoint-1")
ENDED_ELSEWHERE = CopySeen(CopyState.FINISHED, last_savepoint="file:/sp/orders/another/savepoint-1")


def stopping(action: Action = Action.UPDATE) -> Copy:
    """A copy that an operation began to stop before it was given up."""
    stop = StopBegun(trigger_id="e" * 32, directory=DIRECTORY, operation="earlier", action=action, cause="http")
    return copy_of().model_copy(update={"stop": stop})


def told(operation: Operation, seen: Seen, record: JobRecord | None = None) -> str:
    record = record or job(stopping(), operation)
    return said(next_step(operation, record, seen, LIMITS), operation, record)


UPDATE = asked(Action.UPDATE, brings=NEW)
LONG = {"driven_at": ago(4000)}


@pytest.mark.parametrize(
    ("seen", "operation", "step"),
    [
        (look(CopyState.FINISHED, trigger=DONE), UPDATE, "Wait here stopped file:/sp/1"),
        (look(CopyState.FINISHED, trigger=IN_WORK), UPDATE, "Wait here"),
        (look(ENDED_LATE), UPDATE, "Wait here stopped file:/sp/orders/earlier/savepoint-1"),
        (look(CopyState.FINISHED), asked(Action.START), "Wait here"),
        (look(CopyState.FINISHED, trigger=FAILED), with_marks(asked(Action.START), driven_at=ago(11), ended_at=ago(11)), "REFUSED NoValidState"),
        (look(ENDED_ELSEWHERE), with_marks(asked(Action.START), driven_at=ago(11), ended_at=ago(11)), "REFUSED NoValidState"),
        (look(CopyState.CANCELED, trigger=DONE), asked(Action.STOP), "REFUSED JobNotRunning"),
        (look(CopyState.ABSENT), UPDATE, "Wait vanished"),
        (look(CopyState.ABSENT, left=Left("file:/cp/chk-7")), with_marks(UPDATE, vanished_at=ago(81)), "Start new as own from file:/cp/chk-7"),
        (look(CopyState.ABSENT), with_marks(UPDATE, vanished_at=ago(80)), "REFUSED StopInFlight"),
        (look(CopyState.ABSENT), with_marks(asked(Action.UPDATE, brings=NEW, named="file:/sp/1"), vanished_at=ago(80)),
         "Start new as own from file:///sp/1"),
        (look(CopyState.ABSENT), with_marks(asked(Action.DELETE), vanished_at=ago(80)), "SUCCEEDED forgets"),
        (look(CopyState.RUNNING, trigger=FAILED), UPDATE, "Wait unstopped"),
        *[(look(CopyState.RUNNING, trigger=trigger), asked(action), "Wait") for trigger in (DONE, IN_WORK)
          for action in (Action.UPDATE, Action.STOP, Action.SAVEPOINT, Action.START)],
        (look(CopyState.RUNNING, trigger=IN_WORK), with_marks(UPDATE, **LONG), "REFUSED StopInFlight"),
        (look(CopyState.RUNNING, trigger=IN_WORK), asked(Action.CANCEL), "Cancel old"),
        (look(CopyState.RUNNING, trigger=IN_WORK), asked(Action.LIST_SAVEPOINT), "SUCCEEDED"),
        (look(CopyState.RUNNING, trigger=UNKNOWN), UPDATE, "Stop old as before"),
        (look(CopyState.RUNNING, trigger=UNKNOWN), asked(Action.STOP), "Stop old as before"),
        (look(CopyState.RUNNING, trigger=UNKNOWN), asked(Action.SAVEPOINT), "Trigger old"),
    ],
)  # fmt: skip
def test_an_operation_finds_the_stop_that_an_earlier_one_began(seen: Seen, operation: Operation, step: str) -> None:
    """It is waited for, taken as it ended, or sent again under its own trigger id; never is there a second one."""
    assert told(operation, seen).replace("here unstopped", "unstopped") == step


def test_what_an_abandoned_stop_left_is_what_the_next_start_goes_on_from() -> None:
    """Noted once: the copy is STOPPED, its savepoint is the newest, and the ordinary table goes on."""
    operation = asked(Action.START)
    noted = progress.noted(job(stopping(), operation), operation.id, Wait(0, "", stopped="file:/sp/1"), NOW)
    assert noted.current
    assert noted.current.ended == "STOPPED"
    assert [(s.path, s.operation, s.origin) for s in noted.savepoints] == [("file:/sp/1", "earlier", Action.UPDATE)]
    assert told(operation, look(), noted) == "Start old as own from file:/sp/1"
    assert progress.noted(noted, operation.id, Wait(0, "", stopped="file:/sp/1"), NOW) == noted.but()


@pytest.mark.parametrize(
    ("origin", "step"), [(Action.STOP, "SUCCEEDED wants new"), (Action.UPDATE, "Start new as own from file:/sp/1")]
)
def test_an_upload_starts_a_job_that_only_an_unfinished_update_has_stopped(origin: Action, step: str) -> None:
    """One that was stopped on purpose stays stopped."""
    operation = asked(Action.UPDATE, by="upload", brings=NEW)
    record = job(stopping(origin), operation)
    record = progress.noted(record, operation.id, Wait(0, "", stopped="file:/sp/1"), NOW)
    assert told(operation, look(), record) == step


@pytest.mark.parametrize("ended", ["STOPPED", "FINISHED", "CANCELED", "FAILED", "NEVER_STARTED"])
@pytest.mark.parametrize("action", [Action.UPDATE, Action.STATELESS_UPDATE])
@pytest.mark.parametrize("by", ["upload", "http", "arm"])
def test_an_update_that_a_stop_overtook_starts_nothing_where_nothing_runs(ended: str, action: Action, by: str) -> None:
    """The stop was asked for later: the release is what the next START runs."""
    copy = copy_of().model_copy(update={"ended": ended})
    operation = with_marks(asked(action, by="http" if by == "http" else "upload", brings=NEW), overtaken_by="the stop")
    record = job(copy, operation, savepoints=(savepoint("file:/sp/1"),))
    assert told(operation, look(), record) == "SUCCEEDED wants new"
    unkept = with_marks(operation, release=None)
    assert told(unkept, look(), record) == "Keep"


def test_an_update_that_a_stop_overtook_goes_on_where_the_stop_was_refused() -> None:
    """The job runs: it is an update like any other."""
    operation = with_marks(asked(Action.UPDATE, brings=NEW), overtaken_by="the stop")
    assert told(operation, look(CopyState.RUNNING), job(copy_of(), operation)) == "Stop old"


# --------------------------------------------------------------------------------------------------------- abandoning

STOP = Stop(OLD_ID, "e" * 32, DIRECTORY, "CANONICAL")
START = Start("f" * 32, NEW, "file:/sp/1")


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (STOP, f"a stop of {OLD_ID} trigger {'e' * 32} into {DIRECTORY}"),
        (
            Trigger(OLD_ID, "e" * 32, DIRECTORY, "CANONICAL"),
            f"a savepoint of {OLD_ID} trigger {'e' * 32} into {DIRECTORY}",
        ),
        (Cancel(OLD_ID), f"a cancel of {OLD_ID}"),
        (START, f"a start of {'f' * 32} release {NEW.id[:12]} from file:/sp/1"),
        (Submit(Action.UPDATE, NEW, None, None, None), "a runJob UPDATE"),
    ],
)
def test_abandoning_names_what_may_still_take_effect(step: Step, words: str) -> None:
    """From the marks of what left us, and the operation's own log."""
    operation = with_marks(asked(Action.UPDATE, brings=NEW), driven_at=NOW)
    record = progress.begun(job(copy_of(), operation).but(lease=Lease(owner="x", until=NOW)), operation.id, step, NOW)
    after, closed = abandoned(record, record.open[0], "a person", NOW)
    assert closed.result
    assert (closed.result.outcome, closed.result.code) == (Outcome.ABANDONED, "Abandoned")
    unseen = " is not known: the next operation looks at it" if isinstance(step, Start) else ""
    assert closed.result.message.startswith(f"abandoned by a person; what may still take effect: {words}")
    assert closed.result.message.endswith(unseen or words)
    assert (after.open, after.lease) == ((), None)
    assert after.last
    assert after.last.outcome is Outcome.ABANDONED
    assert after.current == record.current  # whatever was begun on it, or as it, stays written down
    unsent = progress.unsent(record, operation.id, step)
    assert "it had begun nothing" in abandoned(unsent, unsent.open[0], "a person", NOW)[1].to_json()


def test_a_stop_that_surely_did_not_leave_is_forgotten() -> None:
    """The next operation may use a trigger id of its own; but what an earlier operation sent stays."""
    operation = with_marks(asked(Action.STOP), driven_at=NOW)
    begun = progress.begun(job(copy_of(), operation), operation.id, STOP, NOW)
    assert begun.current
    assert begun.current.stop
    unsent = progress.unsent(begun, operation.id, STOP).current
    assert unsent
    assert unsent.stop is None
    again = progress.begun(job(stopping(), operation), operation.id, STOP, NOW)
    assert progress.unsent(again, operation.id, STOP).current == stopping()


def test_abandoning_what_waits_leaves_the_driver_of_another_operation_alone() -> None:
    """Only the driver of the abandoned operation loses its lease."""
    begun, waiting = (
        with_marks(asked(Action.STOP), driven_at=NOW),
        with_marks(asked(Action.UPDATE, identity="2"), driven_at=None),
    )
    record = job(copy_of(OLD), begun, waiting).but(lease=Lease(owner="x", until=NOW))
    after, closed = abandoned(record, waiting, "a person", NOW)
    assert (after.open, after.lease) == ((begun,), record.lease)
    assert "it had begun nothing" in closed.to_json()
    held = job(copy_of(OLD)).but(held=(waiting,), uploads_paused=True)
    assert abandoned(held, waiting, "a person", NOW)[0] == held.but(held=())
