"""Does the whole cloud come up with one command, hold together, and leave nothing behind?"""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueServiceClient

from localcloud.events import READY
from localcloud.flink_configuration import JOBMANAGER
from localcloud.functions.configuration import load_settings
from localcloud.python import ROOT
from localcloud.up import LocalCloud
from tests.localcloud.sample import DIRECTORY, NEVER, eventually

MARK = "LOCALCLOUD_TEST_MARK"
UP = [sys.executable, "-m", "localcloud", "up", "--cluster", "session", "--app", str(DIRECTORY)]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """The chain app, gateway, Flink, with the sample app in both hosts; the app's host joins as `func start` would."""
    ticks = {"TICKS": NEVER}
    directory = tmp_path_factory.mktemp("cloud")
    waiting = LocalCloud(
        directory=directory, app_directory=DIRECTORY, settings=ticks, gateway_settings=ticks, run_app=False
    )
    with waiting as running:
        assert not running.app_host.running
        running.start_app()
        assert eventually(lambda: READY in (running.log_directory / "events.log").read_text())
        yield running


@pytest.fixture
def storage(cloud: LocalCloud) -> Iterator[BlobServiceClient]:
    """The blobs of the app's account."""
    with BlobServiceClient.from_connection_string(cloud.storage) as client:
        yield client


def contents(effects: ContainerClient, blob: str) -> list[str]:
    """What the app's function read for a blob, oldest first."""
    try:
        names = sorted(effects.list_blob_names(name_starts_with="arrived/"))
    except ResourceNotFoundError:
        return []
    found = [json.loads(effects.download_blob(name).readall()) for name in names]
    return [effect["content"] for effect in found if effect["blob"] == blob]


def marked(mark: str) -> list[str]:
    """The command lines of the processes that carry a mark in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def start(mark: str, *options: str) -> subprocess.Popen[str]:
    """`up` as a shell starts it; all that it starts carries the mark."""
    environment = {**os.environ, MARK: mark, "TICKS": NEVER}
    return subprocess.Popen(
        [*UP, *options], env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.nightly("a whole cloud of the sample app")
def test_every_part_answers_where_the_cloud_says(cloud: LocalCloud) -> None:
    """Promise: both hosts run, Flink has its slots, and the vault speaks TLS that the given authority vouches for."""
    assert cloud.gateway is not None
    for host, name in ((cloud.app, "app"), (cloud.gateway, "gateway")):
        assert requests.get(f"{host}/admin/host/status", timeout=30).json()["id"] == name
    assert requests.get(f"{cloud.flink}/overview", timeout=30).json()["slots-total"] == 8
    assert requests.get(f"{cloud.vault}/secrets/x/", verify=str(cloud.ca), timeout=30).status_code == 401


@pytest.mark.nightly("a whole cloud of the sample app")
def test_the_hosts_get_the_settings_of_their_place_in_the_chain(cloud: LocalCloud) -> None:
    """Promise: the app speaks ARM to the gateway, the gateway Flink's REST; storage and host ids are their own."""
    app, gateway = cloud.app_host.settings, cloud.gateway_host.settings if cloud.gateway_host else {}
    assert (app["FLINK_CLUSTER_KIND"], app["ARM_BASE_URL"]) == ("hdinsight", cloud.gateway)
    assert (gateway["FLINK_CLUSTER_KIND"], gateway["FLINK_REST_URL"]) == ("session", cloud.flink)
    assert app["JOB_JARS"] == gateway["JOB_JARS"] == cloud.storage
    assert gateway["GATEWAY_ALLOWED_PRINCIPALS"] == cloud.api_client.id
    for name in ("AzureWebJobsStorage", "AzureFunctionsWebHost__hostid", "JARS"):
        assert app[name] != gateway[name]


@pytest.mark.nightly("a whole cloud of the sample app")
def test_containers_queues_and_secrets_are_there(cloud: LocalCloud, storage: BlobServiceClient) -> None:
    """Promise: the app finds what a deployment creates."""
    assert {"jars", "releases", "ledger", "jobjars"} <= {found.name for found in storage.list_containers()}
    with QueueServiceClient.from_connection_string(cloud.storage) as queues:
        assert "operations" in {found.name for found in queues.list_queues()}
    calls = cloud.identity.calls()
    assert {f"PUT /secrets/{name}" for name in cloud.api_client.secrets(cloud.identity.tenant)} <= set(calls)


@pytest.mark.nightly("a whole cloud of the sample app")
def test_an_upload_reaches_the_app_also_when_its_host_is_killed_meanwhile(
    cloud: LocalCloud, storage: BlobServiceClient
) -> None:
    """Promise: one event for each ETag; those of the time without a host come when it is back."""
    jars, effects = storage.get_container_client("jars"), storage.get_container_client("effects")
    name = f"stateful/job/{uuid.uuid4()}.jar"
    jars.upload_blob(name, b"one")
    assert eventually(lambda: contents(effects, name) == ["one"])
    cloud.kill_app()
    jars.upload_blob(name, b"two", overwrite=True)
    log = cloud.log_directory / "events.log"
    assert eventually(lambda: f"{name} was not taken" in log.read_text())
    cloud.start_app()
    assert eventually(lambda: contents(effects, name) == ["one", "two"])


@pytest.mark.nightly("a whole cloud of the sample app")
def test_a_second_host_shares_the_storage(cloud: LocalCloud) -> None:
    """Promise: it answers on a port of its own with the same host id."""
    second = cloud.start_second_app()
    status = requests.get(f"{second.url}/admin/host/status", timeout=30).json()
    second.stop()
    assert (status["id"], second.url != cloud.app) == ("app", True)


@pytest.mark.nightly("a whole cloud of the sample app")
def test_a_host_can_be_restarted_with_other_settings(cloud: LocalCloud) -> None:
    """Promise: a test can change what the app was told."""
    cloud.restart_app({"CHANGED": "yes"})
    assert load_settings(cloud.app_host.settings_file)["CHANGED"] == "yes"
    assert requests.get(f"{cloud.app}/admin/host/status", timeout=30).ok


@pytest.mark.nightly("a whole cloud of the sample app")
def test_up_prints_one_line_of_json_and_sigterm_ends_everything(tmp_path: Path) -> None:
    """Promise: standard output is that line alone, and after SIGTERM no process is left."""
    mark = uuid.uuid4().hex
    with start(mark, "--directory", str(tmp_path)) as up:
        assert up.stdout is not None
        said = json.loads(up.stdout.readline())
        assert len(marked(mark)) >= 6
        assert requests.get(f"{said['app']}/admin/host/status", timeout=30).ok
        up.send_signal(signal.SIGTERM)
        rest, _ = up.communicate(timeout=30)
    assert set(said) == {"ready", "app", "gateway", "flink", "storage", "key", "vault", "ca", "sink"}
    assert (said["ready"], said["gateway"], rest) == (True, None, "")
    assert marked(mark) == []


@pytest.mark.nightly("a whole cloud of the sample app")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_up_that_is_ended_halfway_leaves_no_process(number: signal.Signals) -> None:
    """Promise: Ctrl-C during the start, and even SIGKILL, end what was started."""
    mark = uuid.uuid4().hex
    with start(mark) as up:
        assert eventually(lambda: len(marked(mark)) >= 4)
        up.send_signal(number)
        up.communicate(timeout=30)
    assert eventually(lambda: marked(mark) == [])


def test_with_high_availability_a_second_jobmanager_stands_by_and_zookeeper_elects() -> None:
    """Promise: the option brings all three up, and they end with the rest."""
    mark = uuid.uuid4().hex
    with start(mark, "--high-availability") as up:
        eventually(lambda: sum(JOBMANAGER in line for line in marked(mark)) == 2)
        running = marked(mark)
        up.send_signal(signal.SIGTERM)
        up.communicate(timeout=30)
    assert [sum(name in line for line in running) for name in (JOBMANAGER, "ZooKeeperQuorumPeer")] == [2, 1]
    assert marked(mark) == []


def test_a_version_that_is_missing_is_said_in_one_sentence() -> None:
    """Promise: a failed start names what to do on standard error and leaves nothing."""
    mark = uuid.uuid4().hex
    with start(mark, "--flink", "1.16.3") as up:
        said, complaint = up.communicate(timeout=30)
    assert (up.returncode, said) == (1, "")
    assert "make flink-1.16.3" in complaint
    assert marked(mark) == []


@pytest.mark.nightly("a whole cloud of the sample app")
def test_a_start_that_fails_halfway_shows_the_log_and_ends_the_rest(tmp_path: Path) -> None:
    """Promise: an app that cannot be loaded is named with the worker's own words."""
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text("import no_such_module\n")
    mark = uuid.uuid4().hex
    with start(mark, "--app", str(tmp_path)) as up:
        said, complaint = up.communicate(timeout=60)
    assert (up.returncode, said) == (1, "")
    assert "app ended with code 1" in complaint
    assert "no_such_module" in complaint
    assert marked(mark) == []
