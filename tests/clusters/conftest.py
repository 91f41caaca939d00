"""Which Flinks do these tests run on: one of each version for the whole folder, the older ones at night."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flinkfuncs.clients.flink import Flink
from localcloud.flink import FlinkCluster
from tests.versions import VERSIONS


@pytest.fixture(scope="package", params=VERSIONS)
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlinkCluster]:
    """A Flink whose answers are not cached for long."""
    directory = tmp_path_factory.mktemp(f"flink-{request.param}")
    fresh = {"web.refresh-interval": "100"}
    with FlinkCluster(directory, version=request.param, configuration=fresh) as running:
        yield running


@pytest.fixture(scope="module")
def flink(cluster: FlinkCluster) -> Iterator[Flink]:
    """The app's client of it; what a file's tests started runs until the last of them is over."""
    client = Flink(cluster.url, call_seconds=30)
    yield client
    for job in client.overview():
        client.cancel(job.flink_job_id)
