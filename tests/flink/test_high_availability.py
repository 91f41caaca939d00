"""What a job and its update come to when the leading JobManager dies and the one that stands by takes over: nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localcloud.up import LocalCloud

from .cloud import Job, eventually
from .conftest import NewJob
from .test_killed import step
from .test_last_state import running, well
from .test_one_at_a_time import exact

pytestmark = pytest.mark.nightly("two JobManagers and ZooKeeper want the cores for themselves")


@pytest.fixture
def available_job(available_cloud: LocalCloud, new_job: NewJob) -> Iterator[Job]:
    """A job there; in the end both JobManagers run again."""
    leader = available_cloud.flink_cluster.leader
    assert leader is not None
    yield new_job(available_cloud)
    available_cloud.flink_cluster.kill_jobmanager(leader)  # where the test did not come to it
    available_cloud.flink_cluster.start_jobmanager(leader)


def kill_the_leader(job: Job) -> None:
    """Kill the JobManager that leads."""
    leader = job.cloud.flink_cluster.leader
    assert leader is not None
    job.cloud.flink_cluster.kill_jobmanager(leader)


def test_an_update_that_comes_while_no_jobmanager_leads_goes_on_when_one_does(available_job: Job) -> None:
    """The app asks at one URL; nothing is lost and nothing doubled, and the job is stopped with a savepoint."""
    running(available_job)
    kill_the_leader(available_job)
    available_job.upload("2", file="2.jar")
    updated = well(available_job.ended(2, seconds=180))
    assert "/savepoint-" in updated["restoredFrom"]
    available_job.written(100, "2")
    exact(available_job, "1", "2")


def test_an_update_whose_jobmanager_dies_while_the_new_copy_starts_goes_on_with_the_next_one(
    available_job: Job,
) -> None:
    """The copy that was started is the copy that proves itself, on the other JobManager."""
    running(available_job)
    available_job.upload("2", file="2.jar")
    eventually(lambda: step(available_job, "Start"))
    kill_the_leader(available_job)
    well(available_job.ended(2, seconds=180))
    available_job.written(100, "2")
    exact(available_job, "1", "2")
