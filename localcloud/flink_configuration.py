"""Which options does the local Flink run with?

    every version        small memory, one machine, checkpoints kept after a cancel, System.exit of a job thrown back
    from 1.20            config.yaml, execution.checkpointing.dir, high-availability.type
    before               flink-conf.yaml, state.checkpoints.dir, high-availability

What Flink decides by itself in production (heartbeats, restarts) stays Flink's default unless a caller asks for it.
"""

from collections.abc import Mapping
from pathlib import Path

JOBMANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
TASKMANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"

_OPENED = (
    "lang",
    "net",
    "io",
    "nio",
    "util",
    "util.concurrent",
    "util.concurrent.atomic",
    "util.concurrent.locks",
    "lang.reflect",
    "text",
    "time",
)
JAVA_OPTIONS = (
    "--add-exports=java.base/sun.net.util=ALL-UNNAMED",
    "--add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED",
    "-Djava.security.manager=allow",  # for intercept-user-system-exit; Java 18 and later refuse it otherwise
    *(f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in _OPENED),
)

_OPTIONS = {
    "jobmanager.rpc.address": "localhost",
    "jobmanager.bind-host": "localhost",
    "rest.address": "localhost",
    "rest.bind-address": "localhost",
    "taskmanager.host": "localhost",
    "taskmanager.bind-host": "localhost",
    "parallelism.default": "1",
    "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
    # Without it a job that calls System.exit takes the whole JobManager down.
    "cluster.intercept-user-system-exit": "THROW",
    # A TaskManager that is up before the JobManager asks again soon, not after 10 s.
    "cluster.registration.error-delay": "500",
    "metrics.fetcher.update-interval": "500",
    "jobmanager.memory.heap.size": "400m",
    "jobmanager.memory.off-heap.size": "128m",
    "jobmanager.memory.jvm-metaspace.size": "256m",
    "jobmanager.memory.jvm-overhead.min": "192m",
    # The shell scripts that compute the next ones are not in the jars: all must be said.
    "taskmanager.cpu.cores": "2",
    "taskmanager.memory.task.heap.size": "256m",
    "taskmanager.memory.task.off-heap.size": "0",
    "taskmanager.memory.managed.size": "128m",
    "taskmanager.memory.network.min": "64m",
    "taskmanager.memory.network.max": "64m",
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.min": "192m",
    "taskmanager.memory.jvm-overhead.max": "192m",
}

_LOGGING = """\
rootLogger.level = INFO
rootLogger.appenderRef.file.ref = File
appender.file.type = File
appender.file.name = File
appender.file.fileName = ${sys:log.file}
appender.file.append = true
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x - %m%n
"""


def write_configuration(directory: Path, version: str, options: Mapping[str, str]) -> None:
    """Write Flink's configuration file into `conf` below the directory; `options` win over ours."""
    name = "flink-conf.yaml" if _is_old(version) else "config.yaml"
    lines = [f"{key}: {value}\n" for key, value in {**_OPTIONS, **_directories(directory, version), **options}.items()]
    (directory / "conf" / name).write_text("".join(lines))


def write_logging(directory: Path) -> None:
    """Write log4j's configuration: without one Flink's processes say nothing but errors."""
    (directory / "conf" / "log4j.properties").write_text(_LOGGING)


def high_availability_options(directory: Path, version: str, quorum: str) -> dict[str, str]:
    """Options for JobManagers that elect a leader, and take over the jobs of the one before."""
    return {
        "high-availability" if _is_old(version) else "high-availability.type": "zookeeper",
        "high-availability.zookeeper.quorum": quorum,
        "high-availability.storageDir": (directory / "ha").as_uri(),
        "high-availability.cluster-id": "/local",
        # A JobManager that was killed leads until its session has ended: a minute by default.
        "high-availability.zookeeper.client.session-timeout": "6000",
        "high-availability.zookeeper.client.connection-timeout": "6000",
    }


def _directories(directory: Path, version: str) -> dict[str, str]:
    savepoints, checkpoints = (directory / "savepoints").as_uri(), (directory / "checkpoints").as_uri()
    state = (
        {"state.savepoints.dir": savepoints, "state.checkpoints.dir": checkpoints}
        if _is_old(version)
        else {"execution.checkpointing.savepoint-dir": savepoints, "execution.checkpointing.dir": checkpoints}
    )
    return state | {
        "web.tmpdir": str(directory / "tmp"),
        "web.upload.dir": str(directory / "upload"),
        "blob.storage.directory": str(directory / "blob"),
        "io.tmp.dirs": str(directory / "tmp"),
    }


def _is_old(version: str) -> bool:
    major, minor = version.split(".")[:2]
    return (int(major), int(minor)) < (1, 20)
