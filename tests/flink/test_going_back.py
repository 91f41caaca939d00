"""What going back to an earlier release does to a running job: its state goes on, in the code it ran before."""

from __future__ import annotations

import pytest

from .cloud import Job

pytestmark = pytest.mark.nightly("an update like any other; the stand-in for Flink shows what is its own")


def test_a_job_goes_back_to_an_earlier_release_with_its_state(session_job: Job) -> None:
    """No number is lost, none is written twice, and the old version begins right after the new one's last number."""
    job = session_job
    job.upload("1")
    assert job.ended(1)["result"]["outcome"] == "SUCCEEDED"
    job.written(100, "1")
    job.upload("2", file="2.jar", arguments="--checkpoint-interval 400", savepointFormat="NATIVE")
    assert job.ended(2)["result"]["outcome"] == "SUCCEEDED"
    job.written(100, "2")
    newer, older = job.get(f"/api/jobs/{job.name}/releases")["releases"]
    assert [(each["jarName"], each["running"], each["available"]) for each in (newer, older)] == [
        ("2.jar", True, True),
        ("job.jar", False, True),
    ]
    before = job.counted().by_version["1"]
    back = job.ask("update", {"release": older["id"][:12]})
    assert back["result"]["outcome"] == "SUCCEEDED", back["result"]
    assert back["release"]["id"] == older["id"]
    assert f"went back to the release job.jar {older['id'][:12]}" in back["result"]["message"]
    assert back["result"]["restoredFrom"] == back["result"]["savepoint"]
    job.written(before + 100, "1")
    assert job.get(f"/api/jobs/{job.name}")["release"]["spec"] == older["spec"]
    assert job.ask("stop")["result"]["outcome"] == "SUCCEEDED"
    counted = job.counted()
    assert (counted.lost, counted.duplicated, counted.state_mismatches) == (0, 0, 0)
    assert [stretch.version for stretch in counted.stretches] == ["1", "2", "1"]
    assert counted.stretches[2].first == counted.stretches[1].last + 1
