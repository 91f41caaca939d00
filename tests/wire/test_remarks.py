"""A reason, a build and a commit: they appear in the history, and change nothing of what is done."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from flinkfuncs.core.messages import ended_message
from flinkfuncs.core.operations import Outcome
from tests.fixtures.scenes import Play
from tests.stand_in.rest import FlinkServer
from tests.unit.builders import ORDERS
from tests.wire.api import Api, json_of
from tests.wire.session import intake
from tests.wire.storage import Storage, jar

GIVEN: dict[str, Any] = {"reason": "a new schema", "buildUrl": "https://ci.example/17", "commit": "5c1d0e2"}


@pytest.fixture
def play(storage: Storage, flink: FlinkServer) -> Play:
    """No job yet."""
    return Play(storage, flink)


def newest(api: Api) -> Any:  # noqa: ANN401 - JSON
    """Return the operation that was asked for last."""
    return json_of(api.get("/api/operations?job=orders"))["operations"][0]


def test_what_came_with_an_upload_and_with_a_call_is_in_the_history(play: Play) -> None:
    """In the operation, as the job's last one in both lists, and the reason in the message about its end."""
    api = Api(play)
    play.uploads(**GIVEN).drives()
    assert {name: newest(api)["request"][name] for name in GIVEN} == GIVEN
    body = GIVEN | {"reason": f"x{' because' * 60} password=hunter2"}
    api.post("/api/jobs/orders/savepoint", json.dumps(body).encode())
    assert newest(api)["request"]["reason"].endswith("because password=******")
    play.drives()
    (listed,) = json_of(api.get("/api/jobs"))["jobs"]
    alone = json_of(api.get("/api/jobs/orders"))["last"]["reason"]
    assert (alone, listed["last"]["reason"]) == (newest(api)["request"]["reason"], f"{alone[:199]}…")
    (operation, *_) = play.ledger.operations(ORDERS)
    assert ended_message(operation).text.endswith(f" Reason given: {alone}")


def test_a_job_json_that_differs_in_remarks_alone_restarts_nothing(play: Play) -> None:
    """The release is the same; the upload is recorded with what it says, and ends as done."""
    play.uploads(**GIVEN).drives()
    runs, acts = play.record.current, len(play.cluster.acts)
    name, described = "stateful/orders/job.json", GIVEN | {"commit": "0000001", "reason": "the same again"}
    text = json.loads(play.storage.uploads.download_blob(name).readall())
    play.storage.upload(name, json.dumps(text | described))
    play.intake.upload(name)
    play.drives()
    ended = newest(Api(play))
    assert (ended["result"]["outcome"], ended["request"]["commit"]) == (Outcome.SUCCEEDED, "0000001")
    assert ended["result"]["message"] == "the job runs this release already"
    assert (play.record.current, [type(step).__name__ for step in play.cluster.acts[acts:]]) == (runs, ["Keep"])


def test_a_job_json_with_other_remarks_names_no_savepoint_anew(storage: Storage) -> None:
    """A pipeline that writes each commit into it would take the job back with every build, where nothing runs."""

    def recorded(**described: object) -> tuple[str | None, str | None]:
        storage.upload("stateful/orders/job.json", json.dumps({"jar": "a.jar", "savePointName": "s"} | described))
        storage.upload("stateful/orders/a.jar", jar())
        operation = intake(storage).upload("stateful/orders/a.jar")
        assert operation
        return operation.request.job_json_sha256, operation.request.names_savepoint_sha256

    whole, rest = zip(
        *(recorded(commit="5c1d0e2"), recorded(reason="x", commit="5c1d0e3"), recorded(commit="5c1d0e2", args="x")),
        strict=True,
    )
    assert len(set(whole)) == 3
    assert (rest[0], rest[0] == rest[1], rest[0] == rest[2]) == (rest[1], True, False)
    assert recorded()[1] is None


@pytest.mark.parametrize("field", GIVEN)
def test_a_job_json_with_an_invalid_remark_is_refused(play: Play, field: str) -> None:
    """As any other field of it would be."""
    described: dict[str, Any] = {field: "two\nlines"}
    play.uploads(**described)
    assert newest(Api(play))["result"]["code"] == "InvalidBody"


def test_who_abandons_or_pauses_says_why(play: Play) -> None:
    """The end of the operation has the reason, and the job has it while its uploads are paused."""
    play.runs()
    api = Api(play)
    number = json_of(api.post("/api/jobs/orders/savepoint"))["id"]
    ended = json_of(api.post(f"/api/operations/{number}/abandon", b'{"reason": "it is stuck, token=hunter2"}'))
    assert ": it is stuck, token=******; it had begun nothing" in ended["result"]["message"]
    path = "/api/jobs/orders/uploads"
    for body in (b'{"paused": true, "reason": "a migration"}', b'{"paused": true}', b'{"paused": true, "reason": ""}'):
        assert json_of(api.put(path, body))["reason"] == "a migration"
    assert json_of(api.get(path))["reason"] == json_of(api.get("/api/jobs/orders"))["uploads"]["reason"]
    assert json_of(api.put(path, b'{"paused": true, "reason": "another one"}'))["reason"] == "another one"
    assert json_of(api.put(path, b'{"paused": false, "reason": "done"}')) == {"paused": False, "held": []}
    assert json_of(api.put(path, b'{"paused": true}')) == {"paused": True, "held": []}
    assert json_of(api.put(path, b'{"paused": true, "reason": "a\\nb"}'))["code"] == "InvalidBody"


def test_what_is_said_of_a_jar_alone_is_metadata_of_its_blob(storage: Storage) -> None:
    """It is recorded with the upload, which keeps the recorded spec; one that names no plan is refused."""
    name = "stateful/orders/a.jar"
    said = {"reason": "gr%C3%B6%C3%9Fer", "commit": "5c1d0e2", "again": "true"}
    storage.uploads.upload_blob(name, jar(), metadata=said)
    operation = intake(storage).upload(name)
    assert operation
    request = operation.request
    assert (request.reason, request.commit, request.again) == ("größer", "5c1d0e2", True)
    assert (request.replaces_spec, request.plan) == (False, None)
    storage.uploads.upload_blob(name, jar(), metadata={"plan": "the one of Monday"}, overwrite=True)
    refused = intake(storage).upload(name)
    assert refused
    assert refused.result
    assert (refused.result.outcome, refused.result.code) == (Outcome.REFUSED, "InvalidBody")


def test_the_sweeper_reads_the_metadata_too(storage: Storage) -> None:
    """A listing does not have it, and the event may be lost."""
    plan = "6f0c1d2e3f4a5b6c.9e0f000000000000"
    storage.uploads.upload_blob("stateful/orders/a.jar", jar(), metadata={"plan": plan})
    intake(storage).sweep(datetime.now(UTC))
    entry = storage.ledger().entry(ORDERS)
    assert entry
    assert [one.request.plan for one in entry.record.open] == [plan]
