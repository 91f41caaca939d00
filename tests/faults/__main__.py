"""Run the table: `python -m tests.faults [--rows A,B] [--faults A,B] [--sites TEXT] [--lanes N] [--minutes N] …`.

First each row is recorded without a fault; its calls are printed, and are the cells. The last line is JSON; the exit
code is 0 only when every cell is right and every method of the app's clients was crossed.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from localcloud.processes import unwinding_on_sigterm
from tests.matrix.plan import Crossing

from . import table
from .cell import Cell, Judged
from .lane import Lane
from .rows import BY_NAME, ROWS

AZURITE_SECONDS = 400.0  # an Azurite stood still for four minutes once it was ten minutes old


def main() -> int:
    """Record, run, print."""
    options, began = _options(), time.monotonic()
    logging.disable(logging.CRITICAL)  # thousands of failures, each of them wanted
    directory = Path(tempfile.mkdtemp(prefix="faults-"))
    rows = [BY_NAME[name] for name in options.rows.split(",")] if options.rows else list(ROWS)
    with unwinding_on_sigterm(), table.breaking():
        with table.storage(directory / "azurite.log") as connection, closing(Lane(connection)) as lane:
            recordings, by = table.recorded(lane, rows)
        cells = _chosen(recordings, options)
        print(table.of_sites(recordings), f"\n{len(cells)} cells on {options.lanes} lanes\n", flush=True)
        judged = _run(cells, directory, options, began)
    missing = table.never_crossed(by) if rows == list(ROWS) else set()
    print(table.of_cells(judged, len(cells)))
    if missing:
        print(f"never crossed: {', '.join(sorted(missing))}")
    if options.keep and len(judged) == len(table.all_cells(recordings)) and rows == list(ROWS):
        options.keep.write_text(table.document(judged, len(cells), recordings))
    tried = [one for one in judged if one.verdict != "unreached"]
    right = [one for one in tried if one.verdict == "right"]
    print(json.dumps({"cells": len(tried), "right": len(right)}))
    return 0 if tried and len(right) == len(tried) and not missing else 1


def _run(cells: list[Cell], directory: Path, options: argparse.Namespace, began: float) -> list[Judged]:
    """Run the cells, on a new Azurite every few minutes."""
    judged = list[Judged]()
    until = began + options.minutes * 60

    def tell(one: Judged) -> None:
        if options.verbose or one.verdict == "WRONG":
            print(table.line(one, time.monotonic() - began), flush=True)

    while len(judged) < len(cells) and time.monotonic() < until:
        seconds = min(until - time.monotonic(), AZURITE_SECONDS)
        with table.storage(directory / "azurite.log") as connection:
            judged += table.run_all(connection, cells[len(judged) :], options.lanes, tell, seconds=seconds)
    return judged


def _chosen(recordings: dict[str, list[Crossing]], options: argparse.Namespace) -> list[Cell]:
    faults = options.faults.split(",") if options.faults else None
    cells = [cell for cell in table.all_cells(recordings) if faults is None or cell.fault.value in faults]
    return [cell for cell in cells if options.sites in cell.call.site][:: options.every]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Let the wire fail at every call.")
    parser.add_argument("--rows", help="names of rows, separated by commas (default: all)")
    parser.add_argument("--faults", help="faults, separated by commas (default: all)")
    parser.add_argument("--sites", default="", help="only calls whose name holds this text")
    parser.add_argument("--lanes", type=int, default=8, help="cells that run at the same time")
    parser.add_argument("--every", type=int, default=1, help="run every n-th cell only")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no cell after that")
    parser.add_argument("--keep", type=Path, help="write the table of a whole run into this file")
    parser.add_argument("--verbose", action="store_true", help="print every cell, not only the wrong ones")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
