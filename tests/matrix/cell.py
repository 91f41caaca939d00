"""One cell: prepare, ask, die at the call, start again, and judge.

The rule that must never break: what is judged is what Flink, storage and the committed files say, and a cell whose call
was not crossed was not tried: it is `unreached`, never right.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from flinkfuncs.core.operations import Operation

from .lane import Lane
from .places import Call, Cell, recorded
from .plan import Crossing, Plan, is_killed
from .rows import BY_NAME, Row
from .trial import Trial
from .verdict import Verdict, Wrong, require_same, told

GRACE_SECONDS = 1.0  # how long after its operation's end a call may still come
OVER_SECONDS = 150.0
TRIES = 2


@dataclass(frozen=True)
class Judged:
    """What became of a cell."""

    cell: Cell
    verdict: Verdict
    why: str
    seconds: float


def record(lane: Lane, row: Row, number: int) -> list[Call]:
    """Run a row without a kill, judge it, and return its calls."""
    trial = Trial(lane, f"rec-{lane.number}-{number}")
    name = f"recording of {row.name}"
    row.prepare(trial)
    lane.settle()
    Plan(name).write(lane.directory)
    row.act(trial)
    trial.wait(lambda: trial.over(row.asked + 1), f"{row.name} has ended")
    time.sleep(GRACE_SECONDS / 2)
    lane.drop_plan()
    judge(trial, row)
    return [call for call in recorded(lane.directory) if call.cell == name]


def run(lane: Lane, cell: Cell, number: int) -> Judged:
    """Run one cell; if its call is not crossed, again, with another job."""
    for attempt in range(TRIES):
        trial = Trial(lane, f"c{number}-{lane.number}-{attempt}")
        judged = _run_once(trial, cell)
        if judged.verdict != "unreached":
            break
    return judged


def _run_once(trial: Trial, cell: Cell) -> Judged:
    row = BY_NAME[cell.row]
    began = time.monotonic()
    try:
        row.prepare(trial)
        reached = _kill(trial, row, cell)
        trial.lane.drop_plan()
        judge(trial, row)
        verdict, why = ("right", "") if reached else ("unreached", "the call was not crossed")
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one cell is its verdict, and no other's
        verdict = "WRONG"
        why = told(error, trial.operations, lambda: [f"copies: {trial.flink_jobs()}"])
    finally:
        _clear(trial)
    return Judged(cell, verdict, why, time.monotonic() - began)  # type: ignore[arg-type]  # one of the three words


def _kill(trial: Trial, row: Row, cell: Cell) -> bool:
    """Ask for the action, let the app die in it, and bring it to its end; False if it did not die."""
    lane = trial.lane
    lane.settle()
    Plan(str(trial.name), cell.call, cell.when, cell.last).write(lane.directory)
    row.act(trial)
    if not _died(trial, row):
        return False
    lane.start_again()
    if not row.uploads and len(trial.operations()) == row.asked:
        _require_untouched(trial, row)
        row.act(trial)  # it was not recorded, and the caller knows: he asks again
    trial.ended(row.asked + 1, sweeping=True, seconds=OVER_SECONDS)
    return True


def _died(trial: Trial, row: Row) -> bool:
    """Wait until the app has died, or its operation is over without that."""
    over_at: float | None = None
    deadline = time.monotonic() + OVER_SECONDS
    while not is_killed(trial.lane.directory, str(trial.name)):
        if over_at is None and trial.over(row.asked + 1):
            over_at = time.monotonic()
        if over_at and time.monotonic() > over_at + GRACE_SECONDS:
            return False
        if time.monotonic() > deadline:
            raise Wrong("the operation neither ended nor met its kill")
        time.sleep(0.05)
    return True


def _require_untouched(trial: Trial, row: Row) -> None:
    """An action that is not on record has done nothing."""
    copies = 0 if row.asked in (0, 2) else 1
    require_same("copies of a job that nobody touched", len(trial.flink_jobs()), copies)


def judge(trial: Trial, row: Row) -> None:
    """Check everything that has to be true of the job now.

    Raises:
        Wrong: something is not.

    """
    operations = trial.operations()
    require_same("operations", len(operations), row.asked + 1)
    require_same("outcome", _outcome(operations[-1]), row.outcome)
    require_same("savepoints on disk", len(trial.savepoints()), row.savepoints)
    record = trial.record()
    require_same("savepoints on record", len(record.savepoints) if record else None, row.savepoints)
    if row.runs:
        _judge_running(trial, row)
    require_same("copies in the end", len(trial.flink_jobs()), 0)
    for sink in {"", row.sink}:
        counted = trial.counted(sink, running=row.name == "CANCEL")  # a cancel commits nothing
        if not (counted.is_exact and counted.records):
            raise Wrong(f"output is not exact: {counted}")


def _judge_running(trial: Trial, row: Row) -> None:
    """One copy, the recorded one, which writes as it should; then it is stopped, so that all output is committed."""
    copies = trial.flink_jobs()
    require_same("copies", len(copies), 1)
    record = trial.record()
    require_same("the recorded copy", record.running.flink_job_id if record and record.running else None, copies[0])
    trial.written(row.runs or "", row.sink)
    trial.post("stop")
    stopped = trial.ended(row.asked + 2)
    require_same("outcome of the final stop", _outcome(stopped[-1]), "SUCCEEDED")


def _outcome(operation: Operation) -> str:
    return str(operation.result.outcome) if operation.result else "open"


def _clear(trial: Trial) -> None:
    """Leave the lane as the next cell needs it: no plan, a living host, free slots."""
    trial.lane.drop_plan()
    if not trial.lane.host.running:
        trial.lane.start_again()
    trial.clear_away()


def matching(row: Row, crossings: list[Crossing]) -> list[Crossing]:
    """Return the calls of a recording that the row is about."""
    sites = [crossing.site for crossing in crossings]
    first = sites.index(row.since) if row.since else 0
    last = sites.index(row.until) + 1 if row.until else len(sites)
    return crossings[first:last]
