"""What the list says of a job: every row of the tables."""

from __future__ import annotations

import json

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import Copy, JobRecord, LastOperation
from flinkfuncs.core.operations import Cause, Operation, Outcome, Request, SavepointListing
from flinkfuncs.core.releases import JarSource, SpecPatch
from flinkfuncs.gateway.contract import (
    parse_api_version,
)
from flinkfuncs.gateway.rows import listed, remembered, told

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
    operation,
    properties_of,
    row,
)

STATUS_ROWS: list[tuple[Copy | None, Operation | None, str | None, str | None]] = [
    (None, None, "NONE", None),
    (None, operation(), "NONE", None),
    (None, operation(outcome=Outcome.FAILED), "NONE", "JOB_LAUNCH_FAILED"),
    (None, operation(outcome=Outcome.REFUSED), None, "JOB_LAUNCH_FAILED"),
    (copy("NEVER_STARTED"), operation(), "NEVER_STARTED", "JOB_LAUNCH_FAILED"),
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
    record = JobRecord(name=JOB, wanted=RELEASE.model_copy(update={"spec": spec}), current=copy())
    update = Request(action=Action.UPDATE, spec=SpecPatch(flink_configuration=mark | {"x": "1"}))
    for outcome in (None, Outcome.SUCCEEDED, Outcome.FAILED):
        shown = operation(Action.UPDATE, outcome, request=update)
        assert properties_of(record, shown)["flinkConfiguration"] == {"parallelism": "1", "x": "1"} | mark
    shown = operation(Action.STOP, Outcome.SUCCEEDED)
    assert properties_of(record, shown)["flinkConfiguration"] == {"parallelism": "1", "x": "1"}


def test_a_row_shows_what_the_newest_operation_asked_to_change() -> None:
    """Before there is a release of it, and over the release that runs."""
    request = asked({"action": "NEW", "jobJarDirectory": JARS + "/team/", "jarName": "v1.jar", "args": "--n 1"})
    first = properties_of(JobRecord(name=JOB), operation(request=request), None)
    assert (first["jobJarDirectory"], first["jarName"], first["args"]) == (JARS + "/team", "v1.jar", "--n 1")
    assert first["flinkConfiguration"] == {"parallelism": "2"}
    change = asked({"action": "UPDATE", "flinkConfiguration": {"parallelism": "5"}})
    record = JobRecord(name=JOB, wanted=RELEASE, current=copy())
    second = properties_of(record, operation(Action.UPDATE, request=change))
    assert (second["jobJarDirectory"], second["jarName"]) == (JARS, "JarName")
    assert (second["entryClass"], second["flinkConfiguration"]) == ("org.example.Main", {"parallelism": "5"})


def test_an_uploaded_jar_has_no_directory() -> None:
    """It lies where callers of this API cannot name it."""
    source = JarSource(place="uploads", name="stateful/job1/v1.jar")
    record = JobRecord(name=JOB, wanted=RELEASE.model_copy(update={"source": source}), current=copy())
    written = properties_of(record)
    assert "jobJarDirectory" not in written
    assert written["jarName"] == "v1.jar"


def test_no_secret_leaves_in_a_row() -> None:
    """What looks like one is starred."""
    spec = SPEC.patched(SpecPatch(args="--db.password hunter2", flink_configuration={"s3.secret-key": "hunter2"}))
    record = JobRecord(name=JOB, wanted=RELEASE.model_copy(update={"spec": spec}), current=copy())
    assert "hunter2" not in json.dumps(row(record, None, "RUNNING"))


def test_a_run_keeps_its_id_from_request_to_end() -> None:
    """And the next copy is another run."""
    started = operation()
    mine = copy().model_copy(update={"flink_job_id": started.token("copy")})
    ids = {
        properties_of(JobRecord(name=JOB), started, None)["runId"],
        properties_of(JobRecord(name=JOB, current=mine), started)["runId"],
        properties_of(JobRecord(name=JOB, current=mine), operation(Action.STOP))["runId"],
    }
    assert len(ids) == 1
    assert properties_of(JobRecord(name=JOB, current=copy()), started)["runId"] not in ids


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
    assert not listed(gone)
    assert listed(gone.but(open=(operation(),)))
    assert listed(JobRecord(name=JOB))


def test_rows_tell_of_what_somebody_asked_for() -> None:
    """A periodic savepoint does not hide the answer to a caller's request, nor does what was superseded."""
    assert told(operation(Action.UPDATE))
    assert told(operation(Action.UPDATE, Outcome.FAILED, kind="http"))
    assert not told(operation(Action.SAVEPOINT, Outcome.SUCCEEDED, kind="timer"))
    assert not told(operation(Action.UPDATE, Outcome.SUPERSEDED, kind="upload"))


def test_the_record_remembers_an_operation_whose_blob_is_gone() -> None:
    """Action, result and message are kept."""
    cause = Cause(kind="arm", detail="x")
    last = LastOperation(id="i", action=Action.STOP, cause=cause, outcome=Outcome.FAILED, message="why", ended_at=AT)
    record = JobRecord(name=JOB, current=copy(), last=last)
    written = properties_of(record, remembered(record, last))
    assert (written["action"], written["actionResult"]) == ("STOP", "FAILED")
    assert written["jobOutput"].startswith("Job execution failed. \nwhy")
