"""Lanes on one cluster: rows are recorded and cells are run on all of them at the same time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import TypeVar

from localcloud.processes import Processes
from localcloud.up import LocalCloud

from .cell import Judged, record, run
from .lane import Lane
from .places import Call, Cell, recorded
from .rows import ROWS, Row

FLINK_OPTIONS = {
    "web.refresh-interval": "200",  # ms; Flink's own 3,000 would only make every cell wait
    "jobmanager.memory.jvm-metaspace.size": "512m",
    "taskmanager.memory.jvm-metaspace.size": "512m",
}
T = TypeVar("T")
R = TypeVar("R")


class Matrix:
    """Lanes on one cluster, and what was found on them."""

    def __init__(
        self, flink: str, lanes: int, directory: Path, *, flink_configuration: Mapping[str, str] = FLINK_OPTIONS
    ) -> None:
        """Keep the numbers; nothing is started yet."""
        self._flink_configuration = flink_configuration
        self.flink = flink
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._lanes = lanes
        self._numbers = count(1)
        self._stack = ExitStack()

    def __enter__(self) -> Matrix:
        with self._stack:
            cloud = self._stack.enter_context(
                LocalCloud(
                    cluster="session",
                    flink_version=self.flink,
                    directory=self.directory,
                    flink_configuration=self._flink_configuration,
                    slots=2 * self._lanes + 4,
                    run_app=False,
                )
            )
            processes = self._stack.enter_context(Processes())
            self.lanes = [Lane(cloud, processes, number) for number in range(self._lanes)]
            with ThreadPoolExecutor(self._lanes) as pool:
                list(pool.map(lambda lane: lane.host.start(), self.lanes))
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def record(self, rows: Iterable[Row]) -> dict[str, list[Call]]:
        """Run each row without a kill, and return its calls."""
        names = list(rows)
        calls = self._spread(names, lambda lane, row: record(lane, row, next(self._numbers)))
        return dict(sorted(((row.name, found) for row, found in calls), key=lambda it: _order(it[0])))

    def run(
        self, cells: Iterable[Cell], tell: Callable[[Judged], None], *, seconds: float = float("inf")
    ) -> list[Judged]:
        """Run the cells, as many at once as there are lanes; none is begun when the time is up."""
        until = time.monotonic() + seconds

        def one(lane: Lane, cell: Cell) -> Judged:
            judged = run(lane, cell, next(self._numbers))
            tell(judged)
            return judged

        return [judged for _, judged in self._spread(list(cells), one, until=until)]

    def calls(self) -> list[Call]:
        """Return every call that was made under a plan."""
        return [call for lane in self.lanes for call in recorded(lane.directory)]

    def _spread(
        self, items: list[T], work: Callable[[Lane, T], R], *, until: float = float("inf")
    ) -> list[tuple[T, R]]:
        """Do the work on every item, one item at a time on each lane."""
        waiting: queue.SimpleQueue[T] = queue.SimpleQueue()
        for item in items:
            waiting.put(item)
        found = list[tuple[T, R]]()
        lock = threading.Lock()

        def drain(lane: Lane) -> None:
            while time.monotonic() < until:
                try:
                    item = waiting.get_nowait()
                except queue.Empty:
                    return
                done = work(lane, item)
                with lock:
                    found.append((item, done))

        with ThreadPoolExecutor(len(self.lanes)) as pool:
            drains = [pool.submit(drain, lane) for lane in self.lanes]
            try:
                for ended in drains:
                    ended.result()
            except BaseException:  # a signal: what runs may end, nothing more begins
                while not waiting.empty():
                    waiting.get()
                raise
        return found


def _order(name: str) -> int:
    return [row.name for row in ROWS].index(name)
