"""Is the local Flink a real cluster that tests can break and mend?"""

from pathlib import Path

import pytest
import requests

from examples.count import count
from localcloud.flink import FlinkCluster
from localcloud.processes import StartFailedError
from tests.examples.rest import PACE, Flink, wait_until
from tests.versions import VERSIONS

BEATS = {"heartbeat.interval": "500", "heartbeat.timeout": "2000"}
RESTARTS = {
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.delay": "200 ms",
    "restart-strategy.fixed-delay.attempts": "1000000",
}


def overview(flink: FlinkCluster) -> dict[str, object]:
    """What the cluster says of itself."""
    reply: dict[str, object] = requests.get(f"{flink.url}/overview", timeout=30).json()
    return reply


def jobmanager_options(flink: FlinkCluster) -> dict[str, str]:
    """The options that the JobManager runs with."""
    listed = requests.get(f"{flink.url}/jobmanager/config", timeout=30).json()
    return {option["key"]: option["value"] for option in listed}


@pytest.mark.nightly("starts a Flink, and kills it")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_cluster_comes_up_and_its_parts_can_be_killed_and_started_again(version: str, tmp_path: Path) -> None:
    """Promise: all slots are there after the start, and again after either part was killed and started."""
    with FlinkCluster(tmp_path, version=version, slots=3, configuration=BEATS) as flink:
        assert (overview(flink)["flink-version"], overview(flink)["slots-total"]) == (version, 3)
        assert jobmanager_options(flink)["heartbeat.timeout"] == "2000"
        assert jobmanager_options(flink)["cluster.intercept-user-system-exit"] == "THROW"
        url = flink.url
        flink.kill_jobmanager()
        with pytest.raises(requests.ConnectionError):
            overview(flink)
        flink.kill_taskmanager()
        flink.start_jobmanager()
        assert overview(flink)["slots-total"] == 0
        flink.start_taskmanager()
        assert flink.url == url
        assert overview(flink)["slots-total"] == 3
    with pytest.raises(requests.ConnectionError):
        overview(flink)


def test_a_version_that_is_not_installed_names_the_target_that_installs_it(tmp_path: Path) -> None:
    """Promise: nobody has to guess how another Flink gets here."""
    with pytest.raises(FileNotFoundError, match=r"make flink-1\.16\.3"):
        FlinkCluster(tmp_path, version="1.16.3")


@pytest.mark.nightly("starts a Flink, and kills it")
def test_a_broken_configuration_is_a_failed_start_that_says_why(tmp_path: Path) -> None:
    """Promise: the exception carries Flink's own words, and no Java is left."""
    broken = FlinkCluster(tmp_path, configuration={"blob.server.port": "no-port"})
    with pytest.raises(StartFailedError, match="NumberFormatException"):
        broken.__enter__()


@pytest.mark.nightly("two JobManagers and ZooKeeper want the cores for themselves")
@pytest.mark.parametrize("version", ["2.3.0", "1.20.5", "1.17.2"])
def test_a_job_survives_the_loss_of_the_leading_jobmanager_and_of_a_taskmanager(version: str, tmp_path: Path) -> None:
    """Promise: the standby goes on with the job under the same URL, and every number is written once."""
    sink = tmp_path / "sink"
    with FlinkCluster(
        tmp_path,
        version=version,
        slots=1,
        taskmanagers=2,
        jobmanagers=2,
        high_availability=True,
        configuration=BEATS | RESTARTS,
    ) as cluster:
        flink = Flink(cluster.url, cluster.savepoint_directory)
        job = flink.start("1", sink, arguments=PACE)
        writes(sink)
        leader = cluster.leader
        assert leader in (1, 2)
        cluster.kill_jobmanager(leader)
        wait_until(lambda: cluster.leader == 3 - leader)
        writes(sink)
        cluster.start_jobmanager(leader)
        known = [requests.get(f"{url}/jobs", timeout=30).json()["jobs"] for url in cluster.urls]
        assert [[it["id"] for it in jobs] for jobs in known] == [[job], [job]]
        failures = len(flink.causes(job))
        cluster.kill_taskmanager(2)
        wait_until(lambda: len(flink.causes(job)) > failures)  # until Flink has noticed, all tasks seem to run
        cluster.start_taskmanager(2)
        writes(sink)
        wait_until(lambda: flink.all_tasks_run(job))
        flink.stop(job)
        assert count(sink).is_exact


def writes(sink: Path) -> None:
    """Wait until the job commits more than it has now."""
    before = count(sink, running=True).records
    wait_until(lambda: count(sink, running=True).records > before)


def test_several_jobmanagers_without_high_availability_are_refused(tmp_path: Path) -> None:
    """Promise: nobody gets two clusters for one."""
    with pytest.raises(ValueError, match="high availability"):
        FlinkCluster(tmp_path, jobmanagers=2)
