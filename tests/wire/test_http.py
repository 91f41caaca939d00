"""What the one wire makes of everything that can happen to a request."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from flinkfuncs.clients.http import Wire, raise_for
from flinkfuncs.core.errors import Denied, FlinkFuncsError, NotFound, Refused, Unanswered, Unavailable

from .server import Answer, Fault, LocalServer, serving

SECRET = "s3cret"


def wire(server: LocalServer) -> Wire:
    """A wire to the server that does not wait long."""
    return Wire(server.url, read_seconds=0.3, sleep=lambda _seconds: None)


def failure(server: LocalServer, method: str, path: str = "/x") -> FlinkFuncsError:
    """The error that a request ends in; it carries nothing of headers, body or query."""
    with pytest.raises(FlinkFuncsError) as caught:
        raise_for(wire(server).send(method, f"{path}?sig={SECRET}", headers={"Authorization": SECRET}, body=SECRET))
    assert SECRET not in str(caught.value)
    assert f"{method} {path}" in str(caught.value)
    return caught.value


@pytest.mark.parametrize("fault", list(Fault))
def test_a_post_that_may_have_arrived_is_unanswered_and_sent_once(fault: Fault) -> None:
    """Promise: whatever happened after it left, it is never repeated."""
    with serving({"POST /x": [fault]}) as server:
        assert type(failure(server, "POST")) is Unanswered
        assert server.count("POST") <= 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_refused_connection_is_unavailable(method: str) -> None:
    """Promise: what surely did not leave may be sent later."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(Unavailable) as caught:
            Wire(url, sleep=lambda _seconds: None).send(method, "/x")
    assert (type(caught.value), caught.value.code) == (Unavailable, "NoConnection")


@pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.HALF])
def test_a_get_that_broke_is_sent_once_more(fault: Fault) -> None:
    """Promise: a hiccup is not told; two are, as Unavailable, since a GET changes nothing."""
    with serving({"GET /x": [fault, Answer(body={})]}) as server:
        assert wire(server).send("GET", "/x").status == 200
        assert server.count("GET") == 2
    with serving({"GET /x": [fault]}) as server:
        assert type(failure(server, "GET")) is Unavailable
        assert server.count("GET") == 2


def test_a_get_that_is_not_answered_in_time_is_not_repeated() -> None:
    """Promise: a slow service is not asked twice in one call."""
    with serving({"GET /x": [Fault.SILENCE]}) as server:
        assert type(failure(server, "GET")) is Unavailable
        assert server.count("GET") == 1


@pytest.mark.parametrize(
    ("status", "method", "kind"),
    [
        (400, "POST", Refused),
        (401, "POST", Denied),
        (403, "GET", Denied),
        (404, "GET", NotFound),
        (409, "POST", Refused),
        (429, "POST", Unavailable),
        (503, "POST", Unavailable),
        (500, "GET", Unavailable),
        (500, "POST", Unanswered),
        (502, "POST", Unanswered),
        (504, "POST", Unanswered),
        (302, "POST", Unavailable),
    ],
)
def test_each_status_is_sorted_by_what_the_caller_can_do(status: int, method: str, kind: type[FlinkFuncsError]) -> None:
    """Promise: the table of the module, with status, path and the service's own words in the message."""
    body = {"error": {"code": "Why", "message": f"because {'x' * 400}"}}
    with serving({f"{method} /x": [Answer(status, body)]}) as server:
        error = failure(server, method)
    assert type(error) is kind
    assert f"answered {status}: because xxx" in error.message
    assert len(error.message) < 400
    assert error.code == ("Redirected" if status == 302 else "Why")


def test_a_caller_who_knows_better_says_what_a_500_means() -> None:
    """Promise: Flink answers 500 to what it refuses."""
    answer = Answer(500, {"errors": ["Internal server error.", "no such jar"]})
    with serving({"POST /x": [answer]}) as server, pytest.raises(Refused, match="no such jar"):
        raise_for(wire(server).send("POST", "/x"), server_error=Refused)


def test_retry_after_is_read_as_seconds_and_as_a_date() -> None:
    """Promise: both forms of RFC 9110; anything else says nothing."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    for text, least, most in (("7", 7, 7), (date, 80, 90)):
        with serving({"GET /x": [Answer(503, headers={"Retry-After": text})]}) as server:
            error = failure(server, "GET")
        assert isinstance(error, Unavailable)
        assert least <= (error.retry_after_seconds or 0) <= most
    with serving({"GET /x": [Answer(503, headers={"Retry-After": "soon"})]}) as server:
        error = failure(server, "GET")
    assert isinstance(error, Unavailable)
    assert error.retry_after_seconds is None


def test_a_redirect_takes_nothing_along() -> None:
    """Promise: the token stays here, whatever Location says."""
    with serving({"GET /x": [Answer(200)]}) as elsewhere:
        with serving({"GET /x": [Answer(307, headers={"Location": f"{elsewhere.url}/x"})]}) as server:
            assert failure(server, "GET").code == "Redirected"
        assert elsewhere.calls == []


def test_a_netrc_file_does_not_replace_our_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise: the Authorization header arrives as it was given."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with serving({"GET /x": [Answer(200)]}) as server:
        wire(server).send("GET", "/x", headers={"Authorization": "Bearer ours"})
        assert server.calls[0].headers["Authorization"] == "Bearer ours"
