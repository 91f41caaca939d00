"""A named savepoint counts once, a wrong name costs nothing, and nothing is started beside another copy."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
import requests

from .cloud import Job, eventually, jar
from .test_bad_input import forget
from .test_last_state import running, well
from .test_one_at_a_time import exact

NIGHTLY = pytest.mark.nightly("the look before the start of an update; tests/unit/session/test_namesakes.py has each")
NOT_USED = "savePointName was not used"


def test_a_job_json_that_names_a_savepoint_takes_its_job_there_once(session_job: Job) -> None:
    """As after a lost ledger: the next plain jar goes on from its own stop, with the same job.json beside it."""
    job = session_job
    running(job)
    saved = well(job.ask("stop"))["savepoint"]
    forget(job)
    job.upload("2", file="2.jar", savePointName=saved)
    started = well(job.ended(3))
    assert (started["restoredFrom"], NOT_USED in started["message"]) == (saved.replace(":/", ":///"), False)
    job.written(200, "2")
    job.put("2.jar", jar("1"))
    updated = well(job.ended(4))
    assert updated["restoredFrom"] == updated["savepoint"] != saved
    assert f"{NOT_USED}: operation {job.operations()[2]['id']} took" in updated["message"]
    job.written(job.counted().by_version["1"] + 100, "1")
    assert well(job.ask("stop"))
    counted = job.counted()
    assert (counted.lost, counted.duplicated, counted.state_mismatches) == (0, 0, 0)
    assert [stretch.version for stretch in counted.stretches] == ["1", "2", "1"]


@pytest.mark.nightly("tests/unit/session refuses each name before anything is touched")
def test_an_update_from_a_savepoint_that_is_not_there_leaves_the_job_as_it_is(session_job: Job) -> None:
    """By a bare name and by a path, by a call and by an upload: the same copy runs on, and its output is whole."""
    job = session_job
    running(job)
    before = job.copies()
    there = Path(well(job.ask("savepoint"))["savepoint"].removeprefix("file:"))
    for name in ("savepoint-9", there.parent.joinpath("savepoint-9").as_uri(), there.parent.as_uri()):
        refused = job.ask("update", {"savePointName": name})
        result = refused["result"]
        assert (result["outcome"], result["code"]) == ("REFUSED", "SavepointNotFound"), result
        assert [step["step"] for step in refused["steps"]] == []
    assert job.copies() == before
    assert len(job.savepoints_on_disk()) == 1
    job.upload("2", file="2.jar", savePointName="file:///elsewhere/savepoint-9")
    assert NOT_USED in well(job.ended(6))["message"]
    job.written(100, "2")
    exact(job, "1", "2")


@pytest.mark.parametrize(
    "action", ["update", pytest.param("start", marks=NIGHTLY), pytest.param("stateless-update", marks=NIGHTLY)]
)
def test_nothing_is_started_beside_a_copy_that_somebody_else_started(session_job: Job, action: str) -> None:
    """A stopped job is not started, and a running one not touched, until the other one is gone."""
    job = session_job
    running(job)
    if action == "start":
        well(job.ask("stop"))
    ours = job.copies()
    other = started_by_hand(job)
    assert sorted(job.copies()) == sorted([*ours, other])
    refused = job.ask(action)["result"]
    assert (refused["outcome"], refused["code"]) == ("REFUSED", "JobRunsAlready"), refused
    assert other in refused["message"]
    assert sorted(job.copies()) == sorted([*ours, other])
    requests.patch(f"{job.cloud.flink}/jobs/{other}", timeout=30).raise_for_status()
    eventually(lambda: job.copies() == ours)
    if action != "stateless-update":
        well(job.ask(action))
        exact(job, "1")


def started_by_hand(job: Job, **spec: object) -> str:
    """Start a copy of the job from Flink's own jars, with a sink of its own."""
    flink, flink_job_id = job.cloud.flink, uuid.uuid4().hex
    form = {"jarfile": ("by-hand.jar", jar("1"), "application/x-java-archive")}
    uploaded = requests.post(f"{flink}/jars/upload", files=form, timeout=60).json()["filename"].rpartition("/")[2]
    body = {
        "jobId": flink_job_id,
        "programArgsList": ["--sink", job.sink.with_name(f"{job.name}-by-hand").as_uri(), "--rate", "400"],
        "flinkConfiguration": {"pipeline.name": job.name},
        "parallelism": 1,
        **spec,
    }
    requests.post(f"{flink}/jars/{uploaded}/run", json=body, timeout=60).raise_for_status()
    return flink_job_id
