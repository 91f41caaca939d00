"""Secrets are planted wherever the app meets one, and looked for in everything that leaves it.

The service behind ARM is a spiteful one: it repeats in its error whatever it was sent, token and arguments included.
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from azure.storage.blob import AccountSasPermissions, BlobServiceClient, ResourceTypes, generate_account_sas

from localcloud.host_process import HostProcess
from localcloud.identity_process import Identity
from localcloud.processes import Processes
from tests.listener import Call, Reply, listening
from tests.otlp import Received, receiving

from .app import RunningApp, eventually
from .conftest import GRACE, ROOT, StartApp

PREFIX = "hdinsight-aks-variables"
SPEC = ("args", "flinkConfiguration")  # the ledger holds a job's spec as it was given: a START needs it


@dataclass
class Spiteful:
    """A service that lists no jobs, and answers every runJob with what it was sent."""

    url: str = ""
    tokens: set[str] = field(default_factory=set)

    def answer(self, call: Call) -> Reply:
        """Answer one request."""
        bearer = call.headers["Authorization"]
        self.tokens.add(bearer.removeprefix("Bearer "))
        if call.method == "GET":
            return Reply(body={"value": []})
        sent = call.sent["properties"]
        words = f"repeats {sent['args']} {json.dumps(sent['flinkConfiguration'])} {bearer}"
        return Reply(400, {"error": {"code": "BadRequest", "message": words}})


@dataclass(frozen=True)
class Planted:
    """The app, what was planted, and where what it tells arrives."""

    app: RunningApp
    key: str
    received: Received
    service: Spiteful
    given: Mapping[str, str]
    replies: list[str] = field(default_factory=list)

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """GET a path with the function key in its query, and keep the reply."""
        reply = self.app.get(f"{path}{'&' if '?' in path else '?'}code={self.key}", key=None)
        self.replies.append(f"{reply.headers} {reply.text}")
        return reply.json() if reply.headers.get("content-type", "").startswith("application/") else None

    @property
    def secrets(self) -> dict[str, str]:
        """Everything that nobody may be told, in every spelling."""
        tokens = {f"token {number}": token for number, token in enumerate(sorted(self.service.tokens))}
        spelled = {
            f"{name}, {kind}": spelling for name, value in self.given.items() for kind, spelling in _spelled(value)
        }
        return tokens | spelled


@pytest.fixture(scope="module")
def planted(
    processes: Processes, account: str, start_app: StartApp, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Planted]:
    directory = tmp_path_factory.mktemp("planted")
    identity = Identity(processes, directory)
    identity.wait_until_ready()
    client_id, client_secret, key = str(uuid.uuid4()), f"planted~{secrets.token_urlsafe(24)}", secrets.token_hex(24)
    identity.register_client(client_id, client_secret)
    for name, value in {"api-client-id": client_id, "api-secret": client_secret, "tenant-id": identity.tenant}.items():
        identity.set_secret(f"{PREFIX}-{name}", value)
    parts = dict(part.split("=", 1) for part in account.split(";") if part)
    sas = _sas(parts)
    with receiving() as received, spiteful() as service:
        settings = _settings(
            identity, service, received, f"BlobEndpoint={parts['BlobEndpoint']};SharedAccessSignature={sas}"
        )
        started = start_app("planted", {**settings, "OTEL_EXPORTER_OTLP_HEADERS": f"api-key={key[::-1]}"})
        host = HostProcess(
            processes, ROOT, started.host.settings, name="keyed", directory=directory, key=key, options=GRACE
        )
        started.host.kill()
        host.start()
        given = {
            "client secret": client_secret,
            "function key": key,
            "account key": parts["AccountKey"],
            "signature": sas.partition("sig=")[2].partition("&")[0],
            "identity header": identity.header,
            "endpoint's key": key[::-1],
            "password in args": f"planted-{secrets.token_hex(8)}",
            "key in args": f"planted-{secrets.token_hex(8)}",
            "password in configuration": f"planted-{secrets.token_hex(8)}",
        }
        yield Planted(RunningApp(host, account), key, received, service, given)
        host.kill()


def _settings(identity: Identity, service: Spiteful, received: Received, job_jars: str) -> dict[str, str]:
    return {
        "PYTHON_ENABLE_OPENTELEMETRY": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": received.url,
        "FLINK_CLUSTER_KIND": "hdinsight",
        "CLUSTER_SUBSCRIPTION_ID": str(uuid.uuid4()),
        "CLUSTER_RESOURCE_GROUP": "group",
        "CLUSTER_POOL": "pool",
        "ARM_BASE_URL": service.url,
        "ARM_POLL_SECONDS": "0.2",
        "JOB_JARS": job_jars,
        "JOB_JAR_DIRECTORY": "abfs://planted-jobjars@local.dfs.core.windows.net/",
        "KEY_VAULT_URL": identity.url,
        "KEY_VAULT_DISABLE_CHALLENGE_VERIFICATION": "true",
        "ENTRA_AUTHORITY": identity.url,
        "ENTRA_DISABLE_INSTANCE_DISCOVERY": "true",
        "IDENTITY_ENDPOINT": identity.endpoint,
        "IDENTITY_HEADER": identity.header,
        "REQUESTS_CA_BUNDLE": str(identity.certificates.ca),
    }


def test_no_planted_secret_is_told_to_anyone(planted: Planted) -> None:
    """Not in a log, a span, a metric, a record of the ledger, or a reply; the job's own spec in the ledger excepted."""
    blobs = BlobServiceClient.from_connection_string(planted.app.account)
    blobs.create_container("planted-jobjars")
    _upload(planted)
    operation = eventually(lambda: _closed(planted))
    assert operation is not None
    assert "repeats" in operation["result"]["message"], "the spiteful reply is a part of the result"
    outcome = operation["result"]["outcome"]
    _crash(planted, blobs)
    for path in ("/api/jobs", "/api/jobs/planted", f"/api/operations/{operation['id']}", "/api/health", "/api/nowhere"):
        planted.get(path)
    planted.app.run_now("sweep", key=planted.key)
    eventually(lambda: planted.received.newest("flinkfuncs.operation.age"))
    eventually(lambda: planted.received.newest("flinkfuncs.operations", outcome=outcome))
    eventually(lambda: [span for span in planted.received.spans if span.name == "sweep"])
    assert planted.service.tokens
    told = {
        "the host's log": planted.app.log(),
        "telemetry": "\n".join(raw.decode("utf-8", "replace") for raw in planted.received.raw),
        "a reply": "\n".join(planted.replies),
        "the ledger": json.dumps(_without_spec(planted.app.ledger_blobs())),
    }
    found = [
        (name, where) for name, secret in planted.secrets.items() for where, text in told.items() if secret in text
    ]
    assert found == []
    assert all("step=Submit" in told[where] or "Submit" in told[where] for where in told), "each of them says something"
    peers = {span.attributes.get("peer") for span in planted.received.spans}
    assert {"arm", "entra", "keyvault", "storage"} <= peers


def _upload(planted: Planted) -> None:
    given = planted.given
    spec = {
        "jar": "v1.jar",
        "args": f"--db.password {given['password in args']} --api-key={given['key in args']} --topic orders",
        "flinkConfiguration": {"s3.secret-key": given["password in configuration"]},
    }
    jar = (Path(__file__).parents[2] / "examples" / "jars" / "sequence-1.jar").read_bytes()
    planted.app.put_blob("stateful/planted/job.json", json.dumps(spec).encode())
    planted.app.put_blob("stateful/planted/v1.jar", jar)
    planted.app.run_now("sweep", key=planted.key)


def _closed(planted: Planted) -> dict[str, Any] | None:
    found = (planted.get("/api/operations?job=planted") or {}).get("operations", [])
    return next((operation for operation in found if operation["state"] == "closed"), None)


def _crash(planted: Planted, blobs: BlobServiceClient) -> None:
    """Plant a record that cannot be read: what is wrong with it is told, and not what stands in it."""
    ledger = blobs.get_container_client(planted.app.host.settings["LEDGER_CONTAINER"])
    (name,) = [name for name in ledger.list_blob_names() if name.endswith("jobs/planted.json")]
    broken = {"name": "broken", "wanted": {"spec": {"parallelism": planted.given["password in args"]}}}
    ledger.upload_blob(name.replace("planted.json", "broken.json"), json.dumps(broken))
    planted.get("/api/jobs/broken")
    ledger.delete_blob(name.replace("planted.json", "broken.json"))
    assert "UnreadableRecord" in planted.replies[-1]


def _without_spec(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {key: _without_spec(inner) for key, inner in value.items() if key not in SPEC}
    return [_without_spec(inner) for inner in value] if isinstance(value, list) else value


def _spelled(value: str) -> list[tuple[str, str]]:
    return list({"as it is": value, "decoded": unquote(value), "encoded": quote(value, safe="")}.items())


def _sas(parts: Mapping[str, str]) -> str:
    return generate_account_sas(
        parts["AccountName"],
        parts["AccountKey"],
        ResourceTypes(service=True, container=True, object=True),
        AccountSasPermissions(read=True, write=True, create=True, list=True, delete=True),
        datetime.now(UTC) + timedelta(hours=1),
    )


@contextmanager
def spiteful() -> Iterator[Spiteful]:
    """The service for the length of a test."""
    service = Spiteful()
    with listening(service.answer) as service.url:
        yield service
