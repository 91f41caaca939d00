"""The wire faults: lanes on a real Azurite, and the cells that are run on them, in one process for each core."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from itertools import chain
from multiprocessing import get_context
from pathlib import Path

from localcloud.azurite import Azurite
from localcloud.processes import Processes, unwinding_on_sigterm
from tests.harness import command, methods
from tests.harness.calls import Recorded
from tests.harness.command import Kind
from tests.harness.lanes import in_shifts, spread
from tests.harness.rows import Row, rows_of
from tests.harness.table import Recordings
from tests.harness.verdict import Judged

from . import cells, table
from .breaker import Breaker
from .cell import Cell, record, run
from .lane import Lane
from .wire import installed

# Why a client method is crossed by no row, beside those that the crash matrix does not cross, either.
NEVER_CROSSED = methods.NEVER_CROSSED | {
    "Flink.holds_slots": "of a copy that Flink does not know; the stand-in forgets none",
    "Ledger.read": "asked by a caller's GET, which changes nothing",
}


@contextmanager
def storage(log: Path) -> Iterator[str]:
    """An account on a real Azurite."""
    with Processes() as processes:
        azurite = Azurite(processes, ["faults"], log=log)
        azurite.wait_until_ready()
        yield azurite.connection_string("faults")


@contextmanager
def breaking() -> Iterator[None]:
    """Let calls cross, and break."""
    breaker = Breaker()
    try:
        with installed(breaker):
            yield
    finally:
        breaker.stop()


@contextmanager
def lanes_on(account: str, number: int) -> Iterator[list[Lane]]:
    """Lanes on one account."""
    with ExitStack() as stack:
        yield [stack.enter_context(closing(Lane(account))) for _ in range(number)]


def wire_faults(options: argparse.Namespace, directory: Path) -> Kind[Cell]:
    """Return what the command line runs."""
    logging.disable(logging.CRITICAL)  # thousands of failures, each of them wanted
    chosen = options.faults.split(",") if options.faults else None

    def recording(rows: Sequence[Row]) -> Sequence[Recorded]:
        with breaking(), storage(directory / "azurite.log") as account, lanes_on(account, 1) as lanes:
            return spread(lanes, rows, record)

    def all_cells(recordings: Recordings) -> Sequence[Cell]:
        beside = cells.writers(recordings, seed=options.seed, sample=options.sample)
        two = cells.pairs(recordings, seed=options.seed, sample=options.sample)
        return [*cells.faults(recordings, seed=options.seed, reads=options.reads), *beside, *two]

    def is_chosen(cell: Cell) -> bool:
        fits = chosen is None or any(hit.fault and hit.fault.value in chosen for hit in cell.hits)
        written = not options.writers or cell.writer in options.writers.split(",")
        return fits and written and cell.section in options.sections.split(",")

    def running(cells: Sequence[Cell]) -> tuple[Sequence[Judged[Cell]], set[str]]:
        """Share the cells out among processes of their own; to leave early ends them."""
        shares = [cells[number :: options.processes] for number in range(options.processes)]
        logs = [directory / f"azurite-{number}.log" for number in range(options.processes)]
        report = partial(command.reporting, verbose=options.verbose, results=options.results)
        share = partial(run_share, lanes=options.lanes, minutes=options.minutes, reporting=report)
        with get_context("spawn").Pool(options.processes) as processes:
            return list(chain.from_iterable(processes.starmap(share, zip(shares, logs, strict=True)))), set()

    return Kind(
        rows=rows_of("faults"),
        not_crossed=NEVER_CROSSED,
        record=recording,
        cells=all_cells,
        run=running,
        tables=table.of_cells,
        document=partial(table.document, seed=options.seed),
        is_chosen=is_chosen,
    )


def run_share(
    share: Sequence[Cell],
    log: Path,
    *,
    lanes: int,
    minutes: float,
    reporting: Callable[[], Callable[[Judged[Cell]], None]],
) -> list[Judged[Cell]]:
    """Run cells in a process of their own, on a new Azurite every few minutes."""
    logging.disable(logging.CRITICAL)  # thousands of failures, each of them wanted

    @contextmanager
    def cloud(_number: int) -> Iterator[list[Lane]]:
        with storage(log) as account, lanes_on(account, lanes) as found:
            yield found

    with unwinding_on_sigterm(), breaking():
        return in_shifts(cloud, share, run, reporting(), minutes=minutes)
