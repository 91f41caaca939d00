"""How errors become problem documents (RFC 9457)."""

from __future__ import annotations

import asyncio
import json

import azure.functions as func
import pytest

from flinkfuncs.core.errors import Denied, FlinkFuncsError, NotFound, Refused, Unanswered, Unavailable
from flinkfuncs.triggers.problems import problem, replies, replies_async

URL = "https://app.example.net/api/jobs/orders?code=function-key"


def reply_to(error: Exception) -> func.HttpResponse:
    """Let a route fail, as a sync and as an async one, and return what both reply."""

    def failing(_req: func.HttpRequest) -> func.HttpResponse:
        raise error

    async def failing_later(_req: func.HttpRequest) -> func.HttpResponse:
        raise error

    request = func.HttpRequest("GET", URL, body=b"")
    reply = replies(failing)(request)

    async def ask() -> func.HttpResponse:
        return await replies_async(failing_later)(request)

    later = asyncio.run(ask())
    assert (later.get_body(), later.status_code, later.headers) == (
        reply.get_body(),
        reply.status_code,
        reply.headers,
    )
    return reply


@pytest.mark.parametrize(
    ("error", "status", "title", "code"),
    [
        (FlinkFuncsError("m"), 500, "Internal Server Error", "FlinkFuncsError"),
        (Refused("m"), 409, "Conflict", "Refused"),
        (Refused("m", code="InvalidBody", status=400), 400, "Bad Request", "InvalidBody"),
        (NotFound("m", code="JobNotFound"), 404, "Not Found", "JobNotFound"),
        (Denied("m"), 403, "Forbidden", "Denied"),
        (Unavailable("m"), 503, "Service Unavailable", "Unavailable"),
        (Unanswered("m", code="StorageUnanswered"), 503, "Service Unavailable", "StorageUnanswered"),
    ],
)
def test_an_error_of_ours_becomes_a_problem_document(
    error: FlinkFuncsError, status: int, title: str, code: str
) -> None:
    """All of RFC 9457's members, our code, and of the address the path alone: the query may hold a function key."""
    reply = reply_to(error)
    assert reply.status_code == status
    assert reply.mimetype == "application/problem+json"
    assert json.loads(reply.get_body()) == {
        "type": f"urn:flinkfuncs:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": "m",
        "instance": "/api/jobs/orders",
    }


@pytest.mark.parametrize(("asked", "told"), [(None, "10"), (0.2, "1"), (7, "7"), (7.1, "8")])
def test_what_may_succeed_later_says_when(asked: float | None, told: str) -> None:
    """Whole seconds, at least one; what the other side asked for, where it did."""
    assert reply_to(Unavailable("m", retry_after_seconds=asked)).headers["Retry-After"] == told


def test_what_cannot_succeed_later_does_not_invite_to_repeat() -> None:
    """No Retry-After on a refusal."""
    assert "Retry-After" not in reply_to(Refused("m")).headers


@pytest.mark.parametrize(
    ("path", "instance"), [("/api/jobs/a b/ü", "/api/jobs/a%20b/%C3%BC"), ("/api/jobs/a%2Fb", "/api/jobs/a%2Fb")]
)
def test_the_instance_is_a_uri_reference(path: str, instance: str) -> None:
    """Whether the host decoded the path or not."""
    document = json.loads(problem(Refused("m"), f"https://app.example.net{path}?code=x").get_body())
    assert document["instance"] == instance


def test_any_other_exception_is_a_crash() -> None:
    """The host sees it, logs it and answers 500."""
    with pytest.raises(ZeroDivisionError):
        reply_to(ZeroDivisionError())


def test_a_reply_without_an_error_passes() -> None:
    """The decorator touches nothing else."""
    reply = func.HttpResponse("x")
    assert replies(lambda _req: reply)(func.HttpRequest("GET", URL, body=b"")) is reply
