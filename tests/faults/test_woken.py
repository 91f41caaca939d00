"""What does a driver do that was paused at a call, and wakes up after another one took over? Nothing any more.

Each driver is a process of its own that stops itself (SIGSTOP) right before or right after a call; another one ends the
operation when its lease has run out, and then it goes on (SIGCONT). All pairs run at the same time: they mostly wait.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Barrier, Lock
from typing import TypeAlias

import pytest

from tests.harness.calls import When
from tests.harness.rows import BY_NAME

from .cell import begin, drive_to_the_end, judge, prepare
from .faults import storage
from .lane import Lane
from .rows import CANCEL, CHECKPOINT, RUN, STOP, TRIGGER, ask

ROOT = Path(__file__).parents[2]
# A driver that wakes up may still send the one call that it had written down, and no fence stops that. So it has to be
# the call of its successor: a trigger id and a job id are accepted once, and a cancel names a copy that has ended.
STICKY = {
    "Stop": ("UPDATE", STOP, 1),
    "Start": ("UPDATE", RUN, 1),
    "TakeCheckpoint": ("UPDATE", CHECKPOINT, 1),
    "Trigger": ("SAVEPOINT", TRIGGER, 1),
    "Cancel": ("CANCEL", CANCEL, 1),
    "Cancel of LAST_STATE_UPDATE": ("LAST_STATE_UPDATE", CANCEL, 1),
    "Cancel of a rollback": ("ROLLBACK_OF_A_LOOP", CANCEL, 1),
    "Start of a rollback": ("ROLLBACK_OF_A_LOOP", RUN, 2),
    "TakeCheckpoint of a rollback": ("ROLLBACK_OF_A_LOOP", CHECKPOINT, 1),
}
Pause: TypeAlias = tuple[str, When]
PAUSES: list[Pause] = [(step, when) for step in STICKY for when in ("before", "after")]
NIGHTLY = pytest.mark.nightly("one of eighteen pairs; `make test` has those of a Stop and of a Start")


@dataclass
class Forker:
    """The process whose children are drivers."""

    process: subprocess.Popen[str]
    lock: Lock

    def order(self, order: dict[str, object]) -> int:
        """Have a driver started; return its process id."""
        assert self.process.stdin
        assert self.process.stdout
        with self.lock:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
            return int(self.process.stdout.readline())


@contextmanager
def forker() -> Iterator[Forker]:
    """Start the process; in the end it goes with all its children, also with those that are stopped."""
    command = [sys.executable, "-m", "tests.faults.paused"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield Forker(process, Lock())
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An account of these tests alone."""
    with storage(tmp_path_factory.mktemp("woken") / "azurite.log") as connection:
        yield connection


@pytest.fixture(scope="module")
def woken(
    azurite: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[Pause, str]:
    """Let every driver that a test of this run asks for pause and wake up; return what is wrong with each."""
    directory = tmp_path_factory.mktemp("paused")
    pauses = [pause for pause in PAUSES if pause in _asked_for(request.session.items)]

    def one(pause: Pause) -> str:
        try:
            with closing(Lane(azurite)) as lane:
                _pause_and_wake(lane, drivers, *pause, directory / "-".join(pause))
        except AssertionError as wrong:
            return f"{wrong}"
        return ""

    with forker() as drivers, ThreadPoolExecutor(len(pauses)) as pool:
        return dict(zip(pauses, pool.map(one, pauses), strict=True))


def _asked_for(items: Sequence[pytest.Item]) -> set[tuple[object, object]]:
    """The pauses that tests of this run ask for."""
    given = [item.callspec.params for item in items if isinstance(item, pytest.Function) and hasattr(item, "callspec")]
    return {(each["step"], each["when"]) for each in given if each.keys() == {"step", "when"}}


def _pause_and_wake(lane: Lane, drivers: Forker, step: str, when: When, result: Path) -> None:
    name, site, nth = STICKY[step]
    row = BY_NAME[name]
    begun = begin(lane, row, prepare(lane, row.before))
    ask(lane, row)
    order: dict[str, object] = {"place": asdict(lane.place), "call": [site, nth], "when": when, "result": str(result)}
    driver = drivers.order(order)
    _until(lambda: _is_stopped(driver) or result.exists(), "the driver is paused")
    assert not result.exists(), f"the driver was not paused: {result.read_text()}"
    drive_to_the_end(lane)
    handled, written = len(lane.flink.changes), _blobs(lane)
    os.kill(driver, signal.SIGCONT)
    _until(result.exists, "the driver has ended")
    assert result.read_text() == "returned"
    more = [f"{method} flink {path}" for method, path in map(str.split, lane.flink.changes[handled:])]
    # What was written down and not yet sent leaves now; it names its target, its trigger or its id: the same call.
    assert len(more) == (1 if when == "before" else 0), more
    assert all(_ending(call) == _ending(site) for call in more), more
    assert _blobs(lane) == written, "the woken driver has written"
    judge(lane, row, begun)


def _ending(site: str) -> tuple[str, str]:
    """The method, and the last word of the path, unless that is an id."""
    method, last = site.partition(" ")[0], site.rpartition("/")[2]
    return method, "" if method == "PATCH" else last


def _blobs(lane: Lane) -> dict[str, str]:
    """Every blob of the ledger, with its ETag."""
    container = lane.place.container(lane.place.records)
    return {blob.name: blob.etag for blob in container.list_blobs(f"{lane.place.prefix}/")}


def _is_stopped(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except FileNotFoundError:
        return False


def _until(look: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not look():
        assert time.monotonic() < deadline, f"not after 60 s: {what}"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("step", "when"),
    [pytest.param(*pause, marks=[] if pause[0] in ("Stop", "Start") else [NIGHTLY]) for pause in PAUSES],
)
def test_a_driver_that_wakes_up_after_another_took_over_writes_and_sends_nothing_more(
    woken: Mapping[Pause, str], step: str, when: When
) -> None:
    """But the one call that it had written down and not yet sent; it is the same call, and changes nothing."""
    assert woken[step, when] == ""


@pytest.mark.parametrize("name", ["UPDATE", "ROLLBACK_OF_A_LOOP", "LAST_STATE_UPDATE"])
def test_the_same_message_at_two_hosts_at_once_is_carried_out_once(azurite: str, name: str) -> None:
    """Whoever claims the job drives it; the other one goes away, and finds it done."""
    row = BY_NAME[name]
    with closing(Lane(azurite)) as lane:
        begun = begin(lane, row, prepare(lane, row.before))
        ask(lane, row)
        together = Barrier(2)

        def host(_: int) -> None:
            together.wait()
            drive_to_the_end(lane)

        with ThreadPoolExecutor(2) as hosts:
            list(hosts.map(host, range(2)))
        judge(lane, row, begun)
