"""A job that cannot be saved, or is not there any more, goes on from the newest state that it left; or not at all."""

from __future__ import annotations

import pytest

from examples.count import count
from localcloud.up import LocalCloud
from tests.examples.rest import Flink

from .cloud import LOOP, Job, Json, eventually
from .conftest import NewJob
from .test_one_at_a_time import exact

DELETING = {"execution.checkpointing.externalized-checkpoint-retention": "DELETE_ON_CANCELLATION"}


def running(job: Job, version: str = "1") -> None:
    """Have a version running, with output."""
    job.upload(version)
    assert job.ended(1)["result"]["outcome"] == "SUCCEEDED", job.operations()[-1]["result"]
    job.written(100, version)


def checkpoint_in(path: object) -> bool:
    """Whether a path names a retained checkpoint, not a savepoint."""
    return "/chk-" in str(path)


def well(ended: Json) -> Json:
    """Return the result of an operation that has succeeded."""
    result: Json = ended["result"]
    assert result["outcome"] == "SUCCEEDED", result
    return result


def test_a_last_state_update_goes_on_from_the_last_checkpoint_without_a_savepoint(session_job: Job) -> None:
    """Cancel, then the new release from what the cancel left; every number once."""
    job = session_job
    running(job)
    updated = well(job.ask("last-state-update", job.release_body("2")))
    assert checkpoint_in(updated["restoredFrom"])
    assert job.savepoints_on_disk() == []
    job.written(100, "2")
    exact(job, "1", "2")


@pytest.mark.nightly("the way back is that of every update")
def test_a_bad_last_state_update_leads_back_to_the_old_release_from_the_same_checkpoint(session_job: Job) -> None:
    """The bad copy wrote nothing, so the old one goes on as if nothing had been."""
    job = session_job
    running(job)
    result = job.ask("last-state-update", job.release_body("fails-at-run-time"))["result"]
    assert (result["outcome"], checkpoint_in(result["restoredFrom"])) == ("ROLLED_BACK", True), result
    exact(job, "1")


@pytest.mark.nightly("the state that a last-state update starts from")
def test_a_cancelled_job_is_started_from_the_checkpoint_that_the_cancel_left(session_job: Job) -> None:
    """RE_LAUNCH starts what was not stopped; the second time START does."""
    job = session_job
    running(job)
    for action in ("re-launch", "start"):
        before = count(job.sink, running=True).by_version["1"]
        assert well(job.ask("cancel"))
        assert checkpoint_in(well(job.ask(action))["restoredFrom"])
        job.written(before + 100, "1")
    exact(job, "1")


@pytest.mark.nightly("tests/unit/session cancels it; it goes on from a checkpoint like any last-state update")
def test_the_fix_of_a_crash_loop_is_an_upload(session_job: Job) -> None:
    """It cannot be saved; it is cancelled and goes on from its newest checkpoint: nothing is lost, nothing doubled."""
    job = session_job
    job.upload("crash-loops", flinkConfiguration=LOOP)
    failed = job.ended(1)["result"]
    assert failed["outcome"] in ("FAILED", "SUCCEEDED")  # it looks well for a while
    eventually(lambda: job.flink(f"/jobs/{job.copies()[0]}/checkpoints")["counts"]["restored"] >= 2)
    job.upload("2", flinkConfiguration=LOOP)
    assert well(job.ended(2))["restoredFrom"]
    job.written(100, "2")
    exact(job, "crash-loops", "2")


@pytest.mark.nightly("tests/wire/test_flink_client.py tells what a cancel deletes, tests/unit/session refuses it")
def test_a_checkpoint_that_a_cancel_would_delete_is_never_relied_on(session_cloud: LocalCloud, new_job: NewJob) -> None:
    """A job that somebody else started, without retained checkpoints: it runs on, and the refusal says why."""
    job = new_job(session_cloud)
    flink = Flink(session_cloud.flink, session_cloud.flink_cluster.savepoint_directory)
    by_hand = flink.start("1", job.sink, arguments={"--rate": "400"}, configuration=DELETING)
    job.written(100, "1")
    assert job.ask("new", {"adopt": by_hand})["result"]["outcome"] == "SUCCEEDED"
    body = job.release_body("2")
    refused = job.ask("last-state-update", body)["result"]
    assert (refused["outcome"], refused["code"]) == ("REFUSED", "CheckpointNotRetained")
    assert flink.status(by_hand) == "RUNNING"
    assert job.ask("cancel")["result"]["outcome"] == "SUCCEEDED"


@pytest.mark.nightly("a refusal that the unit tests have")
def test_an_unaligned_checkpoint_is_not_taken_for_another_release_by_itself(session_job: Job) -> None:
    """It holds records under way, which belong to the job graph that wrote it."""
    job = session_job
    job.upload("1", flinkConfiguration={"execution.checkpointing.unaligned.enabled": "true"})
    job.ended(1)
    job.written(100, "1")
    body = job.release_body("2")
    refused = job.ask("last-state-update", body)["result"]
    assert (refused["outcome"], refused["code"]) == ("REFUSED", "UnalignedCheckpoint")
    allowed = job.ask("last-state-update", body | {"allowUnalignedCheckpoint": True})
    assert checkpoint_in(well(allowed)["restoredFrom"])
    job.written(100, "2")
    exact(job, "1", "2")
