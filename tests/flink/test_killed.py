"""What is left when the app is killed with SIGKILL in the middle of an update: the same update, once."""

from __future__ import annotations

import pytest

from .cloud import Job, Json, eventually

SLOW_SAVEPOINT = "--checkpoint-seconds 2 --checkpoint-interval 500"


def step(job: Job, name: str) -> Json | None:
    """Return a step of the newest operation once it is written down."""
    operations = job.operations()
    steps = [taken for taken in operations[-1].get("steps", []) if taken["step"] == name] if operations else []
    return steps[0] if steps else None


@pytest.mark.nightly("one moment more; the crash matrix has them all")
def test_an_update_killed_while_its_savepoint_is_written_is_carried_on(session_job: Job) -> None:
    """One stop, one savepoint, one copy, and every number once: another driver goes on from the record."""
    job = session_job
    job.upload("slow-checkpoints", arguments=SLOW_SAVEPOINT)
    job.ended(1)
    job.written(100, "slow-checkpoints")
    job.upload("2", file="2.jar")
    eventually(lambda: step(job, "Stop"))
    job.cloud.kill_app()
    job.cloud.start_app()
    updated = job.ended(2)
    assert updated["result"]["outcome"] == "SUCCEEDED", updated["result"]
    one_copy_and_every_number_once(job, "2")


def test_an_update_killed_while_its_start_is_under_way_makes_one_copy(session_job: Job) -> None:
    """main() of the new version is running on the JobManager when the app dies: no second one is started beside it."""
    job = session_job
    job.upload("1")
    job.ended(1)
    job.written(100, "1")
    job.upload("slow-main", file="2.jar", arguments="--main-seconds 4")
    eventually(lambda: step(job, "Start"))
    job.cloud.kill_app()
    job.cloud.start_app()
    updated = job.ended(2)
    assert updated["result"]["outcome"] == "SUCCEEDED", updated["result"]
    one_copy_and_every_number_once(job, "slow-main")


def one_copy_and_every_number_once(job: Job, version: str) -> None:
    """Check the job after an update: what runs, what was saved, and, after a stop, what was committed."""
    job.written(100, version)
    assert len(job.copies()) == 1
    assert len(job.savepoints_on_disk()) == 1
    job.ask("stop")
    counted = job.counted()
    assert (counted.lost, counted.duplicated, counted.state_mismatches) == (0, 0, 0)
    assert len(counted.stretches) == 2
