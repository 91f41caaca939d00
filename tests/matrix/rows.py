"""The rows of the matrix: what comes before the action, how it is asked for, and what has to be true in the end.

    NEW, START, STOP, SAVEPOINT, CANCEL,    by HTTP; asked again if the app died before it was recorded
    LAST_STATE_UPDATE
    UPDATE, STATELESS_UPDATE, FIRST_UPLOAD  by an upload, whose event is lost if the app dies with it

A new row is one more `Row` in ROWS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .trial import Trial

ASKED = "POST queue"  # what is recorded is asked for: from here on the driver goes on
LOOP = {"restart-strategy.type": "fixed-delay", "restart-strategy.fixed-delay.delay": "200 ms"} | {
    "restart-strategy.fixed-delay.attempts": "1000000"
}
Step = Callable[[Trial], None]


@dataclass(frozen=True)
class Row:
    """An action of the matrix.

    `asked` operations are on record before it; the action adds one. In the end `savepoints` complete ones lie on disk,
    and the job runs as `runs` and writes to `sink`, or (None) does not run.
    """

    name: str
    prepare: Step
    act: Step
    asked: int
    savepoints: int
    runs: str | None
    sink: str = ""
    outcome: str = "SUCCEEDED"
    uploads: bool = False
    since: str = ""  # only the cells from this call on
    until: str = ""  # only the cells up to this call: what follows is another row's
    every_flink: bool = False  # also on older ones


def nothing(_trial: Trial) -> None:
    """Prepare nothing."""


def running(trial: Trial) -> None:
    """Have version 1 running, with output."""
    trial.upload("1")
    trial.ended(1)
    trial.written("1")


def running_stateless(trial: Trial) -> None:
    """Have version 1 running out of the stateless folder."""
    trial.upload("1", folder="stateless")
    trial.ended(1)
    trial.written("1")


def stopped(trial: Trial) -> None:
    """Have version 1 stopped."""
    running(trial)
    trial.post("stop")
    trial.ended(2)


def asking(action: str) -> Step:
    """Ask for an action by HTTP."""
    return lambda trial: trial.post(action)


def uploading(version: str, *, folder: str = "stateful", sink: str = "", arguments: str = "", **spec: object) -> Step:
    """Upload a version."""
    return lambda trial: trial.upload(version, folder=folder, sink=sink, arguments=arguments, **spec)


def new(trial: Trial) -> None:
    """Ask for NEW with a jar of the directory."""
    trial.post("new", trial.put_job_jar("1"))


def last_state(trial: Trial) -> None:
    """Ask for LAST_STATE_UPDATE to version 2."""
    trial.post("last-state-update", trial.put_job_jar("2"))


def ticking(trial: Trial) -> None:
    """Let the timer of the periodic savepoints tick."""
    trial.run("take_savepoints")


def sweeping(trial: Trial) -> None:
    """Upload version 2 without an event, and sweep."""
    trial.put("2")
    trial.run("sweep")


ROWS = (
    Row("NEW", nothing, new, asked=0, savepoints=0, runs="1"),
    Row("FIRST_UPLOAD", nothing, uploading("1"), asked=0, savepoints=0, runs="1", uploads=True, until=ASKED),
    Row("START", stopped, asking("start"), asked=2, savepoints=1, runs="1"),
    Row("STOP", running, asking("stop"), asked=1, savepoints=1, runs=None),
    Row("UPDATE", running, uploading("2"), asked=1, savepoints=1, runs="2", uploads=True, every_flink=True),
    Row(
        "UPDATE_SLOW_MAIN",
        running,
        uploading("slow-main", arguments="--main-seconds 2"),
        asked=1,
        savepoints=1,
        runs="slow-main",
        uploads=True,
        since="POST flink /jobs/:id/stop",
    ),
    Row(
        "STATELESS_UPDATE",
        running_stateless,
        uploading("2", folder="stateless", sink="fresh"),
        asked=1,
        savepoints=1,
        runs="2",
        sink="fresh",
        uploads=True,
    ),
    Row("LAST_STATE_UPDATE", running, last_state, asked=1, savepoints=0, runs="2"),
    Row(
        "ROLLBACK",  # Flink refuses the start
        running,
        uploading("no-uids"),
        asked=1,
        savepoints=1,
        runs="1",
        outcome="ROLLED_BACK",
        uploads=True,
        since="POST flink /jobs/:id/stop",
        every_flink=True,
    ),
    Row(
        "ROLLBACK_OF_A_LOOP",  # the new copy fails again and again
        running,
        uploading("fails-at-run-time", flinkConfiguration=LOOP),
        asked=1,
        savepoints=1,
        runs="1",
        outcome="ROLLED_BACK",
        uploads=True,
        since="POST flink /jars/:jar/run",
    ),
    Row("SAVEPOINT", running, asking("savepoint"), asked=1, savepoints=1, runs="1"),
    Row("CANCEL", running, asking("cancel"), asked=1, savepoints=0, runs=None),
    Row(
        "PERIODIC_SAVEPOINT", running, lambda t: t.run("take_savepoints"), asked=1, savepoints=1, runs="1", until=ASKED
    ),
    Row("SWEPT_UPLOAD", running, sweeping, asked=1, savepoints=1, runs="2", uploads=True, until=ASKED),
)
BY_NAME = {row.name: row for row in ROWS}
