"""What bad input gets on a running cloud: its own clear error, and the job goes on as if nothing had come."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

import pytest
import requests
from azure.storage.blob import BlobServiceClient

from localcloud.up import LocalCloud

from .cloud import Job, jar

pytestmark = pytest.mark.usefixtures("session_cloud")
JARS = pytest.mark.nightly("tests/wire/test_jars.py has it refused before anything runs; here one story is enough")


def zipped(**files: str) -> bytes:
    """Return a zip that holds these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/"), text)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def running(cloud: LocalCloud) -> Iterator[Job]:
    """A job that runs version 1, which none of these tests changes; nor its jar."""
    yield from _running(Job(cloud, "bad-input"))


@pytest.fixture(scope="module")
def another_running(cloud: LocalCloud) -> Iterator[Job]:
    """A job that runs version 1, whose jar is written over."""
    yield from _running(Job(cloud, "bad-jars"))


def _running(job: Job) -> Iterator[Job]:
    job.upload("1")
    assert job.ended(1)["result"]["outcome"] == "SUCCEEDED"
    yield job
    job.post("cancel", wait=30)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(b"no zip at all", "NotAJar", marks=JARS),
        pytest.param(jar("1")[:-40], "NotAJar", marks=JARS),
        pytest.param(zipped(readme="no class"), "NoEntryClass", marks=JARS),
        (zipped(**{"META-INF__MANIFEST.MF": "Main-Class: not.There\n"}), "PlanFailed"),
    ],
    ids=["no zip", "cut short", "no manifest", "no class"],
)
def test_a_blob_that_is_not_a_jar_is_refused_and_the_job_goes_on(
    another_running: Job, content: bytes, code: str
) -> None:
    """The operation says what is wrong; the copy that runs is not touched, and no event is retried."""
    job, before, copy = another_running, len(another_running.operations()), another_running.copies()
    job.put("job.jar", content)
    refused = job.ended(before + 1)["result"]
    assert (refused["outcome"], refused["code"]) == ("REFUSED", code)
    assert job.copies() == copy
    assert job.savepoints_on_disk() == []


@pytest.mark.nightly("tests/wire/test_intake.py has them refused with the record untouched, before any call to Flink")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"{", "not valid"),
        (b'{"jar": "job.jar", "colour": "red"}', "colour"),
        (b'{"jar": "../other/job.jar"}', "names no jar beside it"),
        (b'{"jar": "job.jar", "parallelism": 0}', "parallelism"),
        (b'{"jar": "job.jar", "flinkConfiguration": {"execution.savepoint.path": "file:///x"}}', "refused"),
        (b'{"jar": "job.jar", "flinkConfiguration": {"$internal.pipeline.job-id": "00"}}', "refused"),
        (b'{"jar": "job.jar", "savepointDirectory": "file:///etc"}', "does not lie below"),
        (b'{"jar": "job.jar", "sha256": "%s"}' % (b"0" * 64), "SHA-256"),
    ],
)
def test_a_job_json_that_cannot_be_is_refused_and_the_job_goes_on(running: Job, text: bytes, words: str) -> None:
    """Unknown fields, refused keys and foreign places are named; nothing is half applied."""
    before, copy = len(running.operations()), running.copies()
    running.put("job.json", text)
    refused = running.ended(before + 1)["result"]
    assert refused["outcome"] == "REFUSED"
    assert words in refused["message"]
    assert running.copies() == copy


@pytest.mark.nightly("tests/unit/session/test_table.py has each action in each state of its job")
@pytest.mark.parametrize(
    ("action", "code"),
    [("new", "JobExists"), ("start", "JobRuns"), ("delete", "JobRuns")],
)
def test_an_action_that_makes_no_sense_now_is_refused(running: Job, action: str, code: str) -> None:
    """The operation ends as REFUSED with the reason, and the copy runs on."""
    copy = running.copies()
    refused = running.ask(action)["result"]
    assert (refused["outcome"], refused["code"]) == ("REFUSED", code)
    assert running.copies() == copy


@pytest.mark.nightly("tests/unit/session/test_table.py has each action in each state of its job")
def test_actions_on_a_stopped_job_that_need_a_running_one_are_refused(session_job: Job) -> None:
    """STOP, SAVEPOINT and CANCEL have nothing to work on."""
    session_job.upload("1")
    session_job.ended(1)
    session_job.ask("stop")
    for action in ("stop", "savepoint", "cancel"):
        refused = session_job.ask(action)["result"]
        assert (refused["outcome"], refused["code"]) == ("REFUSED", "JobNotRunning"), action


@pytest.mark.nightly("test_named.py has nothing started beside another copy, whoever asks for it")
def test_a_first_upload_beside_a_job_of_that_name_that_is_not_ours_is_refused(session_job: Job) -> None:
    """A Flink job that runs already is never doubled."""
    session_job.upload("1")
    session_job.ended(1)
    copy = session_job.copies()
    forget(session_job)
    session_job.upload("2")
    refused = session_job.ended(2)["result"]
    assert (refused["outcome"], refused["code"]) == ("REFUSED", "JobRunsAlready")
    assert session_job.copies() == copy
    end_by_hand(session_job)


def forget(job: Job) -> None:
    """Lose the job's record, as when the ledger was lost."""
    ledger = BlobServiceClient.from_connection_string(job.cloud.storage).get_container_client("ledger")
    ledger.delete_blob(f"flink/jobs/{job.name}.json")


def end_by_hand(job: Job) -> None:
    """Cancel on Flink what nobody remembers, to free its slots."""
    for copy in job.copies():
        requests.patch(f"{job.cloud.flink}/jobs/{copy}?mode=cancel", timeout=30)
