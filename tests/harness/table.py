"""What is printed of cells: the call sites, each cell as it ends, and how many are right of those that were tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from .calls import Crossing
from .sites import is_read
from .verdict import C, Judged

K = TypeVar("K", bound=Hashable)
Recordings = Mapping[str, list[Crossing]]


def of_sites(recordings: Recordings) -> str:
    """List the call sites of each row, with how often each was crossed."""
    lines = list[str]()
    for row, calls in recordings.items():
        lines.append(f"{row}: {len(calls)} calls")
        lines += [f"  {number:4}  {site}" for site, number in Counter(call.site for call in calls).items()]
    sites = sites_of(recordings)
    return "\n".join([*lines, f"{len(sites)} call sites, {sum(map(is_read, sites))} of them reads", ""])


def sites_of(recordings: Recordings) -> set[str]:
    """Return the call sites of all rows."""
    return {call.site for calls in recordings.values() for call in calls}


def line(judged: Judged[C], elapsed: float) -> str:
    """Say what became of one cell."""
    why = f"\n    {judged.why.replace(chr(10), chr(10) + '    ')}" if judged.verdict == "WRONG" else ""
    return f"{elapsed:6.0f} s  {judged.seconds:5.1f} s  {judged.verdict:9} {judged.cell.name}{why}"


def counted(judged: Iterable[Judged[C]], key: Callable[[C], K]) -> tuple[Counter[K], Counter[K]]:
    """Count the cells that were tried, and those that are right."""
    tried, right = Counter[K](), Counter[K]()
    for one in judged:
        tried[key(one.cell)] += one.verdict != "unreached"
        right[key(one.cell)] += one.verdict == "right"
    return tried, right


def took(seconds: float | None) -> str:
    """Say how long a run took; several parts of one run are no measure."""
    return "it was run in parts" if seconds is None else f"it took {seconds / 60:.0f} minutes"


def left_out(judged: Sequence[Judged[C]], planned: int, unreached: str) -> str:
    """Say what does not count."""
    number = sum(one.verdict == "unreached" for one in judged)
    return f"Of {planned} cells {planned - len(judged)} were not run for want of time; {number} {unreached}."
