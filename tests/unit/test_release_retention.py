"""Which kept jars may be deleted: every row of `core/release_retention.py`."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.release_retention import HeldJar, ReleasePolicy, deletable, surplus
from flinkfuncs.core.releases import Release
from tests.unit.builders import NEW, NOW, OLD, ORDERS, asked, copy_of, job, release

GONE, BEFORE = release("gone"), release("before")


def held(days: float, of: Release = GONE) -> HeldJar:
    return HeldJar(of.sha256, NOW - timedelta(days=days))


@pytest.mark.parametrize(
    ("days", "policy", "left"),
    [
        ([5, 4, 3, 2], ReleasePolicy(2, 1), [4, 5]),
        ([5, 4, 3, 2], ReleasePolicy(4, 1), []),
        ([5, 4, 3, 2], ReleasePolicy(1, 3.5), [4, 5]),
        ([5, 4, 3, 2], ReleasePolicy(1, 30), []),
        ([0.1, 5], ReleasePolicy(1, 1), [5]),
        ([], ReleasePolicy(1, 1), []),
    ],
)
def test_only_what_neither_number_nor_age_retains_is_surplus(
    days: list[float], policy: ReleasePolicy, left: list[float]
) -> None:
    """Both have to let it go: many young ones stay, and the last few whatever their age."""
    jars = [held(age, release(f"of {age}")) for age in days]
    assert surplus(jars, policy, NOW) == [held(age, release(f"of {age}")) for age in left]


@pytest.mark.parametrize(
    ("record", "goes"),
    [
        (None, False),
        (job(copy_of(OLD), wanted=NEW), True),
        (JobRecord(name=ORDERS, deleted=True), True),
        (job(copy_of(OLD), wanted=GONE), False),
        (job(copy_of(GONE), wanted=NEW), False),
        (job(copy_of(OLD), wanted=NEW).but(previous=copy_of(GONE)), False),
        (job(copy_of(OLD), wanted=NEW).but(open=(asked(Action.STOP),)), False),
        (JobRecord(name=ORDERS, wanted=NEW, placed=GONE.sha256), False),
    ],
    ids=["no record", "not needed", "deleted", "wanted", "runs", "way back", "something is open", "placed"],
)
def test_what_a_job_may_need_stays(record: JobRecord | None, *, goes: bool) -> None:
    """Whatever number and age say."""
    assert deletable([held(100)], record) == ([held(100)] if goes else [])
