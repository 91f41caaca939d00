"""Every row of the table that says what came of an action that was sent, and that nothing is sent twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flinkfuncs.core.actions import Action
from flinkfuncs.core.arm.row import Row
from flinkfuncs.core.arm.seen import OperationState
from flinkfuncs.core.arm.table import next_step
from flinkfuncs.core.operations import Operation, Outcome
from flinkfuncs.core.releases import Release
from flinkfuncs.core.steps import End, Step, Submit, Wait

from .arm_samples import NEW, OLD, SAVEPOINT, marker, operation, record, release, row, seen, sent

RUNNING = row("NEW", "SUCCESS", "RUNNING", job_id="1")
STOPPED = row("STOP", "SUCCESS", "STOPPED", job_id="1")
FAILED = row("UPDATE", "SUCCESS", "FAILED", job_id="1")
LATE = 1801.0


def ended(step: Step) -> End:
    """The step, which is the end."""
    assert isinstance(step, End)
    return step


# ------------------------------------------------------------------------------------------------------------- result


def after(
    subject: Operation, *rows: Row, polled: OperationState = OperationState.SUCCEEDED, seconds: float = 1
) -> Step:
    """The step after a call of the operation."""
    return next_step(subject, record(subject), seen(*rows, polled=polled, error="Boom", seconds=seconds), OLD)


def test_a_failed_long_running_operation_is_a_failure_with_its_error() -> None:
    """Promise: the service's own words are told."""
    subject = sent(operation(Action.STOP), RUNNING)
    end = ended(after(subject, RUNNING, polled=OperationState.FAILED))
    assert (end.outcome, end.message) == (Outcome.FAILED, "STOP failed: Boom")


def test_a_result_is_not_taken_while_the_long_running_operation_runs() -> None:
    """Promise: what the row says meanwhile may be half the story."""
    subject = sent(operation(Action.STOP), RUNNING)
    assert isinstance(after(subject, STOPPED, polled=OperationState.RUNNING), Wait)


def test_a_launch_that_failed_after_it_was_submitted_is_a_failure_with_its_output() -> None:
    """Promise: Succeeded means submitted; the row tells."""
    subject = sent(operation(Action.NEW, held=release()))
    words = "Job execution failed. \nFailed to download jar"
    for result in ("FAILED", "SUCCESS", None):
        launched = row("NEW", result, "JOB_LAUNCH_FAILED", job_output=words)
        end = ended(after(subject, launched))
        assert end.outcome is Outcome.FAILED
        assert "Failed to download jar" in end.message


def test_a_changed_row_of_our_action_is_the_result() -> None:
    """Promise: a STOP ends with its savepoint, the service's word, and the copy's id."""
    done = row("STOP", "SUCCESS", "STOPPED", job_id="1", job_output=f"Savepoint completed. Path: {SAVEPOINT}")
    end = ended(after(sent(operation(Action.STOP), RUNNING), done))
    assert (end.outcome, end.savepoint) == (Outcome.SUCCEEDED, SAVEPOINT)
    assert end.row is not None
    assert end.row.job_id == "1"


def test_a_last_savepoint_serves_where_the_output_names_none() -> None:
    """Promise: UPDATE and SAVEPOINT tell what they took."""
    for action in (Action.SAVEPOINT, Action.UPDATE):
        done = row(action, "SUCCESS", "RUNNING", last_save_point=SAVEPOINT)
        assert ended(after(sent(operation(action), RUNNING), done)).savepoint == SAVEPOINT


def test_an_unchanged_row_is_no_result_and_unknown_at_the_deadline() -> None:
    """Promise: the STOP of last week does not answer the STOP of today."""
    subject = sent(operation(Action.STOP), STOPPED)
    assert isinstance(after(subject, STOPPED), Wait)
    assert ended(after(subject, STOPPED, seconds=LATE)).outcome is Outcome.UNKNOWN


def test_a_status_that_changed_by_itself_is_no_result() -> None:
    """Promise: a job that failed meanwhile does not make the savepoint of before ours."""
    before = row("SAVEPOINT", "SUCCESS", "RUNNING", last_save_point=SAVEPOINT)
    later = before.model_copy(update={"status": "RESTARTING", "job_output": "Flink internal job status : RESTARTING"})
    calm = before.model_copy(update={"job_output": "Flink internal job status : RUNNING"})
    assert isinstance(after(sent(operation(Action.SAVEPOINT), calm), later), Wait)


def test_an_unchanged_row_counts_once_it_was_seen_in_progress() -> None:
    """Promise: the same refusal twice is told twice."""
    failed = row("STOP", "FAILED", "RUNNING", job_output="no")
    subject = sent(operation(Action.STOP), failed, in_progress=True)
    assert ended(after(subject, failed)).outcome is Outcome.FAILED


def test_that_a_row_is_in_progress_is_written_down() -> None:
    """Promise: the Wait says so, and that the long-running operation is over."""
    subject = sent(operation(Action.STOP), RUNNING)
    step = after(subject, row("STOP", "IN_PROGRESS", "RUNNING"))
    assert isinstance(step, Wait)
    assert (step.in_progress, step.accepted) == (True, True)


def test_a_foreign_row_is_never_our_result() -> None:
    """Promise: another action, or another caller's marker, is waited out and then UNKNOWN."""
    subject = sent(operation(Action.UPDATE, held=release()), RUNNING)
    other_action = row("CANCEL", "SUCCESS", "CANCELED")
    other_marker = row("UPDATE", "SUCCESS", "RUNNING", job_id="9", flink_configuration={"flinkfuncs.operation": "x"})
    for foreign in (other_action, other_marker):
        assert isinstance(after(subject, foreign), Wait)
        assert ended(after(subject, foreign, seconds=LATE)).outcome is Outcome.UNKNOWN


def test_our_marker_makes_a_row_ours() -> None:
    """Promise: even one that looks as before, and of two rows of one name the marked one."""
    base = operation(Action.UPDATE, held=release())
    done = row("UPDATE", "SUCCESS", "RUNNING", flink_configuration=marker(base))
    dead = row("UPDATE", "FAILED", "FAILED", run_id="other", job_output="dead")
    subject = sent(base, done)
    end = ended(after(subject, dead, done))
    assert (end.outcome, end.wanted, end.launched) == (Outcome.SUCCEEDED, base.release, base.release)


@pytest.mark.parametrize("result", [None, "IN_PROGRESS", "QUEUED"])
def test_a_row_without_a_final_result_is_waited_for(result: str | None) -> None:
    """Promise: absent, IN_PROGRESS and unknown words are no result; at the deadline they are UNKNOWN."""
    subject = sent(operation(Action.STOP), RUNNING)
    assert isinstance(after(subject, row("STOP", result, "RUNNING")), Wait)
    assert ended(after(subject, row("STOP", result, "RUNNING"), seconds=LATE)).outcome is Outcome.UNKNOWN


def test_a_delete_is_done_when_the_row_is_gone() -> None:
    """Promise: the record becomes a tombstone then, and not before."""
    subject = sent(operation(Action.DELETE), STOPPED)
    end = ended(after(subject))
    assert (end.outcome, end.forget) == (Outcome.SUCCEEDED, True)
    assert isinstance(after(subject, STOPPED), Wait)
    assert isinstance(after(sent(operation(Action.STOP), RUNNING)), Wait)


def test_a_list_of_savepoints_is_read_from_the_output() -> None:
    """Promise: paths are found in whatever words stand around them."""
    other = SAVEPOINT.replace("20e9e9", "25e318")
    done = row("LIST_SAVEPOINT", "SUCCESS", "RUNNING", job_output=f"2 savepoints:\nx {SAVEPOINT}\ny {other} z")
    end = ended(after(sent(operation(Action.LIST_SAVEPOINT), RUNNING), done))
    assert [listed.path for listed in end.savepoints or ()] == [SAVEPOINT, other]


def test_a_list_that_stays_the_same_is_not_waited_for_long() -> None:
    """Promise: it touches nothing, so it does not hold up the job for half an hour; but it is no SUCCESS."""
    same = row("LIST_SAVEPOINT", "SUCCESS", "RUNNING", job_output="none")
    subject = sent(operation(Action.LIST_SAVEPOINT), same)
    assert isinstance(after(subject, same), Wait)
    assert ended(after(subject, same, seconds=61)).outcome is Outcome.UNKNOWN


# ------------------------------------------------------------------------------------------------------------ sending


def test_a_call_that_was_refused_ends_with_the_refusal() -> None:
    """Promise: the service's words are told, nothing was touched."""
    subject = sent(operation(Action.STOP), RUNNING, unanswered=0, refused="POST … answered 409: busy")
    end = ended(after(subject, RUNNING))
    assert (end.outcome, end.message) == (Outcome.REFUSED, "POST … answered 409: busy")


def test_a_call_that_surely_did_not_leave_may_be_sent_again() -> None:
    """Promise: 429, 503 and a refused connection are no end."""
    subject = sent(operation(Action.STOP), RUNNING, unanswered=0)
    assert isinstance(after(subject, RUNNING), Submit)


ROWS = st.builds(
    row,
    action=st.sampled_from([None, *Action]),
    result=st.sampled_from([None, "IN_PROGRESS", "SUCCESS", "FAILED", "?"]),
    status=st.sampled_from([None, "RUNNING", "STOPPED", "JOB_LAUNCH_FAILED", "STOP-FAILED", "DELETED"]),
    job_id=st.sampled_from([None, "1"]),
    flink_configuration=st.sampled_from([None, {}, {"flinkfuncs.operation": "x"}, marker(operation(Action.NEW))]),
)


@given(
    action=st.sampled_from(list(Action)),
    kind=st.sampled_from(["upload", "http", "arm", "timer"]),
    before=st.lists(ROWS, max_size=2),
    now=st.lists(ROWS, max_size=3),
    polled=st.sampled_from(list(OperationState)),
    seconds=st.integers(0, 4000),
    held=st.sampled_from([None, release()]),
    refused=st.sampled_from([None, "no"]),
    in_progress=st.booleans(),
)
def test_what_may_have_left_us_is_never_sent_again(
    *,
    action: Action,
    kind: str,
    before: list[Row],
    now: list[Row],
    polled: OperationState,
    seconds: int,
    held: Release | None,
    refused: str | None,
    in_progress: bool,
) -> None:
    """Promise: whatever is seen, a call that may have taken effect is followed by waiting or by the end, in time."""
    subject = sent(operation(action, kind, held=held), *before, refused=refused, in_progress=in_progress)
    step = next_step(subject, record(subject), seen(*now, polled=polled, seconds=seconds), NEW)
    assert isinstance(step, Wait | End)
    assert isinstance(step, End) or seconds <= NEW.deadline_seconds
