"""The app's HTTP API: what is asked, what may be asked again, and how an answer becomes data or a failure.

    what was sent   what came back                        what is done
    --------------  ------------------------------------  --------------------------------------------------------
    anything        no connection, no answer in time,     sent again, a few times; a POST with the same
                    429, 502, 503, 504                    Idempotency-Key, by which the app knows a repeat
    any             401, 403                              exit 4
    any             404                                   exit 8
    any             another 4xx                           exit 3, with the code and the words of the problem document
    any             3xx, 5xx                              exit 1

A redirect is not followed: the key would go with it. Nor are credentials taken from ~/.netrc, which `requests` would
prefer to ours.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import requests

from .config import Config
from .console import Console, Json
from .exits import Exit, Failure, UnansweredError

TIMEOUTS = (10, 100)  # seconds: to connect, and for an answer; an app that sleeps takes some to wake up
PLAN_TIMEOUTS = (10, 240)  # Azure's front end gives up after 230
TRIES = 4
LONGEST_PAUSE = 5  # seconds between two tries, whatever Retry-After says
AGAIN = (429, 502, 503, 504)
AZ_SECONDS = 60


class Api:
    """The client; one for each invocation."""

    def __init__(self, config: Config, console: Console, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Keep what is needed; nothing is sent yet."""
        self.config, self._console, self._sleep = config, console, sleep
        self._base = config.url.rstrip("/")
        self._session = requests.Session()
        self._token = ""

    def get(self, path: str, **query: str | None) -> Json:
        """Return what a GET shows."""
        return self._json(self._repeated("GET", path, params=_said(query)))

    def all(self, path: str, name: str, **query: str | None) -> list[Json]:
        """Return every item of a list, over all its pages."""
        items: list[Json] = []
        for page in self.pages(path, **query):
            items.extend(item for item in page.get(name) or [] if isinstance(item, dict))
        return items

    def pages(self, path: str, **query: str | None) -> Iterator[Json]:
        """Yield the pages of a list, each once it is wanted."""
        page = self.get(path, **query)
        yield page
        while link := page.get("nextLink"):
            page = self._json(self._repeated("GET", self._own(str(link))))
            yield page

    def health(self) -> tuple[bool, Json]:
        """Return the health report, which comes with 503 where there is a fault."""
        reply = self._send("GET", "/api/health")
        report = _parsed(reply) if reply.status_code == 503 else self._json(reply)
        if not isinstance(report, dict) or "healthy" not in report:
            raise self._failure(reply)
        return bool(report["healthy"]), report

    def put(self, path: str, body: Json) -> Json:
        """PUT a state, which is the same when it is put twice."""
        return self._json(self._repeated("PUT", path, body=body))

    def plan(self, path: str, body: Json, **query: str | None) -> Json:
        """Ask what something would do; the app runs the release's main() for it, and takes its time."""
        return self._json(self._repeated("POST", path, params=_said(query), body=body, timeouts=PLAN_TIMEOUTS))

    def post(self, path: str, body: Json, *, key: str | None = None) -> Json:
        """Ask for something; the app takes whatever comes with the same key for the same request."""
        key = key or str(uuid.uuid4())
        again = f"to continue with the same request, run the same command with --idempotency-key {key}"
        self._console.detail(f"Idempotency-Key: {key}")
        self._console.come_back = again
        try:
            reply = self._repeated("POST", path, body=body, headers={"Idempotency-Key": key})
        except UnansweredError as error:
            raise Failure(error.exit_code, f"{error.message}; {again}") from None
        if reply.status_code >= 500 or reply.status_code == 429:
            failure = self._failure(reply)
            raise Failure(failure.exit_code, f"{failure.message}; {again}", code=failure.code)
        if reply.headers.get("idempotency-replayed") == "true":
            self._console.say("the request had arrived before; this is its operation")
        return self._json(reply)

    # -------------------------------------------------------------------------------------------------------- sending

    def _own(self, link: str) -> str:
        """Return the path of a link, which must lead to the same app: the key goes along."""
        path = link.removeprefix(self._base)
        if not path.startswith("/api/"):
            raise Failure(Exit.FAILED, f"the next page is not at {self._base}: {link[:200]}")
        return path

    def _repeated(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        body: Json | None = None,
        headers: dict[str, str] | None = None,
        timeouts: tuple[float, float] = TIMEOUTS,
    ) -> requests.Response:
        for tried in range(1, TRIES):
            try:
                reply = self._send(method, path, params=params, body=body, headers=headers, timeouts=timeouts)
            except UnansweredError as error:
                self._pause(tried, None, error.message)
                continue
            if reply.status_code not in AGAIN:
                return reply
            self._pause(tried, reply.headers.get("retry-after"), self._failure(reply).message)
        return self._send(method, path, params=params, body=body, headers=headers, timeouts=timeouts)

    def _pause(self, tried: int, retry_after: str | None, why: str) -> None:
        seconds = float(retry_after) if retry_after and retry_after.isdigit() else 0.5 * 2**tried
        self._console.detail(f"{why}; trying again")
        self._sleep(min(seconds, LONGEST_PAUSE))

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        body: Json | None = None,
        headers: dict[str, str] | None = None,
        timeouts: tuple[float, float] = TIMEOUTS,
    ) -> requests.Response:
        for fresh in (False, True):
            try:
                reply = self._session.request(
                    method,
                    self._base + path,
                    params=params,
                    json=body,
                    headers={"Accept": "application/json", **(headers or {})},
                    auth=self._authorize(fresh=fresh),
                    timeout=timeouts,
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                raise _unanswered(error, self._base) from None
            if reply.status_code != 401 or not self._uses_tokens:  # a token ends during a long wait
                break
        return reply

    @property
    def _uses_tokens(self) -> bool:
        return bool(self.config.token_resource) and not self.config.key

    def _authorize(self, *, fresh: bool) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
        def authorized(request: requests.PreparedRequest) -> requests.PreparedRequest:
            if self.config.key:
                request.headers["x-functions-key"] = self.config.key
            elif self._uses_tokens:
                if fresh or not self._token:
                    self._token = az_token(self.config.token_resource)
                request.headers["Authorization"] = f"Bearer {self._token}"
            return request

        return authorized

    # --------------------------------------------------------------------------------------------------------- answers

    def _json(self, reply: requests.Response) -> Json:
        value = _parsed(reply)
        if reply.status_code < 300 and isinstance(value, dict):
            return value
        raise self._failure(reply)

    def _failure(self, reply: requests.Response) -> Failure:
        problem = _parsed(reply)
        problem = problem if isinstance(problem, dict) else {}
        code, detail = problem.get("code"), problem.get("detail")
        status, words = reply.status_code, f": {detail}" if detail else ""
        if status in (401, 403):
            right = "the key" if self.config.key else "the token" if self._uses_tokens else ""
            sent = f"{right} was not accepted" if right else "no key was sent: set FLINKFUNCS_KEY"
            why = words or f"; {sent}"  # the app says what is missing; the platform says nothing
            return Failure(Exit.DENIED, f"{self._base} answered {status}{why}", code=code)
        if status == 404 and not code:
            return Failure(Exit.NOT_FOUND, f"{self._base} answered 404, but not as the app does; check the URL")
        if 400 <= status < 500 and status != 429:
            kind = Exit.NOT_FOUND if status == 404 else Exit.REFUSED
            return Failure(kind, detail or f"{self._base} answered {status}", code=code)
        what = "is not a JSON object of the app; check the URL" if status < 300 else f"status {status}{words}"
        return Failure(Exit.FAILED, f"the answer of {self._base}: {what}", code=code)


def az_token(resource: str) -> str:
    """Return a token for the app from Azure's command line.

    Raises:
        Failure: there is none.

    """
    az = shutil.which("az")  # az.cmd on Windows
    if not az:
        raise Failure(Exit.DENIED, "token_resource is set, but az, which signs in, is not installed")
    words = [az, "account", "get-access-token", "--resource", resource, "--query", "accessToken", "--output", "tsv"]
    try:
        done = subprocess.run(  # noqa: S603 - az, found above, with words of our own
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=AZ_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failure(Exit.DENIED, f"az gave no token for {resource}: {error}") from None
    if done.returncode or not done.stdout.strip():
        raise Failure(Exit.DENIED, f"az gave no token for {resource}: {done.stderr.strip()[-300:]}")
    return done.stdout.strip()


def segment(text: str) -> str:
    """Write a name as one segment of a path."""
    return quote(text, safe="")


def _said(query: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in query.items() if value}


def _parsed(reply: requests.Response) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(reply.content)
    except ValueError:
        return None


def _unanswered(error: requests.RequestException, base: str) -> Failure:
    """Tell a request that may be sent again from one that cannot be made."""
    if isinstance(error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError):
        cause = error.args[0] if error.args else error
        return UnansweredError(Exit.FAILED, f"{base} does not answer: {getattr(cause, 'reason', cause)}")
    return Failure(Exit.USAGE, f"the request could not be made: {error}")
