"""What people say to operations that wait or run: abandoning, and pausing uploads, as callers get it on the wire."""

from __future__ import annotations

from .app import RunningApp, eventually
from .test_http import new_job, problem


def test_a_stuck_operation_is_abandoned_and_the_next_one_goes_on(waiting_app: RunningApp) -> None:
    """200 with the operation, twice the same; the job's next operation gets a driver at once."""
    app = waiting_app
    stuck, next_one = (new_job(app, "stuck").json()["id"] for _ in range(2))
    eventually(lambda: "drivenAt" in app.get(f"/api/operations/{stuck}").json())
    replies = [app.post(f"/api/operations/{stuck}/abandon") for _ in range(2)]
    assert [reply.status_code for reply in replies] == [200, 200]
    assert replies[0].json() == replies[1].json() == app.get(f"/api/operations/{stuck}").json()
    ended = replies[0].json()
    assert (ended["state"], ended["result"]["outcome"], ended["result"]["code"]) == ("closed", "ABANDONED", "Abandoned")
    assert ended["result"]["message"].startswith("abandoned by function key, from ")
    eventually(lambda: "drivenAt" in app.get(f"/api/operations/{next_one}").json())
    assert [operation["id"] for operation in app.get("/api/jobs/stuck").json()["open"]] == [next_one]


def test_what_has_ended_or_is_not_there_cannot_be_abandoned(app: RunningApp) -> None:
    """Each with its own code, and nothing changes."""
    ended = new_job(app, "ended", Prefer="wait=60").json()
    assert problem(app.post(f"/api/operations/{ended['id']}/abandon")) == (409, "OperationEnded")
    assert app.get(f"/api/operations/{ended['id']}").json() == ended
    for unknown in ("x", "20261121T020304Z-nobody-3f2a9c1b7d4e"):
        assert problem(app.post(f"/api/operations/{unknown}/abandon")) == (404, "OperationNotFound")


def test_uploads_are_held_while_they_are_paused(waiting_app: RunningApp) -> None:
    """PUT says it, GET shows it, the job and its operations do, too; an upload opens nothing until it is resumed."""
    app = waiting_app
    first = new_job(app, "paused").json()["id"]
    uploads = "/api/jobs/paused/uploads"
    assert app.get(uploads).json() == {"paused": False, "held": []}
    for _ in range(2):
        reply = app.put(uploads, b'{"paused": true}')
        assert (reply.status_code, reply.json()) == (200, {"paused": True, "held": []})
    app.put_blob("stateful/paused/v1.jar", b"PK")
    app.blob_event("stateful_jar", "stateful/paused/v1.jar")
    (held,) = eventually(lambda: app.get(uploads).json()["held"])
    app.run_now("sweep")
    job = app.get("/api/jobs/paused").json()
    assert job["uploads"] == {"paused": True, "held": [held]}
    assert [operation["id"] for operation in job["open"]] == [first]
    assert held["id"] in [o["id"] for o in app.get("/api/operations?state=open").json()["operations"]]
    assert app.get(f"/api/operations/{held['id']}").json() == held
    assert app.put(uploads, b'{"paused": false}').json() == {"paused": False, "held": []}
    job = app.get("/api/jobs/paused").json()
    assert "uploads" not in job
    assert [operation["id"] for operation in job["open"]] == [first, held["id"]]


def test_a_wrong_pause_is_refused(app: RunningApp) -> None:
    """No key, no job, no body, a body that says something else."""
    new_job(app, "unpaused")
    uploads = "/api/jobs/unpaused/uploads"
    assert app.put(uploads, b'{"paused": true}', key=None).status_code == 401
    assert problem(app.put("/api/jobs/nobody/uploads", b'{"paused": true}')) == (404, "JobNotFound")
    assert problem(app.get("/api/jobs/nobody/uploads")) == (404, "JobNotFound")
    assert problem(app.put("/api/jobs/A_B/uploads", b'{"paused": true}')) == (400, "InvalidJobName")
    for body in (b"", b"{}", b'{"paused": "maybe"}', b'{"paused": true, "until": "tomorrow"}'):
        assert problem(app.put(uploads, body)) == (400, "InvalidBody")
    assert app.get(uploads).json() == {"paused": False, "held": []}
