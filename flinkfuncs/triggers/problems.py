"""How a call is let in, and how an error of ours becomes a reply: a problem document (RFC 9457), by one decorator.

    HTTP/1.1 404 Not Found
    content-type: application/problem+json

    {"type": "urn:flinkfuncs:problem:JobNotFound", "title": "Not Found", "status": 404, "code": "JobNotFound",
     "detail": "there is no job 'orders'", "instance": "/api/jobs/orders"}

`code` is for programs, as is `type`, which is made of it; `detail` is for people. `instance` is the path alone: the
query may hold a function key. Every other exception is a crash that the host sees, logs and answers with 500.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeAlias
from urllib.parse import quote, urlsplit

import azure.functions as func

from .. import telemetry
from ..api.codes import problem_type
from ..core.errors import FlinkFuncsError, Unavailable
from .guard import admit

PROBLEM_JSON = "application/problem+json"
_OF_A_PATH = "/%!$&'()*+,;=:@~"  # what a path may hold as it is (RFC 3986, 3.3); the host may have decoded the rest
RETRY_SECONDS = 10  # for what is unavailable without saying for how long

Handler: TypeAlias = Callable[[func.HttpRequest], func.HttpResponse]
AsyncHandler: TypeAlias = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]


def replies(handler: Handler) -> Handler:
    """Let only callers in who may, let a route's errors of ours become problem documents, and record the call."""

    @functools.wraps(handler)
    def replying(req: func.HttpRequest) -> func.HttpResponse:
        with telemetry.event(handler.__name__, "http", traceparent=req.headers.get("traceparent")) as told:
            reply = _reply(handler, req)
            told.status = reply.status_code
        return reply

    return replying


def _reply(handler: Handler, req: func.HttpRequest) -> func.HttpResponse:
    try:
        admit(req, handler.__name__)
        return handler(req)
    except FlinkFuncsError as error:
        return problem(error, req.url)


def replies_async(handler: AsyncHandler) -> AsyncHandler:
    """Do the same for a route that holds no thread."""

    @functools.wraps(handler)
    async def replying(req: func.HttpRequest) -> func.HttpResponse:
        with telemetry.event(handler.__name__, "http", traceparent=req.headers.get("traceparent")) as told:
            try:
                admit(req, handler.__name__)
                reply = await handler(req)
            except FlinkFuncsError as error:
                reply = problem(error, req.url)
            told.status = reply.status_code
        return reply

    return replying


def problem(error: FlinkFuncsError, url: str) -> func.HttpResponse:
    """Write the document; what may succeed later says when to come back."""
    document = {
        "type": problem_type(error.code),
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "code": error.code,
        "detail": error.message,
        "instance": quote(urlsplit(url).path, safe=_OF_A_PATH),
    }
    headers = {"Retry-After": str(_retry_after(error))} if isinstance(error, Unavailable) else {}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"  # RFC 9110, 15.5.2: a 401 always has one
    return func.HttpResponse(
        json.dumps(document), status_code=error.status, headers=headers, mimetype=PROBLEM_JSON, charset="utf-8"
    )


def _retry_after(error: Unavailable) -> int:
    return RETRY_SECONDS if error.retry_after_seconds is None else max(1, math.ceil(error.retry_after_seconds))
