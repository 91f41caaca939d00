"""How does ZooKeeper run on one machine? Flink's own distribution carries its server.

High availability needs it: the JobManagers elect their leader there, and find there what the last one left behind.
"""

from collections.abc import Sequence
from pathlib import Path

from localcloud.ports import HOST, free_port, listens
from localcloud.processes import Process, Processes

_CLASS = "org.apache.flink.runtime.zookeeper.FlinkZooKeeperQuorumPeer"
# A client's session may be as short as two ticks: a JobManager that was killed leads until its session has ended.
_CONFIGURATION = """\
tickTime=500
initLimit=10
syncLimit=5
dataDir={data}
clientPort={port}
clientPortAddress={host}
admin.enableServer=false
server.1={host}:{peer_port}:{leader_port}
"""


class ZooKeeper:
    """One server; its data lies below `directory`."""

    def __init__(self, processes: Processes, directory: Path) -> None:
        self._processes = processes
        self._directory = directory
        self._port, self._peer_ports = free_port(), (free_port(), free_port())
        self._process: Process | None = None

    @property
    def quorum(self) -> str:
        """Its address, as `high-availability.zookeeper.quorum` names it."""
        return f"{HOST}:{self._port}"

    def launch(self, java: Sequence[str | Path], log: Path) -> None:
        """Start it with Flink's jars on the class path of `java`, and return at once."""
        self._directory.mkdir(parents=True, exist_ok=True)
        peer_port, leader_port = self._peer_ports
        configuration = self._directory / "zoo.cfg"
        configuration.write_text(
            _CONFIGURATION.format(
                data=self._directory, port=self._port, host=HOST, peer_port=peer_port, leader_port=leader_port
            )
        )
        command = [*java, _CLASS, "--zkConfigFile", configuration, "--peerId", "1"]
        self._process = self._processes.start("ZooKeeper", command, log=log)

    def wait_until_ready(self) -> None:
        """Return when it accepts connections."""
        if self._process is None:
            raise RuntimeError("ZooKeeper was not launched")
        self._process.wait_until(lambda: listens(self._port))
