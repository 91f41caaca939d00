"""What an uploaded jar does to a running job: its state goes on, or everything needed to go on is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.up import LocalCloud

from .cloud import LOOP, Job, eventually
from .conftest import NewJob

NIGHTLY = pytest.mark.nightly("the same way back as from a jar that fails at run time")


@pytest.mark.parametrize("cloud", ["session", "hdinsight"], indirect=True)
def test_an_uploaded_jar_goes_on_from_the_state_of_the_one_before(job: Job) -> None:
    """No number is lost, none is written twice, and the new version begins right after the old one's last number."""
    job.upload("1")
    assert job.ended(1)["result"]["outcome"] == "SUCCEEDED"
    job.written(200, "1")
    job.upload("2")
    updated = job.ended(2)
    assert updated["result"]["outcome"] == "SUCCEEDED", updated["result"]
    job.written(200, "2")
    assert job.status() == "RUNNING"
    assert len(job.copies()) == 1
    stopped = job.ask("stop")
    assert stopped["result"]["outcome"] == "SUCCEEDED"
    assert job.status() == "STOPPED"
    counted = job.counted()
    assert (counted.lost, counted.duplicated, counted.state_mismatches) == (0, 0, 0)
    assert [stretch.version for stretch in counted.stretches] == ["1", "2"]
    assert counted.stretches[1].first == counted.stretches[0].last + 1
    assert len(job.savepoints_on_disk()) == 2  # the update's and the stop's


def test_every_other_action_does_what_its_name_says(job: Job) -> None:
    """From a start to a deletion, as the API's table has it."""
    job.upload("1")
    job.ended(1)
    job.written(50, "1")
    taken = job.ask("savepoint")
    assert taken["result"]["outcome"] == "SUCCEEDED", taken["result"]
    assert job.status() == "RUNNING"
    stopped = job.ask("stop")
    saved = stopped["result"]["savepoint"]
    started = job.ask("start")
    assert started["result"]["outcome"] == "SUCCEEDED", started["result"]
    copy = eventually(job.copies)[0]
    restored = eventually(lambda: job.flink(f"/jobs/{copy}/checkpoints")["latest"]["restored"])
    assert restored["external_path"].removeprefix("file:").lstrip("/") == saved.removeprefix("file:").lstrip("/")
    listed = job.ask("list-savepoint")["result"]
    assert listed["outcome"] == "SUCCEEDED"
    if job.cloud.cluster == "session":
        sizes = [
            sum(file.stat().st_size for file in Path(s["path"].removeprefix("file:")).rglob("*"))
            for s in listed["savepoints"]
        ]
        assert [s["sizeBytes"] for s in listed["savepoints"]] == sizes
    fresh = job.ask("stateless-update")
    assert fresh["result"]["outcome"] == "SUCCEEDED", fresh["result"]
    newest = eventually(job.copies)[0]
    assert job.flink(f"/jobs/{newest}/checkpoints")["latest"]["restored"] is None
    assert job.ask("cancel")["result"]["outcome"] == "SUCCEEDED"
    assert job.copies() == []
    assert job.ask("delete")["result"]["outcome"] == "SUCCEEDED"


@pytest.mark.nightly("tests/faults has it on the stand-in, and every other action a fresh start on Flink")
def test_a_jar_in_the_stateless_folder_starts_afresh_and_keeps_the_way_back(job: Job) -> None:
    """The old copy is stopped with a savepoint, which is kept; the new one begins at the first number."""
    job.upload("1", folder="stateless")
    job.ended(1)
    job.written(50, "1")
    job.upload("2", folder="stateless")
    updated = job.ended(2)
    assert updated["result"]["outcome"] == "SUCCEEDED", updated["result"]
    assert len(job.savepoints_on_disk()) == 1
    job.written(50, "2")
    job.ask("stop")
    assert job.counted().duplicated > 0


@pytest.mark.parametrize(
    ("cloud", "version"),
    [
        pytest.param("session", "one-operator-fewer", marks=NIGHTLY),
        pytest.param("session", "incompatible-state", marks=NIGHTLY),
        ("session", "fails-at-run-time"),
        ("hdinsight", "fails-at-run-time"),
    ],
    indirect=["cloud"],
)
def test_a_jar_that_does_not_start_well_leads_back_to_the_old_release(job: Job, version: str) -> None:
    """The old code goes on from the same state, the operation says why, and no number is lost or written twice."""
    job.upload("1")
    job.ended(1)
    job.written(100, "1")
    job.upload(version)
    result = job.ended(2)["result"]
    assert result["outcome"] == ("ROLLED_BACK" if job.cloud.cluster == "session" else "FAILED"), result
    assert job.status() == "RUNNING"
    (copy,) = job.copies()
    (savepoint,) = job.savepoints_on_disk()
    assert savepoint.parent.name in result["message"]
    restored = eventually(lambda: job.flink(f"/jobs/{copy}/checkpoints")["latest"]["restored"])
    assert savepoint.parent.name in restored["external_path"] or not restored["is_savepoint"]
    job.written(job.counted().by_version["1"] + 100, "1")
    assert job.ask("stop")["result"]["outcome"] == "SUCCEEDED"
    counted = job.counted()
    assert (counted.lost, counted.duplicated, counted.state_mismatches) == (0, 0, 0)


@pytest.mark.nightly("tests/unit/session/test_proof.py has what each restart means for the proof")
def test_a_copy_that_restarts_once_by_itself_is_not_rolled_back(session_job: Job) -> None:
    """Its restart begins the settling anew; then it is proved like any other."""
    job = session_job
    job.upload("1")
    job.ended(1)
    job.written(100, "1")
    job.upload("fails-once", file="2.jar", arguments="--crash-after-checkpoints 1")
    result = job.ended(2)["result"]
    assert result["outcome"] == "SUCCEEDED", result
    job.written(100, "fails-once")
    job.ask("stop")
    counted = job.counted()
    assert (counted.lost, counted.duplicated, counted.state_mismatches) == (0, 0, 0)


@pytest.mark.nightly("restarts the app twice, and crashes for a while")
def test_a_crash_loop_that_completes_checkpoints_is_kept_unproven_and_the_next_jar_goes_on_from_it(
    session_job: Job, patient: LocalCloud
) -> None:
    """Each of its checkpoints made output visible: to go back behind them would write it again."""
    job = session_job
    assert job.cloud is patient
    job.upload("1", flinkConfiguration=LOOP)
    job.ended(1)
    job.written(100, "1")
    job.upload("crash-loops", flinkConfiguration=LOOP)
    result = job.ended(2)["result"]
    assert (result["outcome"], "is committed" in result["message"]) == ("UNPROVEN", True), result
    assert int(result["message"].partition("it completed ")[2].split()[0]) >= 3
    job.upload("2", flinkConfiguration=LOOP)
    mended = job.ended(3)["result"]
    assert mended["outcome"] == "SUCCEEDED", mended
    job.written(200, "2")
    job.ask("stop")
    counted = job.counted()
    assert (counted.lost, counted.duplicated, counted.state_mismatches) == (0, 0, 0)
    assert set(counted.by_version) == {"1", "crash-loops", "2"}


@pytest.mark.nightly("one branch of the way back")
def test_on_failure_stop_leaves_the_job_stopped_with_its_savepoint(session_job: Job) -> None:
    """For sinks that must not replay: nothing is started again, and a START from the savepoint goes on exactly."""
    job = session_job
    job.upload("1", onFailure="stop")
    job.ended(1)
    job.written(100, "1")
    job.upload("fails-at-run-time", onFailure="stop")
    result = job.ended(2)["result"]
    assert result["outcome"] == "FAILED", result
    assert job.copies() == []
    (savepoint,) = job.savepoints_on_disk()
    started = job.ask("start", {"savePointName": savepoint.parent.name})["result"]
    assert started["outcome"] == "SUCCEEDED", started
    job.written(200, "1")
    job.ask("stop")
    counted = job.counted()
    assert (counted.lost, counted.duplicated) == (0, 0)


@pytest.mark.nightly("tests/faults has such a start refused on the stand-in, tests/clusters on Flink")
def test_a_first_jar_that_never_started_leaves_the_way_free_for_the_next(job: Job) -> None:
    """Nothing ran, so there is no state to lose: the mended jar starts the job."""
    job.upload("throws-in-main")
    assert job.ended(1)["result"]["outcome"] == ("REFUSED" if job.cloud.cluster == "session" else "FAILED")
    job.upload("1")
    started = job.ended(2)["result"]
    assert started["outcome"] == "SUCCEEDED", started
    job.written(50, "1")


@pytest.mark.nightly("tests/wire/test_periodic.py chooses the jobs; every other action takes a savepoint")
def test_a_periodic_savepoint_is_taken_of_a_job_that_runs(session_cloud: LocalCloud, new_job: NewJob) -> None:
    """The timer asks for one where none is young; a job that is stopped gets none."""
    job, another = new_job(session_cloud), new_job(session_cloud)
    job.upload("1")
    job.ended(1)
    job.run_now("take_savepoints")
    taken = job.ended(2)
    assert (taken["request"]["action"], taken["cause"]["kind"]) == ("SAVEPOINT", "timer")
    assert taken["result"]["outcome"] == "SUCCEEDED"
    job.ask("stop")
    another.upload("1")
    another.ended(1)
    job.run_now("take_savepoints")
    assert another.ended(2)["cause"]["kind"] == "timer"
    assert len(job.operations()) == 3


@pytest.mark.nightly("tests/unit/session/test_table.py records it and starts nothing; every other action has a START")
def test_an_upload_to_a_stopped_job_is_what_its_next_start_runs(job: Job) -> None:
    """Nothing starts by itself after somebody stopped it."""
    job.upload("1")
    job.ended(1)
    job.written(50, "1")
    job.ask("stop")
    job.upload("2")
    assert job.ended(3)["result"]["outcome"] == "SUCCEEDED"
    assert job.copies() == []
    started = job.ask("start")
    assert started["result"]["outcome"] == "SUCCEEDED", started["result"]
    job.written(50, "2")
    job.ask("stop")
    counted = job.counted()
    assert (counted.lost, counted.duplicated) == (0, 0)
