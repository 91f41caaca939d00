"""Does every route refuse who has no right, in the words that the OpenAPI document has for it?"""

from __future__ import annotations

import pytest

from flinkfuncs.api.routes import ROUTES, Route
from tests.fixtures.scenes import Play
from tests.principals import signed_in
from tests.stand_in.rest import FlinkServer
from tests.wire.api import Api, json_of
from tests.wire.storage import Storage

CHANGES = [route for route in ROUTES if route.method != "GET"]
EACH_ROUTE = pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.function)
EACH_CHANGE = pytest.mark.parametrize("route", CHANGES, ids=lambda route: route.function)


@pytest.fixture
def api(storage: Storage, flink: FlinkServer, monkeypatch: pytest.MonkeyPatch) -> Api:
    """An app that roles open; `Api` holds each reply against the document."""
    monkeypatch.setenv("API_AUTHORIZATION", "roles")
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    return Api(Play(storage, flink))


def path_of(route: Route) -> str:
    path = route.path
    for parameter in route.parameters:
        path = path.replace(f"{{{parameter.name}}}", str(parameter.example))
    return path


def reply_to(api: Api, route: Route, **headers: str) -> tuple[int, str | None]:
    reply = api.call(route.method, path_of(route), headers=headers)
    return reply.status_code, json_of(reply).get("code") if reply.status_code >= 400 else None


@EACH_ROUTE
def test_no_route_serves_a_stranger(api: Api, route: Route) -> None:
    """Nor one who is signed in and has no role."""
    assert reply_to(api, route) == (401, "NotSignedIn")
    assert reply_to(api, route, **signed_in("auditor")) == (403, "NotAllowed")


@EACH_ROUTE
def test_no_route_is_served_while_nobody_can_be_known(api: Api, route: Route, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a caller says of itself; the reply says what is wrong, and nothing else."""
    monkeypatch.delenv("WEBSITE_AUTH_ENABLED")
    assert reply_to(api, route, **signed_in("operator")) == (503, "WrongSettings")


@EACH_CHANGE
def test_no_route_takes_a_change_from_another_site(api: Api, route: Route) -> None:
    """Though the caller may make it."""
    headers = signed_in("operator") | {"Sec-Fetch-Site": "cross-site"}
    assert reply_to(api, route, **headers) == (403, "CrossSite")


def test_a_reader_reads_and_an_operator_acts(api: Api) -> None:
    """What is recorded names who it was."""
    assert reply_to(api, ROUTES[0], **signed_in("reader")) == (200, None)
    assert api.post("/api/jobs/orders/new", b"{}", **signed_in("reader")).status_code == 403
    assert json_of(api.get("/api/jobs", **signed_in("reader")))["jobs"] == []
    reply = api.post("/api/jobs/orders/new", b"{}", **signed_in("operator"))
    assert reply.status_code == 202
