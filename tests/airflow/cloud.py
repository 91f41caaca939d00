"""What stands around Airflow in these tests: the app on a real Flink, Azure's names, a vault with the secrets.

vault        https://airflow.vault.azure.net, with the prefixes that the published sample uses
reader       may read the vault and nothing else: Airflow's own principal, in its environment
api client   may call the ARM gateway: its secret is in the vault
jars         in the container that ARM calls name, and where uploads go
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sysconfig
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from azure.storage.blob import BlobServiceClient

from examples.build import javac
from localcloud.app_settings import JOB_JARS_CONTAINER, SECRET_PREFIX
from localcloud.identity_process import Identity
from localcloud.ports import free_port, listens
from localcloud.processes import Processes
from localcloud.python import ROOT, module
from localcloud.up import LocalCloud

from .front import write_certificates

VAULT = "https://airflow.vault.azure.net"
CONNECTIONS, VARIABLES = "airflow-connections", SECRET_PREFIX
BACKEND = "airflow.providers.microsoft.azure.secrets.key_vault.AzureKeyVaultBackend"
IMPATIENT = {"SETTLE_SECONDS": "0.5", "UNREACHABLE_SECONDS": "10", "START_DEADLINE_SECONDS": "60"}
FRESH = {"web.refresh-interval": "200"}  # ms
PROVIDER = ROOT / "build" / "airflow-provider"  # as `make` installs it
CLASSES = Path(sysconfig.get_path("purelib")) / "pyflink" / "lib"


@dataclass(frozen=True)
class Surroundings:
    """The cloud, and what Airflow's processes find of it in their environment."""

    cloud: LocalCloud
    environment: dict[str, str]
    planted: dict[str, str]  # secrets that must stand nowhere
    printed: dict[str, str]  # secrets that a task of the tests prints

    @property
    def identity(self) -> Identity:
        """Entra ID and the vault."""
        return self.cloud.identity

    @property
    def arm_parameters(self) -> dict[str, str]:
        """The configuration of the sample's run, but for the subscription, which has two spellings."""
        account = self.cloud.app_account.name
        directory = f"abfs://{JOB_JARS_CONTAINER}@{account}.dfs.core.windows.net"
        return {"jarDirectory": directory, "rg": "local", "poolNm": "pool", "clusterNm": "flink"}

    def put_jar(self, name: str, content: bytes) -> str:
        """Put a jar where ARM and HTTP calls name it, and return its directory."""
        service = BlobServiceClient.from_connection_string(self.cloud.storage)
        service.get_blob_client(JOB_JARS_CONTAINER, name).upload_blob(content, overwrite=True)
        return self.arm_parameters["jarDirectory"]

    def flink(self, path: str) -> Any:  # noqa: ANN401 - Flink's JSON
        """Ask Flink itself."""
        return requests.get(f"{self.cloud.flink}{path}", timeout=30).json()

    def job(self, name: str) -> Any:  # noqa: ANN401 - Flink's JSON
        """Return the one Flink job of that name; None if there is none yet."""
        found = [job for job in self.flink("/jobs/overview")["jobs"] if job["name"] == name]
        assert len(found) <= 1, found
        return found[0] if found else None


@contextmanager
def surroundings(directory: Path) -> Iterator[Surroundings]:
    """Bring everything up but Airflow."""
    with (
        LocalCloud(cluster="session", directory=directory, settings=IMPATIENT, flink_configuration=FRESH) as cloud,
        Processes() as processes,
    ):
        identity = cloud.identity
        cloud.restart_app(
            {
                "GATEWAY_TENANT_ID": identity.tenant,
                "GATEWAY_AUTHORITY": identity.url,
                "GATEWAY_ALLOWED_PRINCIPALS": cloud.api_client.id,
                "REQUESTS_CA_BUNDLE": str(cloud.ca),
            }
        )
        front, ca = _front(processes, cloud, directory)
        reader = str(uuid.uuid4())
        reader_secret = secrets.token_hex(24)
        identity.register_client(reader, reader_secret)
        planted = {
            "function key": cloud.key,
            "api secret": cloud.api_client.secret,
            "reader's secret": reader_secret,
        }
        printed = {"password": secrets.token_hex(24), "variable": secrets.token_hex(24)}
        connection = {"conn_type": "flinkfuncs", "host": cloud.app, "password": cloud.key}
        storage = {"conn_type": "wasb", "extra": {"connection_string": cloud.storage}}
        identity.set_secret(f"{CONNECTIONS}-flinkfuncs-default", json.dumps(connection))
        identity.set_secret(f"{CONNECTIONS}-wasb-default", json.dumps(storage))
        leaky = {"conn_type": "http", "host": "nowhere.example.com", "password": printed["password"]}
        identity.set_secret(f"{CONNECTIONS}-printed", json.dumps(leaky))
        identity.set_secret(f"{VARIABLES}-planted-password", printed["variable"])
        kwargs = {"connections_prefix": CONNECTIONS, "variables_prefix": VARIABLES, "vault_url": VAULT}
        environment = {
            "PYTHONPATH": str(PROVIDER),
            "FRONT_PORT": str(front),
            "REQUESTS_CA_BUNDLE": str(ca),
            "AIRFLOW__SECRETS__BACKEND": BACKEND,
            "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(kwargs),
            "AZURE_CLIENT_ID": reader,
            "AZURE_TENANT_ID": identity.tenant,
            "AZURE_CLIENT_SECRET": reader_secret,
        }
        yield Surroundings(cloud, environment, planted, printed)


def word_count(directory: Path) -> bytes:
    """Compile the word count.

    Raises:
        WrongCompilerError: there is no javac 17.
    """
    classes, jar = directory / "classes", directory / "WordCount.jar"
    source = Path(__file__).parent / "WordCount.java"
    options = ["--release", "11", "-proc:none", "-cp", str(CLASSES / "*"), "-d", str(classes)]
    subprocess.run([javac(), *options, str(source)], check=True)
    with zipfile.ZipFile(jar, "w") as archive:
        for file in sorted(classes.rglob("*.class")):
            archive.write(file, file.relative_to(classes))
    return jar.read_bytes()


def _front(processes: Processes, cloud: LocalCloud, directory: Path) -> tuple[int, Path]:
    ca, certificate = write_certificates(directory / "front")
    port = free_port()
    options = ["--port", str(port), "--certificate", str(certificate), "--arm", cloud.app]
    options += ["--identity", cloud.vault, "--ca", str(cloud.ca)]
    command = module("tests.airflow.front", *options)
    front = processes.start("Azure's names", command, log=cloud.log_directory / "front.log")
    front.wait_until(lambda: listens(port))
    return port, ca
