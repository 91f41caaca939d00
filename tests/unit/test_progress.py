"""How a record changes with each step: every call is counted, and nothing is forgotten."""

from __future__ import annotations

from datetime import timedelta

from flinkfuncs.core import progress, queueing
from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Operation, Outcome
from flinkfuncs.core.releases import Spec
from flinkfuncs.core.steps import End, Keep, Kept, Start, Stop, Turned, Wait
from flinkfuncs.core.windows import DailyWindow
from tests.unit.builders import NEW, NOW, OLD_ID, ago, asked, copy_of, job, release, savepoint, with_marks

UPDATE = asked(Action.UPDATE, brings=NEW)
STOP = Stop(OLD_ID, UPDATE.token("stop"), "file:///sp", "CANONICAL")
START = Start(UPDATE.token("copy"), NEW, "file:///sp/1", incarnation="first", stop_savepoint="file:///sp/1")


def open_operation(record: JobRecord) -> Operation:
    """Return the operation as it stands."""
    operation = record.operation(UPDATE.id)
    assert operation
    return operation


def test_when_an_operation_was_first_taken_up_stays() -> None:
    """A second driver does not make it younger."""
    record = queueing.taken_up(job(None, with_marks(UPDATE, driven_at=None)), ago(9))
    again = queueing.taken_up(record, NOW)
    assert open_operation(again).driven_at == ago(9)


def test_a_start_that_is_begun_records_the_stops_savepoint_and_the_copy_before_the_call() -> None:
    """Sent again it is the same copy and the same savepoint, and one call more."""
    record = progress.begun(job(copy_of(), UPDATE), UPDATE.id, START, NOW)
    assert record.current
    assert (record.current.flink_job_id, record.current.may_appear) == (UPDATE.token("copy"), True)
    assert [(s.path, s.flink_job_id) for s in record.savepoints] == [("file:///sp/1", OLD_ID)]
    again = progress.begun(record, UPDATE.id, START, NOW)
    assert (again.current, again.savepoints) == (record.current, record.savepoints)
    mark = open_operation(again).start
    assert mark
    assert (mark.unanswered, mark.sent_at, mark.incarnation) == (2, NOW, "first")


def test_a_call_that_is_refused_or_did_not_leave_is_counted_back() -> None:
    """What was unanswered before it still counts."""
    record = progress.begun(job(copy_of(), UPDATE), UPDATE.id, STOP, NOW)
    refused = open_operation(progress.learned(record, UPDATE.id, STOP, Turned("no"))).stop
    assert refused
    assert (refused.unanswered, refused.refused) == (0, "no")
    unsent = open_operation(progress.unsent(record, UPDATE.id, STOP)).stop
    assert unsent
    assert (unsent.unanswered, unsent.refused) == (0, None)
    twice = progress.begun(record, UPDATE.id, STOP, NOW)
    left = open_operation(progress.learned(twice, UPDATE.id, STOP, Turned("no"))).stop
    assert left
    assert left.unanswered == 1


def test_what_was_kept_is_learned_once() -> None:
    """The release of the operation, and nothing of the job."""
    record = job(copy_of(), asked(Action.UPDATE))
    learned = progress.learned(record, UPDATE.id, Keep(), Kept(NEW))
    assert open_operation(learned).release == NEW
    assert learned.wanted == record.wanted
    assert progress.learned(learned, UPDATE.id, Keep(), Kept(NEW)) == learned


def test_a_wait_writes_down_only_what_is_new() -> None:
    """Since when the copy vanished, until it is seen again; that the new one was listed."""
    record = job(copy_of(seen=False), UPDATE)
    assert progress.noted(record, UPDATE.id, Wait(1, "x"), NOW) is record
    vanished = progress.noted(record, UPDATE.id, Wait(1, "x", vanished=True), ago(5))
    assert open_operation(vanished).vanished_at == ago(5)
    assert progress.noted(vanished, UPDATE.id, Wait(1, "x", vanished=True), NOW) is vanished
    back = progress.noted(vanished, UPDATE.id, Wait(1, "x", listed=True), NOW)
    assert open_operation(back).vanished_at is None
    assert back.current
    assert back.current.seen
    assert progress.noted(back, UPDATE.id, Wait(1, "x", listed=True), NOW) is back


def test_a_silence_of_the_cluster_is_counted_from_its_own_beginning() -> None:
    """Not from the operation's: one that waited long is not given up at the first call that goes wrong."""
    record = job(copy_of(), UPDATE)
    silence = Wait(1, "no connection", unreachable=True)
    silent = progress.noted(record, UPDATE.id, silence, ago(5))
    assert open_operation(silent).unreachable_at == ago(5)
    assert progress.noted(silent, UPDATE.id, silence, NOW) is silent
    assert open_operation(progress.noted(silent, UPDATE.id, Wait(1, "x"), NOW)).unreachable_at is None
    assert open_operation(progress.begun(silent, UPDATE.id, Keep(), NOW)).unreachable_at is None


def test_a_stop_that_ended_leaves_its_savepoint_and_how_the_copy_ended() -> None:
    """And the operation leaves the open list; what waits stays."""
    waiting = asked(Action.CANCEL, identity="waiting")
    record = job(copy_of(), UPDATE, waiting, savepoints=(savepoint("file:///sp/0"),))
    end = End(Outcome.SUCCEEDED, "stopped", ended="STOPPED", savepoint="file:///sp/1")
    over = progress.concluded(record, UPDATE, end, NOW)
    assert over.open == (waiting,)
    assert [s.path for s in over.savepoints] == ["file:///sp/0", "file:///sp/1"]
    assert over.current
    assert over.current.ended == "STOPPED"
    assert over.last
    assert over.last.id == UPDATE.id
    assert progress.with_savepoint(over, UPDATE, "file:///sp/1", NOW) == over


def test_only_success_makes_a_release_the_wanted_one() -> None:
    """A failed update leaves what the job should run."""
    record = job(copy_of(), UPDATE)
    failed = progress.concluded(record, UPDATE, End(Outcome.FAILED, "no", wanted=NEW), NOW)
    assert failed.wanted == record.wanted
    assert progress.concluded(record, UPDATE, End(Outcome.SUCCEEDED, "yes", wanted=NEW), NOW).wanted == NEW


def test_the_same_release_may_be_wanted_with_another_window() -> None:
    """What does not make it another release is kept as the newest one says, and nothing else of it."""
    window = DailyWindow(opens="02:00", until="05:00")
    again = release("old", Spec(update_window=window, require_slots=True))
    record = job(copy_of(), UPDATE, wanted_at=ago(60))
    wanted = progress.concluded(record, UPDATE, End(Outcome.SUCCEEDED, "it runs already", wanted=again), NOW)
    assert wanted.wanted == again
    assert wanted.wanted_at == ago(60)
    elsewhere = again.model_copy(update={"source": again.source.model_copy(update={"etag": "touched"})})
    assert progress.concluded(record, UPDATE, End(Outcome.SUCCEEDED, "", wanted=elsewhere), NOW).wanted == again


def test_what_is_held_for_a_window_is_looked_at_again_when_there_is_another_one() -> None:
    """Also when the job is deleted; any other end of an operation leaves it alone."""
    tonight = NOW + timedelta(hours=8)
    held = with_marks(asked(Action.UPDATE, by="upload", identity="held"), held_until=tonight)
    record = job(copy_of(), UPDATE).but(held=(held,))
    windowed = release("old", Spec(update_window=DailyWindow(opens="02:00", until="05:00")))
    ends = {
        NOW: (End(Outcome.SUCCEEDED, "", wanted=windowed), End(Outcome.SUCCEEDED, "deleted", forget=True)),
        tonight: (End(Outcome.SUCCEEDED, "", wanted=NEW), End(Outcome.FAILED, "", wanted=windowed)),
    }
    for until, over in ends.items():
        for end in over:
            assert progress.concluded(record, UPDATE, end, NOW).held_until == until


def test_delete_keeps_the_savepoints_and_frees_the_name() -> None:
    """The record becomes a tombstone."""
    record = job(copy_of(ended="STOPPED"), UPDATE, savepoints=(savepoint("file:///sp/0"),), folder="stateful")
    gone = progress.concluded(record, UPDATE, End(Outcome.SUCCEEDED, "deleted", forget=True), NOW)
    assert gone.deleted
    assert (gone.current, gone.wanted, gone.folder) == (None, None, None)
    assert gone.savepoints == record.savepoints


def test_a_closed_operation_names_its_savepoint_and_its_copy() -> None:
    """Written again after a crash, it is the same text."""
    record = progress.begun(job(copy_of(), UPDATE), UPDATE.id, START, NOW)
    end = End(Outcome.SUCCEEDED, "runs", restored_from="file:///sp/1")
    closed = progress.closed(record, UPDATE.id, end, NOW)
    assert closed.result
    assert (closed.result.savepoint, closed.result.flink_job_id) == ("file:///sp/1", UPDATE.token("copy"))
    assert progress.closed(record, UPDATE.id, end, NOW).to_json() == closed.to_json()


def test_who_ended_a_copy_is_written_down_with_its_end() -> None:
    """An upload may start what an update left standing, and nothing that was ended on purpose."""

    def by(end: End) -> tuple[str | None, Action | None]:
        operation = progress.closed(job(copy_of(), UPDATE), UPDATE.id, end, NOW)
        current = progress.concluded(job(copy_of(), UPDATE), operation, end, NOW).current
        assert current
        return current.ended, current.ended_by

    assert by(End(Outcome.FAILED, "x", ended="STOPPED")) == ("STOPPED", Action.UPDATE)
    assert by(End(Outcome.FAILED, "x", ended="CANCELED")) == ("CANCELED", Action.UPDATE)
    assert by(End(Outcome.FAILED, "x", code="CanceledMeanwhile", ended="CANCELED")) == ("CANCELED", None)
    assert by(End(Outcome.FAILED, "x", ended="FAILED")) == ("FAILED", None)
    assert by(End(Outcome.FAILED, "x", listed=True)) == (None, None)
