"""Whole clouds on a real Flink, one of each kind, and jobs of their own for the tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import TypeAlias

import pytest

from localcloud.up import LocalCloud

from .cloud import Job

IMPATIENT = {
    "LEASE_SECONDS": "6",
    "START_DEADLINE_SECONDS": "20",
    "SETTLE_SECONDS": "0.5",
    "UNREACHABLE_SECONDS": "5",
    "SWEEP_SCHEDULE": "*/5 * * * * *",
    "ARM_POLL_SECONDS": "0.5",
    "SAVEPOINT_INTERVAL_SECONDS": "1",
}
FLINK = os.environ.get("FLINK", "2.3.0")
FRESH = {"web.refresh-interval": "200"}  # ms; Flink's own 3,000 would only make the tests wait
NewJob: TypeAlias = Callable[[LocalCloud], Job]


def session_of(directory: Path, **flink_configuration: str) -> LocalCloud:
    """The app on a session cluster of its own."""
    return LocalCloud(
        cluster="session",
        flink_version=FLINK,
        directory=directory,
        settings=IMPATIENT,
        flink_configuration=FRESH | flink_configuration,
    )


@pytest.fixture(scope="session")
def session_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """The app on a session cluster."""
    with session_of(tmp_path_factory.mktemp("session")) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def hdinsight_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """The app, which speaks the ARM API to the gateway, which drives a session cluster."""
    with LocalCloud(
        cluster="hdinsight",
        flink_version=FLINK,
        directory=tmp_path_factory.mktemp("hdinsight"),
        settings=IMPATIENT,
        gateway_settings=IMPATIENT,
        flink_configuration=FRESH,
    ) as cloud:
        yield cloud


@pytest.fixture
def patient(session_cloud: LocalCloud) -> Iterator[LocalCloud]:
    """The session cloud, while a new copy has to run for longer than it takes the crash loop to come round."""
    session_cloud.restart_app({"SETTLE_SECONDS": "4"})
    yield session_cloud
    session_cloud.restart_app({"SETTLE_SECONDS": IMPATIENT["SETTLE_SECONDS"]})


@pytest.fixture(params=["session", "hdinsight"])
def cloud(request: pytest.FixtureRequest) -> LocalCloud:
    """Each kind of cluster in turn."""
    found: LocalCloud = request.getfixturevalue(f"{request.param}_cloud")
    return found


@pytest.fixture(scope="session")
def job_numbers() -> Iterator[int]:
    """Numbers for names that no other test has."""
    return count(1)


@pytest.fixture
def new_job(job_numbers: Iterator[int]) -> Iterator[NewJob]:
    """Make a job that nobody has used; whatever runs of it in the end is cancelled, to free its slots."""
    made: list[Job] = []

    def make(cloud: LocalCloud) -> Job:
        made.append(Job(cloud, f"job-{next(job_numbers)}"))
        return made[-1]

    yield make
    for job in made:
        if job.copies():
            job.post("cancel", wait=30)


@pytest.fixture
def job(cloud: LocalCloud, new_job: NewJob) -> Job:
    """A job on each kind of cluster in turn."""
    return new_job(cloud)


@pytest.fixture
def session_job(session_cloud: LocalCloud, new_job: NewJob) -> Job:
    """A job on a session cluster."""
    return new_job(session_cloud)
