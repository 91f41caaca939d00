"""Where is the app to die? A plan names one call of one operation, and whether the app dies before or after it.

    a write    the n-th call of its site within the operation
    a read     the n-th call of its site since the write before it, whose number it carries

Polls are as many as it takes: the last of several is the n-th as recorded, or the end of the stretch between two
writes, whichever comes first. The rule that must never break: a plan kills once.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from .sites import is_read

When = Literal["before", "after"]


@dataclass(frozen=True)
class Crossing:
    """One call: the n-th of its site, and the last write before it (`<site> #<n>`, empty at the beginning)."""

    site: str
    nth: int
    since: str

    @property
    def place(self) -> str:
        """The call within its operation, in words."""
        return f"{self.site} #{self.nth}" + (f" since {self.since or 'the beginning'}" if is_read(self.site) else "")


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
        same = (crossing.site, crossing.nth) == (self.call.site, self.call.nth)
        return same and when == self.when and (not is_read(crossing.site) or crossing.since == self.call.since)

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


class Counting:
    """Numbers the calls of one operation."""

    def __init__(self) -> None:
        """Begin with none."""
        self._writes: Counter[str] = Counter()
        self._reads: Counter[str] = Counter()
        self._since = ""

    def cross(self, site: str) -> Crossing:
        """Count one call."""
        if is_read(site):
            self._reads[site] += 1
            return Crossing(site, self._reads[site], self._since)
        self._writes[site] += 1
        crossing = Crossing(site, self._writes[site], self._since)
        self._reads.clear()
        self._since = f"{site} #{crossing.nth}"
        return crossing


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
