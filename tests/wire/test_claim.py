"""Who drives a job: the lease and its fence, on a real Azurite."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from flinkfuncs.clients.claim import Claim, Lost
from flinkfuncs.clients.ledger import Entry, Ledger
from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import Unanswered
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Operation
from flinkfuncs.core.releases import SpecPatch
from tests.unit.builders import OLD, ORDERS, asked, copy_of, savepoint
from tests.wire.storage import Storage

OPERATION = asked(Action.STOP)


def take(storage: Storage, *, seconds: float = 30, ledger: Ledger | None = None) -> Claim | None:
    """Try to own the job."""
    return Claim.take(ledger or storage.ledger(), ORDERS, lease_seconds=seconds)


def taken(storage: Storage, *, seconds: float = 30, ledger: Ledger | None = None) -> Claim:
    """Own the job."""
    claim = take(storage, seconds=seconds, ledger=ledger)
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


def test_a_second_taker_gets_none(storage: Storage) -> None:
    """One driver a job."""
    assert taken(storage)
    assert take(storage) is None


def test_of_two_takers_at_once_one_wins(storage: Storage) -> None:
    """The record's ETag decides between two that read it at the same time."""

    class Late(Ledger):
        def write(self, record: JobRecord, *, etag: str | None) -> Entry:
            assert take(storage)
            return super().write(record, etag=etag)

    assert take(storage, ledger=Late(storage.records, storage.cluster)) is None


def test_nothing_open_is_nothing_to_own(storage: Storage) -> None:
    """And a job without a record is not made one."""
    taken(storage).conclude(lambda record: record.but(open=()))
    assert take(storage) is None
    assert Claim.take(storage.ledger(), type(ORDERS)("unknown"), lease_seconds=1) is None


def test_a_lease_runs_out_and_then_the_paused_driver_can_write_nothing(storage: Storage) -> None:
    """The one that took over is fenced from the one that wakes up; its every kind of write says so."""
    paused = taken(storage, seconds=0)
    successor = None
    while successor is None:  # until the storage's clock, in whole seconds, has moved on
        time.sleep(0.1)
        successor = take(storage)
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
    entry = storage.ledger().entry(ORDERS)
    assert entry
    another: Operation = asked(Action.CANCEL, identity="another")
    storage.ledger().write(entry.record.but(open=(*entry.record.open, another)), etag=entry.etag)
    record = claim.write(marked)
    assert [operation.id for operation in record.open] == [OPERATION.id, another.id]
    assert storage.ledger().read(ORDERS) == record


def test_our_own_write_that_was_answered_too_late_is_recognised(storage: Storage) -> None:
    """It is not made a second time: a mark that counts calls must count each once."""

    class Deaf(Ledger):
        deaf = False

        def write(self, record: JobRecord, *, etag: str | None) -> Entry:
            entry = super().write(record, etag=etag)
            if self.deaf:
                self.deaf = False
                raise Unanswered("no answer")
            return entry

    ledger = Deaf(storage.records, storage.cluster)
    claim = taken(storage, ledger=ledger)
    ledger.deaf = True
    record = claim.write(marked)
    assert len(record.savepoints) == 2
    assert storage.ledger().read(ORDERS) == record


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


def test_a_lease_is_kept_alive_beside_a_long_call(storage: Storage) -> None:
    """It is renewed until the call is over; nobody else gets the job meanwhile."""
    claim = taken(storage, seconds=2)
    with claim.kept_alive():
        before = claim.record.lease
        deadline = time.monotonic() + 20
        while claim.record.lease == before and time.monotonic() < deadline:
            assert take(storage) is None
            time.sleep(0.1)
    after = claim.record.lease
    assert before
    assert after
    assert after.until > before.until
    assert after.owner == before.owner
