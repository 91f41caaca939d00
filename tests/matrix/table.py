"""What is kept of a crash matrix: for each row and call site, how many cells are right of those that were tried."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.harness.command import Found
from tests.harness.methods import NEVER_CROSSED
from tests.harness.table import counted, left_out, sites_of, took

from .places import Cell


def of_cells(found: Found[Cell]) -> str:
    """Return the table."""
    tried, right = counted(found.judged, lambda cell: (cell.row, cell.call.site))
    lines = ["", "| action | call site | cells | right |", "|---|---|---|---|"]
    for row in found.recordings:
        sites = [site for action, site in tried if action == row]
        lines += [f"| {row} | `{site}` | {tried[row, site]} | {right[row, site]} |" for site in sorted(sites)]
        total, good = (sum(n for (action, _), n in it.items() if action == row) for it in (tried, right))
        lines.append(f"| **{row}** | **all** | **{total}** | **{good}** |")
    unreached = "were not reached in two tries and do not count"
    return "\n".join([*lines, "", left_out(found.judged, len(found.cells), unreached), ""])


def document(found: Found[Cell], flink: str) -> str:
    """Return docs/crash-matrix.md."""
    allowed = "\n".join(f"- `{method}`: {why}" for method, why in sorted(NEVER_CROSSED.items()))
    right = sum(judged.verdict == "right" for judged in found.judged)
    tried = sum(judged.verdict != "unreached" for judged in found.judged)
    sites = sites_of(found.recordings)
    return f"""\
# The crash matrix

Written by `make crash-matrix` on {datetime.now(UTC):%Y-%m-%d}, with Flink {flink}.
{right} of {tried} cells are right; there are {len(sites)} call sites; {took(found.seconds)}.

The app runs in its Functions host on a real Flink.
It is killed with SIGKILL right before and right after every outside call and every write of the ledger, and started
again. The calls are found by wrapping both ways out of the process, so that a new one is in the matrix by itself.

A cell is right when all of this holds:

- there is exactly one running copy, or the operation's rightful end;
- the committed output is exact, counted from the files after a final stop;
- an operation that takes a savepoint has taken one;
- no operation is left open, and none was done twice.

A read that is repeated between two writes is killed at its first and its last time.
{of_cells(found)}
Methods of the app's clients that no row crosses, and why:

{allowed}
"""
