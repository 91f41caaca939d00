"""The client on the wire: what is sent again, what is read again, and what an error says."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from conftest import App, connect
from flinkfuncs_provider import client as api
from flinkfuncs_provider.access import Access
from flinkfuncs_provider.client import AsyncClient, Client
from flinkfuncs_provider.exceptions import FlinkFuncsDenied, FlinkFuncsRefused, FlinkFuncsUnavailable
from flinkfuncs_provider.hooks import FlinkFuncsHook
from relay import Relay, relaying

KINDS = ("worker", "triggerer")


def run(kind: str, accesses: list[Access], flow: Any) -> tuple[Any, int]:
    """Carry a flow out by one of both clients; return its result, and how often the connection was read."""
    reads: list[Access] = []

    def read() -> Access:
        reads.append(accesses[min(len(reads), len(accesses) - 1)])
        return reads[-1]

    async def read_later() -> Access:
        return read()

    if kind == "worker":
        return Client(read).run(flow), len(reads)
    return asyncio.run(AsyncClient(read_later).run(flow)), len(reads)


@pytest.mark.parametrize("kind", KINDS)
def test_the_connection_is_read_once_in_a_wait_and_again_on_a_401(app: App, relay: Relay, kind: str) -> None:
    """A key that was rolled meanwhile: the next one is sent, and nobody notices."""
    job = app.runs(f"airflow-401-{kind}")
    number = app.call("POST", f"/api/jobs/{job}/savepoint", {})["id"]
    flow = api.follow(number, until=time.time() + 60, every=1)
    old, new = Access(relay.url, key="rolled"), Access(relay.url, key=app.key)
    ended, reads = run(kind, [old, new], flow)
    assert (api.outcome_of(ended), reads) == ("SUCCEEDED", 2)
    assert [call.headers["x-functions-key"] for call in relay.calls[:2]] == ["rolled", app.key]


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_app_cannot_do_now_is_asked_for_again(app: App, relay: Relay, kind: str) -> None:
    """503 twice, then a lost connection, then the answer."""
    faults = iter([503, 502])
    lost = iter([True])
    relay.answer = lambda _: next(faults, None)
    relay.lose = lambda _: len(relay.calls) == 3 and next(lost, False)
    shown, _ = run(kind, [Access(relay.url, key=app.key)], api.get("/api/jobs"))
    assert "jobs" in shown
    assert len(relay.calls) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_wait_outlives_an_app_that_is_away(app: App, relay: Relay, kind: str) -> None:
    """Looks that fail are not the end of the operation; only a refusal, three times, is."""
    job = app.runs(f"airflow-away-{kind}")
    number = app.call("POST", f"/api/jobs/{job}/savepoint", {})["id"]
    relay.answer = lambda _: 503 if len(relay.calls) < 4 else None
    ended, _ = run(kind, [Access(relay.url, key=app.key)], api.follow(number, until=time.time() + 60, every=0.2))
    assert api.outcome_of(ended) == "SUCCEEDED"
    relay.calls.clear()
    relay.answer = lambda _: None
    unknown = api.follow("20261121T014916Z-nobody-3f2a9c1b7d4e", until=time.time() + 60, every=0.2)
    with pytest.raises(FlinkFuncsRefused, match="OperationNotFound"):
        run(kind, [Access(relay.url, key=app.key)], unknown)
    assert len(relay.calls) == api.LOOKS


def test_errors_are_sorted_and_say_what_to_do(app: App, relay: Relay) -> None:
    """A wrong key, a wrong URL, a redirect (the key would go along), and nobody there; never the key."""
    for status, error in ((403, FlinkFuncsDenied), (302, FlinkFuncsRefused), (404, FlinkFuncsRefused)):
        relay.answer = lambda _, status=status: status
        with pytest.raises(error) as raised:
            run("worker", [Access(relay.url, key=app.key)], api.get("/api/jobs"))
        assert app.key not in str(raised.value)
    relay.answer = lambda _: None
    with pytest.raises(FlinkFuncsDenied, match="key or token was not accepted"):
        run("worker", [Access(relay.url, key="wrong")], api.get("/api/jobs"))
    with pytest.raises(FlinkFuncsUnavailable, match="does not answer"):
        run("worker", [Access("http://127.0.0.1:9", key="x")], api.call("GET", "/api/jobs", tries=1))
    assert app.key not in repr(Access(relay.url, key=app.key, client_secret=app.key))


def test_a_token_is_sent_where_the_connection_names_an_audience(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Client credentials, asked for once and again on a 401; the function key is not sent."""
    with relaying(app.url) as relay, relaying(app.url) as entra:
        connect(
            monkeypatch,
            relay.url,
            "the-secret",
            login="the-client",
            extra=json.dumps({"audience": "api://flinkfuncs", "tenant_id": "the-tenant", "authority": entra.url}),
        )
        entra.answer, entra.content = (lambda _: 200), b'{"access_token": "a-token", "expires_in": 3599}'
        with pytest.raises(FlinkFuncsDenied):  # the app of these tests takes keys
            FlinkFuncsHook().job("orders")
        assert [call.headers["authorization"] for call in relay.calls] == ["Bearer a-token"] * 2
        assert not any("x-functions-key" in call.headers for call in relay.calls)
        call, _ = entra.calls
        assert call.path == "/the-tenant/oauth2/v2.0/token"
        form = dict(pair.split("=") for pair in call.body.decode().split("&"))
        assert form == {
            "grant_type": "client_credentials",
            "client_id": "the-client",
            "client_secret": "the-secret",
            "scope": "api%3A%2F%2Fflinkfuncs%2F.default",
        }
        entra.answer, entra.content = (
            (lambda _: 401),
            b'{"error_description": "AADSTS7000215: no such secret\\r\\nTrace"}',
        )
        with pytest.raises(FlinkFuncsDenied, match=r"no token for api://flinkfuncs: AADSTS7000215: no such secret$"):
            FlinkFuncsHook().job("orders")


def test_the_test_button_asks_for_health(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says why it does not work, and never the key."""
    assert FlinkFuncsHook().test_connection() == (True, "the app is healthy")
    connect(monkeypatch, relay.url, "wrong")
    ok, words = FlinkFuncsHook().test_connection()
    assert not ok
    assert "not accepted" in words
    connect(monkeypatch, "", "wrong")
    assert FlinkFuncsHook().test_connection() == (
        False,
        "connection 'flinkfuncs_default' names no host: it is the app's URL",
    )
