"""A savepoint that a job.json names counts once."""

from __future__ import annotations

from .cloud import Job, jar
from .test_bad_input import forget
from .test_last_state import running, well

NOT_USED = "savePointName of job.json was not used"


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
