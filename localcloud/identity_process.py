"""How do tests and `up` start the process with Entra ID, managed identity and Key Vault, and talk to it?

Secrets enter the vault on the same wire that the SDK uses, with a token of the managed identity.
"""

import secrets
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import requests

from localcloud.ports import HOST, free_port, listens
from localcloud.processes import Process, Processes
from localcloud.python import module
from localcloud.tls import Certificates, write_certificates
from localcloud.vault import RESOURCE

_TIMEOUT_SECONDS = 30


@dataclass
class Identity:
    """The running process, its addresses and what only tests may change."""

    processes: Processes
    directory: Path
    tenant: str = field(default_factory=lambda: str(uuid.uuid4()))
    header: str = field(default_factory=lambda: secrets.token_hex(24))
    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))  # of the managed identity

    def __post_init__(self) -> None:
        self.certificates: Certificates = write_certificates(self.directory / "tls")
        self._port, self._plain_port = free_port(), free_port()
        self._process: Process = self._start()

    @property
    def url(self) -> str:
        """The authority and the vault (TLS; trust `certificates.ca`)."""
        return f"https://localhost:{self._port}"

    @property
    def endpoint(self) -> str:
        """What IDENTITY_ENDPOINT holds in the app."""
        return f"http://{HOST}:{self._plain_port}/msi/token"

    @property
    def control_url(self) -> str:
        """Where the tests' endpoints are: `{control_url}/clients/{id}` and so on."""
        return f"http://{HOST}:{self._plain_port}/_local"

    def wait_until_ready(self) -> None:
        """Return when both ports accept connections."""
        self._process.wait_until(lambda: listens(self._port) and listens(self._plain_port))

    def register_client(self, client_id: str, *client_secrets: str) -> str:
        """Register a client or replace its secrets, and return its object id."""
        body = {"secrets": client_secrets}
        reply = requests.put(f"{self.control_url}/clients/{client_id}", json=body, timeout=_TIMEOUT_SECONDS)
        return str(_checked(reply).json()["object_id"])

    def set_lifetime(self, seconds: int) -> None:
        """Change how long the tokens live that are given from now on."""
        _checked(requests.put(f"{self.control_url}/lifetime", json={"seconds": seconds}, timeout=_TIMEOUT_SECONDS))

    def sign(self, **claims: str | int) -> str:
        """A token with any claims, signed with the real key."""
        reply = _checked(requests.post(f"{self.control_url}/tokens", json=claims, timeout=_TIMEOUT_SECONDS))
        return str(reply.json()["access_token"])

    def calls(self) -> dict[str, int]:
        """How often each "METHOD /path" was called since the start."""
        return dict(_checked(requests.get(f"{self.control_url}/calls", timeout=_TIMEOUT_SECONDS)).json())

    def set_secret(self, name: str, value: str) -> None:
        """Put a new version of a secret into the vault."""
        reply = requests.put(
            f"{self.url}/secrets/{name}",
            json={"value": value},
            headers={"Authorization": f"Bearer {self._vault_token()}"},
            verify=str(self.certificates.ca),
            timeout=_TIMEOUT_SECONDS,
        )
        _checked(reply)

    def _vault_token(self) -> str:
        header, asked = {"X-IDENTITY-HEADER": self.header}, {"resource": RESOURCE}
        reply = requests.get(self.endpoint, params=asked, headers=header, timeout=_TIMEOUT_SECONDS)
        return str(_checked(reply).json()["access_token"])

    def _start(self) -> Process:
        options = ["--port", str(self._port), "--plain-port", str(self._plain_port), "--tenant", self.tenant]
        options += ["--certificate", str(self.certificates.server), "--identity-header", self.header]
        options += ["--identity-client-id", self.client_id]
        command = module("localcloud.identity", *options)
        return self.processes.start("Entra ID and Key Vault", command, log=self.directory / "log" / "identity.log")


def _checked(reply: requests.Response) -> requests.Response:
    reply.raise_for_status()
    return reply
