"""The command line of crash matrix and wire faults, from the rows to the exit code.

First each row is recorded without a fault; its calls are printed, and are the cells. The last line is JSON; the exit
code is 0 only when every cell is right, every method of the app's clients was crossed, and each write was met: what is
called otherwise in every run would never be.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic

from localcloud.processes import unwinding_on_sigterm

from . import table
from .calls import Recorded
from .methods import never_crossed
from .rows import Row
from .sites import is_read
from .table import Recordings
from .verdict import C, Judged, note, noted


@dataclass(frozen=True)
class Found(Generic[C]):
    """A whole run."""

    recordings: Recordings
    cells: Sequence[C]
    judged: Sequence[Judged[C]]
    seconds: float | None  # None where it was run in parts


@dataclass(frozen=True)
class Kind(Generic[C]):
    """Crash matrix, or wire faults."""

    rows: Sequence[Row]
    not_crossed: Collection[str]  # the client methods that no row has to cross
    record: Callable[[Sequence[Row]], Sequence[Recorded]]  # runs rows without a fault, and judges them
    cells: Callable[[Recordings], Sequence[C]]  # returns all of them
    run: Callable[[Sequence[C]], tuple[Sequence[Judged[C]], set[str]]]  # … and which client methods were crossed
    tables: Callable[[Found[C]], str]
    document: Callable[[Found[C]], str]  # the page that is kept of a whole run
    is_chosen: Callable[[C], bool] = lambda _: True  # by options that only this kind has
    summary: Mapping[str, object] = field(default_factory=dict)


def parser(module: str, what: str, *, lanes: str) -> argparse.ArgumentParser:
    """Return the options that both have."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=what)
    parser.add_argument("--rows", help="names of rows, separated by commas (default: all)")
    parser.add_argument("--sites", default="", help="only calls whose name holds this text")
    parser.add_argument("--every", type=int, default=1, help="run every n-th cell only")
    parser.add_argument("--lanes", type=int, default=4, help=lanes)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no cell after that")
    parser.add_argument("--keep", type=Path, help="write the tables of a whole run into this file")
    parser.add_argument(
        "--results", type=Path, help="note each cell in this file as it ends, and run none again that is right there"
    )
    parser.add_argument("--verbose", action="store_true", help="print every cell, not only the wrong ones")
    return parser


def reporting(*, verbose: bool, results: Path | None) -> Callable[[Judged[C]], None]:
    """Return what prints cells as they end, the wrong ones or all, and notes each in the file of results."""
    began = time.monotonic()

    def report(one: Judged[C]) -> None:
        if verbose or one.verdict == "WRONG":
            print(table.line(one, time.monotonic() - began), flush=True)
        if results:
            note(results, one)

    return report


def main(kind: Kind[C], options: argparse.Namespace) -> int:
    """Record, run, print."""
    began = time.monotonic()
    rows = [row for row in kind.rows if not options.rows or row.name in options.rows.split(",")]
    with unwinding_on_sigterm():
        recorded = kind.record(rows)
        recordings = {row.name: one.calls for row, one in zip(rows, recorded, strict=True)}
        every = kind.cells(recordings)
        named = [cell for cell in every if any(options.sites in site for site in cell.sites)]
        cells = [cell for cell in named if kind.is_chosen(cell)][:: options.every]
        before = noted(options.results, cells) if options.results else []
        known = {one.cell.name for one in before}
        left = [cell for cell in cells if cell.name not in known]
        print(table.of_sites(recordings), f"\n{len(left)} cells on {options.lanes} lanes\n", flush=True)
        now, by = kind.run(left) if left else ([], set[str]())
    judged = [*before, *now]
    found = Found(recordings, cells, judged, None if before else time.monotonic() - began)
    print(kind.tables(found), flush=True)
    whole = len(rows) == len(kind.rows)
    missing = never_crossed(by.union(*(one.by for one in recorded)), kind.not_crossed) if whole else set()
    if missing:
        print(f"never crossed: {', '.join(sorted(missing))}")
    unmet = _unmet(every, judged) if whole and len(judged) == len(every) else set()
    if unmet:
        print(f"never met: {', '.join(sorted(unmet))}")
    if options.keep and whole and len(judged) == len(every):
        options.keep.write_text(kind.document(found))
    tried = [one for one in judged if one.verdict != "unreached"]
    right = [one for one in tried if one.verdict == "right"]
    print(json.dumps({"cells": len(tried), "right": len(right), **kind.summary}))
    return 0 if tried and len(right) == len(tried) and not missing and not unmet else 1


def _unmet(cells: Sequence[C], judged: Sequence[Judged[C]]) -> set[str]:
    """Name the writes of which no cell was tried; reads are repeated more or less often in each run."""
    met = {site for one in judged if one.verdict != "unreached" for site in one.cell.sites}
    return {site for cell in cells for site in cell.sites if not is_read(site)} - met
