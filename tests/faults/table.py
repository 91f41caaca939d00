"""Many cells on a few lanes at once, and what is printed of them."""

from __future__ import annotations

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
from localcloud.processes import Processes
from tests.matrix import places as crash_matrix
from tests.matrix.plan import Crossing
from tests.matrix.sites import is_read

from .breaker import Breaker, Fault
from .cell import Cell, Judged, Prepared, cells_of, prepare, record, run
from .lane import Lane
from .rows import BY_NAME, Before, Row
from .wire import installed


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


def all_cells(recordings: Mapping[str, list[Crossing]]) -> list[Cell]:
    """Return the cells of all rows."""
    return [cell for name, calls in recordings.items() for cell in cells_of(name, _matching(BY_NAME[name], calls))]


def _matching(row: Row, calls: list[Crossing]) -> list[Crossing]:
    """Return the calls of a recording that the row is about."""
    sites = [call.site for call in calls]
    return calls[sites.index(row.since) if row.since else 0 : sites.index(row.until) + 1 if row.until else None]


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
    """Return the table: for each row and fault, how many cells are right of those that were tried."""
    tried, right = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for one in judged:
        key = (one.cell.row, one.cell.fault.value)
        tried[key] += one.verdict != "unreached"
        right[key] += one.verdict == "right"
    faults = [fault.value for fault in Fault]
    lines = ["", f"| action | {' | '.join(faults)} | all |", "|---|" + "---|" * (len(faults) + 1)]
    for row in dict.fromkeys(one.cell.row for one in sorted(judged, key=lambda one: list(BY_NAME).index(one.cell.row))):
        cells = [f"{right[row, fault]}/{tried[row, fault]}" for fault in faults]
        total = f"{sum(right[row, f] for f in faults)}/{sum(tried[row, f] for f in faults)}"
        lines.append(f"| {row} | {' | '.join(cells)} | **{total}** |")
    unreached = sum(one.verdict == "unreached" for one in judged)
    told = f"Right of tried. Of {planned} cells {planned - len(judged)} were not run for want of time; "
    return "\n".join([*lines, "", f"{told}{unreached} did not meet their fault and do not count."])


def document(judged: Sequence[Judged], planned: int, recordings: Mapping[str, list[Crossing]]) -> str:
    """Return the page that is kept of a whole run."""
    wrong = [one.cell.name for one in judged if one.verdict == "WRONG"]
    told = [f"Wrong: {', '.join(wrong)}", ""] if wrong else []
    return "\n".join(
        [
            "# Wire faults",
            "",
            f"The last whole run of `make wire-faults`, {datetime.now(UTC):%Y-%m-%d}: one call of an operation goes"
            " wrong on a real socket, at every call of the app; see [design.md](design.md).",
            "Flink is a stand-in in memory, storage a real Azurite.",
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
