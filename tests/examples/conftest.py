"""Which Flinks do the example's tests run on: the newest always, the older ones at night."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.flink import FlinkCluster
from tests.examples.rest import REFRESH_SECONDS, Flink
from tests.versions import VERSIONS


@pytest.fixture(scope="package", params=VERSIONS)
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlinkCluster]:
    directory = tmp_path_factory.mktemp(f"flink-{request.param}")
    # REST may otherwise show a job as it was 3 s ago.
    fresh = {"web.refresh-interval": f"{REFRESH_SECONDS * 1000:.0f}"}
    with FlinkCluster(directory, version=request.param, configuration=fresh) as cluster:
        yield cluster


@pytest.fixture
def flink(cluster: FlinkCluster) -> Iterator[Flink]:
    """The cluster, on which nothing runs before and after a test."""
    flink = Flink(cluster.url, cluster.savepoint_directory)
    yield flink
    flink.cancel_all()


@pytest.fixture
def sink(tmp_path: Path) -> Path:
    return tmp_path / "out"
