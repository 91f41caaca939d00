"""What is kept of the wire faults: by action and fault, how many cells are right of those that were tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from tests.harness.command import Found
from tests.harness.rows import BY_NAME
from tests.harness.table import counted, left_out, of_sites
from tests.harness.verdict import Judged

from .breaker import Fault
from .cell import Cell
from .cells import SECTIONS, STOP_AND_START
from .wire import Hit
from .writers import WRITERS


def of_cells(found: Found[Cell]) -> str:
    """Return the tables: how many cells are right of those that were tried."""
    one, beside, two = ([judged for judged in found.judged if judged.cell.section == section] for section in SECTIONS)
    sharp = [judged for judged in two if judged.cell.row == "UPDATE" and set(judged.cell.sites) <= set(STOP_AND_START)]
    rest = [judged for judged in two if judged not in sharp]
    parts = ["", "Right of tried."]
    if one:
        faults = [fault.value for fault in Fault]
        parts += [
            "",
            "## One fault",
            "",
            *_table(one, "action", _row, faults, lambda cell: _fault(cell.hits[0])),
        ]
    if beside:
        parts += ["", "## Somebody else writes", "", WRITTEN_BESIDE, ""]
        parts += _table(beside, "action", _row, list(WRITERS), lambda cell: cell.writer)
    if sharp:
        parts += ["", "## Two faults at the stop and the start of an update", ""]
        parts += _table(sharp, "first, then", _site, list(STOP_AND_START[1:]), lambda cell: cell.hits[1].call.site)
    if rest:
        faults = [fault.value for fault in Fault]
        parts += ["", "## Two faults elsewhere: a sample", "", "By the second one.", ""]
        parts += _table(rest, "action", _row, faults, lambda cell: _fault(cell.hits[1]))
    unreached = "did not meet their faults and do not count"
    return "\n".join([*parts, "", left_out(found.judged, len(found.cells), unreached)])


WRITTEN_BESIDE = (
    "Right before a driver's write of the record or of the closed operation, or a call that changes the job; or right "
    "after one that took effect and was not answered.\n"
    "Of UPDATE, and of a refused start (ROLLBACK_OF_NOTHING), all of them. Of the rest all right before; right after a "
    "reset those at a call that changes the job, at the write that marks it, and at the closed operation; of what is "
    "left a sample."
)


def _row(cell: Cell) -> str:
    return cell.row


def _site(cell: Cell) -> str:
    return cell.hits[0].call.site


def _fault(hit: Hit) -> str:
    return hit.fault.value if hit.fault else ""


def _table(
    judged: Sequence[Judged[Cell]],
    title: str,
    line_of: Callable[[Cell], str],
    columns: Sequence[str],
    column_of: Callable[[Cell], str],
) -> list[str]:
    """Count the cells by line and column."""
    tried, right = counted(judged, lambda cell: (line_of(cell), column_of(cell)))
    order = [*BY_NAME, *STOP_AND_START]
    lines = [f"| {title} | {' | '.join(columns)} | all |", "|---|" + "---|" * (len(columns) + 1)]
    for name in sorted({line_of(one.cell) for one in judged}, key=order.index):
        cells = [f"{right[name, column]}/{tried[name, column]}" for column in columns]
        total = f"{sum(right[name, c] for c in columns)}/{sum(tried[name, c] for c in columns)}"
        lines.append(f"| {name} | {' | '.join(cells)} | **{total}** |")
    return lines


def document(found: Found[Cell], seed: int) -> str:
    """Return the page that is kept of a whole run."""
    wrong = [one.cell.name for one in found.judged if one.verdict == "WRONG"]
    listed = [f"Wrong: {', '.join(wrong)}", ""] if wrong else []
    return "\n".join(
        [
            "# Wire faults",
            "",
            f"The last whole run of `make wire-faults`, {datetime.now(UTC):%Y-%m-%d}: a call of an operation goes"
            " wrong on a real socket, at every call of the app; somebody else writes to the job's record at the same"
            " moment; or two calls go wrong. See [design.md](design.md).",
            f"Flink is a stand-in in memory, storage a real Azurite. The samples are those of seed {seed}.",
            of_cells(found),
            "",
            *listed,
            "## The calls",
            "",
            "```text",
            of_sites(found.recordings).rstrip(),
            "```",
            "",
        ]
    )
