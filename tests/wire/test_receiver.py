"""How does a message leave where the receiver is an Event Grid topic, or Key Vault holds its URL and keys?

The local Entra ID and Key Vault are asked as the real ones would be; the receiver is a local server.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from datetime import UTC, datetime

import jwt
import pytest
from pydantic import SecretStr

from flinkfuncs.clients.receiver import Receiver
from flinkfuncs.core.errors import FlinkFuncsError, Unavailable
from flinkfuncs.core.messages import Message
from flinkfuncs.redaction import redacted_text
from flinkfuncs.settings import Settings
from localcloud.identity_process import Identity
from localcloud.ports import free_port
from tests.listener import Call
from tests.wire.server import Answer, LocalServer, serving
from tests.wire.storage import Storage
from tests.wire.test_credential import Clock
from tests.wire.test_messages import Place

NOW = datetime(2026, 11, 21, 1, 49, 16, tzinfo=UTC)
MESSAGE = Message(id="x.ended", type="flinkfuncs.operation.ended", subject="orders", time=NOW, text="orders: it failed")
TOKENS = "GET /msi/token"


def settings(identity: Identity, **more: object) -> Settings:
    """Settings that lead to the local Entra ID and Key Vault."""
    local = {
        "flink_cluster_kind": "session",
        "key_vault_url": identity.url,
        "key_vault_disable_challenge_verification": True,
        "entra_authority": identity.url,
        "entra_disable_instance_discovery": True,
    }
    return Settings.model_validate(local | more)


def topic(identity: Identity, server: LocalServer, *, query: str = "", **more: object) -> Settings:
    """Settings whose receiver is an Event Grid topic."""
    url = SecretStr(f"{server.url}/api/events{query}")
    return settings(identity, notify_format="eventgrid", notify_url=url, **more)


def stored(identity: Identity, value: str) -> str:
    """Put a secret into the vault; return its name."""
    name = f"notify-{uuid.uuid4().hex[:8]}"
    identity.set_secret(name, value)
    return name


def key(letter: bytes) -> str:
    """A signing key."""
    return "whsec_" + base64.b64encode(letter * 32).decode()


def signatures(call: Call, *keys: str) -> list[str]:
    """What a call should be signed with."""
    text = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    digests = [hmac.new(base64.b64decode(key[6:]), text, hashlib.sha256).digest() for key in keys]
    return [f"v1,{base64.b64encode(digest).decode()}" for digest in digests]


def read(identity: Identity, name: str) -> int:
    """How often a secret was read so far."""
    return identity.calls().get(f"GET /secrets/{name}/", 0)


# ---------------------------------------------------------------------------------------------------------- event grid


def test_a_topic_gets_a_cloudevent_with_a_token_of_the_apps_identity(app_identity: Identity) -> None:
    """For Event Grid and nothing else, by the managed identity; the version of the API stands in the URL."""
    with serving({"POST /api/events": [Answer(200)]}) as server:
        receiver = Receiver(topic(app_identity, server), "/flinkfuncs/test")
        assert receiver.send(MESSAGE, {"job": "orders"}).is_good
        (call,) = server.calls
    scheme, _, token = call.headers["authorization"].partition(" ")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (scheme, claims["aud"], claims["appid"]) == (
        "Bearer",
        "https://eventgrid.azure.net",
        app_identity.client_id,
    )
    assert call.path == "/api/events?api-version=2018-01-01"
    assert call.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert call.sent == {
        "specversion": "1.0",
        "id": "x.ended",
        "source": "/flinkfuncs/test",
        "type": "flinkfuncs.operation.ended",
        "subject": "orders",
        "time": "2026-11-21T01:49:16+00:00",
        "datacontenttype": "application/json",
        "data": {"text": "orders: it failed", "job": "orders"},
    }


def test_a_version_that_the_url_names_is_left_as_it_is(app_identity: Identity) -> None:
    """Another one may be what the topic wants."""
    with serving({"POST /api/events": [Answer(200)]}) as server:
        Receiver(topic(app_identity, server, query="?api-version=2099-01-01"), "/here").send(MESSAGE, {})
        assert [call.path for call in server.calls] == ["/api/events?api-version=2099-01-01"]


def test_one_token_serves_many_messages_until_it_ends(app_identity: Identity) -> None:
    """A message a minute must not ask Entra ID once a minute; an answer of the topic is handed on as it is."""
    with serving({"POST /api/events": [Answer(200), Answer(200), Answer(403, body="no role")]}) as server:
        receiver = Receiver(topic(app_identity, server), "/here")
        before = app_identity.calls().get(TOKENS, 0)
        answers = [receiver.send(MESSAGE, {}) for _ in range(3)]
        assert app_identity.calls().get(TOKENS, 0) == before + 1
    assert len({call.headers["authorization"] for call in server.calls}) == 1
    assert str(answers[-1]) == 'the receiver answered 403: "no role"'


def test_where_the_identity_gives_no_token_nothing_leaves(
    app_identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message waits; the topic is not asked without one."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{free_port()}/msi/token")
    with serving({"POST /api/events": [Answer(200)]}) as server:
        with pytest.raises(Unavailable) as caught:
            Receiver(topic(app_identity, server), "/here").send(MESSAGE, {})
        assert server.calls == []
    assert "this app's own identity" in caught.value.message


@pytest.mark.parametrize("form", ["cloudevents", "slack", "teams"])
def test_no_other_receiver_gets_a_token(app_identity: Identity, form: str) -> None:
    """Whoever has it could write to every topic that the app may write to."""
    with serving({"POST /hook": [Answer(200)]}) as server:
        url = SecretStr(f"{server.url}/hook")
        Receiver(settings(app_identity, notify_format=form, notify_url=url), "/here").send(MESSAGE, {})
        assert ["authorization" in call.headers for call in server.calls] == [False]


# ----------------------------------------------------------------------------------------------------------- key vault


def test_url_and_keys_from_the_vault_are_used_and_starred_everywhere(app_identity: Identity) -> None:
    """With the line's end that `--file` puts there; read once, and not before they are needed."""
    with serving({"POST /hook": [Answer(200)]}) as server:
        names = {
            "notify_url_secret": stored(app_identity, f"{server.url}/services/T0000/B0000/hunter2/hook\n"),
            "notify_key_secret": stored(app_identity, key(b"n")),
            "notify_key_old_secret": stored(app_identity, f"{key(b'o')}\n"),
        }
        receiver = Receiver(settings(app_identity, **names), "/here")
        assert [read(app_identity, name) for name in names.values()] == [0, 0, 0]
        assert receiver.send(MESSAGE, {}).is_good
        once = [read(app_identity, name) for name in names.values()]
        assert receiver.send(MESSAGE, {}).is_good
        assert [read(app_identity, name) for name in names.values()] == once
        assert all(once)
    for call in server.calls:
        assert call.bare == "/services/T0000/B0000/hunter2/hook"
        assert call.headers["webhook-signature"].split() == signatures(call, key(b"n"), key(b"o"))
        assert "authorization" not in call.headers
    for secret in ("/services/T0000/B0000/hunter2/hook", key(b"n"), key(b"o")):
        assert secret not in redacted_text(f"it was sent to {secret} just now")


def test_a_topics_url_may_lie_in_the_vault(app_identity: Identity) -> None:
    """Two tokens of the identity: one for the vault, one for the topic."""
    with serving({"POST /api/events": [Answer(200)]}) as server:
        name = stored(app_identity, f"{server.url}/api/events")
        given = settings(app_identity, notify_format="eventgrid", notify_url_secret=name)
        assert Receiver(given, "/here").send(MESSAGE, {}).is_good
        (call,) = server.calls
    token = call.headers["authorization"].removeprefix("Bearer ")
    assert jwt.decode(token, options={"verify_signature": False})["aud"] == "https://eventgrid.azure.net"
    assert call.path.endswith("?api-version=2018-01-01")


def test_a_key_that_was_replaced_in_the_vault_is_used_once_its_time_is_over(app_identity: Identity) -> None:
    """KEY_VAULT_SECRET_SECONDS, without a restart."""
    clock = Clock()
    with serving({"POST /hook": [Answer(200)]}) as server:
        name, url = stored(app_identity, key(b"n")), SecretStr(f"{server.url}/hook")
        given = settings(app_identity, notify_url=url, notify_key_secret=name, key_vault_secret_seconds=60)
        receiver = Receiver(given, "/here", clock=clock)
        for ahead in (0, 59, 61):
            clock.ahead = ahead
            receiver.send(MESSAGE, {})
            app_identity.set_secret(name, key(b"m"))
        used = [signatures(call, key(b"n")) == [call.headers["webhook-signature"]] for call in server.calls]
        assert used == [True, True, False]
        assert server.calls[-1].headers["webhook-signature"].split() == signatures(server.calls[-1], key(b"m"))
        assert abs(int(server.calls[-1].headers["webhook-timestamp"]) - (time.time() + 61)) < 300


WRONG = [
    ("notify_url_secret", "http://hooks.example.com/services/hunter2", "cloudevents", "has to begin with https://"),
    ("notify_url_secret", "https://hunter2:pw@hooks.example.com/", "cloudevents", "must not hold a user or a password"),
    ("notify_url_secret", "hunter2", "slack", "is not a URL"),
    (
        "notify_url_secret",
        "https://hooks.example.com/hunter2",
        "eventgrid",
        "is not the endpoint of an Event Grid topic",
    ),
    ("notify_key_secret", "hunter2hunter2hunter2!", "cloudevents", "is not whsec_ and base64"),
    ("notify_key_secret", base64.b64encode(b"hunter2").decode(), "cloudevents", "is not 24 to 64 bytes in base64"),
]


@pytest.mark.parametrize(("name", "value", "form", "fault"), WRONG)
def test_what_may_not_be_in_a_setting_may_not_be_in_its_secret(
    app_identity: Identity, name: str, value: str, form: str, fault: str
) -> None:
    """The error names the setting, and shows nothing of the value."""
    secret = stored(app_identity, value)
    url = {} if name == "notify_url_secret" else {"notify_url": SecretStr("http://127.0.0.1:9/hook")}
    given = settings(app_identity, notify_format=form, **url, **{name: secret})
    with pytest.raises(Unavailable, match=f"the secret that {name.upper()} names {fault}") as caught:
        Receiver(given, "/here").send(MESSAGE, {})
    assert caught.value.code == "WrongSettings"
    assert "hunter2" not in caught.value.message


def test_a_secret_that_is_missing_keeps_the_message_until_it_is_there(app_identity: Identity, storage: Storage) -> None:
    """As does a URL that is refused: nothing is lost, and it arrives once."""
    with serving({"POST /hook": [Answer(204)]}) as server:
        place = Place(storage, server)
        name = f"notify-{uuid.uuid4().hex[:8]}"
        place.settings = settings(app_identity, notify_url_secret=name)
        with pytest.raises(FlinkFuncsError, match=f"Key Vault has no secret {name}") as caught:
            Receiver(place.settings, "/here").send(MESSAGE, {})
        assert isinstance(caught.value, Unavailable)
        place.messages().rejected("a/b/c.jar", digest="d" * 16, at=NOW, code="NotAJar", why="it is none")
        place.settle()
        app_identity.set_secret(name, "http://hooks.example.com/hook")
        place.settle(rounds=6)
        assert (server.calls, len(place.pending())) == ([], 1)
        app_identity.set_secret(name, f"{server.url}/hook")
        place.settle(rounds=20)
        assert place.got == [f"upload-{'d' * 16}.refused"]
        assert place.pending() == []
        assert json.loads(server.calls[0].body)["subject"] == "a/b/c.jar"
