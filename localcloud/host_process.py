"""How is a function app's host run as a process of its own, killed and started again?

Its port stays the same over all starts, so that those who call it need not learn a new one.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import requests

from localcloud.ports import HOST, free_port
from localcloud.processes import Process, Processes
from localcloud.python import module


class HostProcess:
    """One Functions host for one app; `log` gets what host and functions write."""

    def __init__(
        self,
        processes: Processes,
        app_directory: Path,
        settings: Mapping[str, str],
        *,
        name: str,
        directory: Path,
        key: str,
        options: tuple[str, ...] = (),
    ) -> None:
        self.settings = dict(settings)
        self.name = name
        self.key = key
        self.log = directory / "log" / f"{name}.log"
        self.settings_file = directory / f"{name}.settings.json"
        self._processes = processes
        self._app_directory = app_directory
        self._options = options
        self._port = free_port()
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self._port}"

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.running

    @property
    def pid(self) -> int:
        """The process id of the last start, which is its group's id too."""
        return self._launched().pid

    def write_settings(self) -> None:
        """Write the app settings in the form of local.settings.json."""
        self.settings_file.parent.mkdir(parents=True, exist_ok=True)
        self.settings_file.touch(mode=0o600)
        self.settings_file.write_text(json.dumps({"IsEncrypted": False, "Values": self.settings}, indent=2))

    def launch(self) -> None:
        """Start the process and return at once."""
        self.write_settings()
        files: list[str | Path] = ["--app", self._app_directory, "--settings", self.settings_file]
        options = ["--key", self.key, "--port", str(self._port), *self._options]
        command = module("localcloud.functions", *files, *options)
        self._process = self._processes.start(self.name, command, log=self.log, directory=self._app_directory)

    def wait_until_ready(self) -> None:
        """Return when the host says that it runs."""
        self._launched().wait_until(self._answers)

    def start(self) -> None:
        """Start the process and wait until it is ready."""
        self.launch()
        self.wait_until_ready()

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()

    def stop(self) -> None:
        """SIGTERM: running invocations may finish."""
        if self._process is not None:
            self._process.stop(grace_seconds=15)

    def restart(self, settings: Mapping[str, str] = MappingProxyType({})) -> None:
        """Stop and start it again; `settings` are added to those it had."""
        self.stop()
        self.settings.update(settings)
        self.start()

    def another(self, name: str) -> "HostProcess":
        """A second host of the same app, on the same storage, with a port of its own; not yet started."""
        directory = self.settings_file.parent
        return HostProcess(
            self._processes,
            self._app_directory,
            self.settings,
            name=name,
            directory=directory,
            key=self.key,
            options=self._options,
        )

    def _launched(self) -> Process:
        if self._process is None:
            raise RuntimeError(f"{self.name} was not launched")
        return self._process

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/admin/host/status", timeout=5).ok
        except requests.RequestException:
            return False
