"""Servers that the whole folder shares: starting them costs seconds, so they start once."""

import os
from collections.abc import Iterator

import pytest

from localcloud.azurite import Azurite
from localcloud.identity_process import Identity
from localcloud.processes import Processes


@pytest.fixture(scope="session")
def servers() -> Iterator[Processes]:
    """The owner of every shared process."""
    with Processes() as processes:
        yield processes


@pytest.fixture(scope="session")
def azurite(servers: Processes, tmp_path_factory: pytest.TempPathFactory) -> Azurite:
    """Storage with one account, `local`."""
    storage = Azurite(servers, ["local"], log=tmp_path_factory.mktemp("azurite") / "azurite.log")
    storage.wait_until_ready()
    return storage


@pytest.fixture(scope="session")
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
