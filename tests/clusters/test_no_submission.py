"""What a real Flink without `web.submit.enable` answers, and how the app takes it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flinkfuncs.clients.flink import WEB_SUBMISSION_OFF, Flink, RunRequest
from flinkfuncs.clusters.suitability import ClusterFacts, judged
from flinkfuncs.core.errors import Unavailable
from flinkfuncs.core.names import Directory
from flinkfuncs.core.session.slots import Room
from localcloud.flink import FlinkCluster
from tests.versions import VERSIONS

from .jar import Jar

pytestmark = pytest.mark.nightly("a Flink of its own, for an option that hardly anybody sets")
REQUEST = RunRequest("x.jar", "1" * 32, None, [], 1, {}, None, allow_non_restored_state=False)


@pytest.fixture(scope="module", params=VERSIONS)
def flink(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flink]:
    """Return the client of a cluster that takes no jars."""
    directory = tmp_path_factory.mktemp(f"no-submission-{request.param}")
    options = {"web.submit.enable": "false"}
    with FlinkCluster(directory, version=request.param, slots=3, configuration=options) as cluster:
        yield Flink(cluster.url, call_seconds=30)


def test_every_call_for_jars_says_that_the_cluster_takes_none(flink: Flink) -> None:
    """Listing, upload, plan and start have an answer each, and none of them is taken for another reason."""
    calls = (
        flink.jars,
        lambda: flink.upload("x.jar", Jar(b"bytes")),  # type: ignore[arg-type]
        lambda: flink.plan(REQUEST, seconds=10),
        lambda: flink.run(REQUEST),
    )
    for call in calls:
        with pytest.raises(Unavailable) as caught:
            call()
        assert caught.value.code == WEB_SUBMISSION_OFF, caught.value.message


def test_the_health_report_names_it_and_nothing_else(flink: Flink) -> None:
    """The local Flink is otherwise as it should be, on one host."""
    facts = ClusterFacts(flink.about(), flink.configuration(), flink.hosts())
    assert facts.hosts == {"localhost"}
    found = judged(facts, savepoint_root=Directory.parse("file:///sp"), allow_unguarded=False)
    assert ([fault.partition(":")[0] for fault in found.faults], found.warnings) == (["web.submit.enable"], ())


def test_the_slots_of_all_taskmanagers_are_room_for_a_job(flink: Flink) -> None:
    """Nothing runs: all are there."""
    assert flink.room_for(None) == Room(3, ("taskmanager-1",))
