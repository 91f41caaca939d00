"""The rows: what comes before an action, how it is asked for, and what has to be true in the end.

    asked by    what is done
    ----------  ---------------------------------------------------------------------------------------
    call        a caller asks for the action; again if that was not recorded
    upload      a jar lies there, and an event comes; again if it failed, or by the sweeper
    sweep       a jar lies there, and no event comes: the sweeper finds it
    timer       the timer of the periodic savepoints ticks

A new row is one more `Row` in ROWS; crash matrix and wire faults have it, but for those that only one of them can bring
about (`only`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

from flinkfuncs.core.actions import Action

Before = Literal["nothing", "running", "running stateless", "stopped"]
Brings = Literal["good", "slow", "throws", "refused", "loops"]


@dataclass(frozen=True)
class Row:
    """An action.

    In the end the operation's `outcome` is that one, `savepoints` were written for it, `starts` were taken of it, and
    the job runs the `new` or the `old` release, or none.
    """

    name: str
    before: Before
    action: Action
    savepoints: int
    starts: int
    runs: Literal["new", "old"] | None
    asked_by: Literal["call", "upload", "sweep", "timer"] = "call"
    brings: Brings = "good"  # what becomes of its release
    outcome: str = "SUCCEEDED"
    since: Literal["", "stop", "start"] = ""  # only the cells from there on: what comes before is another row's
    until: Literal["", "asked", "started"] = ""  # only the cells up to there
    every_flink: bool = False  # the crash matrix has it on older ones, too
    only: Literal["", "matrix", "faults"] = ""

    @property
    def folder(self) -> Literal["stateful", "stateless", ""]:
        """Where its jar lies, if it is uploaded."""
        if self.asked_by not in ("upload", "sweep"):
            return ""
        return "stateless" if self.action is Action.STATELESS_UPDATE else "stateful"


_call = partial(Row, before="running", savepoints=0, starts=0, runs="old")
_upload = partial(_call, action=Action.UPDATE, savepoints=1, starts=1, runs="new", asked_by="upload")
_rollback = partial(_upload, runs="old", outcome="ROLLED_BACK")

ROWS = (
    _call("NEW", before="nothing", action=Action.NEW, starts=1, runs="new"),
    _upload("FIRST_UPLOAD", before="nothing", savepoints=0, until="asked", only="matrix"),
    _call("START", before="stopped", action=Action.START, starts=1),
    _call("STOP", action=Action.STOP, savepoints=1, runs=None),
    _upload("UPDATE", every_flink=True),
    _upload("SWEPT_UPLOAD", asked_by="sweep", until="asked"),
    _upload("UPDATE_SLOW_MAIN", brings="slow", since="stop", only="matrix"),
    _upload("STATELESS_UPDATE", before="running stateless", action=Action.STATELESS_UPDATE),
    _call("LAST_STATE_UPDATE", action=Action.LAST_STATE_UPDATE, starts=1, runs="new"),
    _call("SAVEPOINT", action=Action.SAVEPOINT, savepoints=1),
    _call("PERIODIC_SAVEPOINT", action=Action.SAVEPOINT, savepoints=1, asked_by="timer", until="asked", only="matrix"),
    _call("CANCEL", action=Action.CANCEL, runs=None),
    # Flink refuses the start: main() throws, and there never was a copy
    _rollback("ROLLBACK_OF_NOTHING", brings="throws", since="start", until="started", only="faults"),
    # Flink refuses the start: the state does not fit, and there is a copy that failed
    _rollback("ROLLBACK", brings="refused", since="stop", every_flink=True),
    # the new copy fails again and again
    _rollback("ROLLBACK_OF_A_LOOP", brings="loops", starts=2, since="start"),
)
BY_NAME = {row.name: row for row in ROWS}


def rows_of(kind: Literal["matrix", "faults"]) -> list[Row]:
    """Return the rows that one of them has."""
    return [row for row in ROWS if row.only in ("", kind)]
