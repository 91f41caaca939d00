"""Which calls does an operation make? Each is counted, so that a later run meets the same one.

a write    the n-th call of its site within the operation
a read     the n-th call of its site since the write before it, whose number it carries
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from .rows import Row
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

    def is_same(self, other: Crossing) -> bool:
        """Whether it is the same call of the operation, in another run."""
        same = (self.site, self.nth) == (other.site, other.nth)
        return same and (not is_read(self.site) or self.since == other.since)


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


@dataclass(frozen=True)
class Recorded:
    """The calls of a row without a fault, and the methods of the app's clients that made them."""

    calls: list[Crossing]
    by: set[str] = field(default_factory=set)


def matching(row: Row, calls: Sequence[Crossing], marks: dict[str, str]) -> list[Crossing]:
    """Return the calls that a row is about; `marks` names the calls at which `since` and `until` are."""
    sites = [call.site for call in calls]
    first = sites.index(marks[row.since]) if row.since else 0
    last = sites.index(marks[row.until]) + 1 if row.until else len(sites)
    return list(calls[first:last])


def chosen(calls: Iterable[Crossing]) -> list[Crossing]:
    """Return every write, and of the same read between two writes the first and the last."""
    crossed = list(calls)
    return [call for call in crossed if not is_read(call.site) or call.nth == 1 or is_last(call, crossed)]


def is_last(call: Crossing, calls: Iterable[Crossing]) -> bool:
    """Whether it is the last of several reads between two writes."""
    same = [other.nth for other in calls if (other.site, other.since) == (call.site, call.since)]
    return is_read(call.site) and 1 < call.nth == max(same)
