"""How does the whole cloud come up on one machine, and how does it end?

    hdinsight    jar ─> app ─ARM─> gateway ─REST─> Flink    two hosts, each with its own storage account and host id
    session      jar ─> app ─REST─> Flink

Every port is a free one. Whatever was started is ended: after the `with` block, and after a start that failed halfway.
"""

import secrets
import tempfile
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Literal, Self

from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from localcloud import app_settings
from localcloud.app_settings import JOB_JARS_CONTAINER, OPERATIONS_QUEUE, Account, ApiClient
from localcloud.azurite import Azurite
from localcloud.events import READY
from localcloud.flink import FlinkCluster
from localcloud.host_process import HostProcess
from localcloud.identity_process import Identity
from localcloud.processes import Processes
from localcloud.python import ROOT, module

ClusterKind = Literal["hdinsight", "session"]

_NOTHING: Mapping[str, str] = MappingProxyType({})
_APP_ACCOUNT, _GATEWAY_ACCOUNT = "flinkapp", "flinkgateway"


class LocalCloud:
    """Everything that the app needs, running inside a `with` block.

    `directory` keeps logs, savepoints and output; without it a temporary one is removed at the end. The settings are
    added to those of the host; `host_options` are options of `python -m localcloud.functions`. Without `run_app` the
    app's host is left to somebody else, who finds its settings in `app_host.settings_file` and its port in `app`.
    `slots` (of each TaskManager), `taskmanagers`, `jobmanagers` and `high_availability` are those of `FlinkCluster`.
    """

    def __init__(
        self,
        *,
        cluster: ClusterKind = "hdinsight",
        flink_version: str = "2.3.0",
        directory: Path | None = None,
        app_directory: Path = ROOT,
        settings: Mapping[str, str] = _NOTHING,
        gateway_settings: Mapping[str, str] = _NOTHING,
        flink_configuration: Mapping[str, str] = _NOTHING,
        slots: int = 8,
        taskmanagers: int = 1,
        jobmanagers: int = 1,
        high_availability: bool = False,
        host_options: tuple[str, ...] = (),
        run_app: bool = True,
    ) -> None:
        self.cluster = cluster
        self.key = secrets.token_hex(24)  # never begins with a dash, which a command line would take for an option
        self._flink_version = flink_version
        self._given_directory = directory
        self._app_directory = app_directory.resolve()
        self._settings = settings
        self._gateway_settings = gateway_settings
        self._flink_configuration = flink_configuration
        self._slots = slots
        self._taskmanagers = taskmanagers
        self._jobmanagers = jobmanagers
        self._high_availability = high_availability
        self._host_options = host_options
        self._run_app = run_app
        self._stack = ExitStack()

    @property
    def app(self) -> str:
        """Where the app answers."""
        return self.app_host.url

    @property
    def gateway(self) -> str | None:
        """Where the gateway answers, if there is one."""
        return self.gateway_host.url if self.gateway_host else None

    @property
    def flink(self) -> str:
        """Where Flink's REST API answers."""
        return self.flink_cluster.url

    @property
    def storage(self) -> str:
        """The connection string of the app's account."""
        return self.app_account.connection_string

    @property
    def vault(self) -> str:
        """Where the Key Vault answers."""
        return self.identity.url

    @property
    def ca(self) -> Path:
        """The authority to trust."""
        return self.identity.certificates.ca

    @property
    def log_directory(self) -> Path:
        """Where hosts, storage, events and identity write; Flink's logs lie in `flink_cluster.log_directory`."""
        return self.directory / "log"

    def __enter__(self) -> Self:
        with self._stack:
            self._begin()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def kill_app(self) -> None:
        """SIGKILL the app's host."""
        self.app_host.kill()

    def start_app(self) -> None:
        """Start it again, on its port and storage."""
        self.app_host.start()

    def restart_app(self, settings: Mapping[str, str] = _NOTHING) -> None:
        """Stop the app's host with SIGTERM and start it with further settings."""
        self.app_host.restart(settings)

    def start_second_app(self) -> HostProcess:
        """Start one more host of the app on the same storage; events go to the first one only."""
        return _started(self.app_host.another("app-2"))

    def kill_gateway(self) -> None:
        """SIGKILL the gateway's host."""
        self._gateway().kill()

    def start_gateway(self) -> None:
        """Start it again, on its port and storage."""
        self._gateway().start()

    def restart_gateway(self, settings: Mapping[str, str] = _NOTHING) -> None:
        """Stop the gateway's host with SIGTERM and start it with further settings."""
        self._gateway().restart(settings)

    def start_second_gateway(self) -> HostProcess:
        """Start one more host of the gateway on the same storage."""
        return _started(self._gateway().another("gateway-2"))

    def _gateway(self) -> HostProcess:
        if self.gateway_host is None:
            raise LookupError("a session cluster has no gateway")
        return self.gateway_host

    def _begin(self) -> None:
        self._make_directory()
        self._launch_servers()
        self.azurite.wait_until_ready()
        self._fill_storage()
        self.identity.wait_until_ready()
        self._fill_vault()
        self.gateway_host = self._gateway_process() if self.cluster == "hdinsight" else None
        self.app_host = self._host("app", {**self._app_settings(), **self._settings})
        self.app_host.write_settings()
        for host in self._hosts():
            host.launch()
        for host in self._hosts():
            host.wait_until_ready()
        self.flink_cluster.wait_until_ready()
        self._watch()

    def _hosts(self) -> list[HostProcess]:
        app = self.app_host if self._run_app else None
        return [host for host in (self.gateway_host, app) if host is not None]

    def _make_directory(self) -> None:
        given = self._given_directory
        self.directory = (
            given or Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="localcloud-")))
        ).resolve()
        self.sink = self.directory / "sink"
        self.sink.mkdir(parents=True, exist_ok=True)

    def _launch_servers(self) -> None:
        """Start what needs nothing else; all of it comes up at the same time."""
        self._processes = self._stack.enter_context(Processes())
        self.flink_cluster = FlinkCluster(
            self.directory / "flink",
            version=self._flink_version,
            slots=self._slots,
            taskmanagers=self._taskmanagers,
            jobmanagers=self._jobmanagers,
            high_availability=self._high_availability,
            configuration=self._flink_configuration,
        )
        self._stack.callback(self.flink_cluster.stop)
        self.azurite = Azurite(
            self._processes, [_APP_ACCOUNT, _GATEWAY_ACCOUNT], log=self.log_directory / "azurite.log"
        )
        self.identity = Identity(self._processes, self.directory)
        self.flink_cluster.launch()

    def _fill_storage(self) -> None:
        self.app_account, self._gateway_account = (
            Account(name, self.azurite.connection_string(name)) for name in (_APP_ACCOUNT, _GATEWAY_ACCOUNT)
        )
        _create(self.app_account, "jars", "releases", "ledger", JOB_JARS_CONTAINER)
        _create(self._gateway_account, "jars", "releases", "ledger")

    def _fill_vault(self) -> None:
        self.api_client = ApiClient(str(uuid.uuid4()), secrets.token_hex(24))
        self.identity.register_client(self.api_client.id, self.api_client.secret)
        for name, value in self.api_client.secrets(self.identity.tenant).items():
            self.identity.set_secret(name, value)

    def _app_settings(self) -> dict[str, str]:
        if self.gateway_host is None:
            return app_settings.for_session_app(self.app_account, self.flink_cluster)
        return app_settings.for_hdinsight_app(self.app_account, self.identity, self.gateway_host.url)

    def _gateway_process(self) -> HostProcess:
        settings = app_settings.for_gateway(
            self._gateway_account, self.app_account, self.flink_cluster, self.identity, self.api_client
        )
        return self._host("gateway", {**settings, **self._gateway_settings})

    def _host(self, name: str, settings: Mapping[str, str]) -> HostProcess:
        return HostProcess(
            self._processes,
            self._app_directory,
            settings,
            name=name,
            directory=self.directory,
            key=self.key,
            options=self._host_options,
        )

    def _watch(self) -> None:
        log, host = self.log_directory / "events.log", self.app_host
        options = ["--app", host.url, "--key", self.key, "--settings", str(host.settings_file)]
        options += ["--storage-log", str(self.azurite.log)]
        self.events = self._processes.start("events", module("localcloud.events", *options), log=log)
        if self._run_app:
            self.events.wait_until(lambda: READY in log.read_text())


def _started(host: HostProcess) -> HostProcess:
    host.start()
    return host


def _create(account: Account, *containers: str) -> None:
    with (
        BlobServiceClient.from_connection_string(account.connection_string) as blobs,
        QueueServiceClient.from_connection_string(account.connection_string) as queues,
    ):
        for container in containers:
            blobs.create_container(container)
        queues.create_queue(OPERATIONS_QUEUE)
