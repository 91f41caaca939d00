"""Who drives a job: the lease and its fence, on a real Azurite."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from flinkfuncs.clients.claim import Claim, Lost, Waiting
from flinkfuncs.clients.ledger import Entry, Ledger
from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import FlinkFuncsError, Unavailable
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Operation
from flinkfuncs.core.releases import SpecPatch
from tests.unit.builders import OLD, ORDERS, asked, copy_of, savepoint
from tests.wire.storage import ClockedLedger, Storage
from tests.wire.unheard import ANSWER_TO_A_REPEAT, NO_ANSWER, UnheardLedger

OPERATION = asked(Action.STOP)


def take(
    storage: Storage, *, seconds: float = 30, ledger: Ledger | None = None, wait: Waiting = threading.Event.wait
) -> Claim | None:
    """Try to own the job."""
    clock = storage.clock.monotonic
    return Claim.take(ledger or storage.ledger(), ORDERS, lease_seconds=seconds, clock=clock, wait=wait)


def taken(
    storage: Storage, *, seconds: float = 30, ledger: Ledger | None = None, wait: Waiting = threading.Event.wait
) -> Claim:
    """Own the job."""
    claim = take(storage, seconds=seconds, ledger=ledger, wait=wait)
    assert claim
    return claim


@pytest.fixture
def storage(storage: Storage) -> Storage:
    """Storage with a record that has everything, and an open operation."""
    record = JobRecord(
        name=ORDERS, open=(OPERATION,), wanted=OLD, current=copy_of(), savepoints=(savepoint("file:///sp/1"),)
    )
    storage.ledger().write(record, etag=None)
    return storage


def marked(record: JobRecord) -> JobRecord:
    """Change something that shows how often it was done."""
    return record.but(savepoints=(*record.savepoints, savepoint(f"file:///sp/{len(record.savepoints) + 1}")))


def is_marked(record: JobRecord) -> bool:
    """Whether that was done."""
    return len(record.savepoints) > 1


def is_free(record: JobRecord) -> bool:
    """Whether the job is handed to a later message."""
    return record.lease is not None and record.lease.owner is None


def change(storage: Storage, how: Callable[[JobRecord], JobRecord]) -> None:
    """Change the record as somebody without a lease."""
    entry = storage.ledger().entry(ORDERS)
    assert entry
    storage.ledger().write(how(entry.record), etag=entry.etag)


def add(storage: Storage, *operations: Operation) -> None:
    """Put operations on the open list, as uploads and callers do."""
    change(storage, lambda record: record.but(open=(*record.open, *operations)))


def test_a_second_taker_gets_none(storage: Storage) -> None:
    """One driver a job."""
    assert taken(storage)
    assert take(storage) is None


def test_of_two_takers_at_once_one_wins(storage: Storage) -> None:
    """The record's ETag decides between two that read it at the same time."""

    class Late(ClockedLedger):
        def write(self, record: JobRecord, *, etag: str | None) -> Entry:
            assert take(storage)
            return super().write(record, etag=etag)

    assert take(storage, ledger=Late(storage)) is None


def test_nothing_open_is_nothing_to_own(storage: Storage) -> None:
    """And a job without a record is not made one."""
    taken(storage).conclude(lambda record: record.but(open=()))
    assert take(storage) is None
    assert Claim.take(storage.ledger(), type(ORDERS)("unknown"), lease_seconds=1) is None


def test_a_lease_runs_out_and_then_the_paused_driver_can_write_nothing(storage: Storage) -> None:
    """The one that took over is fenced from the one that wakes up; its every kind of write says so."""
    paused = taken(storage, seconds=30)
    assert take(storage) is None
    storage.clock.sleep(30)
    successor = taken(storage)
    for write in (
        lambda: paused.write(marked),
        lambda: paused.conclude(marked),
        lambda: paused.give_back(due_seconds=0),
    ):
        with pytest.raises(Lost):
            write()
    assert successor.write(marked).savepoints == paused.record.savepoints + successor.record.savepoints[1:]


def test_an_operation_that_was_added_meanwhile_is_kept(storage: Storage) -> None:
    """A conflict reads the record again, and the change is made on what stands there now."""
    claim = taken(storage)
    another = asked(Action.CANCEL, identity="another")
    add(storage, another)
    record = claim.write(marked)
    assert [operation.id for operation in record.open] == [OPERATION.id, another.id]
    assert storage.ledger().read(ORDERS) == record


@pytest.mark.parametrize("error", [NO_ANSWER, ANSWER_TO_A_REPEAT], ids=["no answer", "answer to a repeat"])
def test_our_own_write_that_was_not_answered_is_recognised(storage: Storage, error: FlinkFuncsError) -> None:
    """It is not made a second time: a mark that counts calls must count each once."""
    ledger = UnheardLedger(storage, when=is_marked, error=error)
    record = taken(storage, ledger=ledger).write(marked)
    assert ledger.unheard
    assert len(record.savepoints) == 2
    assert storage.ledger().read(ORDERS) == record


@pytest.mark.parametrize("error", [NO_ANSWER, ANSWER_TO_A_REPEAT], ids=["no answer", "answer to a repeat"])
def test_our_own_write_is_recognised_below_a_change_of_somebody_else(storage: Storage, error: FlinkFuncsError) -> None:
    """It is made once, and the driver goes on with the record as it is now."""
    another = asked(Action.CANCEL, identity="another")
    ledger = UnheardLedger(storage, when=is_marked, then=lambda: add(storage, another), error=error)
    claim = taken(storage, ledger=ledger)
    record = claim.write(marked)
    assert ledger.unheard
    assert len(record.savepoints) == 2
    assert [operation.id for operation in record.open] == [OPERATION.id, another.id]
    assert storage.ledger().read(ORDERS) == record
    assert len(claim.write(marked).savepoints) == 3


def test_a_write_that_takes_effect_after_it_was_sent_again_is_made_once(storage: Storage) -> None:
    """The first try was on its way still when the record was read again."""

    class Slow(ClockedLedger):
        on_its_way: tuple[JobRecord, str | None] | None = None

        def write(self, record: JobRecord, *, etag: str | None) -> Entry:
            if not is_marked(record):
                return super().write(record, etag=etag)
            if self.on_its_way is None:
                self.on_its_way = record, etag
                raise NO_ANSWER
            first, its_etag = self.on_its_way
            super().write(first, etag=its_etag)
            return super().write(record, etag=etag)

    record = taken(storage, ledger=Slow(storage)).write(marked)
    assert len(record.savepoints) == 2
    assert storage.ledger().read(ORDERS) == record


def test_a_job_that_was_taken_away_after_a_write_that_was_not_answered_is_lost(storage: Storage) -> None:
    """Its operation was abandoned: the change stays, and nothing may be done for it."""
    abandon = partial(change, storage, lambda record: record.but(open=(), lease=None))
    ledger = UnheardLedger(storage, when=is_marked, then=abandon)
    claim = taken(storage, ledger=ledger)
    with pytest.raises(Lost):
        claim.write(marked)
    with pytest.raises(Lost):
        claim.write(marked)
    record = storage.ledger().read(ORDERS)
    assert record
    assert (record.open, record.lease, len(record.savepoints)) == ((), None, 2)


def test_a_driver_that_saw_that_the_job_is_not_its_own_can_write_nothing(storage: Storage) -> None:
    """Neither where nobody owns it now, although it knows the newest ETag."""
    claim = taken(storage)
    change(storage, lambda record: record.but(lease=None))
    with pytest.raises(Lost):
        claim.confirm()
    with pytest.raises(Lost):
        claim.write(marked)
    assert take(storage)


@pytest.mark.parametrize("another", [(), (asked(Action.STOP, identity="another"),)], ids=["alone", "with an upload"])
def test_a_conclusion_that_was_not_answered_is_recognised(storage: Storage, another: tuple[Operation, ...]) -> None:
    """The job is given back, and whoever asks for more sends for a driver."""
    ledger = UnheardLedger(storage, when=lambda record: not record.open, then=lambda: add(storage, *another))
    claim = taken(storage, ledger=ledger)
    record = claim.conclude(lambda record: marked(record).but(open=()))
    assert ledger.unheard
    assert (record.open, record.lease, len(record.savepoints)) == (another, None, 2)
    assert not claim.held


def test_a_job_that_is_given_back_without_an_answer_is_given_back(storage: Storage) -> None:
    """Also where somebody else has it already: whoever gave it back may send its message."""
    ledger = UnheardLedger(storage, when=is_free, then=lambda: taken(storage))
    claim = taken(storage, ledger=ledger)
    claim.give_back(due_seconds=100)
    assert ledger.unheard
    assert not claim.held
    assert take(storage) is None


def test_nothing_open_leaves_no_lease_behind(storage: Storage) -> None:
    """Not even one that nobody owns: the sweeper would leave the job's next operation alone that long."""
    claim = taken(storage)
    change(storage, lambda record: record.but(open=()))
    claim.give_back(due_seconds=100)
    record = storage.ledger().read(ORDERS)
    assert record
    assert record.lease is None


def test_a_take_that_was_not_answered_is_recognised(storage: Storage) -> None:
    """Otherwise nobody would own the job until its lease ran out, and the message would be gone."""
    claim = taken(storage, ledger=UnheardLedger(storage))
    assert claim.held
    assert claim.write(marked) == storage.ledger().read(ORDERS)
    assert take(storage) is None


def test_a_take_that_meets_another_write_is_tried_again(storage: Storage) -> None:
    """An upload came in between, and no driver."""
    another = asked(Action.STOP, identity="another")

    class Met(ClockedLedger):
        met = False

        def write(self, record: JobRecord, *, etag: str | None) -> Entry:
            if not self.met:
                self.met = True
                add(storage, another)
            return super().write(record, etag=etag)

    assert taken(storage, ledger=Met(storage)).record.open == (OPERATION, another)


def test_a_write_whose_change_is_only_in_memory_compares_like_what_is_stored() -> None:
    """What is written and what is read back are equal, or a late answer would make the change twice."""
    spec = SpecPatch(entry_class=None, flink_configuration={"b": "2", "a": "1"})
    operation = asked(Action.UPDATE).model_copy(update={"requested_at": datetime.now(UTC)})
    operation = operation.model_copy(update={"request": operation.request.model_copy(update={"spec": spec})})
    record = JobRecord(name=ORDERS, open=(operation,), current=copy_of())
    assert JobRecord.model_validate_json(record.to_json()) == record


def test_a_job_that_was_given_back_is_left_to_its_message_and_free_to_take(storage: Storage) -> None:
    """The sweeper sees a time that is not over; a driver sees no owner."""
    taken(storage).give_back(due_seconds=100)
    lease = storage.ledger().listed()[ORDERS].leased_until
    assert lease
    assert (lease - datetime.now(UTC)).total_seconds() > 100
    assert take(storage)


def test_a_lease_is_renewed_when_less_than_half_of_it_is_left(storage: Storage) -> None:
    """By the storage's clock, which is asked only with a read or a write: in between, the time that passed is added."""
    claim = taken(storage, seconds=600)
    first = claim.record.lease
    storage.clock.sleep(200)
    claim.renew()
    assert claim.record.lease == first
    storage.clock.sleep(200)
    claim.renew()
    renewed = claim.record.lease
    assert first
    assert renewed
    assert 400 <= (renewed.until - first.until).total_seconds() < 500
    assert storage.ledger().read(ORDERS) == claim.record


class Waits:
    """How a claim waits beside a long call: so many waits are over at once, and the next one when the call is.

    `after_each` is called when its time has passed, and before the claim looks whether to renew its lease.
    """

    def __init__(self, storage: Storage, number: int, after_each: Callable[[], object]) -> None:
        """Nothing has waited yet."""
        self._clock, self._number, self._after_each = storage.clock, number, after_each
        self.seconds: list[float] = []

    def __call__(self, done: threading.Event, seconds: float) -> bool:
        """Let the seconds pass."""
        if len(self.seconds) == self._number:
            return done.wait()
        self.seconds.append(seconds)
        self._clock.sleep(seconds)
        self._after_each()
        return False


def test_a_lease_is_kept_alive_beside_a_long_call(storage: Storage) -> None:
    """It is renewed until the call is over; nobody else gets the job meanwhile."""
    others: list[Claim | None] = []
    waits = Waits(storage, 8, lambda: others.append(take(storage)))
    claim = taken(storage, seconds=40, wait=waits)
    before = claim.record.lease
    with claim.kept_alive():
        pass
    after = claim.record.lease
    assert waits.seconds == [10.0] * 8
    assert others == [None] * 8
    assert before
    assert after
    assert after.until - before.until >= timedelta(seconds=60)
    assert after.owner == before.owner
    assert storage.ledger().read(ORDERS) == claim.record


def test_a_renewal_that_fails_beside_a_long_call_is_tried_again(storage: Storage) -> None:
    """Storage that cannot be reached for a moment ends neither the call nor the lease."""

    class Away(ClockedLedger):
        refused: datetime | None = None

        def write(self, record: JobRecord, *, etag: str | None) -> Entry:
            if record.written is None or self.refused:
                return super().write(record, etag=etag)
            self.refused = self._clock.now()
            raise Unavailable("storage is away")

    ledger, waits = Away(storage), Waits(storage, 3, lambda: None)
    claim = taken(storage, seconds=40, ledger=ledger, wait=waits)
    with claim.kept_alive():
        pass
    assert ledger.refused
    assert claim.record.lease
    assert claim.record.lease.until > ledger.refused + timedelta(seconds=40)


def test_a_job_that_was_lost_beside_a_long_call_is_renewed_no_more(storage: Storage) -> None:
    """It is free for the one that takes it over, and the call ends as it would have."""
    waits = Waits(storage, 3, lambda: change(storage, lambda record: record.but(lease=None)))
    claim = taken(storage, seconds=40, wait=waits)
    with claim.kept_alive():
        pass
    assert waits.seconds == [10.0] * 2
    assert not claim.held
    assert take(storage)
