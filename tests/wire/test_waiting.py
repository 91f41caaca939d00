"""What waits: many who ask at once, an operation that is abandoned, uploads that are paused; on a real Azurite."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier, Event, Thread
from typing import TypeVar

import pytest

from flinkfuncs.clients.claim import Claim
from flinkfuncs.clients.ledger import Entry
from flinkfuncs.control import Control
from flinkfuncs.core import queueing
from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import NotFound, Refused
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Cause, Operation, Outcome, Request
from flinkfuncs.core.steps import Cancel, End, Learned, Step, Stop, Trigger
from tests.stand_in.rest import FlinkServer
from tests.unit.builders import NOW, ORDERS, asked
from tests.wire.mortal import CrashError, MortalLedger, Points
from tests.wire.session import Session, intake, put
from tests.wire.storage import ClockedLedger, Storage, jar
from tests.wire.test_driver import driver, read, result, running_job
from tests.wire.unheard import UnheardLedger

T = TypeVar("T")
AT_ONCE = 8
HTTP = Cause(kind="http", detail="a person")


def control(storage: Storage) -> Control:
    return Control(storage.ledger(), storage.queue)


def at_once(work: Callable[[int], T], number: int = AT_ONCE) -> list[T]:
    """Do it in as many threads as there are numbers, all let go at the same moment."""
    together = Barrier(number)

    def one(given: int) -> T:
        together.wait()
        return work(given)

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(one, range(number)))


def driving(storage: Storage, cluster: Session, **patience: float) -> Callable[[], None]:
    """Drive the job, as a driver beside."""
    return lambda: driver(storage, cluster, ledger=None, **patience).drive(ORDERS)


def etag(storage: Storage) -> str:
    entry = storage.ledger().entry(ORDERS)
    assert entry
    return entry.etag


def outcomes(storage: Storage, job: JobName = ORDERS) -> dict[str, Outcome | None]:
    """Every operation on record, once, with how it ended."""
    found = storage.ledger().operations(job)
    assert len({operation.id for operation in found}) == len(found)
    return {operation.id: operation.result.outcome if operation.result else None for operation in found}


def test_of_many_uploads_at_once_one_waits_and_every_one_is_on_record(storage: Storage) -> None:
    """Whoever records first: the newest waits, all others are SUPERSEDED, and nothing is twice on record."""
    names = [f"stateful/orders/v{number}.jar" for number in range(AT_ONCE)]
    for name in names[:-1]:
        storage.upload(name, b"no jar: it must not be read")
    storage.next_second()
    storage.upload(names[-1], jar())
    asked_for = at_once(lambda number: intake(storage).upload(names[number]))
    found = outcomes(storage)
    assert set(found) == {operation.id for operation in asked_for if operation}
    assert len(found) == AT_ONCE
    (waiting,) = read(storage).open
    assert waiting.request.jar
    assert waiting.request.jar.name == names[-1]
    assert [outcome for number, outcome in found.items() if number != waiting.id] == [Outcome.SUPERSEDED] * (
        AT_ONCE - 1
    )
    assert [intake(storage).upload(name) for name in names]  # the same events again ask for nothing new
    assert outcomes(storage) == found
    assert read(storage).open == (waiting,)


def test_what_many_ask_at_once_is_recorded_once_each_with_the_stop_ahead_of_updates(
    storage: Storage, cluster: Session
) -> None:
    """Uploads, updates and a STOP from all sides, while an update has begun: it stays first, the STOP is next."""
    running_job(storage, cluster)
    begun = put(storage, asked(Action.UPDATE, identity="begun"))
    record = read(storage)
    entry = storage.ledger().entry(ORDERS)
    assert entry
    taken = record.with_operation(begun.model_copy(update={"driven_at": begun.requested_at}))
    storage.ledger().write(taken, etag=entry.etag)

    def ask(number: int) -> Operation | None:
        if number % 2:
            return intake(storage).request(ORDERS, Request(action=Action.STOP if number == 1 else Action.UPDATE), HTTP)
        storage.upload(f"stateful/orders/v{number}.jar", jar())
        return intake(storage).upload(f"stateful/orders/v{number}.jar")

    asked_for = [operation.id for operation in at_once(ask) if operation]
    waiting = read(storage).open
    assert [operation.action for operation in waiting[:2]] == [Action.UPDATE, Action.STOP]
    assert waiting[0].id == begun.id
    assert {operation.action for operation in waiting[2:]} == {Action.UPDATE}
    assert sum(operation.cause.kind == "upload" for operation in waiting) == 1
    assert sum(operation.cause.kind == "http" and operation.id != begun.id for operation in waiting) == AT_ONCE // 2
    assert len(asked_for) == AT_ONCE
    assert set(asked_for) < set(outcomes(storage))


def test_jobs_do_not_wait_for_each_other(storage: Storage, cluster: Session) -> None:
    """One whose operation does not go on holds up no other one."""
    running_job(storage, cluster)
    cluster.flink.holds_savepoints = True
    put(storage, asked(Action.STOP))
    driver(storage, cluster, invocation_seconds=0).drive(ORDERS)
    payments = JobName("payments")
    intake(storage).request(payments, Request(action=Action.NEW), HTTP)
    driver(storage, cluster).drive(payments)
    assert list(outcomes(storage, payments).values()) == [Outcome.SUCCEEDED]
    assert read(storage).open[0].stop


# ---------------------------------------------------------------------------------------------------------- abandoning


class Sleeper(Session):
    """A cluster whose client falls asleep on its way to a stop, as a paused process does."""

    def __init__(self, storage: Storage, flink: FlinkServer) -> None:
        """Begin awake."""
        super().__init__(storage, flink)
        self.asleep, self.wake = Event(), Event()

    def act(self, record: JobRecord, operation: Operation, step: Step) -> Learned:
        """Sleep, then act."""
        if isinstance(step, Stop) and not self.asleep.is_set():
            self.asleep.set()
            assert self.wake.wait(30)
        return super().act(record, operation, step)


@pytest.mark.parametrize("follows", [Action.UPDATE, Action.STOP, Action.STATELESS_UPDATE])
def test_a_driver_whose_operation_was_abandoned_can_write_nothing_any_more(
    storage: Storage, flink: FlinkServer, follows: Action
) -> None:
    """Its stop comes late, under the trigger id that the next operation carries, too: one stop, one copy at most."""
    cluster = Sleeper(storage, flink)
    running_job(storage, cluster)
    stuck = put(storage, asked(Action.UPDATE, identity="stuck"))
    sleeping = Thread(target=driver(storage, cluster, lease_seconds=600).drive, args=(ORDERS,))
    sleeping.start()
    assert cluster.asleep.wait(30)
    abandoned = control(storage).abandon(stuck.id, by="a person", even_if_begun=True)
    assert abandoned.result
    assert abandoned.result.message.startswith("abandoned by a person; what may still take effect: a stop of ")
    next_one = put(storage, asked(follows, identity="next"))
    cluster.wake.set()
    sleeping.join()
    driver(storage, cluster).drive(ORDERS)
    assert result(storage, stuck)[:2] == (Outcome.ABANDONED, "Abandoned")
    assert result(storage, next_one)[0] in (Outcome.SUCCEEDED, Outcome.REFUSED)  # a STOP of what has stopped meanwhile
    assert len({step.trigger_id for step in cluster.acts if isinstance(step, Stop)}) == 1
    assert len(cluster.flink.running_ids()) == (0 if follows is Action.STOP else 1)
    assert [savepoint.operation for savepoint in read(storage).savepoints] in ([stuck.id], [next_one.id])


def test_a_driver_whose_operation_was_abandoned_while_it_looked_does_not_record_another_end(
    storage: Storage, flink: FlinkServer
) -> None:
    """What a person ended stays ABANDONED, whatever its driver saw last."""

    class Abandoned(Session):
        def next_step(self, record: JobRecord, operation: Operation, now: datetime) -> Step:
            step = super().next_step(record, operation, now)
            if isinstance(step, End) and operation.action is Action.LIST_SAVEPOINT:
                control(storage).abandon(operation.id, by="a person")
            return step

    cluster = Abandoned(storage, flink)
    running_job(storage, cluster)
    listing = put(storage, asked(Action.LIST_SAVEPOINT))
    driver(storage, cluster).drive(ORDERS)
    assert result(storage, listing)[:2] == (Outcome.ABANDONED, "Abandoned")
    assert (read(storage).open, read(storage).lease) == ((), None)


def test_a_driver_that_slept_beyond_its_lease_leaves_the_end_to_the_one_that_took_over(
    storage: Storage, flink: FlinkServer
) -> None:
    """What it saw last may not be so any more: it writes nothing, though nothing is written yet."""

    class Slow(Session):
        def next_step(self, record: JobRecord, operation: Operation, now: datetime) -> Step:
            step = super().next_step(record, operation, now)
            if isinstance(step, End):
                storage.clock.sleep(3600)
                assert Claim.take(storage.ledger(), ORDERS, lease_seconds=60)
            return step

    listing = put(storage, asked(Action.LIST_SAVEPOINT))
    driver(storage, Slow(storage, flink)).drive(ORDERS)
    assert storage.ledger().closed(listing.id) is None
    assert [operation.id for operation in read(storage).open] == [listing.id]


@pytest.mark.parametrize("answered", [True, False], ids=["before it is closed", "when that is not answered"])
def test_a_driver_whose_operation_was_abandoned_while_it_closed_it_does_not_record_another_end(
    storage: Storage, cluster: Session, *, answered: bool
) -> None:
    """Its last look at the lease came before that; and a write that is not answered is sent again."""

    class Abandoned(ClockedLedger):
        def close(self, operation: Operation, confirm: Callable[[], object] = lambda: None) -> None:
            if not answered:
                super().close(operation, confirm)
            control(storage).abandon(operation.id, by="a person", even_if_begun=True)
            super().close(operation, confirm)

    running_job(storage, cluster)
    storage.upload("stateful/orders/v2.jar", jar())
    upload = intake(storage).upload("stateful/orders/v2.jar")
    assert upload
    driver(storage, cluster, ledger=Abandoned(storage)).drive(ORDERS)
    ended = read(storage).last
    assert ended
    assert (ended.id, ended.outcome) == (upload.id, Outcome.ABANDONED)
    assert result(storage, upload)[:2] == (Outcome.ABANDONED, "Abandoned")
    assert [one.outcome for one in storage.ledger().uploads(Outcome, rejected=False)][:1] == [Outcome.ABANDONED]


def test_abandoning_is_done_once_and_refused_for_what_has_ended(storage: Storage, cluster: Session) -> None:
    """Again it tells the same; an operation that ended otherwise keeps its end."""
    running_job(storage, cluster)
    ended, waiting = put(storage, asked(Action.SAVEPOINT)), None
    driver(storage, cluster).drive(ORDERS)
    waiting = put(storage, asked(Action.STOP, identity="waits"))
    first = control(storage).abandon(waiting.id, by="a person")
    assert control(storage).abandon(waiting.id, by="another") == first
    with pytest.raises(Refused) as refused:
        control(storage).abandon(ended.id, by="a person")
    assert refused.value.code == "OperationEnded"
    with pytest.raises(NotFound):
        control(storage).abandon("20261121T120000Z-orders-0123456789ab", by="a person")
    assert result(storage, ended)[0] is Outcome.SUCCEEDED
    driver(storage, cluster).drive(ORDERS)
    assert cluster.flink.running_ids(), "the abandoned STOP was not carried out"


def test_after_one_is_abandoned_the_next_is_sent_for(storage: Storage, cluster: Session) -> None:
    """Nobody has to wait for the sweeper."""
    running_job(storage, cluster)
    stuck, next_one = put(storage, asked(Action.UPDATE)), put(storage, asked(Action.STOP, identity="next"))
    control(storage).abandon(stuck.id, by="a person")
    assert storage.nudges() == [{"job": ORDERS, "operation": next_one.id}]


class BetweenLedger(ClockedLedger):
    """Somebody else writes right before this ledger's n-th write of a record."""

    def __init__(self, storage: Storage, nth: int, writes: Callable[[], object]) -> None:
        """Count from the first write."""
        super().__init__(storage)
        self._left, self._writes = nth, writes

    def write(self, record: JobRecord, *, etag: str | None) -> Entry:
        """Let the other one write, then write."""
        self._left -= 1
        if self._left == 0:
            self._writes()
        return super().write(record, etag=etag)


def uploaded(storage: Storage) -> Operation:
    """Upload a release."""
    storage.upload("stateful/orders/job.jar", jar())
    operation = intake(storage).upload("stateful/orders/job.jar")
    assert operation
    return operation


@pytest.mark.parametrize("action", [Action.STOP, Action.SAVEPOINT])
def test_what_has_begun_is_not_withdrawn(storage: Storage, cluster: Session, action: Action) -> None:
    """409 names what may still take effect; nothing is written, and the operation is carried to its end."""
    running_job(storage, cluster)
    cluster.flink.holds_savepoints = True
    begun = put(storage, asked(action))
    driver(storage, cluster, invocation_seconds=0).drive(ORDERS)
    before = etag(storage)
    with pytest.raises(Refused, match=r"begun; what may still take effect: a .* evenIfBegun") as refused:
        control(storage).abandon(begun.id, by="a person")
    assert (refused.value.code, refused.value.status) == ("OperationBegun", 409)
    assert etag(storage) == before
    assert storage.ledger().closed(begun.id) is None
    cluster.flink.holds_savepoints = False
    driver(storage, cluster).drive(ORDERS)
    assert result(storage, begun)[0] is Outcome.SUCCEEDED


def test_a_driver_that_begins_before_it_is_withdrawn_goes_on(storage: Storage, cluster: Session) -> None:
    """It writes between the look and the write of the withdrawal; the upload is shown as what it came to, and once."""
    running_job(storage, cluster)
    cluster.flink.holds_savepoints = True
    waiting = uploaded(storage)
    begins = BetweenLedger(storage, 1, driving(storage, cluster, invocation_seconds=0))
    with pytest.raises(Refused) as refused:
        Control(begins, storage.queue).abandon(waiting.id, by="a person")
    assert refused.value.code == "OperationBegun"
    assert (storage.ledger().find(waiting.id).result, read(storage).open[0].id) == (None, waiting.id)
    assert storage.ledger().uploads([Outcome.ABANDONED], rejected=False) == []
    cluster.flink.holds_savepoints = False
    driver(storage, cluster).drive(ORDERS)
    assert outcomes(storage)[waiting.id] is Outcome.SUCCEEDED
    assert result(storage, waiting)[0] is Outcome.SUCCEEDED


@pytest.mark.parametrize("action", [Action.STOP, Action.SAVEPOINT, Action.CANCEL, Action.UPDATE])
def test_a_driver_that_begins_after_it_was_withdrawn_sends_nothing(
    storage: Storage, flink: FlinkServer, action: Action
) -> None:
    """It has decided on its call already: writing that down is what it cannot do any more."""

    class Withdrawn(Session):
        def next_step(self, record: JobRecord, operation: Operation, now: datetime) -> Step:
            step = super().next_step(record, operation, now)
            if isinstance(step, Stop | Trigger | Cancel) and operation.id == waiting.id:
                control(storage).abandon(waiting.id, by="a person", reason="the task was marked as failed")
            return step

        def act(self, record: JobRecord, operation: Operation, step: Step) -> Learned:
            assert operation.id != waiting.id or not isinstance(step, Stop | Trigger | Cancel), "it was sent"
            return super().act(record, operation, step)

    cluster = Withdrawn(storage, flink)
    running_job(storage, Session(storage, flink))
    waiting = put(storage, asked(action, identity="waits"))
    driver(storage, cluster).drive(ORDERS)
    assert result(storage, waiting) == (
        *(Outcome.ABANDONED, "Abandoned"),
        "abandoned by a person: the task was marked as failed; it had begun nothing that could still take effect",
    )
    assert len(cluster.flink.running_ids()) == 1
    assert (read(storage).open, read(storage).lease) == ((), None)


def test_an_upload_whose_withdrawal_died_is_listed_by_the_repeat(storage: Storage, cluster: Session) -> None:
    """Whatever was written before the process died: the list of uploads says ABANDONED in the end, and once."""
    running_job(storage, cluster)
    waiting = uploaded(storage)
    deadly = 0
    while True:
        deadly += 1
        ledger = MortalLedger(storage)
        ledger.points = Points(deadly)
        try:
            Control(ledger, storage.queue).abandon(waiting.id, by="a person")
        except CrashError:
            control(storage).abandon(waiting.id, by="a person")
            listed = storage.ledger().uploads([Outcome.ABANDONED], rejected=False)
            assert [one.operation for one in listed].count(waiting.id) == 1
            waiting = uploaded(storage)
            continue
        break
    assert deadly == 7


@pytest.mark.parametrize("nth", [1, 2], ids=["before it is claimed", "after it is claimed"])
@pytest.mark.parametrize("kind", ["abandoned", "paused"])
def test_a_driver_that_finds_nothing_open_any_more_gives_the_job_back(
    storage: Storage, cluster: Session, kind: str, nth: int
) -> None:
    """What waited was taken from it around its claim: the next operation's message finds a job that nobody owns."""
    running_job(storage, cluster)
    waiting = uploaded(storage)

    def take_away() -> None:
        if kind == "abandoned":
            control(storage).abandon(waiting.id, by="a person")
        else:
            control(storage).pause_uploads(ORDERS, paused=True)

    driver(storage, cluster, ledger=BetweenLedger(storage, nth, take_away)).drive(ORDERS)
    record = read(storage)
    assert (record.open, record.lease) == ((), None)
    next_one = put(storage, asked(Action.STOP, identity="next"))
    driver(storage, cluster).drive(ORDERS)
    assert result(storage, next_one)[0] is Outcome.SUCCEEDED


def test_a_message_that_is_given_up_while_what_waits_is_abandoned_leaves_nothing_behind(
    storage: Storage, cluster: Session
) -> None:
    """Its own operation is over; nothing is open, nobody owns the job, and nobody is sent for."""
    waiting = put(storage, asked(Action.NEW))

    def abandon() -> None:
        control(storage).abandon(waiting.id, by="a person")

    driver(storage, cluster, ledger=BetweenLedger(storage, 2, abandon)).give_up(ORDERS, "over", "a bug")
    record = read(storage)
    assert (record.open, record.lease) == ((), None)
    assert storage.nudges() == []


def test_an_abandoning_that_is_not_answered_is_looked_for(storage: Storage, cluster: Session) -> None:
    """It is done, whatever a driver wrote of the operation's end, and the next operation is sent for."""
    running_job(storage, cluster)
    stuck, next_one = put(storage, asked(Action.SAVEPOINT)), put(storage, asked(Action.STOP, identity="next"))
    ended = queueing.ended_as(stuck, Outcome.SUCCEEDED, "a driver came too late to record this", NOW)
    storage.ledger().close(ended)
    ledger = UnheardLedger(storage)
    abandoned = Control(ledger, storage.queue).abandon(stuck.id, by="a person")
    assert ledger.unheard
    assert storage.ledger().closed(stuck.id) == abandoned
    assert result(storage, stuck)[0] is Outcome.ABANDONED
    assert storage.nudges() == [{"job": ORDERS, "operation": next_one.id}]


# ------------------------------------------------------------------------------------------------------------- pausing


def test_pausing_and_resuming_that_is_not_answered_is_looked_for(storage: Storage, cluster: Session) -> None:
    """A driver that writes meanwhile keeps what it wrote, and the upload that was held is sent for."""
    running_job(storage, cluster)
    waiting = uploaded(storage)
    storage.nudges()
    ledger = UnheardLedger(storage)
    held = Control(ledger, storage.queue).pause_uploads(ORDERS, paused=True)
    assert ledger.unheard
    assert ([operation.id for operation in held.held], held.open) == ([waiting.id], ())
    ledger = UnheardLedger(storage, then=driving(storage, cluster))
    resumed = Control(ledger, storage.queue).pause_uploads(ORDERS, paused=False)
    assert ledger.unheard
    assert (resumed.held, resumed.open, resumed.uploads_paused) == ((), (), False)
    assert resumed.last
    assert resumed.last.id == waiting.id
    assert storage.ledger().read(ORDERS) == resumed


def test_a_held_upload_that_is_resumed_without_an_answer_is_sent_for(storage: Storage, cluster: Session) -> None:
    """Nobody has to wait for the sweeper."""
    running_job(storage, cluster)
    control(storage).pause_uploads(ORDERS, paused=True)
    held = uploaded(storage)
    ledger = UnheardLedger(storage)
    Control(ledger, storage.queue).pause_uploads(ORDERS, paused=False)
    assert ledger.unheard
    assert storage.nudges() == [{"job": ORDERS, "operation": held.id}]


def test_paused_uploads_are_held_and_the_newest_is_taken_on_resume(storage: Storage, cluster: Session) -> None:
    """By events and by the sweeper: nothing is open, nothing is sent for; every upload is on record."""
    running_job(storage, cluster)
    assert control(storage).pause_uploads(ORDERS, paused=True).uploads_paused
    held = []
    for version in ("1", "2"):
        storage.next_second()
        storage.upload("stateful/orders/job.jar", jar(f"com.example.V{version}"))
        held.append(intake(storage).upload("stateful/orders/job.jar"))
    assert held[0]
    assert held[1]
    intake(storage).sweep(read(storage).held[0].requested_at)
    record = read(storage)
    assert (record.open, [operation.id for operation in record.held]) == ((), [held[1].id])
    assert storage.nudges() == []
    assert result(storage, held[0])[0] is Outcome.SUPERSEDED
    assert storage.ledger().find(held[1].id) == held[1]
    assert held[1].id in outcomes(storage)
    resumed = control(storage).pause_uploads(ORDERS, paused=False)
    assert ([operation.id for operation in resumed.open], resumed.held) == ([held[1].id], ())
    assert storage.nudges() == [{"job": ORDERS, "operation": held[1].id}]


def test_pausing_and_uploading_at_once_loses_nothing(storage: Storage, cluster: Session) -> None:
    """Whichever comes first: the upload is open or held, or superseded by one that is."""
    running_job(storage, cluster)
    names = [f"stateful/orders/v{number}.jar" for number in range(AT_ONCE)]
    for name in names:
        storage.upload(name, jar())

    def work(number: int) -> object:
        if number < 2:
            return control(storage).pause_uploads(ORDERS, paused=number == 0)
        return intake(storage).upload(names[number])

    at_once(work)
    record = control(storage).pause_uploads(ORDERS, paused=False)
    uploads = [
        found for number, found in outcomes(storage).items() if storage.ledger().find(number).cause.kind == "upload"
    ]
    assert len(uploads) == AT_ONCE - 2
    assert len(record.open) == 1
    assert record.held == ()
    assert uploads.count(Outcome.SUPERSEDED) == AT_ONCE - 3


def test_uploads_of_a_job_that_is_not_known_cannot_be_paused(storage: Storage) -> None:
    """There is nothing to write it down in."""
    with pytest.raises(NotFound):
        control(storage).pause_uploads(ORDERS, paused=True)


def test_a_flink_job_has_one_owner_whoever_adopts_it_at_once(storage: Storage) -> None:
    """What is recorded is seen by the other: of two that adopt the same Flink job at least one is refused."""
    flink_job_id = "0a" * 16
    names = [JobName(f"job-{number}") for number in range(AT_ONCE)]

    def work(number: int) -> JobName | None:
        intake(storage).request(names[number], Request(action=Action.NEW, adopt=flink_job_id), HTTP)
        return storage.ledger().owner_of(flink_job_id, names[number])

    owners = at_once(work)
    assert owners.count(None) <= 1
