"""Uploads and the job's `updateWindow`, on a real Azurite: held, shown, let through by the sweeper or by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from flinkfuncs.clients.ledger import Entry
from flinkfuncs.control import Control
from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Operation, Outcome
from flinkfuncs.core.releases import SpecPatch
from flinkfuncs.core.windows import DailyWindow, NoWindow
from flinkfuncs.intake import Intake
from tests.fixtures.scenes import Died, Play
from tests.stand_in.rest import FlinkServer
from tests.unit.builders import ORDERS
from tests.wire.api import Api, json_of
from tests.wire.storage import ClockedLedger, Storage
from tests.wire.test_load import counted
from tests.wire.unheard import UnheardLedger

HOUR = 3600.0


def opening(play: Play) -> datetime:
    """Return the minute two hours from now."""
    return (play.storage.clock.now() + timedelta(hours=2)).replace(second=0, microsecond=0)


def window(opens: datetime) -> dict[str, object]:
    """Return a window of an hour, as a job.json has it."""
    return {"from": f"{opens:%H:%M}", "until": f"{opens + timedelta(hours=1):%H:%M}", "timeZone": "UTC"}


def swept(play: Play) -> JobRecord:
    """Let a sweep come, and return the record."""
    play.intake.sweep(play.storage.clock.now())
    return play.record


def later(play: Play, hours: float) -> Play:
    """Let time pass."""
    play.storage.clock.sleep(hours * HOUR)
    return play


def outcome(play: Play, operation: Operation) -> Outcome | None:
    """Return how an operation ended."""
    found = play.ledger.find(operation.id)
    return found.result.outcome if found.result else None


@pytest.fixture
def play(storage: Storage, flink: FlinkServer) -> Play:
    """A job that runs, and whose release has a window in two hours; its first upload was not held."""
    play = Play(storage, flink)
    play.uploads(updateWindow=window(opening(play))).drives()
    assert play.record.last
    assert play.record.last.outcome is Outcome.SUCCEEDED
    storage.nudges()
    return play


@pytest.fixture
def held(play: Play) -> Operation:
    """The next upload, which is held."""
    play.uploads(updateWindow=window(opening(play)))
    (held,) = play.record.held
    return held


def test_an_upload_outside_its_window_waits_and_goes_at_its_time(play: Play) -> None:
    """Nobody is sent for before; then the sweeper does it, and the update is like any other."""
    at = opening(play)
    play.uploads(updateWindow=window(at))
    (held,) = play.record.held
    assert (play.record.open, held.held_until) == ((), at)
    assert swept(play).held == (held,)
    assert swept(later(play, 1.9)).held == (held,)
    assert play.storage.nudges() == []
    record = swept(later(play, 0.15))
    assert ([one.id for one in record.open], record.held) == ([held.id], ())
    assert record.open[0].resumed_at
    assert record.open[0].resumed_at >= at
    assert play.storage.nudges() == [{"job": ORDERS, "operation": held.id}]
    play.drives()
    assert outcome(play, held) is Outcome.SUCCEEDED
    assert play.record.wanted
    assert play.record.wanted.jar_name == "v2.jar"


def test_the_window_of_the_recorded_release_holds_a_jar_without_a_job_json(play: Play) -> None:
    """It keeps the recorded spec, and with it the window; in the window it is taken at once."""
    play.storage.uploads.delete_blob("stateful/orders/job.json")
    play.storage.upload("stateful/orders/plain.jar", b"PK")
    held = play.intake.upload("stateful/orders/plain.jar")
    assert held
    assert [one.id for one in play.record.held] == [held.id]
    assert held.held_until
    later(play, 2.5).storage.next_second()
    play.storage.upload("stateful/orders/another.jar", b"PK")
    taken = play.intake.upload("stateful/orders/another.jar")
    assert taken
    assert ([one.id for one in play.record.open], play.record.held) == ([taken.id], ())
    assert outcome(play, held) is Outcome.SUPERSEDED


def test_what_is_held_is_shown_with_until_when(play: Play, held: Operation) -> None:
    """In the job, in lists, as an operation and as an upload; and it is let through by hand."""
    api, until = Api(play), f"{held.held_until:%Y-%m-%dT%H:%M:%SZ}"
    shown = json_of(api.get(f"/api/operations/{held.id}"))
    assert (shown["state"], shown["heldUntil"]) == ("open", until)
    assert shown["message"] == f"held until {until} by its updateWindow"
    uploads = {"paused": False, "held": [shown]}
    assert json_of(api.get("/api/jobs/orders/uploads")) == uploads
    assert json_of(api.get("/api/jobs/orders"))["uploads"] == uploads
    (job,) = json_of(api.get("/api/jobs"))["jobs"]
    assert (job["heldUntil"], job["uploadsPaused"], job["openCount"]) == (until, False, 0)
    newest = json_of(api.get("/api/uploads"))["uploads"][0]
    assert (newest["state"], newest["message"]) == ("open", shown["message"])
    with counted() as asked_for:
        (listed,) = json_of(api.get("/api/operations?state=open"))["operations"]
    assert asked_for == {"list": 1}
    assert listed == {name: shown[name] for name in listed} | {
        "request": {"action": "UPDATE"},
        "cause": {"kind": "upload"},
    }
    assert (listed["heldUntil"], listed["message"]) == (until, shown["message"])
    assert json_of(api.put("/api/jobs/orders/uploads", b'{"paused": false}')) == {"paused": False, "held": []}
    assert "uploads" not in json_of(api.get("/api/jobs/orders"))
    shown = json_of(api.get(f"/api/operations/{held.id}"))
    assert shown["resumedAt"]
    assert {"heldUntil", "message"} & set(shown) == set()
    play.drives()
    assert outcome(play, held) is Outcome.SUCCEEDED


def test_a_newer_upload_takes_the_place_of_one_that_is_held(play: Play, held: Operation) -> None:
    """Held like it, or at once, where its job.json has no window."""
    play.uploads(updateWindow=window(opening(play)))
    (newer,) = play.record.held
    assert (newer.id != held.id, outcome(play, held)) == (True, Outcome.SUPERSEDED)
    play.uploads()
    assert (play.record.held, outcome(play, newer)) == ((), Outcome.SUPERSEDED)
    play.drives()
    assert play.record.wanted
    assert (play.record.wanted.jar_name, play.record.wanted.spec.update_window) == ("v4.jar", None)


def test_pausing_by_hand_goes_before_the_window(play: Play, held: Operation) -> None:
    """The sweeper lets nothing through that somebody holds, and resuming asks no window."""
    play.control.pause_uploads(ORDERS, paused=True)
    assert [one.id for one in swept(later(play, 2.5)).held] == [held.id]
    later(play, 2)
    assert [one.id for one in play.control.pause_uploads(ORDERS, paused=False).open] == [held.id]


def test_a_window_that_was_missed_is_waited_for_again(play: Play, held: Operation) -> None:
    """The sweeper may have been away."""
    assert held.held_until
    (still,) = swept(later(play, 4)).held
    assert still == held.model_copy(update={"held_until": held.held_until + timedelta(days=1)})
    assert play.storage.nudges() == []


def test_a_job_json_that_changes_only_the_window_is_recorded_and_restarts_nothing(play: Play) -> None:
    """It is an upload of the release that runs."""
    starts = len(play.cluster.starts())
    body = play.storage.uploads.download_blob("stateful/orders/job.json").readall().decode()
    play.storage.next_second()
    play.storage.upload("stateful/orders/job.json", body.replace('"UTC"', '"Europe/Berlin"'))
    taken = play.intake.upload("stateful/orders/job.json")
    assert taken
    play.control.pause_uploads(ORDERS, paused=False)
    play.drives()
    assert outcome(play, taken) is Outcome.SUCCEEDED
    assert play.record.wanted
    assert isinstance(play.record.wanted.spec.update_window, DailyWindow)
    assert play.record.wanted.spec.update_window.time_zone == "Europe/Berlin"
    assert len(play.cluster.starts()) == starts


def test_a_call_takes_the_window_away_and_the_next_sweep_lets_through_what_it_held(play: Play) -> None:
    """Without a restart."""
    starts = len(play.cluster.starts())
    play.storage.uploads.delete_blob("stateful/orders/job.json")
    play.storage.upload("stateful/orders/plain.jar", b"PK")
    held = play.intake.upload("stateful/orders/plain.jar")
    assert held
    play.asks(Action.UPDATE, spec=SpecPatch(update_window=NoWindow())).drives()
    assert play.record.wanted
    assert play.record.wanted.spec.update_window is None
    assert len(play.cluster.starts()) == starts
    assert [one.id for one in play.record.held] == [held.id]
    assert [one.id for one in swept(play).open] == [held.id]


def test_what_is_held_does_not_bring_a_deleted_job_back(play: Play, held: Operation) -> None:
    """It was uploaded before the DELETE."""
    play.asks(Action.STOP).drives().asks(Action.DELETE).drives()
    record = swept(play)
    assert (record.deleted, record.open, record.held) == (True, (), ())
    assert outcome(play, held) is Outcome.SUPERSEDED


def test_a_sweep_reads_only_the_records_whose_window_is_due(play: Play, held: Operation) -> None:
    """What is held costs nothing until then: 3 listings, as ever."""
    play.intake.sweep(play.storage.clock.now())
    with counted() as before:
        play.intake.sweep(play.storage.clock.now())
    assert before == {"list": 3}
    later(play, 2.1)
    assert [one.id for one in swept(play).open] == [held.id]


# ------------------------------------------------------------------------------------------------- death between writes


class MortalLedger(ClockedLedger):
    """A ledger whose process dies before or after one of its writes."""

    def __init__(self, storage: Storage, *, before: bool) -> None:
        """Die at the next write of a record."""
        super().__init__(storage)
        self._before = before

    def write(self, record: JobRecord, *, etag: str | None) -> Entry:
        """Write, and die; or die."""
        if not self._before:
            super().write(record, etag=etag)
        raise Died


def dying(play: Play, *, before: bool) -> Intake:
    """Return an intake of a process that dies at its next write of a record."""
    ledger = MortalLedger(play.storage, before=before)
    return Intake(ledger, play.storage.queue, play.cluster.jars, play.cluster, now=play.storage.clock.now)


@pytest.mark.parametrize("before", [True, False])
def test_a_death_at_the_write_that_holds_an_upload_loses_nothing(play: Play, before: bool) -> None:
    """The event comes again, or the sweeper finds the blob; it is held once, until the same time."""
    at, intake = opening(play), play.intake
    play.intake = dying(play, before=before)
    with pytest.raises(Died):
        play.uploads(updateWindow=window(at))
    play.intake = intake
    record = swept(play)
    assert [one.held_until for one in record.held] == [at]
    assert play.intake.upload("stateful/orders/v2.jar") == record.held[0]
    assert swept(play) == record
    assert (record.open, play.storage.nudges()) == ((), [])


@pytest.mark.parametrize("before", [True, False])
def test_a_death_at_the_write_that_lets_it_through_loses_nothing(play: Play, held: Operation, before: bool) -> None:
    """The next sweep does it, or sends for the driver that the dead one did not send for."""
    later(play, 2.1)
    with pytest.raises(Died):
        dying(play, before=before).sweep(play.storage.clock.now())
    assert play.storage.nudges() == []
    record = swept(play)
    assert ([one.id for one in record.open], record.held) == ([held.id], ())
    assert play.storage.nudges() == [{"job": ORDERS, "operation": held.id}]
    play.drives()
    assert outcome(play, held) is Outcome.SUCCEEDED


@pytest.mark.parametrize("before", [True, False])
def test_a_death_at_the_write_that_supersedes_it_loses_nothing(play: Play, held: Operation, before: bool) -> None:
    """Closed before it leaves the record, it is closed again as it is; the newer one is held, once."""
    intake = play.intake
    play.intake = dying(play, before=before)
    with pytest.raises(Died):
        play.uploads(updateWindow=window(opening(play)))
    play.intake = intake
    (newer,) = swept(play).held
    assert (newer.id != held.id, outcome(play, held)) == (True, Outcome.SUPERSEDED)
    assert [one.id for one in swept(later(play, 2.1)).open] == [newer.id]


def test_letting_through_that_is_not_answered_is_looked_for(play: Play, held: Operation) -> None:
    """By the sweeper and by hand: the driver that came in between keeps what it wrote."""
    later(play, 2.1)
    ledger = UnheardLedger(play.storage, then=play.drives)
    intake = Intake(ledger, play.storage.queue, play.cluster.jars, play.cluster, now=play.storage.clock.now)
    intake.sweep(play.storage.clock.now())
    assert ledger.unheard
    assert (play.record.open, play.record.held, outcome(play, held)) == ((), (), Outcome.SUCCEEDED)
    play.uploads(updateWindow=window(opening(play)))
    assert play.record.held
    ledger = UnheardLedger(play.storage)
    Control(ledger, play.storage.queue).pause_uploads(ORDERS, paused=False)
    assert ledger.unheard
    assert (len(play.record.open), play.record.held) == (1, ())
