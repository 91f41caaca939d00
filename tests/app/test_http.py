"""What callers get on the wire: keys, errors, replies, and the reply that is held."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import requests

from flinkfuncs.api.codes import CODES
from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import JobRecord, Savepoint
from flinkfuncs.core.names import JobName
from tests.principals import signed_in

from .app import RunningApp, eventually
from .conftest import StartApp

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def problem(reply: requests.Response) -> tuple[int, str]:
    """Return status and code of a problem document, and check that it is one."""
    document = reply.json()
    assert reply.headers["content-type"].startswith("application/problem+json")
    assert document.keys() == {"type", "title", "status", "code", "detail", "instance"}
    assert document["status"] == reply.status_code
    assert document["detail"]
    assert CODES[document["code"]].status == reply.status_code
    return reply.status_code, document["code"]


def new_job(app: RunningApp, job: str, **headers: str) -> requests.Response:
    return app.post(f"/api/jobs/{job}/new", headers=headers)


@pytest.mark.parametrize(
    "path",
    [
        "jobs",
        "jobs/orders",
        "jobs/orders/savepoints",
        "operations",
        "operations/x",
        "uploads",
        "health",
        "openapi.json",
    ],
)
def test_no_route_answers_without_a_key(app: RunningApp, path: str) -> None:
    """Not even with an error that tells something."""
    for reply in (app.get(f"/api/{path}", key=None), app.get(f"/api/{path}", key="wrong")):
        assert (reply.status_code, reply.content) == (401, b"")


def test_nothing_is_asked_for_without_a_key(app: RunningApp) -> None:
    """An action without a key leaves no trace."""
    assert app.post("/api/jobs/keyless/new", key=None).status_code == 401
    assert problem(app.get("/api/jobs/keyless")) == (404, "JobNotFound")


@pytest.mark.parametrize(
    "name", ["Orders", "a%2Fb", "..%2Fb", "%2E%2E", "a_b", "a.b", "a%20b", "a%0A", "x" * 64, "%C3%BC"]
)
def test_a_name_that_is_no_jobs_is_refused_everywhere(app: RunningApp, name: str) -> None:
    """The host decodes %2F into a route value; no route lets it further."""
    for reply in (
        app.get(f"/api/jobs/{name}"),
        app.get(f"/api/jobs/{name}/savepoints"),
        app.post(f"/api/jobs/{name}/new"),
        app.get(f"/api/operations?job={name}"),
    ):
        assert problem(reply) == (400, "InvalidJobName")


@pytest.mark.parametrize("action", ["explode", "new%2Fx", "savepoints", "%20"])
def test_an_unknown_action_is_refused_with_those_there_are(app: RunningApp, action: str) -> None:
    """404, and the words to use instead."""
    reply = app.post(f"/api/jobs/orders/{action}")
    assert problem(reply) == (404, "UnknownAction")
    assert all(known in reply.json()["detail"] for known in Action)


@pytest.mark.parametrize("action", [a for a in Action if a is not Action.NEW])
def test_an_unknown_job_has_no_actions_but_new(app: RunningApp, action: Action) -> None:
    """Every action's words arrive, in any case and with a dash for an underscore."""
    for word in (action, action.lower().replace("_", "-")):
        assert problem(app.post(f"/api/jobs/nobody/{word}")) == (404, "JobNotFound")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("jobs/nobody", 404, "JobNotFound"),
        ("jobs/nobody/savepoints", 404, "JobNotFound"),
        ("operations?job=nobody", 404, "JobNotFound"),
        ("operations/x", 404, "OperationNotFound"),
        ("operations/20261121T020304Z-nobody-3f2a9c1b7d4e", 404, "OperationNotFound"),
        ("operations/..%2F..%2Fjobs%2Forders", 404, "OperationNotFound"),
        ("operations", 400, "InvalidQuery"),
        ("operations?state=late", 400, "InvalidQuery"),
        ("operations?state=closed", 400, "InvalidQuery"),
        ("operations?state=rejected&job=orders", 400, "InvalidQuery"),
        ("uploads?outcome=late", 400, "InvalidQuery"),
    ],
)
def test_what_is_not_there_or_not_clear_is_said(app: RunningApp, path: str, status: int, code: str) -> None:
    """Each with its own code."""
    assert problem(app.get(f"/api/{path}")) == (status, code)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"not json", 400, "InvalidBody"),
        (b"[]", 400, "InvalidBody"),
        (b"null", 400, "InvalidBody"),
        (b"\xff\xfe{}", 400, "InvalidBody"),
        (b'{"jarname": "x"}', 400, "InvalidBody"),
        (b'{"withoutSavepoint": true}', 400, "InvalidBody"),
        (b'{"savepointDirectory": "file:///etc"}', 400, "OutsideRoot"),
        (b'{"flinkConfiguration": {"execution.savepoint.path": "x"}}', 400, "InvalidBody"),
        (b'{"jobJarDirectory": "abfs://a@b/c", "jarName": "x.jar"}', 503, "MissingSetting"),
        (b"{" + b" " * 262144, 413, "BodyTooLarge"),
    ],
)
def test_a_wrong_body_is_refused_and_nothing_is_recorded(app: RunningApp, body: bytes, status: int, code: str) -> None:
    """Each has its own clear error, and the ledger is untouched."""
    assert problem(app.post("/api/jobs/wrong-body/new", body)) == (status, code)
    assert not [name for name in app.ledger_blobs() if "wrong-body" in name]


def test_an_action_is_accepted_with_the_place_to_look(app: RunningApp) -> None:
    """202, Location and Retry-After, and the operation itself; what is asked for is recorded before the reply."""
    body = json.dumps({"args": "--password hunter2", "flinkConfiguration": {"parallelism": 3}}).encode()
    reply = app.post("/api/jobs/accepted/NEW", body, headers={"content-type": "application/x-www-form-urlencoded"})
    assert (reply.status_code, reply.headers["retry-after"]) == (202, "2")
    assert "preference-applied" not in reply.headers
    operation = reply.json()
    assert re.fullmatch(r"\d{8}T\d{6}Z-accepted-[0-9a-f]{12}", operation["id"])
    assert reply.headers["location"] == f"/api/operations/{operation['id']}"
    assert (operation["state"], operation["job"]) == ("open", "accepted")
    assert operation["request"]["spec"] == {"args": ["--password", "******"], "parallelism": 3}
    assert operation["cause"] == {"kind": "http", "detail": "function key, from 127.0.0.1"}
    assert app.get(reply.headers["location"]).json()["id"] == operation["id"]


@pytest.mark.parametrize(
    "forged",
    [
        {"X-MS-CLIENT-PRINCIPAL-ID": "8d1f", "X-MS-CLIENT-PRINCIPAL-NAME": "boss@example.org"},
        signed_in("operator", name="boss@example.org"),
        {"X-Forwarded-For": "10.0.0.1"},
        {"X-Forwarded-For": "10.0.0.1, 10.0.0.2:443"},
        {"X-Forwarded-For": "principal 8d1f"},
        {"X-Forwarded-For": ","},
        {"X-Client-IP": "10.0.0.1", "Forwarded": "for=10.0.0.1"},
    ],
)
def test_nobody_can_say_that_it_was_somebody_else(app: RunningApp, forged: dict[str, str]) -> None:
    """What a caller writes into the platform's headers is not what is recorded: the address that called is."""
    new = new_job(app, "forged", **forged)
    assert new.json()["cause"] == {"kind": "http", "detail": "function key, from 127.0.0.1"}


def test_where_the_platform_signs_people_in_its_word_counts(start_app: StartApp) -> None:
    """There it takes these headers off what a caller sends; who is not signed in has an address."""
    app = start_app("signed-in", {"WEBSITE_AUTH_ENABLED": "True"})
    signed = new_job(app, "caller", **{"X-MS-CLIENT-PRINCIPAL-ID": "8d1f"})
    assert signed.json()["cause"]["detail"] == "principal 8d1f"
    abandoned = app.post(f"/api/operations/{signed.json()['id']}/abandon", headers={"X-Forwarded-For": "10.0.0.1"})
    assert abandoned.json()["result"]["message"].startswith("abandoned by function key, from 127.0.0.1")


def test_jobs_are_shown_although_the_cluster_does_not_answer(app: RunningApp) -> None:
    """The record is what we know; what the cluster would say is UNKNOWN, with the reason."""
    operation = new_job(app, "shown", Prefer="wait=60").json()
    shown = app.get("/api/jobs/shown").json()
    assert (shown["name"], shown["status"], shown["open"]) == ("shown", "UNKNOWN", [])
    assert shown["statusReason"]
    assert shown["last"]["id"] == operation["id"]
    jobs = {job["name"]: job for job in app.get("/api/jobs").json()["jobs"]}
    assert (jobs["shown"]["status"], jobs["shown"]["last"]) == ("UNKNOWN", shown["last"])
    assert app.get("/api/jobs/shown/savepoints").json() == {"savepoints": []}


def test_a_jobs_operations_are_listed_newest_first(app: RunningApp) -> None:
    """Open and closed ones; a state narrows them."""
    ended = [new_job(app, "listed", Prefer="wait=60").json()["id"] for _ in range(2)]
    listed = app.get("/api/operations?job=listed").json()["operations"]
    assert [operation["id"] for operation in listed] == sorted(ended, reverse=True)
    assert app.get("/api/operations?job=listed&state=closed").json()["operations"] == listed
    assert app.get("/api/operations?job=listed&state=open").json() == {"operations": []}


def test_what_a_caller_has_already_is_not_sent_again(app: RunningApp) -> None:
    """304 and no body, through the worker and the host; and the document that describes all this is served."""
    first = app.get("/api/openapi.json")
    assert (first.status_code, first.json()["openapi"]) == (200, "3.1.0")
    assert first.headers["cache-control"] == "private, no-cache"
    again = app.get("/api/openapi.json", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])


def test_a_held_reply_brings_the_end_of_the_operation(app: RunningApp) -> None:
    """200 and the operation, a failed one too: its outcome is in the body."""
    reply = new_job(app, "held", Prefer="respond-async, wait=60")
    assert (reply.status_code, reply.headers["preference-applied"]) == (200, "wait=60")
    assert "retry-after" not in reply.headers
    operation = reply.json()
    assert (operation["state"], operation["result"]["outcome"]) == ("closed", "FAILED")
    assert app.get(reply.headers["location"]).json() == operation


@pytest.mark.parametrize(("prefer", "applied"), [("wait=0", "wait=0"), ("wait=1", "wait=1")])
def test_a_reply_is_held_no_longer_than_was_preferred(app: RunningApp, prefer: str, applied: str) -> None:
    """After that it is the 202 that it would have been."""
    reply = new_job(app, "short", Prefer=prefer)
    assert (reply.status_code, reply.headers["preference-applied"]) == (202, applied)
    assert reply.headers["location"].endswith(reply.json()["id"])


def test_a_wait_beyond_the_platforms_limit_is_clamped(app: RunningApp) -> None:
    """The caller is told what it got."""
    assert new_job(app, "clamped", Prefer="wait=3600").headers["preference-applied"] == "wait=200"


@pytest.mark.parametrize("prefer", ["wait=soon", "wait", "wait=-1", "handling=strict", "wait=1 2"])
def test_a_preference_that_cannot_be_understood_is_ignored(app: RunningApp, prefer: str) -> None:
    """As RFC 7240 says: no error, no wait, and nothing echoed."""
    reply = new_job(app, "ignored", Prefer=prefer)
    assert reply.status_code == 202
    assert "preference-applied" not in reply.headers


def test_held_replies_hold_no_worker_thread(start_app: StartApp) -> None:
    """With two worker threads eight replies are held, and the queue trigger still brings each operation to its end."""
    app = start_app("held", {"UNREACHABLE_SECONDS": "1", "PYTHON_THREADPOOL_THREAD_COUNT": "2"})
    with ThreadPoolExecutor(8) as callers:
        replies = list(callers.map(lambda n: new_job(app, f"held-{n}", Prefer="wait=90"), range(8)))
    assert [reply.status_code for reply in replies] == [200] * 8
    assert [reply.json()["result"]["outcome"] for reply in replies] == ["FAILED"] * 8
    assert {reply.json()["job"] for reply in replies} == {f"held-{n}" for n in range(8)}


def test_the_open_operations_of_all_jobs_are_listed(waiting_app: RunningApp) -> None:
    """Newest first, from the jobs' records."""
    asked = [new_job(waiting_app, job).json()["id"] for job in ("one", "two", "one")]
    listed = waiting_app.get("/api/operations?state=open").json()["operations"]
    ids = [operation["id"] for operation in listed]
    assert [id_ for id_ in ids if id_ in asked] == sorted(asked, reverse=True)
    assert ids == sorted(ids, reverse=True)
    assert {operation["state"] for operation in listed} == {"open"}
    job = waiting_app.get("/api/jobs/one").json()
    assert [operation["id"] for operation in job["open"]] == [asked[0], asked[2]]


def test_a_deleted_job_is_shown_but_not_listed(app: RunningApp) -> None:
    """Its tombstone keeps the savepoints, newest first; the name is free again."""
    paths = ["file:/savepoints/tombstone/1", "file:/savepoints/tombstone/2"]
    savepoints = tuple(
        Savepoint(path=path, taken_at=NOW, origin=Action.STOP, cause="timer", flink_job_id="c0", operation="o")
        for path in paths
    )
    app.put_record(JobRecord(name=JobName("tombstone"), deleted=True, savepoints=savepoints))
    assert "tombstone" not in [job["name"] for job in app.get("/api/jobs").json()["jobs"]]
    shown = app.get("/api/jobs/tombstone").json()
    assert (shown["status"], shown["lastSavePoint"]) == ("DELETED", paths[1])
    listed = app.get("/api/jobs/tombstone/savepoints").json()["savepoints"]
    assert [savepoint["path"] for savepoint in listed] == paths[::-1]
    assert problem(app.post("/api/jobs/tombstone/stop")) == (404, "JobNotFound")
    assert new_job(app, "tombstone").status_code == 202
    assert "tombstone" in [job["name"] for job in app.get("/api/jobs").json()["jobs"]]


def test_an_app_without_settings_names_them(empty_app: RunningApp) -> None:
    """503 with the names, for the first call and in the health report."""
    reply = empty_app.get("/api/jobs")
    assert problem(reply)[0] == 503
    assert "FLINK_CLUSTER_KIND" in reply.json()["detail"]
    assert reply.headers["retry-after"]
    health = empty_app.get("/api/health")
    assert (health.status_code, health.json()["healthy"]) == (503, False)
    assert any(fault.startswith("FLINK_CLUSTER_KIND") for fault in health.json()["faults"])


def test_health_tells_storage_and_cluster_apart(app: RunningApp) -> None:
    """The settings are right and storage answers; the cluster does not, and the report says why."""
    new_job(app, "health", Prefer="wait=60")
    reply = app.get("/api/health")
    health = reply.json()
    assert (reply.status_code, health["healthy"], health["clusterKind"]) == (503, False, "session")
    assert (health["faults"], health["warnings"]) == ([], [])
    assert health["storage"] == {"reachable": True}
    assert health["cluster"]["reachable"] is False
    assert health["cluster"]["reason"]
    assert app.account not in reply.text
    eventually(lambda: app.get("/api/operations?state=open").json()["operations"] == [])
