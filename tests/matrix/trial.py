"""One job of the matrix, seen from outside: what is asked of the app, and what Flink, storage and the files say.

The ledger is read from storage itself, never through the app: a read of ours must not be one of its calls.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import requests

from examples.count import Count, count
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Operation
from localcloud.app_settings import JOB_JARS_CONTAINER
from tests.flink.cloud import jar

from .lane import Lane

ENDED = ("FINISHED", "CANCELED", "FAILED")
PACE = "--rate 200 --checkpoint-interval 200"
SWEEP_SECONDS = 0.5


class Wrong(AssertionError):
    """A cell is not right; the message says how."""


class Trial:
    """A job with a name that no other cell has."""

    def __init__(self, lane: Lane, name: str) -> None:
        """Keep the names; nothing is asked yet."""
        self.lane = lane
        self.name = JobName(name)

    # ---------------------------------------------------------------------------------------------------------- asking

    def upload(self, version: str, *, folder: str = "stateful", sink: str = "", arguments: str = "") -> None:
        """Put a jar and its job.json there, and tell the app as Event Grid does."""
        self.put(version, folder=folder, sink=sink, arguments=arguments)
        self.run(f"{folder}_jar", f"{self.lane.settings['JARS_CONTAINER']}/{folder}/{self.name}/job.jar")

    def put(self, version: str, *, folder: str = "stateful", sink: str = "", arguments: str = "") -> None:
        """Put a jar and its job.json there, and tell nobody."""
        described = {"jar": "job.jar", "args": self.arguments(sink, arguments), "parallelism": 1}
        path = f"{folder}/{self.name}"
        self.lane.jars.upload_blob(f"{path}/job.json", json.dumps(described).encode(), overwrite=True)
        self.lane.jars.upload_blob(f"{path}/job.jar", self.unique(version), overwrite=True)

    def run(self, function: str, given: str = "") -> None:
        """Run a function of the app now; the app may die in it."""
        with suppress(requests.ConnectionError):
            self.lane.run(function, given)

    def put_job_jar(self, version: str) -> dict[str, object]:
        """Put a jar where HTTP calls name it, and return the body that does."""
        name = f"{self.name}.jar"
        container = self.lane.storage.get_container_client(JOB_JARS_CONTAINER)
        container.upload_blob(name, self.unique(version), overwrite=True)
        directory = self.lane.settings["JOB_JAR_DIRECTORY"]
        return {"jobJarDirectory": directory, "jarName": name, "args": self.arguments(), "parallelism": 1}

    def post(self, action: str, body: object = None) -> None:
        """Ask by HTTP; the app may die before it has answered."""
        with suppress(requests.ConnectionError):
            reply = self.lane.post(f"/api/jobs/{self.name}/{action}", body)
            assert reply.status_code in (200, 202), reply.text

    def arguments(self, sink: str = "", more: str = "") -> str:
        """The arguments of the job."""
        return f"--sink {self.sink(sink).as_uri()} {PACE} {more}".strip()

    def sink(self, name: str = "") -> Path:
        """Where output is committed."""
        return self.lane.cloud.sink / f"{self.name}{name and '-' + name}"

    def unique(self, version: str) -> bytes:
        """Return the jar with a comment of this job's: bytes that no other cell has brought to the cluster."""
        content, comment = jar(version), f"{self.name} {version}".encode()
        assert content[-2:] == b"\0\0", "the jar has a comment already"
        return content[:-2] + len(comment).to_bytes(2, "little") + comment

    # --------------------------------------------------------------------------------------------------------- looking

    def record(self) -> JobRecord | None:
        """Return the job's record."""
        return self.lane.ledger.read(self.name)

    def operations(self) -> list[Operation]:
        """Return the job's operations, oldest first."""
        return sorted(self.lane.ledger.operations(self.name), key=lambda operation: operation.requested_at)

    def flink_jobs(self) -> list[str]:
        """Return the id of every Flink job of this name that is not terminal."""
        jobs = requests.get(f"{self.lane.cloud.flink}/jobs/overview", timeout=30).json()["jobs"]
        return [job["jid"] for job in jobs if job["name"] == self.name and job["state"] not in ENDED]

    def savepoints(self) -> list[Path]:
        """Return every complete savepoint that lies in the job's directory."""
        root = Path(self.lane.cloud.flink_cluster.savepoint_directory.removeprefix("file://"))
        return sorted(root.glob(f"{self.name}/*/savepoint-*/_metadata"))

    def counted(self, sink: str = "", *, running: bool = False) -> Count:
        """Count what is committed."""
        return count(self.sink(sink), running=running)

    # --------------------------------------------------------------------------------------------------------- waiting

    def ended(self, number: int, *, sweeping: bool = False, seconds: float = 60) -> list[Operation]:
        """Wait until that many operations have ended and none is open; `sweeping` where nobody comes by himself."""
        sweep_at = time.monotonic() + SWEEP_SECONDS

        def over() -> bool:
            nonlocal sweep_at
            if sweeping and time.monotonic() > sweep_at:
                self.lane.sweep()
                sweep_at = time.monotonic() + SWEEP_SECONDS
            return self.over(number)

        self.wait(over, f"{number} operations have ended", seconds=seconds)
        return self.operations()

    def over(self, number: int) -> bool:
        """Whether that many operations have ended and none is open, now."""
        found = self.operations()
        return len(found) >= number and all(operation.result for operation in found)

    def written(self, version: str, sink: str = "") -> None:
        """Wait until a version has committed something."""
        found = lambda: self.counted(sink, running=True).by_version.get(version, 0) > 0  # noqa: E731 - a look
        self.wait(found, f"version {version} has written something")

    def wait(self, look: Callable[[], bool], what: str, *, seconds: float = 60) -> None:
        """Wait until `look` says so.

        Raises:
            Wrong: it did not, in time.

        """
        deadline = time.monotonic() + seconds
        while not look():
            if time.monotonic() > deadline:
                raise Wrong(f"not after {seconds:.0f} s: {what}")
            time.sleep(0.1)

    def clear_away(self) -> None:
        """Delete what was uploaded, and cancel whatever runs of this job, to free its slots."""
        for blob in self.lane.jars.list_blob_names():
            self.lane.jars.delete_blob(blob)
        for job in self.flink_jobs():
            requests.patch(f"{self.lane.cloud.flink}/jobs/{job}?mode=cancel", timeout=30)
