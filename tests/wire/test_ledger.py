"""The records and operations on a real Azurite: what is created, changed, listed and closed."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest
from azure.core import exceptions as azure
from azure.core.pipeline.transport import HttpTransport, RequestsTransport
from azure.storage.blob import BlobServiceClient, ContainerClient, LinearRetry

from flinkfuncs.clients.claim import Lost
from flinkfuncs.clients.ledger import Ledger
from flinkfuncs.clients.storage import Conflict, blob_service, storage_errors
from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import FlinkFuncsError, NotFound, Refused, Unanswered, Unavailable
from flinkfuncs.core.jobs import JobRecord, LastOperation, Lease
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Cause, Operation, Outcome, Result, operation_id
from flinkfuncs.core.session.facts import CopySeen, CopyState, status_of
from flinkfuncs.core.summaries import Summary, summary_of
from tests.unit.builders import NOW, OLD, ORDERS, asked, copy_of, savepoint, with_marks
from tests.wire.server import Answer, serving
from tests.wire.storage import Storage
from tests.wire.test_load import counted

WHOLE = JobRecord(name=ORDERS, wanted=OLD, current=copy_of(), savepoints=(savepoint("file:///sp/1"),))


def test_a_record_is_created_once_and_changed_only_by_who_read_it_last(storage: Storage) -> None:
    """Create-if-absent, then compare-and-swap; the loser of each is told."""
    ledger = storage.ledger()
    assert ledger.entry(ORDERS) is None
    first = ledger.write(WHOLE, etag=None)
    with pytest.raises(Conflict):
        ledger.write(WHOLE, etag=None)
    second = ledger.write(WHOLE.but(deleted=True), etag=first.etag)
    with pytest.raises(Conflict):
        ledger.write(WHOLE, etag=first.etag)
    entry = ledger.entry(ORDERS)
    assert entry
    assert (entry.record, entry.etag) == (WHOLE.but(deleted=True), second.etag)
    assert abs((entry.storage_time - datetime.now(UTC)).total_seconds()) < 60


def test_one_listing_tells_what_is_open_and_until_when_somebody_drives_it(storage: Storage) -> None:
    """So that the sweeper reads no record."""
    ledger, at = storage.ledger(), datetime(2026, 11, 21, 1, 2, 3, 4, tzinfo=UTC)
    operation = asked(Action.STOP)
    busy = WHOLE.but(
        open=(operation, asked(Action.CANCEL, identity="2")), lease=Lease(owner="x", until=at), uploaded_at=at
    )
    ledger.write(busy, etag=None)
    ledger.write(JobRecord(name=JobName("idle")), etag=None)
    listed = ledger.listed()
    assert set(listed) == {"orders", "idle"}
    assert (listed[ORDERS].operation, listed[ORDERS].leased_until, listed[ORDERS].uploaded_at) == (operation.id, at, at)
    idle = listed[JobName("idle")]
    assert (idle.operation, idle.leased_until, idle.uploaded_at) == (None, None, None)


def test_an_operation_is_found_open_and_closed(storage: Storage) -> None:
    """By its id alone; closing it twice keeps one."""
    ledger, operation = storage.ledger(), asked(Action.STOP)
    ledger.write(WHOLE.but(open=(operation,)), etag=None)
    assert ledger.find(operation.id) == operation
    result = Result(outcome=Outcome.SUCCEEDED, message="stopped", ended_at=datetime.now(UTC))
    closed = with_marks(operation, result=result)
    ledger.close(closed)
    ledger.close(closed)
    assert ledger.closed(operation.id) == closed
    assert [found.id for found in ledger.operations(ORDERS)] == [operation.id]
    for unknown in (asked(Action.STOP, identity="unknown").id, "no id", "../jobs/orders"):
        with pytest.raises(NotFound):
            ledger.find(unknown)


def test_a_closed_operation_is_replaced_only_as_its_writer_found_it_when_he_confirmed(storage: Storage) -> None:
    """What an earlier attempt wrote is replaced; what somebody writes behind the confirmation is not."""
    ledger = storage.ledger()
    driven, abandoned, failed = (
        with_marks(asked(Action.STOP), result=Result(outcome=outcome, message="", ended_at=datetime.now(UTC)))
        for outcome in (Outcome.SUCCEEDED, Outcome.ABANDONED, Outcome.FAILED)
    )
    ledger.close(failed)
    confirmed = list[int]()

    def confirm() -> None:
        confirmed.append(1)
        if len(confirmed) == 2:
            raise Lost("somebody took the job")
        storage.ledger().close(abandoned)

    with pytest.raises(Lost):
        ledger.close(driven, confirm)
    assert ledger.closed(driven.id) == abandoned
    ledger.close(driven)
    assert ledger.closed(driven.id) == driven
    ledger.close(driven, confirm)  # our own write, which was not answered: there is nothing to confirm
    assert len(confirmed) == 2


def test_a_rejected_upload_is_kept_once_newest_first(storage: Storage) -> None:
    """An event that comes twice leaves one word."""
    ledger = storage.ledger()
    for day in (1, 2, 2):
        at = datetime(2026, 11, day, tzinfo=UTC)
        ledger.reject("stateful/Bad/x.jar", f"etag {day}", at, "no job name", "InvalidJobName")
    assert [rejection.at.day for rejection in ledger.uploads(rejected=True)] == [2, 1]


def upload(second: int, outcome: Outcome, message: str = "done") -> Operation:
    """Return a closed upload of that second."""
    at = datetime(2026, 11, 21, 1, 2, second, tzinfo=UTC)
    number = operation_id(ORDERS, at=at, identity="v1.jar")
    cause = Cause(kind="upload", detail=f"stateful/orders/v{second}.jar etag")
    result = Result(outcome=outcome, message=message, ended_at=at)
    return with_marks(asked(Action.UPDATE), id=number, cause=cause, result=result)


def test_what_became_of_uploads_is_shown_by_one_listing_newest_first(storage: Storage) -> None:
    """Of all jobs, whatever was closed besides; nothing is read one by one."""
    ledger = storage.ledger()
    for second in (1, 3, 2):
        ledger.close(upload(second, Outcome.REFUSED, f"because of {second}"))
    ledger.close(upload(4, Outcome.SUCCEEDED))
    ledger.close(with_marks(upload(5, Outcome.REFUSED), cause=asked(Action.STOP).cause))
    with counted() as sent:
        found = ledger.uploads([Outcome.REFUSED], rejected=False, limit=2)
    assert sent == {"list": 1}
    newest = upload(3, Outcome.REFUSED)
    assert [(one.blob, one.message) for one in found] == [
        ("stateful/orders/v3.jar", "because of 3"),
        ("stateful/orders/v2.jar", "because of 2"),
    ]
    assert (found[0].job, found[0].operation, found[0].at) == (
        ORDERS,
        newest.id,
        datetime(2026, 11, 21, 1, 2, 3, tzinfo=UTC),
    )
    assert [one.outcome for one in ledger.uploads(Outcome, rejected=True)] == [
        Outcome.SUCCEEDED,
        *[Outcome.REFUSED] * 3,
    ]


def test_an_upload_that_was_superseded_and_driven_all_the_same_is_listed_once(storage: Storage) -> None:
    """As its driver says."""
    ledger = storage.ledger()
    ledger.close_unless_closed(upload(1, Outcome.SUPERSEDED))
    assert [one.outcome for one in ledger.uploads(Outcome, rejected=False)] == [Outcome.SUPERSEDED]
    ledger.close(upload(1, Outcome.SUCCEEDED))
    assert [one.outcome for one in ledger.uploads(Outcome, rejected=False)] == [Outcome.SUCCEEDED]


@pytest.mark.parametrize("ends", [*permutations([Outcome.SUPERSEDED, Outcome.SUCCEEDED, Outcome.ABANDONED])])
def test_an_upload_that_was_abandoned_while_its_driver_closed_it_is_listed_as_abandoned(
    storage: Storage, ends: tuple[Outcome, ...]
) -> None:
    """Whoever lists it first: it is listed as ABANDONED only when its driver has lost it."""
    ledger = storage.ledger()
    for end in ends:
        ledger.close(upload(1, end))
    ledger.close(upload(2, Outcome.SUCCEEDED))
    assert [one.outcome for one in ledger.uploads(Outcome, rejected=False)] == [Outcome.SUCCEEDED, Outcome.ABANDONED]


def test_an_upload_is_listed_whatever_its_name_and_its_message_hold(storage: Storage) -> None:
    """Metadata takes some kilobytes of ASCII; the closed operation has the whole message."""
    ledger = storage.ledger()
    ledger.close(upload(1, Outcome.REFUSED, "ü🚀\n" * 1000))
    ledger.reject("stateful/" + "🚀" * 400, "etag", datetime(2026, 11, 1, tzinfo=UTC), "no job name", "InvalidJobName")
    blobs = storage.records.list_blobs(f"{storage.cluster}/uploads/", include=["metadata"])
    sizes = [sum(len(name) + len(text) for name, text in blob.metadata.items()) for blob in blobs]
    assert len(sizes) == 2
    assert max(sizes) < 8192  # Azure refuses more
    refused, rejected = ledger.uploads([Outcome.REFUSED], rejected=True)
    assert refused.message.startswith("ü🚀\n")
    assert (len(refused.message), refused.message[-1]) == (500, "…")
    assert rejected.message == "no job name"
    assert rejected.blob == "stateful/" + "🚀" * 400
    assert (rejected.job, rejected.operation, rejected.outcome) == (None, None, Outcome.REFUSED)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (azure.ResourceNotFoundError(), NotFound),
        (azure.ResourceExistsError(), Conflict),
        (azure.ResourceModifiedError(), Conflict),
        (azure.ClientAuthenticationError(), Unavailable),
        (azure.ServiceResponseError("cut"), Unanswered),
        (azure.ServiceResponseTimeoutError("late"), Unanswered),
        (azure.ServiceRequestError("no route"), Unavailable),
        (azure.HttpResponseError(), Unavailable),
    ],
)
def test_each_error_of_the_sdk_becomes_one_of_ours(error: azure.AzureError, kind: type[FlinkFuncsError]) -> None:
    """Sorted by what the caller can do; the SDK's text, which may hold a signature, is not in it."""
    with pytest.raises(FlinkFuncsError) as raised, storage_errors("record of job orders"):
        raise error
    assert type(raised.value) is kind
    assert "orders" in raised.value.message


@pytest.mark.parametrize("status", [200, 201, 404, 412])
def test_a_page_that_something_on_the_way_wrote_is_no_answer_of_storage(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a record, nor that there is none, nor that somebody else wrote first: a write may have happened."""
    monkeypatch.setattr(HttpTransport, "sleep", lambda *_: None)  # the SDK's pauses between its tries
    page = [Answer(status, raw=b"<html>Please log in.</html>", headers={"Content-Type": "text/html"})]
    with serving({"GET ": page, "PUT ": page}) as server:
        connection = f"AccountName=a;AccountKey=QQ==;BlobEndpoint={server.url}/a;QueueEndpoint={server.url}/a;"
        with blob_service("JARS", {"JARS": connection}) as blobs:
            ledger = Ledger(blobs.get_container_client("records"), "cluster")
            with pytest.raises(Unanswered):
                ledger.entry(ORDERS)
            with pytest.raises(Unanswered):
                ledger.write(WHOLE, etag=None)


def test_a_wrong_key_and_a_container_that_is_not_there_are_told_apart(storage: Storage, azurite: str) -> None:
    """By the real service."""
    key = azurite.partition("AccountKey=")[2].partition(";")[0]
    stranger = BlobServiceClient.from_connection_string(azurite.replace(key, "QQ=="))
    with stranger, pytest.raises(Unavailable, match="identity"), storage_errors("a blob"):
        stranger.get_container_client(storage.records.container_name).download_blob("x")
    with pytest.raises(NotFound), storage_errors("a blob"):
        storage.blobs.get_container_client("nowhere").download_blob("x")
    with pytest.raises(Refused), storage_errors("a container"):
        storage.blobs.create_container("Not A Name")


class Interrupted(RequestsTransport):  # type: ignore[misc]  # its module hides its type
    """A wire that breaks once, when it is told to; the SDK then repeats the request by itself."""

    breaks = True

    def send(self, request: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on as it is
        """Break, or send."""
        if self.breaks:
            self.breaks = False
            raise azure.ServiceResponseError("no answer came back")
        return super().send(request, **options)


def test_a_request_that_the_sdk_repeated_after_silence_still_tells_the_storages_time(
    storage: Storage, azurite: str
) -> None:
    """The SDK forgets its response hooks then; a driver must not crash over it."""
    transport = Interrupted()
    options: dict[str, Any] = {"transport": transport, "retry_policy": LinearRetry(backoff=0)}
    name = storage.records.container_name
    with ContainerClient.from_connection_string(azurite, name, **options) as container:
        ledger = Ledger(container, storage.cluster)
        written = ledger.write(WHOLE, etag=None)
        transport.breaks = True
        read = ledger.entry(ORDERS)
    assert read
    assert (read.record, read.etag) == (WHOLE, written.etag)
    assert not transport.breaks
    for entry in (written, read):
        assert abs((datetime.now(UTC) - entry.storage_time).total_seconds()) < 60


def summarised(storage: Storage) -> Summary:
    """What a list shows of the job, and that no record was read for it."""
    with counted() as sent:
        (summary,) = storage.ledger().summaries().values()
    assert sent == {"list": 1}
    return summary


def test_a_list_shows_of_a_job_what_its_record_says(storage: Storage) -> None:
    """By the listing alone, and what the cluster has to know of it, too."""
    last = LastOperation(
        id="o", action=Action.NEW, cause=asked(Action.NEW).cause, outcome=Outcome.FAILED, message="ü\n", ended_at=NOW
    )
    opened = tuple(asked(Action.STOP, identity=str(number)) for number in range(5))
    record = WHOLE.but(open=opened, last=last, folder="stateful", uploads_paused=True)
    storage.ledger().write(record, etag=None)
    shown = summarised(storage)
    assert shown == summary_of(record)
    assert (shown.wanted, shown.folder, shown.uploads_paused, shown.last) == (True, "stateful", True, last)
    assert (shown.flink_job_id, shown.last_save_point) == (copy_of().flink_job_id, "file:///sp/1")
    assert ([each.id for each in shown.open], shown.open_count) == ([each.id for each in opened[:3]], 5)
    assert shown.release
    assert (shown.release.id, shown.release.jar_name) == (OLD.id, "old.jar")
    for copy in (copy_of(), copy_of(seen=False), copy_of(ended="FAILED"), None):
        of_record, of_summary = record.but(current=copy), summary_of(record.but(current=copy))
        for seen in (CopySeen(CopyState.RUNNING), CopySeen(CopyState.ABSENT)):
            assert status_of(of_summary.current, seen) == status_of(of_record.current, seen)


def test_what_a_summary_cannot_hold_is_read_from_the_record(storage: Storage) -> None:
    """Metadata takes 8 KiB; a long message is cut, and a jar's name is not."""
    long = "🚀" * 3000
    last = LastOperation(
        id="o", action=Action.NEW, cause=asked(Action.NEW).cause, outcome=Outcome.FAILED, message=long, ended_at=NOW
    )
    entry = storage.ledger().write(WHOLE.but(last=last), etag=None)
    shown = summarised(storage).last
    assert shown
    assert shown.message == "🚀" * 199 + "…"
    record = WHOLE.but(wanted=OLD.model_copy(update={"jar_name": long}))
    storage.ledger().write(record, etag=entry.etag)
    with counted() as sent:
        assert storage.ledger().summaries() == {ORDERS: summary_of(record)}
    assert sent == {"list": 1, "read": 1}


@pytest.mark.parametrize(
    "metadata", [{}, {"summary": "not base64!"}, {"summary": "e30x"}, {"summary": "eyJvcGVuIjogMX0="}]
)
def test_a_record_without_a_summary_of_ours_is_read_until_its_next_write(
    storage: Storage, metadata: dict[str, str]
) -> None:
    """An earlier version wrote none, and what another one wrote may not be understood."""
    name = f"{storage.cluster}/jobs/{ORDERS}.json"
    storage.records.upload_blob(name, WHOLE.to_json(), metadata=metadata)
    ledger = storage.ledger()
    with counted() as sent:
        assert ledger.summaries() == {ORDERS: summary_of(WHOLE)}
    assert sent == {"list": 1, "read": 1}
    entry = ledger.entry(ORDERS)
    assert entry
    ledger.write(WHOLE, etag=entry.etag)
    assert summarised(storage) == summary_of(WHOLE)


def test_a_summary_of_a_newer_version_is_shown_as_far_as_it_is_known(storage: Storage) -> None:
    """A list needs no more than that; the record is refused when somebody wants to change it."""
    text = summary_of(WHOLE).model_dump_json(by_alias=True, exclude_none=True)
    metadata = {"summary": base64.b64encode(text.replace("{", '{"later": 1, ', 1).encode()).decode()}
    storage.records.upload_blob(f"{storage.cluster}/jobs/{ORDERS}.json", '{"later": 1}', metadata=metadata)
    assert summarised(storage) == summary_of(WHOLE)
    with pytest.raises(Unavailable):
        storage.ledger().read(ORDERS)
