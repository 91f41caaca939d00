"""Does every route reply as the OpenAPI document says? `Api` compares each reply; here is one of each kind."""

from __future__ import annotations

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import JobRecord
from tests.fixtures.scenes import Play
from tests.stand_in.rest import FlinkServer
from tests.unit.builders import ORDERS
from tests.unit.test_openapi import DOCUMENT
from tests.wire.api import Api, json_of
from tests.wire.storage import Storage


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


def test_the_document_and_the_health_report_are_served(play: Play) -> None:
    """As described, too."""
    api = Api(play)
    assert json_of(api.get("/api/openapi.json")) == DOCUMENT
    assert "healthy" in json_of(api.get("/api/health"))
