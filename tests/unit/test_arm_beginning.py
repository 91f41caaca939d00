"""Every row of the table that says whether an action may be sent through the ARM job API."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flinkfuncs.core import progress
from flinkfuncs.core.actions import Action
from flinkfuncs.core.arm.row import Row, digests
from flinkfuncs.core.arm.table import next_step
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Operation, Outcome
from flinkfuncs.core.plans import Ground, plan_id
from flinkfuncs.core.releases import Release, SpecPatch
from flinkfuncs.core.steps import End, Keep, PlaceJar, Step, Submit, Wait
from flinkfuncs.core.windows import DailyWindow

from .arm_samples import NEW, NOW, OLD, marker, operation, record, release, row, seen

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


def test_a_touched_blob_of_another_release_than_the_wanted_one_sends_nothing() -> None:
    """Promise: it is no way back; the same bytes are placed and sent where somebody uploaded them on purpose."""
    upload = operation(Action.UPDATE, "upload", held=release("b"))
    touched = upload.model_copy(update={"repeats": "an earlier one"})
    for stands in (RUNNING, STOPPED, FAILED):
        known = record(upload, wanted=release("a"), placed="a" * 64)
        assert begun(upload, stands, known=known) == PlaceJar(release("b"))
        end = ended(begun(touched, stands, known=record(touched, wanted=release("a"), placed="a" * 64)))
        assert (end.outcome, end.code) == (Outcome.SUPERSEDED, "HandledBefore")


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
    for fine in (RUNNING, STOPPED, row("STOP", "FAILED", "STOP-FAILED")):
        assert ended(begun(upload, fine, known=known)).outcome is Outcome.SUCCEEDED
    for dead in (FAILED, row("NEW", "FAILED", "JOB_LAUNCH_FAILED")):
        assert isinstance(begun(upload, dead, known=known), Submit)


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
        assert isinstance(next_step(subject, record(subject), seen(STOPPED), NEW), Keep | Submit)


@pytest.mark.parametrize(
    "spec",
    [
        {"allow_non_restored_state": True},
        {"savepoint_format": "NATIVE"},
        {"on_failure": "stop"},
        {"require_slots": True},
    ],
)
def test_what_the_api_cannot_say_is_refused_not_left_out(spec: dict[str, object]) -> None:
    """Promise: an option never vanishes silently."""
    subject = operation(Action.UPDATE, held=release(spec=spec))
    assert ended(begun(subject, RUNNING)).code == "UnsupportedOption"


def naming(action: Action = Action.UPDATE, kind: str = "upload", *, job_json: str | None = "a") -> Operation:
    """An operation that names a savepoint; an upload does so by its job.json."""
    subject = operation(action, kind, held=release())
    sha256 = job_json * 64 if job_json and kind == "upload" else None
    named = subject.request.model_copy(update={"save_point_name": "savepoint-1", "job_json_sha256": sha256})
    return subject.model_copy(update={"request": named})


@pytest.mark.parametrize(
    ("subject", "rows", "sent"),
    [
        (naming(), [], "savepoint-1"),
        (naming(), [FAILED], "savepoint-1"),
        (naming(), [RUNNING], None),
        (naming(), [row("NEW", "SUCCESS")], None),
        (naming(kind="http"), [RUNNING], "savepoint-1"),
        (naming(Action.START, "http"), [STOPPED], "savepoint-1"),
        (naming(Action.STATELESS_UPDATE), [RUNNING], None),
        (naming(Action.STATELESS_UPDATE), [FAILED], None),
    ],
)
def test_a_savepoint_of_a_job_json_is_sent_once_and_only_where_nothing_runs(
    subject: Operation, rows: list[Row], sent: str | None
) -> None:
    """Promise: a running job is never taken back by a file that lies beside its jar; a caller may take it back."""
    fields = {"placed": release().sha256}
    step = begun(subject, *rows, known=record(subject, **fields))
    assert isinstance(step, Submit)
    assert step.save_point_name == sent
    written = progress.begun(record(subject, **fields), subject.id, step, NOW)
    if subject.cause.kind == "http":
        assert written.job_jsons == ()
        return
    assert [(taken.operation, taken.counted) for taken in written.job_jsons] == [(subject.id, sent is not None)]
    later = subject.model_copy(update={"id": "20261121T020001Z-orders-3f2a9c1b7d4f"})
    again = begun(later, *rows, known=written.but(open=(later,)))
    assert isinstance(again, Submit)
    assert again.save_point_name is None


def test_a_result_says_which_savepoint_was_sent_or_why_none_was() -> None:
    """Promise: nobody believes a job went back that did not, and the other way round."""
    for rows, restored, words in (([], "savepoint-1", ""), ([RUNNING], None, "savePointName was not used")):
        subject = naming()
        fields = {"placed": release().sha256}
        step = begun(subject, *rows, known=record(subject, **fields))
        written = progress.begun(record(subject, **fields), subject.id, step, NOW)
        after = row(str(getattr(step, "action", "")), "SUCCESS", "RUNNING", flink_configuration=marker(subject))
        end = ended(next_step(written.open[0], written, seen(after), OLD))
        assert (end.outcome, end.restored_from) == (Outcome.SUCCEEDED, restored)
        assert words in end.message


@pytest.mark.parametrize("wanted", [None, release()])
def test_an_upload_that_starts_nothing_takes_its_job_json_and_says_so(wanted: Release | None) -> None:
    """Promise: what it names is not used months later."""
    subject = naming()
    known = record(subject, placed=release().sha256, wanted=wanted)
    end = ended(begun(subject, STOPPED, known=known))
    assert "savePointName was not used: nothing is started" in end.message
    after = progress.concluded(known, subject, end, NOW)
    assert [(taken.operation, taken.counted) for taken in after.job_jsons] == [(subject.id, False)]


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


def test_an_upload_that_was_planned_is_refused_once_its_row_or_its_release_is_another() -> None:
    """Nothing is sent; a call was held against the row before it was recorded."""
    upload, call = (operation(Action.UPDATE, kind, held=release("b")) for kind in ("upload", "http"))
    known = record(wanted=release("a"))
    plan = plan_id(known, upload, Ground("RUNNING"), release("b"))
    planned = upload.model_copy(update={"request": upload.request.model_copy(update={"plan": plan})})
    assert isinstance(begun(planned, RUNNING, known=known.but(open=(planned,))), PlaceJar)
    assert ended(begun(planned, FAILED, known=known.but(open=(planned,)))).code == "PlanChanged"
    other = planned.model_copy(update={"release": release("c")})
    assert ended(begun(other, RUNNING, known=known.but(open=(other,)))).code == "PlanChanged"
    asked = call.model_copy(update={"request": call.request.model_copy(update={"plan": plan})})
    assert isinstance(begun(asked, FAILED, known=known.but(open=(asked,))), PlaceJar)


def test_a_call_that_says_a_window_and_nothing_else_sends_nothing() -> None:
    """It is recorded, also while another action is under way; what says more is sent."""
    window = DailyWindow(opens="02:00", until="05:00")
    asked = operation(Action.UPDATE)
    only = asked.model_copy(
        update={"request": asked.request.model_copy(update={"spec": SpecPatch(update_window=window)})}
    )
    for rows in (RUNNING, row("UPDATE", "IN_PROGRESS", "RUNNING", job_id="1")):
        end = ended(begun(only, rows, known=record(only, wanted=release())))
        assert (end.outcome, end.wanted) == (Outcome.SUCCEEDED, release(spec={"update_window": window}))
    assert begun(asked, RUNNING, known=record(asked, wanted=release())) == Keep()
