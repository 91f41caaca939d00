"""Where is the app to die? A plan names one call of one operation, and whether the app dies before or after it.

Polls are as many as it takes: the last of several is the n-th as recorded, or the end of the stretch between two
writes, whichever comes first. The rule that must never break: a plan kills once.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.harness.calls import Crossing, When
from tests.harness.sites import is_read


@dataclass(frozen=True)
class Plan:
    """A cell's number, and the call at which the app dies; without a call nothing dies and all is recorded."""

    cell: str
    call: Crossing | None = None
    when: When = "before"
    last: bool = False  # the last of several reads

    def kills(self, crossing: Crossing, when: When) -> bool:
        """Whether this is the moment."""
        if self.call is None:
            return False
        stretch_ends = self.last and when == "before" and not is_read(crossing.site)
        if stretch_ends and crossing.since == self.call.since:
            return True
        return when == self.when and crossing.is_same(self.call)

    def write(self, directory: Path) -> None:
        """Put the plan where the app's host looks for it; whole, or not at all."""
        text = json.dumps(asdict(self))
        draft = directory / "plan.draft"
        draft.write_text(text)
        draft.rename(directory / "plan.json")


def read_plan(directory: Path) -> Plan | None:
    """Return the plan that lies there now."""
    try:
        found = json.loads((directory / "plan.json").read_text())
    except FileNotFoundError:
        return None
    call = found["call"]
    return Plan(found["cell"], Crossing(**call) if call else None, found["when"], found["last"])


def mark_killed(directory: Path, cell: str) -> None:
    """Write down that this cell's kill is spent."""
    with (directory / "killed").open("w") as file:
        file.write(cell)
        file.flush()
        os.fsync(file.fileno())


def is_killed(directory: Path, cell: str) -> bool:
    """Whether this cell's kill is spent."""
    try:
        return (directory / "killed").read_text() == cell
    except FileNotFoundError:
        return False
