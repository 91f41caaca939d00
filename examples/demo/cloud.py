"""How the demo reaches what it shows: through the same doors as everybody.

cloud_up   `python -m localcloud up` as a child process, and the JSON line that it prints
App        the app's HTTP API, with a function key
Flink      Flink's own REST API, asked only for what it alone knows: times and restored state
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import requests
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from examples.demo.checks import CopyTimes, DemoFailedError
from localcloud.processes import Processes
from localcloud.python import module

START_SECONDS = 180.0
WAIT_SECONDS = 180.0  # for an operation, and for output
CALL_SECONDS = 30.0
POLL_SECONDS = 0.25

# An update saves the job's state, too; a periodic savepoint is due only when the last one is older than this.
INTERVAL_SECONDS = 1
DEMO_SETTINGS = {"SAVEPOINT_INTERVAL_SECONDS": str(INTERVAL_SECONDS)}


T = TypeVar("T")


class Answer(BaseModel):
    """What an API answers, as far as the demo reads it."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)


class Addresses(Answer):
    """The line that the local cloud prints."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    app: str
    flink: str
    storage: str
    key: str
    sink: Path


class Request(Answer):
    action: str


class Cause(Answer):
    kind: str


class Listed(Answer):
    path: str


class Result(Answer):
    outcome: str
    message: str
    savepoint: str | None = None
    savepoints: tuple[Listed, ...] = ()


class Operation(Answer):
    """One requested action, as the API shows it."""

    id: str
    request: Request
    cause: Cause
    result: Result | None = None

    def succeeded(self) -> Result:
        """Return the result.

        Raises:
            DemoFailedError: there is none yet, or it is no success.
        """
        if self.result is None:
            raise DemoFailedError(f"{self.request.action} did not end in time ({self.id})")
        if self.result.outcome != "SUCCEEDED":
            raise DemoFailedError(f"{self.request.action} ended as {self.result.outcome}: {self.result.message}")
        return self.result


class Operations(Answer):
    operations: tuple[Operation, ...]


class Job(Answer):
    name: str
    status: str
    flink_job_id: str | None = None


class Jobs(Answer):
    jobs: tuple[Job, ...]


@contextmanager
def cloud_up(directory: Path, *, cluster: str, flink: str) -> Iterator[Addresses]:
    """Bring the local cloud up as a child process, and end it with all that it started.

    Raises:
        StartFailedError: it did not come up; the message holds its log's end.
    """
    log = directory / "cloud.log"
    options: list[str | Path] = ["up", "--cluster", cluster, "--flink", flink, "--directory", directory / "cloud"]
    with Processes() as processes:
        up = processes.start("the local cloud", module("localcloud", *options), log=log, environment=DEMO_SETTINGS)
        up.wait_until(lambda: _ready_line(log) is not None, START_SECONDS)
        yield Addresses.model_validate_json(_ready_line(log) or "")


def _ready_line(log: Path) -> str | None:
    lines = log.read_text(errors="replace").splitlines(keepends=True) if log.exists() else []
    return next((line for line in lines if line.startswith('{"ready": true') and line.endswith("\n")), None)


def wait_for(look: Callable[[], T | None], what: str) -> T:
    """Return what `look` finds, once that is neither None nor False.

    Raises:
        DemoFailedError: it did not come in time.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := look()):
        if time.monotonic() > deadline:
            raise DemoFailedError(f"{what} did not come within {WAIT_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
    return found


class App:
    """The app, as a caller with a function key sees it."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers["x-functions-key"] = key

    def jobs(self) -> dict[str, Job]:
        """Return every job by its name."""
        return {job.name: job for job in Jobs.model_validate_json(self._get("/api/jobs").content).jobs}

    def operations(self, job: str) -> tuple[Operation, ...]:
        """Return a job's operations; none of a job that is not known yet."""
        reply = self._session.get(f"{self._url}/api/operations", params={"job": job}, timeout=CALL_SECONDS)
        return () if reply.status_code == 404 else Operations.model_validate_json(_good(reply).content).operations

    def next_operation(self, job: str, action: str, *, kind: str, known: set[str]) -> Operation:
        """Wait for an operation that is not known yet, from that cause, and for its end."""

        def ended() -> Operation | None:
            found = [operation for operation in self.operations(job) if operation.id not in known]
            return next((each for each in found if each.result and each.cause.kind == kind), None)

        return wait_for(ended, f"the end of the {kind}'s {action}")

    def act(self, job: str, action: str, body: dict[str, str] | None = None) -> Operation:
        """Ask for an action and hold on until it has ended."""
        reply = self._session.post(
            f"{self._url}/api/jobs/{job}/{action}",
            json=body or {},
            headers={"Prefer": f"wait={WAIT_SECONDS:.0f}"},
            timeout=WAIT_SECONDS + CALL_SECONDS,
        )
        return Operation.model_validate_json(_good(reply).content)

    def run_timer(self, function: str) -> None:
        """Let the Functions host run a timer's function now, as its schedule would."""
        _good(self._session.post(f"{self._url}/admin/functions/{function}", json={"input": ""}, timeout=CALL_SECONDS))

    def _get(self, path: str) -> requests.Response:
        return _good(self._session.get(f"{self._url}{path}", timeout=CALL_SECONDS))


class Flink:
    """The cluster itself. Times are its own (milliseconds since the epoch); details lag by up to 3 s."""

    def __init__(self, url: str) -> None:
        self._url = url

    def state(self, flink_job_id: str) -> str:
        """Return a copy's state."""
        return str(self._get(f"/jobs/{flink_job_id}/status")["status"])

    def copies(self, job: str) -> list[CopyTimes]:
        """Return every copy of the job that ran, oldest first."""
        listed = [entry for entry in self._get("/jobs/overview")["jobs"] if entry["name"] == job]
        copies = [CopyTimes(entry["jid"], entry["state"], entry["start-time"], entry["end-time"]) for entry in listed]
        return sorted(copies, key=lambda copy: copy.began)

    def restored(self, flink_job_id: str) -> str | None:
        """Return the path of what the copy started from."""
        restored = self._get(f"/jobs/{flink_job_id}/checkpoints")["latest"]["restored"]
        return str(restored["external_path"]) if restored else None

    def stop_triggered(self, flink_job_id: str) -> int | None:
        """Return when a stopped copy's savepoint was triggered: when Flink took the stop's POST."""
        saved = self._get(f"/jobs/{flink_job_id}/checkpoints")["latest"]["savepoint"]
        return int(saved["trigger_timestamp"]) if saved else None

    def last_task_ran(self, flink_job_id: str) -> int | None:
        """Return when the last task of a copy became RUNNING, once all have."""
        vertices = [vertex["id"] for vertex in self._get(f"/jobs/{flink_job_id}")["vertices"]]
        times = [self._get(f"/jobs/{flink_job_id}/vertices/{vertex}/subtasktimes") for vertex in vertices]
        ran = [int(subtask["timestamps"].get("RUNNING", 0)) for each in times for subtask in each["subtasks"]]
        return max(ran) if min(ran, default=0) > 0 else None

    def _get(self, path: str) -> Any:  # noqa: ANN401 - Flink's JSON, read by the methods above
        return _good(requests.get(f"{self._url}{path}", timeout=CALL_SECONDS)).json()


def file_of(uri: str) -> Path:
    """Return the local path of a `file:` URI; Flink writes `file:/x`."""
    return Path(unquote(urlsplit(uri).path))


def _good(reply: requests.Response) -> requests.Response:
    if not reply.ok:
        raise DemoFailedError(
            f"{reply.request.method} {urlsplit(reply.url).path}: {reply.status_code} {reply.text[:300]}"
        )
    return reply
