"""What a user of azure-mgmt-hdinsightcontainers writes, for any of its versions; test_callers runs it with each.

Its arguments are tenant, client id, secret and subscription; it prints what it was answered, as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.mgmt.hdinsightcontainers import HDInsightContainersMgmtClient, __version__
from azure.mgmt.hdinsightcontainers.models import Action, ClusterJob, FlinkJobProperties

CLUSTER = ("local", "pool", "flink")
FILTERS = __version__ != "1.0.0b1"


def main() -> None:
    """Look up the cluster, ask for every action that this version has, list, and run into an error."""
    tenant, client_id, secret, subscription = sys.argv[1:]
    client = HDInsightContainersMgmtClient(ClientSecretCredential(tenant, client_id, secret), subscription)
    jobs: Any = client.cluster_jobs
    said: dict[str, Any] = {"version": __version__}
    said["pool"] = client.cluster_pools.get(*CLUSTER[:2]).id
    said["cluster"] = client.clusters.get(*CLUSTER).id
    name = f"sdk-{__version__.replace('.', '-')}"
    filtered: dict[str, Any] = {"filter": f"jobName eq {name}"} if FILTERS else {}
    said["rows"] = {}
    for action in sorted((each.value for each in Action), key=lambda word: (word != "NEW", word == "DELETE")):
        asked = FlinkJobProperties(action=action, job_name=name, flink_configuration={"parallelism": "1"})
        poller = jobs.begin_run_job(*CLUSTER, ClusterJob(properties=asked))
        poller.result(timeout=120)
        rows = [each for each in jobs.list(*CLUSTER, **filtered) if each.properties.job_name == name]
        said["rows"][action] = [poller.status(), *(row.serialize(keep_readonly=True)["properties"] for row in rows)]
    try:
        jobs.begin_run_job(*CLUSTER, ClusterJob(properties=FlinkJobProperties(action="STOP", job_name="nobody")))
    except HttpResponseError as error:
        said["error"] = f"{error.status_code} {error.error and error.error.code}"
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
