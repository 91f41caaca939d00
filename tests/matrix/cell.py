"""One cell: prepare, ask, die at the call, start again, and judge.

The rule that must never break: what is judged is what Flink, storage and the committed files say, and a cell whose call
was not crossed was not tried: it is `unreached`, never right.
"""

from __future__ import annotations

import time
from itertools import count

from flinkfuncs.core.operations import Operation
from tests.harness.calls import Recorded
from tests.harness.rows import BY_NAME, Row
from tests.harness.verdict import Judged, Wrong, explain, judged, require_same

from . import rows
from .lane import Lane
from .places import Cell, recorded
from .plan import Plan, is_killed
from .trial import Trial

GRACE_SECONDS = 1.0  # how long after its operation's end a call may still come
OVER_SECONDS = 150.0
TRIES = 2


_numbers = count(1)


def record(lane: Lane, row: Row) -> Recorded:
    """Run a row without a kill, judge it, and return its calls."""
    trial = Trial(lane, f"rec-{lane.number}-{next(_numbers)}")
    name = f"recording of {row.name}"
    rows.prepare(trial, row.before)
    lane.settle()
    Plan(name).write(lane.directory)
    rows.act(trial, row)
    trial.wait(lambda: trial.over(rows.ASKED[row.before] + 1), f"{row.name} has ended")
    time.sleep(GRACE_SECONDS / 2)
    lane.drop_plan()
    judge(trial, row)
    calls = [call for call in recorded(lane.directory) if call.cell == name]
    return Recorded([call.crossing for call in calls], {method for call in calls for method in call.by})


def run(lane: Lane, cell: Cell) -> Judged[Cell]:
    """Run one cell; if its call is not crossed, again, with another job."""
    number = next(_numbers)
    for attempt in range(TRIES):
        found = _run_once(Trial(lane, f"c{number}-{lane.number}-{attempt}"), cell)
        if found.verdict != "unreached":
            break
    return found


def _run_once(trial: Trial, cell: Cell) -> Judged[Cell]:
    row = BY_NAME[cell.row]

    def bring_about() -> bool:
        rows.prepare(trial, row.before)
        reached = _kill(trial, row, cell)
        trial.lane.drop_plan()
        judge(trial, row)
        return reached

    try:
        return judged(
            cell, bring_about, lambda error: explain(error, trial.operations, lambda: [f"copies: {trial.flink_jobs()}"])
        )
    finally:
        _clear(trial)


def _kill(trial: Trial, row: Row, cell: Cell) -> bool:
    """Ask for the action, let the app die in it, and bring it to its end; False if it did not die."""
    lane, asked = trial.lane, rows.ASKED[row.before]
    lane.settle()
    Plan(str(trial.name), cell.call, cell.when, cell.last).write(lane.directory)
    rows.act(trial, row)
    if not _died(trial, row):
        return False
    lane.start_again()
    if not row.folder and len(trial.operations()) == asked:
        _require_untouched(trial, row)
        rows.act(trial, row)  # it was not recorded, and the caller knows: he asks again
    trial.ended(asked + 1, sweeping=True, seconds=OVER_SECONDS)
    return True


def _died(trial: Trial, row: Row) -> bool:
    """Wait until the app has died, or its operation is over without that."""
    over_at: float | None = None
    deadline = time.monotonic() + OVER_SECONDS
    while not is_killed(trial.lane.directory, str(trial.name)):
        if over_at is None and trial.over(rows.ASKED[row.before] + 1):
            over_at = time.monotonic()
        if over_at and time.monotonic() > over_at + GRACE_SECONDS:
            return False
        if time.monotonic() > deadline:
            raise Wrong("the operation neither ended nor met its kill")
        time.sleep(0.05)
    return True


def _require_untouched(trial: Trial, row: Row) -> None:
    """An action that is not on record has done nothing."""
    copies = 0 if row.before in ("nothing", "stopped") else 1
    require_same("copies of a job that nobody touched", len(trial.flink_jobs()), copies)


def judge(trial: Trial, row: Row) -> None:
    """Check everything that has to be true of the job now.

    Raises:
        Wrong: something is not.

    """
    operations, savepoints = trial.operations(), rows.savepoints(row)
    require_same("operations", len(operations), rows.ASKED[row.before] + 1)
    require_same("outcome", _outcome(operations[-1]), row.outcome)
    require_same("savepoints on disk", len(trial.savepoints()), savepoints)
    record = trial.record()
    require_same("savepoints on record", len(record.savepoints) if record else None, savepoints)
    if row.runs:
        _judge_running(trial, row)
    require_same("copies in the end", len(trial.flink_jobs()), 0)
    for sink in {"", rows.sink(row)}:
        counted = trial.counted(sink, running=row.name == "CANCEL")  # a cancel commits nothing
        if not (counted.is_exact and counted.records):
            raise Wrong(f"output is not exact: {counted}")


def _judge_running(trial: Trial, row: Row) -> None:
    """One copy, the recorded one, which writes as it should; then it is stopped, so that all output is committed."""
    copies = trial.flink_jobs()
    require_same("copies", len(copies), 1)
    record = trial.record()
    require_same("the recorded copy", record.running.flink_job_id if record and record.running else None, copies[0])
    trial.written(rows.runs(row) or "", rows.sink(row))
    trial.post("stop")
    stopped = trial.ended(rows.ASKED[row.before] + 2)
    require_same("outcome of the final stop", _outcome(stopped[-1]), "SUCCEEDED")


def _outcome(operation: Operation) -> str:
    return str(operation.result.outcome) if operation.result else "open"


def _clear(trial: Trial) -> None:
    """Leave the lane as the next cell needs it: no plan, a living host, free slots."""
    trial.lane.drop_plan()
    if not trial.lane.host.running:
        trial.lane.start_again()
    trial.clear_away()
