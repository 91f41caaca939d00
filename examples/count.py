"""What did the sequence job write: was a number lost, was one written twice, and for how long did output stand still?

    line of output      <number> <version> <count>    count = occurrences of the number's key so far, by the job's state
    part-*              committed                     everything else, as .part-*.inprogress.*, is not output yet
    lost                missing below the highest number
    duplicated          occurrences beyond the first
    state_mismatches    lines whose count is not the one that number must have

A key is written by one subtask, in order; between subtasks there is no order, so while a job runs the newest numbers
of some keys may still be on their way. With `running` such a number is `pending`, and `lost` is only what has a later
number of its own key behind it. The directory is listed twice, and only what the first listing shows may say that
something is missing from the second: a file that is committed during a listing may be missed by it.

Only committed files count, never what the job says of itself: source and counters of a job that went back rewind
together and notice nothing.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import groupby, pairwise
from pathlib import Path

KEYS = 100
"""Numbers of one key are this far apart; KeyOf.java knows this number too."""


@dataclass(frozen=True)
class Line:
    """One committed line of output."""

    number: int
    version: str
    count: int

    @property
    def agrees_with_state(self) -> bool:
        """Whether the key's count is the one it must have when nothing was lost, doubled or forgotten."""
        return self.count == self.number // KEYS + 1


@dataclass(frozen=True)
class Commit:
    """A committed file: the lines of one subtask between two checkpoints, written by one version."""

    file: Path
    committed_at: float
    lines: tuple[Line, ...]

    @property
    def version(self) -> str:
        return self.lines[0].version

    @property
    def first(self) -> int:
        return min(line.number for line in self.lines)

    @property
    def last(self) -> int:
        return max(line.number for line in self.lines)


@dataclass(frozen=True)
class Stretch:
    """Commits of one version on end, in the order of time; `began` and `ended` are its outermost commits."""

    version: str
    records: int
    first: int
    last: int
    began: float
    ended: float


@dataclass(frozen=True)
class Gap:
    """The time between two neighbouring commits; `after` and `before` are when they were committed."""

    seconds: float
    after: float
    before: float


@dataclass(frozen=True)
class Count:
    """What the committed files say, all together; `first` and `last` are None where there are none."""

    records: int
    first: int | None
    last: int | None
    lost: int
    pending: int
    duplicated: int
    state_mismatches: int
    by_version: dict[str, int]
    stretches: tuple[Stretch, ...]
    gap_seconds: float

    @property
    def is_exact(self) -> bool:
        return not (self.lost or self.duplicated or self.state_mismatches)


def count(directory: Path, *, running: bool = False) -> Count:
    """Count the committed output below `directory`; `running` is for a job that still writes.

    Raises:
        ValueError: a committed file holds something else than lines of the job.
    """
    listed_before = set(committed_files(directory))
    found = commits(directory)
    return count_of(found, shown=[commit for commit in found if commit.file in listed_before], running=running)


def commits(directory: Path) -> list[Commit]:
    """Read every committed file, in the order of commit."""
    return sorted(map(read, committed_files(directory)), key=lambda commit: commit.committed_at)


def committed_files(directory: Path) -> list[Path]:
    """List the committed files, also in subdirectories; a file in progress begins with a dot."""
    return [file for file in sorted(directory.rglob("part-*")) if file.is_file() and file.stat().st_size]


def read(file: Path) -> Commit:
    """Read one committed file.

    The rename that commits it changes its ctime; its mtime is the last write before, up to a checkpoint earlier.
    """
    lines = tuple(parse(line) for line in file.read_text(encoding="utf-8").splitlines())
    return Commit(file, file.stat().st_ctime, lines)


def parse(text: str) -> Line:
    """Parse `<number> <version> <count>`."""
    match text.split(" "):
        case [number, version, state] if version:
            return Line(int(number), version, int(state))
    raise ValueError(f"not a line of the sequence job: {text[:80]!r}")


def count_of(commits: list[Commit], *, shown: Iterable[Commit], running: bool) -> Count:
    """Count `commits`; only `shown` ones tell up to where numbers must be there."""
    lines = [line for commit in commits for line in commit.lines]
    occurrences = Counter(line.number for line in lines)
    lost, pending = missing(occurrences, {line.number for commit in shown for line in commit.lines})
    gap = largest_gap(commits)
    return Count(
        records=len(lines),
        first=min(occurrences, default=None),
        last=max(occurrences, default=None),
        lost=lost if running else lost + pending,
        pending=pending if running else 0,
        duplicated=len(lines) - len(occurrences),
        state_mismatches=sum(not line.agrees_with_state for line in lines),
        by_version=dict(Counter(line.version for line in lines)),
        stretches=stretches(commits),
        gap_seconds=gap.seconds if gap else 0.0,
    )


def missing(present: Iterable[int], shown: Iterable[int]) -> tuple[int, int]:
    """Return how many numbers are missing before a later one of their key, and how many more below the highest."""
    there, tops = set(present), dict[int, int]()
    for number in shown:
        tops[number % KEYS] = max(number, tops.get(number % KEYS, -1))
    absent = [number for number in range(max(tops.values(), default=-1)) if number not in there]
    lost = sum(number < tops.get(number % KEYS, -1) for number in absent)
    return lost, len(absent) - lost


def stretches(commits: list[Commit]) -> tuple[Stretch, ...]:
    """Return who wrote when: after a clean update the next stretch's `first` is this one's `last` + 1."""
    groups = (list(group) for _, group in groupby(commits, key=lambda commit: commit.version))
    return tuple(_stretch(group) for group in groups)


def largest_gap(commits: list[Commit], *, since: float = 0.0, until: float = float("inf")) -> Gap | None:
    """Return the longest time without a commit between `since` and `until`, seconds since the epoch."""
    times = [commit.committed_at for commit in commits if since <= commit.committed_at <= until]
    gaps = (Gap(later - earlier, after=earlier, before=later) for earlier, later in pairwise(times))
    return max(gaps, key=lambda gap: gap.seconds, default=None)


def _stretch(commits: list[Commit]) -> Stretch:
    return Stretch(
        version=commits[0].version,
        records=sum(len(commit.lines) for commit in commits),
        first=min(commit.first for commit in commits),
        last=max(commit.last for commit in commits),
        began=commits[0].committed_at,
        ended=commits[-1].committed_at,
    )


def main() -> None:
    """Print the count of a directory as JSON."""
    parser = argparse.ArgumentParser(prog="python -m examples.count", description="Count the sequence job's output.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--running", action="store_true", help="the job still writes: its newest numbers are pending")
    asked = parser.parse_args()
    json.dump(asdict(count(asked.directory, running=asked.running)), sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
