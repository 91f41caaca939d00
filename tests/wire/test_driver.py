"""How an operation is driven through crashes, outages and hops: the real loop and ledger, on a stand-in for Flink."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from functools import partial
from itertools import count

import pytest

from flinkfuncs.clients.ledger import Entry, Ledger
from flinkfuncs.clusters.cluster import Cluster
from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import FlinkFuncsError, Refused, Unanswered, Unavailable
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Operation, Outcome
from flinkfuncs.core.steps import Check, Learned, Start, Step, Stop, UploadJar
from flinkfuncs.operations import Driver, Patience
from tests.stand_in.rest import FlinkServer
from tests.unit.builders import ORDERS, asked, with_marks
from tests.wire.mortal import CrashError, MortalLedger, Points
from tests.wire.session import Session, put
from tests.wire.storage import Storage
from tests.wire.unheard import UnheardLedger


class MortalCluster(Session):
    """A cluster whose client may die before and behind each call."""

    points = Points()

    def act(self, record: JobRecord, operation: Operation, step: Step) -> Learned:
        """Act between two places."""
        self.points.cross()
        learned = super().act(record, operation, step)
        self.points.cross()
        return learned


def driver(storage: Storage, cluster: Cluster, *, ledger: Ledger | None = None, **patience: float) -> Driver:
    """Return a driver as another process would have one."""
    return storage.driver(cluster, Patience(**patience), ledger=ledger)


def result(storage: Storage, operation: Operation) -> tuple[Outcome, str | None, str]:
    """Return how a closed operation ended."""
    closed = storage.ledger().closed(operation.id)
    assert closed, "the operation is not closed"
    assert closed.result
    return closed.result.outcome, closed.result.code, closed.result.message


def read(storage: Storage, job: JobName = ORDERS) -> JobRecord:
    """Return the record."""
    record = storage.ledger().read(job)
    assert record
    return record


def running_job(storage: Storage, cluster: Session) -> None:
    """Start a first copy."""
    first = put(storage, asked(Action.NEW, identity="the first"))
    driver(storage, cluster).drive(ORDERS)
    assert result(storage, first)[0] is Outcome.SUCCEEDED
    cluster.acts.clear()


def test_an_update_is_one_stop_and_one_start_from_its_savepoint(storage: Storage, cluster: Session) -> None:
    """Each step is written down, and the result says what the new copy was started from."""
    running_job(storage, cluster)
    update = put(storage, asked(Action.UPDATE))
    driver(storage, cluster).drive(ORDERS)
    steps = ["Keep", "UploadJar", "Check", "Stop", "Start", "TakeCheckpoint"]
    assert [type(step).__name__ for step in cluster.acts] == steps
    closed = storage.ledger().find(update.id)
    assert [taken.step for taken in closed.steps] == steps
    assert closed.result
    assert closed.result.outcome is Outcome.SUCCEEDED
    assert closed.result.restored_from == closed.result.savepoint == cluster.starts()[0].savepoint
    record = read(storage)
    assert (record.open, record.lease) == ((), None)
    assert [savepoint.path for savepoint in record.savepoints] == [closed.result.savepoint]
    assert cluster.flink.running_ids() == [update.token("copy")]


@pytest.mark.parametrize(
    "action",
    [
        Action.UPDATE,
        pytest.param(Action.STATELESS_UPDATE, marks=pytest.mark.nightly("UPDATE dies at the same places")),
        Action.STOP,
        Action.CANCEL,
    ],
)
def test_a_driver_that_dies_anywhere_is_followed_by_one_that_ends_the_operation_rightly(
    storage: Storage, flink: FlinkServer, action: Action
) -> None:
    """Before and behind every write and every call: one stop, one start, the same ids, and the rightful end."""
    running_job(storage, Session(storage, flink))
    running, before = flink.flink, read(storage)
    for deadly in count(1):
        storage.cluster = f"cluster{deadly}"  # a ledger of its own, and a Flink
        storage.ledger().write(before, etag=None)
        flink.serve(running.like())
        if not _die_once(storage, flink, action, deadly):
            break
    assert deadly > 10, "there are more places than that"


def _die_once(storage: Storage, flink: FlinkServer, action: Action, deadly: int) -> bool:
    """Die at one place and have another driver go on; False where there is no such place any more."""
    cluster, ledger = MortalCluster(storage, flink), MortalLedger(storage)
    operation = put(storage, asked(action, identity=f"dies at {deadly}"))
    points = Points(deadly)
    cluster.points = ledger.points = points
    died = False
    try:
        driver(storage, cluster, ledger=ledger).drive(ORDERS)
    except CrashError:
        died = True
        cluster.points = Points()
    storage.clock.sleep(Patience().lease_seconds + 1)  # of one that died right after its claim
    driver(storage, cluster).drive(ORDERS)
    assert result(storage, operation)[0] is Outcome.SUCCEEDED, f"died at {deadly}: {result(storage, operation)}"
    assert len({step.trigger_id for step in cluster.acts if isinstance(step, Stop)}) <= 1
    assert {start.flink_job_id for start in cluster.starts()} <= {operation.token("copy")}
    starts = action.takes_release
    assert cluster.flink.running_ids() == ([operation.token("copy")] if starts else [])
    record = read(storage)
    assert record.open == ()
    assert len(record.savepoints) == (0 if action is Action.CANCEL else 1)
    assert flink.flink.wrong == []
    return died


class Faulty(Session):
    """A cluster that answers a kind of step with an error, for a number of times; with `takes` it was carried out."""

    def __init__(
        self,
        kind: type[Step],
        error: Exception,
        *,
        storage: Storage,
        flink: FlinkServer,
        times: int = 1,
        takes: bool = False,
    ) -> None:
        """Keep the fault."""
        super().__init__(storage, flink)
        self.kind, self.error, self.left, self.takes = kind, error, times, takes

    def act(self, record: JobRecord, operation: Operation, step: Step) -> Learned:
        """Fail, or act."""
        if not isinstance(step, self.kind) or self.left == 0 or operation.action is Action.NEW:
            return super().act(record, operation, step)
        self.left -= 1
        if self.takes:
            super().act(record, operation, step)
        raise self.error


@pytest.mark.parametrize(
    ("cluster", "stops", "starts"),
    [
        (partial(Faulty, Start, Unanswered("no answer"), takes=True), 1, 1),
        (partial(Faulty, Start, Unavailable("no connection")), 1, 1),
        (partial(Faulty, Stop, Unanswered("no answer"), takes=True), 1, 1),
        (partial(Faulty, Stop, Unavailable("no connection")), 1, 1),
    ],
    ids=["start unanswered", "start unsent", "stop unanswered", "stop unsent"],
)
def test_a_call_that_went_wrong_is_looked_for_before_it_is_sent_again(
    storage: Storage, flink: FlinkServer, cluster: partial[Faulty], stops: int, starts: int
) -> None:
    """What was carried out is adopted, what never left is sent again; never is anything done twice."""
    faulty = cluster(storage=storage, flink=flink)
    running_job(storage, faulty)
    update = put(storage, asked(Action.UPDATE))
    driver(storage, faulty).drive(ORDERS)
    assert result(storage, update)[0] is Outcome.SUCCEEDED
    assert sum(isinstance(step, Stop) for step in faulty.acts) == stops
    assert len(faulty.starts()) == starts


def test_a_start_that_is_refused_leads_back_to_the_old_release(storage: Storage, flink: FlinkServer) -> None:
    """It is started again from the savepoint that the stop wrote, under an id of its own."""
    cluster = Faulty(Start, Refused("main() threw"), storage=storage, flink=flink)
    running_job(storage, cluster)
    update = put(storage, asked(Action.UPDATE))
    driver(storage, cluster).drive(ORDERS)
    assert result(storage, update)[:2] == (Outcome.ROLLED_BACK, "RolledBack")
    assert cluster.flink.running_ids() == [update.token("rollback")]
    assert cluster.starts()[-1].savepoint == read(storage).savepoints[-1].path


@pytest.mark.parametrize(
    ("error", "times", "end"),
    [
        (Unanswered("no answer"), 1, (Outcome.SUCCEEDED, None)),
        (Unanswered("no answer"), 9, (Outcome.REFUSED, "PlanUnanswered")),
        (Unavailable("busy"), 3, (Outcome.SUCCEEDED, None)),
        (Refused("not allowed", code="Denied"), 1, (Outcome.REFUSED, "Denied")),
    ],
)
def test_a_check_that_goes_wrong_leaves_the_job_untouched(
    storage: Storage, flink: FlinkServer, error: FlinkFuncsError, times: int, end: tuple[Outcome, str | None]
) -> None:
    """A main() that may have run is begun twice at most; one that surely did not run is asked for again."""
    cluster = Faulty(Check, error, times=times, storage=storage, flink=flink)
    running_job(storage, cluster)
    update = put(storage, asked(Action.UPDATE))
    driver(storage, cluster).drive(ORDERS)
    assert result(storage, update)[:2] == end
    assert any(isinstance(step, Stop) for step in cluster.acts) is (end[0] is Outcome.SUCCEEDED)
    assert len(cluster.flink.running_ids()) == 1


def test_a_jar_that_is_refused_after_the_stop_leaves_the_job_stopped_with_its_savepoint(
    storage: Storage, flink: FlinkServer
) -> None:
    """The cluster lost the jar while the job stopped, and does not take it again: nothing is forgotten."""

    class Forgetful(Faulty):
        def act(self, record: JobRecord, operation: Operation, step: Step) -> Learned:
            learned = super().act(record, operation, step)
            if isinstance(step, Stop):
                self.flink.jars.clear()
                self.left, self.kind = 1, UploadJar
            return learned

    cluster = Forgetful(UploadJar, Refused("too large", code="TooLarge"), times=0, storage=storage, flink=flink)
    running_job(storage, cluster)
    update = put(storage, asked(Action.UPDATE))
    driver(storage, cluster).drive(ORDERS)
    assert result(storage, update)[:2] == (Outcome.FAILED, "TooLarge")
    record = read(storage)
    assert record.current
    assert record.current.ended == "STOPPED"
    start = put(storage, asked(Action.START, identity="the way back"))
    driver(storage, cluster).drive(ORDERS)
    assert result(storage, start)[0] is Outcome.SUCCEEDED
    assert cluster.starts()[-1].savepoint == record.savepoints[-1].path


class Broken(Session):
    """A cluster whose looks fail with an error of ours in the code, or of the wire."""

    def __init__(self, error: Exception, storage: Storage, flink: FlinkServer) -> None:
        """Keep the error; it is raised while `broken`."""
        super().__init__(storage, flink)
        self.error, self.broken = error, True

    def next_step(self, record: JobRecord, operation: Operation, now: datetime) -> Step:
        """Fail."""
        if self.broken:
            raise self.error
        return super().next_step(record, operation, now)


def test_an_operation_whose_every_attempt_crashes_ends_as_failed_with_the_cause(
    storage: Storage, flink: FlinkServer
) -> None:
    """The last attempt gives it up; the job's next operation gets a driver at once."""
    cluster = Broken(AssertionError("a bug"), storage, flink)
    poisoned, next_one = put(storage, asked(Action.NEW)), put(storage, asked(Action.DELETE, identity="next"))
    for _ in range(5):
        with pytest.raises(AssertionError):
            driver(storage, cluster).drive(ORDERS)
    driver(storage, cluster).give_up(ORDERS, poisoned.id, "crashed with AssertionError")
    outcome, code, message = result(storage, poisoned)
    assert (outcome, code) == (Outcome.FAILED, "Crashed")
    assert "AssertionError" in message
    assert "nothing was changed" in message
    assert storage.nudges() == [{"job": ORDERS, "operation": next_one.id}]
    cluster.broken = False
    driver(storage, cluster).drive(ORDERS)
    assert result(storage, next_one)[0] is Outcome.SUCCEEDED


def test_an_unreachable_cluster_ends_what_changed_nothing(storage: Storage, flink: FlinkServer) -> None:
    """A jar that arrives hours later must not be a surprise."""
    cluster = Broken(Unavailable("no connection", code="NoConnection"), storage, flink)
    operation = put(storage, asked(Action.NEW))
    storage_record = read(storage)
    driver(storage, cluster, invocation_seconds=900, unreachable_seconds=300).drive(ORDERS)
    assert 300 < storage.clock.slept_seconds < 330
    outcome, code, message = result(storage, operation)
    assert (outcome, code) == (Outcome.FAILED, "NoConnection")
    assert "nothing was changed" in message
    assert read(storage).but(last=None, asked=None, run=None, written=None, open=()) == storage_record.but(open=())


def test_a_silence_of_the_cluster_is_counted_from_its_own_beginning(storage: Storage, flink: FlinkServer) -> None:
    """An operation that has waited for hours is not given up at the first call that goes wrong."""
    hours_ago = storage.clock.now() - timedelta(hours=3)
    operation = with_marks(asked(Action.NEW), requested_at=hours_ago, driven_at=hours_ago, progressed_at=hours_ago)
    storage.ledger().write(JobRecord(name=ORDERS, open=(operation,)), etag=None)
    cluster = Broken(Unavailable("no connection", code="NoConnection"), storage, flink)
    driver(storage, cluster, invocation_seconds=0, unreachable_seconds=60).drive(ORDERS)
    assert read(storage).open[0].unreachable_at
    cluster.broken = False
    driver(storage, cluster).drive(ORDERS)
    assert result(storage, operation)[0] is Outcome.SUCCEEDED


def test_an_unreachable_cluster_is_waited_for_when_something_was_begun(storage: Storage, flink: FlinkServer) -> None:
    """The operation is handed to a later message, and goes on when the cluster answers again."""
    cluster = Broken(Unavailable("no connection"), storage, flink)
    cluster.broken = False
    cluster.flink.holds_savepoints = True
    running_job(storage, cluster)
    update = put(storage, asked(Action.UPDATE))
    driver(storage, cluster, invocation_seconds=0).drive(ORDERS)
    cluster.broken = True
    for _ in range(2):  # the silence begins at the first look, and has lasted too long at the second
        driver(storage, cluster, invocation_seconds=0, unreachable_seconds=0).drive(ORDERS)
    assert read(storage).open
    assert read(storage).open[0].stop
    cluster.broken = cluster.flink.holds_savepoints = False
    driver(storage, cluster).drive(ORDERS)
    assert result(storage, update)[0] is Outcome.SUCCEEDED


def test_a_long_wait_is_handed_to_a_later_message_and_the_next_driver_goes_on(
    storage: Storage, cluster: Session
) -> None:
    """Nobody owns the job meanwhile, and the sweeper leaves it alone; there is still one stop."""
    running_job(storage, cluster)
    cluster.flink.holds_savepoints = True
    stop = put(storage, asked(Action.STOP))
    before = storage.clock.slept_seconds
    driver(storage, cluster, invocation_seconds=120).drive(ORDERS)
    assert 90 < storage.clock.slept_seconds - before <= 120
    assert storage.nudge_count() == 1
    lease = read(storage).lease
    assert lease
    assert lease.owner is None
    assert lease.until > storage.clock.now()
    cluster.flink.holds_savepoints = False
    driver(storage, cluster).drive(ORDERS)
    assert result(storage, stop)[0] is Outcome.SUCCEEDED
    assert [type(step).__name__ for step in cluster.acts] == ["Stop"]


def test_time_passes_on_the_cluster_while_its_driver_waits(storage: Storage, cluster: Session) -> None:
    """A savepoint that takes a minute is there after a minute of waiting, in the same invocation."""
    running_job(storage, cluster)
    cluster.flink.saving_seconds = 60
    stop = put(storage, asked(Action.STOP))
    before = storage.clock.slept_seconds
    driver(storage, cluster, invocation_seconds=300).drive(ORDERS)
    assert result(storage, stop)[0] is Outcome.SUCCEEDED
    assert 30 < storage.clock.slept_seconds - before < 90


def test_a_driver_drives_the_jobs_operations_one_after_the_other(storage: Storage, cluster: Session) -> None:
    """In their order, under one claim."""
    put(storage, asked(Action.NEW, identity="1"))
    put(storage, asked(Action.SAVEPOINT, identity="2"))
    put(storage, asked(Action.STOP, identity="3"))
    driver(storage, cluster).drive(ORDERS)
    acts = [type(step).__name__ for step in cluster.acts]
    assert acts == ["Keep", "UploadJar", "Check", "Start", "TakeCheckpoint", "Trigger", "Stop"]
    assert [operation.action for operation in storage.ledger().operations(ORDERS)].count(Action.STOP) == 1
    assert read(storage).open == ()


# ---------------------------------------------------------------------------------------- writes that are not answered


def begins_start(record: JobRecord) -> bool:
    """Whether a record marks the start of an update."""
    return any(operation.start and operation.action is Action.UPDATE for operation in record.open)


def test_a_start_that_is_counted_once_rolls_back_when_it_is_refused(storage: Storage, flink: FlinkServer) -> None:
    """Its mark was not answered, and another operation came in that second: one call, one refusal, no wait for more."""
    cluster = Faulty(Start, Refused("main() threw"), storage=storage, flink=flink)
    running_job(storage, cluster)
    update = put(storage, asked(Action.UPDATE))
    ledger = UnheardLedger(
        storage, when=begins_start, then=lambda: put(storage, asked(Action.SAVEPOINT, identity="another"))
    )
    driver(storage, cluster, ledger=ledger).drive(ORDERS)
    assert ledger.unheard
    closed = storage.ledger().closed(update.id)
    assert closed
    assert closed.start
    assert closed.start.unanswered == 0
    assert result(storage, update)[:2] == (Outcome.ROLLED_BACK, "RolledBack")
    assert cluster.flink.running_ids() == [update.token("rollback")]
    assert [operation.action for operation in storage.ledger().operations(ORDERS)].count(Action.SAVEPOINT) == 1
    assert (read(storage).open, read(storage).lease) == ((), None)


@pytest.mark.parametrize("nth", [0, 1], ids=["the first", "the last"])
def test_an_end_that_is_written_and_not_answered_is_an_end(
    storage: Storage, cluster: Session, nth: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The driver reports it and goes on to the next: the lease that is gone then was its own to give back."""
    running_job(storage, cluster)
    operations = put(storage, asked(Action.SAVEPOINT)), put(storage, asked(Action.STOP, identity="next"))
    ledger = UnheardLedger(
        storage, when=lambda record: record.last is not None and record.last.id == operations[nth].id
    )
    with caplog.at_level(logging.INFO):
        driver(storage, cluster, ledger=ledger).drive(ORDERS)
    assert ledger.unheard
    assert [result(storage, operation)[0] for operation in operations] == [Outcome.SUCCEEDED] * 2
    reported = [record.getMessage() for record in caplog.records if "outcome=SUCCEEDED" in record.getMessage()]
    assert [operation.id in line for operation, line in zip(operations, reported, strict=True)] == [True] * 2
    assert (read(storage).open, read(storage).lease) == ((), None)


def test_a_hop_whose_record_is_not_answered_still_sends_its_message(storage: Storage, cluster: Session) -> None:
    """The job was given back; without a message it would wait for the sweeper."""
    running_job(storage, cluster)
    cluster.flink.holds_savepoints = True
    stop = put(storage, asked(Action.STOP))
    ledger = UnheardLedger(storage, when=lambda record: record.lease is not None and record.lease.owner is None)
    driver(storage, cluster, ledger=ledger, invocation_seconds=0).drive(ORDERS)
    assert ledger.unheard
    assert storage.nudge_count() == 1
    cluster.flink.holds_savepoints = False
    driver(storage, cluster).drive(ORDERS)
    assert result(storage, stop)[0] is Outcome.SUCCEEDED


def test_storage_that_cannot_be_reached_is_an_error_that_the_host_repeats(storage: Storage, cluster: Session) -> None:
    """Nothing is swallowed: the message comes again."""

    class Gone(Ledger):
        def entry(self, job: JobName) -> Entry | None:
            raise Unavailable(f"storage cannot be reached: {job}")

    with pytest.raises(Unavailable):
        driver(storage, cluster, ledger=Gone(storage.records, storage.cluster)).drive(ORDERS)
