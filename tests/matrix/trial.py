"""One job of the matrix, seen from outside: what is asked of the app, and what Flink, storage and the files say.

The ledger is read from storage itself, never through the app: a read of ours must not be one of its calls.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import requests

from examples.build import VERSION_ENTRY
from examples.count import Count, count
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Operation
from localcloud.app_settings import JOB_JARS_CONTAINER
from tests.flink.cloud import jar
from tests.harness.verdict import Wrong

from .lane import Lane

ENDED = ("FINISHED", "CANCELED", "FAILED")
PACE = "--rate 200 --checkpoint-interval 200"
SWEEP_SECONDS = 0.5


class Trial:
    """A job with a name that no other cell has."""

    def __init__(self, lane: Lane, name: str) -> None:
        """Keep the names; nothing is asked yet."""
        self.lane = lane
        self.name = JobName(name)

    # ---------------------------------------------------------------------------------------------------------- asking

    def upload(
        self, version: str, *, folder: str = "stateful", sink: str = "", arguments: str = "", **spec: object
    ) -> None:
        """Put a jar and its job.json there, and tell the app as Event Grid does."""
        self.put(version, folder=folder, sink=sink, arguments=arguments, **spec)
        self.run(f"{folder}_jar", f"{self.lane.settings['JARS_CONTAINER']}/{folder}/{self.name}/job.jar")

    def put(
        self, version: str, *, folder: str = "stateful", sink: str = "", arguments: str = "", **spec: object
    ) -> None:
        """Put a jar and its job.json there, and tell nobody."""
        described = {"jar": "job.jar", "args": self.arguments(sink, arguments), "parallelism": 1, **spec}
        path = f"{folder}/{self.name}"
        self.lane.jars.upload_blob(f"{path}/job.json", json.dumps(described).encode(), overwrite=True)
        self.lane.jars.upload_blob(f"{path}/job.jar", self.unique(version), overwrite=True)

    def run(self, function: str, given: str = "") -> None:
        """Run a function of the app now; the app may die in it."""
        with suppress(requests.ConnectionError):
            self.lane.run(function, given)

    def replace_jar(self, content: bytes) -> None:
        """Put another jar in the place of the last one: the same spec, other bytes."""
        self.lane.jars.upload_blob(f"stateful/{self.name}/job.jar", content, overwrite=True)
        self.run("stateful_jar", f"{self.lane.settings['JARS_CONTAINER']}/stateful/{self.name}/job.jar")

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
        return commented(version, f"{self.name} {version}")

    # --------------------------------------------------------------------------------------------------------- looking

    def record(self) -> JobRecord | None:
        """Return the job's record."""
        return self.lane.ledger.read(self.name)

    def operations(self) -> list[Operation]:
        """Return the job's operations, oldest first."""
        return sorted(self.lane.ledger.operations(self.name), key=lambda operation: operation.requested_at)

    def closed_ids(self) -> list[str]:
        """Return the ids of the closed operations."""
        container = self.lane.storage.get_container_client(self.lane.settings["LEDGER_CONTAINER"])
        names = container.list_blob_names(name_starts_with=f"flink/closed/{self.name}/")
        return [name.rpartition("/")[2].removesuffix(".json") for name in names]

    def flink_jobs(self) -> list[str]:
        """Return the id of every Flink job of this name that is not terminal."""
        reply = requests.get(f"{self.lane.cloud.flink}/jobs/overview", timeout=30)
        reply.raise_for_status()
        return [job["jid"] for job in reply.json()["jobs"] if job["name"] == self.name and job["state"] not in ENDED]

    def runs(self) -> bool:
        """Whether Flink can be asked, and has the job."""
        try:
            return bool(self.flink_jobs())
        except requests.RequestException:
            return False

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

    def settled(self, *, seconds: float = 60) -> None:
        """Wait until nothing is open, sweeping."""

        def idle() -> bool:
            self.run("sweep")
            record = self.record()
            return bool(record and not record.open)

        self.wait(idle, "nothing is open any more", seconds=seconds)

    def written(self, version: str, sink: str = "") -> None:
        """Wait until a version has committed more than it has now."""
        before = self.counted(sink, running=True).by_version.get(version, 0)
        self.wait(
            lambda: self.counted(sink, running=True).by_version.get(version, 0) > before,
            f"version {version} writes",
        )

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


def of_version(version: str) -> bytes:
    """Return a jar whose lines of output name this version."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(jar("1"))) as old, zipfile.ZipFile(buffer, "w") as new:
        for entry in old.infolist():
            new.writestr(entry, version if entry.filename == VERSION_ENTRY else old.read(entry))
    return buffer.getvalue()


def commented(version: str, comment: str) -> bytes:
    """Return a jar with a comment: the same code in bytes of its own."""
    content, text = jar(version), comment.encode()
    assert content[-2:] == b"\0\0", "the jar has a comment already"
    return content[:-2] + len(text).to_bytes(2, "little") + text
