"""The rows of the table: what comes before the action, how it is asked for, and what has to be true in the end.

A new row is one more `Row` in ROWS.

    NEW, START, STOP, SAVEPOINT,     by a call; asked again if the caller was told of a failure
    CANCEL, LAST_STATE_UPDATE
    UPDATE, STATELESS_UPDATE, …      by an upload, whose event comes again if it failed
    SWEPT_UPDATE                     by an upload that no event told of; the sweeper comes again
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from flinkfuncs.core.actions import Action
from flinkfuncs.core.operations import Cause, Request
from flinkfuncs.core.releases import JarSource
from tests.unit.builders import ORDERS
from tests.wire.storage import jar

from .lane import Lane

Before = Literal["nothing", "running", "running stateless", "stopped"]
Ask = Callable[[Lane], None]
CALLER = Cause(kind="http", detail="a caller")
JAR = "orders.jar"
ASKED, PLAN, START, RUN = (
    "POST queue",
    "POST flink /jars/:jar/plan",
    "PUT ledger jobs/:job (Start)",
    "POST flink /jars/:jar/run",
)
ORDERS_CLASS, REFUSED_CLASS, THROWS_CLASS, LOOPS_CLASS = (
    f"com.example.{name}" for name in ("Orders", "Refused", "Throws", "Loops")
)


@dataclass(frozen=True)
class Row:
    """An action.

    `main_class` is that of the jar that is brought. In the end the operation's `outcome` is that one, `savepoints` were
    written for it, `starts` were taken of it, and the job runs the `new` or the `old` release, or none.
    """

    name: str
    before: Before
    ask: Ask
    savepoints: int
    starts: int
    runs: Literal["new", "old"] | None
    main_class: str = ORDERS_CLASS
    outcome: str = "SUCCEEDED"
    folder: Literal["stateful", "stateless", ""] = ""  # where its jar lies
    since: str = ""  # only the cells from this call on: what comes before is another row's
    until: str = ""  # only the cells up to this call


def asking(action: Action) -> Ask:
    """Ask for an action."""
    source = JarSource(place="directory", name=JAR) if action.takes_release else None
    return lambda lane: _request(lane, Request(action=action, jar=source))


def uploading(folder: str) -> Ask:
    """Tell the app of the upload that lies there."""

    def upload(lane: Lane) -> None:
        lane.place.intake().upload(f"{folder}/{ORDERS}/{JAR}")

    return upload


def sweep(lane: Lane) -> None:
    """Let the app find by itself what lies there."""
    lane.place.intake().sweep(datetime.now(UTC))


def _request(lane: Lane, request: Request) -> None:
    lane.place.intake().request(ORDERS, request, CALLER)


def put_jar(lane: Lane, row: Row, padding: str) -> None:
    """Put a jar where the row looks for one, and nothing else."""
    for blob in lane.storage.uploads.list_blob_names():
        lane.storage.uploads.delete_blob(blob)
    folder = f"{row.folder}/{ORDERS}/" if row.folder else ""
    if folder:
        lane.storage.upload(f"{folder}job.json", json.dumps({"jar": JAR, "parallelism": 1}))
    lane.storage.upload(f"{folder}{JAR}", jar(row.main_class, padding=padding.encode()))


ROWS = (
    Row("NEW", "nothing", asking(Action.NEW), savepoints=0, starts=1, runs="new"),
    Row("START", "stopped", asking(Action.START), savepoints=0, starts=1, runs="old"),
    Row("STOP", "running", asking(Action.STOP), savepoints=1, starts=0, runs=None),
    Row("UPDATE", "running", uploading("stateful"), savepoints=1, starts=1, runs="new", folder="stateful"),
    Row("SWEPT_UPDATE", "running", sweep, savepoints=1, starts=1, runs="new", folder="stateful", until=ASKED),
    Row(
        "STATELESS_UPDATE",
        "running stateless",
        uploading("stateless"),
        savepoints=1,
        starts=1,
        runs="new",
        folder="stateless",
    ),
    Row("LAST_STATE_UPDATE", "running", asking(Action.LAST_STATE_UPDATE), savepoints=0, starts=1, runs="new"),
    Row("SAVEPOINT", "running", asking(Action.SAVEPOINT), savepoints=1, starts=0, runs="old"),
    Row("CANCEL", "running", asking(Action.CANCEL), savepoints=0, starts=0, runs=None),
    Row(  # Flink refuses the start: main() throws, and there never was a copy
        "ROLLBACK_OF_NOTHING",
        "running",
        uploading("stateful"),
        savepoints=1,
        starts=1,
        runs="old",
        folder="stateful",
        since=START,
        until=RUN,
        main_class=THROWS_CLASS,
        outcome="ROLLED_BACK",
    ),
    Row(  # Flink refuses the start: the state does not fit, and there is a copy that failed
        "ROLLBACK",
        "running",
        uploading("stateful"),
        savepoints=1,
        starts=1,
        runs="old",
        folder="stateful",
        since=START,
        main_class=REFUSED_CLASS,
        outcome="ROLLED_BACK",
    ),
    Row(  # the new copy fails again and again
        "ROLLBACK_OF_A_LOOP",
        "running",
        uploading("stateful"),
        savepoints=1,
        starts=2,
        runs="old",
        folder="stateful",
        since=START,
        main_class=LOOPS_CLASS,
        outcome="ROLLED_BACK",
    ),
)
BY_NAME = {row.name: row for row in ROWS}
