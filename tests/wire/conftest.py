"""Servers that the whole folder shares: starting them costs seconds, so they start once."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from localcloud.azurite import Azurite
from localcloud.identity_process import Identity
from localcloud.processes import Processes
from tests.listener import listening
from tests.stand_in.rest import FlinkServer, flink_server
from tests.wire.session import Session, quick
from tests.wire.storage import Storage
from tests.wire.uploading import Uploading


@pytest.fixture(scope="package")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Identity]:
    """Entra ID, managed identity and Key Vault."""
    with Processes() as processes:
        running = Identity(processes, tmp_path_factory.mktemp("identity"))
        running.wait_until_ready()
        yield running


@pytest.fixture
def app_identity(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> Identity:
    """The same, with the environment that an app in Azure would have."""
    for name in [name for name in os.environ if name.startswith(("AZURE_", "IDENTITY_", "MSI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("IDENTITY_ENDPOINT", identity.endpoint)
    monkeypatch.setenv("IDENTITY_HEADER", identity.header)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(identity.certificates.ca))
    return identity


@pytest.fixture(scope="package")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the connection string of an account on a real Azurite."""
    with Processes() as processes:
        storage = Azurite(processes, ["wire"], log=tmp_path_factory.mktemp("azurite") / "azurite.log")
        storage.wait_until_ready()
        yield storage.connection_string("wire")


@pytest.fixture
def storage(azurite: str) -> Iterator[Storage]:
    """Return containers and a queue that no other test uses."""
    with closing(Storage(azurite)) as storage:
        yield storage


@pytest.fixture
def flink(storage: Storage) -> Iterator[FlinkServer]:
    """Return a stand-in for Flink, at the time of the test; nothing that is asked of it may be wrong."""
    with flink_server() as server:
        server.serve(quick(storage))
        yield server
        assert server.flink.wrong == []


@pytest.fixture
def cluster(storage: Storage, flink: FlinkServer) -> Session:
    """Return the app's session cluster on it."""
    return Session(storage, flink)


@pytest.fixture
def uploading(storage: Storage, azurite: str, tmp_path: Path) -> Iterator[Uploading]:
    """Return an app of recorded replies that sees what the command line uploads."""
    made = Uploading(storage, azurite, tmp_path)
    with listening(made.answer) as made.url:
        yield made
