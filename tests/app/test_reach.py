"""What the health report says of storage and cluster, and what a blob trigger does without them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from azure.storage.blob import BlobClient, BlobServiceClient

from flinkfuncs.app import Services, compose, given
from flinkfuncs.clusters.cluster import Cluster, Findings
from flinkfuncs.core.errors import Unavailable
from flinkfuncs.health import Health, check_health
from flinkfuncs.settings import read_settings
from flinkfuncs.triggers.blobs import stateful_jar

from .composed import BrokenCluster, IdleCluster, invocation, storage_settings


@pytest.fixture
def composed(account: str, monkeypatch: pytest.MonkeyPatch) -> Services:
    """The app, whole and on storage of its own."""
    for setting, value in storage_settings(account).items():
        monkeypatch.setenv(setting, value)
    return compose(read_settings())


def uploaded(account: str) -> BlobClient:
    return BlobClient.from_connection_string(account, "jars", "stateful/orders/v1.jar")


def health(app: Services, cluster: Cluster) -> Health:
    return check_health(lambda: replace(app, cluster=cluster))


def test_an_app_that_reaches_everything_is_healthy(composed: Services) -> None:
    """Nothing is missing, and nothing is said that need not be."""
    report = health(composed, IdleCluster())
    assert (report.healthy, report.faults, report.warnings) == (True, (), ())
    assert (report.storage.reachable, report.cluster.reachable) == (True, True)
    assert report.cluster_kind == "session"


class UneasyCluster(IdleCluster):
    """A cluster that answers, and knows what is wrong with it."""

    def __init__(self, **found: tuple[str, ...]) -> None:
        """Keep what is wrong."""
        super().__init__()
        self._found = Findings(**found)

    def findings(self) -> Findings:
        """Say it."""
        return self._found


def test_a_warning_of_the_cluster_leaves_the_app_healthy(composed: Services) -> None:
    """The app works all the same; a person should know."""
    report = health(composed, UneasyCluster(warnings=("heartbeat.timeout: 1 s",)))
    assert (report.healthy, report.faults, report.warnings) == (True, (), ("heartbeat.timeout: 1 s",))


def test_a_cluster_on_which_nothing_can_be_started_makes_the_app_unhealthy(composed: Services) -> None:
    """It answers, so it is reachable; the fault names Flink's option."""
    report = health(composed, UneasyCluster(faults=("web.submit.enable: off",)))
    assert (report.healthy, report.cluster.reachable) == (False, True)
    assert (report.faults, report.warnings) == (("web.submit.enable: off",), ())


def test_a_cluster_that_does_not_answer_is_told_from_storage(composed: Services) -> None:
    """With the reason in our own words."""
    report = health(composed, BrokenCluster(Unavailable("the cluster sleeps")))
    assert (report.healthy, report.storage.reachable) == (False, True)
    assert (report.cluster.reachable, report.cluster.reason) == (False, "the cluster sleeps")


def test_storage_without_its_container_is_of_no_use(composed: Services, account: str) -> None:
    """It answers, but the app cannot work: the report says so, and looks at the cluster all the same."""
    BlobServiceClient.from_connection_string(account).delete_container(composed.settings.ledger_container)
    report = health(composed, IdleCluster())
    assert (report.healthy, report.storage.reachable, report.cluster.reachable) == (False, False, True)
    assert report.storage.reason


def test_an_upload_is_delivered_again_while_the_app_cannot_take_it(
    account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is unavailable is raised: the host repeats the event."""
    for setting in storage_settings(account):
        monkeypatch.delenv(setting, raising=False)
    with pytest.raises(Unavailable, match="FLINK_CLUSTER_KIND"):
        stateful_jar(uploaded(account), invocation("stateful_jar"))


def test_an_upload_is_delivered_again_while_storage_refuses_the_app(
    composed: Services, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing role is the app's fault, not the uploader's: the event is repeated until it is there."""
    other_key = ";".join(
        "AccountKey=" + "A" * 86 + "==" if part.startswith("AccountKey=") else part for part in account.split(";")
    )
    monkeypatch.setenv("JARS", other_key)
    locked_out = compose(composed.settings)
    with given(locked_out), pytest.raises(Unavailable) as failure:
        stateful_jar(uploaded(account), invocation("stateful_jar"))
    assert failure.value.code == "StorageDenied"
