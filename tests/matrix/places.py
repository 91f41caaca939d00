"""Which cells follow from a recorded run, and which methods of the app's clients did it cross?

Each write is two cells: killed before it, killed after it. A read changes nothing, but is two cells as well; of the
same read again and again between two writes only the first and the last are.
"""

from __future__ import annotations

import inspect
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from flinkfuncs.clients.flink import Flink
from flinkfuncs.clients.jars import Jars
from flinkfuncs.clients.ledger import Ledger
from flinkfuncs.clients.queue import OperationsQueue

from .plan import Crossing, When
from .sites import is_read

CLIENTS = (Flink, Ledger, Jars, OperationsQueue)
HOUSEKEEPING = "housekeeping drives no operation; tests/wire/test_housekeeping.py interrupts it"
NEVER_CROSSED = {
    "Flink.delete_jar": HOUSEKEEPING,
    "Flink.dispose": HOUSEKEEPING,
    "Flink.disposal": HOUSEKEEPING,
    "Jars.place": "only an hdinsight cluster reads jars from a place",
    "Ledger.close_unless_closed": "of two uploads that wait one is superseded; the soak crosses it",
    "Ledger.find": "asked by a caller's GET, which changes nothing",
    "Ledger.jobs": HOUSEKEEPING,
    "Ledger.operations": "asked by a caller's GET, which changes nothing",
    "Ledger.owner_of": "adoption of a job that runs already has no row yet",
    "Ledger.records": HOUSEKEEPING,
    "Ledger.reject": "an upload under no job's name: there is no job to be right or wrong",
    "Ledger.rejected": "asked by a caller's GET, which changes nothing",
}


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
    most = Counter[tuple[str, str]]()
    for call in crossed:
        if is_read(call.site):
            most[call.site, call.since] = max(most[call.site, call.since], call.nth)
    found = list[Cell]()
    for call in crossed:
        last = is_read(call.site) and call.nth > 1 and call.nth == most[call.site, call.since]
        if not is_read(call.site) or call.nth == 1 or last:
            found += [Cell(row, call, "before", last), Cell(row, call, "after", last)]
    return found


def methods() -> set[str]:
    """Name every public method of the app's clients that may call somebody."""
    return {
        f"{client.__name__}.{name}"
        for client in CLIENTS
        for name, value in vars(client).items()
        if not name.startswith("_") and (inspect.isfunction(value) or hasattr(value, "func"))
    }


def never_crossed(calls: Iterable[Call]) -> set[str]:
    """Return the client methods that no call came from, but those that have a reason."""
    return methods() - {method for call in calls for method in call.by} - set(NEVER_CROSSED)
