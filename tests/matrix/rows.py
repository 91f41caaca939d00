"""How a row is brought about on a real Flink: what its job is like before it, and how the app is asked."""

from __future__ import annotations

from typing import Any

from flinkfuncs.core.actions import Action
from tests.harness.rows import Before, Row

from .trial import Trial

ASKED = {"nothing": 0, "running": 1, "running stateless": 1, "stopped": 2}  # operations on record before it
MARKS = {
    "stop": "POST flink /jobs/:id/stop",
    "start": "POST flink /jars/:jar/run",
    "asked": "POST queue",  # what is recorded is asked for: from here on the driver goes on
}
LOOP = {"restart-strategy.type": "fixed-delay", "restart-strategy.fixed-delay.delay": "200 ms"} | {
    "restart-strategy.fixed-delay.attempts": "1000000"
}
OLD, NEW = "1", {"good": "2", "slow": "slow-main", "refused": "no-uids", "loops": "fails-at-run-time"}
MORE: dict[str, dict[str, Any]] = {
    "slow": {"arguments": "--main-seconds 2"},
    "loops": {"flinkConfiguration": LOOP},
}


def prepare(trial: Trial, before: Before) -> None:
    """Bring a job to where a row begins: version 1 runs, with output, or was stopped."""
    if before == "nothing":
        return
    trial.upload(OLD, folder="stateless" if before == "running stateless" else "stateful")
    trial.ended(1)
    trial.written(OLD)
    if before == "stopped":
        trial.post("stop")
        trial.ended(2)


def act(trial: Trial, row: Row) -> None:
    """Ask for the action."""
    match row.asked_by:
        case "call":
            body = trial.put_job_jar(version(row)) if row.action.takes_release else None
            trial.post(row.action.lower().replace("_", "-"), body)
        case "upload":
            trial.upload(version(row), folder=row.folder, sink=sink(row), **MORE.get(row.brings, {}))
        case "sweep":
            trial.put(version(row), folder=row.folder)
            trial.run("sweep")
        case "timer":
            trial.run("take_savepoints")


def version(row: Row) -> str:
    """Name the version that is brought."""
    return OLD if row.before == "nothing" else NEW[row.brings]


def runs(row: Row) -> str | None:
    """Name the version that runs in the end."""
    return {"new": version(row), "old": OLD}[row.runs] if row.runs else None


def sink(row: Row) -> str:
    """Name the sink that the version writes to: what starts without state counts from the beginning."""
    return "fresh" if row.action is Action.STATELESS_UPDATE else ""


def savepoints(row: Row) -> int:
    """Count the savepoints that lie on disk in the end."""
    return row.savepoints + (row.before == "stopped")
