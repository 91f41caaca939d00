"""Who is let in? Every row of the guard's table, and what a principal and an origin may look like."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace

import azure.functions as func
import pytest

from flinkfuncs.api.routes import ROUTES, Parameter, Route
from flinkfuncs.triggers.guard import auth_level, named_principal, only_plans, printable, read_principal
from flinkfuncs.triggers.problems import replies
from tests.principals import ROLE_TYPE, header_of, signed_in

URL = "https://app.example.net/api/jobs/orders/stop"
OPERATOR, READER, NOBODY = signed_in("operator"), signed_in("reader"), signed_in()
STRANGER: Mapping[str, str] = {}


def ask(method: str, headers: Mapping[str, str], *, url: str = URL, params: Mapping[str, str] | None = None) -> str:
    """Send a call to a route, and return what came of it: `200`, or status and code."""

    def request_action(_req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("done")

    request = func.HttpRequest(method, url, headers=headers, params=params or {}, body=b"")
    reply = replies(request_action)(request)
    if reply.status_code == 200:
        return "200"
    problem = json.loads(reply.get_body())
    assert problem["status"] == reply.status_code
    assert ("WWW-Authenticate" in reply.headers) == (reply.status_code == 401)
    return f"{reply.status_code} {problem['code']}"


def encoded(text: bytes) -> dict[str, str]:
    """Return the header with these bytes in base64."""
    return {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(text).decode()}


@pytest.fixture
def roles(monkeypatch: pytest.MonkeyPatch) -> None:
    """An app that roles open."""
    monkeypatch.setenv("API_AUTHORIZATION", "roles")
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")


@pytest.mark.parametrize(
    ("mode", "authentication", "principal", "replies_to_get_and_post"),
    [
        ("", "", STRANGER, ("200", "200")),
        ("keys", "", STRANGER, ("200", "200")),
        ("keys", "True", STRANGER, ("200", "200")),
        ("keys", "True", NOBODY, ("200", "200")),
        ("Roles", "", STRANGER, ("200", "200")),  # not a mode: the host asks for a key, and the settings are refused
        ("roles", "", STRANGER, ("503 WrongSettings", "503 WrongSettings")),
        ("roles", "False", OPERATOR, ("503 WrongSettings", "503 WrongSettings")),
        ("roles", "yes", OPERATOR, ("503 WrongSettings", "503 WrongSettings")),
        ("roles", "True", STRANGER, ("401 NotSignedIn", "401 NotSignedIn")),
        ("roles", "True", {"X-MS-CLIENT-PRINCIPAL-ID": "8d1f"}, ("401 NotSignedIn", "401 NotSignedIn")),
        ("roles", "True", NOBODY, ("403 NotAllowed", "403 NotAllowed")),
        ("roles", "True", signed_in("Operator"), ("403 NotAllowed", "403 NotAllowed")),
        ("roles", "True", READER, ("200", "403 NotAllowed")),
        ("roles", "True", OPERATOR, ("200", "200")),
        ("roles", "True", signed_in("reader", "operator"), ("200", "200")),
    ],
)
def test_a_right_opens_what_it_should(
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    authentication: str,
    principal: Mapping[str, str],
    replies_to_get_and_post: tuple[str, str],
) -> None:
    """Mode, authentication, principal and method decide; PUT and DELETE are as POST."""
    monkeypatch.setenv("API_AUTHORIZATION", mode)
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", authentication)
    replied = [ask(method, principal) for method in ("GET", "POST", "PUT", "DELETE")]
    get, post = replies_to_get_and_post
    assert replied == [get, post, post, post]


@pytest.mark.parametrize(
    ("mode", "level"), [("", "FUNCTION"), ("keys", "FUNCTION"), ("Roles", "FUNCTION"), ("roles", "ANONYMOUS")]
)
def test_the_host_asks_for_a_key_unless_the_guard_asks_for_a_role(
    monkeypatch: pytest.MonkeyPatch, mode: str, level: str
) -> None:
    """No mode leaves both away."""
    monkeypatch.setenv("API_AUTHORIZATION", mode)
    assert auth_level().name == level


@pytest.mark.usefixtures("roles")
@pytest.mark.parametrize(
    "header",
    [
        {"X-MS-CLIENT-PRINCIPAL": ""},
        {"X-MS-CLIENT-PRINCIPAL": "{}"},
        {"X-MS-CLIENT-PRINCIPAL": "8d1f="},
        {"X-MS-CLIENT-PRINCIPAL": "ü"},
        encoded(b""),
        encoded(b"null"),
        encoded(b"{}"),
        encoded(b"not json"),
        encoded(b"\xff\xfe"),
        encoded(b'{"claims": "roles"}'),
        encoded(b'{"claims": [["roles", "operator"]]}'),
        encoded(b'{"claims": [{"typ": ["roles"], "val": "operator"}]}'),
        encoded(b'{"claims": [{"typ": "roles", "val": "operator"}]'),
        encoded(b'{"claims": [], "role_typ": 1}'),
        encoded(b'{"claims": ' + b"[" * 100_000),
        encoded(b'{"claims": [{"typ": "\\ud800", "val": ""}]}'),
    ],
)
def test_a_principal_that_cannot_be_read_is_none(header: Mapping[str, str]) -> None:
    """401, and never a crash."""
    assert ask("GET", header) == "401 NotSignedIn"


@pytest.mark.usefixtures("roles")
@pytest.mark.parametrize(
    ("claims", "reply"),
    [
        ([{"typ": ROLE_TYPE, "val": "operator"}], "200"),
        ([{"typ": "number", "val": 10000}, {"typ": "empty"}, {"typ": "roles", "val": "operator"}], "200"),
        ([{"typ": "roles", "val": ["operator"]}], "403 NotAllowed"),
        ([{"typ": "role", "val": "operator"}], "403 NotAllowed"),
        ([{"typ": "groups", "val": "operator"}, {"typ": "name", "val": "operator"}], "403 NotAllowed"),
        ([{"typ": "roles", "val": "operator,reader"}], "403 NotAllowed"),
    ],
)
def test_only_claims_of_roles_are_roles(claims: object, reply: str) -> None:
    """By Entra's word or by the type that the principal itself names; and each is one word."""
    assert ask("POST", header_of(claims)) == reply


DRY_RUN = Parameter("dryRun", "query", "", {"type": "boolean"}, "true")
(ACTION,) = [route for route in ROUTES if route.function == "request_action"]


@pytest.mark.parametrize(
    ("route", "dry_run", "reads"),
    [
        (replace(ACTION, parameters=(DRY_RUN,)), "true", True),
        (replace(ACTION, parameters=(DRY_RUN,)), "false", False),
        (replace(ACTION, parameters=(DRY_RUN,)), "true,false", False),
        (replace(ACTION, parameters=(DRY_RUN,)), None, False),
        (replace(ACTION, parameters=()), "true", False),
        (replace(ACTION, path="/api/jobs/{job}/plan", parameters=()), None, True),
    ],
)
def test_a_plan_and_a_dry_run_change_nothing(route: Route, dry_run: str | None, reads: bool) -> None:
    """Of a route that knows no dry run, the word in the query changes nothing: it would act."""
    assert only_plans(route, dry_run) is reads


@pytest.mark.usefixtures("roles")
def test_no_other_post_is_a_readers() -> None:
    """Whatever the query says."""
    routes = [route for route in ROUTES if route.method != "GET" and not only_plans(route, "true")]
    assert {"abandon_operation", "pause_uploads", "send_test_message"} <= {route.function for route in routes}


@pytest.mark.parametrize(
    ("headers", "is_refused"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://other.example.net"}, False),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://app.example.net"}, True),
        ({"Sec-Fetch-Site": "same-origin, cross-site"}, True),
        ({"Sec-Fetch-Site": ""}, True),
        ({"Origin": "https://app.example.net"}, False),
        ({"Origin": "https://app.example.net:443"}, False),
        ({"Origin": "HTTPS://APP.EXAMPLE.NET"}, False),
        ({"Origin": "https://app.example.net:8443"}, True),
        ({"Origin": "http://app.example.net"}, True),
        ({"Origin": "https://other.example.net"}, True),
        ({"Origin": "https://app.example.net.evil.example"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": ""}, True),
        ({"Origin": "https://[::1"}, True),
        ({"Origin": "https://app.example.net:x"}, True),
        # A front end that has a name of its own, or takes the TLS off.
        ({"Origin": "https://flink.example.org", "X-Forwarded-Host": "flink.example.org"}, False),
        ({"Origin": "https://flink.example.org", "Host": "flink.example.org"}, False),
        ({"Origin": "http://app.example.net", "X-Forwarded-Proto": "http"}, False),
        ({"Origin": "https://flink.example.org", "X-Forwarded-Host": "other.example.org"}, True),
        ({"Origin": "https://flink.example.org", "Host": "[", "X-Forwarded-Host": "a:b"}, True),
        ({"Origin": "null", "Host": "", "X-Forwarded-Host": ""}, True),
    ],
)
def test_a_page_of_another_site_changes_nothing(headers: Mapping[str, str], is_refused: bool) -> None:
    """What the browser says decides, in both modes; a GET changes nothing, and passes."""
    for method in ("POST", "PUT", "DELETE"):
        assert ask(method, headers) == ("403 CrossSite" if is_refused else "200")
    assert ask("GET", headers) == "200"


def test_behind_a_front_end_that_takes_the_tls_off_the_app_is_still_https() -> None:
    """The host names http then; the front end says what the caller used."""
    headers = {"Origin": "https://app.example.net", "X-Forwarded-Proto": "https"}
    assert ask("POST", headers, url=URL.replace("https", "http")) == "200"
    assert ask("POST", headers | {"X-Forwarded-Proto": ""}, url=URL.replace("https", "http")) == "403 CrossSite"


@pytest.mark.usefixtures("roles")
def test_an_operators_browser_is_no_way_in_for_another_site() -> None:
    """The cookie of a sign-in comes along with a form; that is what the check is for."""
    assert ask("POST", OPERATOR | {"Sec-Fetch-Site": "cross-site"}) == "403 CrossSite"
    assert ask("POST", OPERATOR | {"Sec-Fetch-Site": "same-origin"}) == "200"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("Žofie 久美子", "Žofie 久美子"),
        ("  Ada\r\n\tLovelace\x00 ", "Ada Lovelace"),
        ("Ada \u202eecalevoL", "Ada ecalevoL"),
        ("x" * 129, "x" * 127 + "…"),
        ("\u202e\n", ""),
    ],
)
def test_a_name_is_one_line_that_can_be_read(text: str, shown: str) -> None:
    """Nothing in it breaks a line, hides or turns the writing round, and it is cut."""
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({}, None),
        ({"X-MS-CLIENT-PRINCIPAL-ID": "8d1f"}, "principal 8d1f"),
        ({"X-MS-CLIENT-PRINCIPAL-ID": "8d\n1f", "X-MS-CLIENT-PRINCIPAL": "?"}, "principal 8d 1f"),
        (signed_in("operator"), "principal 8d1f"),
        (signed_in(name="Ada\nLovelace"), "principal Ada Lovelace (8d1f)"),
        (signed_in(name=" \n"), "principal 8d1f"),
        (signed_in(name="Ada", id_=""), "principal Ada"),
        (signed_in(id_=""), "principal without a name"),
        (signed_in(name="x" * 500, id_="y" * 500), f"principal {'x' * 127}… ({'y' * 127}…)"),
    ],
)
def test_a_caller_is_recorded_by_name_and_id(headers: Mapping[str, str], named: str | None) -> None:
    """The id is what counts; the name is for people."""
    assert named_principal(func.HttpRequest("POST", URL, headers=headers, body=b"")) == named


def test_the_name_may_be_of_the_type_that_the_principal_names() -> None:
    """Which goes before Entra's words."""
    claims = [{"typ": "name", "val": "Ada"}, {"typ": "http://…/upn", "val": "ada@example.org"}]
    text = json.dumps({"claims": claims, "name_typ": "http://…/upn"}).encode()
    principal = read_principal(base64.b64encode(text).decode())
    assert principal
    assert principal.name == "ada@example.org"
