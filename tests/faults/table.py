"""Many cells on a few lanes at once, and what is printed of them."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from localcloud.azurite import Azurite
from localcloud.processes import Processes, unwinding_on_sigterm
from tests.matrix import places as crash_matrix
from tests.matrix.plan import Crossing
from tests.matrix.sites import is_read

from .breaker import Breaker, Fault
from .cell import Cell, Judged, Prepared, prepare, record, run
from .cells import STOP_AND_START
from .lane import Lane
from .rows import BY_NAME, Before, Row
from .wire import Hit, installed
from .writers import WRITERS

AZURITE_SECONDS = 400.0  # an Azurite stood still for four minutes once it was ten minutes old


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
    with closing(_Closing(Breaker())) as breaker, installed(breaker.breaker):
        yield


class _Closing:
    def __init__(self, breaker: Breaker) -> None:
        self.breaker = breaker

    def close(self) -> None:
        self.breaker.stop()


def recorded(lane: Lane, rows: Sequence[Row]) -> tuple[dict[str, list[Crossing]], set[str]]:
    """Run each row without a fault; return the calls of each, and the client methods that made them."""
    found, methods = dict[str, list[Crossing]](), set[str]()
    for row in rows:
        found[row.name], by = record(lane, row, prepare(lane, row.before))
        methods |= by
    return found, methods


def run_all(
    connection: str,
    cells: Iterable[Cell],
    lanes: int,
    tell: Callable[[Judged], None],
    *,
    seconds: float = float("inf"),
) -> list[Judged]:
    """Run cells, as many at once as there are lanes; none is begun when the time is up."""
    until = time.monotonic() + seconds
    waiting: queue.SimpleQueue[Cell] = queue.SimpleQueue()
    for cell in cells:
        waiting.put(cell)
    judged, lock = list[Judged](), threading.Lock()

    def drain(_: int) -> None:
        with closing(Lane(connection)) as lane:
            prepared = dict[Before, Prepared]()
            while time.monotonic() < until and not waiting.empty():
                try:
                    cell = waiting.get_nowait()
                except queue.Empty:
                    return
                before = BY_NAME[cell.row].before
                prepared[before] = prepared.get(before) or prepare(lane, before)
                done = run(lane, cell, prepared[before])
                with lock:
                    judged.append(done)
                    tell(done)

    with ThreadPoolExecutor(lanes) as pool:
        try:
            list(pool.map(drain, range(lanes)))
        except BaseException:  # a signal: what runs may end, nothing more begins
            while not waiting.empty():
                waiting.get()
            raise
    return judged


def run_share(cells: Sequence[Cell], log: Path, *, lanes: int, minutes: float, verbose: bool) -> list[Judged]:
    """Run cells in a process of their own, on a new Azurite every few minutes; print the wrong ones, or all."""
    logging.disable(logging.CRITICAL)  # thousands of failures, each of them wanted
    began, judged = time.monotonic(), list[Judged]()
    until = began + minutes * 60

    def tell(one: Judged) -> None:
        if verbose or one.verdict == "WRONG":
            print(line(one, time.monotonic() - began), flush=True)

    with unwinding_on_sigterm(), breaking():
        while len(judged) < len(cells) and time.monotonic() < until:
            seconds = min(until - time.monotonic(), AZURITE_SECONDS)
            with storage(log) as connection:
                judged += run_all(connection, cells[len(judged) :], lanes, tell, seconds=seconds)
    return judged


# Why a client method is crossed by no row, beside those that the crash matrix does not cross, either.
NEVER_CROSSED = {
    **crash_matrix.NEVER_CROSSED,
    "Flink.holds_slots": "of a copy that Flink does not know; the stand-in forgets none",
    "Ledger.read": "asked by a caller's GET, which changes nothing",
}


def never_crossed(by: set[str]) -> set[str]:
    """Return the client methods that no call came from, but those that have a reason."""
    return crash_matrix.methods() - by - set(NEVER_CROSSED)


def of_sites(recordings: Mapping[str, list[Crossing]]) -> str:
    """List the call sites of each row, with how often each was crossed."""
    lines = list[str]()
    for row, calls in recordings.items():
        lines.append(f"{row}: {len(calls)} calls")
        lines += [f"  {number:4}  {site}" for site, number in Counter(call.site for call in calls).items()]
    sites = {call.site for calls in recordings.values() for call in calls}
    return "\n".join([*lines, f"{len(sites)} call sites, {sum(map(is_read, sites))} of them reads", ""])


def line(judged: Judged, elapsed: float) -> str:
    """Say what became of one cell."""
    why = f"\n    {judged.why.replace(chr(10), chr(10) + '    ')}" if judged.verdict == "WRONG" else ""
    return f"{elapsed:6.0f} s  {judged.seconds:5.1f} s  {judged.verdict:9} {judged.cell.name}{why}"


def of_cells(judged: Sequence[Judged], planned: int) -> str:
    """Return the tables: how many cells are right of those that were tried."""
    one = [found for found in judged if not found.cell.writer and len(found.cell.hits) == 1]
    beside = [found for found in judged if found.cell.writer]
    two = [found for found in judged if len(found.cell.hits) == 2]
    sharp = [found for found in two if found.cell.row == "UPDATE" and _sites(found) <= set(STOP_AND_START)]
    rest = [found for found in two if found not in sharp]
    unreached = sum(found.verdict == "unreached" for found in judged)
    parts = ["", "Right of tried."]
    if one:
        faults = [fault.value for fault in Fault]
        parts += [
            "",
            "## One fault",
            "",
            *_table(one, "action", _row, faults, lambda found: _fault(found.cell.hits[0])),
        ]
    if beside:
        parts += ["", "## Somebody else writes", "", WRITTEN_BESIDE, ""]
        parts += _table(beside, "action", _row, list(WRITERS), lambda found: found.cell.writer)
    if sharp:
        parts += ["", "## Two faults at the stop and the start of an update", ""]
        parts += _table(
            sharp, "first, then", _site, list(STOP_AND_START[1:]), lambda found: found.cell.hits[1].call.site
        )
    if rest:
        faults = [fault.value for fault in Fault]
        parts += ["", "## Two faults elsewhere: a sample", "", "By the second one.", ""]
        parts += _table(rest, "action", _row, faults, lambda found: _fault(found.cell.hits[1]))
    told = f"Of {planned} cells {planned - len(judged)} were not run for want of time; "
    return "\n".join([*parts, "", f"{told}{unreached} did not meet their faults and do not count."])


WRITTEN_BESIDE = (
    "Right before a driver's write of the record, or right after one that took effect and was not answered: "
    "of UPDATE, and of a refused start (ROLLBACK_OF_NOTHING), at every write; of the rest a sample."
)


def _row(judged: Judged) -> str:
    return judged.cell.row


def _site(judged: Judged) -> str:
    return judged.cell.hits[0].call.site


def _sites(judged: Judged) -> set[str]:
    return {hit.call.site for hit in judged.cell.hits}


def _fault(hit: Hit) -> str:
    return hit.fault.value if hit.fault else ""


def _table(
    judged: Sequence[Judged],
    title: str,
    line_of: Callable[[Judged], str],
    columns: Sequence[str],
    column_of: Callable[[Judged], str],
) -> list[str]:
    """Count the cells by line and column."""
    tried, right = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for one in judged:
        key = (line_of(one), column_of(one))
        tried[key] += one.verdict != "unreached"
        right[key] += one.verdict == "right"
    order = [*BY_NAME, *STOP_AND_START]
    lines = [f"| {title} | {' | '.join(columns)} | all |", "|---|" + "---|" * (len(columns) + 1)]
    for name in sorted({line_of(one) for one in judged}, key=order.index):
        cells = [f"{right[name, column]}/{tried[name, column]}" for column in columns]
        total = f"{sum(right[name, c] for c in columns)}/{sum(tried[name, c] for c in columns)}"
        lines.append(f"| {name} | {' | '.join(cells)} | **{total}** |")
    return lines


def document(judged: Sequence[Judged], planned: int, recordings: Mapping[str, list[Crossing]], seed: int) -> str:
    """Return the page that is kept of a whole run."""
    wrong = [one.cell.name for one in judged if one.verdict == "WRONG"]
    told = [f"Wrong: {', '.join(wrong)}", ""] if wrong else []
    return "\n".join(
        [
            "# Wire faults",
            "",
            f"The last whole run of `make wire-faults`, {datetime.now(UTC):%Y-%m-%d}: a call of an operation goes"
            " wrong on a real socket, at every call of the app; somebody else writes to the job's record at the same"
            " moment; or two calls go wrong. See [design.md](design.md).",
            f"Flink is a stand-in in memory, storage a real Azurite. The samples are those of seed {seed}.",
            of_cells(judged, planned),
            "",
            *told,
            "## The calls",
            "",
            "```text",
            of_sites(recordings).rstrip(),
            "```",
            "",
        ]
    )
