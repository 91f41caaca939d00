"""Servers that the whole folder shares: starting them costs seconds, so they start once."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from localcloud.azurite import Azurite
from localcloud.identity_process import Identity
from localcloud.processes import Processes
from tests.localcloud.sample import Sample

ACCOUNTS = ["local", "crash", "late", "twins"]


@pytest.fixture(scope="package")
def servers() -> Iterator[Processes]:
    """The owner of every shared process."""
    with Processes() as processes:
        yield processes


@pytest.fixture(scope="package")
def azurite(servers: Processes, tmp_path_factory: pytest.TempPathFactory) -> Azurite:
    """Storage with an account for each host that must not meet another one's messages."""
    storage = Azurite(servers, ACCOUNTS, log=tmp_path_factory.mktemp("azurite") / "azurite.log")
    storage.wait_until_ready()
    return storage


@pytest.fixture(scope="package")
def identity(servers: Processes, tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """Entra ID, managed identity and Key Vault."""
    running = Identity(servers, tmp_path_factory.mktemp("identity"))
    running.wait_until_ready()
    return running


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
def sample(servers: Processes, azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """The sample app on a host with the settings of production."""
    directory = tmp_path_factory.mktemp("sample")
    with closing(Sample(servers, azurite.connection_string("local"), directory)) as running:
        running.host.start()
        yield running


@pytest.fixture
def crash(servers: Processes, azurite: Azurite, tmp_path: Path) -> Iterator[Sample]:
    """The sample app on a host of its own, where a message in work is hidden for 2 s and not for 10 minutes."""
    connection, options = azurite.connection_string("crash"), ("--invisibility", "2")
    settings = {"AzureFunctionsJobHost__functionTimeout": "00:00:04"}
    with closing(Sample(servers, connection, tmp_path, options=options, settings=settings)) as running:
        running.host.start()
        yield running
        running.host.kill()
