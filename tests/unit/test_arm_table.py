"""Every row of the table of a cluster behind the ARM job API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flinkfuncs.core.actions import Action
from flinkfuncs.core.arm.row import Row, digests
from flinkfuncs.core.arm.seen import OperationState
from flinkfuncs.core.arm.table import next_step
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Operation, Outcome
from flinkfuncs.core.releases import Release
from flinkfuncs.core.steps import End, Keep, PlaceJar, Step, Submit, Wait

from .arm_samples import NEW, NOW, OLD, SAVEPOINT, marker, operation, record, release, row, seen, sent

RUNNING = row("NEW", "SUCCESS", "RUNNING", job_id="1")
STOPPED = row("STOP", "SUCCESS", "STOPPED", job_id="1")
FAILED = row("UPDATE", "SUCCESS", "FAILED", job_id="1")
LATE = 1801.0


def begun(subject: Operation, *rows: Row, known: JobRecord | None = None) -> Step:
    """The first step of an operation."""
    return next_step(subject, known or record(subject), seen(*rows), OLD)


def ended(step: Step) -> End:
    """The step, which is the end."""
    assert isinstance(step, End)
    return step


# ---------------------------------------------------------------------------------------------------------- beginning


@pytest.mark.parametrize(
    ("action", "kind", "rows", "code"),
    [
        (Action.NEW, "http", [RUNNING], "JobExists"),
        (Action.UPDATE, "http", [], "JobNotFound"),
        (Action.STATELESS_UPDATE, "arm", [], "JobNotFound"),
        (Action.START, "http", [], "JobNotFound"),
        (Action.STOP, "http", [], "JobNotFound"),
        (Action.SAVEPOINT, "timer", [], "JobNotFound"),
        (Action.LIST_SAVEPOINT, "http", [], "JobNotFound"),
        (Action.CANCEL, "http", [], "JobNotFound"),
        (Action.START, "http", [RUNNING], "JobRuns"),
        (Action.STOP, "http", [STOPPED], "JobNotRunning"),
        (Action.SAVEPOINT, "http", [STOPPED], "JobNotRunning"),
        (Action.CANCEL, "http", [STOPPED], "JobNotRunning"),
        (Action.DELETE, "http", [RUNNING], "JobRuns"),
    ],
)
def test_an_action_that_makes_no_sense_now_is_refused(action: Action, kind: str, rows: list[Row], code: str) -> None:
    """Promise: each gets its own clear error, and nothing is sent."""
    end = ended(begun(operation(action, kind), *rows))
    assert (end.outcome, end.code) == (Outcome.REFUSED, code)


@pytest.mark.parametrize(
    ("action", "rows"),
    [
        (Action.STOP, [RUNNING]),
        (Action.SAVEPOINT, [RUNNING]),
        (Action.CANCEL, [RUNNING]),
        (Action.LIST_SAVEPOINT, [STOPPED]),
        (Action.DELETE, [STOPPED]),
        (Action.START, [STOPPED]),
    ],
)
def test_a_bare_action_is_submitted_with_how_the_rows_stand(action: Action, rows: list[Row]) -> None:
    """Promise: nothing but the action is said, and the digest of that moment goes with it."""
    step = begun(operation(action), *rows)
    assert step == Submit(action, None, None, None, digests(rows))


@pytest.mark.parametrize(
    ("action", "rows"), [(Action.NEW, []), (Action.UPDATE, [RUNNING]), (Action.STATELESS_UPDATE, [STOPPED])]
)
def test_a_release_is_kept_then_placed_then_submitted(action: Action, rows: list[Row]) -> None:
    """Promise: the bytes lie at the job's place before the service is told to read them."""
    held = release()
    assert begun(operation(action), *rows) == Keep()
    kept = operation(action, held=held)
    assert begun(kept, *rows) == PlaceJar(held)
    placed = record(kept, placed=held.sha256)
    assert begun(kept, *rows, known=placed) == Submit(action, held, None, None, digests(rows))


def test_an_upload_of_a_job_without_a_row_is_submitted_as_new() -> None:
    """Promise: the first upload starts the job."""
    held = release()
    upload = operation(Action.UPDATE, "upload", held=held)
    assert begun(upload, known=record(upload, placed=held.sha256)) == Submit(Action.NEW, held, None, None, "")


def test_an_upload_where_releases_lie_but_no_record_is_refused() -> None:
    """Promise: a job that ran before is not started without its state by accident."""
    upload = operation(Action.UPDATE, "upload")
    assert ended(begun(upload, known=record(upload, unknown_past=True))).code == "UnknownPast"


def test_an_upload_for_a_stopped_job_is_what_its_next_start_runs() -> None:
    """Promise: the jar is placed, the release recorded, and nothing is sent."""
    held = release()
    upload = operation(Action.UPDATE, "upload", held=held)
    assert begun(upload, STOPPED) == PlaceJar(held)
    end = ended(begun(upload, STOPPED, known=record(upload, placed=held.sha256)))
    assert (end.outcome, end.wanted, end.launched) == (Outcome.SUCCEEDED, held, None)


def test_an_upload_of_the_wanted_release_is_a_no_op_unless_the_job_failed() -> None:
    """Promise: the same jar twice does nothing; for a job that failed it is a request to run it."""
    upload = operation(Action.UPDATE, "upload", held=release())
    known = record(upload, wanted=release(), placed=release().sha256)
    assert ended(begun(upload, RUNNING, known=known)).outcome is Outcome.SUCCEEDED
    assert isinstance(begun(upload, FAILED, known=known), Submit)


def test_an_older_upload_is_superseded_by_what_is_wanted_or_waiting() -> None:
    """Promise: order is the blob's Last-Modified, however late its event comes."""
    upload = operation(Action.UPDATE, "upload")
    newer = operation(Action.UPDATE, "upload", at=NOW + timedelta(seconds=1)).model_copy(update={"id": "other"})
    wanted = record(upload, wanted=release("b"), wanted_at=NOW + timedelta(seconds=1))
    assert ended(begun(upload, RUNNING, known=wanted)).outcome is Outcome.SUPERSEDED
    assert ended(begun(upload, RUNNING, known=record(upload, newer))).outcome is Outcome.SUPERSEDED


def test_an_upload_in_the_other_folder_refuses_unless_it_says_so() -> None:
    """Promise: a stateful job does not lose its state because a jar was put in the wrong folder."""
    upload = operation(Action.STATELESS_UPDATE, "upload", folder="stateless")
    known = record(upload, folder="stateful")
    assert ended(begun(upload, RUNNING, known=known)).code == "OtherFolder"
    switching = upload.model_copy(update={"request": upload.request.model_copy(update={"switch_mode": True})})
    assert begun(switching, RUNNING, known=known) == Keep()


def test_an_action_that_the_api_version_lacks_is_refused_by_name() -> None:
    """Promise: LAST_STATE_UPDATE and RE_LAUNCH need 2023-11-01-preview."""
    for action in (Action.LAST_STATE_UPDATE, Action.RE_LAUNCH):
        subject = operation(action)
        end = ended(next_step(subject, record(subject), seen(STOPPED), OLD))
        assert (end.code, str(action) in end.message) == ("UnsupportedAction", True)
        assert isinstance(next_step(subject, record(subject), seen(STOPPED), NEW), Submit)


@pytest.mark.parametrize(
    "spec", [{"allow_non_restored_state": True}, {"savepoint_format": "NATIVE"}, {"on_failure": "stop"}]
)
def test_what_the_api_cannot_say_is_refused_not_left_out(spec: dict[str, object]) -> None:
    """Promise: an option never vanishes silently."""
    subject = operation(Action.UPDATE, held=release(spec=spec))
    assert ended(begun(subject, RUNNING)).code == "UnsupportedOption"


def test_an_action_waits_for_another_one_under_way_but_not_for_ever() -> None:
    """Promise: nothing is sent into somebody else's action."""
    subject, busy = operation(Action.SAVEPOINT), row("UPDATE", "IN_PROGRESS", "RUNNING")
    assert isinstance(begun(subject, busy), Wait)
    late = next_step(subject, record(subject), seen(busy, seconds=LATE), OLD)
    assert (ended(late).outcome, ended(late).code) == (Outcome.REFUSED, "JobBusy")


def test_a_start_names_the_wanted_release_where_another_one_may_have_run_last() -> None:
    """Promise: after an upload for a stopped job, or a failed launch, START runs what is wanted; else it is bare."""
    subject, wanted = operation(Action.START), release("b")
    fields = {"wanted": wanted, "placed": wanted.sha256}
    assert begun(subject, STOPPED, known=record(subject, wanted=wanted)) == PlaceJar(wanted)
    named = begun(subject, STOPPED, known=record(subject, **fields))
    bare = begun(subject, STOPPED, known=record(subject, **fields, launched=wanted.id))
    assert isinstance(named, Submit)
    assert isinstance(bare, Submit)
    assert (named.release, bare.release) == (wanted, None)


def test_a_delete_of_a_job_that_the_service_does_not_have_is_done() -> None:
    """Promise: the name is free."""
    end = ended(begun(operation(Action.DELETE)))
    assert (end.outcome, end.forget) == (Outcome.SUCCEEDED, True)


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
