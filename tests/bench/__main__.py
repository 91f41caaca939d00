"""Measure, and print or keep the table: `python -m tests.bench [--keep FILE] [--rounds N] [--jobs N]`.

Each row runs the app's call and its yardstick in turn, on one Azurite, so that a slow machine slows both. The ratio is
the median of the pairs; the times are the medians of this run and say nothing of another machine. A cold start is
counted in processor time, since a process that waits for others costs nothing.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from flinkfuncs.core.names import JobName
from flinkfuncs.gateway.contract import ClusterPath, parse_api_version
from flinkfuncs.gateway.service import Gateway, ListQuery
from localcloud.azurite import Azurite
from localcloud.processes import Processes
from tests.fixtures.scenes import Play
from tests.stand_in.rest import flink_server
from tests.unit.gateway.made import SETTINGS
from tests.wire.api import Api
from tests.wire.grown import SAVEPOINTS, put_grown
from tests.wire.session import intake, quick
from tests.wire.storage import Storage

ROOT = Path(__file__).parents[2]
LIBRARIES = "import azure.functions, azurefunctions.extensions.bindings.blob"
INDEXED = f"{LIBRARIES}; import function_app; function_app.app.get_functions()"
HEAD = f"""# Benchmarks

Made by `make bench`, in pairs, in one run: the app's route against Microsoft's storage library doing the same reads.
Each job has {SAVEPOINTS} savepoints, a last operation, an operation under way and one that waits.
The last row is its start, against the libraries that every app with a blob binding imports.
A ratio of 1 means that the app adds nothing.

| what | against | ratio | app (ms) | yardstick (ms) |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Pair:
    """One row: what is measured, and what it is held against."""

    what: str
    against: str
    app: Callable[[], object]
    yardstick: Callable[[], object]
    clock: Callable[[], float] = time.perf_counter


def main() -> None:
    """Run every pair."""
    options = argparse.ArgumentParser(prog="python -m tests.bench")
    options.add_argument("--keep", type=Path)
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--jobs", type=int, default=1000)
    chosen = options.parse_args()
    with _storage() as storage, flink_server() as server:
        server.serve(quick(storage))
        pairs = _pairs(storage, Play(storage, server), chosen.jobs)
        table = HEAD + "".join(f"{_row(pair, chosen.rounds)}\n" for pair in pairs)
    if chosen.keep:
        chosen.keep.write_text(table)
    else:
        sys.stdout.write(table)


@contextmanager
def _storage() -> Iterator[Storage]:
    with tempfile.TemporaryDirectory() as folder, Processes() as processes:
        azurite = Azurite(processes, ["bench"], log=Path(folder) / "azurite.log")
        azurite.wait_until_ready()
        with closing(Storage(azurite.connection_string("bench"))) as storage:
            yield storage


def _pairs(storage: Storage, play: Play, jobs: int) -> list[Pair]:
    ledger, api = storage.ledger(), Api(play, checked=False)
    names = [JobName(f"job-{number}") for number in range(jobs)]
    put_grown(ledger, names)
    folder = f"{storage.cluster}/jobs/"
    records = storage.records
    gateway = Gateway(SETTINGS, ledger, intake(storage, ledger=ledger), play.cluster)
    return [
        Pair(
            f"`GET /api/jobs` of {jobs:,} jobs",
            "one listing of their blobs with metadata",
            lambda: api.get("/api/jobs"),
            lambda: list(records.list_blobs(name_starts_with=folder, include=["metadata"])),
        ),
        Pair(
            f"the gateway's `jobs` of {jobs:,} runs",
            "one listing of their blobs with metadata",
            lambda: _listed(gateway),
            lambda: list(records.list_blobs(name_starts_with=folder, include=["metadata"])),
        ),
        Pair(
            "`GET /api/jobs/{job}`",
            "one download of its record",
            lambda: api.get(f"/api/jobs/{names[0]}"),
            lambda: records.download_blob(f"{folder}{names[0]}.json").readall(),
        ),
        Pair(
            f"`GET /api/operations?state=open`, the first page of {2 * jobs:,}",
            "one listing of their blobs with metadata",
            lambda: api.get("/api/operations?state=open"),
            lambda: list(records.list_blobs(name_starts_with=folder, include=["metadata"])),
        ),
        _cold_start(),
    ]


def _listed(gateway: Gateway) -> object:
    path, api = ClusterPath.of(SETTINGS), parse_api_version("2024-05-01")
    return gateway.jobs(path, api, ListQuery(), base_url="https://arm.example")


def _cold_start() -> Pair:
    return Pair(
        "a cold start: all that is imported before the functions are listed (processor time)",
        "azure-functions and the blob binding alone",
        lambda: _run(INDEXED),
        lambda: _run(LIBRARIES),
        clock=_processor_time_of_children,
    )


def _run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={"PATH": os.environ["PATH"]}, check=True)


def _processor_time_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _row(pair: Pair, rounds: int) -> str:
    pair.app()
    pair.yardstick()
    app, yardstick = list[float](), list[float]()
    for _ in range(rounds):
        app.append(_seconds(pair.app, pair.clock))
        yardstick.append(_seconds(pair.yardstick, pair.clock))
    ratio = statistics.median(mine / other for mine, other in zip(app, yardstick, strict=True))
    times = " | ".join(f"{statistics.median(each) * 1000:.0f}" for each in (app, yardstick))
    return f"| {pair.what} | {pair.against} | {ratio:.2f} | {times} |"


def _seconds(call: Callable[[], object], clock: Callable[[], float]) -> float:
    began = clock()
    call()
    return clock() - began


if __name__ == "__main__":
    main()
