"""The real Airflow of this environment, and the real app in the project's own, on the stand-in for Flink.

Airflow reads its place and its options when it is imported, so they are set here, before any test is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

HOME = tempfile.TemporaryDirectory(prefix="airflow-")
os.environ |= {
    "AIRFLOW_HOME": HOME.name,
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME.name}/airflow.db",
    "AIRFLOW__LOGGING__BASE_LOG_FOLDER": f"{HOME.name}/logs",
    "AIRFLOW__CORE__DAGS_FOLDER": f"{HOME.name}/dags",
    "NO_PROXY": "127.0.0.1,localhost",
}

from relay import Relay, relaying  # noqa: E402 - it comes after the environment

ROOT = Path(__file__).parents[2]
CONNECTION = "AIRFLOW_CONN_FLINKFUNCS_DEFAULT"


class App:
    """The running app."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Read where it is."""
        self._process = process
        said = json.loads(self._line())
        self.url, self.key, self.storage, self.jars = (said[name] for name in ("url", "key", "storage", "jars"))

    def flink(self, **changes: Any) -> list[str]:
        """Change something of the stand-in for Flink, and return the calls that changed it."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(changes) + "\n")
        self._process.stdin.flush()
        changed: list[str] = json.loads(self._line())["changes"]
        return changed

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """Call the API as anybody would."""
        import httpx

        sent = {"x-functions-key": self.key, **headers}
        reply = httpx.request(method, self.url + path, json=body, headers=sent, timeout=120, trust_env=False)
        return reply.json()

    def operations(self, job: str) -> list[dict[str, Any]]:
        """Return a job's operations, the newest first."""
        found: list[dict[str, Any]] = self.call("GET", f"/api/operations?job={job}").get("operations", [])
        return found

    def runs(self, job: str) -> str:
        """Have a job run; return its name."""
        self.upload("sequence-1.jar")
        body = {"jobJarDirectory": self.jars, "jarName": "sequence-1.jar"}
        operation = self.call("POST", f"/api/jobs/{job}/new", body, Prefer="wait=100")
        assert operation["result"]["outcome"] == "SUCCEEDED", operation
        return job

    def upload(self, jar: str) -> None:
        """Put an example jar where JOB_JAR_DIRECTORY is."""
        from azure.storage.blob import BlobServiceClient

        with BlobServiceClient.from_connection_string(self.storage) as service:
            content = (ROOT / "examples" / "jars" / jar).read_bytes()
            service.get_blob_client("jobjars", jar).upload_blob(content, overwrite=True)

    def _line(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the app did not start"
        return line


@pytest.fixture(scope="session")
def app() -> Iterator[App]:
    """Start the app once."""
    command = [str(ROOT / ".venv" / "bin" / "python"), str(Path(__file__).with_name("serve.py"))]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment["PYTHONPATH"] = str(ROOT)
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield App(process)
        assert process.stdin
        process.stdin.close()
        process.wait(60)


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """Make Airflow's database once."""
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True, timeout=280)


@pytest.fixture
def relay(app: App, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """Connect Airflow's `flinkfuncs_default` to the app, by way of a relay."""
    with relaying(app.url) as relay:
        connect(monkeypatch, relay.url, app.key)
        yield relay


@pytest.fixture(autouse=True)
def healthy_flink(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leave the stand-in as it was."""
    yield
    if "app" in request.fixturenames:
        request.getfixturevalue("app").flink(holds_savepoints=False, is_away=False)


def connect(monkeypatch: pytest.MonkeyPatch, url: str, password: str, **more: Any) -> None:
    """Say what the connection is."""
    said = {"conn_type": "flinkfuncs", "host": url, "password": password, **more}
    monkeypatch.setenv(CONNECTION, json.dumps(said))


class Task:
    """A task as Airflow describes it to its operator: which run, which try, and how often it was cleared."""

    def __init__(self, dag: str = "deploy", *, run: str = "scheduled__2026-11-28", retries: int = 2) -> None:
        """Begin with the first try."""
        from datetime import UTC, datetime

        self.xcoms: dict[str, Any] = {}
        task = SimpleNamespace(retries=retries)
        self.ti = SimpleNamespace(
            task=task, dag_id=dag, run_id=run, task_id="update", map_index=-1, try_number=1, max_tries=retries
        )
        self.ti.xcom_push = lambda key, value: self.xcoms.update({key: value})
        self.dag_run = SimpleNamespace(start_date=datetime.now(UTC), run_id=run, dag_id=dag)

    @property
    def context(self) -> Any:
        """What `execute` gets."""
        return {"ti": self.ti, "task_instance": self.ti, "dag_run": self.dag_run, "run_id": self.ti.run_id}

    def retried(self) -> Task:
        """Be tried once more, as Airflow does by itself."""
        self.ti.try_number += 1
        return self

    def cleared(self) -> Task:
        """Be cleared by a person after this try has ended."""
        self.ti.max_tries = self.ti.try_number + self.ti.task.retries
        return self.retried()


def eventually(look: Callable[[], Any], seconds: float = 60) -> Any:
    """Return the first thing worth having that `look` sees."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"nothing was seen in {seconds} s"
        time.sleep(0.2)
    return seen
