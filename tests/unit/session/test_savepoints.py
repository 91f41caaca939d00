"""Where savepoints lie, and which one is the newest valid state."""

from __future__ import annotations

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import Copy, JobRecord, Savepoint
from flinkfuncs.core.releases import Spec
from flinkfuncs.core.session.facts import CopyState
from flinkfuncs.core.session.savepoints import (
    named_objection,
    named_savepoint,
    never_ran,
    resting_savepoint,
    same_path,
    savepoint_directory,
)
from flinkfuncs.core.session.table import next_step
from flinkfuncs.core.steps import End
from tests.unit.builders import LIMITS, NEW, ago, asked, copy_of, job, look, release, said, savepoint, with_marks

FIRST, LAST = savepoint("file:///sp/orders/1/savepoint-1"), savepoint("file:///sp/orders/2/savepoint-2")
NEWER_COPY = "0" * 31 + "2"


@pytest.mark.parametrize(
    ("current", "savepoints", "newest_state"),
    [
        # current copy                                                         savepoints    newest valid state
        (None, (), None),
        (None, (LAST,), None),
        (copy_of(ended="STOPPED"), (), None),
        (copy_of(ended="STOPPED"), (FIRST, LAST), LAST),
        (copy_of(ended="STOPPED", flink_job_id=NEWER_COPY), (LAST,), None),
        (copy_of(ended="NEVER_STARTED", flink_job_id=NEWER_COPY, savepoint=LAST.path), (LAST,), None),
        (copy_of(ended="NEVER_STARTED", flink_job_id=NEWER_COPY, savepoint=FIRST.path), (FIRST, LAST), None),
        (copy_of(ended="NEVER_STARTED", operation="another", savepoint=FIRST.path), (FIRST, LAST), None),
        (copy_of(ended="NEVER_STARTED", operation="another"), (LAST,), None),
        (copy_of(ended="FINISHED"), (LAST,), None),
        (copy_of(ended="CANCELED"), (LAST,), None),
        (copy_of(ended="FAILED", savepoint=LAST.path), (LAST,), None),
        (copy_of(), (LAST,), None),
        (copy_of(seen=False, savepoint=LAST.path), (LAST,), None),
    ],
)  # fmt: skip
def test_only_a_savepoint_after_which_nothing_ran_is_the_newest_state(
    current: Copy | None, savepoints: tuple[Savepoint, ...], newest_state: Savepoint | None
) -> None:
    """A copy that ran after its savepoint left a newer state behind; the older one is never taken by itself."""
    record = job(current, savepoints=savepoints)
    assert resting_savepoint(record) == (newest_state and newest_state.path)


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("savepoint-1", FIRST.path),
        ("savepoint-1/", FIRST.path),
        ("savepoint-1/_metadata", FIRST.path),
        (FIRST.path, FIRST.path),
        (f"{FIRST.path}/_metadata", FIRST.path),
        (FIRST.path.replace("file:///", "FILE:/").replace("s", "%73"), FIRST.path),
        ("file:/sp/elsewhere/savepoint-9/_metadata", "file:///sp/elsewhere/savepoint-9"),
        ("file:/sp/elsewhere/savepoint-9", "file:///sp/elsewhere/savepoint-9"),
        ("savepoint-9", "SavepointNotFound"),
        ("file:///other/savepoint-9", "OutsideRoot"),
        ("file:///sp2/savepoint-9", "OutsideRoot"),
        ("file:///sp/../etc/passwd", "InvalidDirectory"),
        ("/sp/orders", "InvalidDirectory"),
        ("file://[sp/orders", "InvalidDirectory"),
    ],
)
def test_a_named_savepoint_is_a_recorded_one_or_lies_below_the_root(named: str, found: str) -> None:
    """What a request names is looked up, or has to lie where savepoints may lie."""
    record = job(copy_of(ended="STOPPED"), savepoints=(FIRST, LAST))
    point = named_savepoint(asked(Action.START, named=named), record, LIMITS)
    assert (point.code if isinstance(point, End) else point) == found


GONE = FIRST.model_copy(update={"disposing_at": ago(1)})
ELSEWHERE = "file:///sp/elsewhere/savepoint-9"


@pytest.mark.parametrize(
    ("named", "there", "runs", "rests"),
    [
        # the named savepoint  storage  the job runs              nothing runs
        ("file:///etc/passwd", None, "OutsideRoot", "OutsideRoot"),
        ("savepoint-1", True, "SavepointDisposed", "SavepointDisposed"),
        (FIRST.path, True, "SavepointDisposed", "SavepointDisposed"),
        (FIRST.path.replace("///", "/"), True, "SavepointDisposed", "SavepointDisposed"),
        ("savepoint-9", None, "SavepointNotFound", "SavepointNotFound"),
        ("savepoint-2", False, "SavepointNotFound", "SavepointNotFound"),
        (ELSEWHERE, False, "SavepointNotFound", "SavepointNotFound"),
        ("savepoint-2", True, None, None),
        (ELSEWHERE, True, None, None),
        ("savepoint-2", None, None, None),
        (LAST.path.replace("///", "/"), None, None, None),
        (ELSEWHERE, None, "SavepointUnverified", None),
        (None, None, None, None),
    ],
)
def test_what_can_be_refused_of_a_named_savepoint_is_refused_before_anything_is_touched(
    named: str | None, runs: str | None, rests: str | None, *, there: bool | None
) -> None:
    """A job that runs is not stopped for a savepoint that is not there, or not known to be."""
    update = asked(Action.UPDATE, brings=NEW, named=named)
    for copy, seen, code in [
        (copy_of(), look(CopyState.RUNNING, named_there=there), runs),
        (copy_of(), look(CopyState.RESTARTING, named_there=there), runs),
        (copy_of(ended="STOPPED"), look(named_there=there), rests),
    ]:
        record = job(copy, update, savepoints=(GONE, LAST))
        objection = named_objection(update, record, seen, LIMITS)
        assert (objection and objection.code) == code
        if code:
            step = next_step(with_marks(update, release=None), record, seen, LIMITS)
            assert said(step, update, record) == f"REFUSED {code}"


@pytest.mark.parametrize(("savepoint", "found"), [(None, None), (FIRST.path, FIRST.path)])
def test_a_job_of_which_nothing_ever_ran_has_no_state_to_lose(savepoint: str | None, found: str | None) -> None:
    """Every start was definitely refused: the next one starts from what the first was to start from, if anything."""
    record = job(copy_of(ended="NEVER_STARTED", savepoint=savepoint))
    assert (never_ran(record), resting_savepoint(record)) == (savepoint is None, found)
    ran_before = record.but(ran=True)
    assert (never_ran(ran_before), resting_savepoint(ran_before)) == (False, None)


def test_a_start_that_was_refused_leaves_the_state_of_the_copy_before_it() -> None:
    """Whatever the refused one was to start from: the stop before it wrote the newest savepoint."""
    refused = copy_of(ended="NEVER_STARTED", flink_job_id=NEWER_COPY, operation="another", savepoint=FIRST.path)
    record = job(refused, savepoints=(FIRST, LAST)).but(previous=copy_of(ended="STOPPED"))
    assert resting_savepoint(record) == LAST.path


@pytest.mark.parametrize(
    ("chosen", "parent"), [(None, "file:///sp"), ("file:/sp/team/", "file:///sp/team"), ("file:///sp", "file:///sp")]
)
def test_every_operation_writes_its_savepoint_into_a_directory_of_its_own(chosen: str | None, parent: str) -> None:
    """Two operations never share one, so that what lies there was written by this one."""
    one, two = asked(Action.STOP, identity="one"), asked(Action.STOP, identity="two")
    record = _with_directory(chosen)
    assert str(savepoint_directory(one, record, LIMITS)) == f"{parent}/orders/{one.id}"
    assert savepoint_directory(one, record, LIMITS) != savepoint_directory(two, record, LIMITS)


def _with_directory(chosen: str | None) -> JobRecord:
    return job(copy_of(), wanted=release("old", Spec(savepoint_directory=chosen)))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("file:/sp/1", "file:///sp/1", True),
        ("file:/sp/1/", "file:///sp/1", True),
        ("abfs://c@a.dfs.core.windows.net/sp", "abfs://C@A.dfs.core.windows.net/sp/", True),
        ("abfs://c@a.dfs.core.windows.net/sp", "abfss://c@a.dfs.core.windows.net/sp/_metadata", True),
        ("file:/sp/1", "file:///sp/1/_metadata", True),
        ("file:/sp/a b", "file:///sp/a%20b/", True),
        ("file:/sp/1", "file:/sp/2", False),
        ("file:/sp/a", "file:/sp/A", False),
        ("file:/sp/a%zz", "file:/sp/a%zz", True),
        ("file:/sp/a%20b", "file:/sp/1", False),
        ("<checkpoint-not-externally-addressable>", "file:/sp/1", False),
        (None, "file:/sp/1", False),
        (None, None, False),
    ],
)
def test_two_ways_to_write_a_path_name_one_place(one: str | None, other: str | None, same: bool) -> None:
    """Flink writes file:/x for file:///x; a path that is none of ours is compared as it is, and never an error."""
    assert same_path(one, other) is same
