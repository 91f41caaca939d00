"""How does an HTTP request reach its function, and what may call it?

    root       the host's own page, unless AzureWebJobsDisableHomepage is true; then a route, or else 204
    route      the smallest rank of those that match, case-insensitive; else 404
    caller     its address is appended to X-Forwarded-For, as the front end in Azure does
    key        x-functions-key or ?code=, unless the function is anonymous; else 401
    body       more bytes than FUNCTIONS_REQUEST_BODY_SIZE_LIMIT are not read: 413
    failure    500 with an empty body; after 230 s 504, as the load balancer in front of every plan

A request that is awaited holds no thread.
"""

import asyncio
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace

from starlette.requests import Request
from starlette.responses import Response

from localcloud.functions.expressions import Route
from localcloud.functions.invocations import Invocations
from localcloud.functions.messages import TypedData, binary
from localcloud.functions.worker import Function

LIMIT_SECONDS = 230
MOST_BYTES = 104_857_600  # of a body, the real host's default
HOMEPAGE = "<!DOCTYPE html><title>Functions</title><p>Your Functions app is up and running"


class TooLargeError(Exception):
    """A body that is not read."""


@dataclass(frozen=True)
class HttpTrigger:
    """A function with its route."""

    function: Function
    route: Route

    def takes(self, method: str) -> bool:
        """Whether the trigger names the method, or none at all."""
        methods = self.function.trigger.methods
        return not methods or method in methods

    @property
    def anonymous(self) -> bool:
        """Whether no key is asked for."""
        return self.function.trigger.options.get("authLevel", "FUNCTION").upper() == "ANONYMOUS"


@dataclass(frozen=True)
class Web:
    """The HTTP triggers of an app."""

    triggers: Sequence[HttpTrigger]
    invocations: Invocations
    key: str
    homepage: bool = True
    most_bytes: int = MOST_BYTES

    async def respond(self, request: Request) -> Response:
        """Answer a request to any path that is not the host's own."""
        raw_path = _raw_path(request)
        at_root = raw_path == "/"
        if at_root and self.homepage:
            return Response(HOMEPAGE, media_type="text/html")
        for trigger in sorted(self.triggers, key=lambda trigger: trigger.route.rank):
            values = trigger.route.match(raw_path) if trigger.takes(request.method) else None
            if values is None:
                continue
            if not trigger.anonymous and not keyed(request, self.key):
                return Response(status_code=401)
            return await self._invoke(trigger.function, request, values)
        return Response(status_code=204 if at_root else 404)

    async def _invoke(self, function: Function, request: Request, values: dict[str, str]) -> Response:
        try:
            data = _request_data(request, values, await self._body(request))
        except TooLargeError:
            return Response(status_code=413)
        traceparent = request.headers.get("traceparent", "")
        started = self.invocations.start(function, {function.trigger.name: data}, traceparent=traceparent)
        running = asyncio.wrap_future(started)
        try:
            outcome = await asyncio.wait_for(asyncio.shield(running), LIMIT_SECONDS)
        except TimeoutError:
            return Response(status_code=504)
        return _response(outcome.returned) if outcome.ok else Response(status_code=500)

    async def _body(self, request: Request) -> bytes:
        length = request.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self.most_bytes:
            raise TooLargeError
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > self.most_bytes:
                raise TooLargeError
        return body


def keyed(request: Request, key: str) -> bool:
    """Whether the request carries the key."""
    given = request.headers.get("x-functions-key") or request.query_params.get("code") or ""
    return hmac.compare_digest(given.encode(), key.encode())


def _request_data(request: Request, values: dict[str, str], content: bytes) -> TypedData:
    """The request as the real host sends it: lower-case header names, no empty query values, the body as bytes."""
    query: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if value:
            query[name] = f"{query[name]},{value}" if name in query else value
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name.lower()] = f"{headers[name.lower()]},{value}" if name.lower() in headers else value
    if request.client:
        peer = f"{request.client.host}:{request.client.port}"
        headers["x-forwarded-for"] = ", ".join(filter(None, (headers.get("x-forwarded-for"), peer)))
    body = binary(content)
    http = SimpleNamespace(
        method=request.method, url=_url(request), headers=headers, query=query, params=values, body=body
    )
    return TypedData(http=http)


def _url(request: Request) -> str:
    query = bytes(request.scope["query_string"]).decode("ascii", "replace")
    address = f"{request.url.scheme}://{request.headers.get('host', '')}{_raw_path(request)}"
    return f"{address}?{query}" if query else address


def _raw_path(request: Request) -> str:
    """The path as it was sent, with %2F still in it."""
    return bytes(request.scope["raw_path"]).decode("ascii", "replace")


def _response(returned: TypedData | None) -> Response:
    if returned is None or returned.WhichOneof() is None:
        return Response(status_code=204)
    if returned.WhichOneof() != "http":
        return Response(returned.content, media_type="text/plain")
    http = returned.http
    response = Response(http.body.content if http.body else b"", int(http.status_code))
    for name, value in http.headers.items():
        response.headers[name] = value
    return response
