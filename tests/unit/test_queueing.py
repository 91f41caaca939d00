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
from flinkfuncs.core.queueing import Queued, looked_at_again, paused, queued, resumed, taken_up, windows_opened
from flinkfuncs.core.releases import JarSource, Spec, SpecPatch
from flinkfuncs.core.windows import DailyWindow, Window
from tests.unit.builders import NOW, ORDERS, copy_of, job, release

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


# --------------------------------------------------------------------------------------------------------- updateWindow

EVENING = DailyWindow(opens="20:00", until="21:00")  # NOW is noon
AFTERNOON = DailyWindow(opens="12:30", until="13:00")
AT_NOON = DailyWindow(opens="11:00", until="13:00")
SOON = NOW + timedelta(minutes=30)
TONIGHT = NOW + timedelta(hours=8)


def with_window(window: Window | None, words: str = "", *, held: str = "") -> JobRecord:
    """A job whose wanted release has a window, with what is on its list and what is held for that window."""
    record = opened(words).but(wanted=release("old", Spec(update_window=window)))
    for word in held.split():
        record = queued(record, operation(word), NOW).record
    return record


def described(word: str, window: Window | None) -> Operation:
    """An upload with a job.json, which says a window or none."""
    upload = operation(word)
    spec = SpecPatch(update_window=window) if window else SpecPatch()
    return upload.model_copy(
        update={"request": upload.request.model_copy(update={"spec": spec, "replaces_spec": True})}
    )


def test_an_upload_outside_its_window_is_held_until_that_opens() -> None:
    """By the window of its job.json where it has one, else by that of the wanted release."""
    done = queued(with_window(EVENING), operation("UPDATE:upload@1"), NOW)
    assert (words(done.record.open), words(done.record.held)) == ("", "UPDATE:upload@1")
    assert [one.held_until for one in done.record.held] == [TONIGHT]
    assert done.record.held_until == TONIGHT
    assert done.record.uploaded_at == NOW + timedelta(seconds=1)
    own = queued(with_window(EVENING), described("UPDATE:upload@1", AFTERNOON), NOW).record
    assert own.held_until == SOON
    for window, upload in ((AT_NOON, operation("UPDATE:upload@1")), (EVENING, described("UPDATE:upload@1", None))):
        record = queued(with_window(window), upload, NOW).record
        assert (words(record.open), record.held) == ("UPDATE:upload@1", ())
        assert record.open[0].held_until is None


def test_only_uploads_wait_and_only_where_there_is_something_to_update() -> None:
    """A first upload is not held, nor one after DELETE, nor what callers ask for; a copy that may run is enough."""
    first = described("UPDATE:upload@1", EVENING)
    assert words(queued(JobRecord(name=ORDERS), first, NOW).record.open) == "UPDATE:upload@1"
    gone = with_window(EVENING).but(deleted=True)
    assert words(queued(gone, first, NOW).record.open) == "UPDATE:upload@1"
    assert words(queued(with_window(EVENING), operation("UPDATE"), NOW).record.open) == "UPDATE"
    adopted = opened("").but(wanted=None)
    assert words(queued(adopted, first, NOW).record.held) == "UPDATE:upload@1"
    stopped = with_window(EVENING).but(current=None)
    assert words(queued(stopped, first, NOW).record.held) == "UPDATE:upload@1"


def test_what_waits_on_the_list_when_an_upload_is_held_came_in_time() -> None:
    """The held one goes behind it later; an older one that comes late is superseded by either."""
    record = with_window(EVENING, "UPDATE:upload@2")
    done = queued(record, operation("UPDATE:upload@3"), NOW)
    assert (words(done.record.open), words(done.record.held), done.ended) == ("UPDATE:upload@2", "UPDATE:upload@3", ())
    late = queued(done.record, operation("UPDATE:upload@1"), NOW)
    assert (late.record, ended(late)) == (done.record, "UPDATE:upload@1")
    through = windows_opened(done.record, TONIGHT)
    assert (words(through.record.open), ended(through)) == ("UPDATE:upload@3", "UPDATE:upload@2")


def test_of_uploads_that_are_held_the_newest_wins_also_where_it_is_let_in_at_once() -> None:
    """Held or not, what is newer takes the place of what is held."""
    record = with_window(EVENING, held="UPDATE:upload@1")
    held = queued(record, operation("UPDATE:upload@2"), NOW)
    assert (words(held.record.held), ended(held)) == ("UPDATE:upload@2", "UPDATE:upload@1")
    at_once = queued(record, described("UPDATE:upload@2", None), NOW)
    assert (words(at_once.record.open), at_once.record.held) == ("UPDATE:upload@2", ())
    assert ended(at_once) == "UPDATE:upload@1"
    in_time = queued(record, operation("UPDATE:upload@2"), TONIGHT)
    assert (words(in_time.record.open), in_time.record.held, ended(in_time)) == (
        "UPDATE:upload@2",
        (),
        "UPDATE:upload@1",
    )


def test_a_held_upload_is_put_on_the_list_when_its_window_is_open() -> None:
    """Not before, and with the time when that was; one that was missed is held until the next time."""
    record = with_window(EVENING, held="UPDATE:upload@1")
    early = windows_opened(record, TONIGHT - timedelta(seconds=1))
    assert early.record is record
    through = windows_opened(record, TONIGHT).record
    assert (words(through.open), through.held) == ("UPDATE:upload@1", ())
    assert (through.open[0].held_until, through.open[0].resumed_at) == (None, TONIGHT)
    missed = windows_opened(record, TONIGHT + timedelta(hours=1)).record
    assert (missed.open, missed.held_until) == ((), TONIGHT + timedelta(days=1))
    assert words(missed.held) == "UPDATE:upload@1"


def test_a_window_that_is_changed_or_taken_away_counts_for_what_is_held() -> None:
    """From the sweeper's next look on; but an upload that brings its own window keeps that."""
    record = with_window(EVENING, held="UPDATE:upload@1")
    taken_away = looked_at_again(record.but(wanted=release("old")), NOW)
    assert taken_away.held_until == NOW
    assert words(windows_opened(taken_away, NOW).record.open) == "UPDATE:upload@1"
    changed = looked_at_again(record.but(wanted=release("old", Spec(update_window=AFTERNOON))), NOW)
    assert windows_opened(changed, NOW).record.held_until == SOON
    own = queued(with_window(None), described("UPDATE:upload@1", EVENING), NOW).record
    assert windows_opened(looked_at_again(own, NOW), NOW).record.held_until == TONIGHT


def test_pausing_by_hand_goes_before_a_window() -> None:
    """Neither opening nor a look lets through what somebody holds; resuming does, whatever the window says."""
    record = paused(with_window(EVENING, held="UPDATE:upload@1"), NOW).record
    assert (words(record.held), record.held_until, record.uploads_paused) == ("UPDATE:upload@1", None, True)
    assert windows_opened(record, TONIGHT).record is record
    newer = queued(record, operation("UPDATE:upload@2"), NOW).record
    assert (words(newer.held), newer.held_until) == ("UPDATE:upload@2", None)
    assert looked_at_again(newer, NOW) == newer
    back = resumed(newer, NOW).record
    assert (words(back.open), back.held, back.uploads_paused) == ("UPDATE:upload@2", (), False)
    assert back.open[0].resumed_at == NOW


def test_what_is_held_for_its_window_is_let_through_by_hand() -> None:
    """Resuming uploads that are not paused."""
    back = resumed(with_window(EVENING, held="UPDATE:upload@1"), NOW).record
    assert (words(back.open), back.held) == ("UPDATE:upload@1", ())
    assert (back.open[0].held_until, back.open[0].resumed_at) == (None, NOW)


def test_deleting_a_job_ends_what_was_held_for_its_window() -> None:
    """It was uploaded before: a job that was deleted is not started again at night."""
    record = with_window(EVENING, held="UPDATE:upload@1").but(deleted=True, current=None, wanted=None)
    done = windows_opened(record, NOW)
    assert (done.record.open, done.record.held, done.record.deleted) == ((), (), True)
    assert [one.result and one.result.outcome for one in done.ended] == [Outcome.SUPERSEDED]
    by_hand = record.but(uploads_paused=True)
    assert windows_opened(by_hand, NOW).record is by_hand


ANY = st.sampled_from(
    [
        *("STOP", "CANCEL", "SAVEPOINT", "START", "UPDATE", "LAST_STATE_UPDATE", "DELETE", "take", "done"),
        *("pause", "resume", "sweep", "window", "no window"),
    ]
) | st.integers(1, 9).map(lambda second: f"UPDATE:upload@{second}")


@given(st.lists(ANY, max_size=40))
def test_whatever_comes_every_operation_is_on_the_list_or_held_or_ended_once(events: list[str]) -> None:
    """Nothing is lost, nothing is there twice, at most one has begun and it is the first; of uploads one waits at most
    on the list, and a newer one may be held.
    """
    record, closed, asked = JobRecord(name=ORDERS), list[str](), list[str]()
    for number, event in enumerate(events):
        now = NOW + timedelta(minutes=7 * number)
        done = _happens(record, event, number, now, asked)
        record = done.record
        closed += [one.id for one in done.ended]
        there = [one.id for one in (*record.open, *record.held)]
        assert sorted(there + closed) == sorted(asked)
        assert [place for place, one in enumerate(record.open) if one.driven_at] in ([], [0])
        waiting, held = _uploads(record.open), _uploads(record.held)
        assert len(waiting) <= 1
        assert len(held) <= 1
        assert not waiting or not held or max(waiting) <= min(held)
        assert all(record.uploads_paused == (one.held_until is None) for one in record.held)
        assert not any(one.held_until for one in record.open)


def _uploads(operations: tuple[Operation, ...]) -> set[datetime]:
    """Return the times of the uploads that wait."""
    waiting = (one.request.jar for one in operations if one.driven_at is None)
    return {jar.last_modified for jar in waiting if jar and jar.last_modified}


def _happens(record: JobRecord, event: str, number: int, now: datetime, asked: list[str]) -> Queued:
    match event:
        case "pause":
            return paused(record, now)
        case "resume":
            return resumed(record, now)
        case "take":
            return Queued(taken_up(record, now))
        case "sweep":
            return windows_opened(record, now)
        case "window" | "no window":
            window = EVENING if event == "window" else None
            return Queued(looked_at_again(record.but(wanted=release("old", Spec(update_window=window))), now))
        case "done":
            return Queued(record.but(open=record.open[1:]), record.open[:1])
        case _:
            new = operation(event).model_copy(update={"id": operation_id(ORDERS, at=now, identity=str(number))})
            asked.append(new.id)
            return queued(record, new, now)
