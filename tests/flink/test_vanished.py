"""What a job comes to whose JobManager or TaskManager dies: it goes on from its state, and never beside itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from localcloud.up import LocalCloud

from .cloud import LOOP, Job, eventually
from .conftest import IMPATIENT, NewJob
from .test_last_state import checkpoint_in, running, well
from .test_one_at_a_time import exact


@pytest.fixture
def careful_cloud(session_cloud: LocalCloud) -> Iterator[LocalCloud]:
    """The session cloud, where a copy takes long to be proved, and what is lost has time to come back."""
    with changed(session_cloud, {"SETTLE_SECONDS": "6", "START_DEADLINE_SECONDS": "300"}):
        yield session_cloud


@pytest.fixture
def brief_cloud(session_cloud: LocalCloud) -> Iterator[LocalCloud]:
    """The same cloud, where a start is soon late."""
    with changed(session_cloud, {"SETTLE_SECONDS": "6", "START_DEADLINE_SECONDS": "25"}):
        yield session_cloud


@contextmanager
def changed(cloud: LocalCloud, settings: dict[str, str]) -> Iterator[None]:
    """Run the app with other settings, and afterwards as before."""
    cloud.restart_app(settings)
    yield
    cloud.restart_app({name: IMPATIENT[name] for name in settings})


def test_a_job_that_vanished_with_its_jobmanager_goes_on_when_no_taskmanager_can_run_it(
    session_cloud: LocalCloud, new_job: NewJob
) -> None:
    """The TaskManager goes on without the JobManager for a while: a start before its end would be a second copy."""
    job = new_job(session_cloud)
    running(job)
    session_cloud.flink_cluster.kill_jobmanager()
    session_cloud.flink_cluster.start_jobmanager()
    shown = job.get(f"/api/jobs/{job.name}")
    assert (shown["status"], checkpoint_in(shown["startsFrom"]["path"])) == ("VANISHED", True)
    session_cloud.flink_cluster.wait_for_taskmanager()
    assert checkpoint_in(well(job.ask("start"))["restoredFrom"])
    job.written(200, "1")
    exact(job, "1")


@pytest.mark.nightly("waits for heartbeats, and for a cluster that comes back")
def test_an_update_of_a_job_whose_taskmanager_died_waits_for_another_one(
    careful_cloud: LocalCloud, new_job: NewJob
) -> None:
    """Nothing is lost and nothing doubled, whether it can be saved by then or goes on from its checkpoint."""
    job, flink = new_job(careful_cloud), careful_cloud.flink_cluster
    job.upload("1", flinkConfiguration=LOOP)
    well(job.ended(1))
    job.written(100, "1")
    flink.kill_taskmanager()
    eventually(lambda: job.status() != "RUNNING")
    job.upload("2", flinkConfiguration=LOOP)
    eventually(lambda: len(job.operations()) == 2)
    flink.start_taskmanager()
    assert well(job.ended(2, seconds=180))["restoredFrom"]
    job.written(100, "2")
    exact(job, "1", "2")


def proving(job: Job) -> str:
    """Upload version 2 and return the id of its copy, once that has committed something and is not proved yet."""
    job.upload("1", flinkConfiguration=LOOP)
    well(job.ended(1))
    job.written(100, "1")
    job.upload("2", flinkConfiguration=LOOP)
    job.written(1, "2")
    assert "result" not in job.operations()[-1]
    return job.copies()[0]


def settling(job: Job) -> str:
    """Return the id of the copy that the second operation started, once its tasks run."""
    eventually(lambda: [it for it in job.operations()[1:] if "Start" in [step["step"] for step in it["steps"]]])
    copy: str = eventually(job.copies)[0]
    eventually(lambda: tasks_run(job, copy))
    return copy


def tasks_run(job: Job, copy: str) -> bool:
    """Whether all tasks of a Flink job run."""
    return all(it["status"] == "RUNNING" for it in job.flink(f"/jobs/{copy}")["vertices"])


@pytest.mark.nightly("waits for heartbeats, and for a cluster that comes back")
def test_a_release_is_not_blamed_for_taskmanagers_that_are_lost_while_it_proves_itself(
    careful_cloud: LocalCloud, new_job: NewJob
) -> None:
    """Three of them, as in a node drain, and one is away so long that Flink tries in vain again and again."""
    job, flink = new_job(careful_cloud), careful_cloud.flink_cluster
    copy = proving(job)
    for failed in (3, 1, 1):
        flink.kill_taskmanager()
        known = exceptions(job, copy)
        eventually(lambda known=known, failed=failed: exceptions(job, copy) >= min(known + failed, 16))  # type: ignore[misc]
        flink.start_taskmanager()
        eventually(lambda: tasks_run(job, copy))
    updated = job.ended(2, seconds=180)
    well(updated)
    assert (job.copies(), [it["step"] for it in updated["steps"]].count("Start")) == ([copy], 1)
    exact(job, "1", "2")


@pytest.mark.nightly("waits for heartbeats, and for a deadline")
def test_a_release_is_not_blamed_for_a_taskmanager_that_stays_away(brief_cloud: LocalCloud, new_job: NewJob) -> None:
    """It has committed nothing, so going back would lose nothing; yet nothing speaks against it, and it goes on."""
    job, flink = new_job(brief_cloud), brief_cloud.flink_cluster
    job.upload("1", flinkConfiguration=LOOP)
    well(job.ended(1))
    job.written(100, "1")
    job.upload("2", file="2.jar", flinkConfiguration=LOOP, arguments="--checkpoint-interval 600000")
    copy = settling(job)
    flink.kill_taskmanager()
    result = job.ended(2, seconds=180)["result"]
    assert (result["outcome"], job.copies()) == ("UNPROVEN", [copy])
    assert "it completed no checkpoint" in result["message"]
    flink.start_taskmanager()
    eventually(lambda: job.status() == "RUNNING")
    job.ask("savepoint")
    exact(job, "1", "2")


def exceptions(job: Job, copy: str) -> int:
    """Return how many exceptions Flink knows of; it keeps 16."""
    return len(job.flink(f"/jobs/{copy}/exceptions?maxExceptions=16")["exceptionHistory"]["entries"])


@pytest.mark.nightly("waits for heartbeats, and for a cluster that comes back")
@pytest.mark.parametrize("checkpoints", ["often", "never"])
def test_a_copy_whose_jobmanager_is_lost_while_it_proves_itself_is_started_again_from_its_newest_state(
    careful_cloud: LocalCloud, new_job: NewJob, checkpoints: str
) -> None:
    """From its own newest checkpoint, or (where it completed none) from what it was started from."""
    job, flink = new_job(careful_cloud), careful_cloud.flink_cluster
    job.upload("1", flinkConfiguration=LOOP)
    well(job.ended(1))
    job.written(100, "1")
    seldom = "--checkpoint-interval 600000" if checkpoints == "never" else ""
    job.upload("2", file="2.jar", flinkConfiguration=LOOP, arguments=seldom)
    settling(job)
    if checkpoints == "often":
        job.written(1, "2")
    flink.kill_jobmanager()
    flink.start_jobmanager()
    flink.wait_for_taskmanager()
    updated = job.ended(2, seconds=180)
    well(updated)
    steps = [it["step"] for it in updated["steps"]]
    assert steps.count("Start") == 2
    # Flink takes the first one of a long interval at a random time, and a slow kill comes after the app's own.
    assert checkpoint_in(updated["result"]["restoredFrom"]) or checkpoints == "never"
    job.ask("savepoint")
    exact(job, "1", "2")


@pytest.mark.nightly("waits for heartbeats, and for a cluster that comes back")
def test_an_update_whose_taskmanager_is_lost_at_the_savepoints_moment_is_made_all_the_same(
    careful_cloud: LocalCloud, new_job: NewJob
) -> None:
    """Its stop is made again once the job runs again."""
    job, flink = new_job(careful_cloud), careful_cloud.flink_cluster
    slow = "--checkpoint-seconds 2 --checkpoint-interval 500"
    job.upload("slow-checkpoints", arguments=slow, flinkConfiguration=LOOP)
    well(job.ended(1))
    job.written(100, "slow-checkpoints")
    job.upload("2", file="2.jar", flinkConfiguration=LOOP)
    eventually(lambda: [it for it in job.operations()[-1].get("steps", []) if it["step"] == "Stop"])
    flink.kill_taskmanager()
    flink.start_taskmanager()
    updated = job.ended(2, seconds=180)
    well(updated)
    job.written(100, "2")
    exact(job, "slow-checkpoints", "2")
