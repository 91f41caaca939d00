"""How long an operation's parts took, read from its marks; and what the sweeper tells of ages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from flinkfuncs.ages import Ages, ages_of, asked_at
from flinkfuncs.clients.ledger import ListedJob
from flinkfuncs.core.actions import Action
from flinkfuncs.core.durations import downtime, downtime_seconds, expected_downtime_seconds, savepoint_seconds
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Mark, Operation, Outcome, Result, Settling, operation_id

from .builders import NOW, ago, asked


def closed(action: Action = Action.UPDATE, *, savepoint: str | None = "file:/sp/1", **marks: object) -> Operation:
    result = Result(outcome=Outcome.SUCCEEDED, message="", ended_at=NOW, savepoint=savepoint)
    return asked(action).model_copy(update={**marks, "result": result})


def mark(seconds_ago: float) -> Mark:
    return Mark(sent_at=ago(seconds_ago), last_sent_at=ago(0))


def test_an_update_tells_its_downtime_and_its_savepoint() -> None:
    """From the stop until the copy runs without a restart; the savepoint was complete when the start was sent."""
    settling = Settling(since=ago(10), restarts=0)
    operation = closed(stop=mark(20), start=mark(17), settling=settling)
    assert downtime_seconds(operation) == 10
    assert savepoint_seconds(operation) == 3


def test_a_last_state_update_was_down_since_its_cancel() -> None:
    """It takes no stop; the cancel of a copy that is undone is none of that kind."""
    settling = Settling(since=ago(10), restarts=0)
    for action, seconds in ((Action.LAST_STATE_UPDATE, 10), (Action.RE_LAUNCH, None)):
        operation = closed(action, cancel=mark(20), start=mark(17), settling=settling)
        assert downtime_seconds(operation) == seconds


def test_what_does_not_run_again_is_down_without_an_end() -> None:
    """While it is started, and where that fails; a stop that was asked for, and one that may still fail, is none."""
    assert downtime(closed(stop=mark(20), start=mark(17))) == (ago(20), None)
    assert downtime_seconds(closed(stop=mark(20), start=mark(17))) is None
    assert downtime(closed(stop=mark(20))) is None


def test_a_savepoint_and_a_stop_tell_no_downtime() -> None:
    """Nothing was started: there is no end of it to tell."""
    for kind in ("trigger", "stop", "submit"):
        operation = closed(Action.SAVEPOINT).model_copy(update={kind: mark(5)})
        assert (downtime_seconds(operation), savepoint_seconds(operation)) == (None, 5)


def test_what_took_no_savepoint_tells_none() -> None:
    """Neither a fresh start nor a savepoint that failed."""
    assert savepoint_seconds(closed(savepoint=None, stop=mark(5))) is None
    assert savepoint_seconds(closed(start=mark(5))) is None
    assert downtime_seconds(closed(start=mark(5), settling=Settling(since=ago(1), restarts=0))) is None


def test_clocks_that_differ_tell_nothing_below_zero() -> None:
    """Two instances may have written the two moments."""
    operation = closed(stop=mark(5), start=mark(6), settling=Settling(since=ago(7), restarts=0))
    assert (downtime_seconds(operation), savepoint_seconds(operation)) == (0, 0)


def down(seconds: float, action: Action = Action.UPDATE, outcome: Outcome = Outcome.SUCCEEDED) -> Operation:
    """Return an operation that was down for so long; its stop was sent again in between."""
    ended = "cancel" if action is Action.LAST_STATE_UPDATE else "stop"
    settling = Settling(since=ago(100 - seconds), restarts=0)
    result = Result(outcome=outcome, message="", ended_at=NOW)
    marks = {ended: mark(100), "start": mark(99), "settling": settling}
    return closed(action).model_copy(update=marks | {"result": result})


@pytest.mark.parametrize("action", [Action.UPDATE, Action.STATELESS_UPDATE, Action.LAST_STATE_UPDATE])
def test_what_is_expected_of_an_action_is_the_median_of_its_newest_that_went_well(action: Action) -> None:
    """Those of other actions, those that were rolled back, and those that stopped nothing do not count."""
    other = Action.STATELESS_UPDATE if action is Action.UPDATE else Action.UPDATE
    others = [
        down(50, action, Outcome.ROLLED_BACK),
        down(60, other),
        down(70, action).model_copy(update={"stop": None, "cancel": None}),
        asked(action),
    ]
    assert expected_downtime_seconds([down(2, action), *others, down(4.04, action), down(9, action)], action) == 4.0
    assert expected_downtime_seconds(others, action) is None
    assert expected_downtime_seconds([*[down(1, action)] * 20, *[down(99, action)] * 60], action) == 1.0


def test_the_sweeper_tells_the_ages_of_what_may_be_lost() -> None:
    """A job that rests has nothing to lose; one that was never saved is as old as its copy. An upload that was held is
    as old as its way to the list; while it is held, it has no age.
    """

    def job(name: str, operation: str | None = None, **told: object) -> ListedJob:
        return replace(ListedJob(JobName(name), operation, None, None), **told)  # type: ignore[arg-type]

    listed = [
        job("saved", "20261121T115900Z-saved-3f2a9c1b7d4e", saved_at=ago(60), started_at=ago(600)),
        job("unsaved", "20261121T115959Z-unsaved-3f2a9c1b7d4e", started_at=ago(600)),
        job("resumed", "20261121T015959Z-resumed-3f2a9c1b7d4e", resumed_at=ago(30)),
        job("held", holds=True, held_until=ago(-3600)),
        job("rests", saved_at=ago(6000), rests=True),
        job("never-ran"),
    ]
    assert ages_of(listed, NOW) == Ages({"saved": 60, "unsaved": 600}, 60)
    assert ages_of([], NOW) == Ages({}, 0)


def test_an_operations_id_tells_when_it_was_asked_for() -> None:
    """As `operation_id` writes it."""
    at = datetime(2026, 11, 21, 11, 59, 58, tzinfo=UTC)
    assert asked_at(operation_id(JobName("orders"), at=at, identity="x")) == at
