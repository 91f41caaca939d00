"""The app's HTTP API, for workers (sync) and triggerers (async) alike.

What is sent, and when again, is decided once, by generators that do no I/O: they yield `Send`, `Sleep` and `Renew`, and
a client carries these out.

    what came back                              what is done
    ------------------------------------------  ------------------------------------------------------------------
    no connection, no answer in time, 429, 5xx  sent again, a few times; a POST with the same Idempotency-Key
    401                                         the connection is read again, and the request sent once more
    401 again, 403                              FlinkFuncsDenied
    another 4xx                                 FlinkFuncsRefused, with the app's code and words
    3xx                                         FlinkFuncsRefused: a redirect is not followed, the key would go along
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote

import httpx

from .access import Access, Tokens
from .exceptions import FlinkFuncsDenied, FlinkFuncsRefused, FlinkFuncsUnavailable

log = logging.getLogger(__name__)

Json: TypeAlias = dict[str, Any]
T = TypeVar("T")

TRIES = 5
TIMEOUT = 30.0  # seconds for an answer; more where the app holds it
CONNECT_TIMEOUT = 10.0
LONGEST_HOLD = 200  # seconds: the app holds no reply longer
LONGEST_PAUSE = 30.0
LOOKS = 3  # refused looks in a row that end a wait


@dataclass(frozen=True)
class Send:
    """Send a request; what comes back is the reply, or the error of the transport."""

    method: str
    path: str
    json: Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = TIMEOUT


@dataclass(frozen=True)
class Sleep:
    """Pause."""

    seconds: float


@dataclass(frozen=True)
class Renew:
    """Read the connection again: its key may be another one by now."""


Answer: TypeAlias = "httpx.Response | httpx.TransportError | FlinkFuncsUnavailable | None"
Flow: TypeAlias = Generator["Send | Sleep | Renew", Answer, T]


# ---------------------------------------------------------------------------------------------------------------- flows


def call(
    method: str,
    path: str,
    body: Json | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
    tries: int = TRIES,
) -> Flow[tuple[httpx.Response, int]]:
    """Send a request until it is answered; return the reply, and how often it was sent.

    Raises:
        FlinkFuncsUnavailable, FlinkFuncsDenied, FlinkFuncsRefused: see the module.

    """
    renewed, tried = False, 0
    while True:
        tried += 1
        reply = yield Send(method, path, body, headers or {}, timeout)
        if isinstance(reply, httpx.Response):
            if reply.status_code == 401 and not renewed:
                renewed = True
                yield Renew()
                continue
            if reply.status_code < 300 or reply.status_code == 304:
                return reply, tried
        problem = _problem(reply)
        if not isinstance(problem, FlinkFuncsUnavailable) or tried >= tries:
            raise problem
        pause = min(problem.retry_after or 0.5 * 2**tried, LONGEST_PAUSE)
        log.info("%s; trying again in %.0f s", problem, pause)
        yield Sleep(pause)


def get(path: str, *, tries: int = TRIES) -> Flow[Json]:
    """GET a path."""
    reply, _ = yield from call("GET", path, tries=tries)
    return _json(reply)


def post(path: str, body: Json, *, key: str | None = None) -> Flow[tuple[Json, bool]]:
    """POST a body; return the reply, and whether it shows what came of an earlier call with this key."""
    reply, tried = yield from call("POST", path, body, headers={"Idempotency-Key": key} if key else {})
    return _json(reply), reply.headers.get("idempotency-replayed") == "true" and tried == 1


def follow(operation_id: str, *, until: float, every: float) -> Flow[Json | None]:
    """Wait until an operation has ended; return it, or None at that time (seconds since 1970).

    The app holds each look until the operation ends, for at most `every` seconds. A look that fails is not the end of
    the operation: only a definite refusal, LOOKS times in a row, ends the wait.

    Raises:
        FlinkFuncsDenied, FlinkFuncsRefused: the app refuses to show it.

    """
    etag, refused = "", 0
    while True:
        began = time.monotonic()
        hold = int(min(every, max(0.0, until - time.time()), LONGEST_HOLD))
        headers = {"Prefer": f"wait={hold}"} | ({"If-None-Match": etag} if etag else {})
        try:
            reply, _ = yield from call(
                "GET", _operation(operation_id), headers=headers, timeout=hold + TIMEOUT, tries=1
            )
            refused = 0
            if reply.status_code == 200:
                operation, etag = _json(reply), reply.headers.get("etag", "")
                if outcome_of(operation):
                    return operation
        except FlinkFuncsUnavailable as error:
            log.warning("%s; still waiting for operation %s", error, operation_id)
        except (FlinkFuncsDenied, FlinkFuncsRefused):
            refused += 1
            if refused >= LOOKS:
                raise
        if time.time() >= until:
            return None
        yield Sleep(max(0.1, min(every, until - time.time()) - (time.monotonic() - began)))


def withdraw(operation_id: str, reason: str) -> Flow[str]:
    """End an operation if it has not begun; return in a word for the log what became of that."""
    try:
        yield from post(f"{_operation(operation_id)}/abandon", {"reason": reason[:500]})
    except FlinkFuncsRefused as error:
        return f"operation {operation_id} was not withdrawn: {error}"
    return f"operation {operation_id} was withdrawn"


def outcome_of(operation: Json) -> str | None:
    """Return how an operation ended, None while it is open."""
    result = operation.get("result")
    return str(result["outcome"]) if isinstance(result, dict) and result.get("outcome") else None


def job_path(job: str, rest: str = "") -> str:
    """Return the path of a job, or of something below it."""
    return f"/api/jobs/{quote(job, safe='')}{rest}"


def _operation(operation_id: str) -> str:
    return f"/api/operations/{quote(operation_id, safe='')}"


def _json(reply: httpx.Response) -> Json:
    try:
        value = reply.json()
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise FlinkFuncsRefused(
            f"{reply.url.host} did not answer with JSON of the app: is the URL right?", status=reply.status_code
        )
    return value


def _problem(reply: Answer) -> Exception:
    if isinstance(reply, FlinkFuncsUnavailable):
        return reply
    if not isinstance(reply, httpx.Response):
        return FlinkFuncsUnavailable(f"the app does not answer: {type(reply).__name__}: {reply}"[:300])
    try:
        document = reply.json()
    except ValueError:
        document = None
    said = document if isinstance(document, dict) else {}
    code, detail = said.get("code"), str(said.get("detail", ""))[:2000]
    words = f"the app answered {reply.status_code}{f' {code}' if code else ''}{f': {detail}' if detail else ''}"
    if reply.status_code in (401, 403):
        return FlinkFuncsDenied(words if detail else f"{words}: the key or token was not accepted")
    if reply.status_code == 429 or reply.status_code >= 500:
        after = reply.headers.get("retry-after", "")
        return FlinkFuncsUnavailable(words, retry_after=float(after) if after.isdigit() else None)
    if reply.status_code == 404 and not code:
        words = "the app's URL answered 404 without a word of the app: is it right?"
    return FlinkFuncsRefused(words, status=reply.status_code, code=code)


# -------------------------------------------------------------------------------------------------------------- clients


class Client:
    """Carries flows out, in a worker. The connection is read once, and again on a 401."""

    def __init__(self, read: Callable[[], Access]) -> None:
        """Keep how to read the connection; nothing is read yet."""
        self._read = read
        self._tokens: Tokens | None = None
        self._http: httpx.Client | None = None

    def run(self, flow: Flow[T]) -> T:
        """Carry a flow out, and return what it returns."""
        answer: Answer = None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as stop:
                result: T = stop.value
                return result
            answer = self._do(step)

    def close(self) -> None:
        """Close the connections."""
        if self._http:
            self._http.close()

    def _do(self, step: Send | Sleep | Renew) -> Answer:
        match step:
            case Sleep(seconds):
                time.sleep(seconds)
            case Renew():
                self._tokens = None
            case Send():
                if self._tokens is None:
                    self._tokens = Tokens(self._read())
                access = self._tokens.access
                self._http = self._http or httpx.Client(verify=access.verify, trust_env=access.trust_env)
                try:
                    return self._http.send(_request(self._http, step, access.url, self._tokens.headers()))
                except (httpx.TransportError, FlinkFuncsUnavailable) as error:
                    return error
        return None


class AsyncClient:
    """Carries flows out, in a triggerer."""

    def __init__(self, read: Callable[[], Awaitable[Access]]) -> None:
        """Keep how to read the connection; nothing is read yet."""
        self._read = read
        self._tokens: Tokens | None = None
        self._http: httpx.AsyncClient | None = None

    async def run(self, flow: Flow[T]) -> T:
        """Carry a flow out, and return what it returns; cancelled, it sends nothing more."""
        answer: Answer = None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as stop:
                result: T = stop.value
                return result
            answer = await self._do(step)

    async def close(self) -> None:
        """Close the connections."""
        if self._http:
            await self._http.aclose()

    async def _do(self, step: Send | Sleep | Renew) -> Answer:
        match step:
            case Sleep(seconds):
                await asyncio.sleep(seconds)
            case Renew():
                self._tokens = None
            case Send():
                if self._tokens is None:
                    self._tokens = Tokens(await self._read())
                access = self._tokens.access
                self._http = self._http or httpx.AsyncClient(verify=access.verify, trust_env=access.trust_env)
                try:
                    headers = await asyncio.to_thread(self._tokens.headers)
                    return await self._http.send(_request(self._http, step, access.url, headers))
                except (httpx.TransportError, FlinkFuncsUnavailable) as error:
                    return error
        return None


def _request(
    http: httpx.Client | httpx.AsyncClient, step: Send, url: str, authorization: Mapping[str, str]
) -> httpx.Request:
    return http.build_request(
        step.method,
        url + step.path,
        json=step.json,
        headers={"Accept": "application/json", **step.headers, **authorization},
        timeout=httpx.Timeout(step.timeout, connect=CONNECT_TIMEOUT),
    )
