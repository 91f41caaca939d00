"""Run the matrix: `python -m tests.matrix [--rows UPDATE,STOP] [--flink VERSION] [--lanes N] [--every N] [--keep FILE]`.

First each row is recorded without a kill; its calls are printed, and are the cells. The last line is JSON; the exit
code is 0 only when every cell is right and every method of the app's clients was crossed.
"""

from __future__ import annotations

import argparse
import json
import queue
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import TypeVar

from localcloud.processes import Processes, unwinding_on_sigterm
from localcloud.up import LocalCloud

from . import table
from .cell import Judged, matching, record, run
from .lane import Lane
from .places import Call, Cell, cells_of, never_crossed, recorded
from .rows import ROWS, Row
from .sites import is_read

NEWEST = "2.3.0"
FLINK_OPTIONS = {
    "web.refresh-interval": "200",  # ms; Flink's own 3,000 would only make every cell wait
    "jobmanager.memory.jvm-metaspace.size": "512m",
    "taskmanager.memory.jvm-metaspace.size": "512m",
}
T = TypeVar("T")
R = TypeVar("R")


class Matrix:
    """Lanes on one cluster, and what was found on them."""

    def __init__(self, flink: str, lanes: int, directory: Path) -> None:
        """Keep the numbers; nothing is started yet."""
        self.flink = flink
        self.directory = directory
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
                    flink_configuration=FLINK_OPTIONS,
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

    def run(self, cells: Iterable[Cell], tell: Callable[[Judged], None]) -> list[Judged]:
        """Run the cells, as many at once as there are lanes."""

        def one(lane: Lane, cell: Cell) -> Judged:
            judged = run(lane, cell, next(self._numbers))
            tell(judged)
            return judged

        return [judged for _, judged in self._spread(list(cells), one)]

    def calls(self) -> list[Call]:
        """Return every call that was made under a plan."""
        return [call for lane in self.lanes for call in recorded(lane.directory)]

    def _spread(self, items: list[T], work: Callable[[Lane, T], R]) -> list[tuple[T, R]]:
        """Do the work on every item, one item at a time on each lane."""
        waiting: queue.SimpleQueue[T] = queue.SimpleQueue()
        for item in items:
            waiting.put(item)
        found = list[tuple[T, R]]()
        lock = threading.Lock()

        def drain(lane: Lane) -> None:
            while True:
                try:
                    item = waiting.get_nowait()
                except queue.Empty:
                    return
                done = work(lane, item)
                with lock:
                    found.append((item, done))

        with ThreadPoolExecutor(len(self.lanes)) as pool:
            for ended in [pool.submit(drain, lane) for lane in self.lanes]:
                ended.result()
        return found


def main() -> int:
    """Record, run, print."""
    options = _options()
    began = time.monotonic()
    rows = _rows(options)
    directory = Path(options.directory or tempfile.mkdtemp(prefix="matrix-"))
    with unwinding_on_sigterm(), Matrix(options.flink, options.lanes, directory) as matrix:
        recordings = matrix.record(rows)
        print(table.of_sites(recordings), flush=True)
        cells = _cells(rows, recordings)[:: options.every]
        print(f"{len(cells)} cells on {options.lanes} lanes, Flink {options.flink}\n", flush=True)
        judged = matrix.run(cells, lambda it: print(table.line(it, time.monotonic() - began), flush=True))
        missing = never_crossed(matrix.calls())
    found = table.Found(options.flink, recordings, judged, time.monotonic() - began)
    print(table.of_cells(found), flush=True)
    complete = {row.name for row in rows} == {row.name for row in ROWS}
    if missing and complete:
        print(f"never crossed: {', '.join(sorted(missing))}")
    if options.keep:
        options.keep.write_text(table.document(found))
    tried = [it for it in judged if it.verdict != "unreached"]
    right = [it for it in tried if it.verdict == "right"]
    print(json.dumps({"cells": len(tried), "right": len(right), "flink": options.flink}))
    return 0 if len(right) == len(tried) and not (missing and complete) else 1


def _rows(options: argparse.Namespace) -> list[Row]:
    if options.rows:
        return [row for row in ROWS if row.name in options.rows.split(",")]
    return [row for row in ROWS if options.flink == NEWEST or row.every_flink]


def _cells(rows: list[Row], recordings: dict[str, list[Call]]) -> list[Cell]:
    """Return all cells, those of writes first."""
    found = list[Cell]()
    for row in rows:
        found += cells_of(row.name, matching(row, [call.crossing for call in recordings[row.name]]))
    return sorted(found, key=lambda cell: is_read(cell.call.site))


def _order(name: str) -> int:
    return [row.name for row in ROWS].index(name)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description="Kill the app at every call.")
    parser.add_argument("--rows", help="names of rows, separated by commas (default: all)")
    parser.add_argument("--flink", default=NEWEST, metavar="VERSION")
    parser.add_argument("--lanes", type=int, default=5, help="cells that run at the same time")
    parser.add_argument("--every", type=int, default=1, help="run every n-th cell only")
    parser.add_argument("--keep", type=Path, help="write the tables into this file")
    parser.add_argument("--directory", help="keeps logs, state and output (default: a temporary one)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
