"""What is kept of savepoints and jars, and what goes: on the disk of a real Flink."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from pathlib import Path

import pytest
import requests

from .cloud import Job, jar

HOUR = 3600.0
UNUSED = f"{'ab' * 32}.jar"


def test_savepoints_that_nobody_needs_go_and_the_job_starts_from_those_that_remain(session_job: Job) -> None:
    """With one retained: before anything was restored, all stay; then all but the newest, what the copy was started
    from, and so on. What no record names goes likewise, once it is old. What remains restores, and nothing is lost.
    """
    job = session_job
    job.upload("1", savepointRetentionCount=1)
    job.ended(1)
    first, second = saved(job, "savepoint"), saved(job, "savepoint")
    job.run_now("keep_house")
    assert on_disk(job) == {first, second}
    third = saved(job, "stop")
    started = job.ask("start")["result"]
    assert (started["outcome"], started["restoredFrom"]) == ("SUCCEEDED", third.as_uri().replace("///", "/"))
    fourth = saved(job, "savepoint")
    lost = orphan_beside(first)
    assert [(s["origin"], s["path"]) for s in listed(job)][4:] == [("orphan", lost.as_uri())]
    job.run_now("keep_house")
    assert on_disk(job) == {third, fourth}
    assert [s["path"].removeprefix("file:") for s in listed(job)] == [str(fourth), str(third)]
    fifth = saved(job, "stop")
    gone = job.ask("start", {"savePointName": first.name})["result"]
    assert (gone["outcome"], gone["code"]) == ("REFUSED", "SavepointNotFound")
    assert job.ask("start")["result"]["outcome"] == "SUCCEEDED"
    job.ask("stop")
    assert on_disk(job) >= {third, fourth, fifth}
    counted = job.counted()
    assert (counted.lost, counted.duplicated) == (0, 0)


@pytest.mark.nightly("tests/wire/test_housekeeping.py deletes those that tests/unit/test_cluster_jars.py names")
def test_jars_that_no_job_uses_are_deleted_on_the_cluster(session_job: Job) -> None:
    """Ours, and old: not a young one, not one that has another name, not the one that this job wants."""
    job = session_job
    job.upload("1")
    job.ended(1)
    job.ask("stop")
    for name in (UNUSED, "somebodys.jar"):
        upload_jar(job, name)
    directory = upload_directory(job)
    for file in directory.glob("*.jar"):
        os.utime(file, (time.time() - 2 * HOUR,) * 2)
    young = upload_jar(job, f"{'cd' * 32}.jar")
    before = jars(job)
    job.run_now("keep_house")
    gone = {name for _, name in before} - {name for _, name in jars(job)}
    wanted = f"{hashlib.sha256(jar('1')).hexdigest()}.jar"
    assert UNUSED in gone  # and those of other tests' jobs
    assert not gone & {"somebodys.jar", wanted}
    assert young in {jar_id for jar_id, _ in jars(job)}
    assert job.ask("start")["result"]["outcome"] == "SUCCEEDED"


def saved(job: Job, action: str) -> Path:
    """Take a savepoint and return where it lies."""
    result = job.ask(action)["result"]
    assert result["outcome"] == "SUCCEEDED", result
    return Path(result["savepoint"].removeprefix("file:"))


def on_disk(job: Job) -> set[Path]:
    return {metadata.parent for metadata in job.savepoints_on_disk()}


def listed(job: Job) -> list[dict[str, str]]:
    found: list[dict[str, str]] = job.get(f"/api/jobs/{job.name}/savepoints")["savepoints"]
    return found


def orphan_beside(savepoint: Path) -> Path:
    """Leave a savepoint in an operation's directory that the record does not name, three days ago."""
    lost = savepoint.parent / "savepoint-lost"
    shutil.copytree(savepoint, lost)
    os.utime(lost / "_metadata", (time.time() - 72 * HOUR,) * 2)
    return lost


def upload_directory(job: Job) -> Path:
    (found,) = job.cloud.directory.glob("flink/upload/*")
    return found


def upload_jar(job: Job, name: str) -> str:
    """Put something on the cluster under a name; Flink takes any bytes."""
    reply = requests.post(f"{job.cloud.flink}/jars/upload", files={"jarfile": (name, b"no jar")}, timeout=30)
    return str(reply.json()["filename"].rpartition("/")[2])


def jars(job: Job) -> set[tuple[str, str]]:
    return {(jar["id"], jar["name"]) for jar in job.flink("/jars")["files"]}
