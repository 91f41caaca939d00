"""What a release that cannot be does to a running job: nothing. It is found out before the old copy is stopped."""

from __future__ import annotations

import pytest

from .cloud import Job, Json

NIGHTLY = pytest.mark.nightly("refused like a jar that would drop state; tests/clusters has Flink's cause")


def untouched(job: Job, copies: list[str], operation: Json) -> None:
    """Check that the same copy runs on, and that no savepoint was taken for it."""
    assert job.copies() == copies
    assert job.status() == "RUNNING"
    assert job.savepoints_on_disk() == []
    assert "Stop" not in [step["step"] for step in operation["steps"]]


@pytest.mark.parametrize(
    ("cloud", "version", "words"),
    [
        pytest.param("session", "throws-in-main", "throws in main()", marks=NIGHTLY),
        pytest.param("session", "exits-in-main", "attempted to exit JVM", marks=NIGHTLY),
        pytest.param("hdinsight", "exits-in-main", "attempted to exit JVM", marks=NIGHTLY),
    ],
    indirect=["cloud"],
)
def test_a_jar_whose_main_fails_leaves_the_job_untouched(job: Job, version: str, words: str) -> None:
    """The operation has Flink's cause; the job goes on, and the next good jar updates it."""
    session = job.cloud.cluster == "session"
    job.upload("1")
    job.ended(1)
    job.written(50, "1")
    copies = job.copies()
    job.upload(version)
    refused = job.ended(2)
    assert refused["result"]["outcome"] == ("REFUSED" if session else "FAILED"), refused["result"]
    assert words in refused["result"]["message"]
    untouched(job, copies, refused)
    if session:
        assert (refused["result"]["code"], refused["checked"]["verdict"]) == ("PlanFailed", "REFUSED")
        taken = [step["step"] for step in refused["steps"]]
        assert taken in (["Keep", "UploadJar", "Check"], ["Keep", "Check"])  # the jar may lie on the cluster already
    job.upload("2")
    assert job.ended(3)["result"]["outcome"] == "SUCCEEDED"


def test_a_jar_that_would_drop_state_leaves_the_job_untouched_unless_it_may(session_job: Job) -> None:
    """The operator is named; with allowNonRestoredState the same jar goes on without that operator's state."""
    job = session_job
    job.upload("one-operator-more")
    job.ended(1)
    job.written(50, "one-operator-more")
    copies = job.copies()
    job.upload("2")
    refused = job.ended(2)
    assert (refused["result"]["outcome"], refused["result"]["code"]) == ("REFUSED", "StateWouldBeDropped")
    assert "'remember'" in refused["result"]["message"]
    untouched(job, copies, refused)
    job.upload("2", allowNonRestoredState=True)
    updated = job.ended(3)
    assert updated["result"]["outcome"] == "SUCCEEDED", updated["result"]
    assert "'remember'" in updated["checked"]["warnings"][0]
    job.written(50, "2")
    job.ask("stop")
    counted = job.counted()
    assert (counted.lost, counted.duplicated, counted.state_mismatches) == (0, 0, 0)


def test_health_does_not_warn_of_a_cluster_that_main_cannot_end(session_job: Job) -> None:
    """The local cluster turns System.exit into an exception."""
    assert "cluster.intercept-user-system-exit" not in str(session_job.get("/api/health"))
