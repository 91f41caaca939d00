"""The crash matrix: lanes on one cluster, and the cells that are run on them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from localcloud.processes import Processes
from localcloud.up import LocalCloud
from tests.harness import command
from tests.harness.calls import Recorded, matching
from tests.harness.command import Kind
from tests.harness.lanes import in_shifts, spread
from tests.harness.methods import NEVER_CROSSED, methods
from tests.harness.rows import BY_NAME, Row, rows_of
from tests.harness.sites import is_read
from tests.harness.table import Recordings
from tests.harness.verdict import Judged

from . import table
from .cell import record, run
from .lane import Lane
from .places import Cell, cells_of, recorded
from .rows import MARKS

NEWEST = "2.3.0"
FLINK_OPTIONS = {
    "web.refresh-interval": "200",  # ms; Flink's own 3,000 would only make every cell wait
    "jobmanager.memory.jvm-metaspace.size": "512m",
    "taskmanager.memory.jvm-metaspace.size": "512m",
}


@contextmanager
def lanes_on(flink: str, number: int, directory: Path) -> Iterator[list[Lane]]:
    """Hosts of the app on a cluster of their own."""
    directory.mkdir(parents=True, exist_ok=True)
    cloud = LocalCloud(
        cluster="session",
        flink_version=flink,
        directory=directory,
        flink_configuration=FLINK_OPTIONS,
        slots=2 * number + 4,
        run_app=False,
    )
    with cloud, Processes() as processes:
        lanes = [Lane(cloud, processes, lane) for lane in range(number)]
        with ThreadPoolExecutor(number) as pool:
            list(pool.map(lambda lane: lane.host.start(), lanes))
        yield lanes


def crash_matrix(options: argparse.Namespace, directory: Path) -> Kind[Cell]:
    """Return what the command line runs."""
    newest = options.flink == NEWEST

    def recording(rows: Sequence[Row]) -> Sequence[Recorded]:
        with lanes_on(options.flink, options.lanes, directory / "recordings") as lanes:
            return spread(lanes, rows, record)

    def running(cells: Sequence[Cell]) -> tuple[Sequence[Judged[Cell]], set[str]]:
        crossed = set[str]()

        @contextmanager
        def cloud(number: int) -> Iterator[list[Lane]]:
            with lanes_on(options.flink, options.lanes, directory / str(number)) as lanes:
                yield lanes
                crossed.update(method for lane in lanes for call in recorded(lane.directory) for method in call.by)

        report = command.reporting(verbose=options.verbose, results=options.results)
        return in_shifts(cloud, cells, run, report, minutes=options.minutes), crossed

    return Kind(
        rows=[row for row in rows_of("matrix") if newest or options.rows or row.every_flink],
        not_crossed=NEVER_CROSSED if newest else methods(),  # the rows of an older Flink do not cross every method
        record=recording,
        cells=all_cells,
        run=running,
        tables=table.of_cells,
        document=partial(table.document, flink=options.flink),
        summary={"flink": options.flink},
    )


def all_cells(recordings: Recordings) -> list[Cell]:
    """Return all cells, those of writes first."""
    found = list[Cell]()
    for row, calls in recordings.items():
        found += cells_of(row, matching(BY_NAME[row], calls, MARKS))
    return sorted(found, key=lambda cell: is_read(cell.call.site))
