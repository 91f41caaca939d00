"""Does every route reply as the OpenAPI document says? `Api` compares each reply; here is one of each kind."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from threading import Thread

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Outcome, Result, operation_id
from flinkfuncs.core.releases import Spec
from flinkfuncs.core.steps import Stop
from tests.fixtures.scenes import Play
from tests.stand_in.rest import FlinkServer
from tests.unit.builders import OLD, ORDERS, asked, copy_of, with_marks
from tests.unit.test_openapi import DOCUMENT
from tests.wire.api import Api, json_of
from tests.wire.storage import Storage
from tests.wire.test_load import counted


@pytest.fixture
def play(storage: Storage, flink: FlinkServer) -> Play:
    """A job that runs, was updated and has a savepoint."""
    return Play(storage, flink).runs().uploads().drives().asks(Action.SAVEPOINT).drives()


@pytest.fixture
def empty(storage: Storage, flink: FlinkServer) -> Api:
    """A job without anything, and one that a newer version has written."""
    storage.records.upload_blob(f"{storage.cluster}/jobs/newer.json", '{"name": "newer", "schemaVersion": 2}')
    storage.ledger().write(JobRecord(name=ORDERS), etag=None)
    return Api(Play(storage, flink))


def test_a_job_with_a_history_is_shown_as_described(play: Play) -> None:
    """Its operations, savepoints and uploads, while it runs, while something waits, and when it is stopped."""
    api = Api(play)
    play.asks(Action.LIST_SAVEPOINT).drives().asks(Action.STOP)
    (job,) = json_of(api.get("/api/jobs"))["jobs"]
    assert (job["status"], job["openCount"], job["open"][0]["action"]) == ("RUNNING", 1, "STOP")
    play.drives()
    stopped = json_of(api.get("/api/jobs/orders"))
    assert (stopped["status"], stopped["startsFrom"]["path"]) == ("STOPPED", stopped["lastSavePoint"])
    operations = json_of(api.get("/api/operations?job=orders"))["operations"]
    assert [each["request"]["action"] for each in operations] == [
        *("STOP", "LIST_SAVEPOINT", "SAVEPOINT", "UPDATE", "UPDATE"),
    ]
    for each in operations:
        assert json_of(api.get(f"/api/operations/{each['id']}")) == each
    assert len(json_of(api.get("/api/jobs/orders/savepoints"))["savepoints"]) >= 2
    assert [each["state"] for each in json_of(api.get("/api/uploads"))["uploads"]] == ["closed", "closed"]


def test_exceptions_are_those_of_the_copy_and_of_the_one_before_it(storage: Storage, flink: FlinkServer) -> None:
    """What the cluster has forgotten is named, and what it cannot say."""
    play = Play(storage, flink).runs().uploads().drives()
    api, cluster = Api(play), play.cluster.flink
    cluster.fail("x.Wrapped: no\nCaused by: java.lang.IllegalStateException: it failed")
    now, before = json_of(api.get("/api/jobs/orders/exceptions"))["copies"]
    assert play.record.current
    assert play.record.previous
    assert [now["flinkJobId"], before["flinkJobId"]] == [
        *(play.record.current.flink_job_id, play.record.previous.flink_job_id),
    ]
    (thrown,) = now["exceptions"]
    assert (thrown["cause"], thrown["blames"]) == ("java.lang.IllegalStateException: it failed", "RELEASE")
    assert thrown["stackTrace"].startswith("x.Wrapped: no\nCaused by: ")
    assert (before["exceptions"], before["forgotten"], before["ended"]) == ([], False, "STOPPED")
    cluster.restart()
    assert [each["forgotten"] for each in json_of(api.get("/api/jobs/orders/exceptions"))["copies"]] == [True, True]
    cluster.is_away = True
    away = json_of(api.get("/api/jobs/orders/exceptions"))["copies"]
    assert [(each["forgotten"], "503" in each["unknown"]) for each in away] == [(False, True)] * 2


def test_no_exception_shows_a_secret_of_a_release_that_another_instance_started(
    storage: Storage, flink: FlinkServer
) -> None:
    """A main() may throw its arguments; this process has never seen the job before."""
    spec = Spec(args=("--conn", "Server=x; none of these words"))
    copy = copy_of(OLD.model_copy(update={"spec": spec}))
    storage.ledger().write(JobRecord(name=ORDERS, current=copy), etag=None)
    play = Play(storage, flink)
    play.cluster.flink.begin(copy.flink_job_id, ORDERS)
    play.cluster.flink.fail("java.lang.IllegalStateException: Server=x; none of these words\n\tat a.B.c")
    (now,) = json_of(Api(play).get("/api/jobs/orders/exceptions"))["copies"]
    (thrown,) = now["exceptions"]
    assert (thrown["cause"], thrown["stackTrace"]) == (
        *("java.lang.IllegalStateException: ******", "java.lang.IllegalStateException: ******\n\tat a.B.c"),
    )


def test_a_copy_whose_start_was_refused_has_no_exceptions(play: Play) -> None:
    """Flink is not even asked: the operation says what main() threw."""
    play.cluster.refuses_start = True
    play.uploads(onFailure="stop").drives()
    now, before = json_of(Api(play).get("/api/jobs/orders/exceptions"))["copies"]
    assert (now["ended"], now["forgotten"], now["exceptions"]) == ("NEVER_STARTED", True, [])
    assert before["ended"] == "STOPPED"


def test_what_is_asked_for_is_answered_as_described(play: Play) -> None:
    """202, 200 where the reply was held for the end, and what people say to operations."""
    api = Api(play)
    asked = api.post("/api/jobs/orders/savepoint")
    assert asked.status_code == 202
    assert api.post(f"/api/operations/{json_of(asked)['id']}/abandon").status_code == 200
    ended = api.post("/api/jobs/orders/stop", b"{}", prefer="wait=0")
    assert (ended.status_code, ended.headers["preference-applied"]) == (202, "wait=0")
    assert json_of(api.put("/api/jobs/orders/uploads", b'{"paused": true}')) == {"paused": True, "held": []}
    play.uploads()
    assert len(json_of(api.get("/api/jobs/orders/uploads"))["held"]) == 1
    assert json_of(api.get("/api/jobs/orders"))["uploads"]["paused"]
    states = [each["state"] for each in json_of(api.get("/api/operations?state=open"))["operations"]]
    assert states == ["open", "open"]


def test_a_look_is_held_until_the_operation_has_ended(play: Play) -> None:
    """200 as soon as it has; what has ended is shown at once."""
    api = Api(play)
    path = f"/api/operations/{json_of(api.post('/api/jobs/orders/stop'))['id']}"
    held = Thread(target=play.drives)
    began = time.monotonic()
    held.start()
    reply = api.get(path, prefer="wait=120")
    held.join()
    assert time.monotonic() - began < 100
    assert (reply.status_code, reply.headers["preference-applied"]) == (200, "wait=120")
    assert json_of(reply)["result"]["outcome"] == "SUCCEEDED"
    assert api.get(path, prefer="wait=120").get_body() == reply.get_body()
    assert time.monotonic() - began < 100
    assert api.get("/api/operations/x", prefer="wait=120").status_code == 404


def test_a_held_look_heeds_the_etag_in_the_end(play: Play) -> None:
    """304 where nothing has changed by then, and the operation where it has ended meanwhile."""
    api = Api(play)
    path = f"/api/operations/{json_of(api.post('/api/jobs/orders/stop'))['id']}"
    etag = api.get(path).headers["etag"]
    same = api.get(path, prefer="wait=1", **{"if-none-match": etag})
    assert (same.status_code, same.headers["preference-applied"]) == (304, "wait=1")
    driving = Thread(target=play.drives)
    driving.start()
    other = api.get(path, prefer="wait=120", **{"if-none-match": etag})
    driving.join()
    assert (other.status_code, json_of(other)["result"]["outcome"]) == (200, "SUCCEEDED")
    assert other.headers["etag"] != etag
    again = api.get(path, prefer="wait=120", **{"if-none-match": other.headers["etag"]})
    assert again.status_code == 304


def test_uploads_that_are_no_release_are_shown_as_described(play: Play) -> None:
    """One under a name that is not a job's, one that waits, one that is refused."""
    play.storage.upload("stateful/No_Job/x.jar", b"PK")
    play.intake.upload("stateful/No_Job/x.jar")
    play.storage.upload("stateful/waits/job.json", '{"jar": "a.jar"}')
    play.storage.upload("stateful/refused/job.json", '{"jar": 3}')
    play.intake.upload("stateful/refused/job.json")
    api = Api(play)
    rejected = json_of(api.get("/api/operations?state=rejected"))["operations"]
    assert [each["state"] for each in rejected] == ["rejected"]
    paged = api.get("/api/operations?state=rejected&page=b3JkZXJz")
    assert (paged.status_code, json_of(paged)["code"]) == (400, "InvalidQuery")
    assert json_of(api.get("/api/operations?state=rejected&top=1"))["operations"] == rejected
    states = {each["blob"]: each["state"] for each in json_of(api.get("/api/uploads"))["uploads"]}
    assert (states["stateful/waits/job.json"], states["stateful/refused/job.json"]) == ("waiting", "closed")
    assert len(json_of(api.get("/api/uploads?outcome=refused"))["uploads"]) == 2


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("GET", "/api/jobs/A_B", "", "InvalidJobName"),
        ("GET", "/api/jobs/nobody", "", "JobNotFound"),
        ("GET", "/api/jobs/nobody/savepoints", "", "JobNotFound"),
        ("GET", "/api/operations", "", "InvalidQuery"),
        ("GET", "/api/operations/x", "", "OperationNotFound"),
        ("GET", "/api/uploads?outcome=late", "", "InvalidQuery"),
        ("GET", "/api/jobs/newer", "", "NewerRecord"),
        ("POST", "/api/jobs/orders/explode", "", "UnknownAction"),
        ("POST", "/api/jobs/orders/update", '{"x": 1}', "InvalidBody"),
        ("POST", "/api/jobs/orders/update", '{"flinkConfiguration": {"parallelism": "x"}}', "InvalidBody"),
        ("POST", "/api/jobs/orders/update", '{"savepointDirectory": "file:///etc"}', "OutsideRoot"),
        ("POST", "/api/jobs/orders/update", '{"savepointDirectory": "etc"}', "InvalidDirectory"),
        ("POST", "/api/jobs/orders/update", '{"jarName": "x", "jobJarDirectory": "file:///j"}', "MissingSetting"),
        ("POST", "/api/jobs/orders/update", " " * 262145, "BodyTooLarge"),
        ("POST", "/api/operations/x/abandon", "", "OperationNotFound"),
        ("PUT", "/api/jobs/orders/uploads", "{}", "InvalidBody"),
    ],
)
def test_every_error_is_a_problem_document_with_a_code_of_its_route(
    empty: Api, method: str, path: str, body: str, code: str
) -> None:
    """What `Api` does not find among the codes of a route fails."""
    reply = empty.call(method, path, body.encode())
    assert (reply.mimetype, json_of(reply)["code"]) == ("application/problem+json", code)


def test_an_operation_that_has_ended_is_not_abandoned(play: Play) -> None:
    """409, as described."""
    assert play.record.last
    reply = Api(play).post(f"/api/operations/{play.record.last.id}/abandon")
    assert (reply.status_code, json_of(reply)["code"]) == (409, "OperationEnded")


def test_an_operation_that_has_begun_is_not_withdrawn(play: Play) -> None:
    """409, as described, and `evenIfBegun` ends it."""
    play.cluster.flink.holds_savepoints = True
    api = Api(play)
    path = f"/api/operations/{json_of(api.post('/api/jobs/orders/stop'))['id']}"
    play.dies_behind(Stop)
    for body in (b"", b"{}", b'{"evenIfBegun": false, "reason": "the task was cleared"}'):
        reply = api.post(f"{path}/abandon", body)
        assert (reply.status_code, json_of(reply)["code"]) == (409, "OperationBegun")
        assert "a stop of" in json_of(reply)["detail"]
    assert api.post(f"{path}/abandon", b'{"evenIfBegun": "yes"}').status_code == 400
    ended = api.post(f"{path}/abandon", b'{"evenIfBegun": true}')
    assert json_of(ended)["result"]["outcome"] == "ABANDONED"


def test_the_document_and_the_health_report_are_served(play: Play) -> None:
    """As described, too."""
    api = Api(play)
    assert json_of(api.get("/api/openapi.json")) == DOCUMENT
    assert "healthy" in json_of(api.get("/api/health"))


def closed(storage: Storage, number: int) -> str:
    """Close an operation of that second, and return its id."""
    at = datetime(2026, 11, 1, 0, 0, number, tzinfo=UTC)
    result = Result(outcome=Outcome.SUCCEEDED, message="done", ended_at=at)
    operation = with_marks(asked(Action.SAVEPOINT), id=operation_id(ORDERS, at=at, identity=str(number)), result=result)
    storage.ledger().close(operation)
    return operation.id


def pages(api: Api, path: str, name: str) -> list[list[str]]:
    """Follow `nextLink` from page to page, and return what each names by `id` or `name`."""
    found = []
    while path:
        page = json_of(api.get(path))
        found.append([item.get("id") or item["name"] for item in page[name]])
        path = page.get("nextLink", "")
    return found


def test_a_jobs_operations_come_in_pages_and_only_those_of_a_page_are_read(empty: Api, storage: Storage) -> None:
    """Newest first, each once; what is new meanwhile doubles nothing."""
    ids = [closed(storage, number) for number in range(5)]
    entry = storage.ledger().entry(ORDERS)
    assert entry
    waiting = asked(Action.STOP)
    storage.ledger().write(entry.record.but(open=(waiting,)), etag=entry.etag)
    newest_first = [waiting.id, *reversed(ids)]
    of_job = "/api/operations?job=orders"
    assert pages(empty, f"{of_job}&top=2", "operations") == [newest_first[:2], newest_first[2:4], newest_first[4:]]
    assert pages(empty, of_job, "operations") == [newest_first]
    assert pages(empty, f"{of_job}&top=6", "operations") == [newest_first]
    assert pages(empty, f"{of_job}&state=open&top=1", "operations") == [[waiting.id]]
    assert pages(empty, f"{of_job}&state=closed&top=4", "operations") == [newest_first[1:5], newest_first[5:]]
    link = json_of(empty.get(f"{of_job}&top=3"))["nextLink"]
    closed(storage, 59)
    with counted() as sent:
        assert pages(empty, link, "operations") == [newest_first[3:]]
    assert sent == {"read": 1 + 3, "list": 1}


def test_open_operations_of_all_jobs_come_in_pages(empty: Api, storage: Storage) -> None:
    """Newest first, from one job or another."""
    found = []
    for job in ("a", "b", "c"):
        at = datetime(2026, 11, 1, 0, 0, ord(job) % 60, tzinfo=UTC)
        operation = with_marks(asked(Action.STOP), id=operation_id(JobName(job), at=at, identity="x"))
        storage.ledger().write(JobRecord(name=JobName(job), open=(operation,)), etag=None)
        found.append(operation.id)
    assert pages(empty, "/api/operations?state=open&top=2", "operations") == [found[:0:-1], found[:1]]


def test_jobs_come_in_pages_by_their_names(play: Play, storage: Storage) -> None:
    """Each once, with its status."""
    for name in ("zebras", "apples"):
        storage.ledger().write(JobRecord(name=JobName(name)), etag=None)
    assert pages(Api(play), "/api/jobs?top=2", "jobs") == [["apples", "orders"], ["zebras"]]
    assert pages(Api(play), "/api/jobs?top=3", "jobs") == [["apples", "orders", "zebras"]]


@pytest.mark.parametrize("path", ["/api/jobs?top=0", "/api/jobs?page=!", "/api/operations?job=orders&top=201"])
def test_a_page_that_cannot_be_is_refused(empty: Api, path: str) -> None:
    """400 with its code."""
    assert json_of(empty.get(path))["code"] == "InvalidQuery"


@pytest.mark.parametrize(
    "path",
    [
        *("/api/jobs", "/api/jobs/orders", "/api/jobs/orders/savepoints", "/api/jobs/orders/uploads"),
        *("/api/operations?job=orders", "/api/operations?state=open", "/api/uploads", "/api/openapi.json"),
    ],
)
def test_what_has_not_changed_is_not_sent_again(empty: Api, storage: Storage, path: str) -> None:
    """304 without a body for whoever has it, in whichever form the tag comes; all of it for the others."""
    storage.records.delete_blob(f"{storage.cluster}/jobs/newer.json")
    first = empty.get(path)
    etag = first.headers["ETag"]
    assert re.fullmatch('"[0-9a-f]{32}"', etag)
    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        again = empty.get(path, **{"if-none-match": known})
        assert (again.status_code, again.headers["ETag"]) == (304, etag)
    other = empty.get(path, **{"if-none-match": '"x"'})
    assert (other.status_code, other.get_body()) == (200, first.get_body())
    if path == "/api/jobs/orders":
        entry = storage.ledger().entry(ORDERS)
        assert entry
        storage.ledger().write(entry.record.but(folder="stateful"), etag=entry.etag)
        changed = empty.get(path, **{"if-none-match": etag})
        assert (changed.status_code, changed.headers["ETag"] != etag) == (200, True)


def test_an_operation_is_sent_again_when_it_has_moved_on(play: Play) -> None:
    """What a program that waits for its end asks."""
    api = Api(play)
    path = f"/api/operations/{json_of(api.post('/api/jobs/orders/stop'))['id']}"
    etag = api.get(path).headers["ETag"]
    assert api.get(path, **{"if-none-match": etag}).status_code == 304
    play.drives()
    ended = api.get(path, **{"if-none-match": etag})
    assert (ended.status_code, json_of(ended)["state"]) == (200, "closed")
