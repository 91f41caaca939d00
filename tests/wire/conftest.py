"""Servers that the whole folder shares: starting them costs seconds, so they start once."""

import os
import time
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

YOUNG_SECONDS = 240


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


class Azurites:
    """One Azurite at a time, and none that is old.

    Ten minutes after its start it deletes the bytes of blobs that are gone, and answers nothing meanwhile: after tens
    of thousands of writes, for half a minute and more.
    """

    def __init__(self, folder: Path) -> None:
        """Start none yet."""
        self._folder = folder
        self._processes = Processes()
        self._running: tuple[Azurite, float] | None = None

    def young(self) -> Azurite:
        """Return one that is younger than YOUNG_SECONDS."""
        if self._running is None or time.monotonic() - self._running[1] > YOUNG_SECONDS:
            self.stop()
            started = Azurite(self._processes, ["wire"], log=self._folder / "azurite.log")
            started.wait_until_ready()
            self._running = started, time.monotonic()
        return self._running[0]

    def stop(self) -> None:
        """End the one that runs."""
        self._processes.stop()


@pytest.fixture(scope="package")
def azurites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurites]:
    """Return what starts them."""
    found = Azurites(tmp_path_factory.mktemp("azurite"))
    yield found
    found.stop()


@pytest.fixture(scope="module")
def azurite(azurites: Azurites) -> str:
    """Return the connection string of an account on a real Azurite."""
    return azurites.young().connection_string("wire")


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
