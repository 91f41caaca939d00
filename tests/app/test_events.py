"""What blobs, messages and ticks lead to, and that none of them is retried for ever."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .app import RunningApp, eventually
from .conftest import StartApp


def operations(app: RunningApp, job: str) -> list[dict[str, Any]]:
    reply = app.get(f"/api/operations?job={job}")
    found: list[dict[str, Any]] = reply.json().get("operations", [])
    return found


@pytest.mark.parametrize(
    ("function", "folder", "action"),
    [("stateful_jar", "stateful", "UPDATE"), ("stateless_jar", "stateless", "STATELESS_UPDATE")],
)
def test_an_uploaded_jar_becomes_an_operation(app: RunningApp, function: str, folder: str, action: str) -> None:
    """The folder says how; two events of one upload are one operation."""
    job = f"uploaded-{folder}"
    app.put_blob(f"{folder}/{job}/v1.jar", b"PK")
    for _ in range(2):
        assert app.blob_event(function, f"{folder}/{job}/v1.jar").status_code == 202
    ended = eventually(lambda: [o for o in operations(app, job) if o["state"] == "closed"])
    assert [o["request"]["action"] for o in ended] == [action]
    assert ended[0]["cause"]["kind"] == "upload"
    assert len(operations(app, job)) == 1


@pytest.mark.parametrize("name", ["stateful/Not-A-Job/v1.jar", "stateful/a/b/v1.jar", "stateful/a%2Fb/v1.jar"])
def test_an_upload_under_no_jobs_name_is_recorded_and_not_retried(app: RunningApp, name: str) -> None:
    """It is listed as rejected, once."""
    app.put_blob(name, b"PK")
    assert app.blob_event("stateful_jar", name.replace("%", "%25")).status_code == 202

    def rejected() -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = app.get("/api/operations?state=rejected").json()["operations"]
        return [rejection for rejection in listed if rejection["blob"] == name]

    (rejection,) = eventually(rejected)
    assert (rejection["state"], rejection["blob"]) == ("rejected", name)
    assert rejection["message"]


def test_what_became_of_an_upload_is_shown_by_its_job_and_in_one_list(app: RunningApp) -> None:
    """Although the job has no record: its first job.json has a misspelt field, which the reason names."""
    blob, job = "stateful/misspelt/job.json", "misspelt"
    app.put_blob(blob, b'{"jar": "v1.jar", "paralelism": 4}')
    app.put_blob("stateful/No-Job/v1.jar", b"PK")
    app.put_blob("stateful/waits/job.json", b'{"jar": "v1.jar"}')
    assert app.blob_event("stateful_jar", blob).status_code == 202
    (operation,) = eventually(lambda: operations(app, job))
    assert (operation["result"]["outcome"], operation["result"]["code"]) == ("REFUSED", "InvalidBody")
    assert operation["result"]["message"] == "job.json is not valid: paralelism: unknown field"
    missing = app.get(f"/api/jobs/{job}")
    assert (missing.status_code, missing.json()["code"]) == (404, "JobNotFound")
    assert f"/api/operations?job={job}" in missing.json()["detail"]
    for query in ("", "?outcome=refused"):
        shown = {one["blob"]: one for one in app.get(f"/api/uploads{query}").json()["uploads"]}
        assert shown[blob].pop("at").replace("-", "").replace(":", "") in operation["id"]
        assert shown[blob] == {
            "state": "closed",
            "blob": blob,
            "job": job,
            "operation": operation["id"],
            "outcome": "REFUSED",
            "code": "InvalidBody",
            "message": operation["result"]["message"],
        }
        misplaced = shown["stateful/No-Job/v1.jar"]
        assert (misplaced["state"], misplaced["code"], "job" in misplaced) == ("rejected", "InvalidJobName", False)
        assert ("stateful/waits/job.json" in shown) is not bool(query)
    assert shown.keys() <= {one["blob"] for one in app.get("/api/uploads").json()["uploads"]}
    waiting = {one["blob"]: one for one in app.get("/api/uploads").json()["uploads"]}["stateful/waits/job.json"]
    assert (waiting["state"], waiting["message"]) == ("waiting", "waits for v1.jar")
    assert {one["outcome"] for one in app.get("/api/uploads?outcome=SUPERSEDED").json()["uploads"]} <= {"SUPERSEDED"}


def test_an_event_of_a_blob_that_is_gone_asks_for_nothing(app: RunningApp) -> None:
    """Events are hints."""
    app.put_blob("stateful/still-there/v1.jar", b"PK")
    assert app.blob_event("stateful_jar", "stateful/gone/v1.jar").status_code == 202
    assert app.blob_event("stateful_jar", "stateful/still-there/v1.jar").status_code == 202
    eventually(lambda: operations(app, "still-there"))
    assert operations(app, "gone") == []


@pytest.mark.parametrize(
    "message",
    ["", "not json", "[]", "null", '{"job": "A/B", "operation": "x"}', '{"job": "a"}', '{"job": "a", "x": 1}'],
)
def test_a_message_that_says_nothing_is_dropped(app: RunningApp, message: str) -> None:
    """One line in the log, no retry, no poison."""
    before = app.log().count("outcome=dropped")
    app.send_message(message)
    eventually(lambda: app.log().count("outcome=dropped") == before + 1)
    assert app.poison() == []


def test_a_message_about_an_unknown_job_does_nothing(app: RunningApp) -> None:
    """The record is the truth; a message only says that it is worth a look."""
    app.send_message(json.dumps({"job": "stranger", "operation": "20261121T020304Z-stranger-3f2a9c1b7d4e"}))
    app.post("/api/jobs/after-the-stranger/new", headers={"Prefer": "wait=60"})
    assert app.get("/api/jobs/stranger").status_code == 404
    assert app.poison() == []


def test_an_operation_that_lost_its_message_is_swept_up(app: RunningApp) -> None:
    """The sweeper's tick finds the upload that no event told of, and drives it to its end."""
    app.put_blob("stateful/forgotten/v1.jar", b"PK")
    app.run_now("sweep")
    ended = eventually(lambda: [o for o in operations(app, "forgotten") if o["state"] == "closed"])
    assert len(ended) == 1


def test_a_tick_of_the_savepoint_timer_is_no_crash_without_jobs(start_app: StartApp) -> None:
    """Nothing runs, nothing is asked for."""
    app = start_app("ticked", {})
    app.run_now("take_savepoints")
    eventually(lambda: "Executed 'Functions.take_savepoints'" in app.log())
    assert app.get("/api/operations?state=open").json() == {"operations": []}
