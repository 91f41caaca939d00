"""What events that come twice, late or out of order lead to: nothing that the container does not say itself."""

from __future__ import annotations

import json
import uuid

import pytest
import requests

from .cloud import Job, eventually


def send(job: Job, blob: str, etag: str) -> None:
    """Post an event to the blob webhook, as Event Grid does."""
    account = job.jars.url
    event = {
        "id": uuid.uuid4().hex,
        "eventType": "Microsoft.Storage.BlobCreated",
        "subject": f"/blobServices/default/containers/jars/blobs/{blob}",
        "eventTime": "2026-11-21T00:00:00Z",
        "data": {"api": "PutBlob", "url": f"{account}/{blob}", "eTag": etag.strip('"')},
        "dataVersion": "",
        "metadataVersion": "1",
    }
    url = f"{job.cloud.app}/runtime/webhooks/blobs?functionName=Host.Functions.stateful_jar&code={job.cloud.key}"
    requests.post(url, data=json.dumps([event]), headers={"aeg-event-type": "Notification"}, timeout=30)


def etag(job: Job) -> str:
    """Return the ETag of the job's jar as it lies there now."""
    return str(job.jars.get_blob_client(f"stateful/{job.name}/job.jar").get_blob_properties().etag)


def test_duplicate_late_and_reordered_events_update_once(session_job: Job) -> None:
    """Version 2 is taken once, whatever events of version 1 and 2 come after it, in whatever order."""
    job = session_job
    blob = f"stateful/{job.name}/job.jar"
    job.upload("1")
    job.ended(1)
    first = etag(job)
    copy = job.copies()
    send(job, blob, first)
    send(job, blob, first)
    job.upload("2")
    job.ended(2)
    updated = job.copies()
    assert updated != copy
    for late in (etag(job), first, first, etag(job)):
        send(job, blob, late)
    settled(job)
    assert job.copies() == updated
    assert len(job.operations()) == 2


@pytest.mark.nightly("an update like any other; tests/wire/test_touched.py has that it is asked for")
def test_going_back_to_the_release_before_is_an_update_of_its_own(session_job: Job) -> None:
    """Only a release that runs already is a no-op; an earlier one is not."""
    job = session_job
    for number, version in enumerate(["1", "2", "1"], start=1):
        job.upload(version)
        assert job.ended(number)["result"]["outcome"] == "SUCCEEDED"
        job.written(20, version)
    assert len(job.savepoints_on_disk()) == 2


@pytest.mark.nightly("tests/unit/session/test_table.py ends it at once, without a call")
def test_the_same_release_again_is_a_no_op(session_job: Job) -> None:
    """The bytes are written again: another event, the same release, and the copy is not touched."""
    job = session_job
    job.upload("1")
    job.ended(1)
    copy = job.copies()
    blob = job.jars.get_blob_client(f"stateful/{job.name}/job.jar")
    blob.upload_blob(blob.download_blob().readall(), overwrite=True)
    again = job.ended(2)
    assert (again["result"]["outcome"], "already" in again["result"]["message"]) == ("SUCCEEDED", True)
    assert job.copies() == copy
    assert job.savepoints_on_disk() == []


@pytest.mark.nightly("tests/app/test_events.py sweeps one up, tests/faults takes it to its end on the stand-in")
def test_an_upload_that_no_event_told_of_is_taken_by_the_sweeper(session_job: Job) -> None:
    """The container is the truth; events only make it quick."""
    job = session_job
    job.cloud.events.pause()
    try:
        job.upload("1")
        assert job.ended(1)["result"]["outcome"] == "SUCCEEDED"
        assert [operation["cause"]["kind"] for operation in job.operations()] == ["upload"]
    finally:
        job.cloud.events.resume()
    settled(job)
    assert len(job.operations()) == 1


def settled(job: Job) -> None:
    """Wait until a later upload of another job has gone all the way: what was sent before it has been handled."""
    marker = Job(job.cloud, f"{job.name}-marker")
    marker.put("job.jar", b"no jar")
    eventually(lambda: [operation for operation in marker.operations() if "result" in operation])
