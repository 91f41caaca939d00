"""The real app in the local Functions host, on real storage, without a cluster: what the triggers themselves do.

A cluster that does not answer is enough here: an operation that has changed nothing ends as FAILED after
UNREACHABLE_SECONDS, so that every way of an operation through the app can be seen without Flink.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from localcloud.azurite import Azurite
from localcloud.host_process import HostProcess
from localcloud.ports import free_port
from localcloud.processes import Processes

from .app import KEY, RunningApp

ROOT = Path(__file__).parents[2]
GRACE = ("--grace", "1")  # seconds for what still runs when the tests are over

StartApp: TypeAlias = Callable[[str, Mapping[str, str]], RunningApp]


@pytest.fixture(scope="package")
def processes() -> Iterator[Processes]:
    """The owner of everything that the tests of this folder start."""
    with Processes() as started:
        yield started


@pytest.fixture(scope="package")
def account(processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The connection string of a storage account."""
    azurite = Azurite(processes, ["local"], log=tmp_path_factory.mktemp("azurite") / "azurite.log")
    azurite.wait_until_ready()
    return azurite.connection_string("local")


@pytest.fixture(scope="package")
def start_app(processes: Processes, account: str, tmp_path_factory: pytest.TempPathFactory) -> StartApp:
    """Start the app with containers and a queue of its own; `settings` are added to those that it needs."""

    def start(name: str, settings: Mapping[str, str]) -> RunningApp:
        given = {**_settings(name, account), **settings}
        _create(account, given)
        host = HostProcess(
            processes, ROOT, given, name=name, directory=tmp_path_factory.mktemp(name), key=KEY, options=GRACE
        )
        host.start()
        return RunningApp(host, account)

    return start


@pytest.fixture(scope="package")
def app(start_app: StartApp) -> RunningApp:
    """An app whose cluster does not answer, and which gives up after two seconds."""
    return start_app("plain", {"UNREACHABLE_SECONDS": "2"})


@pytest.fixture(scope="package")
def waiting_app(start_app: StartApp) -> RunningApp:
    """An app whose cluster does not answer, and which waits for it."""
    return start_app("waiting", {"UNREACHABLE_SECONDS": "600"})


@pytest.fixture(scope="package")
def empty_app(processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> RunningApp:
    """An app without any setting."""
    host = HostProcess(
        processes, ROOT, {}, name="empty", directory=tmp_path_factory.mktemp("empty"), key=KEY, options=GRACE
    )
    host.start()
    return RunningApp(host, "")


def _settings(name: str, account: str) -> dict[str, str]:
    return {
        "AzureWebJobsDisableHomepage": "true",
        "AzureWebJobsStorage": account,
        "AzureFunctionsWebHost__hostid": name,
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "PYTHON_THREADPOOL_THREAD_COUNT": "32",
        "JARS": account,
        "JARS_CONTAINER": f"{name}-jars",
        "RELEASES_CONTAINER": f"{name}-releases",
        "LEDGER_CONTAINER": f"{name}-ledger",
        "OPERATIONS_QUEUE": f"{name}-operations",
        "SAVEPOINT_SCHEDULE": "0 0 0 1 1 *",
        "SWEEP_SCHEDULE": "0 0 0 1 1 *",
        "CLUSTER_NAME": "flink",
        "FLINK_CLUSTER_KIND": "session",
        "FLINK_REST_URL": f"http://127.0.0.1:{free_port()}",
        "SAVEPOINT_DIRECTORY": "file:///savepoints",
    }


def _create(account: str, settings: Mapping[str, str]) -> None:
    blobs = BlobServiceClient.from_connection_string(account)
    for container in ("JARS_CONTAINER", "RELEASES_CONTAINER", "LEDGER_CONTAINER"):
        blobs.create_container(settings[container])
    QueueServiceClient.from_connection_string(account).create_queue(settings["OPERATIONS_QUEUE"])
