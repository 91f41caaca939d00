"""Which Flink job may become a job's copy, and what follows: every row of `adopting`."""

from __future__ import annotations

import pytest

from flinkfuncs.core import progress
from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import Copy, JobRecord
from flinkfuncs.core.operations import Operation
from flinkfuncs.core.releases import Spec
from flinkfuncs.core.session.facts import Adoptable, CopyState, Seen
from flinkfuncs.core.session.table import next_step
from flinkfuncs.core.steps import End, Wait
from tests.unit.builders import LIMITS, NEW, NOW, OLD_ID, CauseKind, asked, copy_of, job, look, said


def adopting(action: Action = Action.NEW, by: CauseKind = "http") -> Operation:
    operation = asked(action, by=by, brings=None if action is Action.NEW else NEW)
    return operation.model_copy(update={"request": operation.request.model_copy(update={"adopt": OLD_ID})})


def found(state: CopyState = CopyState.RUNNING, owner: str | None = None) -> Adoptable:
    return Adoptable(state, "orders by hand", 3, owner)


def told(operation: Operation, record: JobRecord, seen: Seen) -> str:
    return said(next_step(operation, record, seen, LIMITS), operation, record)


@pytest.mark.parametrize("operation", [adopting(), adopting(Action.UPDATE, "upload"), adopting(Action.UPDATE, "arm")])
@pytest.mark.parametrize(
    ("seen", "step"),
    [
        (look(), "REFUSED NothingToAdopt"),
        *[(look(adoptable=found(state)), "REFUSED JobEnded") for state in
          (CopyState.FINISHED, CopyState.CANCELED, CopyState.FAILED, CopyState.CANCELLING)],
        (look(adoptable=found(owner="payments")), "REFUSED CopyOfAnotherJob"),
        (look(adoptable=found(), namesakes=(OLD_ID, "f" * 32)), "REFUSED JobRunsAlready"),
        *[(look(adoptable=found(state), namesakes=(OLD_ID,)), "Wait here adopted") for state in
          (CopyState.RUNNING, CopyState.STARTING, CopyState.RESTARTING)],
    ],
)  # fmt: skip
@pytest.mark.parametrize("unknown_past", [False, True])
def test_only_a_job_that_runs_and_is_nobody_elses_is_adopted(
    operation: Operation, seen: Seen, step: str, *, unknown_past: bool
) -> None:
    """Also where releases lie there and the record is gone: that is one of the ways on."""
    assert told(operation, job(None, operation, wanted=None, unknown_past=unknown_past), seen) == step


def adopted(operation: Operation) -> JobRecord:
    record = job(None, operation, wanted=None, unknown_past=True)
    step = next_step(operation, record, look(adoptable=found()), LIMITS)
    assert isinstance(step, Wait)
    return JobRecord.model_validate_json(progress.noted(record, operation.id, step, NOW).to_json())


def test_an_adopted_copy_has_no_release_and_the_operation_says_so() -> None:
    """It is current, it was seen, its parallelism is known; what it runs is not."""
    operation = adopting()
    record = adopted(operation)
    assert record.current
    assert (record.current.flink_job_id, record.current.release, record.current.seen) == (OLD_ID, None, True)
    assert record.current.spec == Spec(parallelism=3)
    assert not record.unknown_past
    end = next_step(operation, record, look(CopyState.RUNNING), LIMITS)
    assert isinstance(end, End)
    assert said(end, operation, record) == "SUCCEEDED"
    assert "none to go back to" in end.message
    assert "parallelism 3" in end.message
    with pytest.raises(AssertionError, match="adopted"):
        _ = record.current.own_release


def test_an_upload_that_adopts_goes_on_as_an_update() -> None:
    """Stop with savepoint, start from it; and adopting again is over, since there is a copy."""
    operation = adopting(Action.UPDATE, "upload")
    record = adopted(operation)
    assert told(operation, record, look(CopyState.RUNNING, jar=False)) == "UploadJar new"
    assert told(operation, record, look(CopyState.RUNNING)) == "Stop old"


def test_an_adopted_copy_is_updated_stopped_and_not_started_without_a_release() -> None:
    """There is no jar to start before the first own release came."""
    record = adopted(adopting()).but(open=())
    update = asked(Action.UPDATE, by="upload", brings=NEW)
    assert told(update, record, look(CopyState.RUNNING)) == "Stop old"
    assert told(asked(Action.STOP), record, look(CopyState.RUNNING)) == "Stop old"
    assert told(adopting(), record, look(CopyState.RUNNING)) == "SUCCEEDED"
    other = adopting().model_copy(update={"id": "20261121T120000Z-orders-0123456789ab"})
    assert told(other, record, look(CopyState.RUNNING)) == "REFUSED JobExists"
    assert record.current
    stopped = record.but(current=record.current.model_copy(update={"ended": "CANCELED"}))
    named = asked(Action.START, named="file:/sp/1")
    assert told(named, stopped, look()) == "REFUSED NothingToStart"


def test_a_record_claims_its_running_copy_and_what_it_is_about_to_adopt() -> None:
    """No Flink job is the copy of two jobs."""
    assert job(copy_of()).claims(OLD_ID)
    assert not job(copy_of(ended="STOPPED")).claims(OLD_ID)
    assert job(None, adopting()).claims(OLD_ID)
    assert not job(None, asked(Action.NEW)).claims(OLD_ID)


def test_copies_of_earlier_records_can_be_read() -> None:
    """They have a release and no marker of adoption."""
    old = copy_of()
    text = old.to_json()
    assert "adopted" not in text
    assert '"stop"' not in text
    assert Copy.model_validate_json(text) == old
