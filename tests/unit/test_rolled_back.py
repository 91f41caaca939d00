"""What is held after a rollback: every row of `core/rolled_back.py`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.admission import upload_objection
from flinkfuncs.core.going_back import gone_back_to
from flinkfuncs.core.jobs import Brought, JobRecord, RolledBack
from flinkfuncs.core.operations import Operation, Outcome
from flinkfuncs.core.progress import concluded
from flinkfuncs.core.releases import Release
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
        assert upload_objection(update(job_json=version, again=True), record, hold=True) is None
        record = after(record, update(job_json=version, again=True))
    for version in ("a", "b", "c"):
        end = upload_objection(update(job_json=version, again=True), record, hold=True)
        assert end
        assert "again in this version of job.json was tried before" in end.message


def test_again_counts_once_for_a_release_in_metadata() -> None:
    """A jar without a job.json has no version of it; what a job.json says meanwhile is another wish."""
    by_metadata = update(job_json=None, again=True)
    record = after(RUNS, update(job_json=None))
    assert upload_objection(by_metadata, record, hold=True) is None
    record = after(record, by_metadata)
    end = upload_objection(by_metadata, record, hold=True)
    assert end
    assert "rolled back; again was tried before" in end.message
    assert upload_objection(update(job_json="b", again=True), record, hold=True) is None


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


# ------------------------------------------------------------------------------------------------- going back by hand

OLDEST = release("oldest")


def going(to: Release, *, kept_days_ago: float | None, reason: str | None = "it loses orders") -> Operation:
    """An operation of a caller that goes to an earlier release; None: nobody knows since when it is kept."""
    operation = asked(Action.UPDATE, brings=to, identity="ada@example.com")
    kept_at = None if kept_days_ago is None else NOW - timedelta(days=kept_days_ago)
    said = {"release": to.id, "kept": gone_back_to(to), "kept_at": kept_at, "reason": reason}
    return operation.model_copy(update={"request": operation.request.model_copy(update=said)})


def came(days_ago: float, job_json: str | None = None) -> Brought:
    """How a wanted release came."""
    return Brought(at=NOW - timedelta(days=days_ago), job_json_sha256=job_json * 64 if job_json else None)


def went(to: Release, outcome: Outcome = Outcome.SUCCEEDED) -> End:
    """The end of an operation that went to a release."""
    wanted = to if outcome in (Outcome.SUCCEEDED, Outcome.UNPROVEN) else None
    return End(outcome, "it ended", wanted=wanted)


WANTS_NEW = job(copy_of(NEW), wanted=NEW).but(brought=came(1, "a"))


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.UNPROVEN])
def test_a_release_that_somebody_went_back_from_is_held_and_the_message_says_who_and_why(outcome: Outcome) -> None:
    """The next build uploads it with another buildUrl: it is the same release, and is held like one that failed."""
    back = going(OLD, kept_days_ago=2)
    record = after(WANTS_NEW, back, went(OLD, outcome))
    assert (record.wanted, [one.release for one in record.rolled_back]) == (OLD, [NEW.id])
    end = upload_objection(update(job_json="b"), record, hold=True)
    assert end
    assert (end.outcome, end.code) == (Outcome.REFUSED, CODE)
    why = "(ada@example.com; reason given: it loses orders). To try it again, "
    assert end.message.startswith(f"somebody went back from {NEW.label} with operation {back.id} {why}"), end.message
    assert upload_objection(update(job_json="b", again=True), record, hold=True) is None
    assert upload_objection(update(job_json="b"), record, hold=False) is None
    assert upload_objection(update(job_json="b", hold=False), record, hold=True) is None
    assert upload_objection(update(by="http"), record, hold=True) is None


def test_without_a_reason_the_message_gives_none() -> None:
    """Who it was is always known."""
    record = after(WANTS_NEW, going(OLD, kept_days_ago=2, reason=None), went(OLD))
    end = upload_objection(update(), record, hold=True)
    assert end
    assert "(ada@example.com). To try it again" in end.message


def test_again_in_the_job_json_that_brought_a_release_does_not_bring_it_back() -> None:
    """A pipeline may say it in every build; another version of the file counts."""
    brought = after(RUNS, update(job_json="c", again=True), went(NEW))
    record = after(brought, going(OLD, kept_days_ago=2), went(OLD))
    end = upload_objection(update(job_json="c", again=True), record, hold=True)
    assert end
    assert "; again in this version of job.json was tried before. To try it again" in end.message
    assert upload_objection(update(job_json="d", again=True), record, hold=True) is None


def test_the_job_json_that_asked_for_a_release_last_counts() -> None:
    """Another version asked for what runs already; a call that only sets a window asks for no release."""
    record = after(after(RUNS, update(job_json="c"), went(NEW)), update(job_json="d", again=True), went(NEW))
    record = after(record, asked(Action.UPDATE), went(NEW))
    assert record.brought == Brought(at=NOW, job_json_sha256="d" * 64)
    record = after(record, going(OLD, kept_days_ago=2), went(OLD))
    assert upload_objection(update(job_json="d", again=True), record, hold=True)


@pytest.mark.parametrize(
    ("kept_days_ago", "brought", "held"),
    [
        (2, came(1), True),
        (1, came(2), False),
        (None, came(1), True),
        (2, None, True),
    ],
    ids=["back", "forward", "its time is not known", "nobody knows how the wanted one came"],
)
def test_only_who_goes_back_holds_what_was_wanted(
    kept_days_ago: float | None,
    brought: Brought | None,
    *,
    held: bool,
) -> None:
    """Who goes forward to a newer release says nothing against the older one."""
    record = after(WANTS_NEW.but(brought=brought), going(OLD, kept_days_ago=kept_days_ago), went(OLD))
    assert bool(upload_objection(update(), record, hold=True)) is held


def test_a_record_of_an_earlier_version_knows_when_its_release_was_taken() -> None:
    """It does not say how it came."""
    record = WANTS_NEW.but(brought=None, wanted_at=NOW - timedelta(days=2))
    assert after(record, going(OLD, kept_days_ago=3), went(OLD)).rolled_back
    assert not after(record, going(OLD, kept_days_ago=1), went(OLD)).rolled_back


def test_there_and_back_again_through_three_releases() -> None:
    """Back two steps, one forward, and to the newest: in the end nothing is held that the job went forward from."""
    record = after(RUNS.but(wanted=OLDEST, brought=came(9)), update(), went(NEW))
    record = record.but(brought=came(1))
    names = {OLDEST.id: "oldest", OLD.id: "old", NEW.id: "new"}
    for to, days, held in (
        (OLD, 5, ["new"]),
        (OLDEST, 9, ["new", "old"]),
        (OLD, 5, ["new"]),
        (NEW, 1, []),
    ):
        record = after(record, going(to, kept_days_ago=days), went(to))
        assert [names[one.release] for one in record.rolled_back] == held
        assert record.brought == came(days)


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.REFUSED, Outcome.UNKNOWN])
def test_who_did_not_get_back_holds_nothing_that_the_job_wants(outcome: Outcome) -> None:
    """What the job was to go back to is remembered where it failed."""
    back = going(OLD, kept_days_ago=2).model_copy(update={"start": sent()})
    record = after(WANTS_NEW, back, went(OLD, outcome))
    assert record.brought == WANTS_NEW.brought
    assert [(one.release, one.by) for one in record.rolled_back] == (
        [(OLD.id, None)] if outcome is Outcome.ROLLED_BACK else []
    )


def test_going_back_to_what_is_wanted_holds_what_failed_in_its_place() -> None:
    """An update that failed left another release than the wanted one; the same release once more holds nothing."""
    failed = copy_of(NEW, operation="the update", ended="FAILED")
    back = going(OLD, kept_days_ago=2)
    started = copy_of(OLD, flink_job_id="2" * 32, operation=back.id)
    record = job(started, wanted=OLD).but(previous=failed, brought=came(2))
    record = after(record, back, went(OLD))
    assert [one.release for one in record.rolled_back] == [NEW.id]
    assert after(record.but(previous=started), back, went(OLD)).rolled_back == record.rolled_back
    assert after(RUNS, back, went(OLD)).rolled_back == ()


def test_a_job_that_is_stopped_and_only_takes_the_release_holds_the_one_before() -> None:
    """A STOP went ahead: nothing was started, and the next START runs what was gone back to."""
    stopped = job(copy_of(NEW, ended="STOPPED"), wanted=NEW).but(brought=came(1))
    record = after(stopped, going(OLD, kept_days_ago=2), went(OLD))
    assert [one.release for one in record.rolled_back] == [NEW.id]


def test_an_update_that_names_no_release_holds_nothing() -> None:
    """An upload of an older jar, or other arguments, are a release of their own."""
    assert after(WANTS_NEW, update(by="http"), went(OLD)).rolled_back == ()
