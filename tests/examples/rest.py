"""How do the example's tests drive a real Flink?

Straight through its REST API, with nothing of the project between: these tests are the ground that others stand on.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests

from examples.build import JARS_DIRECTORY

TERMINAL = {"FINISHED", "CANCELED", "FAILED"}
REFRESH_SECONDS = 0.1
PACE = {"--rate": "500", "--checkpoint-interval": "200"}


class RefusedError(Exception):
    """Flink did not start a job; the message is its answer."""


@dataclass(frozen=True)
class Checkpoints:
    """How many checkpoints are complete and under way, how often the job restored, and its newest checkpoint."""

    completed: int
    in_progress: int
    restored: int
    newest: str | None


class Flink:
    """A Flink cluster, and the jobs that a test started on it."""

    def __init__(self, url: str, savepoint_directory: str) -> None:
        self.url = url
        self._savepoint_directory = savepoint_directory
        self.started: list[str] = []

    def start(
        self,
        version: str,
        sink: Path,
        *,
        savepoint: str | None = None,
        drop_state: bool = False,
        parallelism: int = 2,
        arguments: Mapping[str, str] | None = None,
        configuration: Mapping[str, str] | None = None,
        timeout_seconds: float = 60,
    ) -> str:
        """Start `sequence-<version>.jar` and return the job's id.

        Raises:
            RefusedError: Flink said no.
            requests.Timeout: it said nothing in time; the start may still be under way.
        """
        job = uuid4().hex
        self.started.append(job)
        body = {"jobId": job, "parallelism": parallelism, "programArgsList": self._words(sink, arguments or {})}
        if configuration:
            body |= {"flinkConfiguration": dict(configuration)}
        if savepoint:
            body |= {"savepointPath": savepoint, "allowNonRestoredState": drop_state}
        reply = requests.post(f"{self.url}/jars/{self._upload(version)}/run", json=body, timeout=timeout_seconds)
        if not reply.ok:
            raise RefusedError(f"{reply.status_code} {reply.text}")
        return job

    def plan(self, version: str, sink: Path, configuration: Mapping[str, str]) -> requests.Response:
        body = {"programArgsList": self._words(sink, {}), "flinkConfiguration": dict(configuration)}
        return requests.post(f"{self.url}/jars/{self._upload(version)}/plan", json=body, timeout=60)

    def status(self, job: str) -> str | None:
        """Return the job's status, None where Flink does not know the job."""
        reply = requests.get(f"{self.url}/jobs/{job}/status", timeout=30)
        return str(reply.json()["status"]) if reply.ok else None

    def all_tasks_run(self, job: str) -> bool:
        """Return whether a savepoint can be taken: a job is RUNNING before its tasks are."""
        return all(vertex["status"] == "RUNNING" for vertex in self._get(f"/jobs/{job}")["vertices"])

    def stop(self, job: str) -> str:
        """Stop the job with a savepoint and return the savepoint's location."""
        ended = self.try_to_stop(job)
        wait_until(lambda: self.status(job) == "FINISHED")
        return str(ended["location"])

    def try_to_stop(self, job: str) -> dict[str, Any]:
        """Return how a stop with savepoint ended: its `location`, or its `failure-cause`."""
        return self._savepoint(job, "stop", {"targetDirectory": self._savepoint_directory, "drain": False})

    def savepoint(self, job: str) -> str:
        ended = self._savepoint(job, "savepoints", {"target-directory": self._savepoint_directory})
        return str(ended["location"])

    def cancel(self, job: str) -> None:
        if self.status(job) in TERMINAL | {None}:
            return
        requests.patch(f"{self.url}/jobs/{job}", params={"mode": "cancel"}, timeout=30)
        wait_until(lambda: self.status(job) in TERMINAL)

    def cancel_all(self) -> None:
        for job in self.started:
            self.cancel(job)

    def checkpoints(self, job: str) -> Checkpoints:
        reply = self._get(f"/jobs/{job}/checkpoints")
        newest = reply["latest"]["completed"]
        counts = reply["counts"]
        return Checkpoints(
            counts["completed"], counts["in_progress"], counts["restored"], newest and newest["external_path"]
        )

    def last_checkpoint(self, job: str) -> str | None:
        """Return the newest checkpoint of a job that has ended: what REST shows may be older than the end."""
        time.sleep(2 * REFRESH_SECONDS)
        return self.checkpoints(job).newest

    def causes(self, job: str) -> list[str]:
        """Return the stack traces of what made the job fail, newest first."""
        entries = self._get(f"/jobs/{job}/exceptions?maxExceptions=20")["exceptionHistory"]["entries"]
        return [entry["stacktrace"] for entry in entries]

    def _upload(self, version: str) -> str:
        name = f"sequence-{version}.jar"
        files = {"jarfile": (name, (JARS_DIRECTORY / name).read_bytes(), "application/x-java-archive")}
        reply = requests.post(f"{self.url}/jars/upload", files=files, timeout=30)
        return str(reply.json()["filename"]).rpartition("/")[2]

    def _savepoint(self, job: str, kind: str, body: Mapping[str, object]) -> dict[str, Any]:
        trigger = requests.post(f"{self.url}/jobs/{job}/{kind}", json=body, timeout=30).json()["request-id"]
        path = f"/jobs/{job}/savepoints/{trigger}"
        wait_until(lambda: self._get(path)["status"]["id"] == "COMPLETED")
        ended: dict[str, Any] = self._get(path)["operation"]
        return ended

    def _get(self, path: str) -> Any:  # noqa: ANN401 - Flink's JSON, read by the callers above
        reply = requests.get(f"{self.url}{path}", timeout=30)
        reply.raise_for_status()
        return reply.json()

    @staticmethod
    def _words(sink: Path, arguments: Mapping[str, str]) -> list[str]:
        pairs = {"--sink": sink.as_uri(), **PACE, **arguments}
        return [word for pair in pairs.items() for word in pair]


def wait_until(there: Callable[[], bool], timeout_seconds: float = 60) -> None:
    """Return once `there` says so; what never comes fails the test."""
    deadline = time.monotonic() + timeout_seconds
    while not there():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
