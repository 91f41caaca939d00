"""What a job comes to whose JobManager or TaskManager dies: it goes on from its state, and never beside itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localcloud.up import LocalCloud

from .cloud import LOOP, eventually
from .conftest import NewJob, session_of
from .test_last_state import checkpoint_in, running, well
from .test_one_at_a_time import exact


@pytest.fixture(scope="module")
def mortal_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A session cluster of its own, whose JobManager may be killed; a TaskManager misses it after 10 s."""
    heartbeat = {"heartbeat.timeout": "10 s", "heartbeat.interval": "2 s"}
    with session_of(tmp_path_factory.mktemp("mortal"), **heartbeat) as cloud:
        yield cloud


def test_a_job_that_vanished_with_its_jobmanager_goes_on_when_no_taskmanager_can_run_it(
    mortal_cloud: LocalCloud, new_job: NewJob
) -> None:
    """The TaskManager goes on without the JobManager for a while: a start before its end would be a second copy."""
    job = new_job(mortal_cloud)
    running(job)
    mortal_cloud.flink_cluster.kill_jobmanager()
    mortal_cloud.flink_cluster.start_jobmanager()
    shown = job.get(f"/api/jobs/{job.name}")
    assert (shown["status"], checkpoint_in(shown["startsFrom"]["path"])) == ("VANISHED", True)
    mortal_cloud.flink_cluster.wait_for_taskmanager()
    assert checkpoint_in(well(job.ask("start"))["restoredFrom"])
    job.written(200, "1")
    exact(job, "1")


def test_an_update_of_a_job_whose_taskmanager_died_waits_for_another_one(
    mortal_cloud: LocalCloud, new_job: NewJob
) -> None:
    """Nothing is lost and nothing doubled, whether it can be saved by then or goes on from its checkpoint."""
    job, flink = new_job(mortal_cloud), mortal_cloud.flink_cluster
    job.upload("1", flinkConfiguration=LOOP)
    well(job.ended(1))
    job.written(100, "1")
    flink.kill_taskmanager()
    eventually(lambda: job.status() != "RUNNING")
    job.upload("2", flinkConfiguration=LOOP)
    eventually(lambda: len(job.operations()) == 2)
    flink.start_taskmanager()
    assert well(job.ended(2))["restoredFrom"]
    job.written(100, "2")
    exact(job, "1", "2")
