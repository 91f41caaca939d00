"""Jobs and main()s as people write them, on a running cloud: what works, what is refused, and what is said of it."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from typing import Any

import pytest
import requests

from localcloud.up import LocalCloud

from .cloud import Job, Json, eventually, jar
from .conftest import NewJob
from .test_named import started_by_hand

MORE_MAINS = pytest.mark.nightly("a main() that fails after it submitted its job is the story of `make test`")
PACKAGE = "flinkfuncs.examples"
CHANGELOG = {"state.changelog.enabled": "true"}
FAILS_WITH = {
    "TwoJobs": "Cannot have more than 1",
    "JobsInLoop": "already been submitted",
    "AsksForResult": "not available",
}
SPELLINGS = [
    (
        r"--pattern ^\d+\.\w+$ --path C:\data\new --owner it's",
        ["--pattern", r"^\d+\.\w+$", "--path", r"C:\data\new", "--owner", "it's"],
    ),
    ("--title 'two words' --jaas=\"a b\"", ["--title", "two words", "--jaas=a b"]),
    (["two words", "", "--x", "\"'"], ["two words", "", "--x", "\"'"]),
]


def warnings(operation: Json) -> str:
    """Return what the release check warned of."""
    return " ".join(operation["checked"]["warnings"])


def uninterrupted(job: Job) -> None:
    """Stop a job, and see that its output is whole."""
    assert job.ask("stop")["result"]["outcome"] == "SUCCEEDED"
    counted = job.counted()
    assert counted.records > 0
    assert (counted.lost, counted.duplicated, counted.state_mismatches) == (0, 0, 0)


# ------------------------------------------------------------------------------------------------ the changelog backend


@pytest.mark.nightly("five starts; tests/wire/test_release_check.py has what each is told of the changelog")
@pytest.mark.parametrize(("backend", "savepoint_format"), [("hashmap", "CANONICAL"), ("rocksdb", "NATIVE")])
def test_a_job_with_the_changelog_backend_continues_from_its_state_in_every_way(
    new_job: NewJob, session_cloud: LocalCloud, backend: str, savepoint_format: str
) -> None:
    """An update, the way back, a START and a LAST_STATE_UPDATE; each copy that restores runs without the changelog."""
    job = new_job(session_cloud)
    spec: dict[str, Any] = {
        "flinkConfiguration": CHANGELOG | {"state.backend.type": backend},
        "savepointFormat": savepoint_format,
    }
    job.upload("1", **spec)
    assert job.ended(1)["result"]["outcome"] == "SUCCEEDED"
    assert job.flink(f"/jobs/{job.copies()[0]}/checkpoints/config")["state_changelog_enabled"] is True
    job.written(50, "1")
    job.upload("2", file="2.jar", **spec)
    updated = job.ended(2)
    assert updated["result"]["outcome"] == "SUCCEEDED", updated["result"]
    assert "FLINK-38307" in warnings(updated)
    job.written(50, "2")
    job.upload("incompatible-state", file="3.jar", **spec)
    assert job.ended(3)["result"]["outcome"] == "ROLLED_BACK"
    last = job.ask("last-state-update")["result"]
    assert last["outcome"] == "SUCCEEDED", last
    assert job.ask("stop")["result"]["outcome"] == "SUCCEEDED"
    assert job.ask("start")["result"]["outcome"] == "SUCCEEDED"
    uninterrupted(job)


@pytest.mark.nightly("tests/wire/test_release_check.py refuses it; test_untouched.py leaves the job alone")
def test_a_changelog_that_main_turns_on_is_refused_before_the_stop(new_job: NewJob, session_cloud: LocalCloud) -> None:
    """No configuration turns it off; a release that does without says so, and continues from the same state."""
    job = new_job(session_cloud)
    job.upload("1", entryClass=f"{PACKAGE}.ChangelogInMain")
    assert job.ended(1)["result"]["outcome"] == "SUCCEEDED"
    copy = job.copies()
    job.upload("2", file="2.jar", entryClass=f"{PACKAGE}.ChangelogInMain")
    refused = job.ended(2)["result"]
    assert (refused["outcome"], refused["code"]) == ("REFUSED", "ChangelogInMain")
    assert job.copies() == copy
    job.upload("2", file="3.jar", flinkConfiguration={"state.changelog.enabled": "false"})
    assert job.ended(3)["result"]["outcome"] == "SUCCEEDED"
    uninterrupted(job)


# --------------------------------------------------------------------------------------------- jobs without checkpoints


@pytest.mark.nightly("tests/unit/session has each of its refusals, tests/wire/test_release_check.py its warning")
def test_a_job_in_batch_mode_says_at_once_what_it_can_and_cannot_do(new_job: NewJob, session_cloud: LocalCloud) -> None:
    """Nothing waits for a checkpoint that cannot come; STATELESS_UPDATE and CANCEL serve it."""
    job = new_job(session_cloud)
    batch: dict[str, Any] = {"flinkConfiguration": {"execution.runtime-mode": "BATCH"}}
    job.upload("1", arguments="--max 1000000", **batch)
    first = job.ended(1)
    assert (first["result"]["outcome"], first["result"]["code"]) == ("UNPROVEN", "BatchJob")
    assert "STATELESS_UPDATE" in first["result"]["message"]
    assert "batch mode" in warnings(first)
    assert "TakeCheckpoint" not in [step["step"] for step in first["steps"]]
    copy = job.copies()
    for action in ("update", "stop", "savepoint", "last-state-update"):
        body = job.release_body("2") if action == "update" else {}
        refused = job.ask(action, body)["result"]
        assert (refused["outcome"], refused["code"]) == ("REFUSED", "BatchJob"), (action, refused)
    assert job.copies() == copy
    body = job.release_body("2")
    body["args"] = job.arguments("--max 1000000")
    replaced = job.ask("stateless-update", body | batch)["result"]
    assert (replaced["outcome"], replaced["code"]) == ("UNPROVEN", "BatchJob"), replaced
    assert job.copies() != copy
    assert job.ask("cancel")["result"]["outcome"] == "SUCCEEDED"
    refused = job.ask("start")["result"]
    assert (refused["outcome"], refused["code"]) == ("REFUSED", "BatchJob")


@pytest.mark.nightly("the release check compares it in tests/unit, too")
def test_a_streaming_job_does_not_become_a_batch_job_by_an_update(new_job: NewJob, session_cloud: LocalCloud) -> None:
    """Its state would be gone."""
    job = new_job(session_cloud)
    job.upload("1")
    assert job.ended(1)["result"]["outcome"] == "SUCCEEDED"
    copy = job.copies()
    job.upload("2", file="2.jar", flinkConfiguration={"execution.runtime-mode": "BATCH"})
    refused = job.ended(2)["result"]
    assert (refused["outcome"], refused["code"]) == ("REFUSED", "StateWouldBeDropped")
    assert job.copies() == copy
    job.ask("cancel")


@pytest.mark.nightly("the words alone")
def test_a_bounded_job_that_finishes_says_what_it_leaves(new_job: NewJob, session_cloud: LocalCloud) -> None:
    """Flink deletes its checkpoints: START has nothing to continue from, and both messages say so."""
    job = new_job(session_cloud)
    job.upload("1", arguments="--max 20")
    first = job.ended(1)["result"]
    eventually(lambda: job.status() == "FINISHED")
    told = first["message"] if first["outcome"] == "SUCCEEDED" and "finished" in first["message"] else ""
    job.upload("2", file="2.jar", arguments="--max 20")
    second = job.ended(2)["result"]
    assert second["outcome"] == "SUCCEEDED"
    assert "Flink deletes the checkpoints" in second["message"]
    assert not told or "Flink deletes the checkpoints" in told
    refused = job.ask("start")["result"]
    assert (refused["outcome"], refused["code"]) == ("REFUSED", "CheckpointNotRetained")


# -------------------------------------------------------------------------------------------- main() as people write it


@pytest.mark.parametrize(
    "entry",
    [
        "TwoJobs",
        *(pytest.param(name, marks=MORE_MAINS) for name in ("CatchesAll", "JobsInLoop", "AsksForResult", "RunsAsync")),
    ],
)
def test_a_main_of_any_manner_is_updated_and_its_operation_says_what_failed(
    new_job: NewJob, session_cloud: LocalCloud, entry: str
) -> None:
    """A plan that main() swallows is a warning; what it fails with after it submitted its job is in the message."""
    job = new_job(session_cloud)
    spec = {"entryClass": f"{PACKAGE}.{entry}"}
    job.upload("1", **spec)
    first = job.ended(1)
    assert first["result"]["outcome"] == "SUCCEEDED", first["result"]
    job.written(20, "1")
    job.upload("2", file="2.jar", **spec)
    second = job.ended(2)
    assert second["result"]["outcome"] == "SUCCEEDED", second["result"]
    if entry == "CatchesAll":
        assert "aborted pre-maturely" in warnings(first)
        assert "aborted pre-maturely" in warnings(second)
    for operation in (first, second):
        assert operation["result"].get("code") == ("MainFailed" if entry in FAILS_WITH else None)
        assert FAILS_WITH.get(entry, "") in operation["result"]["message"]
    uninterrupted(job)


@MORE_MAINS
def test_of_several_inserts_in_sql_one_job_runs_and_the_operation_says_so(
    new_job: NewJob, session_cloud: LocalCloud
) -> None:
    """Each INSERT is a job of its own, and a session cluster takes one from a main()."""
    job = new_job(session_cloud)
    job.upload("1", entryClass=f"{PACKAGE}.InsertsTwice", args=[])
    ended = job.ended(1)["result"]
    assert (ended["outcome"], ended["code"]) == ("SUCCEEDED", "MainFailed")
    assert "Cannot have more than 1" in ended["message"]
    job.ask("cancel")


@pytest.mark.nightly("tests/unit/test_arguments.py splits each spelling, and every story's jar gets its sink that way")
@pytest.mark.parametrize(("written", "arrived"), SPELLINGS, ids=["letters", "quotes", "a list"])
def test_arguments_arrive_as_they_were_written(
    new_job: NewJob, session_cloud: LocalCloud, written: object, arrived: list[str]
) -> None:
    """Through job.json and through HTTP; main() prints what it got."""
    job = new_job(session_cloud)
    printed = job.cloud.flink_cluster.log_directory / "jobmanager.out"
    line = "arguments" + "".join(f" {base64.b64encode(word.encode()).decode()};" for word in arrived) + "\n"
    before = printed.read_text().count(line)
    job.upload("1", entryClass=f"{PACKAGE}.PrintsArguments", args=written)
    assert job.ended(1)["result"]["outcome"] == "SUCCEEDED"
    assert printed.read_text().count(line) == before + 1
    body = job.release_body("2") | {"entryClass": f"{PACKAGE}.PrintsArguments", "args": written}
    assert job.ask("stateless-update", body)["result"]["outcome"] == "SUCCEEDED"
    assert printed.read_text().count(line) == before + 2
    job.ask("cancel")


@pytest.mark.nightly("test_named.py has nothing started beside another copy, tests/wire/test_release_check.py the name")
def test_a_first_upload_starts_nothing_beside_a_job_of_the_name_that_main_gives(
    new_job: NewJob, session_cloud: LocalCloud
) -> None:
    """Somebody runs it already, from the command line; a copy of another job of this app is in nobody's way."""
    job, other = new_job(session_cloud), new_job(session_cloud)
    named = {"entryClass": f"{PACKAGE}.RunsAsync"}
    by_hand = started_by_hand(job, **named)
    job.upload("1", **named)
    refused = job.ended(1)["result"]
    assert (refused["outcome"], refused["code"]) == ("REFUSED", "JobRunsAlready")
    assert by_hand in refused["message"]
    requests.patch(f"{job.cloud.flink}/jobs/{by_hand}", timeout=30).raise_for_status()
    eventually(lambda: job.flink(f"/jobs/{by_hand}/status")["status"] == "CANCELED")
    for number, one in enumerate((job, other), start=1):
        one.upload("2", **named)
        ended = one.ended(2 if number == 1 else 1)
        assert ended["result"]["outcome"] == "SUCCEEDED", ended["result"]
        assert "named in main()" in warnings(ended)
    job.ask("cancel")
    other.ask("cancel")


# -------------------------------------------------------------------------------------------------- jars and savepoints


def nested(version: str) -> bytes:
    """Return an example whose classes lie in a jar inside the jar, named by `program-class`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\nprogram-class: {PACKAGE}.Main\n")
        archive.writestr("lib/inner.jar", jar(version))
    return buffer.getvalue()


@pytest.mark.nightly("tests/wire/test_jars.py keeps such jars, tests/unit/session knows each spelling")
def test_a_jar_is_begun_as_flink_begins_it_and_a_savepoint_is_named_in_any_spelling(
    new_job: NewJob, session_cloud: LocalCloud
) -> None:
    """By `program-class`, with its classes in a nested jar; START takes a savepoint by its `_metadata`."""
    job = new_job(session_cloud)
    job.put("job.json", json.dumps({"jar": "Job.JAR", "args": job.arguments(), "parallelism": 2}).encode())
    job.put("Job.JAR", nested("1"))
    assert job.ended(1)["result"]["outcome"] == "SUCCEEDED"
    job.written(50, "1")
    savepoint = job.ask("stop")["result"]["savepoint"]
    started = job.ask("start", {"savePointName": f"{savepoint}/_metadata"})["result"]
    assert started["outcome"] == "SUCCEEDED", started
    uninterrupted(job)
