"""What may be said of a cell?"""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar

from flinkfuncs.core.operations import Operation

Verdict: TypeAlias = Literal["right", "WRONG", "unreached"]


class Wrong(AssertionError):
    """A cell is not right; the message says how."""


def require_same(what: str, found: object, wanted: object) -> None:
    """Judge one thing.

    Raises:
        Wrong: it is another one.

    """
    if found != wanted:
        raise Wrong(f"{what}: {found!r}, not {wanted!r}")


def explain(error: Exception, operations: Callable[[], Sequence[Operation]], more: Callable[[], Sequence[str]]) -> str:
    """Say what is wrong, with everything that is on record of the job, as far as it can be read."""
    lines = [str(error) if isinstance(error, Wrong) else "".join(traceback.format_exception(error)[-4:])]
    try:
        lines += [operation.model_dump_json(exclude={"release", "request"}) for operation in operations()]
        lines += more()
    except Exception as unreadable:  # noqa: BLE001 - the first error is the one that counts
        lines.append(f"(and nothing more can be read: {unreadable!r})")
    return "\n".join(lines)


class Named(Protocol):
    """A cell, as far as it is printed."""

    @property
    def row(self) -> str:
        """The row that it is of."""
        ...

    @property
    def name(self) -> str:
        """The cell in words."""
        ...

    @property
    def sites(self) -> Sequence[str]:
        """The calls at which something happens."""
        ...


C = TypeVar("C", bound=Named)


@dataclass(frozen=True)
class Judged(Generic[C]):
    """What became of a cell."""

    cell: C
    verdict: Verdict
    why: str
    seconds: float


def note(results: Path, one: Judged[C]) -> None:
    """Add a line to the file of results; several processes may do so at once."""
    line = {"cell": one.cell.name, "verdict": one.verdict, "why": one.why, "seconds": one.seconds}
    with results.open("a") as file:
        file.write(json.dumps(line) + "\n")


def noted(results: Path, cells: Sequence[C]) -> list[Judged[C]]:
    """Return what the file says of these cells, but for those that were wrong when they were run last."""
    lines = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    last = {line["cell"]: line for line in lines}
    found = [(cell, last[cell.name]) for cell in cells if cell.name in last]
    return [Judged(cell, it["verdict"], it["why"], it["seconds"]) for cell, it in found if it["verdict"] != "WRONG"]


def judged(cell: C, bring_about: Callable[[], bool], explained: Callable[[Exception], str]) -> Judged[C]:
    """Run a cell; `bring_about` raises what is wrong, and returns whether it came to what the cell is about."""
    began = time.monotonic()
    verdict: Verdict
    try:
        verdict, why = ("right", "") if bring_about() else ("unreached", "a call was not crossed")
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one cell is its verdict, and no other's
        verdict, why = "WRONG", explained(error)
    return Judged(cell, verdict, why, time.monotonic() - began)
