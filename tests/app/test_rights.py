"""Who may do what, on the real worker and host: mode, principal and method; and the form of another site's page.

What the platform does stands in for itself by its headers: it writes the principal, and takes off what a caller writes.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import pytest
import requests

from tests.principals import signed_in

from .app import KEY, NONE, RunningApp
from .conftest import StartApp
from .test_http import problem

OPERATOR, READER = signed_in("operator", name="Ada Lovelace"), signed_in("reader")
BODY = '{"parallelism": 2, "args": "="}'
COOKIE = {"Cookie": "AppServiceAuthSession=session", "Referer": "https://evil.example/"}
NAVIGATION = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.fixture(scope="module")
def by_roles(start_app: StartApp) -> RunningApp:
    """An app behind App Service authentication."""
    return start_app("roles", {"API_AUTHORIZATION": "roles", "WEBSITE_AUTH_ENABLED": "True"})


@pytest.fixture(scope="module")
def unguarded(start_app: StartApp) -> RunningApp:
    """An app that asks for roles, while nothing signs anybody in."""
    return start_app("unguarded", {"API_AUTHORIZATION": "roles"})


def new_job() -> str:
    return f"/api/jobs/rights-{uuid.uuid4().hex[:8]}/new"


@pytest.mark.parametrize(
    ("principal", "shown"),
    [
        (signed_in("operator", "reader", name="Ada Lovelace"), {"name": "Ada Lovelace", "role": "operator"}),
        (READER, {"role": "reader"}),
    ],
)
def test_whoever_calls_is_shown_what_they_may_do(
    by_roles: RunningApp, app: RunningApp, principal: Mapping[str, str], shown: Mapping[str, str]
) -> None:
    """With a key it is everything; nobody is named by headers of their own. How to sign in, everybody may know."""
    assert by_roles.get("/api/me", headers=principal, key=None).json() == shown
    assert by_roles.get("/ui/sign-in.json", key=None).json() == {"by": "entra"}
    assert app.get("/api/me", headers=principal).json() == {"role": "operator"}
    assert app.get("/api/me", key=None).status_code == 401


@pytest.mark.parametrize(
    ("principal", "get", "post"),
    [
        (NONE, (401, "NotSignedIn"), (401, "NotSignedIn")),
        ({"X-MS-CLIENT-PRINCIPAL": "bm90IGpzb24="}, (401, "NotSignedIn"), (401, "NotSignedIn")),
        (signed_in("auditor"), (403, "NotAllowed"), (403, "NotAllowed")),
        (READER, (200, None), (403, "NotAllowed")),
        (OPERATOR, (200, None), (202, None)),
    ],
)
@pytest.mark.parametrize("key", [None, KEY])
def test_with_roles_the_principals_role_counts_and_no_key(
    by_roles: RunningApp,
    principal: Mapping[str, str],
    key: str | None,
    get: tuple[int, str | None],
    post: tuple[int, str | None],
) -> None:
    """The host lets everybody through, and the app nobody whom it does not know."""
    assert outcome(by_roles.get("/api/jobs", headers=principal, key=key)) == get
    assert outcome(by_roles.post(new_job(), headers=principal, key=key)) == post


@pytest.mark.parametrize("principal", [NONE, READER, OPERATOR])
def test_with_keys_a_key_counts_and_no_principal(app: RunningApp, principal: Mapping[str, str]) -> None:
    """Without one the host refuses the call."""
    for reply in (app.get("/api/jobs", headers=principal, key=None), app.post(new_job(), headers=principal, key=None)):
        assert (reply.status_code, reply.content) == (401, b"")
    assert outcome(app.get("/api/jobs", headers=principal)) == (200, None)
    assert outcome(app.post(new_job(), headers=principal)) == (202, None)


@pytest.mark.parametrize("path", ["jobs", "health", "openapi.json", "uploads"])
def test_roles_without_authentication_serve_nothing_but_that(unguarded: RunningApp, path: str) -> None:
    """A principal that a caller makes up is not believed; health says what is wrong, and shows nothing else."""
    for headers in (NONE, OPERATOR):
        reply = unguarded.get(f"/api/{path}", headers=headers)
        assert problem(reply) == (503, "WrongSettings")
        assert "WEBSITE_AUTH_ENABLED" in reply.json()["detail"]
    assert problem(unguarded.post(new_job(), headers=OPERATOR)) == (503, "WrongSettings")


def test_what_has_no_route_of_ours_is_served_as_before(by_roles: RunningApp) -> None:
    """Event Grid's webhook asks for its key, and the gateway, which is off here, for a token."""
    assert by_roles.blob_event("stateful_jar", "stateful/rights/x.txt").status_code in (200, 202)
    url = "/subscriptions/s/resourceGroups/g/providers/Microsoft.HDInsight/clusterpools/p/clusters/c/jobs"
    assert by_roles.get(url, headers=OPERATOR, key=None).status_code == 404


def test_who_asked_is_recorded_by_name(by_roles: RunningApp) -> None:
    """And by the id, which does not change."""
    asked = by_roles.post(new_job(), headers=OPERATOR, key=None)
    assert asked.json()["cause"] == {"kind": "http", "detail": "principal Ada Lovelace (8d1f)"}


def form(kind: str) -> tuple[bytes, str]:
    """Return what a browser sends of a page's form whose fields make up JSON, with its content type."""
    name, _, value = BODY.partition("=")
    if kind == "text/plain":
        return f"{name}={value}\r\n".encode(), kind
    if kind == "multipart/form-data":
        sent = requests.Request("POST", "https://x", files={name: (None, value)}).prepare()
    else:
        sent = requests.Request("POST", "https://x", data={name: value}).prepare()
    body = sent.body if isinstance(sent.body, bytes) else str(sent.body).encode()
    return body, sent.headers["content-type"]


FORMS = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
BROWSERS = [
    NAVIGATION | {"Origin": "https://evil.example"},
    NAVIGATION | {"Origin": "null"},
    NAVIGATION | {"Sec-Fetch-Site": "same-site", "Origin": "https://evil.azurewebsites.net"},
    {"Origin": "https://evil.example"},  # an old browser
    {"Origin": "null"},  # … from a sandboxed frame
]


@pytest.mark.parametrize(
    ("kind", "browser"), [(kind, BROWSERS[0]) for kind in FORMS] + [(FORMS[0], browser) for browser in BROWSERS[1:]]
)
def test_a_form_on_another_sites_page_does_nothing(
    by_roles: RunningApp, app: RunningApp, kind: str, browser: Mapping[str, str]
) -> None:
    """The cookie of an operator's sign-in comes along, so the platform lets it in; the app does not, and records
    nothing. In `keys` mode a key in the form's address would do the same.
    """
    body, content_type = form(kind)
    headers = {**browser, **COOKIE, "Content-Type": content_type}
    path = new_job()
    assert problem(by_roles.post(path, body, headers=headers | OPERATOR, key=None)) == (403, "CrossSite")
    assert problem(app.post(f"{path}?code={KEY}", body, headers=headers, key=None)) == (403, "CrossSite")
    for each in (by_roles, app):
        assert not [name for name in each.ledger_blobs() if path.split("/")[3] in name]
    put = path.replace("/new", "/uploads")
    assert problem(by_roles.put(put, b'{"paused": true}', headers=headers | OPERATOR)) == (403, "CrossSite")


@pytest.mark.parametrize("browser", [NONE, {"Sec-Fetch-Site": "same-origin"}, {"Origin": ""}])
def test_the_apps_own_page_and_programs_get_through(by_roles: RunningApp, browser: Mapping[str, str]) -> None:
    """The same body in the same form: it is the site that counts."""
    body, content_type = form("text/plain")
    origin = {"Origin": by_roles.host.url} if "Origin" in browser else {}
    headers = {**OPERATOR, **COOKIE, **browser, **origin, "Content-Type": content_type}
    assert by_roles.post(new_job(), body, headers=headers, key=None).status_code == 202


def outcome(reply: requests.Response) -> tuple[int, str | None]:
    """Return status and, of an error, the code."""
    return problem(reply) if reply.status_code >= 400 else (reply.status_code, None)
