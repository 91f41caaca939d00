"""One cell: prepare, ask, let calls fail, let somebody else write, drive to the end, and judge.

A cell is right if each operation ended as one of its courses says and none was recorded twice or is still open, nobody
owns the job, one copy of the right release runs or none, each start was made once and from the newest state (or, as
asked, without one), no two stops had different triggers, and each operation that takes a savepoint took one.

The rule that must never break: what is judged is what the stand-in and storage hold, and a cell whose fault was not met
is `unreached`, never right.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import FlinkFuncsError
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Operation, Outcome
from tests.harness.calls import Recorded
from tests.harness.rows import BY_NAME, Before, Row
from tests.harness.verdict import Judged, Wrong, explain, judged, require_same
from tests.stand_in.cluster import StandIn
from tests.unit.builders import ORDERS

from . import course
from .breaker import SILENT, UNHANDLED, Fault
from .course import OLD, Course
from .lane import Lane, Prepared
from .rows import PLAN, RUN, ask, put_jar
from .wire import Crossings, Hit, crossing, unseen
from .writers import Writer

OVER_SECONDS = 240.0
LATE_SECONDS = 0.3  # how long after the end a call that is handled late may come
MOST_ATTEMPTS = 5  # as often as the host delivers a message
_numbers = count(1)


@dataclass(frozen=True)
class Cell:
    """What goes wrong, in which row: one call, or two, one after the other; and who else writes at the first one."""

    row: str
    hits: tuple[Hit, ...]
    writer: str = ""

    @property
    def section(self) -> str:
        """The part of the table that it is in."""
        return "writers" if self.writer else "faults" if len(self.hits) == 1 else "pairs"

    @property
    def sites(self) -> list[str]:
        """The calls that go wrong, or at which somebody else writes."""
        return [hit.call.site for hit in self.hits]

    @property
    def name(self) -> str:
        """The cell in words."""
        wrong = "; then ".join(hit.name for hit in self.hits)
        if not self.writer:
            return f"{self.row}: {wrong}"
        return f"{self.row}: {wrong}, {self.writer} right {'after' if self.hits[0].fault else 'before'} it"


@dataclass(frozen=True)
class Begun:
    """What was there when a cell began: the savepoints, and the bytes of the release that the job wants."""

    savepoints: set[str]
    release: str | None


def prepare(lane: Lane, before: Before) -> Prepared:
    """Bring a job to where a row begins, by the app itself; once in a lane."""
    if before in lane.prepared:
        return lane.prepared[before]
    lane.begin(None, StandIn())
    if before != "nothing":
        first = BY_NAME["STATELESS_UPDATE" if before == "running stateless" else "UPDATE"]
        put_jar(lane, first, "old")
        _ask_and_drive(lane, first)
    if before == "stopped":
        _ask_and_drive(lane, BY_NAME["STOP"])
    lane.keep_releases()
    lane.prepared[before] = Prepared(lane.record() if before != "nothing" else None, lane.flink)
    return lane.prepared[before]


def record(lane: Lane, row: Row) -> Recorded:
    """Run a row without a fault, judge it, and return its calls."""
    begun = begin(lane, row, prepare(lane, row.before))
    with crossing(Crossings(lane.place.namer)) as crossings:
        _ask_and_drive(lane, row)
    judge(lane, row, begun)
    return Recorded(crossings.crossed, crossings.by)


def run(lane: Lane, cell: Cell) -> Judged[Cell]:
    """Run one cell."""

    def bring_about() -> bool:
        crossings = Crossings(lane.place.namer, cell.hits)
        try:
            _run(lane, cell, crossings)
        except Exception:
            if crossings.met:
                raise
        return crossings.met

    return judged(
        cell, bring_about, lambda error: explain(error, lambda: lane.operations()[-2:], lambda: _handled(lane))
    )


def _run(lane: Lane, cell: Cell, crossings: Crossings) -> None:
    row = BY_NAME[cell.row]
    begun = begin(lane, row, prepare(lane, row.before))
    crossings.namer = lane.place.namer
    with crossing(crossings):
        _ask(lane, row)
        writer = _somebody(lane, row, cell.writer, crossings)
        drive_to_the_end(lane)
    if any(hit.fault is Fault.LATE for hit in cell.hits):
        time.sleep(LATE_SECONDS)
    if crossings.failed:
        raise crossings.failed
    while writer and writer.after():
        drive_to_the_end(lane)
    main = writer.main if writer else _only_operation(lane)
    courses = _courses(row, main, cell)
    judge_courses(lane, writer.courses(courses) if writer else courses, begun)


def _somebody(lane: Lane, row: Row, kind: str, crossings: Crossings) -> Writer | None:
    """Let somebody else be there, if the cell has one."""
    if not kind:
        return None
    with unseen():
        writer = Writer(kind, lane, row, _only_operation(lane))
        writer.before()
    crossings.beside = writer.write
    return writer


def _courses(row: Row, main: Operation, cell: Cell) -> list[Course]:
    """Return what is right under these faults: as usual, but where nobody can tell what became of a main()."""
    if row.brings == "throws" and any(_is_unheard(hit, RUN) for hit in cell.hits):
        return [course.in_flight(row, main)]
    checks = [hit for hit in cell.hits if hit.call.site == PLAN]
    usual, refused = course.of_row(row, main), course.untouched(row, main)
    if not checks:
        return [usual]
    if any(hit.fault in SILENT for hit in checks):
        return [refused]
    return [usual] if len(cell.hits) == 1 else [usual, refused]  # main() was begun twice, and not heard of


def _is_unheard(hit: Hit, site: str) -> bool:
    """Whether a call of this site may have been handled, as far as its caller knows."""
    return hit.call.site == site and hit.fault is not None and hit.fault not in UNHANDLED


def _only_operation(lane: Lane) -> Operation:
    """Return the row's operation; there is no other one yet."""
    operations = lane.operations()
    require_same("operations", len(operations), 1)
    return operations[0]


def begin(lane: Lane, row: Row, prepared: Prepared) -> Begun:
    """Begin with a prepared job and a new jar; return what there is."""
    put_jar(lane, row, f"{next(_numbers)}")
    lane.begin(prepared.record, prepared.flink.like())
    wanted = prepared.record.wanted if prepared.record else None
    return Begun(set(lane.flink.savepoints), wanted.sha256 if wanted else None)


def _ask_and_drive(lane: Lane, row: Row) -> None:
    _ask(lane, row)
    drive_to_the_end(lane)


def _ask(lane: Lane, row: Row) -> None:
    """Ask until nobody is told of a failure and it is on record, as callers and events do."""
    for _ in range(MOST_ATTEMPTS):
        with suppress(FlinkFuncsError):
            ask(lane, row)
            if _is_on_record(lane):
                return
    raise Wrong(f"asked {MOST_ATTEMPTS} times, and not on record")


def _is_on_record(lane: Lane) -> bool:
    with unseen():
        return bool(lane.operations())


def drive_to_the_end(lane: Lane) -> None:
    """Let one driver after the other go on until nothing is open.

    Raises:
        Wrong: something still is, after four minutes; or nothing is, and somebody still owns the job.

    """
    deadline = time.monotonic() + OVER_SECONDS
    while time.monotonic() < deadline:
        _drive(lane)
        record = _unseen_record(lane)
        if record and not record.open:
            return require_same("lease", record.lease, None)
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


def judge(lane: Lane, row: Row, begun: Begun) -> None:
    """Check everything that has to be true of the job after a row alone.

    Raises:
        Wrong: something is not.

    """
    judge_courses(lane, [course.of_row(row, _only_operation(lane))], begun)


def judge_courses(lane: Lane, courses: list[Course], begun: Begun) -> None:
    """Check everything that has to be true of the job now, after one of these courses.

    Raises:
        Wrong: something is not.

    """
    record, flink = lane.record(), lane.flink
    if record is None:
        raise Wrong("there is no record")
    operations = {operation.id: operation for operation in lane.operations()}
    require_same("wrong calls", flink.wrong, [])
    require_same("open operations", record.open, ())
    require_same("lease", record.lease, None)
    outcomes = {id_: str(o.result.outcome) if o.result else None for id_, o in operations.items()}
    taken = next((one for one in courses if one.outcomes == outcomes), courses[0])
    require_same("outcomes", outcomes, taken.outcomes)
    _judge_uploads(lane, operations.values())
    _judge_state(record, flink, taken, begun)
    _judge_starts(flink, taken, operations.values())
    running = flink.running()
    require_same("copies", len(running), 1 if taken.runs else 0)
    if taken.runs:
        (job,) = running
        brought = operations[taken.runs].release if taken.runs != OLD else None
        require_same("the release that runs", job.jar.sha256, brought.sha256 if brought else begun.release)
        require_same("the recorded copy", record.running.flink_job_id if record.running else None, job.id)


def _judge_uploads(lane: Lane, operations: Iterable[Operation]) -> None:
    """Whoever lists what became of uploads sees how each ended."""
    ended = {o.id: o.result.outcome for o in operations if o.cause.kind == "upload" and o.result}
    listed = {one.operation: one.outcome for one in lane.place.ledger().uploads(Outcome, rejected=False)}
    require_same("the list of uploads", listed, ended)


def _judge_state(record: JobRecord, flink: StandIn, taken: Course, begun: Begun) -> None:
    """As many savepoints as there were stops and savepoints, and every one is on record."""
    recorded, written = {savepoint.path for savepoint in record.savepoints}, set(flink.savepoints)
    if taken.savepoints is None:  # that of an operation that was given up may not be
        require_same("savepoints that nobody wrote", recorded - written, set())
        return
    require_same("savepoints", len(written - begun.savepoints), taken.savepoints)
    require_same("savepoints on record", recorded, written)


def _judge_starts(flink: StandIn, taken: Course, operations: Iterable[Operation]) -> None:
    """No start too many, each from the newest state, but for those that were asked to begin afresh."""
    if taken.starts is not None:
        require_same("starts", len(flink.starts), taken.starts)
    afresh = {o.token("copy") for o in operations if o.action is Action.STATELESS_UPDATE}
    wrong = [
        start for start in flink.starts if (start.savepoint is not None if start.job in afresh else not start.newest)
    ]
    require_same("starts from another state", wrong, [])


def _handled(lane: Lane) -> list[str]:
    return [f"starts: {lane.flink.starts}", f"changes: {lane.flink.changes}"]
