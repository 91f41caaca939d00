"""The order of a job's open list: every row of the tables of `queueing`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import JobRecord, JobRow
from flinkfuncs.core.operations import Cause, Operation, Outcome, Request, operation_id
from flinkfuncs.core.queueing import Queued, paused, queued, resumed, taken_up
from flinkfuncs.core.releases import JarSource
from tests.unit.builders import NOW, ORDERS, copy_of, job

Kind = Literal["upload", "http", "arm", "timer"]


def operation(word: str) -> Operation:
    """Read `STOP`, `UPDATE:timer`, `UPDATE:upload@3` (of second 3), `…=v2` (its blob), `…*` (it has begun)."""
    name, _, rest = word.rstrip("*").partition(":")
    kind, _, when = rest.partition("@")
    second, _, blob = when.partition("=")
    jar = None
    if kind == "upload":
        modified = NOW + timedelta(seconds=int(second))
        jar = JarSource(place="uploads", name=blob or "v1", etag=word, last_modified=modified)
    return Operation(
        id=operation_id(ORDERS, at=NOW, identity=word.rstrip("*")),
        job=ORDERS,
        request=Request(action=Action(name), jar=jar),
        cause=Cause(kind=_kind(kind), detail=word.rstrip("*")),
        requested_at=NOW,
        driven_at=NOW if word.endswith("*") else None,
        progressed_at=NOW,
    )


def _kind(word: str) -> Kind:
    match word:
        case "upload":
            return "upload"
        case "arm":
            return "arm"
        case "timer":
            return "timer"
        case _:
            return "http"


def opened(words: str, *, runs: bool = True) -> JobRecord:
    return job(copy_of() if runs else None, *(operation(word) for word in words.split()))


def words(operations: tuple[Operation, ...]) -> str:
    return " ".join(o.cause.detail + ("*" if o.driven_at else "") for o in operations)


def ended(done: Queued) -> str:
    """The operations that ended, all superseded and with a message that names what took their place."""
    for one in done.ended:
        assert one.result
        assert one.result.outcome is Outcome.SUPERSEDED
        assert "-orders-" in one.result.message
    return words(done.ended)


@pytest.mark.parametrize(
    ("before", "new", "after", "superseded"),
    [
        ("", "UPDATE:upload@1", "UPDATE:upload@1", ""),
        ("UPDATE:upload@1", "UPDATE:upload@2", "UPDATE:upload@2", "UPDATE:upload@1"),
        ("UPDATE:upload@2", "UPDATE:upload@1", "UPDATE:upload@2", "UPDATE:upload@1"),
        ("UPDATE:upload@1*", "UPDATE:upload@2", "UPDATE:upload@1* UPDATE:upload@2", ""),
        ("UPDATE:upload@2*", "UPDATE:upload@1", "UPDATE:upload@2* UPDATE:upload@1", ""),
        ("UPDATE:upload@1 STOP", "UPDATE:upload@2", "STOP UPDATE:upload@2", "UPDATE:upload@1"),
        ("UPDATE:upload@1", "STATELESS_UPDATE:upload@2", "STATELESS_UPDATE:upload@2", "UPDATE:upload@1"),
        ("UPDATE:upload@1=a", "UPDATE:upload@1=b", "UPDATE:upload@1=b", "UPDATE:upload@1=a"),
        ("UPDATE:upload@1=a", "UPDATE:upload@01=a", "UPDATE:upload@1=a UPDATE:upload@01=a", ""),
        ("UPDATE UPDATE:arm", "UPDATE:upload@1", "UPDATE UPDATE:arm UPDATE:upload@1", ""),
        ("UPDATE:upload@1", "UPDATE", "UPDATE:upload@1 UPDATE", ""),
    ],
)
def test_of_uploads_that_wait_the_newest_wins(before: str, new: str, after: str, superseded: str) -> None:
    """What has begun is left alone, and so is what callers asked for; a tie goes to the later one, but of one blob."""
    done = queued(opened(before), operation(new), NOW)
    assert (words(done.record.open), ended(done)) == (after, superseded)


@pytest.mark.parametrize("stop", ["STOP", "STOP:arm", "CANCEL", "CANCEL:arm"])
@pytest.mark.parametrize(
    ("before", "after", "superseded"),
    [
        ("", "!", ""),
        ("UPDATE:upload@1*", "UPDATE:upload@1* !", ""),
        ("UPDATE:upload@1* UPDATE:upload@2", "UPDATE:upload@1* ! UPDATE:upload@2", ""),
        ("UPDATE UPDATE:upload@1", "! UPDATE UPDATE:upload@1", ""),
        ("SAVEPOINT UPDATE", "SAVEPOINT ! UPDATE", ""),
        ("UPDATE SAVEPOINT", "SAVEPOINT ! UPDATE", ""),
        ("STATELESS_UPDATE", "! STATELESS_UPDATE", ""),
        ("UPDATE START UPDATE:arm", "UPDATE START ! UPDATE:arm", ""),
        ("UPDATE NEW", "UPDATE NEW !", ""),
        ("UPDATE DELETE", "UPDATE DELETE !", ""),
        ("LAST_STATE_UPDATE UPDATE", "! LAST_STATE_UPDATE UPDATE", ""),
        ("LAST_STATE_UPDATE*", "LAST_STATE_UPDATE* !", ""),
        ("RE_LAUNCH UPDATE", "RE_LAUNCH ! UPDATE", ""),
    ],
)
def test_a_stop_goes_ahead_of_updates_that_have_not_begun(stop: str, before: str, after: str, superseded: str) -> None:
    """Of nothing else, and never of what has begun; the overtaken ones know it."""
    new = operation(stop)
    done = queued(opened(before), new, NOW)
    assert (words(done.record.open), ended(done)) == (after.replace("!", new.cause.detail), superseded)
    place = done.record.open.index(new)
    for number, other in enumerate(done.record.open):
        assert other.overtaken_by == (new.id if number > place else None)


@pytest.mark.parametrize("stop", ["STOP", "CANCEL"])
def test_where_nothing_runs_yet_a_stop_waits_for_the_first_start(stop: str) -> None:
    """Else it would be refused, and the job would run although its stop was asked for last."""
    waiting = opened("UPDATE:upload@1", runs=False)
    assert words(queued(waiting, operation(stop), NOW).record.open) == f"UPDATE:upload@1 {stop}"
    begun = opened("UPDATE:upload@1* UPDATE", runs=False)
    assert words(queued(begun, operation(stop), NOW).record.open) == f"UPDATE:upload@1* {stop} UPDATE"
    behind_the_api = waiting.but(row=JobRow(status="RUNNING"))
    assert words(queued(behind_the_api, operation(stop), NOW).record.open) == f"{stop} UPDATE:upload@1"


@pytest.mark.parametrize(
    "new", ["SAVEPOINT", "SAVEPOINT:timer", "START", "NEW", "DELETE", "LIST_SAVEPOINT", "RE_LAUNCH"]
)
def test_everything_else_waits_its_turn(new: str) -> None:
    """At the end of the list."""
    assert words(queued(opened("UPDATE* UPDATE:arm"), operation(new), NOW).record.open) == f"UPDATE* UPDATE:arm {new}"


def test_what_a_driver_took_up_is_overtaken_by_nothing() -> None:
    """Its first look is written down before it does anything."""
    taken = taken_up(opened("UPDATE UPDATE:arm"), NOW)
    assert words(taken.open) == "UPDATE* UPDATE:arm"
    assert words(queued(taken, operation("STOP"), NOW).record.open) == "UPDATE* STOP UPDATE:arm"
    assert taken_up(taken, NOW + timedelta(seconds=9)) == taken
    assert taken_up(opened(""), NOW) == opened("")


def test_while_paused_only_the_newest_upload_is_held() -> None:
    """Nothing is put on the list; on resume the newest one is, behind what was asked for meanwhile."""
    done = paused(opened("UPDATE:upload@1* UPDATE:upload@2 UPDATE:upload@2=b SAVEPOINT"), NOW)
    assert words(done.record.open) == "UPDATE:upload@1* SAVEPOINT"
    assert (words(done.record.held), ended(done)) == ("UPDATE:upload@2=b", "UPDATE:upload@2")
    newer = queued(done.record, operation("UPDATE:upload@3"), NOW)
    assert (words(newer.record.held), ended(newer)) == ("UPDATE:upload@3", "UPDATE:upload@2=b")
    late = queued(newer.record, operation("UPDATE:upload@1=c"), NOW)
    assert (words(late.record.held), ended(late)) == ("UPDATE:upload@3", "UPDATE:upload@1=c")
    assert words(newer.record.open) == "UPDATE:upload@1* SAVEPOINT"
    assert newer.record.uploaded_at == NOW + timedelta(seconds=3)
    again = resumed(newer.record, NOW)
    assert words(again.record.open) == "UPDATE:upload@1* SAVEPOINT UPDATE:upload@3"
    assert (again.record.held, again.record.uploads_paused, again.ended) == ((), False, ())


def test_pausing_and_resuming_twice_is_the_same_as_once() -> None:
    """Both are said with PUT."""
    once = paused(opened("UPDATE:upload@1"), NOW).record
    assert paused(once, NOW) == Queued(once)
    back = resumed(once, NOW).record
    assert resumed(back, NOW) == Queued(back)


def test_actions_of_callers_are_not_paused() -> None:
    """Pausing is about uploads."""
    record = paused(opened(""), NOW).record
    assert words(queued(record, operation("UPDATE"), NOW).record.open) == "UPDATE"


def test_an_upload_makes_a_deleted_name_a_job_again_unless_it_is_held() -> None:
    """A held upload starts nothing, so the tombstone stays."""
    gone = opened("", runs=False).but(deleted=True)
    assert not queued(gone, operation("UPDATE:upload@1"), NOW).record.deleted
    held = queued(gone.but(uploads_paused=True), operation("UPDATE:upload@1"), NOW).record
    assert held.deleted
    assert not resumed(held, NOW).record.deleted


ANY = st.sampled_from(
    ["STOP", "CANCEL", "SAVEPOINT", "START", "UPDATE", "LAST_STATE_UPDATE", "DELETE", "pause", "resume", "take", "done"]
) | st.integers(1, 9).map(lambda second: f"UPDATE:upload@{second}")


@given(st.lists(ANY, max_size=40))
def test_whatever_comes_every_operation_is_on_the_list_or_held_or_ended_once(events: list[str]) -> None:
    """Nothing is lost, nothing is there twice, at most one has begun and it is the first; one upload waits at most."""
    record, closed, asked = JobRecord(name=ORDERS), list[str](), list[str]()
    for number, event in enumerate(events):
        now = NOW + timedelta(seconds=number)
        done = _happens(record, event, number, now, asked)
        record = done.record
        closed += [one.id for one in done.ended]
        there = [one.id for one in (*record.open, *record.held)]
        assert sorted(there + closed) == sorted(asked)
        assert [place for place, one in enumerate(record.open) if one.driven_at] in ([], [0])
        assert len({one.request.jar.last_modified for one in _waiting(record) if one.request.jar}) <= 1
        assert not record.held or record.uploads_paused


def _waiting(record: JobRecord) -> list[Operation]:
    return [one for one in (*record.open, *record.held) if one.driven_at is None and one.cause.kind == "upload"]


def _happens(record: JobRecord, event: str, number: int, now: datetime, asked: list[str]) -> Queued:
    match event:
        case "pause":
            return paused(record, now)
        case "resume":
            return resumed(record, now)
        case "take":
            return Queued(taken_up(record, now))
        case "done":
            return Queued(record.but(open=record.open[1:]), record.open[:1])
        case _:
            new = operation(event).model_copy(update={"id": operation_id(ORDERS, at=now, identity=str(number))})
            asked.append(new.id)
            return queued(record, new, now)
