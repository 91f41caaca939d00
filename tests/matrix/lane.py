"""A lane of the matrix: one host of the app with containers, queue and host id of its own, on a cluster that all share.

The app is the real one behind a `function_app.py` of three lines that wraps its calls first. The host's clock-driven
functions never run by themselves: the lane runs the sweep when a cell says so, and so every call of a recording belongs
to its operation.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import requests
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from flinkfuncs.clients.ledger import Ledger
from localcloud import app_settings
from localcloud.app_settings import JOB_JARS_CONTAINER
from localcloud.host_process import HostProcess
from localcloud.processes import Processes
from localcloud.python import ROOT
from localcloud.up import LocalCloud

from .crossings import DIRECTORY_SETTING

SWEEP_TAKES_SECONDS = 1.0
NEVER = "0 0 0 1 1 *"
IMPATIENT = {
    "LEASE_SECONDS": "6",
    "START_DEADLINE_SECONDS": "120",
    "SETTLE_SECONDS": "0.3",
    "UNREACHABLE_SECONDS": "120",
    "SWEEP_SCHEDULE": NEVER,
    "SAVEPOINT_SCHEDULE": NEVER,
    "SAVEPOINT_INTERVAL_SECONDS": "1",
}
WRAPPER = """\
import sys
from importlib.util import module_from_spec, spec_from_file_location

sys.path.insert(0, {root!r})
from tests.matrix.crossings import install

install()
spec = spec_from_file_location("the_real_app", {root!r} + "/function_app.py")
module = module_from_spec(spec)
spec.loader.exec_module(module)
app = module.app
"""


class Lane:
    """One host of the app."""

    def __init__(self, cloud: LocalCloud, processes: Processes, number: int) -> None:
        """Make containers, queue and settings; nothing is started yet."""
        self.cloud = cloud
        self.number = number
        self.name = f"lane{number}"
        self.directory = cloud.directory / self.name
        self.directory.mkdir()
        self.settings = _settings(cloud, self.name, self.directory)
        _create(cloud, self.settings)
        self.host = HostProcess(
            processes,
            wrapped_app(cloud.directory / "app"),
            self.settings,
            name=self.name,
            directory=cloud.directory,
            key=cloud.key,
            options=("--grace", "1"),
        )
        self.storage = BlobServiceClient.from_connection_string(cloud.storage)
        self.jars = self.storage.get_container_client(self.settings["JARS_CONTAINER"])
        self._swept_at = 0.0
        self.ledger = Ledger(self.storage.get_container_client(self.settings["LEDGER_CONTAINER"]), "flink")

    def post(self, path: str, body: object = None) -> requests.Response:
        """POST to the app."""
        headers = {"x-functions-key": self.cloud.key}
        return requests.post(f"{self.host.url}{path}", headers=headers, json=body, timeout=30)

    def run(self, function: str, given: str = "") -> None:
        """Run a function that is not HTTP now, as a person can in the portal."""
        assert self.post(f"/admin/functions/{function}", {"input": given}).status_code == 202, function

    def sweep(self) -> None:
        """Run the sweeper now."""
        self._swept_at = time.monotonic()
        self.run("sweep")

    def settle(self) -> None:
        """Wait until no sweep is under way: its calls belong to no operation that comes."""
        time.sleep(max(0.0, self._swept_at + SWEEP_TAKES_SECONDS - time.monotonic()))

    def drop_plan(self) -> None:
        """Let nothing die any more, and count nothing."""
        (self.directory / "plan.json").unlink(missing_ok=True)

    def start_again(self) -> None:
        """Start the host after it died."""
        self.host.kill()  # the group, and the process that nobody has waited for
        self.host.start()


def wrapped_app(directory: Path) -> Path:
    """Write the app whose calls are wrapped, and return its directory; its queues are polled five times a second."""
    directory.mkdir(exist_ok=True)
    host = json.loads((ROOT / "host.json").read_text())
    host["extensions"]["queues"]["maxPollingInterval"] = "00:00:00.200"
    (directory / "host.json").write_text(json.dumps(host))
    (directory / "function_app.py").write_text(WRAPPER.format(root=str(ROOT)))
    return directory


def _settings(cloud: LocalCloud, name: str, directory: Path) -> dict[str, str]:
    return {
        **app_settings.for_session_app(cloud.app_account, cloud.flink_cluster),
        **IMPATIENT,
        "AzureFunctionsWebHost__hostid": name,
        "JARS_CONTAINER": f"{name}-jars",
        "RELEASES_CONTAINER": f"{name}-releases",
        "LEDGER_CONTAINER": f"{name}-ledger",
        "OPERATIONS_QUEUE": f"{name}-operations",
        "JOB_JARS": cloud.storage,
        "JOB_JAR_DIRECTORY": f"abfs://{JOB_JARS_CONTAINER}@{cloud.app_account.name}.dfs.core.windows.net/",
        DIRECTORY_SETTING: str(directory),
    }


def _create(cloud: LocalCloud, settings: dict[str, str]) -> None:
    with BlobServiceClient.from_connection_string(cloud.storage) as blobs:
        for container in ("JARS_CONTAINER", "RELEASES_CONTAINER", "LEDGER_CONTAINER"):
            blobs.create_container(settings[container])
    with QueueServiceClient.from_connection_string(cloud.storage) as queues:
        queues.create_queue(settings["OPERATIONS_QUEUE"])
