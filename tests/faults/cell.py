"""One cell: prepare, ask, let one call fail, drive to the end, and judge.

The rule that must never break: what is judged is what the stand-in and storage hold, and a cell whose fault was not met
is `unreached`, never right.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

from flinkfuncs.core.errors import FlinkFuncsError
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Operation
from tests.matrix.plan import Crossing
from tests.matrix.sites import is_read, service_of
from tests.matrix.verdict import Verdict, Wrong, require_same, told
from tests.unit.builders import ORDERS

from .breaker import HANDLED, Fault
from .lane import Lane
from .rows import BY_NAME, Before, Row, put_jar, rightful
from .stand_in import StandIn
from .wire import Crossings, crossing, unseen

OVER_SECONDS = 60.0
LATE_SECONDS = 0.3  # how long after the end a call that is handled late may come
MOST_ATTEMPTS = 5  # as often as the host delivers a message
TRIES = 3  # as often as the storage library tries; a read of Flink is tried twice
_numbers = count(1)


@dataclass(frozen=True)
class Cell:
    """One fault: in which row, at which call, which one."""

    row: str
    call: Crossing
    fault: Fault
    times: int = 1  # so often in a row

    @property
    def name(self) -> str:
        """The cell in words."""
        often = f" ({self.times} times)" if self.times > 1 else ""
        return f"{self.row}: {self.fault.value}{often} at {self.call.place}"


@dataclass(frozen=True)
class Judged:
    """What became of a cell."""

    cell: Cell
    verdict: Verdict
    why: str
    seconds: float


@dataclass(frozen=True)
class Prepared:
    """A job as a row finds it."""

    record: JobRecord | None
    flink: StandIn


def cells_of(row: str, calls: Iterable[Crossing]) -> list[Cell]:
    """Return the cells of a recorded run: every write; of the same read between two writes the first and the last."""
    crossed = list(calls)
    most = Counter[tuple[str, str]]()
    for call in crossed:
        most[call.site, call.since] = max(most[call.site, call.since], call.nth)
    chosen = [call for call in crossed if not is_read(call.site) or call.nth in (1, most[call.site, call.since])]
    return [Cell(row, call, fault, times) for call in chosen for fault in Fault for times in _times(call.site, fault)]


def _times(site: str, fault: Fault) -> tuple[int, ...]:
    """Say how often in a row a call meets a fault; what is repeated at once shows little of a single one."""
    if is_read(site):
        return () if fault is Fault.LATE else (TRIES,)  # a read that is handled late is one that is not answered
    if service_of(site) == "flink":
        return (1,)
    return (1, TRIES) if fault in HANDLED else (TRIES,)


def prepare(lane: Lane, before: Before) -> Prepared:
    """Bring a job to where a row begins, by the app itself."""
    lane.begin(None, StandIn())
    if before != "nothing":
        first = BY_NAME["STATELESS_UPDATE" if before == "running stateless" else "UPDATE"]
        put_jar(lane, first, "old")
        _ask_and_drive(lane, first)
    if before == "stopped":
        _ask_and_drive(lane, BY_NAME["STOP"])
    lane.keep_releases()
    return Prepared(lane.record() if before != "nothing" else None, lane.flink)


def record(lane: Lane, row: Row, prepared: Prepared) -> tuple[list[Crossing], set[str]]:
    """Run a row without a fault, judge it, and return its calls and the client methods that made them."""
    known = begin(lane, row, prepared)
    with crossing(Crossings(lane.place.namer)) as crossings:
        _ask_and_drive(lane, row)
    judge(lane, row, known)
    return crossings.crossed, crossings.by


def run(lane: Lane, cell: Cell, prepared: Prepared) -> Judged:
    """Run one cell."""
    row, began = BY_NAME[cell.row], time.monotonic()
    crossings = Crossings(lane.place.namer)
    verdict, why = "right", ""
    try:
        known = begin(lane, row, prepared)
        crossings = Crossings(lane.place.namer, cell.call, cell.fault, cell.times)
        with crossing(crossings):
            _ask_and_drive(lane, row)
        if cell.fault is Fault.LATE:
            time.sleep(LATE_SECONDS)
        judge(lane, rightful(row, cell.call.site, cell.fault), known)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one cell is its verdict, and no other's
        verdict = "WRONG"
        why = told(error, lambda: lane.operations()[-2:], lambda: _handled(lane))
    if not crossings.met:
        verdict, why = "unreached", why or "the call was not crossed"
    return Judged(cell, verdict, why, time.monotonic() - began)  # type: ignore[arg-type]  # one of the three words


def begin(lane: Lane, row: Row, prepared: Prepared) -> set[str]:
    """Begin with a prepared job and a new jar; return the savepoints that there are."""
    put_jar(lane, row, f"{next(_numbers)}")
    lane.begin(prepared.record, prepared.flink.like())
    return set(lane.flink.savepoints)


def _ask_and_drive(lane: Lane, row: Row) -> None:
    """Ask until nobody is told of a failure and it is on record, as callers and events do; then drive."""
    for _ in range(MOST_ATTEMPTS):
        with suppress(FlinkFuncsError):
            row.ask(lane)
            if _is_on_record(lane):
                return drive_to_the_end(lane)
    raise Wrong(f"asked {MOST_ATTEMPTS} times, and not on record")


def _is_on_record(lane: Lane) -> bool:
    with unseen():
        return bool(lane.operations())


def drive_to_the_end(lane: Lane) -> None:
    """Let one driver after the other go on until nothing is open.

    Raises:
        Wrong: something still is, after a minute.

    """
    deadline = time.monotonic() + OVER_SECONDS
    while time.monotonic() < deadline:
        _drive(lane)
        record = _unseen_record(lane)
        if record and not record.open:
            return
        time.sleep(0.1)
    raise Wrong(f"not over after {OVER_SECONDS:.0f} s")


def _drive(lane: Lane) -> None:
    """Drive; where that fails with an error of the app's own, the host would send the same message again."""
    with suppress(FlinkFuncsError):
        lane.place.driver().drive(ORDERS)


def _unseen_record(lane: Lane) -> JobRecord | None:
    """Read the record by a call that is none of the app's."""
    with unseen():
        return lane.record()


def judge(lane: Lane, row: Row, known: set[str]) -> None:
    """Check everything that has to be true of the job now; `known` savepoints were there before.

    Raises:
        Wrong: something is not.

    """
    record, flink, operations = lane.record(), lane.flink, lane.operations()
    if record is None:
        raise Wrong("there is no record")
    operation = operations[-1]
    require_same("wrong calls", flink.wrong, [])
    require_same("open operations", record.open, ())
    require_same("lease", record.lease, None)
    require_same("operations", len(operations), 1)
    require_same("outcome", str(operation.result.outcome) if operation.result else None, row.outcome)
    written = set(flink.savepoints) - known
    require_same("savepoints", len(written), row.savepoints)
    recorded = {savepoint.path for savepoint in record.savepoints}
    require_same("savepoints on record", recorded, set(flink.savepoints))
    require_same("starts", len(flink.starts), row.starts)
    require_same("starts from the newest state", [start.newest for start in flink.starts], [not row.fresh] * row.starts)
    running = flink.running()
    require_same("copies", len(running), 1 if row.runs else 0)
    if row.runs:
        _judge_running(lane, row, record, operation)


def _judge_running(lane: Lane, row: Row, record: JobRecord, operation: Operation) -> None:
    """The copy is the recorded one, of the right release, and runs from what the operation says."""
    (job,) = lane.flink.running()
    require_same("the recorded copy", record.running.flink_job_id if record.running else None, job.id)
    brought = operation.release.sha256 if operation.release else None
    old = row.runs == "old" and brought == job.jar.sha256
    if old or (row.runs == "new" and brought != job.jar.sha256):
        raise Wrong(f"the copy runs {job.jar.sha256[:12]}, not the {row.runs} release")


def _handled(lane: Lane) -> list[str]:
    return [f"starts: {lane.flink.starts}", f"changes: {lane.flink.changes}"]
