"""How does a real Airflow run for the tests, and how is it driven?

    version    parts                                                 executor               database
    3          api-server, scheduler, dag-processor, triggerer       LocalExecutor          SQLite
    2          webserver, scheduler, triggerer                       SequentialExecutor     SQLite

Each part is a process of its own, that can be killed and started again; all of them end with the `with` block. They are
driven as a person drives them, by the REST API of the version.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import requests

from localcloud.ports import HOST, free_port
from localcloud.processes import Process, Processes, StartFailedError, tail
from localcloud.python import ROOT

T = TypeVar("T")
Json = dict[str, Any]

PARTS = {"3": ("api-server", "scheduler", "dag-processor", "triggerer"), "2": ("webserver", "scheduler", "triggerer")}
START_SECONDS = 300  # of all parts; on a busy machine this takes minutes
RUN_SECONDS = 900  # of one run of a DAG; on a busy machine its tasks take minutes
EVERYBODY_IS_ADMIN = "AUTH_ROLE_PUBLIC = 'Admin'\n"  # of Airflow 2; the port is open on this machine only


@dataclass
class Airflow:
    """One Airflow with a home of its own; `environment` is added to what its parts get."""

    version: str
    home: Path
    environment: Mapping[str, str]
    processes: Processes = field(default_factory=Processes)
    parts: dict[str, Process] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dags = self.home / "dags"
        self.dags.mkdir(parents=True)
        self.port = free_port()
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> Self:
        try:
            self._migrate()
            self.start()
        except BaseException:
            self.processes.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.processes.stop()

    # ------------------------------------------------------------------------------------------------------ processes

    def start(self, *names: str) -> None:
        """Start parts, all of them without a name, and wait until the scheduler and the others have been seen alive."""
        for name in names or PARTS[self.version]:
            command: list[str | Path] = [self._executable, name, *self._options(name)]
            log = self.home / "log" / f"{name}.log"
            self.parts[name] = self.processes.start(name, command, log=log, environment=self.settings())
        self._wait_until_healthy()

    def kill(self, *names: str) -> None:
        """SIGKILL parts, all of them without a name; the tasks that a scheduler runs die with it."""
        for name in names or tuple(reversed(PARTS[self.version])):
            self.parts.pop(name).kill()

    def run(self, *words: str) -> str:
        """Run a command of Airflow's own, and return what it printed."""
        return _run([self._executable, *words], self.settings())

    def python(self, *words: str) -> str:
        """Run this Airflow's Python."""
        return _run([self._bin / "python", *words], self.settings())

    def settings(self) -> dict[str, str]:
        """Return what the parts find in their environment."""
        options = {
            "PATH": f"{self._bin}:{os.environ['PATH']}",  # Airflow 2 starts tasks by its name
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "5",
            "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",
            "AIRFLOW__CORE__FERNET_KEY": "8Vq8kQ6hEd0y9pJ9cV6C2XnJm6T2uE8yq1v6r7n3w0A=",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home / 'airflow.db'}",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
            "AIRFLOW__SCHEDULER__CATCHUP_BY_DEFAULT": "False",
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "True",
            "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(self._log_port),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(self._trigger_log_port),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "PYTHONPATH": str(Path(__file__).parent / "site"),
            "PYTHONWARNINGS": "ignore",
            "NO_PROXY": "*",
        }
        more = self._settings_of_3() if self.version == "3" else self._settings_of_2()
        given = dict(self.environment)
        paths = [given.pop("PYTHONPATH", ""), options["PYTHONPATH"]]
        return {**options, **more, **given, "PYTHONPATH": ":".join(filter(None, paths))}

    # ------------------------------------------------------------------------------------------------------- the API

    def request(self, method: str, path: str, body: object = None) -> requests.Response:
        """Call the REST API of this version, below its root."""
        url = f"http://{HOST}:{self.port}/api/{'v2' if self.version == '3' else 'v1'}{path}"
        headers = {"Authorization": f"Bearer {self._token()}"} if self.version == "3" else {}
        return self._session.request(method, url, json=body, headers=headers, timeout=60)

    def call(self, method: str, path: str, body: object = None) -> Json:
        """Call the REST API, and return what it found."""
        reply = self.request(method, path, body)
        assert reply.ok, f"{method} {path}: {reply.status_code} {reply.text[:500]}"
        found: Json = reply.json() if reply.content else {}
        return found

    def wait_for_dag(self, dag: str) -> None:
        """Wait until a DAG's file was read, and let it run."""
        self.eventually(lambda: self.request("GET", f"/dags/{dag}").ok, what=f"the DAG {dag}", seconds=START_SECONDS)
        self.call("PATCH", f"/dags/{dag}", {"is_paused": False})

    def trigger(self, dag: str, **conf: object) -> Run:
        """Start a run."""
        self.wait_for_dag(dag)
        body: Json = {"conf": conf} | ({"logical_date": None} if self.version == "3" else {})
        return Run(self, dag, str(self.call("POST", f"/dags/{dag}/dagRuns", body)["dag_run_id"]))

    def runs(self, dag: str) -> list[Run]:
        """Return every run of a DAG, oldest first."""
        found = self.call("GET", f"/dags/{dag}/dagRuns?order_by=start_date&limit=100")["dag_runs"]
        return [Run(self, dag, str(run["dag_run_id"])) for run in found]

    def eventually(self, look: Callable[[], T], *, what: str, seconds: float = RUN_SECONDS) -> T:
        """Return the first thing worth having that `look` sees; fail when there is none in time."""
        deadline = time.monotonic() + seconds
        while not (seen := look()):
            assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
            time.sleep(1)
        return seen

    # ----------------------------------------------------------------------------------------- what it has written down

    def log_files(self) -> list[Path]:
        """Return every log, of tasks and of parts."""
        found = [*(self.home / "logs").rglob("*.log"), *(self.home / "log").glob("*.log")]
        return sorted(file for file in found if file.is_file())

    def holders_of(self, secret: str) -> list[str]:
        """Return every log file and every column of the database that a text stands in."""
        logs = [str(file) for file in self.log_files() if secret in file.read_text(errors="replace")]
        return logs + [where for where, text in self._cells() if secret in text]

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """Open the database for reading."""
        opened = sqlite3.connect(f"file:{self.home / 'airflow.db'}?mode=ro", uri=True, timeout=60)
        try:
            yield opened
        finally:
            opened.close()

    def _cells(self) -> list[tuple[str, str]]:
        with self.database() as database:
            tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
            found = []
            for table in tables:
                rows = database.execute(f'select * from "{table}"')  # noqa: S608 - a name out of the schema itself
                names = [column[0] for column in rows.description]
                for row in rows:
                    found += [(f"{table}.{n}", _text(v)) for n, v in zip(names, row, strict=True) if v is not None]
        return found

    # ----------------------------------------------------------------------------------------------------- its versions

    @property
    def _bin(self) -> Path:
        return ROOT / ".tools" / f"airflow-{self.version}" / "bin"

    @property
    def _executable(self) -> Path:
        return self._bin / "airflow"

    def _settings_of_3(self) -> dict[str, str]:
        secret = "0123456789abcdef" * 4
        return {
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{HOST}:{self.port}/execution/",
            "AIRFLOW__API__BASE_URL": f"http://{HOST}:{self.port}",
            "AIRFLOW__API__SECRET_KEY": secret,
            "AIRFLOW__API_AUTH__JWT_SECRET": secret,
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",  # a busy machine takes longer than the 5 s of the default
            "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "300",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
        }

    def _settings_of_2(self) -> dict[str, str]:
        return {
            "AIRFLOW__CORE__EXECUTOR": "SequentialExecutor",
            "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.default",
            "AIRFLOW__WEBSERVER__SECRET_KEY": "0123456789abcdef" * 4,
            "AIRFLOW__WEBSERVER__BASE_URL": f"http://{HOST}:{self.port}",
            "AIRFLOW__WEBSERVER__WORKERS": "1",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
            "AIRFLOW__SCHEDULER__LOCAL_TASK_JOB_HEARTBEAT_SEC": "2",
            "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": "20",
            "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "3",
            "AIRFLOW__CORE__DAG_FILE_PROCESSOR_TIMEOUT": "300",
            "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL": "10",
            "AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "600",
        }

    def _options(self, name: str) -> list[str]:
        match name:
            case "api-server" | "webserver":
                return ["--port", str(self.port), "--workers", "1", *self._host_option(name)]
            case _:
                return []

    def _host_option(self, name: str) -> list[str]:
        return ["--host", HOST] if name == "api-server" else ["--hostname", HOST]

    def _migrate(self) -> None:
        self._log_port, self._trigger_log_port = free_port(), free_port()
        (self.home / "webserver_config.py").write_text(EVERYBODY_IS_ADMIN)
        self.run("db", "migrate")

    def _wait_until_healthy(self) -> None:
        def alive_and_well() -> bool:
            for part in self.parts.values():
                if not part.running:
                    raise StartFailedError(f"{part.name} ended with code {part.exit_code}{tail(part.log)}")
            return self._healthy()

        self.eventually(alive_and_well, what="a healthy Airflow", seconds=START_SECONDS)

    def _healthy(self) -> bool:
        path = "/api/v2/monitor/health" if self.version == "3" else "/health"
        try:
            health = self._session.get(f"http://{HOST}:{self.port}{path}", timeout=10).json()
        except (requests.RequestException, ValueError):
            return False
        wanted = {"scheduler", "triggerer"} & set(self.parts)
        return all(health.get(name, {}).get("status") == "healthy" for name in wanted | {"metadatabase"})

    def _token(self) -> str:
        if not hasattr(self, "_kept_token"):
            reply = self._session.get(f"http://{HOST}:{self.port}/auth/token", timeout=60)
            self._kept_token = str(reply.json()["access_token"])
        return self._kept_token


@dataclass(frozen=True)
class Run:
    """One run of a DAG."""

    airflow: Airflow
    dag: str
    id: str

    @property
    def quoted(self) -> str:
        """Return the run's id as a path has it."""
        return quote(self.id, safe="")

    @property
    def _path(self) -> str:
        return f"/dags/{self.dag}/dagRuns/{self.quoted}"

    def state(self) -> str:
        """Return the run's state."""
        return str(self.airflow.call("GET", self._path)["state"])

    def task(self, task: str) -> Json:
        """Return a task of the run as the API shows it, rendered fields included."""
        return self.airflow.call("GET", f"{self._path}/taskInstances/{task}")

    def states(self) -> dict[str, str | None]:
        """Return the state of each task."""
        found = self.airflow.call("GET", f"{self._path}/taskInstances")["task_instances"]
        return {one["task_id"]: one["state"] for one in found}

    def until(self, task: str, *states: str) -> None:
        """Wait until a task is in one of the states."""

        def reached() -> bool:
            state = self.states().get(task)
            assert state in states or state not in ("failed", "upstream_failed", "skipped"), self.story(task)
            return state in states

        self.airflow.eventually(reached, what=f"{self.dag}.{task} {states}")

    def ended(self) -> str:
        """Wait until the run has ended, and return how."""

        def end() -> str | None:
            state = self.state()
            return state if state in ("success", "failed") else None

        return self.airflow.eventually(end, what=self.dag) or ""

    def succeeded(self) -> None:
        """Wait for the end of the run; it has to be a success."""
        assert self.ended() == "success", self.story()

    def xcom(self, task: str, key: str = "return_value") -> Any:  # noqa: ANN401 - whatever a task returned
        """Return what a task returned."""
        path = f"{self._path}/taskInstances/{task}/xcomEntries/{quote(key)}?stringify=false"
        return self.airflow.call("GET", path)["value"]

    def set_state(self, task: str, state: str) -> None:
        """Mark a task, as a person does in the page."""
        body: Json = {"new_state": state} | ({"dry_run": False} if self.airflow.version == "2" else {})
        self.airflow.call("PATCH", f"{self._path}/taskInstances/{task}", body)

    def log(self, task: str) -> str:
        """Return what all attempts of a task have logged."""
        folder = self.airflow.home / "logs" / f"dag_id={self.dag}" / f"run_id={self.id}" / f"task_id={task}"
        return "\n".join(file.read_text(errors="replace") for file in sorted(folder.glob("*.log*")))

    def written(self) -> str:
        """Return what the run's tasks have logged and handed over."""
        with self.airflow.database() as database:
            found = database.execute("select value from xcom where dag_id = ? and run_id = ?", (self.dag, self.id))
            values = [_text(value) for (value,) in found]
        return "\n".join([*(self.log(task) for task in self.states()), *values])

    def story(self, task: str | None = None) -> str:
        """Return the states and the logs' ends, for the message of a test that fails."""
        states = self.states()
        logs = [f"--- {name}\n{_words(self.log(name))[-4000:]}" for name in ([task] if task else states)]
        return "\n".join([f"{self.dag}: {states}", *logs])


def _run(command: list[str | Path], environment: Mapping[str, str]) -> str:
    with Processes() as processes:
        log = Path(environment["AIRFLOW_HOME"]) / "log" / f"command-{time.monotonic_ns()}.log"
        started = processes.start(str(command[1]), command, log=log, environment=environment)
        deadline = time.monotonic() + START_SECONDS
        while started.running:
            if time.monotonic() > deadline:
                raise StartFailedError(f"{command} did not end\n{log.read_text()}")
            time.sleep(0.1)
        text = log.read_text()
        if started.exit_code:
            raise subprocess.CalledProcessError(started.exit_code, [str(word) for word in command], text)
        return text


def _words(log: str) -> str:
    """Return what a log says, without what Airflow 3 notes with each line."""
    noted = re.findall(r'"(?:event|exc_value)":"((?:[^"\\]|\\.)*)"', log)
    return "\n".join(noted) if noted else log


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
