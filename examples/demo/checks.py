"""What has to be true of the output and of the copies; whatever is not ends the demo with one sentence.

exact            every number is there once, with the count that its key must have
handed_over      version 2 goes on at the number after version 1's last, and nothing else wrote
one_at_a_time    no copy started before the one before it had ended
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from examples.count import KEYS, Commit, Count, Gap, Stretch, largest_gap

AROUND_SECONDS = 5.0  # how far before and after the hand-over a gap in the output still belongs to it


class DemoFailedError(Exception):
    """Something did not happen as it should; the message says what, for people."""


@dataclass(frozen=True)
class CopyTimes:
    """When one copy of the job ran, by Flink's clock (milliseconds); `ended` is below 0 while it runs."""

    flink_job_id: str
    state: str
    began: int
    ended: int


@dataclass(frozen=True)
class Report:
    """The last line of the demo."""

    cluster: str
    flink: str
    records_before: int
    records_after: int
    lost: int
    duplicated: int
    downtime_seconds: float
    gap_seconds: float
    copies: int
    demo_seconds: float


def require(condition: object, otherwise: str) -> None:
    """Go on only if something is true.

    Raises:
        DemoFailedError: it is not.
    """
    if not condition:
        raise DemoFailedError(otherwise)


def exact(counted: Count) -> Count:
    """Return the count if every number is there once and was written with the right state."""
    require(counted.records, "there is no committed output")
    require(
        counted.is_exact,
        f"the output is not exact: {counted.lost} numbers lost, {counted.duplicated} duplicated, "
        f"{counted.state_mismatches} with the wrong count",
    )
    return counted


def handed_over(counted: Count, before: str, after: str) -> tuple[Stretch, Stretch]:
    """Return what the two versions wrote, if the second one went on right after the first one's last number."""
    versions = [stretch.version for stretch in counted.stretches]
    require(
        versions == [before, after],
        f"the output was written by version {', '.join(versions)}; {before}, {after} was due",
    )
    old, new = counted.stretches
    require(
        new.first == old.last + 1, f"version {before} ended at {old.last}, and version {after} began at {new.first}"
    )
    return old, new


def every_key_written(commits: Sequence[Commit], version: str) -> bool:
    """Whether a version has written every key: then its first number is among the committed ones."""
    return len({line.number % KEYS for commit in commits for line in commit.lines if line.version == version}) == KEYS


def gap_around(commits: Sequence[Commit], old: Stretch, new: Stretch) -> Gap:
    """Return the longest time without a commit around the hand-over."""
    gap = largest_gap(list(commits), since=old.ended - AROUND_SECONDS, until=new.began + AROUND_SECONDS)
    if gap is None:
        raise DemoFailedError("there is no committed output around the update")
    return gap


def one_at_a_time(copies: Sequence[CopyTimes], *, expected: int) -> None:
    """Go on only if that many copies ran, one after the other, and all have ended."""
    require(len(copies) == expected, f"Flink ran {len(copies)} copies of the job; {expected} were asked for")
    alive = [copy for copy in copies if copy.ended < 0]
    require(not alive, f"the copy {alive[0].flink_job_id if alive else ''} has not ended")
    for earlier, later in pairwise(sorted(copies, key=lambda copy: copy.began)):
        require(earlier.ended <= later.began, f"the copies {earlier.flink_job_id} and {later.flink_job_id} ran at once")
