"""The command line on a whole cloud: what a pipeline does, on a real Flink."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command_line import CommandLine, Ran

from .cloud import JARS, Job

pytestmark = pytest.mark.nightly("tests/app has every command on a stand-in for Flink")


def deploy(job: Job, home: Path, version: str, *words: str) -> Ran:
    jar = str(JARS / f"sequence-{version}.jar")
    environment = {"FLINKFUNCS_STORAGE_CONNECTION": job.cloud.storage}
    flinkfuncs = CommandLine(job.cloud.app, home, job.cloud.key)
    return flinkfuncs.run("deploy", jar, "--job", job.name, "--wait", *words, environment=environment)


def test_a_pipeline_deploys_two_versions_and_one_that_is_no_good(session_job: Job, tmp_path: Path) -> None:
    """Exit codes 0, 0 and 5; the old release runs again, and no number is lost or written twice."""
    job = session_job
    first = deploy(job, tmp_path, "1", f"--args={job.arguments()}", "--parallelism", "2")
    assert first.exit_code == 0, first.err
    job.written(100, "1")
    second = deploy(job, tmp_path, "2")
    assert second.exit_code == 0, second.err
    job.written(100, "2")
    third = deploy(job, tmp_path, "fails-at-run-time")
    assert (third.exit_code, third.out.split()[1]) == (5, "ROLLED_BACK"), third.err
    job.written(job.counted().by_version["2"] + 100, "2")
    assert job.ask("stop")["result"]["outcome"] == "SUCCEEDED"
    counted = job.counted()
    assert (counted.lost, counted.duplicated) == (0, 0)
