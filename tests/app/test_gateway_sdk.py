"""The stock SDK of HDInsight on AKS against the gateway, over a real Flink: a job's life in the API's own words."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.mgmt.hdinsightcontainers import HDInsightContainersMgmtClient
from azure.mgmt.hdinsightcontainers.models import ClusterJob, FlinkJobProperties
from azure.storage.blob import BlobServiceClient

from localcloud.flink import FlinkCluster
from localcloud.identity_process import Identity
from localcloud.processes import Processes

from .app import RunningApp, eventually
from .conftest import ROOT, StartApp

pytestmark = pytest.mark.nightly("a Flink of its own; two stories go the same way by the app's own client")

AUDIENCE = "https://management.azure.com"
APP_ID = "7b1f0c9e-0000-4000-8000-000000000001"
SUBSCRIPTION = "5f1b0a5e-6d53-4a53-9f7c-2f6f2f6c1a10"
CLUSTER = ("local", "pool", "flink")
JARS = "abfs://sdkjars@account.dfs.core.windows.net/team/jars"
JOB = "orders"
PLAIN_HTTP: dict[str, Any] = {"enforce_https": False}  # the SDK's own switch, for each call
VERSION_1, VERSION_2 = (ROOT / "examples" / "jars" / f"sequence-{number}.jar" for number in (1, 2))


@pytest.fixture(scope="module")
def flink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlinkCluster]:
    with FlinkCluster(tmp_path_factory.mktemp("flink"), slots=4) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def identity(processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> Identity:
    started = Identity(processes, tmp_path_factory.mktemp("identity"))
    started.wait_until_ready()
    return started


@pytest.fixture(scope="module")
def gateway(start_app: StartApp, flink: FlinkCluster, identity: Identity, account: str) -> RunningApp:
    BlobServiceClient.from_connection_string(account).create_container("sdkjars")
    subscription, (group, pool, cluster) = SUBSCRIPTION, CLUSTER
    settings = {
        "FLINK_REST_URL": flink.url,
        "SAVEPOINT_DIRECTORY": flink.savepoint_directory,
        "CLUSTER_SUBSCRIPTION_ID": subscription,
        "CLUSTER_RESOURCE_GROUP": group,
        "CLUSTER_POOL": pool,
        "CLUSTER_NAME": cluster,
        "GATEWAY_TENANT_ID": identity.tenant,
        "GATEWAY_AUTHORITY": identity.url,
        "GATEWAY_ALLOWED_PRINCIPALS": APP_ID,
        "REQUESTS_CA_BUNDLE": str(identity.certificates.ca),
        "JOB_JARS": account,
        "JOB_JAR_DIRECTORY": JARS,
    }
    return start_app("sdk", settings)


class Credential:
    """What the SDK gets its tokens from."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def get_token(self, *scopes: str, **_options: object) -> AccessToken:
        assert scopes == (f"{AUDIENCE}/.default",)
        token = self._identity.sign(aud=AUDIENCE, oid="o", appid=APP_ID)
        return AccessToken(token, int(time.time()) + 3600)


class Sdk:
    """The SDK as its users call it."""

    def __init__(self, gateway: RunningApp, identity: Identity) -> None:
        self.client = HDInsightContainersMgmtClient(Credential(identity), SUBSCRIPTION, base_url=gateway.host.url)

    def run(self, action: str, **properties: Any) -> Any:  # noqa: ANN401 - the SDK has no types
        """Send a runJob, follow it to its end, and return the job's row."""
        job = ClusterJob(properties=FlinkJobProperties(job_name=JOB, action=action, **properties))
        poller = self.client.cluster_jobs.begin_run_job(*CLUSTER, job, **PLAIN_HTTP)
        poller.result(timeout=120)
        assert poller.status() == "Succeeded"
        return self.job()

    def job(self) -> Any:  # noqa: ANN401 - the SDK has no types
        """Return the row of the job, or None where there is none."""
        rows = list(self.client.cluster_jobs.list(*CLUSTER, filter=f"jobName eq {JOB}", **PLAIN_HTTP))
        assert len(rows) <= 1
        return rows[0].properties if rows else None


@pytest.fixture(scope="module")
def sdk(gateway: RunningApp, identity: Identity) -> Sdk:
    return Sdk(gateway, identity)


def put_jar(account: str, jar: Path) -> None:
    blobs = BlobServiceClient.from_connection_string(account)
    blobs.get_blob_client("sdkjars", "team/jars/orders.jar").upload_blob(jar.read_bytes(), overwrite=True)


def versions(sink: Path) -> set[str]:
    """Return which versions of the code have committed output."""
    lines = [line for part in sink.rglob("part-*") for line in part.read_text().splitlines()]
    return {line.split()[1] for line in lines}


def test_a_jobs_life_through_the_stock_sdk(sdk: Sdk, account: str, tmp_path: Path) -> None:
    """NEW, SAVEPOINT, UPDATE with a new jar in the old place, STOP, LIST_SAVEPOINT, START from a savepoint, CANCEL and
    DELETE: an unchanged client sees each come true in the job's row.
    """
    put_jar(account, VERSION_1)
    sink = tmp_path / "out"
    args = f"--sink {sink.as_uri()} --rate 50"
    row = sdk.run(
        "NEW",
        job_jar_directory=JARS + "/",
        jar_name="orders.jar",
        args=args,
        flink_configuration={"parallelism": "1", "savepoint.directory": "", "flinkfuncs.operation": "mark"},
    )
    assert (row.action, row.action_result, row.status) == ("NEW", "SUCCESS", "RUNNING"), row.job_output
    assert row.job_output == "Flink internal job status : RUNNING"
    assert re.fullmatch("[0-9a-f]{32}", row.job_id)
    assert (row.job_jar_directory, row.jar_name, row.args) == (JARS, "orders.jar", args)
    assert row.flink_configuration == {"parallelism": "1", "flinkfuncs.operation": "mark"}
    first = row.job_id, row.run_id
    eventually(lambda: versions(sink) == {"1"})

    row = sdk.run("SAVEPOINT")
    assert (row.action, row.action_result, row.status) == ("SAVEPOINT", "SUCCESS", "RUNNING"), row.job_output
    assert row.job_output == f"Savepoint completed. Path: {row.last_save_point}"
    assert (row.job_id, row.run_id) == first
    taken = row.last_save_point

    put_jar(account, VERSION_2)
    row = sdk.run("UPDATE")
    assert (row.action, row.action_result, row.status) == ("UPDATE", "SUCCESS", "RUNNING"), row.job_output
    assert (row.args, row.flink_configuration) == (args, {"parallelism": "1"})
    assert row.job_id != first[0]
    assert row.run_id == first[1]
    eventually(lambda: versions(sink) == {"1", "2"})

    row = sdk.run("STOP")
    assert (row.action, row.action_result, row.status) == ("STOP", "SUCCESS", "STOPPED"), row.job_output
    assert row.job_output == f"Savepoint completed. Path: {row.last_save_point}"

    listed = sdk.run("LIST_SAVEPOINT")
    assert (listed.action_result, listed.status) == ("SUCCESS", "STOPPED"), listed.job_output
    paths = [line.rpartition(" ")[2] for line in listed.job_output.splitlines()[1:]]
    assert (len(paths), paths[0], paths[-1]) == (3, row.last_save_point, taken)

    row = sdk.run("STOP")
    assert (row.action_result, row.status) == ("FAILED", "STOPPED")
    assert row.job_output.startswith("Job execution failed. \n")

    row = sdk.run("START", save_point_name=row.last_save_point.rpartition("/")[2])
    assert (row.action, row.action_result, row.status) == ("START", "SUCCESS", "RUNNING"), row.job_output

    row = sdk.run("CANCEL")
    assert (row.action, row.action_result, row.status) == ("CANCEL", "SUCCESS", "CANCELED"), row.job_output
    assert sdk.run("DELETE") is None


def test_a_jar_that_is_not_there_is_a_launch_that_failed(sdk: Sdk) -> None:
    """The call succeeds and the job does not: as the real service did."""
    row = sdk.run("NEW", job_jar_directory=JARS, jar_name="missing.jar")
    assert (row.action_result, row.status, row.job_id) == ("FAILED", "JOB_LAUNCH_FAILED", None)
    assert row.job_output.startswith("Job execution failed. \n")
    assert "missing.jar" in row.job_output


def test_the_sdk_understands_our_errors(sdk: Sdk) -> None:
    """Code and message arrive in the exception."""
    job = ClusterJob(properties=FlinkJobProperties(job_name="nobody", action="STOP"))
    with pytest.raises(HttpResponseError, match=r"\(JobNotFound\)"):
        sdk.client.cluster_jobs.begin_run_job(*CLUSTER, job, **PLAIN_HTTP)
    with pytest.raises(HttpResponseError, match=r"\(ResourceNotFound\)"):
        list(sdk.client.cluster_jobs.list("local", "pool", "other", **PLAIN_HTTP))
