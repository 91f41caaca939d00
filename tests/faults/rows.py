"""How a row is brought about in this process: which jar lies where, and how the app is asked."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from flinkfuncs.core.operations import Cause, Request
from flinkfuncs.core.releases import JarSource
from tests.harness.rows import Row
from tests.unit.builders import ORDERS
from tests.wire.storage import jar

from .lane import Lane
from .wire import RECORD

CALLER = Cause(kind="http", detail="a caller")
JAR = "orders.jar"
ASKED, PLAN, CLOSED = "POST queue", "POST flink /jars/:jar/plan", "PUT ledger closed/:operation"
STOP, RUN = "POST flink /jobs/:id/stop", "POST flink /jars/:jar/run"
TRIGGER, CHECKPOINT, CANCEL = (
    "POST flink /jobs/:id/savepoints",
    "POST flink /jobs/:id/checkpoints",
    "PATCH flink /jobs/:id",
)
START = f"{RECORD} (Start)"
MARKS = {"stop": f"{RECORD} (Stop)", "start": START, "asked": ASKED, "started": RUN}
# The calls that change a job at Flink, and the writes that mark them.
CHANGES = (STOP, RUN, TRIGGER, CHECKPOINT, CANCEL)
MARKED = tuple(f"{RECORD} ({step})" for step in ("Stop", "Start", "Trigger", "TakeCheckpoint", "Cancel"))
GOOD = "com.example.Orders"
CLASSES = {"good": GOOD} | {name: f"com.example.{name.title()}" for name in ("refused", "throws", "loops")}


def ask(lane: Lane, row: Row) -> None:
    """Ask for the action."""
    intake = lane.place.intake()
    match row.asked_by:
        case "call":
            source = JarSource(place="directory", name=JAR) if row.action.takes_release else None
            intake.request(ORDERS, Request(action=row.action, jar=source), CALLER)
        case "upload":
            intake.upload(f"{row.folder}/{ORDERS}/{JAR}")
        case "sweep":
            intake.sweep(datetime.now(UTC))
        case "timer":
            raise AssertionError("the timer is the crash matrix's")


def put_jar(lane: Lane, row: Row, padding: str) -> None:
    """Put a jar where the row looks for one, and nothing else."""
    for blob in lane.storage.uploads.list_blob_names():
        lane.storage.uploads.delete_blob(blob)
    folder = f"{row.folder}/{ORDERS}/" if row.folder else ""
    if folder:
        lane.storage.upload(f"{folder}job.json", json.dumps({"jar": JAR, "parallelism": 1}))
    lane.storage.upload(f"{folder}{JAR}", jar(CLASSES[row.brings], padding=padding.encode()))
