"""Jars and job.json as bodies of requests: what is written where, what is refused, and what an action makes of it."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest

from flinkfuncs.core.operations import Outcome
from flinkfuncs.uploading import LONGEST_JAR
from tests.fixtures.scenes import Play
from tests.stand_in.rest import FlinkServer
from tests.unit.builders import ORDERS
from tests.wire.api import Api, json_of
from tests.wire.storage import Storage, jar

UPLOADS = "/api/jobs/orders/uploads"
STATEFUL = f"{UPLOADS}/orders-2.jar?folder=stateful"
PLANNED = f"{UPLOADS}/orders-2.jar?folder=plans"
V2, V3 = jar(padding=b"2 over HTTP"), jar(padding=b"3 over HTTP")
DESCRIBED = b'{"jar": "orders-2.jar", "parallelism": 4}'


@pytest.fixture
def play(storage: Storage, flink: FlinkServer) -> Play:
    """No job yet."""
    return Play(storage, flink)


def lies(play: Play) -> dict[str, str]:
    """Every blob of the jars container with its ETag."""
    return {blob.name: blob.etag for blob in play.storage.uploads.list_blobs()}


def code(reply: Any) -> tuple[int, str]:  # noqa: ANN401 - the worker's reply
    """Return status and code of a problem."""
    return reply.status_code, json_of(reply)["code"]


def ended(play: Play, operation: str) -> Any:  # noqa: ANN401 - JSON
    """Drive what is open, and return how an operation ended."""
    play.drives()
    return json_of(Api(play).get(f"/api/operations/{operation}"))


def test_a_jar_that_is_put_is_the_upload_of_a_pipeline(play: Play) -> None:
    """Its bytes and its remarks; the same once more writes nothing, so that no second upload comes of it."""
    api = Api(play)
    path = f"{STATEFUL}&reason={quote('Füllung 100 %')}&commit=5c1d0e2&buildUrl={quote('https://ci.example/1?a=b')}"
    reply = api.put(path, V2)
    stored = json_of(reply)
    assert (reply.status_code, stored["blob"], stored["written"]) == (201, "stateful/orders/orders-2.jar", "created")
    assert (stored["sha256"], stored["sizeBytes"]) == (hashlib.sha256(V2).hexdigest(), len(V2))
    again = api.put(path, V2)
    assert (again.status_code, json_of(again)) == (200, stored | {"written": "no"})
    upload = play.intake.upload("stateful/orders/orders-2.jar")
    assert upload
    operation = ended(play, upload.id)
    assert (operation["result"]["outcome"], operation["release"]["sha256"]) == ("SUCCEEDED", stored["sha256"])
    request = {name: operation["request"].get(name) for name in ("reason", "commit", "buildUrl")}
    assert request == {"reason": "Füllung 100 %", "commit": "5c1d0e2", "buildUrl": "https://ci.example/1?a=b"}


def test_what_somebody_else_has_put_there_is_replaced_only_by_its_etag(play: Play) -> None:
    """Each row of the module's table."""
    api = Api(play)
    assert code(api.put(STATEFUL, V2, **{"if-match": "*"})) == (412, "UploadChanged")
    first = json_of(api.put(STATEFUL, V2))
    refused = api.put(STATEFUL, V3)
    assert code(refused) == (409, "UploadExists")
    assert first["etag"] in json_of(refused)["detail"]
    assert code(api.put(f"{STATEFUL}&reason=another", V2)) == (409, "UploadExists")
    replaced = api.put(STATEFUL, V3, **{"if-match": first["etag"]})
    assert (replaced.status_code, json_of(replaced)["written"]) == (200, "replaced")
    assert code(api.put(STATEFUL, V2, **{"if-match": first["etag"]})) == (412, "UploadChanged")
    assert json_of(api.put(STATEFUL, V3, **{"if-match": first["etag"]}))["written"] == "no"  # a lost answer, repeated
    assert json_of(api.put(STATEFUL, V2, **{"if-match": "*"}))["written"] == "replaced"


def test_of_two_at_once_one_is_written_and_the_other_hears_of_it(play: Play) -> None:
    """Whoever is first; with the same bytes both are content."""
    api = Api(play)
    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda content: api.put(STATEFUL, content), (V2, V3)))
        assert sorted(reply.status_code for reply in replies) == [201, 409]
        replies = list(pool.map(lambda _: api.put(f"{UPLOADS}/same.jar?folder=stateful", V2), range(2)))
        assert {reply.status_code for reply in replies} <= {200, 201}
    assert len({json_of(reply)["etag"] for reply in replies}) == 1


def test_a_first_job_comes_of_http_alone_by_an_upload(play: Play) -> None:
    """The job.json first, then the jar that it names; a job.json may be replaced like any other file."""
    api = Api(play)
    description = f"{UPLOADS}/job.json?folder=stateful"
    assert api.put(description, b'{"jar": "orders-1.jar"}').status_code == 201
    assert code(api.put(description, DESCRIBED)) == (409, "UploadExists")
    assert api.put(description, DESCRIBED, **{"if-match": "*"}).status_code == 200
    assert api.put(STATEFUL, V2).status_code == 201
    upload = play.intake.upload("stateful/orders/orders-2.jar")
    assert upload
    operation = ended(play, upload.id)
    assert (operation["result"]["outcome"], operation["release"]["spec"]["parallelism"]) == ("SUCCEEDED", 4)


@pytest.mark.parametrize(
    ("path", "body", "status", "problem"),
    [
        (STATEFUL, b"", 422, "EmptyJar"),
        (STATEFUL, b"<html>Sign in</html>", 422, "NotAJar"),
        (STATEFUL, V2[:-30], 422, "NotAJar"),
        (PLANNED, DESCRIBED, 422, "NotAJar"),
        (f"{UPLOADS}/job.json?folder=stateful", b'{"jar": "x.jar", "paralelism": 4}', 400, "InvalidBody"),
        (f"{UPLOADS}/job.json?folder=stateful", b'{"jar": "../x.jar"}', 400, "InvalidBody"),
        (f"{UPLOADS}/job.json?folder=stateful", b'{"jar": "x.jar"}' + b" " * 65536, 413, "BodyTooLarge"),
        (f"{UPLOADS}/job.json?folder=plans", DESCRIBED, 400, "InvalidPath"),
        (f"{UPLOADS}/readme.txt?folder=stateful", V2, 400, "InvalidPath"),
        (f"{UPLOADS}/{quote('../x.jar', safe='')}?folder=stateful", V2, 400, "InvalidPath"),
        (f"{UPLOADS}/{quote('a/x.jar', safe='')}?folder=stateful", V2, 400, "InvalidPath"),
        (f"{UPLOADS}/{'x' * 197}.jar?folder=plans", V2, 400, "InvalidPath"),
        ("/api/jobs/No_Job/uploads/x.jar?folder=plans", V2, 400, "InvalidJobName"),
        (f"{UPLOADS}/x.jar", V2, 400, "InvalidQuery"),
        (f"{UPLOADS}/x.jar?folder=releases", V2, 400, "InvalidQuery"),
        (f"{STATEFUL}&plan=3", V2, 400, "InvalidQuery"),
        (f"{STATEFUL}&again=yes", V2, 400, "InvalidQuery"),
        (f"{STATEFUL}&commit=HEAD", V2, 400, "InvalidQuery"),
        (f"{PLANNED}&reason=x", V2, 400, "InvalidQuery"),
        (f"{UPLOADS}/job.json?folder=stateful&reason=x", DESCRIBED, 400, "InvalidQuery"),
    ],
)
def test_what_no_upload_can_be_is_refused_before_it_is_written(
    play: Play, path: str, body: bytes, status: int, problem: str
) -> None:
    """With its code, and nothing lies there afterwards."""
    assert code(Api(play).put(path, body)) == (status, problem)
    assert lies(play) == {}


def test_a_jar_that_is_too_large_is_told_the_way(play: Play) -> None:
    """By the length that is announced, before the body is looked at, and by the body's own."""
    announced = Api(play).put(STATEFUL, V2, **{"content-length": str(LONGEST_JAR + 1)})
    assert code(announced) == (413, "JarTooLarge")
    assert "az storage blob upload" in json_of(announced)["detail"]
    assert "--name stateful/orders/orders-2.jar" in json_of(announced)["detail"]
    assert code(Api(play).put(PLANNED, bytes(LONGEST_JAR + 1))) == (413, "JarTooLarge")
    assert lies(play) == {}


def test_a_job_is_made_planned_and_updated_by_jars_below_plans(play: Play) -> None:
    """Each jar is uploaded once; its plan and its action name it, and nothing is taken for an upload."""
    api = Api(play)
    asked = {"jar": json_of(api.put(PLANNED, V2))["blob"], "parallelism": 3, "args": ["--topic", "orders"]}
    assert json_of(api.put(PLANNED, V2))["written"] == "no"
    plan = json_of(api.post("/api/jobs/orders/new?dryRun=true", json.dumps(asked).encode()))
    assert (plan["verdict"], plan["release"]["spec"]["parallelism"]) == ("WILL_DO", 3)
    planned = json.dumps(asked | {"plan": plan["id"]}).encode()
    made = json_of(api.post("/api/jobs/orders/new", planned, **{"idempotency-key": "k1"}))
    assert json_of(api.post("/api/jobs/orders/new", planned, **{"idempotency-key": "k1"}))["id"] == made["id"]
    first = ended(play, made["id"])
    assert (first["result"]["outcome"], first["release"]["id"]) == ("SUCCEEDED", plan["release"]["id"])
    other = json_of(api.put(PLANNED, V3))["blob"]
    assert other != asked["jar"]
    update = json_of(api.post("/api/jobs/orders/update", json.dumps({"jar": other}).encode()))
    second = ended(play, update["id"])
    assert (second["result"]["outcome"], second["release"]["spec"]["parallelism"]) == ("SUCCEEDED", 3)
    assert second["release"]["sha256"] == hashlib.sha256(V3).hexdigest()
    assert json_of(api.get("/api/uploads"))["uploads"] == []
    back = json.dumps({"release": first["release"]["id"]}).encode()
    gone_back = json_of(api.post("/api/jobs/orders/update", back))
    assert ended(play, gone_back["id"])["release"]["id"] == first["release"]["id"]


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        ({"jar": "plans/none/x.jar"}, 404, "JarNotFound"),
        ({"jar": "stateful/orders/x.jar"}, 400, "InvalidPath"),
        ({"jar": "plans/../releases/x.jar"}, 400, "InvalidPath"),
        ({"jar": "plans/x.txt"}, 400, "InvalidPath"),
        ({"jar": "plans/a/x.jar", "jarName": "y.jar"}, 400, "InvalidBody"),
        ({"jar": "plans/a/x.jar", "release": "12345678"}, 400, "InvalidBody"),
    ],
)
def test_an_action_names_no_jar_but_one_below_plans(
    play: Play, body: dict[str, str], status: int, problem: str
) -> None:
    """Planned or asked for."""
    play.runs()
    for path in ("/api/jobs/orders/update", "/api/jobs/orders/update?dryRun=true"):
        assert code(Api(play).post(path, json.dumps(body).encode())) == (status, problem)


def test_a_jar_that_is_another_one_by_now_is_not_run(play: Play) -> None:
    """The operation takes the one that lay there when it was asked for."""
    play.runs()
    play.storage.upload("plans/by-hand/x.jar", V2)
    asked = json_of(Api(play).post("/api/jobs/orders/update", b'{"jar": "plans/by-hand/x.jar"}'))
    play.storage.upload("plans/by-hand/x.jar", V3)
    runs = play.record.current
    assert ended(play, asked["id"])["result"]["outcome"] == Outcome.SUPERSEDED
    assert play.record.current == runs
    assert next(one.id for one in play.ledger.operations(ORDERS)) == asked["id"]
