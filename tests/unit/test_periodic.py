"""Whose turn it is to be saved."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest

from flinkfuncs.core.periodic import Candidate, Rhythm, in_turn, is_due, places
from tests.unit.builders import NOW, ago

HOUR = 3600.0
RHYTHM = Rhythm(timedelta(hours=6), at_once=3)


def candidate(
    name: str = "orders",
    *,
    busy: bool = False,
    rests: bool = False,
    saved: float | None = 7,
    asked: float | None = None,
    saving: bool = False,
) -> Candidate:
    """A job that was saved, and asked, that many hours ago."""
    times = [None if hours is None else ago(hours * HOUR) for hours in (saved, asked)]
    return Candidate(name, busy, rests, times[0], times[1], saving=saving)


@pytest.mark.parametrize(
    ("job", "due"),
    [
        (candidate(), True),
        (candidate(saved=None), True),
        (candidate(busy=True), False),
        (candidate(rests=True), False),
        (candidate(saved=5.9), False),
        (candidate(asked=1.4), False),
        (candidate(asked=1.6), True),
        (candidate(saved=None, asked=1.4), False),
    ],
)
def test_every_row_of_the_rule(job: Candidate, due: bool) -> None:
    """The table of the module."""
    assert is_due(job, RHYTHM, NOW) is due


def test_a_place_is_taken_by_what_is_under_way_and_not_by_what_is_stuck() -> None:
    """Ten minutes after it was asked for, a savepoint that is still open leaves its place to another job."""
    fresh, stuck = candidate(saving=True, asked=0.1), candidate(saving=True, asked=0.2)
    assert places([], RHYTHM, NOW) == 3
    assert places([fresh, stuck, candidate(asked=0.1)], RHYTHM, NOW) == 2
    assert places([fresh] * 5, RHYTHM, NOW) == 0


def test_the_oldest_goes_first_and_one_that_fails_goes_behind_the_others() -> None:
    """What counts is the last savepoint or the last attempt; the name decides a tie."""
    jobs = [
        candidate("b", saved=8),
        candidate("a", saved=8),
        candidate("fails", saved=99, asked=2),
        candidate("new", saved=None),
    ]
    assert [job.name for job in in_turn(jobs)] == ["new", "a", "b", "fails"]


def test_many_jobs_are_spread_over_the_interval_and_each_keeps_its_turn() -> None:
    """100 jobs without a savepoint, a tick each five minutes, some that always fail: never more than three a tick, all
    are saved within the interval and once an interval from then on, and the failing ones hold up nobody.
    """
    failing = {f"job-{number}" for number in range(0, 100, 10)}
    saved: dict[str, datetime] = {}
    asked: dict[str, datetime] = {}
    count = Counter[str]()
    for tick in range(3 * 72):
        now = NOW + tick * timedelta(minutes=5)
        jobs = [Candidate(f"job-{n}", False, False, saved.get(f"job-{n}"), asked.get(f"job-{n}")) for n in range(100)]
        turn = in_turn(job for job in jobs if is_due(job, RHYTHM, now))[: places(jobs, RHYTHM, now)]
        assert len(turn) <= 3
        for job in turn:
            asked[job.name] = now
            count[job.name] += 1
            if job.name not in failing:
                saved[job.name] = now
    good = {name: number for name, number in count.items() if name not in failing}
    assert len(good) == 90
    assert set(good.values()) == {3}
