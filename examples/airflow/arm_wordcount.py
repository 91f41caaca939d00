"""Submit a job at the ARM API and follow what really becomes of it: HDInsight on AKS itself, or this app's gateway.

It takes the configuration of the sample "Flink job orchestration using Azure Data Factory managed Airflow" as that
article documents it, and as its code reads it (`subscritpion` and `subscription`):

    {"jarName": "WordCount.jar", "jarDirectory": "abfs://filesystem@<storageaccount>.dfs.core.windows.net",
     "subscritpion": "…", "rg": "…", "poolNm": "…", "clusterNm": "…"}

and finds the service principal in the same three variables of the Key Vault: api-client-id, api-secret, tenant-id. The
variable arm-url names the gateway; without it the calls go to management.azure.com.

Other than the sample: the token stays inside the task that uses it, submit comes before follow, a repeated submit finds
the job of the first, and the run fails where the job does. A reply of 202 says only that runJob was accepted.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import requests
from airflow.exceptions import AirflowFailException
from airflow.providers.common.compat.sdk import DAG, Param, Variable
from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.sensors.python import PythonSensor
from azure.identity import ClientSecretCredential

API_VERSION = "2023-06-01-preview"
ARM = "https://management.azure.com"
ENTRY_CLASS = "org.apache.flink.examples.java.wordcount.WordCount"
CALL_SECONDS = 60
ENDED_BADLY = ("FAILED", "CANCELED", "JOB_LAUNCH_FAILED")


def cluster_url(params: Mapping[str, Any]) -> str:
    """Return the cluster's address at the ARM API, from the run's parameters."""
    parts = {
        "subscriptions": params.get("subscription") or params.get("subscritpion"),
        "resourceGroups": params.get("rg"),
        "providers": "Microsoft.HDInsight",
        "clusterpools": params.get("poolNm"),
        "clusters": params.get("clusterNm"),
    }
    wrong = [name for name, value in parts.items() if not re.fullmatch(r"[\w.()-]+", str(value or ""))]
    if wrong:
        raise AirflowFailException(f"the run's parameters say nothing good of: {', '.join(wrong)}")
    root = str(Variable.get("arm-url", ARM)).rstrip("/")
    return root + "".join(f"/{name}/{value}" for name, value in parts.items())


def call(method: str, url: str, body: Mapping[str, object] | None = None, key: str = "") -> requests.Response:
    """Call the API with a token of the service principal; the token is neither logged nor returned."""
    principal = ClientSecretCredential(
        tenant_id=Variable.get("tenant-id"),
        client_id=Variable.get("api-client-id"),
        client_secret=Variable.get("api-secret"),
    )
    headers = {"Authorization": f"Bearer {principal.get_token(f'{ARM}/.default').token}"}
    if key:
        headers["Idempotency-Key"] = key  # the gateway takes it; the service passes over it
    query = {"api-version": API_VERSION}
    return requests.request(
        method, url, params=query, json=body, headers=headers, timeout=CALL_SECONDS, allow_redirects=False
    )


def row_of(job: str, url: str) -> Mapping[str, Any] | None:
    """Return what the list says of a job, if anything."""
    reply = call("GET", f"{url}/jobs")
    reply.raise_for_status()
    found = [row["properties"] for row in reply.json()["value"]]
    return next((properties for properties in found if properties.get("jobName") == job), None)


def submit(**context: Any) -> str:  # noqa: ANN401 - Airflow's context
    """Ask for a new job, once for each run of the DAG, and return its name."""
    params, run = context["params"], context["run_id"]
    url = cluster_url(params)
    job = f"wordcountdemo{hashlib.sha256(run.encode()).hexdigest()[:12]}"
    if row_of(job, url):
        return job  # the attempt before this one got so far
    properties = {
        "jobType": "FlinkJob",
        "jobName": job,
        "action": "NEW",
        "jobJarDirectory": params["jarDirectory"],
        "jarName": params["jarName"],
        "entryClass": ENTRY_CLASS,
        "args": f"--input /opt/flink/LICENSE --output /tmp/{job}",
        "flinkConfiguration": {"parallelism": "2"},
    }
    reply = call("POST", f"{url}/runJob", {"properties": properties}, key=job)
    if 400 <= reply.status_code < 500 and reply.status_code not in (408, 429):
        raise AirflowFailException(f"runJob was refused: {reply.status_code} {reply.text[:500]}")
    reply.raise_for_status()
    return job


def finished(job: str, **context: Any) -> bool:  # noqa: ANN401 - Airflow's context
    """Say whether the job has finished; one that failed, or never began, fails the task with the cluster's reason.

    The job's status counts before the action's result: the service's was SUCCESS as soon as the job ran, and the
    gateway's is IN_PROGRESS until a batch job, which takes no checkpoint that could prove its start, has finished.
    """
    row = row_of(job, cluster_url(context["params"])) or {}
    result, status = row.get("actionResult"), row.get("status")
    if status in ENDED_BADLY or (result == "FAILED" and not status):
        raise AirflowFailException(f"{job} is {status}: {row.get('jobOutput')}")
    return bool(status == "FINISHED")


with DAG(
    "arm_wordcount",
    description="Submit a Flink job at the ARM API and follow its outcome",
    schedule=None,
    start_date=datetime(2024, 1, 1),
    catchup=False,
    params={
        "jarName": Param("WordCount.jar", type="string"),
        "jarDirectory": Param(
            None, type=["null", "string"], description="abfs://filesystem@account.dfs.core.windows.net"
        ),
        "subscritpion": Param(None, type=["null", "string"], description="as the sample's article spells it"),
        "subscription": Param(None, type=["null", "string"], description="as the sample's code reads it"),
        "rg": Param(None, type=["null", "string"]),
        "poolNm": Param(None, type=["null", "string"]),
        "clusterNm": Param(None, type=["null", "string"]),
    },
    tags=["flink"],
) as dag:
    submitted = PythonOperator(task_id="submit", python_callable=submit, retries=2)
    followed = PythonSensor(
        task_id="follow",
        python_callable=finished,
        op_kwargs={"job": submitted.output},
        mode="reschedule",
        poke_interval=15,
        timeout=3600,
        retries=2,
    )
    submitted >> followed
