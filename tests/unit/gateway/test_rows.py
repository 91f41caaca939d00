"""What the list says of a job: every row of the tables."""

from __future__ import annotations

import json

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.histories import remembered, runs_of, with_next_run
from flinkfuncs.core.jobs import Copy, JobRecord, LastOperation
from flinkfuncs.core.operations import Cause, Operation, Outcome, Request, SavepointListing, Undo
from flinkfuncs.core.releases import JarSource, SpecPatch
from flinkfuncs.core.runs import MOST_ENDED, is_told
from flinkfuncs.gateway.contract import (
    parse_api_version,
)

from .made import (
    AT,
    FLINK_ID,
    JARS,
    JOB,
    PATH,
    RELEASE,
    SPEC,
    VERSIONS,
    asked,
    copy,
    line,
    operation,
    properties_of,
    row,
    runs,
    with_operation,
)

DONE = Outcome.SUCCEEDED

STATUS_ROWS: list[tuple[Copy | None, Operation | None, str | None, str | None]] = [
    (None, None, "NONE", None),
    (None, operation(), "NONE", None),
    (None, operation(outcome=Outcome.FAILED), "NONE", "JOB_LAUNCH_FAILED"),
    (None, operation(outcome=Outcome.REFUSED), None, "JOB_LAUNCH_FAILED"),
    (copy("NEVER_STARTED"), operation(Action.START), "NEVER_STARTED", "JOB_LAUNCH_FAILED"),
    (copy("NEVER_STARTED"), operation(outcome=Outcome.FAILED), None, "JOB_LAUNCH_FAILED"),
    (copy(seen=False), operation(), "MAY_APPEAR", "STARTING"),
    (copy(), operation(outcome=Outcome.FAILED), "RUNNING", "RUNNING"),
    (copy(), operation(outcome=Outcome.SUCCEEDED), "FAILED", "FAILED"),
    (copy(), operation(outcome=Outcome.SUCCEEDED), "VANISHED", "VANISHED"),
    (copy("CANCELED"), operation(outcome=Outcome.SUCCEEDED), "CANCELED", "CANCELED"),
    (copy(), operation(outcome=Outcome.SUCCEEDED), None, None),
    (copy(), operation(outcome=Outcome.SUCCEEDED), "UNKNOWN", None),
]


@pytest.mark.parametrize(("current", "shown", "word", "status"), STATUS_ROWS)
def test_every_status(current: Copy | None, shown: Operation | None, word: str | None, status: str | None) -> None:
    """Each row of the table; a status that is not known is left out."""
    assert properties_of(JobRecord(name=JOB, current=current), shown, word).get("status") == status


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (None, "IN_PROGRESS"),
        (Outcome.SUCCEEDED, "SUCCESS"),
        (Outcome.FAILED, "FAILED"),
        (Outcome.REFUSED, "FAILED"),
        (Outcome.UNKNOWN, "FAILED"),
        (Outcome.SUPERSEDED, "FAILED"),
    ],
)
def test_every_outcome(outcome: Outcome | None, result: str) -> None:
    """Only what succeeded is called SUCCESS."""
    shown = operation(Action.UPDATE, outcome)
    written = properties_of(JobRecord(name=JOB, current=copy()), shown)
    assert (written["action"], written["actionResult"]) == ("UPDATE", result)


@pytest.mark.parametrize(
    ("code", "undo", "word", "result"),
    [
        ("BatchJob", False, "RUNNING", "IN_PROGRESS"),
        ("BatchJob", False, None, "IN_PROGRESS"),
        ("BatchJob", False, "FINISHED", "SUCCESS"),
        ("BatchJob", False, "FAILED", "FAILED"),
        ("BatchJob", False, "CANCELED", "FAILED"),
        ("BatchJob", False, "VANISHED", "FAILED"),
        ("Unproven", False, "RUNNING", "FAILED"),
        ("Unproven", False, "FINISHED", "SUCCESS"),
        ("RollbackUnproven", True, "FINISHED", "FAILED"),
    ],
)
def test_what_was_kept_without_a_proof_succeeds_once_it_has_finished(
    code: str, word: str | None, result: str, *, undo: bool
) -> None:
    """Unless it is the old release that finished: the update did not succeed."""
    shown = operation(Action.UPDATE, Outcome.UNPROVEN, "runs", code=code)
    if undo:
        shown = shown.model_copy(update={"undo": Undo(reason="failed", at=AT, started_at=AT)})
    written = properties_of(JobRecord(name=JOB, current=copy()), shown, word)
    assert written["actionResult"] == result
    assert written.get("jobOutput", "").startswith("Job execution failed.") == (result == "FAILED")


@pytest.mark.parametrize(
    ("shown", "word", "output"),
    [
        (None, "RUNNING", "Flink internal job status : RUNNING"),
        (operation(Action.UPDATE), "STARTING", "Flink internal job status : STARTING"),
        (operation(Action.UPDATE), None, None),
        (operation(Action.NEW, Outcome.SUCCEEDED), "RUNNING", "Flink internal job status : RUNNING"),
        (operation(Action.CANCEL, Outcome.SUCCEEDED), "CANCELED", "Flink internal job status : CANCELED"),
        (operation(Action.STOP, Outcome.SUCCEEDED, savepoint="x:/s"), "STOPPED", "Savepoint completed. Path: x:/s"),
        (
            operation(Action.SAVEPOINT, Outcome.SUCCEEDED, savepoint="x:/s"),
            "RUNNING",
            "Savepoint completed. Path: x:/s",
        ),
        (
            operation(Action.SAVEPOINT, Outcome.FAILED, "disk"),
            "RUNNING",
            "Job execution failed. \ndisk (2023-09-15T04:18:47.116051Z)",
        ),
        (
            operation(Action.STOP, Outcome.FAILED, "half", savepoint="x:/s"),
            "FAILED",
            "Job execution failed. \nhalf (2023-09-15T04:18:47.116051Z)",
        ),
        (
            operation(Action.UPDATE, Outcome.SUCCEEDED, savepoint="x:/s"),
            "RUNNING",
            "Flink internal job status : RUNNING",
        ),
    ],
)
def test_every_output(shown: Operation | None, word: str | None, output: str | None) -> None:
    """In the formats that were recorded or documented."""
    assert properties_of(JobRecord(name=JOB, current=copy()), shown, word).get("jobOutput") == output


def test_the_same_failure_twice_makes_two_rows() -> None:
    """Else a caller could not tell the second one's end from the first one's."""
    record = JobRecord(name=JOB, current=copy())
    failures = [operation(Action.STOP, Outcome.REFUSED, "not running", minutes=minutes) for minutes in (0, 1)]
    outputs = {properties_of(record, failed)["jobOutput"] for failed in failures}
    assert len(outputs) == 2


def test_two_listings_of_savepoints_differ() -> None:
    """Each says when it was made, and of each savepoint what is known; the newest first, as it was listed."""
    found = (
        SavepointListing(path="x:/a b", taken_at=AT, origin="STOP", flink_job_id=FLINK_ID),
        SavepointListing(path="x:/c"),
    )
    outputs = [
        properties_of(
            JobRecord(name=JOB, current=copy()),
            operation(Action.LIST_SAVEPOINT, Outcome.SUCCEEDED, minutes=minutes, savepoints=found),
        )["jobOutput"]
        for minutes in (0, 1)
    ]
    assert outputs[0].splitlines() == [
        "Savepoints listed at 2023-09-15T04:18:47.116051Z: 2",
        f"2023-09-15T04:18:47Z STOP {FLINK_ID} x:/a b",
        "- - - x:/c",
    ]
    assert outputs[0] != outputs[1]
    none = operation(Action.LIST_SAVEPOINT, Outcome.SUCCEEDED, savepoints=())
    assert properties_of(JobRecord(name=JOB, current=copy()), none)["jobOutput"].endswith("Z: 0")


def test_a_mark_comes_back_exactly_and_only_with_its_own_operation() -> None:
    """By it a caller tells the answer to its request from an older one."""
    mark = {"flinkfuncs.operation": "20261121T014916Z-orders-3f2a9c1b7d4e é"}
    spec = SPEC.patched(SpecPatch(flink_configuration=mark | {"x": "1"}))
    record = runs(spec=spec)
    update = Request(action=Action.UPDATE, spec=SpecPatch(flink_configuration=mark | {"x": "1"}))
    for outcome in (None, Outcome.SUCCEEDED, Outcome.FAILED):
        shown = operation(Action.UPDATE, outcome, request=update)
        assert properties_of(record, shown)["flinkConfiguration"] == {"parallelism": "1", "x": "1"} | mark
    shown = operation(Action.STOP, Outcome.SUCCEEDED)
    assert properties_of(record, shown)["flinkConfiguration"] == {"parallelism": "1", "x": "1"}


def test_a_row_shows_what_runs_and_before_anything_ran_what_was_asked_for() -> None:
    """An UPDATE that is under way, or failed, changes nothing of what the row says is run."""
    request = asked({"action": "NEW", "jobJarDirectory": JARS + "/team/", "jarName": "v1.jar", "args": "--n 1"})
    for outcome in (None, Outcome.FAILED):
        first = properties_of(JobRecord(name=JOB), operation(outcome=outcome, request=request), None)
        assert (first["jobJarDirectory"], first["jarName"], first["args"]) == (JARS + "/team", "v1.jar", "--n 1")
        assert first["flinkConfiguration"] == {"parallelism": "2"}
    change = asked(
        {"action": "UPDATE", "jobJarDirectory": JARS, "jarName": "v2.jar", "entryClass": "Other", "args": "--n 2"}
        | {"flinkConfiguration": {"parallelism": "5"}}
    )
    record = JobRecord(name=JOB, wanted=RELEASE, current=copy())
    for outcome in (None, Outcome.REFUSED, Outcome.ROLLED_BACK):
        second = properties_of(record, operation(Action.UPDATE, outcome, request=change))
        assert (second["jobJarDirectory"], second["jarName"], second["args"]) == (JARS, "JarName", "")
        assert (second["entryClass"], second["flinkConfiguration"]) == ("org.example.Main", {"parallelism": "1"})
        assert second["action"] == "UPDATE"


def test_a_row_of_what_rests_shows_what_its_next_start_runs() -> None:
    """An upload for a stopped job is what runs next; while a copy runs, only that counts."""
    wanted = RELEASE.model_copy(update={"spec": SPEC.patched(SpecPatch(parallelism=7))})
    stopped = properties_of(JobRecord(name=JOB, wanted=wanted, current=copy("STOPPED")))
    assert stopped["flinkConfiguration"] == {"parallelism": "7"}
    running = properties_of(JobRecord(name=JOB, wanted=wanted, current=copy()))
    assert running["flinkConfiguration"] == {"parallelism": "1"}


def test_an_uploaded_jar_has_no_directory() -> None:
    """It lies where callers of this API cannot name it."""
    source = JarSource(place="uploads", name="stateful/job1/v1.jar")
    written = properties_of(runs(source=source))
    assert "jobJarDirectory" not in written
    assert written["jarName"] == "v1.jar"


def test_no_secret_leaves_in_a_row() -> None:
    """What looks like one is starred."""
    spec = SPEC.patched(SpecPatch(args="--db.password hunter2", flink_configuration={"s3.secret-key": "hunter2"}))
    shown = json.dumps(row(runs(spec=spec), None, "RUNNING"))
    assert "hunter2" not in shown
    assert "--db.password ******" in shown


def test_a_run_keeps_its_id_from_request_to_end() -> None:
    """Through every copy; and a record of an earlier version keeps the one that it had."""
    started = operation()
    mine = copy().model_copy(update={"flink_job_id": started.token("copy")})
    record = with_operation(JobRecord(name=JOB), operation(outcome=Outcome.SUCCEEDED))
    ids = {
        properties_of(JobRecord(name=JOB), started, None)["runId"],
        line(record, None)["properties"]["runId"],
        properties_of(record.but(current=mine), operation(Action.STOP))["runId"],
        properties_of(record.but(current=copy()), operation(Action.UPDATE))["runId"],
        properties_of(JobRecord(name=JOB, current=mine), started)["runId"],
    }
    assert len(ids) == 1


def test_a_run_that_ended_stays_as_it_was() -> None:
    """Under its own id, newest first, a bounded number of them; the present one begins with nothing."""
    record = with_operation(JobRecord(name=JOB, wanted=RELEASE, current=copy("FINISHED")), operation(outcome=DONE))
    before = runs_of(record)
    again = with_next_run(record, AT)
    again = again.but(open=(operation(minutes=5),))
    new, old = runs_of(again)
    assert (old,) == before
    assert new.id != old.id
    assert (new.ran, new.described, new.last_save_point) == (None, None, None)
    for _ in range(MOST_ENDED + 3):
        again = with_next_run(again, AT)
    assert len(runs_of(again)) == MOST_ENDED + 1


@pytest.mark.parametrize(
    ("current", "request_of", "rows"),
    [
        (copy("FINISHED"), {}, 2),
        (copy("CANCELED"), {}, 2),
        (copy("NEVER_STARTED"), {}, 2),
        (None, {}, 2),
        (copy("STOPPED"), {}, 1),
        (copy("STOPPED"), {"save_point_name": "x"}, 2),
        (copy(), {}, 1),
        (copy("FINISHED"), {"adopt": FLINK_ID}, 1),
    ],
)
def test_a_new_is_a_row_of_its_own_as_soon_as_it_surely_is_one(
    current: Copy | None, request_of: dict[str, str], rows: int
) -> None:
    """Before a driver takes it up; what may still run is not said to have ended."""
    record = with_operation(JobRecord(name=JOB, wanted=RELEASE, current=current), operation(outcome=Outcome.FAILED))
    request = Request(action=Action.NEW, **request_of)
    waits = record.but(open=(operation(request=request, minutes=5),))
    assert len(runs_of(waits)) == rows
    assert len(runs_of(waits.but(open=(operation(kind="http", minutes=5),)))) == 1


@pytest.mark.parametrize("name", VERSIONS)
def test_only_later_versions_know_run_ids(name: str) -> None:
    """A row's id ends with the run's id there, with the job's name before."""
    written = row(JobRecord(name=JOB, current=copy()), None, "RUNNING", parse_api_version(name))
    last = written["properties"].get("runId", "job1")
    assert written["id"] == f"{PATH.id}/jobs/{last}"
    assert ("runId" in written["properties"]) == (name > "2023-07")


def test_a_copy_that_flink_never_knew_has_no_job_id() -> None:
    """A failed launch, and one that is only on its way."""
    for current in (copy("NEVER_STARTED"), copy(seen=False)):
        assert "jobId" not in properties_of(JobRecord(name=JOB, current=current))
    for known in (copy(), copy("FAILED"), copy("STOPPED", seen=False)):
        assert properties_of(JobRecord(name=JOB, current=known))["jobId"] == FLINK_ID


def test_a_deleted_job_has_no_row() -> None:
    """Until something is asked for under its name."""
    gone = JobRecord(name=JOB, deleted=True)
    assert runs_of(gone) == ()
    assert len(runs_of(gone.but(open=(operation(),)))) == 1
    assert len(runs_of(JobRecord(name=JOB))) == 1


def test_rows_tell_of_what_somebody_asked_for() -> None:
    """A periodic savepoint does not hide the answer to a caller's request, nor does what was superseded."""
    assert is_told(operation(Action.UPDATE))
    assert is_told(operation(Action.UPDATE, Outcome.FAILED, kind="http"))
    assert not is_told(operation(Action.SAVEPOINT, Outcome.SUCCEEDED, kind="timer"))
    assert not is_told(operation(Action.UPDATE, Outcome.SUPERSEDED, kind="upload"))


def test_the_record_remembers_an_operation_whose_blob_is_gone() -> None:
    """Action, result and message are kept; of a periodic savepoint nothing is to be said."""
    cause = Cause(kind="arm", detail="x")
    last = LastOperation(id="i", action=Action.STOP, cause=cause, outcome=Outcome.FAILED, message="why", ended_at=AT)
    record = JobRecord(name=JOB, current=copy(), last=last)
    written = line(record.but(asked=remembered(record)), "RUNNING")["properties"]
    assert (written["action"], written["actionResult"]) == ("STOP", "FAILED")
    assert written["jobOutput"].startswith("Job execution failed. \nwhy")
    timer = last.model_copy(update={"cause": Cause(kind="timer", detail="x")})
    assert remembered(record.but(last=timer)) is None
