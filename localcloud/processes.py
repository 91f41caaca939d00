"""How are child programs started, watched and ended?

    Processes   owns what it started: leaving it ends everything, in reverse order
    Process     one program in a process group of its own, with its log file

No child outlives its owner: not after an exception, a failed start, SIGTERM or Ctrl-C, nor after SIGKILL of the owner.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from localcloud import lifeline

# Linux kills a child when the *thread* that started it ends: all are started by this one, which ends with the program.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")


class StartFailedError(Exception):
    """A program did not come up; the message says which one and how its log ends."""


class Process:
    """A running child program, leader of its own process group."""

    def __init__(self, name: str, popen: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self._popen = popen
        self._ended = False

    @property
    def pid(self) -> int:
        """The process id, which is the group's id too."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """What the program ended with (negative: the signal), or None while it runs."""
        return self._popen.poll()

    @property
    def running(self) -> bool:
        """Whether the program has not ended yet."""
        return self.exit_code is None

    def terminate(self) -> None:
        """Ask the group to end (SIGTERM) and return at once."""
        self._signal(signal.SIGTERM)

    def pause(self) -> None:
        """Halt the group (SIGSTOP) until `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused group go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the group with SIGKILL and wait until it is gone."""
        self._signal(signal.SIGKILL)
        self._popen.wait()
        self._ended = True

    def stop(self, grace_seconds: float = 10) -> None:
        """Ask the group to end, and end it with SIGKILL when it has not done so in time."""
        self.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(grace_seconds)
        self.kill()

    def wait_until(self, ready: Callable[[], bool], timeout_seconds: float = 60, *, also: Path | None = None) -> None:
        """Return once `ready` says so; a program that ends or stays unready raises StartFailedError.

        `also` is a second log file whose end belongs into the message.
        """
        deadline = time.monotonic() + timeout_seconds
        while not ready():
            if not self.running:
                raise StartFailedError(f"{self.name} ended with code {self.exit_code}{self._log_tail(also)}")
            if time.monotonic() > deadline:
                raise StartFailedError(f"{self.name} was not ready after {timeout_seconds:.0f} s{self._log_tail(also)}")
            time.sleep(0.05)

    def _log_tail(self, also: Path | None) -> str:
        return "".join(tail(log) for log in (self.log, also) if log is not None)

    def _signal(self, number: signal.Signals) -> None:
        if self._ended:  # its id may be another's by now
            return
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)


class Processes:
    """A context manager that ends every program it started."""

    def __init__(self) -> None:
        self._started: list[Process] = []

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> Process:
        """Start a program; its output is appended to `log`, `environment` is added to our own."""
        process = _starter.submit(_start, name, command, log, environment or {}, directory).result()
        self._started.append(process)
        return process

    def stop(self) -> None:
        """End everything, the last started first: a server goes only after those that call it."""
        while self._started:
            self._started[-1].stop()
            self._started.pop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _start(
    name: str, command: Sequence[str | Path], log: Path, environment: Mapping[str, str], directory: Path | None
) -> Process:
    log.parent.mkdir(parents=True, exist_ok=True)
    tied = [sys.executable, "-I", "-S", lifeline.__file__, str(os.getpid()), *map(str, command)]
    with log.open("ab") as output:
        popen = subprocess.Popen(
            tied,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            cwd=directory,
            start_new_session=True,
        )
    return Process(name, popen, log)


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log file, ready to be appended to a message; empty when there is none."""
    if not log.is_file() or not (text := log.read_text(errors="replace").strip()):
        return ""
    return "\n  ".join([f"\n{log} ends:", *text.splitlines()[-lines:]])


@contextmanager
def unwinding_on_sigterm() -> Iterator[None]:
    """Make SIGTERM and Ctrl-C raise in the main thread, so that `with` blocks end what they own.

    A shell that starts a program in the background has it ignore SIGINT; here it counts all the same.
    """

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    before_interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, before_interrupt)
