"""Which cells follow from a recorded run?

Each write is two cells: killed before it, killed after it. A read changes nothing, but is two cells as well; of the
same read again and again between two writes only the first and the last are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.harness.calls import Crossing, When, chosen, is_last


@dataclass(frozen=True)
class Call:
    """A recorded call, with the client methods that made it."""

    cell: str
    crossing: Crossing
    by: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """One kill: in which row, at which call, before or after it."""

    row: str
    call: Crossing
    when: When
    last: bool = False

    @property
    def sites(self) -> list[str]:
        """The call at which the app dies."""
        return [self.call.site]

    @property
    def name(self) -> str:
        """The cell in words."""
        return f"{self.row}: {self.when} {self.call.place}{' (last)' if self.last else ''}"


def recorded(directory: Path) -> list[Call]:
    """Read the calls that the app in that directory's lane has made under plans."""
    log = directory / "crossings.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return [Call(it["cell"], Crossing(it["site"], it["nth"], it["since"]), tuple(it["by"])) for it in lines]


def cells_of(row: str, calls: Iterable[Crossing]) -> list[Cell]:
    """Return the cells of a row, in the order of its calls."""
    crossed = list(calls)
    found = list[Cell]()
    for call in chosen(crossed):
        last = is_last(call, crossed)
        found += [Cell(row, call, "before", last), Cell(row, call, "after", last)]
    return found
