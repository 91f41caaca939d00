"""Run the table: `python -m tests.faults [--rows A,B] [--sections A,B] [--faults A,B] [--sites TEXT] [--seed N] …`.

First each row is recorded without a fault; its calls are printed, and are the cells. The last line is JSON; the exit
code is 0 only when every cell is right and every method of the app's clients was crossed.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import tempfile
from contextlib import closing
from functools import partial
from itertools import chain
from multiprocessing import get_context
from pathlib import Path

from localcloud.processes import unwinding_on_sigterm
from tests.matrix.plan import Crossing

from . import cells, table
from .cell import Cell, Judged
from .lane import Lane
from .rows import BY_NAME, ROWS


def main() -> int:
    """Record, run, print."""
    options = _options()
    logging.disable(logging.CRITICAL)  # thousands of failures, each of them wanted
    directory = Path(tempfile.mkdtemp(prefix="faults-"))
    rows = [BY_NAME[name] for name in options.rows.split(",")] if options.rows else list(ROWS)
    with unwinding_on_sigterm():
        with table.breaking(), table.storage(directory / "azurite.log") as account, closing(Lane(account)) as lane:
            recordings, by = table.recorded(lane, rows)
        chosen = _chosen(recordings, options)
        print(table.of_sites(recordings), f"\n{len(chosen)} cells in {options.processes} processes\n", flush=True)
        judged = _run(chosen, directory, options)
    missing = table.never_crossed(by) if rows == list(ROWS) else set()
    print(table.of_cells(judged, len(chosen)))
    if missing:
        print(f"never crossed: {', '.join(sorted(missing))}")
    if options.keep and len(judged) == len(_all(recordings, options)) and rows == list(ROWS):
        options.keep.write_text(table.document(judged, len(chosen), recordings, options.seed))
    tried = [one for one in judged if one.verdict != "unreached"]
    right = [one for one in tried if one.verdict == "right"]
    print(json.dumps({"cells": len(tried), "right": len(right)}))
    return 0 if tried and len(right) == len(tried) and not missing else 1


def _run(chosen: list[Cell], directory: Path, options: argparse.Namespace) -> list[Judged]:
    """Run the cells, shared out among processes of their own; to leave early ends them."""
    shares = [chosen[number :: options.processes] for number in range(options.processes)]
    logs = [directory / f"azurite-{number}.log" for number in range(options.processes)]
    with get_context("spawn").Pool(options.processes) as processes:
        share = partial(table.run_share, lanes=options.lanes, minutes=options.minutes, verbose=options.verbose)
        found = processes.starmap(share, zip(shares, logs, strict=True))
    return list(chain.from_iterable(found))


def _all(recordings: dict[str, list[Crossing]], options: argparse.Namespace) -> list[Cell]:
    samples = {"seed": options.seed, "sample": options.sample}
    beside, two = cells.writers(recordings, **samples), cells.pairs(recordings, **samples)
    return [*cells.faults(recordings, seed=options.seed, reads=options.reads), *beside, *two]


def _chosen(recordings: dict[str, list[Crossing]], options: argparse.Namespace) -> list[Cell]:
    """Return the cells that were asked for."""
    faults = options.faults.split(",") if options.faults else None
    sections = options.sections.split(",")
    chosen = [
        cell
        for cell in _all(recordings, options)
        if cell.section in sections
        and (faults is None or any(hit.fault and hit.fault.value in faults for hit in cell.hits))
        and any(options.sites in hit.call.site for hit in cell.hits)
        and (not options.writers or cell.writer in options.writers.split(","))
    ]
    return chosen[:: options.every]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Let the wire fail at every call.")
    parser.add_argument("--rows", help="names of rows, separated by commas (default: all)")
    parser.add_argument("--sections", default="faults,writers,pairs", help="of faults, writers, pairs (default: all)")
    parser.add_argument("--writers", default="", help="only these who write beside, separated by commas")
    parser.add_argument("--seed", type=int, default=1, help="draws the samples")
    parser.add_argument("--reads", type=int, default=cells.READS, help="how many of the faults each read meets")
    parser.add_argument(
        "--sample", type=int, default=cells.SAMPLE, help="how many cells of each row the other samples have"
    )
    parser.add_argument("--faults", help="faults, separated by commas (default: all)")
    parser.add_argument("--sites", default="", help="only calls whose name holds this text")
    parser.add_argument("--lanes", type=int, default=8, help="cells that run at the same time in each process")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="default: one for each core")
    parser.add_argument("--every", type=int, default=1, help="run every n-th cell only")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no cell after that")
    parser.add_argument("--keep", type=Path, help="write the table of a whole run into this file")
    parser.add_argument("--verbose", action="store_true", help="print every cell, not only the wrong ones")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
