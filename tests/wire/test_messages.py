"""Does each message arrive once in the end? The real outbox and queue, and a receiver and processes that fail."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import count

import pytest
from pydantic import SecretStr

from flinkfuncs.api import shown
from flinkfuncs.clients.ledger import Ledger
from flinkfuncs.clients.outbox import Found, Outbox
from flinkfuncs.clients.queue import MessagesQueue
from flinkfuncs.clients.receiver import Answer as Received
from flinkfuncs.clients.receiver import Receiver
from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import FlinkFuncsError, Unanswered, Unavailable
from flinkfuncs.core.jobs import JobRecord, JobRow, Recorded, Savepoint
from flinkfuncs.core.messages import DEFAULT, Message, wanted_words
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Operation
from flinkfuncs.core.periodic import Rhythm
from flinkfuncs.intake import Intake
from flinkfuncs.messages import WAITS, Messages
from flinkfuncs.operations import Patience
from flinkfuncs.periodic import MOST_NEWS, PeriodicSavepoints
from flinkfuncs.settings import Settings
from tests.listener import Call
from tests.stand_in.rest import FlinkServer
from tests.unit.builders import OLD, ORDERS, asked, copy_of, savepoint
from tests.wire.mortal import CrashError, MortalLedger, Points
from tests.wire.server import Answer, Fault, LocalServer, serving
from tests.wire.session import Session, intake, put
from tests.wire.storage import Storage, jar
from tests.wire.test_driver import read
from tests.wire.test_load import counted

KEY = "whsec_" + base64.b64encode(b"k" * 32).decode()
OLD_KEY = "whsec_" + base64.b64encode(b"o" * 32).decode()
EVERYTHING = wanted_words(f"succeeded,refused,{DEFAULT}")


def settings(url: str, **others: object) -> Settings:
    """Settings that name a receiver."""
    given = {"flink_cluster_kind": "session", "notify_url": SecretStr(url), **others}
    return Settings.model_validate(given)


class MortalOutbox(Outbox):
    """An outbox whose client may die before and behind each write."""

    points = Points()

    def put(self, message: Message, now: datetime) -> None:
        """Put between two places."""
        self.points.cross()
        super().put(message, now)
        self.points.cross()

    def begin(self, found: Found, due_at: datetime) -> bool:
        """Begin between two places."""
        self.points.cross()
        begun = super().begin(found, due_at)
        self.points.cross()
        return begun

    def end(self, message_id: str) -> None:
        """End between two places."""
        self.points.cross()
        super().end(message_id)
        self.points.cross()


def shown_operation(operation: Operation) -> Mapping[str, object]:
    """An operation as callers see it."""
    return shown.Operation.of(operation).as_json()


class MortalQueue(MessagesQueue):
    """A queue whose client may die before and behind each message."""

    points = Points()

    def nudge(self, message_id: str) -> None:
        """Nudge between two places."""
        self.points.cross()
        super().nudge(message_id)
        self.points.cross()


class MortalReceiver(Receiver):
    """A sender that may die before and behind the POST."""

    points = Points()

    def send(self, message: Message, data: Mapping[str, object]) -> Received:
        """Send between two places."""
        self.points.cross()
        answer = super().send(message, data)
        self.points.cross()
        return answer


class Place:
    """An app that tells a local receiver: its parts, and what the receiver got."""

    def __init__(self, storage: Storage, server: LocalServer) -> None:
        """Work on a storage, and tell a server."""
        self.storage, self.server = storage, server
        self.points = Points()
        self.words = EVERYTHING
        self.queue_name = f"{storage.messages.queue_name}m"
        storage.queues.create_queue(self.queue_name)
        self.settings = settings(f"{server.url}/hook", notify_key=KEY, notify_key_old=OLD_KEY)

    def messages(self, ledger: Ledger | None = None) -> Messages:
        """The messages as another process would have them."""
        outbox = MortalOutbox(self.storage.records, self.storage.cluster)
        queue = MortalQueue(self.storage.queues, self.queue_name)
        receiver = MortalReceiver(self.settings, "/flinkfuncs/test")
        outbox.points = queue.points = receiver.points = self.points
        return Messages(ledger or self.ledger(), outbox, queue, receiver, self.words, now=self.storage.clock.now)

    def ledger(self) -> MortalLedger:
        """A ledger as another process would have it."""
        ledger = MortalLedger(self.storage)
        ledger.points = self.points
        return ledger

    def drive(self, cluster: Session, *, messages: Messages | None = None) -> None:
        """Drive what is open, and tell of it."""
        ledger = self.ledger()
        told = messages or self.messages(ledger)
        self.storage.driver(cluster, ledger=ledger, messages=told).drive(ORDERS)

    def work(self) -> None:
        """Do what the host does: take what the queue of messages holds."""
        queue = self.storage.queues.get_queue_client(self.queue_name)
        for message in queue.receive_messages(messages_per_page=32):
            nudged = json.loads(base64.b64decode(message.content))["message"]
            self.messages().deliver(nudged, shown_operation)
            queue.delete_message(message)

    def sweep(self) -> None:
        """Look for what was left behind, as late as the test is."""
        self.messages().sweep(self.storage.ledger().listed().values(), self.storage.clock.now())

    def settle(self, *, rounds: int = 3) -> None:
        """Let time pass until what lies about is sent."""
        for _ in range(rounds):
            self.storage.clock.sleep(61)
            self.sweep()
            self.work()

    def pending(self) -> list[str]:
        """What the outbox holds, and what is not in it yet."""
        outbox = [blob.name for blob in self.storage.records.list_blobs(f"{self.storage.cluster}/outbox/")]
        record = self.storage.ledger().read(ORDERS)
        return [*outbox, *(message.id for message in (record.unsent if record else ()))]

    @property
    def got(self) -> list[str]:
        """The ids of what the receiver took, each as often as it came."""
        return [call.headers["webhook-id"] for call in self.server.calls]


def is_signed_with(call: Call, key: str) -> bool:
    """Check a signature as a receiver does."""
    text = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    digest = hmac.new(base64.b64decode(key[6:]), text, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}" in call.headers["webhook-signature"].split()


def ended_job(storage: Storage, place: Place, cluster: Session) -> Operation:
    """End one operation."""
    operation = put(storage, asked(Action.NEW, identity="the first"))
    place.drive(cluster)
    return operation


def test_an_operation_that_ended_is_told_once_with_both_signatures(storage: Storage, cluster: Session) -> None:
    """As a CloudEvent whose data is what the API shows; nothing is left over."""
    with serving({"POST /hook": [Answer(204)]}) as server:
        place = Place(storage, server)
        operation = ended_job(storage, place, cluster)
        place.work()
        place.settle()
        (call,) = server.calls
        event = call.sent
    assert event["id"] == call.headers["webhook-id"] == f"{operation.id}.ended"
    assert (event["specversion"], event["type"], event["subject"]) == ("1.0", "flinkfuncs.operation.ended", ORDERS)
    assert event["source"] == "/flinkfuncs/test"
    assert event["data"]["id"] == operation.id
    assert event["data"]["result"]["outcome"] == "SUCCEEDED"
    assert call.headers["content-type"].startswith("application/cloudevents+json")
    assert abs(int(call.headers["webhook-timestamp"]) - time.time()) < 300
    assert is_signed_with(call, KEY)
    assert is_signed_with(call, OLD_KEY)
    assert not is_signed_with(call, "whsec_" + base64.b64encode(b"x" * 32).decode())
    assert place.pending() == []


def test_what_nobody_asked_to_be_told_is_not_told(storage: Storage, cluster: Session) -> None:
    """By default success is silent, and costs no blob."""
    with serving({"POST /hook": [Answer(204)]}) as server:
        place = Place(storage, server)
        place.words = wanted_words(DEFAULT)
        ended_job(storage, place, cluster)
        place.settle()
        assert server.calls == []
        assert place.pending() == []


@pytest.mark.parametrize(
    "faults",
    [
        [Answer(500)],
        [Answer(500), Answer(503), Answer(429)],
        [Answer(302, headers={"location": "/elsewhere"})],
        [Answer(400)],
        [Fault.RESET_BEFORE],
        [Fault.RESET_AFTER],
    ],
    ids=str,
)
def test_a_receiver_that_is_unwell_gets_the_message_in_the_end(
    storage: Storage, cluster: Session, faults: list[Answer | Fault]
) -> None:
    """Each attempt has the same id, and there is none after the first 2xx."""
    with serving({"POST /hook": [*faults, Answer(200)], "GET /elsewhere": [Answer(200)]}) as server:
        place = Place(storage, server)
        operation = ended_job(storage, place, cluster)
        place.work()
        for wait in WAITS[: len(faults)]:
            storage.clock.sleep(wait.total_seconds() + 1)
            place.sweep()
            place.work()
        tries = len(place.got)
        place.settle()
        assert len(place.got) == tries, "a message that was taken is sent again"
        assert set(place.got) == {f"{operation.id}.ended"}
        assert tries == len(faults) + (faults[0] is not Fault.RESET_BEFORE)
        assert {call.method for call in server.calls} == {"POST"}, "a redirect was followed"
        assert place.pending() == []


def test_a_receiver_that_is_away_gets_the_message_when_it_is_back(storage: Storage, cluster: Session) -> None:
    """Nobody listens at first."""
    with serving({"POST /hook": [Answer(200)]}) as server:
        place = Place(storage, server)
        here = place.settings
        place.settings = settings("http://127.0.0.1:9/hook")
        operation = ended_job(storage, place, cluster)
        place.work()
        assert place.pending()
        place.settings = here
        place.settle()
        assert place.got == [f"{operation.id}.ended"]


def test_a_slow_receiver_costs_the_driver_nothing_and_gets_the_same_message_again(
    storage: Storage, cluster: Session
) -> None:
    """It takes the message, and answers too late: what it then gets again has the same id."""
    with serving({"POST /hook": [Fault.SILENCE, Answer(200)]}) as server:
        place = Place(storage, server)
        operation = ended_job(storage, place, cluster)
        assert read(storage).open == (), "the operation is over before anybody is told"
        assert server.calls == []
        place.work()
        assert place.pending()
        place.settle()
        assert place.got == [f"{operation.id}.ended"] * 2


def test_a_receiver_that_wants_no_more_gets_no_more(
    storage: Storage, cluster: Session, caplog: pytest.LogCaptureFixture
) -> None:
    """410 Gone, as Standard Webhooks has it: given up at once, and said so."""
    with serving({"POST /hook": [Answer(410)]}) as server:
        place = Place(storage, server)
        operation = ended_job(storage, place, cluster)
        place.work()
        place.settle()
        assert place.got == [f"{operation.id}.ended"]
        assert place.pending() == []
    lost = [line for line in caplog.records if line.levelno == logging.ERROR]
    assert [line.getMessage() for line in lost if "given_up" in line.getMessage()]


def test_a_message_that_nobody_takes_is_given_up_after_a_day(
    storage: Storage, cluster: Session, caplog: pytest.LogCaptureFixture
) -> None:
    """Tried a bounded number of times, more and more rarely."""
    with serving({"POST /hook": [Answer(500)]}) as server:
        place = Place(storage, server)
        place.words = wanted_words("succeeded")
        ended_job(storage, place, cluster)
        place.work()
        began = storage.clock.now()
        for wait in WAITS:
            assert place.pending()
            storage.clock.sleep(wait.total_seconds() + 1)
            place.sweep()
            place.work()
        assert timedelta(hours=20) < storage.clock.now() - began < timedelta(hours=30)
        assert place.pending() == []
        assert len(place.got) == len(WAITS) + 1
    assert any("given_up" in line.getMessage() for line in caplog.records if line.levelno == logging.ERROR)


def test_two_senders_of_one_message_send_it_once(storage: Storage, cluster: Session) -> None:
    """A nudge that comes twice, late, or of what was sent long ago."""
    with serving({"POST /hook": [Answer(200)]}) as server:
        place = Place(storage, server)
        operation = ended_job(storage, place, cluster)
        for _ in range(3):
            place.messages().deliver(f"{operation.id}.ended", shown_operation)
        place.messages().collect(JobRecord(name=ORDERS, unsent=(_message(operation),)))  # by one who read it earlier
        place.work()
        place.settle()
        assert place.got == [f"{operation.id}.ended"]
        assert place.pending() == []


def _message(operation: Operation) -> Message:
    return Message(
        id=f"{operation.id}.ended",
        type="flinkfuncs.operation.ended",
        subject=ORDERS,
        time=operation.requested_at,
        text="again",
        operation=operation.id,
    )


def test_a_process_that_dies_anywhere_leaves_one_message_in_the_end(storage: Storage, flink: FlinkServer) -> None:
    """Before and behind each write, each nudge and the POST; more than one POST only where nobody wrote it down."""
    running = flink.flink
    for deadly in count(1):
        storage.cluster = f"cluster{deadly}"
        flink.serve(running.like())
        with serving({"POST /hook": [Answer(200)]}) as server:
            place = Place(storage, server)
            place.points = Points(deadly)
            operation = put(storage, asked(Action.STOP, identity=f"dies at {deadly}"))  # refused: there is nothing
            died = _survived(place, Session(storage, flink))
            storage.clock.sleep(Patience().lease_seconds + 1)
            place.drive(Session(storage, flink))
            place.settle(rounds=2)
            assert set(place.got) == {f"{operation.id}.ended"}, f"died at {deadly}"
            assert len(place.got) == 1 or died == "sender", f"died at {deadly}: {place.got}"
            assert place.pending() == [], f"died at {deadly}"
        storage.queues.delete_queue(place.queue_name)
        if not died:
            break
    assert deadly > 20, "there are more places than that"


def _survived(place: Place, cluster: Session) -> str:
    """Drive and send until somebody dies; say who it was."""
    who = "driver"
    try:
        place.drive(cluster)
        who = "sender"
        place.work()
    except CrashError:
        place.points = Points()
        return who
    place.points = Points()
    return ""


class DeafOutbox(Outbox):
    """An outbox that is away."""

    def put(self, message: Message, now: datetime) -> None:  # noqa: ARG002 - the same signature
        """Fail."""
        raise Unavailable("storage is away")


def test_an_outbox_that_is_away_costs_no_operation_its_end(storage: Storage, cluster: Session) -> None:
    """The record keeps the message, and the sweeper brings it."""
    with serving({"POST /hook": [Answer(200)]}) as server:
        place = Place(storage, server)
        ledger, outbox = storage.ledger(), DeafOutbox(storage.records, storage.cluster)
        queue, receiver = MessagesQueue(storage.queues, place.queue_name), Receiver(place.settings, "/here")
        operation = put(storage, asked(Action.NEW))
        place.drive(cluster, messages=Messages(ledger, outbox, queue, receiver, EVERYTHING, now=storage.clock.now))
        assert [message.id for message in read(storage).unsent] == [f"{operation.id}.ended"]
        assert server.calls == []
        place.settle()
        assert place.got == [f"{operation.id}.ended"]


def uploading(storage: Storage, place: Place) -> Intake:
    """An intake that tells."""
    return intake(storage, ledger=place.ledger(), messages=place.messages())


@pytest.mark.parametrize(
    ("blob", "subject"), [("stateful/orders/job.json", "orders"), ("stateful/no_job/a.jar", "stateful/no_job/a.jar")]
)
def test_a_refused_upload_is_told_once_however_often_its_event_comes(storage: Storage, blob: str, subject: str) -> None:
    """One that is no release, and one whose name can be no job's."""
    with serving({"POST /hook": [Answer(200)]}) as server:
        place = Place(storage, server)
        storage.upload(blob, "{" if blob.endswith("json") else jar())
        for _ in range(3):
            uploading(storage, place).upload(blob)
            place.settle(rounds=1)
        (call,) = server.calls
        assert (call.sent["type"], call.sent["subject"]) == ("flinkfuncs.upload.refused", subject)
        assert place.pending() == []


def test_a_process_that_dies_while_it_refuses_an_upload_leaves_one_message(storage: Storage) -> None:
    """Its event is repeated, or the sweeper finds it."""
    for deadly in count(1):
        storage.cluster = f"cluster{deadly}"
        with serving({"POST /hook": [Answer(200)]}) as server:
            place = Place(storage, server)
            storage.upload("stateful/orders/job.json", "{")
            place.points = Points(deadly)
            died = False
            try:
                uploading(storage, place).upload("stateful/orders/job.json")
            except CrashError:
                died = True
            place.points = Points()
            uploading(storage, place).upload("stateful/orders/job.json")
            place.settle()
            assert len(place.got) == 1, f"died at {deadly}"
        storage.queues.delete_queue(place.queue_name)
        if not died:
            break
    assert deadly > 2, "there are more places than that"


# --------------------------------------------------------------------------------------------------------------- states


class Statuses(Session):
    """A cluster that says of the job what a test says."""

    status = "RUNNING"

    def __init__(self, storage: Storage, server: FlinkServer) -> None:
        """Begin without a question."""
        super().__init__(storage, server)
        self.asked: list[set[str]] = []

    def statuses(self, jobs: Mapping[JobName, Recorded]) -> Mapping[JobName, str]:
        """Say it of every job."""
        self.asked.append({*jobs})
        return dict.fromkeys(jobs, self.status)


def watching(
    storage: Storage, place: Place, flink: FlinkServer, **fields: object
) -> tuple[Statuses, Callable[[str], None]]:
    """A job that ran long ago, and a savepoint timer that looks at it; it says what it sees."""
    long_ago = storage.clock.now() - timedelta(days=1)
    record = JobRecord(
        name=ORDERS, wanted=OLD, current=copy_of().model_copy(update={"started_at": long_ago}), periodic_at=None
    )
    storage.ledger().write(record.but(**fields), etag=None)
    cluster = Statuses(storage, flink)

    def look(status: str) -> None:
        cluster.status = status
        rhythm = Rhythm(timedelta(hours=6), 4)
        storage.clock.sleep(300)
        timer = PeriodicSavepoints(storage.ledger(), storage.queue, cluster, rhythm, place.messages())
        timer.tick(storage.clock.now())
        place.work()

    return cluster, look


def statuses(place: Place) -> list[str]:
    """The statuses that the receiver was told of."""
    events = [call.sent for call in place.server.calls]
    return [event["data"]["status"] for event in events if event["type"] == "flinkfuncs.job.status_changed"]


@pytest.mark.parametrize("bad", ["VANISHED", "FAILED"])
def test_a_job_that_is_gone_and_comes_back_is_told_of_once_each(storage: Storage, flink: FlinkServer, bad: str) -> None:
    """At the second look, and not at each one after it."""
    with serving({"POST /hook": [Answer(204)]}) as server:
        place = Place(storage, server)
        _, look = watching(storage, place, flink)
        look(bad)
        assert statuses(place) == []
        for _ in range(3):
            look(bad)
        assert statuses(place) == [bad]
        look("RUNNING")
        look("VANISHED")
        assert statuses(place) == [bad, "RUNNING"]


def young(storage: Storage) -> tuple[Savepoint, ...]:
    """Savepoints of a job that is not due for another one."""
    return (savepoint("file:///sp/1").model_copy(update={"taken_at": storage.clock.now()}),)


@pytest.mark.parametrize("bad", ["VANISHED", "FAILED"])
@pytest.mark.parametrize("by_service", [False, True], ids=["a copy of ours", "a row of the service"])
def test_a_job_with_a_young_savepoint_is_told_of_at_the_second_look(
    storage: Storage, flink: FlinkServer, bad: str, *, by_service: bool
) -> None:
    """Nobody waits until it is due for a savepoint; and that it failed is written down once people know."""
    with serving({"POST /hook": [Answer(204)]}) as server:
        place = Place(storage, server)
        of_service = {"current": None, "row": JobRow(status="RUNNING", job_id="1")} if by_service else {}
        _, look = watching(storage, place, flink, savepoints=young(storage), **of_service)
        look("RUNNING")
        told = []
        for _ in range(3):
            look(bad)
            told.append(statuses(place))
        assert told == [[], [bad], [bad]]
        current = read(storage).current
        assert (current and current.ended) == ("FAILED" if bad == "FAILED" and not by_service else None)


def test_where_all_is_well_no_record_is_read_and_where_all_is_lost_no_more_than_a_tick_can_bear(
    storage: Storage, flink: FlinkServer
) -> None:
    """A JobManager may forget every job: the rest is noticed at the next tick."""
    names = [JobName(f"job-{number:03}") for number in range(MOST_NEWS + 2)]
    record = JobRecord(name=ORDERS, wanted=OLD, current=copy_of(), savepoints=young(storage))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: storage.ledger().write(record.but(name=name), etag=None), names))
    with serving({}) as server:
        place = Place(storage, server)
        place.words = wanted_words("recovered")
        ledger, cluster = place.ledger(), Statuses(storage, flink)
        rhythm = Rhythm(timedelta(hours=6), 4)
        timer = PeriodicSavepoints(ledger, storage.queue, cluster, rhythm, place.messages(ledger))

        def noticed() -> list[JobName]:
            return sorted(job.name for job in storage.ledger().listed().values() if job.noticed)

        with counted() as sent:
            timer.tick(storage.clock.now())
        assert sent == {"list": 1}
        cluster.status = "VANISHED"
        timer.tick(storage.clock.now())
        assert noticed() == names[:MOST_NEWS]
        timer.tick(storage.clock.now())
        assert noticed() == names


def test_who_does_not_want_to_know_of_states_has_no_record_read_for_them(storage: Storage, flink: FlinkServer) -> None:
    """Nor is the cluster asked for a job without a copy."""
    storage.ledger().write(JobRecord(name=ORDERS, wanted=OLD, savepoints=young(storage)), etag=None)
    vanished = JobRecord(name=JobName("gone"), wanted=OLD, current=copy_of(), savepoints=young(storage))
    storage.ledger().write(vanished, etag=None)
    with serving({}) as server:
        place = Place(storage, server)
        place.words = wanted_words("failed")
        cluster = Statuses(storage, flink)
        cluster.status = "VANISHED"
        timer = PeriodicSavepoints(
            storage.ledger(), storage.queue, cluster, Rhythm(timedelta(hours=6), 4), place.messages()
        )
        with counted() as sent:
            timer.tick(storage.clock.now())
        assert sent == {"list": 1}
        assert cluster.asked == [{"gone"}]


def test_one_look_in_a_restart_of_the_jobmanager_says_nothing(storage: Storage, flink: FlinkServer) -> None:
    """Nobody is woken for it."""
    with serving({"POST /hook": [Answer(204)]}) as server:
        place = Place(storage, server)
        _, look = watching(storage, place, flink)
        for status in ("VANISHED", "RUNNING"):
            look(status)
        assert server.calls == []


def test_an_overdue_savepoint_is_told_of_once(storage: Storage) -> None:
    """For each newest savepoint; a job that rests has none."""
    with serving({"POST /hook": [Answer(204)]}) as server:
        place = Place(storage, server)
        long_ago = storage.clock.now() - timedelta(days=1)
        copy = copy_of().model_copy(update={"started_at": long_ago})
        storage.ledger().write(JobRecord(name=ORDERS, wanted=OLD, current=copy), etag=None)
        resting = JobRecord(name=JobName("rests"), wanted=OLD, current=copy.model_copy(update={"ended": "STOPPED"}))
        storage.ledger().write(resting, etag=None)
        place.settle()
        (call,) = server.calls
    assert (call.sent["type"], call.sent["subject"]) == ("flinkfuncs.savepoint.overdue", ORDERS)


# ---------------------------------------------------------------------------------------------------------------- forms


def sent(form: str, *, text: str = "orders: UPDATE ended as FAILED.", **others: object) -> Call:
    """What a receiver of a form gets."""
    with serving({"POST /hook": [Answer(200)]}) as server:
        receiver = Receiver(settings(f"{server.url}/hook", notify_format=form, **others), "/here")
        message = Message(id="x.ended", type="flinkfuncs.test", subject=ORDERS, time=NOW, text=text)
        assert receiver.send(message, {}).is_good
        (call,) = server.calls
        return call


NOW = datetime.fromisoformat("2026-11-21T01:49:16+00:00")


def test_slack_gets_a_text_that_wakes_no_channel() -> None:
    """What a jar says must not become Slack's own words."""
    assert sent("slack", text="<!channel> a & b").sent == {"text": "&lt;!channel&gt; a &amp; b"}


def test_teams_gets_an_adaptive_card() -> None:
    """As the Workflows app takes it."""
    body = sent("teams").sent
    assert body["type"] == "message"
    (attachment,) = body["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attachment["content"]["type"] == "AdaptiveCard"
    assert attachment["content"]["body"][0]["text"] == "orders: UPDATE ended as FAILED."


def test_without_a_key_nothing_is_signed() -> None:
    """The id is there all the same."""
    headers = sent("slack").headers
    assert headers["webhook-id"] == "x.ended"
    assert "webhook-signature" not in headers
    assert "authorization" not in headers


def test_a_failure_shows_no_more_of_the_url_than_its_host() -> None:
    """Whoever knows the URL of a Slack webhook can write there."""
    where = "http://127.0.0.1:9/services/T0000/B0000/hunter2hunter2?sig=hunter3hunter3"
    message = Message(id="x", type="flinkfuncs.test", subject=ORDERS, time=NOW, text="x")
    with pytest.raises(FlinkFuncsError) as caught:
        Receiver(settings(where), "/here").send(message, {})
    assert "127.0.0.1:9" in caught.value.message
    assert "hunter" not in caught.value.message
    assert "services" not in caught.value.message


def test_an_answer_that_never_ends_is_not_read_to_its_end() -> None:
    """The status counts."""
    with serving({"POST /hook": [Answer(200, raw=b"x" * 5_000_000)]}) as server:
        message = Message(id="x", type="flinkfuncs.test", subject=ORDERS, time=NOW, text="x")
        answer = Receiver(settings(f"{server.url}/hook"), "/here").send(message, {})
    assert answer.is_good
    assert len(answer.text) <= 256


def test_silence_is_no_answer() -> None:
    """And not taken for one."""
    with serving({"POST /hook": [Fault.RESET_AFTER]}) as server:
        message = Message(id="x", type="flinkfuncs.test", subject=ORDERS, time=NOW, text="x")
        with pytest.raises(Unanswered):
            Receiver(settings(f"{server.url}/hook"), "/here").send(message, {})
