"""What is held after a rollback: every row of `core/rolled_back.py`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.admission import upload_objection
from flinkfuncs.core.jobs import JobRecord, RolledBack
from flinkfuncs.core.operations import Operation, Outcome
from flinkfuncs.core.progress import concluded
from flinkfuncs.core.rolled_back import CODE, MOST
from flinkfuncs.core.session.facts import CopyState
from flinkfuncs.core.session.table import next_step
from flinkfuncs.core.steps import End
from tests.unit.builders import LIMITS, NEW, NOW, OLD, CauseKind, asked, copy_of, job, look, release, said, sent

RUNS = job(copy_of(OLD), wanted=OLD)
ENDED = End(Outcome.ROLLED_BACK, "it failed; the old release runs again")


def update(
    *,
    by: CauseKind = "upload",
    job_json: str | None = "a",
    again: bool = False,
    hold: bool | None = None,
    started: bool = True,
) -> Operation:
    """An update that brings NEW, and has started it."""
    operation = asked(Action.UPDATE, by=by, brings=NEW, job_json=job_json)
    request = operation.request.model_copy(update={"again": again, "hold_after_rollback": hold})
    return operation.model_copy(update={"request": request, "start": sent() if started else None})


def after(record: JobRecord, operation: Operation, end: End = ENDED) -> JobRecord:
    """The record after an operation ended so."""
    return concluded(record.but(open=(operation,)), operation, end, NOW)


@pytest.mark.parametrize(
    ("rolled_back", "setting", "upload", "held"),
    [
        (False, True, update(), False),
        (True, True, update(), True),
        (True, True, update(job_json=None), True),
        (True, True, update(job_json="b"), True),
        (True, True, update(job_json="b", again=True), False),
        (True, True, update(job_json="a", again=True), True),
        (True, False, update(), False),
        (True, False, update(hold=True), True),
        (True, True, update(hold=False), False),
        (True, True, update(job_json=None, again=True), False),
        (True, True, update(by="http"), False),
        (True, True, update(by="arm"), False),
    ],
    ids=[
        "another release",
        "rolled back",
        "without a job.json",
        "another job.json that says nothing",
        "again",
        "again, as it was tried before",
        "the setting does not hold",
        "job.json holds",
        "job.json does not hold",
        "again, of a jar alone",
        "a call",
        "a call of the gateway",
    ],
)
def test_an_upload_of_a_release_that_was_rolled_back_is_held(
    rolled_back: bool,
    setting: bool,
    upload: Operation,
    held: bool,
) -> None:
    """Unless somebody says so, in a version of job.json that was not tried before."""
    record = after(RUNS, update()) if rolled_back else RUNS
    end = upload_objection(upload, record, hold=setting)
    assert (end is not None) is held
    if end:
        assert (end.outcome, end.code) == (Outcome.REFUSED, CODE)
        assert update().id in end.message
        assert '"again": true' in end.message
        assert f'POST /api/jobs/orders/update with {{"release": "{NEW.id[:12]}"}}' in end.message


def test_it_is_held_before_anything_is_touched() -> None:
    """Once its jar is kept, and with the setting of the cluster."""
    record = after(RUNS, update())
    operation = update(job_json="b", started=False)
    seen, opened = look(CopyState.RUNNING), record.but(open=(operation,))
    assert said(next_step(operation, opened, seen, LIMITS), operation, opened) == f"REFUSED {CODE}"
    lenient = replace(LIMITS, hold_after_rollback=False)
    assert said(next_step(operation, opened, seen, lenient), operation, opened) == "Stop old"


def test_again_counts_once_for_each_version_of_a_job_json() -> None:
    """Also after others were tried meanwhile."""
    record = after(RUNS, update(job_json="a"))
    for version in ("b", "c"):
        assert upload_objection(update(job_json=version, again=True), record) is None
        record = after(record, update(job_json=version, again=True))
    for version in ("a", "b", "c"):
        end = upload_objection(update(job_json=version, again=True), record)
        assert end
        assert "again in this version of job.json was tried before" in end.message


def test_again_counts_once_for_a_release_in_metadata() -> None:
    """A jar without a job.json has no version of it; what a job.json says meanwhile is another wish."""
    by_metadata = update(job_json=None, again=True)
    record = after(RUNS, update(job_json=None))
    assert upload_objection(by_metadata, record) is None
    record = after(record, by_metadata)
    end = upload_objection(by_metadata, record)
    assert end
    assert "rolled back; again was tried before" in end.message
    assert upload_objection(update(job_json="b", again=True), record) is None


@pytest.mark.parametrize(
    ("operation", "end", "remembered"),
    [
        (update(), ENDED, True),
        (update(by="http", job_json=None), ENDED, True),
        (update(), End(Outcome.FAILED, "it failed"), False),
        (update(), End(Outcome.REFUSED, "it was refused"), False),
        (update(started=False), ENDED, False),
    ],
    ids=["an upload", "a call", "failed", "refused", "never started"],
)
def test_what_was_started_and_rolled_back_is_remembered(operation: Operation, end: End, *, remembered: bool) -> None:
    """Where the old release was started again before the new one was, the new one is not to blame."""
    rollbacks = after(RUNS, operation, end).rolled_back
    assert bool(rollbacks) is remembered
    if remembered:
        sha256 = operation.request.job_json_sha256
        one = RolledBack(release=NEW.id, operation=operation.id, at=NOW, job_json_sha256=sha256)
        assert rollbacks == (one,)


def test_a_release_that_the_job_wants_is_never_held() -> None:
    """It may have been tried once more, and failed once."""
    assert after(RUNS.but(wanted=NEW), update()).rolled_back == ()


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.UNPROVEN])
def test_a_release_that_becomes_the_jobs_own_is_forgotten_and_no_other(outcome: Outcome) -> None:
    """It was tried again, by whomever, and came through."""
    other = RolledBack(release=release("other").id, operation="o", at=NOW)
    record = after(RUNS.but(rolled_back=(other,)), update())
    assert after(record, update(by="http"), End(outcome, "runs", wanted=NEW)).rolled_back == (other,)


def test_the_record_stays_small_and_delete_forgets() -> None:
    """The newest rollbacks are known."""
    others = tuple(RolledBack(release=f"{number}", operation="o", at=NOW) for number in range(MOST))
    record = after(RUNS.but(rolled_back=others), update())
    assert [one.release for one in record.rolled_back] == [*(f"{n}" for n in range(1, MOST)), NEW.id]
    assert after(record, asked(Action.DELETE), End(Outcome.SUCCEEDED, "deleted", forget=True)).rolled_back == ()
