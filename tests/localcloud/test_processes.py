"""Does anything that the local cloud starts outlive its owner?"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from localcloud.processes import Process, Processes, StartFailedError

pytestmark = pytest.mark.nightly("starts and kills programs, and no line of the app")

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]
WRAPPER = """
import subprocess, sys, time
print(subprocess.Popen(sys.argv[1:]).pid, "up", flush=True)
time.sleep(600)
"""
OWNER = """
import sys, time
from pathlib import Path
from localcloud.processes import Processes, unwinding_on_sigterm
with unwinding_on_sigterm(), Processes() as processes:
    child = processes.start("child", sys.argv[2:], log=Path(sys.argv[1]))
    print(child.pid, flush=True)
    time.sleep(600)
"""


def eventually(true: Callable[[], bool], timeout_seconds: float = 30) -> bool:
    """Whether something becomes true."""
    deadline = time.monotonic() + timeout_seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return true()


def gone(pid: int) -> bool:
    """Whether no process of that id is alive (a zombie waits for a parent that is not ours)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def up(process: Process) -> None:
    """Wait until the program has printed its line."""
    process.wait_until(lambda: b"up" in process.log.read_bytes(), 10)


def test_leaving_the_owner_ends_every_program(tmp_path: Path) -> None:
    """Promise: after the `with` block none of its programs runs, nor one that ignores SIGTERM."""
    with Processes() as processes:
        polite = processes.start("polite", SLEEP, log=tmp_path / "polite.log")
        stubborn = processes.start("stubborn", STUBBORN, log=tmp_path / "stubborn.log")
        up(polite)
        up(stubborn)
        stubborn.stop(grace_seconds=0.2)
    assert polite.exit_code == -signal.SIGTERM
    assert stubborn.exit_code == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_program_outlives_an_owner_that_was_signalled(tmp_path: Path, number: signal.Signals) -> None:
    """Promise: SIGTERM, Ctrl-C and even SIGKILL of the owner end what it started."""
    command = [sys.executable, "-c", OWNER, str(tmp_path / "log"), *SLEEP]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert not gone(pid)
        owner.send_signal(number)
    assert eventually(lambda: gone(pid))


def test_a_program_outlives_the_thread_that_asked_for_it(tmp_path: Path) -> None:
    """Promise: programs may be started from threads that end, which Linux would take for their parent's death."""
    started: list[Process] = []
    with Processes() as processes:
        thread = threading.Thread(target=lambda: started.append(processes.start("x", SLEEP, log=tmp_path / "x.log")))
        thread.start()
        thread.join()
        up(started[0])
        time.sleep(0.2)
        assert started[0].running


def test_a_program_that_ends_at_once_is_a_failed_start_that_shows_its_log(tmp_path: Path) -> None:
    """Promise: whoever waits for a broken program learns its name, its exit code and its last words."""
    command = [sys.executable, "-c", "print('no such thing as luck'); raise SystemExit(3)"]
    with Processes() as processes:
        broken = processes.start("broken", command, log=tmp_path / "broken.log")
        with pytest.raises(StartFailedError, match=r"(?s)broken ended with code 3.*no such thing as luck"):
            broken.wait_until(lambda: False, 10)


def test_stopping_ends_the_whole_group(tmp_path: Path) -> None:
    """Promise: a wrapper's child dies with the wrapper, so that no port stays taken."""
    with Processes() as processes:
        wrapper = processes.start("wrapper", [sys.executable, "-c", WRAPPER, *SLEEP], log=tmp_path / "wrapper.log")
        up(wrapper)
        inner = int(wrapper.log.read_text().split()[0])
        os.kill(inner, 0)
    assert eventually(lambda: gone(inner))
