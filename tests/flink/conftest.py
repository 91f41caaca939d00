"""Whole clouds on a real Flink, one of each kind, and jobs of their own for the tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from localcloud.up import LocalCloud

from .cloud import Job

IMPATIENT = {
    "LEASE_SECONDS": "6",
    "START_DEADLINE_SECONDS": "60",
    "SETTLE_SECONDS": "0.5",
    "UNREACHABLE_SECONDS": "30",
    "SWEEP_SCHEDULE": "*/5 * * * * *",
    "ARM_POLL_SECONDS": "0.5",
    "SAVEPOINT_INTERVAL_SECONDS": "1",
}
FLINK = os.environ.get("FLINK", "2.3.0")
# What would only make the tests wait. Without slots every try of a job fails after 8 s at the latest.
PROMPT = {
    "web.refresh-interval": "200",  # ms; Flink's own is 3,000
    "heartbeat.interval": "2 s",
    "heartbeat.timeout": "10 s",  # until a TaskManager that is gone is noticed; Flink's own is 50 s
    "slot.request.timeout": "8 s",
}
NewJob: TypeAlias = Callable[[LocalCloud], Job]

AVAILABLE = {"heartbeat.interval": "1000", "heartbeat.timeout": "6000"}


def session_of(directory: Path, **options: Any) -> LocalCloud:  # noqa: ANN401 - LocalCloud's own
    """The app on a session cluster of its own."""
    given = {"settings": IMPATIENT, "flink_configuration": PROMPT, **options}
    return LocalCloud(cluster="session", flink_version=FLINK, directory=directory, **given)


def hdinsight_of(directory: Path) -> LocalCloud:
    """The app, which speaks the ARM API to the gateway, which drives a session cluster."""
    return LocalCloud(
        cluster="hdinsight",
        flink_version=FLINK,
        directory=directory,
        settings=IMPATIENT,
        gateway_settings=IMPATIENT,
        flink_configuration=PROMPT,
    )


def available_of(directory: Path) -> LocalCloud:
    """The app before a load balancer with two JobManagers behind it, of which one leads."""
    return session_of(
        directory,
        settings=IMPATIENT | {"START_DEADLINE_SECONDS": "120", "UNREACHABLE_SECONDS": "120"},
        flink_configuration=PROMPT | AVAILABLE,
        jobmanagers=2,
        high_availability=True,
    )


CLOUDS: dict[str, Callable[[Path], LocalCloud]] = {
    "session": session_of,
    "hdinsight": hdinsight_of,
    "available": available_of,
}
BOTH = ["session", pytest.param("hdinsight", marks=pytest.mark.nightly("two stories behind the ARM API are enough"))]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test the kind of cloud whose fixture it asks for; one that asks for any runs on both kinds of cluster."""
    said = [marker.args[0] for marker in metafunc.definition.iter_markers("parametrize")]
    if "cloud" not in metafunc.fixturenames or any("cloud" in names for names in said):
        return
    kinds = [kind for kind in CLOUDS if f"{kind}_cloud" in metafunc.fixturenames]
    metafunc.parametrize("cloud", kinds or BOTH, indirect=True, scope="package")


@pytest.fixture(scope="package")
def cloud(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A whole cloud; the tests of one kind run one after the other, and the last one ends it."""
    kind: str = request.param
    with CLOUDS[kind](tmp_path_factory.mktemp(kind)) as running:
        yield running


@pytest.fixture
def session_cloud(cloud: LocalCloud) -> LocalCloud:
    """The app on a session cluster."""
    return cloud


@pytest.fixture
def hdinsight_cloud(cloud: LocalCloud) -> LocalCloud:
    """The app behind the ARM API."""
    return cloud


@pytest.fixture
def available_cloud(cloud: LocalCloud) -> LocalCloud:
    """The app on a session cluster with high availability."""
    return cloud


@pytest.fixture
def patient(session_cloud: LocalCloud) -> Iterator[LocalCloud]:
    """The session cloud, while a new copy has to run for longer than it takes the crash loop to come round.

    It is not waited for as long as elsewhere: it never proves itself.
    """
    changed = {"SETTLE_SECONDS": "4", "START_DEADLINE_SECONDS": "20"}
    session_cloud.restart_app(changed)
    yield session_cloud
    session_cloud.restart_app({name: IMPATIENT[name] for name in changed})


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
    """A job on a session cluster, or on both kinds of cluster in turn."""
    return new_job(cloud)


@pytest.fixture
def session_job(session_cloud: LocalCloud, new_job: NewJob) -> Job:
    """A job on a session cluster."""
    return new_job(session_cloud)
