"""The command line as its users start it: a process of its own, with an environment and a home of its own."""

from __future__ import annotations

import atexit
import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.forked import SECONDS

ROOT = Path(__file__).parents[1]
# A shell that runs the tests in the background has Ctrl-C ignored by all that they start.
AT_A_DESK = (
    "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "runpy.run_module('flinkfuncs_cli', run_name='__main__', alter_sys=True)"
)
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Ran:
    """How it ended, and what it wrote."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        """The one JSON document on stdout."""
        return json.loads(self.out)


@dataclass(frozen=True)
class CommandLine:
    """Starts it against one app; `home` is where its configuration is looked for."""

    url: str
    home: Path
    key: str = "functions-key"

    def run(self, *words: str, environment: Mapping[str, str] = NOTHING, given: str | None = None) -> Ran:
        """Run a command without a terminal."""
        done = subprocess.run(
            [*forked().command, *words],
            cwd=ROOT,
            env=self._environment(environment),
            input=given or "",
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str, environment: Mapping[str, str] = NOTHING) -> subprocess.Popen[str]:
        """Start a command, which the caller ends."""
        return subprocess.Popen(
            self._command(words),
            cwd=ROOT,
            env=self._environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def interrupted(self, *words: str, once: Callable[[str], bool], environment: Mapping[str, str] = NOTHING) -> Ran:
        """Press Ctrl-C once stderr shows what is waited for."""
        with self.start(*words, environment=environment) as process:
            assert process.stderr
            seen = ""
            while not once(seen):
                line = process.stderr.readline()
                assert line, seen
                seen += line
            process.send_signal(signal.SIGINT)
            out, rest = process.communicate(timeout=SECONDS)
        return Ran(process.returncode, out, seen + rest)

    def at_a_terminal(self, *words: str, columns: int = 80, typed: str = "", **environment: str) -> Ran:
        """Run a command at a terminal of that width, which shows stdout and stderr."""
        leader, follower = pty.openpty()
        process = subprocess.Popen(
            self._command(words),
            cwd=ROOT,
            env=self._environment({"COLUMNS": str(columns), "TERM": "xterm", **environment}),
            stdin=follower,
            stdout=follower,
            stderr=follower,
        )
        os.close(follower)
        shown: list[bytes] = []
        reader = threading.Thread(target=_read_all, args=(leader, shown))
        reader.start()
        os.write(leader, typed.encode())
        code = process.wait(timeout=SECONDS)
        reader.join(timeout=SECONDS)
        os.close(leader)
        return Ran(code, b"".join(shown).decode().replace("\r\n", "\n"), "")

    def _command(self, words: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-c", AT_A_DESK, *words]

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        own = {"PATH": os.environ["PATH"], "HOME": str(self.home), "NO_PROXY": "127.0.0.1,localhost"}
        app = {"FLINKFUNCS_URL": self.url, "FLINKFUNCS_KEY": self.key}
        return {name: text for name, text in {**own, **app, **more}.items() if text}


class Forking:
    """The process that forks for each command of these tests; it ends with theirs."""

    def __init__(self) -> None:
        """Start it."""
        self._directory = tempfile.TemporaryDirectory()
        path = str(Path(self._directory.name) / "socket")
        self.command = [sys.executable, "-I", str(ROOT / "tests" / "forked.py"), "ask", path]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.forked", "serve", path],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == b"ready\n"
        atexit.register(self._end)

    def _end(self) -> None:
        self._process.communicate()
        self._directory.cleanup()


@cache
def forked() -> Forking:
    """Return it, started when it is first wanted."""
    return Forking()


def _read_all(leader: int, shown: list[bytes]) -> None:
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # Linux says so when the last process at the terminal has ended
            return
        if not part:
            return
        shown.append(part)


def eventually(look: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + SECONDS
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.05)
