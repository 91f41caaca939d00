"""What an upload or a tick of the sweeper asks for, on a real Azurite."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from flinkfuncs.clients.jars import BlobFacts, Jars, Place
from flinkfuncs.clients.ledger import Entry, Ledger
from flinkfuncs.clients.queue import OperationsQueue
from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import NotFound, Refused, Unanswered, Unavailable
from flinkfuncs.core.jobs import JobRecord, Lease
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Cause, Operation, Outcome, Request, Result
from flinkfuncs.core.session.facts import Seen
from flinkfuncs.core.session.table import next_step
from flinkfuncs.core.steps import End
from flinkfuncs.intake import MOST_LOOKED_AT
from tests.unit.builders import LIMITS, ORDERS, asked
from tests.wire.session import intake
from tests.wire.storage import Storage, jar

JAR, OTHER, DESCRIPTION = "stateful/orders/a.jar", "stateful/orders/b.jar", "stateful/orders/job.json"
NAMES_A = json.dumps({"jar": "a.jar", "args": "--fast", "parallelism": 3})


def opened(storage: Storage) -> tuple[Operation, ...]:
    """Return the job's open operations."""
    record = storage.ledger().read(ORDERS)
    return record.open if record else ()


def on_record(storage: Storage) -> list[Operation]:
    """Return the job's operations, oldest first: of two uploads the older one waits too if their second is the same."""
    return storage.ledger().operations(ORDERS)[::-1]


def record_of(storage: Storage, record: JobRecord) -> None:
    """Write a record down."""
    storage.ledger().write(record, etag=None)


def test_an_event_that_comes_twice_asks_once(storage: Storage) -> None:
    """Another message may be sent; there is one operation, which says what the jar was."""
    etag = storage.upload(JAR, jar())
    first, second = intake(storage).upload(JAR), intake(storage).upload(JAR)
    assert first
    assert second
    assert first.id == second.id
    assert [operation.id for operation in opened(storage)] == [first.id]
    assert first.action is Action.UPDATE
    assert first.request.jar
    assert first.request.jar.etag == etag
    assert {nudge["operation"] for nudge in storage.nudges()} == {first.id}


def test_an_event_that_comes_again_after_the_operation_is_closed_asks_for_nothing(storage: Storage) -> None:
    """Neither a new operation nor a message."""
    storage.upload(JAR, jar())
    first = intake(storage).upload(JAR)
    assert first
    entry = storage.ledger().entry(ORDERS)
    assert entry
    result = Result(outcome=Outcome.SUCCEEDED, message="done", ended_at=datetime.now(UTC))
    storage.ledger().close(first.model_copy(update={"result": result}))
    storage.ledger().write(entry.record.but(open=()), etag=entry.etag)
    storage.nudges()
    again = intake(storage).upload(JAR)
    assert again
    assert again.id == first.id
    assert opened(storage) == ()
    assert storage.nudges() == []


def test_an_action_that_was_recorded_without_an_answer_is_recorded_once_and_its_caller_is_told(
    storage: Storage,
) -> None:
    """A caller who is told of a failure asks again, and that would be another operation."""

    class Deaf(Ledger):
        def write(self, record: JobRecord, *, etag: str | None) -> Entry:
            super().write(record, etag=etag)
            raise Unanswered("no answer")

    record_of(storage, JobRecord(name=ORDERS))
    deaf = intake(storage, ledger=Deaf(storage.records, storage.cluster))
    asked_for = deaf.request(ORDERS, Request(action=Action.STOP), Cause(kind="http", detail="a person"))
    assert [operation.id for operation in opened(storage)] == [asked_for.id]
    assert [nudge["operation"] for nudge in storage.nudges()] == [asked_for.id]


def test_an_action_whose_message_cannot_be_sent_is_recorded_and_the_sweeper_sends_for_its_driver(
    storage: Storage,
) -> None:
    """Its caller is told that it is on record, since it is."""

    class Mute(OperationsQueue):
        def nudge(self, job: JobName, operation: str, *, delay_seconds: float = 0) -> None:
            raise Unavailable(f"no message for {job}, {operation}, {delay_seconds}")

    record_of(storage, JobRecord(name=ORDERS))
    mute = intake(storage, queue=Mute(storage.queues, "none"))
    asked_for = mute.request(ORDERS, Request(action=Action.STOP), Cause(kind="http", detail="a person"))
    assert [operation.id for operation in opened(storage)] == [asked_for.id]
    intake(storage).sweep(datetime.now(UTC))
    assert [nudge["operation"] for nudge in storage.nudges()] == [asked_for.id]


def test_the_same_name_uploaded_again_is_another_operation(storage: Storage) -> None:
    """Going back to an earlier jar is a new upload, also within the second that storage's times are rounded to."""

    class OneSecond(Jars):
        def look(self, place: Place, name: str) -> BlobFacts | None:
            facts = super().look(place, name)
            return facts and replace(facts, last_modified=datetime(2026, 11, 21, 12, tzinfo=UTC))

    jars = OneSecond({"uploads": storage.uploads}, storage.releases)
    for _ in range(2):
        storage.upload(JAR, jar())
        intake(storage, jars=jars).upload(JAR)
    assert len(on_record(storage)) == 2


def test_a_jar_waits_for_nothing_if_its_job_json_is_there_in_either_order_of_events(storage: Storage) -> None:
    """The pair is one release, whichever of the two events comes first, and however often."""
    storage.upload(DESCRIPTION, NAMES_A)
    assert intake(storage).upload(DESCRIPTION) is None
    storage.upload(JAR, jar())
    for blob in (DESCRIPTION, JAR, DESCRIPTION):
        intake(storage).upload(blob)
    [operation] = opened(storage)
    assert operation.request.replaces_spec
    assert operation.request.spec.args == ("--fast",)
    assert operation.request.spec.parallelism == 3
    assert operation.request.jar
    assert operation.request.jar.name == JAR


def test_a_job_json_is_known_by_its_bytes(storage: Storage) -> None:
    """Written again by a pipeline it has another ETag, and is the same one; with one more space it is another."""
    named = json.dumps({"jar": "a.jar", "savePointName": "savepoint-1"})
    asked_for = []
    for text in (named, named, f"{named} "):
        storage.upload(DESCRIPTION, text)
        storage.upload(JAR, jar())
        asked_for.append(intake(storage).upload(JAR))
    requests = [operation.request for operation in asked_for if operation]
    assert {request.save_point_name for request in requests} == {"savepoint-1"}
    first, again, another = (request.job_json_sha256 for request in requests)
    assert (first == again, first == another) == (True, False)
    assert first == hashlib.sha256(named.encode()).hexdigest()


def test_a_jar_that_the_job_json_does_not_name_is_no_release(storage: Storage) -> None:
    """Only the pair is."""
    storage.upload(DESCRIPTION, NAMES_A)
    storage.upload(OTHER, jar())
    assert intake(storage).upload(OTHER) is None
    assert opened(storage) == ()


def test_a_changed_job_json_is_another_release_of_the_same_jar(storage: Storage) -> None:
    """Arguments can be changed without a new jar."""
    storage.upload(JAR, jar())
    for parallelism in (1, 2):
        storage.upload(DESCRIPTION, json.dumps({"jar": "a.jar", "parallelism": parallelism}))
        intake(storage).upload(DESCRIPTION)
    assert [operation.request.spec.parallelism for operation in on_record(storage)] == [1, 2]


@pytest.mark.parametrize(
    ("blob", "data", "code"),
    [
        ("stateful/orders/readme.txt", b"x", "NotAJar"),
        (DESCRIPTION, b"{", "InvalidBody"),
        (DESCRIPTION, b'{"jar": "a.jar", "password": "hunter2"}', "InvalidBody"),
        (DESCRIPTION, b'{"jar": "../b.jar"}', "InvalidBody"),
        (DESCRIPTION, b" " * 70_000, "Refused"),
    ],
)
def test_an_upload_that_can_be_no_release_is_refused_once(storage: Storage, blob: str, data: bytes, code: str) -> None:
    """The refusal is kept as it was written first, however often the sweeper comes by; the record is untouched."""
    storage.upload(blob, data)
    first, second = intake(storage).upload(blob), intake(storage).upload(blob)
    assert first
    assert first == second
    assert first.result
    assert (first.result.outcome, first.result.code) == (Outcome.REFUSED, code)
    assert "hunter2" not in first.to_json()
    assert storage.ledger().read(ORDERS) is None
    assert storage.nudges() == []


@pytest.mark.parametrize(
    "blob", ["stateful/Orders/a.jar", "stateful/a.jar", "other/orders/a.jar", "stateful/orders/deep/a.jar"]
)
def test_an_upload_under_no_jobs_name_is_kept_as_rejected(storage: Storage, blob: str) -> None:
    """Nothing is retried, and a person can find out why nothing happened."""
    storage.upload(blob, jar())
    assert intake(storage).upload(blob) is None
    [rejection] = storage.ledger().uploads(rejected=True)
    assert rejection.blob == blob


def test_an_upload_that_is_gone_when_its_event_comes_asks_for_nothing(storage: Storage) -> None:
    """An event is a hint."""
    assert intake(storage).upload(JAR) is None


def test_of_two_waiting_uploads_the_older_is_superseded(storage: Storage) -> None:
    """Whatever the order in which their events came."""
    old = asked(Action.UPDATE, by="upload", uploaded_at=datetime(2026, 1, 1, tzinfo=UTC), identity="old")
    storage.upload(JAR, jar())
    new = intake(storage).upload(JAR)
    assert new
    record = JobRecord(name=ORDERS, open=(new, old))
    step = next_step(old, record, Seen(now=datetime.now(UTC), copy=None), LIMITS)
    assert isinstance(step, End)
    assert step.outcome is Outcome.SUPERSEDED


def test_a_call_for_a_job_that_does_not_exist_is_not_found(storage: Storage) -> None:
    """… but NEW makes one; a hundred that wait are enough."""
    cause = Cause(kind="http", detail="somebody")
    with pytest.raises(NotFound):
        intake(storage).request(ORDERS, Request(action=Action.STOP), cause)
    record_of(storage, JobRecord(name=ORDERS, open=tuple(asked(Action.STOP, identity=str(n)) for n in range(100))))
    with pytest.raises(Refused) as raised:
        intake(storage).request(ORDERS, Request(action=Action.STOP), cause)
    assert raised.value.code == "TooManyOperations"
    assert intake(storage).request(JobName("new"), Request(action=Action.NEW), cause).action is Action.NEW


def test_a_job_of_which_only_releases_are_kept_has_an_unknown_past(storage: Storage) -> None:
    """So that NEW does not start it without its state."""
    storage.upload(JAR, jar())
    storage.jars.keep(ORDERS, "uploads", JAR, etag=None, entry_class=None)
    intake(storage).upload(JAR)
    record = storage.ledger().read(ORDERS)
    assert record
    assert record.unknown_past


def test_the_sweeper_takes_an_upload_that_no_event_told_of_and_only_once(storage: Storage) -> None:
    """Events can be lost; what lies there counts."""
    storage.upload(JAR, jar())
    for _ in range(3):
        intake(storage).sweep(datetime.now(UTC))
    assert len(opened(storage)) == 1


@pytest.mark.parametrize("blob", [JAR, DESCRIPTION])
def test_a_blob_of_no_bytes_waits_for_its_content(storage: Storage, blob: str) -> None:
    """Data Lake clients create a file, and write it afterwards: two events, one release."""
    storage.upload(DESCRIPTION, NAMES_A)
    storage.upload(JAR, jar())
    storage.upload(blob, b"")
    for event in (JAR, DESCRIPTION):
        assert intake(storage).upload(event) is None
    assert on_record(storage) == []
    storage.upload(blob, jar() if blob == JAR else NAMES_A)
    operation = intake(storage).upload(blob)
    assert operation
    assert operation.request.spec.args == ("--fast",)


def test_the_suffix_of_a_jar_counts_in_any_case(storage: Storage) -> None:
    """As some build tools and Windows write it."""
    storage.upload("stateful/orders/A.JAR", jar())
    intake(storage).sweep(datetime.now(UTC))
    assert len(opened(storage)) == 1


def test_what_is_not_over_is_shown_with_what_it_waits_for(storage: Storage) -> None:
    """By what lies there now: also a misplaced jar whose event was lost; what was refused is on record elsewhere."""
    storage.upload("stateful/pair/job.json", json.dumps({"jar": "b.jar"}))
    storage.upload("stateful/pair/a.jar", jar())
    storage.upload("stateful/empty/a.jar", b"")
    storage.upload("stateful/Orders/a.jar", jar())
    storage.upload("stateful/wrong/job.json", "{")
    storage.upload(JAR, jar())
    waits = intake(storage).upload(JAR)
    intake(storage).upload("stateful/wrong/job.json")
    assert waits
    held = asked(Action.UPDATE, by="upload", identity="stateful/held/a.jar etag")
    storage.ledger().write(JobRecord(name=JobName("held"), uploads_paused=True, held=(held,)), etag=None)
    shown = {one.blob: one for one in intake(storage).pending(datetime.now(UTC))}
    assert {blob: one.message for blob, one in shown.items() if not one.operation and not one.outcome} == {
        "stateful/pair/job.json": "waits for b.jar",
        "stateful/pair/a.jar": "waits: job.json names b.jar",
        "stateful/empty/a.jar": "waits for its content",
    }
    assert {blob: one.operation for blob, one in shown.items() if one.operation} == {
        JAR: waits.id,
        "stateful/held/a.jar": held.id,
    }
    assert {blob: one.code for blob, one in shown.items() if one.outcome} == {"stateful/Orders/a.jar": "InvalidJobName"}
    assert len(shown) == 6


def test_what_is_not_over_is_shown_without_looking_at_every_blob(storage: Storage) -> None:
    """Somebody may have put a thousand there."""
    for number in range(40):
        storage.upload(f"stateful/junk-{number}/job.json", json.dumps({"jar": "b.jar"}))
    jars = Counted({"uploads": storage.uploads}, storage.releases)
    assert len(intake(storage, jars=jars).pending(datetime.now(UTC))) == MOST_LOOKED_AT
    assert jars.looks <= 2 * MOST_LOOKED_AT


class Counted(Jars):
    """Jars that count which blobs are looked at."""

    looks = 0

    def look(self, place: Place, name: str) -> BlobFacts | None:
        self.looks += 1
        return super().look(place, name)


def test_uploads_that_were_refused_or_wait_are_looked_at_once(storage: Storage) -> None:
    """A thousand of them cost a sweep no more than none; what changes, or the job.json beside it, is looked at again."""
    for number in range(5):
        storage.upload(f"stateful/refused-{number}/job.json", "{")
        storage.upload(f"stateful/waits-{number}/a.jar", jar())
        storage.upload(f"stateful/waits-{number}/job.json", json.dumps({"jar": "b.jar"}))
    jars = Counted({"uploads": storage.uploads}, storage.releases)
    swept = intake(storage, jars=jars)
    swept.sweep(datetime.now(UTC))
    first = jars.looks
    assert first >= 15
    for _ in range(3):
        swept.sweep(datetime.now(UTC))
    assert jars.looks == first
    storage.upload("stateful/waits-0/job.json", json.dumps({"jar": "a.jar"}))
    swept.sweep(datetime.now(UTC))
    assert jars.looks > first
    assert [job for job, listed in storage.ledger().listed().items() if listed.operation] == ["waits-0"]


def test_an_upload_that_could_not_be_taken_is_looked_at_again(storage: Storage) -> None:
    """Storage was away; the next sweep finds it."""

    class Away(Jars):
        away = True

        def look(self, place: Place, name: str) -> BlobFacts | None:
            if self.away:
                raise Unavailable("storage is away")
            return super().look(place, name)

    storage.upload(JAR, jar())
    jars = Away({"uploads": storage.uploads}, storage.releases)
    swept = intake(storage, jars=jars)
    swept.sweep(datetime.now(UTC))
    jars.away = False
    swept.sweep(datetime.now(UTC))
    assert len(opened(storage)) == 1


@pytest.mark.parametrize(("minutes", "taken"), [(1, 1), (10, 0)], ids=["fresh", "long there"])
def test_the_sweeper_looks_again_at_a_fresh_upload_as_old_as_one_that_is_known(
    storage: Storage, minutes: float, taken: int
) -> None:
    """Times in storage have whole seconds: of two uploads in one second, an operation may know only one."""
    storage.upload(JAR, jar())
    uploaded = storage.jars.look("uploads", JAR)
    assert uploaded
    record_of(storage, JobRecord(name=ORDERS, uploaded_at=uploaded.last_modified))
    intake(storage).sweep(uploaded.last_modified + timedelta(minutes=minutes))
    assert len(opened(storage)) == taken


@pytest.mark.parametrize(
    ("lease", "nudged"),
    [
        (None, 1),
        (Lease(owner="gone", until=datetime.now(UTC) - timedelta(seconds=1)), 1),
        (Lease(owner=None, until=datetime.now(UTC) - timedelta(seconds=1)), 1),
        (Lease(owner="at work", until=datetime.now(UTC) + timedelta(days=1)), 0),
        (Lease(owner=None, until=datetime.now(UTC) + timedelta(days=1)), 0),
    ],
    ids=["never driven", "lease ran out", "message overdue", "driven", "message due later"],
)
def test_the_sweeper_sends_for_a_driver_where_none_is_on_its_way(
    storage: Storage, lease: Lease | None, nudged: int
) -> None:
    """A lost message or a dead driver delays an operation by one sweep, a living one is left alone."""
    operation = asked(Action.STOP)
    record_of(storage, JobRecord(name=ORDERS, open=(operation,), lease=lease))
    intake(storage).sweep(datetime.now(UTC))
    assert storage.nudges() == [{"job": "orders", "operation": operation.id}] * nudged
