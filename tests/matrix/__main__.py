"""Run the matrix: `python -m tests.matrix [--rows A,B] [--flink VERSION] [--lanes N] [--minutes N] [--keep FILE]`.

First each row is recorded without a kill; its calls are printed, and are the cells. The last line is JSON; the exit
code is 0 only when every cell is right and every method of the app's clients was crossed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

from localcloud.processes import unwinding_on_sigterm

from . import table
from .cell import Judged, matching
from .matrix import Matrix
from .places import Call, Cell, cells_of, never_crossed
from .rows import ROWS, Row
from .sites import is_read

NEWEST = "2.3.0"
CLOUD_SECONDS = 400.0  # an Azurite stood still for four minutes once it was ten minutes old


def main() -> int:
    """Record, run, print."""
    options = _options()
    began = time.monotonic()
    rows = _rows(options)
    directory = Path(options.directory or tempfile.mkdtemp(prefix="matrix-"))
    with unwinding_on_sigterm():
        recordings, cells, judged, calls = _found(options, rows, directory)
    missing = never_crossed(calls)
    found = table.Found(options.flink, recordings, len(cells), judged, time.monotonic() - began)
    print(table.of_cells(found), flush=True)
    complete = {row.name for row in rows} == {row.name for row in ROWS}
    if missing and complete:
        print(f"never crossed: {', '.join(sorted(missing))}")
    if options.keep and options.rows is None and len(judged) == len(cells) and options.every == 1:
        options.keep.write_text(table.document(found))
    tried = [it for it in judged if it.verdict != "unreached"]
    right = [it for it in tried if it.verdict == "right"]
    print(json.dumps({"cells": len(tried), "right": len(right), "flink": options.flink}))
    return 0 if tried and len(right) == len(tried) and not (missing and complete) else 1


def _found(
    options: argparse.Namespace, rows: list[Row], directory: Path
) -> tuple[dict[str, list[Call]], list[Cell], list[Judged], list[Call]]:
    """Record the rows, then run the cells, on a new cloud every few minutes."""
    began = time.monotonic()
    recordings: dict[str, list[Call]] = {}
    cells, judged, calls = list[Cell](), list[Judged](), list[Call]()
    for number in count(1):
        with Matrix(options.flink, options.lanes, directory / str(number)) as matrix:
            if not recordings:
                recordings = matrix.record(rows)
                cells = _cells(rows, recordings)[:: options.every]
                print(table.of_sites(recordings), f"\n{len(cells)} cells on {options.lanes} lanes\n", flush=True)
            left = options.minutes * 60 - (time.monotonic() - began)
            judged += matrix.run(
                cells[len(judged) :],
                lambda it: print(table.line(it, time.monotonic() - began), flush=True),
                seconds=min(CLOUD_SECONDS, left),
            )
            calls += matrix.calls()
        if len(judged) == len(cells) or left < CLOUD_SECONDS:
            break
    return recordings, cells, judged, calls


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


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description="Kill the app at every call.")
    parser.add_argument("--rows", help="names of rows, separated by commas (default: all)")
    parser.add_argument("--flink", default=NEWEST, metavar="VERSION")
    parser.add_argument("--lanes", type=int, default=4, help="cells that run at the same time")
    parser.add_argument("--every", type=int, default=1, help="run every n-th cell only")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no cell after that")
    parser.add_argument("--keep", type=Path, help="write the tables of a whole run into this file")
    parser.add_argument("--directory", help="keeps logs, state and output (default: a temporary one)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
