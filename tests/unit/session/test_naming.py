"""When a savepoint that is named counts: every row of `core/naming.py`, and how often."""

from __future__ import annotations

import pytest

from flinkfuncs.core import progress
from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import Copy, JobRecord, TakenJobJson
from flinkfuncs.core.naming import Standing, named, why_unused, with_job_json
from flinkfuncs.core.operations import Operation
from flinkfuncs.core.session.facts import CopyState, Left, Seen, TriggerDone
from flinkfuncs.core.session.last_state import is_asked_for
from flinkfuncs.core.session.table import next_step
from flinkfuncs.core.steps import Cancel, End, Start, Step, Stop, Turned
from tests.unit.builders import (
    LIMITS,
    NEW,
    NOW,
    OLD,
    CauseKind,
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

NAMED = "file:///sp/named"
UPDATE, STATELESS = Action.UPDATE, Action.STATELESS_UPDATE
THERE, ENDED = Left("file:/cp/chk-7"), {"ended_at": ago(10)}
NEWEST = savepoint("file:///sp/newest")
RUNS, FAILED = copy_of(), copy_of(ended="FAILED")


def upload(action: Action = UPDATE, *, job_json: str = "a", identity: str = "this one", **marks: object) -> Operation:
    """A jar beside a job.json that names a savepoint."""
    operation = asked(action, by="upload", brings=NEW, named=NAMED, job_json=job_json, identity=identity)
    return with_marks(operation, **(ENDED | marks))


def taken(record: JobRecord, *, counted: bool, job_json: str = "a") -> JobRecord:
    """The record after another operation took that job.json."""
    return record.but(job_jsons=(TakenJobJson(sha256=job_json * 64, operation="earlier", counted=counted),))


def told(operation: Operation, record: JobRecord, seen: Seen) -> tuple[Step, str]:
    """The next step, and the same as one line."""
    record = record.but(open=(operation,))
    step = next_step(operation, record, seen, LIMITS)
    return step, said(step, operation, record)


@pytest.mark.parametrize(
    ("by", "action", "standing", "counts"),
    [
        *[(by, UPDATE, standing, True) for by in ("http", "arm") for standing in Standing],
        ("upload", UPDATE, Standing.NEW, True),
        ("upload", STATELESS, Standing.NEW, True),
        ("upload", UPDATE, Standing.RUNS, False),
        ("upload", UPDATE, Standing.RESTS, True),
        ("upload", STATELESS, Standing.RESTS, False),
        ("upload", STATELESS, Standing.RUNS, False),
    ],
)
def test_a_savepoint_counts_for_a_caller_and_once_for_a_job_json_where_nothing_runs(
    by: CauseKind, action: Action, standing: Standing, *, counts: bool
) -> None:
    """A call is made once; a job.json stays beside every later jar."""
    operation = asked(action, by=by, brings=NEW, named=NAMED, job_json="a" if by == "upload" else None)
    assert named(operation, job(RUNS), standing) == (NAMED if counts else None)
    if by == "upload":
        assert named(operation, taken(job(RUNS), counted=True), standing) is None
        assert named(operation, taken(job(RUNS), counted=False), standing) is None
        assert named(operation, taken(job(RUNS), counted=True, job_json="b"), standing) == (NAMED if counts else None)


@pytest.mark.parametrize("marks", [{"stop": sent(2)}, {"cancel": sent(2)}])
def test_what_an_upload_ended_itself_does_not_rest(marks: dict[str, object]) -> None:
    """Also one that an earlier version of this app began, which wrote nothing of its job.json down."""
    assert named(with_marks(upload(), **marks), job(FAILED), Standing.RESTS) is None


@pytest.mark.parametrize(
    ("operation", "record", "seen", "step", "why"),
    [
        # it runs: from the savepoint of its own stop, or from what it leaves
        (upload(), job(RUNS), look(CopyState.RUNNING), "Stop old", None),
        (upload(stop=sent(2)), job(RUNS), look(CopyState.FINISHED, trigger=TriggerDone("file:/sp/1")), "Start new as own from file:/sp/1", None),
        (upload(), job(RUNS), look(CopyState.RESTARTING, left=THERE), "Cancel old", None),
        (upload(), job(RUNS), look(CopyState.RESTARTING), "REFUSED NoValidState", "continues from its own"),
        (upload(cancel=sent(9)), job(RUNS), look(CopyState.CANCELED, left=THERE), "Start new as own from file:/cp/chk-7", None),
        # nothing runs: once
        (upload(), job(), look(), "Start new as own from file:///sp/named", None),
        (upload(), job(unknown_past=True), look(), "Start new as own from file:///sp/named", None),
        (upload(), job(FAILED), look(left=THERE), "Start new as own from file:///sp/named", None),
        (upload(), job(RUNS), look(CopyState.FAILED, left=THERE), "Start new as own from file:///sp/named", None),
        (upload(), taken(job(FAILED), counted=True), look(left=THERE), "Start new as own from file:/cp/chk-7", None),
        (upload(), taken(job(FAILED), counted=False), look(left=THERE), "Start new as own from file:/cp/chk-7", None),
        (upload(), taken(job(FAILED), counted=True), look(), "REFUSED NoValidState", "operation earlier took"),
        (upload(job_json="b"), taken(job(FAILED), counted=True), look(left=THERE), "Start new as own from file:///sp/named", None),
        (upload(vanished_at=ago(81)), taken(job(RUNS), counted=True), look(CopyState.ABSENT, left=THERE), "Start new as own from file:/cp/chk-7", None),
        # nothing is started, or without state
        (upload(), job(copy_of(ended="STOPPED"), savepoints=(NEWEST,)), look(), "SUCCEEDED wants new", "nothing is started"),
        (upload(), taken(job(copy_of(ended="STOPPED")), counted=True), look(), "SUCCEEDED wants new", "operation earlier took"),
        (upload(overtaken_by="a stop"), job(FAILED), look(), "SUCCEEDED wants new", "nothing is started"),
        (with_marks(upload(), release=OLD), job(RUNS), look(CopyState.RUNNING), "SUCCEEDED wants old", "continues from its own"),
        (upload(STATELESS), job(FAILED), look(), "Start new as own from nothing", None),
        (upload(STATELESS), job(), look(), "Start new as own from file:///sp/named", None),
    ],
)  # fmt: skip
def test_an_upload_goes_back_to_what_its_job_json_names_at_most_once_and_says_so(
    operation: Operation, record: JobRecord, seen: Seen, step: str, why: str | None
) -> None:
    """Else it continues from the job's own newest state; an end says that the name was not used, and why."""
    found, words = told(operation, record, seen)
    assert words == step
    if isinstance(found, End):
        assert ("savePointName was not used" in found.message) is (why is not None)
        assert (why or "") in found.message


@pytest.mark.parametrize("seen", [look(CopyState.RESTARTING), look(CopyState.FAILED)])
def test_the_jobs_own_state_is_looked_for_where_the_name_does_not_count(seen: Seen) -> None:
    """Otherwise there would be none to go on from."""
    record = taken(job(RUNS), counted=True)
    assert is_asked_for(upload(), record, seen.copy, seen.trigger)


# ------------------------------------------------------------------------------------------------ what is written down


def begun(record: JobRecord, operation: Operation, step: Step) -> JobRecord:
    """Write a step down; the record is read again from storage."""
    written = progress.begun(record.but(open=(operation,)), operation.id, step, NOW)
    return JobRecord.model_validate_json(written.to_json())


@pytest.mark.parametrize(
    ("current", "seen", "counted"),
    [
        (FAILED, look(left=THERE), True),
        (RUNS, look(CopyState.RUNNING), False),
        (RUNS, look(CopyState.RESTARTING, left=THERE), False),
    ],
)
def test_a_job_json_is_taken_in_the_same_write_as_what_it_begins(current: Copy, seen: Seen, *, counted: bool) -> None:
    """So a crash right behind it leaves no second chance; the operation itself goes on as it began."""
    operation, later = upload(), upload(identity="a later jar")
    step, _ = told(operation, job(current), seen)
    assert isinstance(step, Stop | Cancel | Start)
    record = begun(job(current), operation, step)
    assert [(t.sha256, t.operation, t.counted) for t in record.job_jsons] == [("a" * 64, operation.id, counted)]
    assert named(record.open[0], record, Standing.RUNS) == (NAMED if counted else None)
    for standing in Standing:
        assert f"operation {operation.id} took" in (why_unused(later, record, standing) or "")
    again = begun(record, record.open[0], step)
    assert again.job_jsons == record.job_jsons


def test_a_start_that_was_definitely_refused_gives_the_job_json_back() -> None:
    """Nothing was started from what it names, so the next jar beside it may be."""
    operation, later = upload(), upload(identity="a later jar")
    step, _ = told(operation, job(FAILED), look(left=THERE))
    record = begun(job(FAILED), operation, step)
    record = progress.learned(record, operation.id, step, Turned("no"))
    end, words = told(record.open[0], record, look(CopyState.ABSENT))
    assert words == "FAILED StartFailed ended NEVER_STARTED"
    assert isinstance(end, End)
    record = progress.concluded(record, record.open[0], end, NOW)
    assert record.job_jsons == ()
    assert named(later, record, Standing.RESTS) == NAMED


def test_a_release_that_is_only_recorded_takes_its_job_json_and_delete_forgets_it() -> None:
    """The next START has a state of its own, and a name of its own if it wants to go back."""
    operation = upload()
    record = job(copy_of(ended="STOPPED"), operation, savepoints=(NEWEST,))
    end, _ = told(operation, record, look())
    assert isinstance(end, End)
    record = progress.concluded(record, operation, end, NOW)
    assert [(t.operation, t.counted) for t in record.job_jsons] == [(operation.id, False)]
    deleting = asked(Action.DELETE)
    end, _ = told(deleting, record, look())
    assert isinstance(end, End)
    assert progress.concluded(record.but(open=(deleting,)), deleting, end, NOW).job_jsons == ()


def test_a_job_json_with_remarks_is_known_by_the_rest_of_it() -> None:
    """Another commit in it makes no other savepoint count."""
    first, second, other = (upload(job_json=digit, identity=digit) for digit in "abc")
    first, second, other = (
        one.model_copy(update={"request": one.request.model_copy(update={"names_savepoint_sha256": digit * 64})})
        for one, digit in zip((first, second, other), "eef", strict=True)
    )
    record = with_job_json(job(FAILED, first), first, counted=True)
    assert with_job_json(record, second, counted=True) == record
    assert "took this job.json before" in str(why_unused(second, record, Standing.RESTS))
    assert why_unused(other, record, Standing.RESTS) is None


def test_a_call_that_names_a_savepoint_takes_no_job_json() -> None:
    """It is made once, and may be made again."""
    operation = asked(Action.START, named="newest")
    record = job(copy_of(ended="STOPPED"), operation, savepoints=(NEWEST,))
    step, _ = told(operation, record, look())
    assert begun(record, operation, step).job_jsons == ()
