"""The app and its host on storage that is reached by identity, over TLS, with no key anywhere.

Azurite looks at a token's issuer, audience and times; its signature, and the roles behind it, are Azure's to check.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from flinkfuncs.clients.storage import blob_service, queue_service
from localcloud.azurite import Azurite
from localcloud.events import READY
from localcloud.host_process import HostProcess
from localcloud.identity_process import Identity
from localcloud.ports import free_port
from localcloud.processes import Processes
from localcloud.python import module
from tests.stand_in.rest import flink_server

from .app import KEY, eventually
from .conftest import GRACE, ROOT

ACCOUNT = "keyless"
JAR = Path(__file__).parents[2] / "examples" / "jars" / "sequence-1.jar"


@pytest.fixture(scope="module")
def identity(processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Identity]:
    """Entra ID, and this process with the environment of an app in Azure."""
    running = Identity(processes, tmp_path_factory.mktemp("keyless"))
    running.wait_until_ready()
    with pytest.MonkeyPatch.context() as patched:
        for name, value in _environment(running).items():
            patched.setenv(name, value)
        yield running


@pytest.fixture(scope="module")
def azurite(processes: Processes, identity: Identity) -> Azurite:
    storage = Azurite(
        processes,
        [ACCOUNT],
        log=identity.directory / "log" / "azurite.log",
        certificate=identity.certificates.server,
    )
    storage.wait_until_ready()
    return storage


@pytest.fixture(scope="module")
def connection(azurite: Azurite, identity: Identity) -> dict[str, str]:
    """The suffixes of a connection by identity, with what they hold."""
    return {
        "blobServiceUri": azurite.url("blob", ACCOUNT),
        "queueServiceUri": azurite.url("queue", ACCOUNT),
        "credential": "managedidentity",
        "clientId": identity.client_id,
    }


def test_an_uploaded_jar_is_taken_up_by_identity_alone(
    processes: Processes, identity: Identity, azurite: Azurite, connection: dict[str, str]
) -> None:
    """Event, blob binding, both queues, releases, ledger and the host's own storage: none of them knows a key."""
    blobs = _made(connection)
    with flink_server() as flink:
        settings = _settings(identity, connection) | {"FLINK_REST_URL": flink.url}
        host = HostProcess(
            processes, ROOT, settings, name="keyless", directory=identity.directory, key=KEY, options=GRACE
        )
        host.start()
        _watch(processes, host, azurite)
        blobs.get_blob_client("jars", "stateful/orders/v1.jar").upload_blob(JAR.read_bytes())
        (closed,) = eventually(
            lambda: list(blobs.get_container_client("ledger").list_blob_names(name_starts_with="flink/closed/"))
        )
        operation = json.loads(blobs.get_blob_client("ledger", closed).download_blob().readall())
        assert operation["result"]["outcome"] == "SUCCEEDED", operation["result"]
        kept = blobs.get_container_client("releases").list_blob_names()
        assert sorted(name.rpartition(".")[2] for name in kept) == ["jar", "json"]
        assert list(blobs.get_container_client("azure-webjobs-hosts").list_blob_names(name_starts_with="locks/"))
        told = host.settings_file.read_text() + host.log.read_text()
        assert "AccountKey" not in told
        assert "SharedAccessSignature" not in told
        host.kill()


def test_without_a_word_on_the_credential_the_machines_own_is_found(connection: dict[str, str]) -> None:
    """As `DefaultAzureCredential` finds it; the service's URL is enough."""
    bare = {f"BARE__{name}": connection[name] for name in ("blobServiceUri", "queueServiceUri")}
    assert list(blob_service("BARE", bare).list_containers()) is not None
    assert list(queue_service("BARE", bare).list_queues()) is not None


def _environment(identity: Identity) -> dict[str, str]:
    return {
        "IDENTITY_ENDPOINT": identity.endpoint,
        "IDENTITY_HEADER": identity.header,
        "REQUESTS_CA_BUNDLE": str(identity.certificates.ca),
    }


def _settings(identity: Identity, connection: dict[str, str]) -> dict[str, str]:
    connections = {
        f"{name}__{suffix}": value for name in ("JARS", "AzureWebJobsStorage") for suffix, value in connection.items()
    }
    return {
        **connections,
        **_environment(identity),
        "AzureFunctionsWebHost__hostid": "keyless",
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "PYTHON_THREADPOOL_THREAD_COUNT": "32",
        "PYTHON_ENABLE_OPENTELEMETRY": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",  # clients by identity with telemetry on, too
        "JARS_CONTAINER": "jars",
        "OPERATIONS_QUEUE": "operations",
        "SAVEPOINT_SCHEDULE": "0 0 0 1 1 *",
        "SWEEP_SCHEDULE": "0 0 0 1 1 *",
        "SETTLE_SECONDS": "0",
        "FLINK_CLUSTER_KIND": "session",
        "SAVEPOINT_DIRECTORY": "file:///savepoints",
    }


def _made(connection: dict[str, str]) -> BlobServiceClient:
    """Make containers and queue, by identity, too."""
    named = {f"JARS__{name}": value for name, value in connection.items()}
    blobs = blob_service("JARS", named)
    for container in ("jars", "releases", "ledger"):
        blobs.create_container(container)
    queue_service("JARS", named).create_queue("operations")
    return blobs


def _watch(processes: Processes, host: HostProcess, azurite: Azurite) -> None:
    log = host.log.with_name("events.log")
    options = ["--app", host.url, "--key", KEY, "--settings", str(host.settings_file)]
    options += ["--storage-log", str(azurite.log)]
    events = processes.start("events", module("localcloud.events", *options), log=log)
    events.wait_until(lambda: READY in log.read_text())
