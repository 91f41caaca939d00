"""Azure's own command line and every version of the SDK as callers, unmodified, each in an environment of its own.

`make test-callers` installs them. They call management.azure.com and login.microsoftonline.com; both names lead to a
TLS front on this machine, whose authority they are given to trust.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import trustme

from flinkfuncs.core.actions import Action
from flinkfuncs.gateway.contract import LATER_ACTIONS
from localcloud.identity_process import Identity
from localcloud.processes import Processes
from tests.listener import Call, Reply, listening

from .app import RunningApp, eventually
from .conftest import ROOT, StartApp

AZ = ROOT / ".tools" / "callers" / "bin" / "az"
SDKS = sorted(file.stem.removeprefix("sdk-") for file in (ROOT / "requirements").glob("sdk-*.in"))
pytestmark = pytest.mark.nightly("it needs Azure's own command line, 400 MB; `make test-callers` runs it")

ARM, ENTRA = "management.azure.com", "login.microsoftonline.com"
SUBSCRIPTION, APP_ID, SECRET = "5f1b0a5e-6d53-4a53-9f7c-2f6f2f6c1a10", "7b1f0c9e-0000-4000-8000-000000000009", "s" * 32
POOL = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/local/providers/Microsoft.HDInsight/clusterpools/pool"
CLUSTER = f"{POOL}/clusters/flink"
VERSION = "api-version=2023-06-01-preview"
REDIRECT = """import socket
_real = socket.getaddrinfo
def _local(host, port, *rest, **options):
    if host in {names!r}:
        return _real("127.0.0.1", {port}, *rest, **options)
    return _real(host, port, *rest, **options)
socket.getaddrinfo = _local
"""
DROPPED = {"host", "connection", "content-length", "transfer-encoding", "content-encoding", "accept-encoding"}


@dataclass(frozen=True)
class Surroundings:
    """What a caller finds: its files lie in a directory of the test, and both names lead to the front."""

    home: Path
    ca: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "AZURE_CONFIG_DIR": str(self.home / "azure"),
            "AZURE_CORE_COLLECT_TELEMETRY": "false",
            "PYTHONPATH": str(self.home / "site"),
            "REQUESTS_CA_BUNDLE": str(self.ca),
        }
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)


@dataclass(frozen=True)
class Az:
    """The command line of one user."""

    around: Surroundings

    def __call__(self, *words: str) -> Any:  # noqa: ANN401 - JSON of any command
        """Run a command, and return what it prints."""
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command."""
        return self.around.run(str(AZ), *words, "--output", "json")


@pytest.fixture(scope="module")
def identity(processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> Identity:
    started = Identity(processes, tmp_path_factory.mktemp("identity"))
    started.wait_until_ready()
    started.register_client(APP_ID, SECRET)
    return started


@pytest.fixture(scope="module")
def gateway(start_app: StartApp, identity: Identity) -> RunningApp:
    return start_app(
        "callers",
        {
            "UNREACHABLE_SECONDS": "2",
            "CLUSTER_SUBSCRIPTION_ID": SUBSCRIPTION,
            "CLUSTER_RESOURCE_GROUP": "local",
            "CLUSTER_POOL": "pool",
            "CLUSTER_NAME": "flink",
            "GATEWAY_TENANT_ID": identity.tenant,
            "GATEWAY_AUTHORITY": identity.url,
            "GATEWAY_ALLOWED_PRINCIPALS": APP_ID,
            "GATEWAY_FRONT_ENDS": "127.0.0.1",
            "REQUESTS_CA_BUNDLE": str(identity.certificates.ca),
        },
    )


@pytest.fixture(scope="module")
def around(gateway: RunningApp, identity: Identity, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surroundings]:
    """Serve both names before the gateway."""
    home = tmp_path_factory.mktemp("callers")
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(ARM, ENTRA).configure_cert(context)
    authority.cert_pem.write_to_path(home / "ca.pem")

    def front(call: Call) -> Reply:
        host = {name.lower(): text for name, text in call.headers.items()}["host"].partition(":")[0]
        if host == ARM and call.bare == "/subscriptions":  # Azure's own, and nothing of this provider's
            known = {"id": f"/subscriptions/{SUBSCRIPTION}", "subscriptionId": SUBSCRIPTION, "displayName": "local"}
            return Reply(body={"value": [known | {"state": "Enabled", "tenantId": identity.tenant}]})
        target = gateway.host.url if host == ARM else identity.url
        headers = {name: text for name, text in call.headers.items() if name.lower() not in DROPPED}
        with requests.Session() as session:
            session.trust_env = False
            reply = session.request(
                call.method,
                target + call.path,
                headers=headers | {"X-Forwarded-Host": host, "X-Forwarded-Proto": "https"},
                data=call.body,
                timeout=60,
                verify=str(identity.certificates.ca),
                allow_redirects=False,
            )
        raw = (
            reply.content.replace(identity.url.encode(), f"https://{ENTRA}".encode())
            if host == ENTRA
            else reply.content
        )
        kept = {name: text for name, text in reply.headers.items() if name.lower() not in {*DROPPED, "date", "server"}}
        return Reply(reply.status_code, headers=kept, raw=raw)

    with listening(front, tls=context) as url:
        (home / "site").mkdir()
        redirect = REDIRECT.format(names={ARM, ENTRA}, port=urlsplit(url).port)
        (home / "site" / "sitecustomize.py").write_text(redirect)
        yield Surroundings(home, home / "ca.pem")


@pytest.fixture(scope="module")
def az(around: Surroundings, identity: Identity) -> Az:
    """Return a command line that has signed in as a service principal."""
    if not AZ.exists():
        pytest.skip("make test-callers installs Azure's command line")
    signed_in = Az(around)
    signed_in("login", "--service-principal", "-u", APP_ID, "-p", SECRET, "--tenant", identity.tenant)
    return signed_in


def test_az_rest_sends_a_run_job_and_reads_what_became_of_it(az: Az) -> None:
    """As the sample script does: a POST, and the list; the URL to follow names the front, and can be followed."""
    body = {"properties": {"jobType": "FlinkJob", "jobName": "orders", "action": "NEW"}}
    url = f"https://{ARM}{CLUSTER}/runJob?{VERSION}"
    sent = az.run("rest", "--method", "POST", "--url", url, "--body", json.dumps(body), "--debug")
    assert sent.returncode == 0, sent.stderr
    told = re.search(r"'location': '([^']+)'", sent.stderr, re.IGNORECASE)
    assert told, sent.stderr
    location = told[1]
    assert location.startswith(f"https://{ARM}{CLUSTER}/operationStatuses/")
    status = eventually(lambda: (s := az("rest", "--url", location))["status"] == "Succeeded" and s)
    assert status["resourceId"] == CLUSTER
    (row,) = az("rest", "--url", f"{CLUSTER}/jobs?{VERSION}")["value"]
    assert (row["properties"]["jobName"], row["properties"]["actionResult"]) == ("orders", "FAILED")


def test_a_token_that_az_gives_without_a_resource_is_taken(az: Az, gateway: RunningApp) -> None:
    """Its audience is the older one of ARM's two."""
    token = az("account", "get-access-token")["accessToken"]
    reply = gateway.get(f"{CLUSTER}/jobs?{VERSION}", headers={"Authorization": f"Bearer {token}"})
    assert reply.status_code == 200


def test_az_resource_show_finds_pool_and_cluster(az: Az) -> None:
    """By their ids, and by their names: it looks up the api-version itself."""
    for number, kind in ((POOL, "clusterpools"), (CLUSTER, "clusterpools/clusters")):
        found = az("resource", "show", "--ids", number)
        assert (found["id"], found["type"], found["location"]) == (number, f"Microsoft.HDInsight/{kind}", "local")
    words = ("-g", "local", "-n", "flink", "--namespace", "Microsoft.HDInsight", "--parent", "clusterpools/pool")
    found = az("resource", "show", *words, "--resource-type", "clusters")
    assert found["properties"]["provisioningState"] == "Succeeded"


def test_az_shows_the_gateways_errors(az: Az) -> None:
    """Code and message."""
    failed = az.run("rest", "--url", f"{CLUSTER}x/jobs?{VERSION}")
    assert failed.returncode != 0
    assert "ResourceNotFound" in failed.stderr


@pytest.mark.parametrize("version", SDKS)
def test_every_version_of_the_sdk_asks_for_every_action_that_it_has(
    around: Surroundings, identity: Identity, version: str
) -> None:
    """Each with its own api-version, its own credential and its own way to follow an operation."""
    python = ROOT / ".tools" / f"sdk-{version}" / "bin" / "python"
    if not python.exists():
        pytest.skip("make test-callers installs the SDK")
    caller = str(ROOT / "tests" / "app" / "sdk_caller.py")
    done = around.run(str(python), caller, identity.tenant, APP_ID, SECRET, SUBSCRIPTION)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["version"], said["pool"], said["cluster"]) == (version, POOL, CLUSTER)
    later = version != "1.0.0b1"  # the first one's api-version has neither run ids nor the later actions
    assert said["error"] == "404 JobNotFound"
    rows = said["rows"]
    assert set(rows) == {str(action) for action in Action if later or action not in LATER_ACTIONS}
    for action, (status, row) in rows.items():
        assert (status, row["action"], row["jobName"]) == ("Succeeded", action, f"sdk-{version.replace('.', '-')}")
        # There is no Flink, and no jar was named: what was asked for failed, and says why.
        assert (row["actionResult"], row["status"], bool(row["jobOutput"])) == ("FAILED", "JOB_LAUNCH_FAILED", True)
        assert ("runId" in row) == later
