"""A whole cloud as its user sees it: a container to drop jars into, an HTTP API, and the job's committed output."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import requests
from azure.storage.blob import BlobServiceClient, ContainerClient

from examples.count import Count, count
from localcloud.app_settings import JOB_JARS_CONTAINER
from localcloud.up import LocalCloud

JARS = Path(__file__).parents[2] / "examples" / "jars"
# A job that fails is restarted at once, and for ever.
LOOP = {
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.delay": "200 ms",
    "restart-strategy.fixed-delay.attempts": "1000000",
}
SELDOM = 0.5  # seconds between two looks at what takes long to read
NOTHING: Mapping[str, object] = MappingProxyType({})
T = TypeVar("T")
Json = dict[str, Any]


def jar(version: str) -> bytes:
    """Return an example jar's bytes."""
    return (JARS / f"sequence-{version}.jar").read_bytes()


@dataclass(frozen=True)
class Job:
    """One job of the cloud, with a sink of its own."""

    cloud: LocalCloud
    name: str

    @property
    def sink(self) -> Path:
        """Where its output is committed."""
        return self.cloud.sink / self.name

    # ------------------------------------------------------------------------------------------------------- asking

    def upload(
        self, version: str, *, folder: str = "stateful", file: str = "job.jar", arguments: str = "", **spec: object
    ) -> None:
        """Drop a version with its job.json into the container, as a pipeline does.

        Where both change, `file` is a new one: the job.json waits for it, and they ask for one update, not for two.
        """
        self.put("job.json", json.dumps(self.described(file, arguments, **spec)).encode(), folder=folder)
        self.put(file, jar(version), folder=folder)

    def described(self, file: str, arguments: str = "", **spec: object) -> dict[str, object]:
        """The job.json of a version."""
        return {"jar": file, "args": self.arguments(arguments), "parallelism": 2, **spec}

    def plan(self, version: str, *, file: str = "job.jar") -> Json:
        """Ask what the upload of a version would do, whose bytes lie below plans/."""
        blob = f"plans/{self.name}/{file}"
        self.jars.get_blob_client(blob).upload_blob(jar(version), overwrite=True)
        return _planned(self.post("plan", {"jar": blob, "jobJson": self.described(file)}))

    def plan_action(self, action: str, body: Mapping[str, object] = NOTHING) -> Json:
        """Ask what an action would do."""
        return _planned(self.post(f"{action}?dryRun=true", body))

    def release_body(self, version: str) -> dict[str, object]:
        """Put a jar where HTTP calls name it, and return the body that does."""
        name, spec = f"{self.name}.jar", {"args": self.arguments(), "parallelism": 2}
        service = BlobServiceClient.from_connection_string(self.cloud.storage)
        service.get_blob_client(JOB_JARS_CONTAINER, name).upload_blob(jar(version), overwrite=True)
        account = service.account_name
        directory = f"abfs://{JOB_JARS_CONTAINER}@{account}.dfs.core.windows.net/"
        return {"jobJarDirectory": directory, "jarName": name, **spec}

    def arguments(self, more: str = "") -> str:
        """The arguments of the job."""
        return f"--sink {self.sink.as_uri()} --rate 400 {more}".strip()

    def put(self, file: str, content: bytes, *, folder: str = "stateful") -> None:
        """Put one blob into the job's folder; equal bytes are not written again, as they would be another event."""
        blob = self.jars.get_blob_client(f"{folder}/{self.name}/{file}")
        if not (blob.exists() and blob.download_blob().readall() == content):
            blob.upload_blob(content, overwrite=True)

    @property
    def jars(self) -> ContainerClient:
        """The container that pipelines write into."""
        return BlobServiceClient.from_connection_string(self.cloud.storage).get_container_client("jars")

    def ask(self, action: str, body: Mapping[str, object] = NOTHING) -> Json:
        """Ask for an action and return how it ended."""
        reply = self.post(action, body, wait=100)
        assert reply.status_code == 200, reply.text
        operation: Json = reply.json()
        return operation

    def post(self, action: str, body: Mapping[str, object] = NOTHING, *, wait: int | None = None) -> requests.Response:
        """POST an action."""
        headers = {"x-functions-key": self.cloud.key} | ({"Prefer": f"wait={wait}"} if wait else {})
        url = f"{self.cloud.app}/api/jobs/{self.name}/{action}"
        return requests.post(url, headers=headers, json=dict(body) if body else None, timeout=120)

    def run_now(self, function: str) -> None:
        """Run a timer's function now, as the portal would, and wait until it has ended."""
        log, done = self.cloud.log_directory / "app.log", f"Executed 'Functions.{function}'"
        before = log.read_text().count(done)
        url = f"{self.cloud.app}/admin/functions/{function}"
        requests.post(url, headers={"x-functions-key": self.cloud.key}, json={}, timeout=30).raise_for_status()
        eventually(lambda: log.read_text().count(done) > before)

    # ------------------------------------------------------------------------------------------------------ looking

    def get(self, path: str) -> Json:
        """GET something of the API."""
        reply = requests.get(f"{self.cloud.app}{path}", headers={"x-functions-key": self.cloud.key}, timeout=30)
        found: Json = reply.json()
        return found

    def operations(self) -> list[Json]:
        """Return the job's operations, oldest first."""
        return list(reversed(self.get(f"/api/operations?job={self.name}").get("operations", [])))

    def ended(self, number: int, *, seconds: float = 90) -> Json:
        """Wait until that many operations have ended, and return the newest."""

        def all_ended() -> list[Json]:
            found = self.operations()
            done = [operation for operation in found if "result" in operation]
            return found if len(done) >= number and len(done) == len(found) else []

        found = eventually(all_ended, seconds=seconds, every=SELDOM)
        assert len(found) == number, [operation["request"] for operation in found]
        return found[-1]

    def open(self) -> list[str]:
        """Return the ids of the operations that wait or run."""
        return [operation["id"] for operation in self.operations() if operation["state"] == "open"]

    def status(self) -> str:
        """Return the job's status."""
        return str(self.get(f"/api/jobs/{self.name}")["status"])

    def written(self, number: int, version: str) -> None:
        """Wait until a version has committed that many numbers."""
        eventually(lambda: count(self.sink, running=True).by_version.get(version, 0) >= number, every=SELDOM)

    def counted(self) -> Count:
        """Count what was committed; exact only after a stop."""
        return count(self.sink)

    # ----------------------------------------------------------------------------------------------- the cluster's side

    def flink(self, path: str) -> Json:
        """Ask Flink itself."""
        found: Json = requests.get(f"{self.cloud.flink}{path}", timeout=30).json()
        return found

    def copies(self) -> list[str]:
        """Return the id of every Flink job of this name that is not terminal."""
        ended = ("FINISHED", "CANCELED", "FAILED")
        jobs = self.flink("/jobs/overview")["jobs"]
        return [job["jid"] for job in jobs if job["name"] == self.name and job["state"] not in ended]

    def savepoints_on_disk(self) -> list[Path]:
        """Return every complete savepoint of the job that lies in the savepoint directory."""
        root = Path(self.cloud.flink_cluster.savepoint_directory.removeprefix("file://"))
        return sorted(root.glob(f"{self.name}/*/savepoint-*/_metadata"))


def _planned(reply: requests.Response) -> Json:
    assert reply.status_code == 200, reply.text
    plan: Json = reply.json()
    return plan


def eventually(look: Callable[[], T], *, seconds: float = 60, every: float = 0.2) -> T:
    """Return the first thing worth having that `look` sees (every so many seconds); fail when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"nothing was seen in {seconds} s"
        time.sleep(every)
    return seen
