"""A repeated POST with an idempotency key: one operation, wherever the first call died and however it was lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Barrier

import azure.functions as func
import pytest
from azure.functions.timer import TimerRequest

from flinkfuncs.app import given
from flinkfuncs.clients.idempotency import IdempotencyKeys
from flinkfuncs.clients.ledger import Ledger
from flinkfuncs.clients.queue import OperationsQueue
from flinkfuncs.clients.tokens import Caller
from flinkfuncs.clusters.cluster import Cluster
from flinkfuncs.control import Control
from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import Refused, Unanswered
from flinkfuncs.core.idempotency import KEPT, Key
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Outcome, job_of
from flinkfuncs.core.steps import Trigger
from flinkfuncs.gateway.contract import ClusterPath, operation_of, parse_api_version
from flinkfuncs.gateway.service import Gateway, ListQuery
from flinkfuncs.intake import MOST_OPEN, Intake
from flinkfuncs.triggers.timers import keep_house
from tests.app.composed import invocation
from tests.fixtures.scenes import Play
from tests.stand_in.rest import FlinkServer
from tests.unit.arm_samples import release
from tests.unit.builders import ORDERS, asked
from tests.unit.gateway.made import SETTINGS
from tests.wire.api import Api, json_of
from tests.wire.arm_driver import answered, cluster
from tests.wire.mortal import CrashError, Points
from tests.wire.mortal import MortalLedger as OtherwiseMortal
from tests.wire.server import Answer, serving
from tests.wire.session import intake
from tests.wire.storage import Storage
from tests.wire.test_load import counted
from tests.wire.test_messages import Place

KEY: Mapping[str, str] = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
SAVEPOINT = "/api/jobs/orders/savepoint"
NEW_JOB = JobName("orders-2")
API = parse_api_version("2024-05-01")
PATH = ClusterPath.of(SETTINGS)
BODY = json.dumps({"properties": {"jobType": "FlinkJob", "jobName": "orders", "action": "SAVEPOINT"}}).encode()


class MortalKeys(IdempotencyKeys):
    """Keys whose client may die before and behind a write."""

    points: Points

    def create(self, name: str, key: Key) -> None:
        """Write between two places."""
        self.points.cross()
        super().create(name, key)
        self.points.cross()


class MortalLedger(OtherwiseMortal):
    """One whose client may die before and behind the write of a key, too."""

    def __init__(self, storage: Storage, points: Points) -> None:
        """Count the places of both kinds of blobs."""
        super().__init__(storage)
        self.keys = MortalKeys(storage.records, f"{storage.cluster}/")
        self.points = self.keys.points = points


class MortalQueue(OperationsQueue):
    """A queue whose client may die before and behind a message."""

    points: Points

    def nudge(self, job: JobName, operation: str, *, delay_seconds: float = 0.0) -> None:
        """Send between two places."""
        self.points.cross()
        super().nudge(job, operation, delay_seconds=delay_seconds)
        self.points.cross()


class UnheardKeys(IdempotencyKeys):
    """Keys whose first write is not answered, whether it took effect or not."""

    lands = True
    unheard = 0

    def create(self, name: str, key: Key) -> None:
        """Write, or not, and say nothing of it."""
        if self.unheard:
            return super().create(name, key)
        self.unheard += 1
        if self.lands:
            super().create(name, key)
        raise Unanswered("no answer")


@pytest.fixture
def play(storage: Storage, flink: FlinkServer) -> Play:
    """A job that nothing was done with yet."""
    storage.ledger().write(JobRecord(name=ORDERS), etag=None)
    return Play(storage, flink)


@pytest.fixture
def running(storage: Storage, flink: FlinkServer) -> Play:
    """A job that runs."""
    return Play(storage, flink).runs()


def api_of(play: Play, ledger: Ledger | None = None, queue: OperationsQueue | None = None) -> Api:
    """Return the app as another process would have it."""
    api, ledger, queue = Api(play), ledger or play.storage.ledger(), queue or play.storage.queue
    cluster = play.cluster
    api.services = replace(
        api.services,
        ledger=ledger,
        intake=Intake(ledger, queue, cluster.jars, cluster),
        control=Control(ledger, queue),
    )
    return api


def mortal(play: Play, points: Points) -> Api:
    """Return an app that dies at one of these places."""
    queue = MortalQueue(play.storage.queues, play.storage.messages.queue_name)
    queue.points = points
    return api_of(play, MortalLedger(play.storage, points), queue)


def post(api: Api, path: str, body: bytes = b"", *, headers: Mapping[str, str] = KEY) -> func.HttpResponse:
    """POST with the key."""
    return api.call("POST", path, body, headers=headers)


def code(reply: func.HttpResponse) -> tuple[int, str]:
    """Return an error's status and code."""
    return reply.status_code, json_of(reply)["code"]


def operations(play: Play, action: str) -> list[str]:
    """Return the ids of a job's operations of one action."""
    return [each.id for each in play.ledger.operations(ORDERS) if each.action == action]


def keys(storage: Storage) -> list[str]:
    """Return the names of the recorded keys."""
    return list(storage.records.list_blob_names(name_starts_with=f"{storage.cluster}/keys/"))


def before_each_place(play: Play, die: Callable[[Points], bool]) -> int:
    """Let a process die at each of its places, on a ledger of its own; return how many there are."""
    before = play.record
    for deadly in count(1):
        play.storage.cluster = f"cluster{deadly}"
        play.ledger = play.storage.ledger()
        play.ledger.write(before, etag=None)
        if not die(Points(deadly)):
            return deadly - 1
    raise AssertionError("never")


# ------------------------------------------------------------------------------------------------------------ repeats


@pytest.mark.parametrize("action", ["savepoint", "stop"])
def test_a_call_that_died_anywhere_is_finished_by_its_repeat(play: Play, action: str) -> None:
    """Before and behind the key, the record and the message: one operation, and a message for its driver."""

    def die(points: Points) -> bool:
        play.storage.nudges()
        try:
            post(mortal(play, points), f"/api/jobs/orders/{action}")
        except CrashError:
            repeat = post(api_of(play), f"/api/jobs/orders/{action}")
            (only,) = operations(play, action.upper())
            assert (repeat.status_code, json_of(repeat)["id"]) == (202, only)
            assert [each.id for each in play.record.open] == [only]
            assert {"job": "orders", "operation": only} in play.storage.nudges()
            again = post(api_of(play), f"/api/jobs/orders/{action}")
            assert (json_of(again)["id"], again.headers["Idempotency-Replayed"]) == (only, "true")
            assert (len(operations(play, action.upper())), len(keys(play.storage))) == (1, 1)
            return True
        return False

    assert before_each_place(play, die) == 6


def test_a_stop_that_died_anywhere_goes_ahead_of_a_waiting_update_once(running: Play) -> None:
    """What is rearranged on the list is rearranged by one write, whoever makes it."""
    running.uploads()

    def die(points: Points) -> bool:
        try:
            post(mortal(running, points), "/api/jobs/orders/stop")
        except CrashError:
            post(api_of(running), "/api/jobs/orders/stop")
            assert [each.action for each in running.record.open] == ["STOP", "UPDATE"]
            return True
        return False

    assert before_each_place(running, die) == 6


def test_a_repeat_finds_its_operation_open_and_closed(running: Play) -> None:
    """The same id, in whatever state it is meanwhile, and nothing is done again."""
    api = api_of(running)
    first = post(api, SAVEPOINT)
    assert "Idempotency-Replayed" not in first.headers
    number = json_of(first)["id"]
    waits = post(api, SAVEPOINT, headers={**KEY, "Prefer": "wait=0"})
    assert (waits.status_code, json_of(waits)["id"], waits.headers["Preference-Applied"]) == (202, number, "wait=0")
    running.drives()
    closed = post(api, SAVEPOINT, headers={**KEY, "Prefer": "wait=9"})
    assert (closed.status_code, json_of(closed)["id"], json_of(closed)["state"]) == (200, number, "closed")
    assert closed.headers["Idempotency-Replayed"] == "true"
    assert post(api, SAVEPOINT).status_code == 202
    assert running.record.open == ()
    assert (operations(running, "SAVEPOINT"), len(running.record.savepoints)) == ([number], 1)


def test_the_repeat_of_a_delete_finds_it_behind_the_tombstone(running: Play) -> None:
    """A first call would be refused there."""
    api = api_of(running)
    post(api, "/api/jobs/orders/stop", headers={})
    running.drives()
    number = json_of(post(api, "/api/jobs/orders/delete"))["id"]
    running.drives()
    assert running.record.deleted
    assert json_of(post(api, "/api/jobs/orders/delete"))["id"] == number
    assert code(post(api, "/api/jobs/orders/delete", headers={})) == (404, "JobNotFound")


def test_the_header_of_oasis_is_the_same(play: Play) -> None:
    """One key, whichever header brings it; two keys are refused."""
    api, number = api_of(play), KEY["Idempotency-Key"]
    first = json_of(post(api, SAVEPOINT))["id"]
    assert json_of(post(api, SAVEPOINT, headers={"Repeatability-Request-ID": number}))["id"] == first
    assert json_of(post(api, SAVEPOINT, headers={**KEY, "Repeatability-Request-ID": number}))["id"] == first
    assert code(post(api, SAVEPOINT, headers={**KEY, "Repeatability-Request-ID": "x"})) == (400, "InvalidKey")
    assert code(post(api, SAVEPOINT, headers={"Idempotency-Key": "x" * 129})) == (400, "InvalidKey")


def test_without_a_key_and_with_others_each_call_is_another_operation(play: Play) -> None:
    """A key is not required."""
    api = api_of(play)
    for headers in ({}, {}, {"Idempotency-Key": "a"}, {"Idempotency-Key": "A"}):
        post(api, SAVEPOINT, headers=headers)
    assert len(operations(play, "SAVEPOINT")) == 4


def test_a_key_costs_three_requests_to_storage(play: Play) -> None:
    """As docs/design.md says; whoever sends none pays nothing."""
    api = api_of(play)
    sent = []
    for headers in ({}, KEY):
        with counted() as requests:
            post(api, SAVEPOINT, headers=headers)
        sent.append(requests.total())
    assert sent[1] == sent[0] + 3


def test_two_calls_at_once_are_one_operation(play: Play) -> None:
    """Neither knows of the other when it looks for the key."""
    together = Barrier(4)

    class Together(IdempotencyKeys):
        def create(self, name: str, key: Key) -> None:
            together.wait(30)
            super().create(name, key)

    def call(_number: int) -> str:
        ledger = play.storage.ledger()
        ledger.keys = Together(play.storage.records, f"{play.storage.cluster}/")
        return str(json_of(post(api_of(play, ledger), SAVEPOINT))["id"])

    with ThreadPoolExecutor(together.parties) as pool:
        found = list(pool.map(call, range(together.parties)))
    assert operations(play, "SAVEPOINT") == [found[0]]
    assert len(set(found)) == 1


@pytest.mark.parametrize("lands", [True, False])
def test_a_key_whose_write_was_not_answered_is_read_again(play: Play, *, lands: bool) -> None:
    """It is written once more only where it is not there."""
    ledger = play.storage.ledger()
    ledger.keys = unheard = UnheardKeys(play.storage.records, f"{play.storage.cluster}/")
    unheard.lands = lands
    number = json_of(post(api_of(play, ledger), SAVEPOINT))["id"]
    assert unheard.unheard == 1
    assert operations(play, "SAVEPOINT") == [number]
    assert json_of(post(api_of(play), SAVEPOINT))["id"] == number


# --------------------------------------------------------------------------------------------------------- other calls


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/jobs/orders/update", b'{"parallelism": 4}'),
        ("/api/jobs/orders/update", b"{}"),
        ("/api/jobs/orders/stop", b""),
        ("/api/jobs/orders-2/update", b'{"parallelism": 3}'),
    ],
)
def test_the_same_key_with_another_call_is_refused_and_records_nothing(play: Play, path: str, body: bytes) -> None:
    """422, as long as the key is kept; white space and the way an action is written are no difference."""
    api = api_of(play)
    play.ledger.write(JobRecord(name=NEW_JOB), etag=None)
    number = json_of(post(api, "/api/jobs/orders/update", b'{"parallelism": 3}'))["id"]
    assert code(post(api, path, body)) == (422, "KeyReused")
    assert json_of(post(api, "/api/jobs/orders/UPDATE", b'\n{ "parallelism" : 3 }'))["id"] == number
    assert [each.id for each in play.record.open] == [number]


def test_a_call_that_was_refused_leaves_the_key_free(storage: Storage, flink: FlinkServer) -> None:
    """No such job, a wrong body, no such action, too many operations: the same key works once that is mended."""
    api, play = Api(Play(storage, flink)), Play(storage, flink)
    assert code(post(api, SAVEPOINT)) == (404, "JobNotFound")
    play.ledger.write(JobRecord(name=ORDERS), etag=None)
    assert code(post(api, SAVEPOINT, b'{"parallelism": 3}')) == (400, "InvalidBody")
    assert code(post(api, SAVEPOINT, b"{")) == (400, "InvalidBody")
    assert code(post(api, "/api/jobs/orders/explode")) == (404, "UnknownAction")
    entry = play.ledger.entry(ORDERS)
    assert entry
    many = tuple(asked(Action.SAVEPOINT, identity=f"{number}") for number in range(MOST_OPEN))
    full = play.ledger.write(entry.record.but(open=many), etag=entry.etag)
    assert code(post(api, SAVEPOINT)) == (409, "TooManyOperations")
    assert keys(storage) == []
    play.ledger.write(full.record.but(open=()), etag=full.etag)
    assert post(api, SAVEPOINT).status_code == 202
    assert len(keys(storage)) == 1


def test_what_is_refused_after_the_key_is_judged_again_by_the_repeat(play: Play) -> None:
    """The job was deleted between the look and the write; with the job back, the same key is carried out."""
    (before,) = [entry for entry in [play.ledger.entry(ORDERS)] if entry]

    class Late(IdempotencyKeys):
        def create(self, name: str, key: Key) -> None:
            super().create(name, key)
            play.ledger.write(before.record.but(deleted=True), etag=before.etag)

    ledger = play.storage.ledger()
    ledger.keys = Late(play.storage.records, f"{play.storage.cluster}/")
    assert code(post(api_of(play, ledger), SAVEPOINT)) == (404, "JobNotFound")
    assert len(keys(play.storage)) == 1
    deleted = play.ledger.entry(ORDERS)
    assert deleted
    play.ledger.write(before.record, etag=deleted.etag)
    reply = post(api_of(play), SAVEPOINT)
    assert (reply.status_code, operations(play, "SAVEPOINT")) == (202, [json_of(reply)["id"]])


def test_a_record_of_a_key_that_cannot_be_read_is_left_alone(play: Play) -> None:
    """503, and no second operation: a newer version may have written it."""
    api = api_of(play)
    post(api, SAVEPOINT)
    (name,) = keys(play.storage)
    play.storage.records.upload_blob(name, b'{"further": 1}', overwrite=True)
    assert code(post(api, SAVEPOINT))[0] == 503
    assert len(operations(play, "SAVEPOINT")) == 1


# ---------------------------------------------------------------------------------------------------- the other routes


def test_an_abandon_that_died_anywhere_is_finished_by_its_repeat(play: Play) -> None:
    """The operation ends once; the repeat shows the same end."""
    post(api_of(play), SAVEPOINT, headers={})
    (waiting,) = play.record.open
    path = f"/api/operations/{waiting.id}/abandon"

    def die(points: Points) -> bool:
        try:
            post(mortal(play, points), path)
        except CrashError:
            ended = post(api_of(play), path)
            assert json_of(ended)["result"]["outcome"] == "ABANDONED"
            assert play.record.open == ()
            assert json_of(post(api_of(play), path)) == json_of(ended)
            return True
        return False

    assert before_each_place(play, die) >= 6


def test_the_key_of_an_abandon_belongs_to_one_operation_and_reason(running: Play) -> None:
    """And it is not taken by a call that is refused."""
    api = api_of(running)
    ended = running.record.last
    assert ended
    assert code(post(api, f"/api/operations/{ended.id}/abandon")) == (409, "OperationEnded")
    assert code(post(api, "/api/operations/x/abandon")) == (404, "OperationNotFound")
    assert keys(running.storage) == []
    begun = json_of(post(api, SAVEPOINT, headers={}))["id"]
    running.dies_behind(Trigger)
    assert code(post(api, f"/api/operations/{begun}/abandon")) == (409, "OperationBegun")
    assert keys(running.storage) == []
    assert post(api, f"/api/operations/{begun}/abandon", b'{"evenIfBegun": true}', headers={}).status_code == 200
    first, second = (json_of(post(api, SAVEPOINT, headers={}))["id"] for _ in range(2))
    assert post(api, f"/api/operations/{first}/abandon", b'{"reason": "a"}').status_code == 200
    assert code(post(api, f"/api/operations/{first}/abandon", b'{"reason": "b"}')) == (422, "KeyReused")
    assert code(post(api, f"/api/operations/{second}/abandon", b'{"reason": "a"}')) == (422, "KeyReused")
    replay = post(api, f"/api/operations/{first}/abandon", b'{"reason": "a"}')
    assert replay.headers["Idempotency-Replayed"] == "true"
    assert [each.id for each in running.record.open] == [second]


def test_a_repeated_test_message_has_the_same_id(play: Play) -> None:
    """It is sent again, for its answer, and a receiver can drop what it has."""
    with serving({"POST /hook": [Answer(200)]}) as server:
        api = api_of(play)
        api.services = replace(api.services, messages=Place(play.storage, server).messages())
        replies = [post(api, "/api/notifications/test", headers=headers) for headers in (KEY, KEY, {})]
        sent = [call.headers["webhook-id"] for call in server.calls]
    assert ["Idempotency-Replayed" in reply.headers for reply in replies] == [False, True, False]
    assert [json_of(reply)["id"] for reply in replies] == sent
    assert (sent[0] == sent[1], sent[0] == sent[2]) == (True, False)


# ------------------------------------------------------------------------------------------------------------- ageing


def forget(storage: Storage, days: float, *, hours: int = 16) -> None:
    """Let the hourly passes of most of a day come that many days later."""
    later = datetime.now(UTC) + timedelta(days=days)
    for hour in range(hours):
        storage.ledger().keys.forget_old(later + timedelta(hours=hour))


def test_keys_age_out_after_days_and_then_mean_another_call(play: Play) -> None:
    """None before its time; afterwards the key is free."""
    api = api_of(play)
    for number in range(20):
        play.ledger.keys.create(f"{number:x}" * 64, Key(digest="0" * 64, at=datetime.now(UTC)))
    first = json_of(post(api, SAVEPOINT))["id"]
    forget(play.storage, KEPT.days - 1)
    assert len(keys(play.storage)) == 21
    assert json_of(post(api, SAVEPOINT))["id"] == first
    forget(play.storage, KEPT.days + 0.01)
    assert keys(play.storage) == []
    play.storage.next_second()
    assert json_of(post(api, SAVEPOINT))["id"] != first


def test_a_pass_is_one_listing_of_a_sixteenth_and_touches_nothing_else(play: Play) -> None:
    """Records and closed operations stay, however old they are."""
    for digit in "0123456789abcdef":
        play.ledger.keys.create(digit * 64, Key(digest="0" * 64, at=datetime.now(UTC)))
    before = set(play.storage.records.list_blob_names())
    forget(play.storage, 4000, hours=1)
    (gone,) = before - set(play.storage.records.list_blob_names())
    assert "/keys/" in gone


def test_the_hourly_timer_makes_such_a_pass_on_every_kind_of_cluster(play: Play) -> None:
    """Also where there is no housekeeper; keys, records of an earlier version and kept releases are a listing each."""
    app = api_of(play)
    assert app.services.housekeeper is None
    with given(app.services), counted() as sent:
        keep_house(TimerRequest(), invocation("keep_house"))
    assert sent == {"list": 3}


# -------------------------------------------------------------------------------------------------- the other clusters


def gateway(storage: Storage, cluster: Cluster, points: Points | None = None) -> Gateway:
    """Return the gateway as another process would have it."""
    ledger = MortalLedger(storage, points) if points else storage.ledger()
    return Gateway(SETTINGS, ledger, intake(storage, ledger=ledger), cluster)


def run_job(app: Gateway, body: bytes = BODY, *, key: str | None = "key") -> str:
    """Send a runJob, and return the id of its operation."""
    reply = app.run_job(Caller("o", "a"), PATH, API, body, base_url="https://app", key=key)
    assert (reply.status, reply.body) == (202, "null")
    return operation_of(reply.headers["Location"].rpartition("/")[2].partition("?")[0])


def test_a_run_job_that_died_anywhere_is_finished_by_its_repeat(play: Play) -> None:
    """As over HTTP: the same operation, wherever the first call ended."""

    def die(points: Points) -> bool:
        try:
            run_job(gateway(play.storage, play.cluster, points))
        except CrashError:
            number = run_job(gateway(play.storage, play.cluster))
            assert [each.id for each in play.record.open] == [number]
            assert run_job(gateway(play.storage, play.cluster)) == number
            return True
        return False

    assert before_each_place(play, die) == 4
    other = json.loads(BODY)
    other["properties"]["action"] = "STOP"
    with pytest.raises(Refused) as refusal:
        run_job(gateway(play.storage, play.cluster), json.dumps(other).encode())
    assert (refusal.value.status, refusal.value.code) == (422, "KeyReused")
    assert run_job(gateway(play.storage, play.cluster), key=None) != run_job(gateway(play.storage, play.cluster))


def test_a_key_of_the_gateway_is_not_that_of_another_route(play: Play) -> None:
    """The key's scope is the app: nobody gets the operation of another call."""
    run_job(gateway(play.storage, play.cluster), key=KEY["Idempotency-Key"])
    assert code(post(api_of(play), SAVEPOINT)) == (422, "KeyReused")


def test_a_run_job_that_names_a_run_is_found_when_it_is_repeated(running: Play) -> None:
    """A body may name a run instead of a job, and an update leaves the job its run."""
    app = gateway(running.storage, running.cluster)
    rows = json.loads(app.jobs(PATH, API, ListQuery(), base_url="").body)["value"]
    (run,) = [row["properties"]["runId"] for row in rows]
    properties = {"jobType": "FlinkJob", "runId": run, "action": "STATELESS_UPDATE"}
    body = json.dumps({"properties": properties}).encode()
    number = run_job(app, body)
    running.drives()
    assert (run_job(app, body), job_of(number)) == (number, ORDERS)
    assert run_job(app, body, key=None) != number


@pytest.mark.parametrize("dies_at", [1, 2, 3, 4, 5, 6])
def test_on_hdinsight_a_repeat_sends_no_second_run_job(storage: Storage, flink: FlinkServer, dies_at: int) -> None:
    """The service has no such key of its own: what is sent twice there runs twice."""
    headers = {"Idempotency-Key": "one"}
    with serving({"GET /jobs": [Answer(body={"value": []})]}) as server:
        run, poll, listed = (answered(server, "runjob-new-2023-06", name) for name in ("run", "poll", "list"))
        accepted = Answer(run.status, run.body, run.headers, then={"GET /jobs": [listed]})
        server.answers |= {"POST /runJob": [accepted], "GET ": [poll]}
        target = cluster(server, held=release(spec={"parallelism": 1}))
        play = Play(storage, flink)
        for app in (mortal(play, Points(dies_at)), api_of(play)):
            app.services = replace(app.services, cluster=target)
            try:
                reply = post(app, "/api/jobs/job1/new", b"{}", headers=headers)
            except CrashError:
                continue
        number = json_of(reply)["id"]
        for _ in range(20):
            storage.driver(target).drive(JobName("job1"))
            storage.clock.sleep(400)
            if storage.ledger().closed(number):
                break
        repeat = post(api_of(play), "/api/jobs/job1/new", b"{}", headers={**headers, "Prefer": "wait=1"})
        assert server.count("POST", "/runJob") == 1
    assert (repeat.status_code, json_of(repeat)["id"]) == (200, number)
    assert json_of(repeat)["result"]["outcome"] == Outcome.FAILED
    assert [each.id for each in storage.ledger().operations(JobName("job1"))] == [number]
