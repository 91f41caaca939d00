"""What happens when much is asked at once, when something is stuck, and when a Flink job was there before us."""

from __future__ import annotations

import base64
import json
import time

import pytest
import requests
from azure.storage.queue import QueueServiceClient

from localcloud.up import LocalCloud
from tests.examples.rest import Flink

from .cloud import Job, Json, eventually
from .conftest import NewJob
from .test_bad_input import forget
from .test_killed import step


def call(job: Job, method: str, path: str, body: Json | None = None) -> Json:
    """Call a route of the app that asks for no action."""
    headers = {"x-functions-key": job.cloud.key}
    reply = requests.request(method, f"{job.cloud.app}{path}", headers=headers, json=body, timeout=60)
    assert reply.status_code == 200, reply.text
    found: Json = reply.json()
    return found


def slow_job(job: Job, arguments: str) -> None:
    """Start a job whose savepoints take some seconds, and let it write something.

    What is uploaded later has the same arguments: then its jar is the only blob that changes, and asks for one update.
    """
    job.upload("slow-checkpoints", arguments=arguments)
    assert job.ended(1)["result"]["outcome"] in ("SUCCEEDED", "UNPROVEN")  # its checkpoint is slow, too
    job.written(100, "slow-checkpoints")


def stopping(job: Job) -> Json:
    """Wait until the stop of the newest operation is under way, and return the operation."""
    eventually(lambda: step(job, "Stop"))
    return job.operations()[-1]


def recorded(job: Job, number: int) -> None:
    """Wait until that many operations are on record."""
    eventually(lambda: len(job.operations()) == number)


def exact(job: Job, *versions: str) -> None:
    """Stop the job, where it runs, and check that every number was written once, by these versions in this order."""
    assert len(job.copies()) == 1
    assert job.ask("stop")["result"]["outcome"] == "SUCCEEDED"
    counted = job.counted()
    assert (counted.lost, counted.duplicated, counted.state_mismatches) == (0, 0, 0)
    assert [stretch.version for stretch in counted.stretches] == list(versions)


@pytest.mark.nightly("three savepoints of five seconds each")
def test_of_a_burst_of_uploads_the_newest_runs_and_a_stop_goes_ahead_of_it(session_job: Job) -> None:
    """Three uploads during an update, then a STOP: one of them is left, and what it brings is what the START runs."""
    job = session_job
    arguments = "--checkpoint-seconds 5 --checkpoint-interval 500"
    slow_job(job, arguments)
    job.upload("2", arguments=arguments)
    stopping(job)
    for number, version in enumerate(["1", "2", "1"], start=3):
        job.upload(version, arguments=arguments)
        recorded(job, number)
        time.sleep(1 - time.time() % 1)  # Last-Modified has whole seconds
    job.post("stop")
    job.ended(6)
    updated, *superseded, newest, stopped = job.operations()[1:]
    assert [o["result"]["outcome"] for o in superseded] == ["SUPERSEDED"] * 2
    assert [o["result"]["outcome"] for o in (updated, newest, stopped)] == ["SUCCEEDED"] * 3
    assert stopped["request"]["action"] == "STOP"
    assert stopped["result"]["endedAt"] < newest["result"]["endedAt"]
    assert "next START" in newest["result"]["message"]
    assert (job.status(), job.copies()) == ("STOPPED", [])
    assert job.ask("start")["result"]["outcome"] == "SUCCEEDED"
    job.written(100, "1")
    exact(job, "slow-checkpoints", "2", "1")
    assert len(job.savepoints_on_disk()) == 3


@pytest.mark.nightly("slow savepoints; tests/unit/session/test_inheriting.py has what comes after each stop")
@pytest.mark.parametrize("abandoned", ["update", "stop"])
def test_after_a_stop_is_abandoned_the_job_goes_on_from_its_savepoint(session_job: Job, abandoned: str) -> None:
    """The next operation waits for what is in flight: one stop, one copy, every number once."""
    job = session_job
    arguments = "--checkpoint-seconds 2 --checkpoint-interval 500"
    slow_job(job, arguments)
    if abandoned == "stop":
        job.post("stop")
    else:
        job.upload("1", arguments=arguments)
    stuck = stopping(job)
    ended = call(job, "POST", f"/api/operations/{stuck['id']}/abandon", {"evenIfBegun": True})
    assert ended["result"]["outcome"] == "ABANDONED"
    assert f"trigger {step(job, 'Stop')['detail'].split()[2]}" in ended["result"]["message"]  # type: ignore[index]
    job.upload("2", arguments=arguments)
    recorded(job, 3)
    assert job.ended(3)["result"]["outcome"] == "SUCCEEDED", job.operations()[-1]["result"]
    if abandoned == "stop":
        assert (job.status(), job.copies()) == ("STOPPED", [])
        assert job.ask("start")["result"]["outcome"] == "SUCCEEDED"
    job.written(100, "2")
    assert len(job.savepoints_on_disk()) == 1
    exact(job, "slow-checkpoints", "2")


@pytest.mark.nightly("tests/app/test_control.py holds one in the app, tests/wire/test_waiting.py takes the newest")
def test_paused_uploads_wait_and_the_newest_is_taken_on_resume(session_job: Job) -> None:
    """The copy is not touched meanwhile, by events and by the sweeper; the job shows what is held."""
    job = session_job
    job.upload("1")
    job.ended(1)
    copy = job.copies()
    uploads = f"/api/jobs/{job.name}/uploads"
    assert call(job, "PUT", uploads, {"paused": True}) == {"paused": True, "held": []}
    job.upload("2")
    held = eventually(lambda: call(job, "GET", uploads)["held"])
    job.run_now("sweep")
    assert job.copies() == copy
    assert job.get(f"/api/jobs/{job.name}")["uploads"]["held"][0]["id"] == held[0]["id"]
    assert job.get(f"/api/jobs/{job.name}")["open"] == []
    assert call(job, "PUT", uploads, {"paused": False}) == {"paused": False, "held": []}
    assert job.ended(2)["result"]["outcome"] == "SUCCEEDED"
    job.written(50, "2")
    exact(job, "1", "2")


def test_a_job_that_was_started_by_hand_is_adopted_and_updated(session_cloud: LocalCloud, new_job: NewJob) -> None:
    """Its state goes on in our first release; nobody else can have it, and there is nothing to go back to before."""
    job, another = new_job(session_cloud), new_job(session_cloud)
    flink = Flink(session_cloud.flink, session_cloud.flink_cluster.savepoint_directory)
    by_hand = flink.start("1", job.sink, arguments={"--rate": "400"})
    job.written(100, "1")
    adopted = job.ask("new", {"adopt": by_hand})["result"]
    assert (adopted["outcome"], "none to go back to" in adopted["message"]) == ("SUCCEEDED", True)
    shown = job.get(f"/api/jobs/{job.name}")
    assert (shown["status"], shown["flinkJobId"], shown["copy"]["adopted"]["parallelism"]) == ("RUNNING", by_hand, 2)
    refused = another.ask("new", {"adopt": by_hand})["result"]
    assert (refused["outcome"], refused["code"]) == ("REFUSED", "CopyOfAnotherJob")
    assert another.ask("new", {"adopt": "0" * 32})["result"]["code"] == "NothingToAdopt"
    job.upload("2")
    assert job.ended(2)["result"]["outcome"] == "SUCCEEDED", job.operations()[-1]["result"]
    assert flink.status(by_hand) == "FINISHED"
    job.written(100, "2")
    exact(job, "1", "2")


@pytest.mark.nightly("a job that was started by hand is adopted and updated, too, in two operations in place of one")
def test_a_job_whose_record_was_lost_goes_on_by_adoption(session_job: Job) -> None:
    """An upload that names the copy takes it over and updates it, in one operation."""
    job = session_job
    job.upload("1")
    job.ended(1)
    job.written(50, "1")
    (copy,) = job.copies()
    forget(job)
    job.upload("2", file="2.jar", adopt=copy)
    assert job.ended(2)["result"]["outcome"] == "SUCCEEDED", job.operations()[-1]["result"]
    job.written(50, "2")
    exact(job, "1", "2")


@pytest.mark.nightly("starts a second host")
def test_two_hosts_and_the_same_message_many_times_update_once(session_cloud: LocalCloud, new_job: NewJob) -> None:
    """The lease is in the record: whoever comes second goes away again."""
    job = new_job(session_cloud)
    second = session_cloud.start_second_app()
    try:
        job.upload("1")
        job.ended(1)
        job.written(50, "1")
        job.upload("2")
        recorded(job, 2)
        message = json.dumps({"job": job.name, "operation": job.operations()[-1]["id"]})
        with QueueServiceClient.from_connection_string(session_cloud.storage) as queues:
            for _ in range(6):
                queues.get_queue_client("operations").send_message(base64.b64encode(message.encode()).decode())
        updated = job.ended(2)
        assert updated["result"]["outcome"] == "SUCCEEDED", updated["result"]
        steps = [taken["step"] for taken in updated["steps"]]
        assert (steps.count("Stop"), steps.count("Start")) == (1, 1)
        assert len(job.savepoints_on_disk()) == 1
        job.written(50, "2")
        exact(job, "1", "2")
    finally:
        second.stop()
