"""Are people told, in the real host? A receiver of the test's own, the queue of messages, and the test message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from azure.storage.queue import QueueServiceClient

from tests.wire.server import Answer, LocalServer, serving

from .app import RunningApp, eventually
from .conftest import StartApp
from .test_indexing import indexed

QUEUE = "told-messages"


@dataclass(frozen=True)
class Telling:
    """An app, and who is told."""

    app: RunningApp
    receiver: LocalServer


@pytest.fixture(scope="module")
def telling(start_app: StartApp, account: str) -> Iterator[Telling]:
    """An app that tells a receiver."""
    QueueServiceClient.from_connection_string(account).create_queue(QUEUE)
    with serving({"POST /hook": [Answer(204)]}) as receiver:
        told = {"NOTIFY_URL": f"{receiver.url}/hook", "MESSAGES_QUEUE": QUEUE, "UNREACHABLE_SECONDS": "2"}
        yield Telling(start_app("announcing", told), receiver)


def test_the_queue_of_messages_is_listened_to_where_somebody_is_told(telling: Telling) -> None:
    """And a message that says nothing is dropped."""
    (trigger,) = indexed(telling.app)["send_message"]
    assert (trigger["type"], trigger["queueName"], trigger["connection"]) == (
        "queueTrigger",
        "%MESSAGES_QUEUE%",
        "JARS",
    )


def test_a_refused_upload_is_told(telling: Telling) -> None:
    """From the event to the receiver."""
    telling.app.put_blob("stateful/refused/job.json", b"{")
    telling.app.blob_event("stateful_jar", "stateful/refused/job.json")
    eventually(lambda: telling.app.get("/api/operations?job=refused").json().get("operations"))
    telling.app.run_now("sweep")
    (call,) = eventually(lambda: [call for call in telling.receiver.calls if b"upload.refused" in call.body])
    assert call.sent["subject"] == "refused"
    assert call.sent["data"]["result"]["outcome"] == "REFUSED"


def test_a_test_message_says_what_was_answered(telling: Telling) -> None:
    """At once, and not over the queue."""
    reply = telling.app.post("/api/notifications/test")
    assert reply.status_code == 200
    said = reply.json()
    assert (said["delivered"], said["status"]) == (True, 204)
    assert said["id"] in [call.headers["webhook-id"] for call in telling.receiver.calls]


def test_a_test_message_needs_a_key_and_somebody_who_is_told(app: RunningApp) -> None:
    """Without NOTIFY_URL it says so."""
    assert app.post("/api/notifications/test", key=None).status_code == 401
    reply = app.post("/api/notifications/test")
    assert (reply.status_code, reply.json()["code"]) == (409, "NotConfigured")
