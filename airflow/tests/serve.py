"""The real app in the local Functions host, on Azurite and the stand-in for Flink, for tests in another Python.

The first line of stdout says where it is; each line of stdin changes something of the stand-in, and is answered by what
it did so far. It ends with its stdin.

    {"url": "http://127.0.0.1:7071", "key": "…", "storage": "DefaultEndpointsProtocol=…", "jars": "abfs://jobjars@…"}
    {"holds_savepoints": true}        →  {"changes": ["POST /jars/upload", …]}
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from localcloud.azurite import Azurite
from localcloud.host_process import HostProcess
from localcloud.processes import Processes
from tests.stand_in.rest import FlinkServer, flink_server

ROOT = Path(__file__).parents[2]
KEY = "planted-function-key"
CONTAINERS = ("jars", "releases", "ledger", "jobjars")
JARS = "abfs://jobjars@local.dfs.core.windows.net"


def main() -> None:
    """Serve until stdin ends."""
    with tempfile.TemporaryDirectory() as place, Processes() as processes, flink_server() as flink:
        directory = Path(place)
        azurite = Azurite(processes, ["local"], log=directory / "azurite.log")
        azurite.wait_until_ready()
        account = azurite.connection_string("local")
        for container in CONTAINERS:
            BlobServiceClient.from_connection_string(account).create_container(container)
        QueueServiceClient.from_connection_string(account).create_queue("operations")
        host = HostProcess(
            processes,
            ROOT,
            settings(account, flink),
            name="app",
            directory=directory,
            key=KEY,
            options=("--grace", "1"),
        )
        host.start()
        say({"url": host.url, "key": KEY, "storage": account, "jars": JARS})
        for line in sys.stdin:
            for name, value in json.loads(line).items():
                setattr(flink.flink, name, value)
            say({"changes": flink.flink.changes})


def settings(account: str, flink: FlinkServer) -> dict[str, str]:
    """Return the app settings: quick, and impatient with a cluster that does not answer."""
    return {
        "AzureWebJobsStorage": account,
        "AzureFunctionsWebHost__hostid": "app",
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "PYTHON_THREADPOOL_THREAD_COUNT": "32",
        "JARS": account,
        "JARS_CONTAINER": "jars",
        "RELEASES_CONTAINER": "releases",
        "LEDGER_CONTAINER": "ledger",
        "JOB_JARS": account,
        "JOB_JAR_DIRECTORY": JARS,
        "OPERATIONS_QUEUE": "operations",
        "SAVEPOINT_SCHEDULE": "0 0 0 1 1 *",
        "SWEEP_SCHEDULE": "0 0 0 1 1 *",
        "CLUSTER_NAME": "flink",
        "FLINK_CLUSTER_KIND": "session",
        "FLINK_REST_URL": flink.url,
        "SAVEPOINT_DIRECTORY": "file:///savepoints",
        "SETTLE_SECONDS": "0.2",
        "LEASE_SECONDS": "10",
        "UNREACHABLE_SECONDS": "2",
    }


def say(what: object) -> None:
    """Write a line."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
