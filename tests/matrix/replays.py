"""Which numbers were written more than once although no operation announced it?

A rollback says whether output comes again: "output since T". What the new copy committed between T and the end of that
operation may be written once more, and nothing else: not what the copy of the old release commits in that time. Lines
of output name their version, and each upload has one of its own.

The rule that must never break: an occurrence counts as announced only by when it was committed and by which version,
never by its number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from examples.count import Commit
from flinkfuncs.core.operations import Operation
from flinkfuncs.core.undone import replayed


@dataclass(frozen=True)
class Announced:
    """One operation's word that output of a version comes again, committed in between (seconds since the epoch)."""

    operation: str
    version: str
    since: float
    until: float

    def covers(self, commit: Commit) -> bool:
        """Whether what was committed then may come again."""
        return commit.version == self.version and self.since <= commit.committed_at <= self.until


@dataclass(frozen=True)
class Replayed:
    """A number that was written again; the commit is that of the earlier occurrence."""

    number: int
    first: Commit
    announced: bool


def announced(operations: Iterable[Operation], versions: Mapping[str, str]) -> list[Announced]:
    """Return what the results of these operations announce; `versions` are those of jars, by their SHA-256."""
    return [found for operation in operations if (found := _announced_by(operation, versions))]


def _announced_by(operation: Operation, versions: Mapping[str, str]) -> Announced | None:
    undo, result = operation.undo, operation.result
    if undo is None or result is None or replayed(undo) not in result.message:
        return None
    if undo.completed == 0 and not undo.at_least:
        return None
    assert operation.release, "an operation without a release was rolled back"
    version = versions[operation.release.sha256]
    return Announced(operation.id, version, undo.started_at.timestamp(), result.ended_at.timestamp())


def replays(commits: list[Commit], words: list[Announced]) -> list[Replayed]:
    """Return every occurrence of a number that another one follows; `commits` are in the order of commit."""
    occurrences = defaultdict[int, list[Commit]](list)
    for commit in commits:
        for line in commit.lines:
            occurrences[line.number].append(commit)
    return [
        Replayed(number, earlier, any(word.covers(earlier) for word in words))
        for number, found in sorted(occurrences.items())
        for earlier in found[:-1]
    ]
