"""What is printed and kept of a matrix: its call sites, each cell as it ends, and the table of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from .cell import Judged
from .places import NEVER_CROSSED, Call
from .sites import is_read


@dataclass(frozen=True)
class Found:
    """A whole run."""

    flink: str
    recordings: Mapping[str, list[Call]]
    cells: int
    judged: list[Judged]
    seconds: float


def of_sites(recordings: Mapping[str, list[Call]]) -> str:
    """List the call sites of each row, with how often each was crossed."""
    lines = list[str]()
    for row, calls in recordings.items():
        lines.append(f"{row}: {len(calls)} calls")
        crossed = Counter(call.crossing.site for call in calls)
        lines += [f"  {number:4}  {site}" for site, number in crossed.items()]
    sites = {call.crossing.site for calls in recordings.values() for call in calls}
    return "\n".join([*lines, f"{len(sites)} call sites, {sum(map(is_read, sites))} of them reads", ""])


def line(judged: Judged, elapsed: float) -> str:
    """Say what became of one cell."""
    why = f"\n    {judged.why.replace(chr(10), chr(10) + '    ')}" if judged.verdict == "WRONG" else ""
    return f"{elapsed:6.0f} s  {judged.seconds:5.1f} s  {judged.verdict:9} {judged.cell.name}{why}"


def of_cells(found: Found) -> str:
    """Return the table: for each row and site, how many cells are right of those that were tried."""
    tried, right = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for judged in found.judged:
        key = (judged.cell.row, judged.cell.call.site)
        tried[key] += judged.verdict != "unreached"
        right[key] += judged.verdict == "right"
    lines = ["", "| action | call site | cells | right |", "|---|---|---|---|"]
    for row in found.recordings:
        sites = [site for action, site in tried if action == row]
        lines += [f"| {row} | `{site}` | {tried[row, site]} | {right[row, site]} |" for site in sorted(sites)]
        total, good = (sum(n for (action, _), n in it.items() if action == row) for it in (tried, right))
        lines.append(f"| **{row}** | **all** | **{total}** | **{good}** |")
    unreached = sum(judged.verdict == "unreached" for judged in found.judged)
    told = f"Of {found.cells} cells {found.cells - len(found.judged)} were not run for want of time; "
    told += f"{unreached} were not reached in two tries and do not count."
    return "\n".join([*lines, "", told, ""])


def document(found: Found) -> str:
    """Return docs/crash-matrix.md."""
    sites = {call.crossing.site for calls in found.recordings.values() for call in calls}
    allowed = "\n".join(f"- `{method}`: {why}" for method, why in sorted(NEVER_CROSSED.items()))
    right = sum(judged.verdict == "right" for judged in found.judged)
    tried = sum(judged.verdict != "unreached" for judged in found.judged)
    return f"""\
# The crash matrix

Written by `make crash-matrix` on {datetime.now(UTC):%Y-%m-%d}, with Flink {found.flink}.
{right} of {tried} cells are right; there are {len(sites)} call sites; it took {found.seconds / 60:.0f} minutes.

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
