"""Every call of the app crosses here, is written down, and perhaps goes through the breaker.

Wrapped are `requests.Session.send` and the Azure pipeline's transport, as in tests/matrix, so that a new call is found
by itself. Each thread drives a cell of its own; calls of other threads (the renewal of a lease beside a long call) are
let through.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from azure.core.pipeline.transport import HttpTransport, RequestsTransport

from tests.matrix.crossings import called_by
from tests.matrix.plan import Counting, Crossing, Plan
from tests.matrix.sites import RENEWAL, Namer

from .breaker import FAULT, SILENCE_SECONDS, SILENT, UPSTREAM, Breaker, Fault

T = TypeVar("T")
BACKOFF_SECONDS = 0.05  # the storage library's pauses are no part of what is shown here


@dataclass
class Crossings:
    """The calls of one cell, and the fault that one of them meets; `times`: so do that many in a row of its site."""

    namer: Namer
    call: Crossing | None = None
    fault: Fault | None = None
    times: int = 1
    crossed: list[Crossing] = field(default_factory=list)
    by: set[str] = field(default_factory=set)
    met: int = 0
    counting: Counting = field(default_factory=Counting)

    def cross(self, method: str, url: str, by: list[str]) -> Fault | None:
        """Write a call down, and say what becomes of it."""
        renewal = RENEWAL if "Claim.renew" in by else ""
        crossing = self.counting.cross(self.namer.site(method, url) + renewal)
        self.crossed.append(crossing)
        self.by.update(by)
        if self.call is None or self.met == self.times:
            return None
        again = self.met > 0 and crossing.site == self.call.site
        if not again and not (self.met == 0 and Plan("", self.call, "after").kills(crossing, "after")):
            return None
        self.met += 1
        return self.fault


class _Current(threading.local):
    crossings: Crossings | None = None
    inside: bool = False


_current = _Current()


@contextmanager
def crossing(crossings: Crossings) -> Iterator[Crossings]:
    """Let the calls of this thread cross."""
    _current.crossings = crossings
    try:
        yield crossings
    finally:
        _current.crossings = None


@contextmanager
def unseen() -> Iterator[None]:
    """Let calls of this thread pass that are none of the app's."""
    crossings, _current.crossings = _current.crossings, None
    try:
        yield
    finally:
        _current.crossings = crossings


@contextmanager
def installed(breaker: Breaker) -> Iterator[None]:
    """Wrap both ways out of this process."""
    send, transport_send, transport_sleep = requests.Session.send, RequestsTransport.send, HttpTransport.sleep

    def wrapped(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # noqa: ANN401 - passed on as it is
        def silent() -> None:
            options["timeout"] = (SILENCE_SECONDS, SILENCE_SECONDS)

        return _around(breaker, request, lambda: send(self, request, **options), silent)

    def wrapped_transport(self: RequestsTransport, request: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on
        def silent() -> None:
            options["read_timeout"] = SILENCE_SECONDS

        def marked() -> Any:  # noqa: ANN401 - passed on
            _current.inside = True
            try:
                return transport_send(self, request, **options)
            finally:
                _current.inside = False

        return _around(breaker, request, marked, silent)

    requests.Session.send = wrapped  # type: ignore[method-assign]
    RequestsTransport.send = wrapped_transport
    HttpTransport.sleep = _sleep_less  # type: ignore[method-assign]
    try:
        yield
    finally:
        requests.Session.send = send  # type: ignore[method-assign]
        RequestsTransport.send = transport_send
        HttpTransport.sleep = transport_sleep  # type: ignore[method-assign]


def _sleep_less(self: Any, duration: float) -> None:  # noqa: ANN401, ARG001 - in the place of a method
    time.sleep(min(duration, BACKOFF_SECONDS))


def _around(breaker: Breaker, request: Any, call: Callable[[], T], silent: Callable[[], None]) -> T:  # noqa: ANN401 - of either library
    crossings = _current.crossings
    if crossings is None or _current.inside or (by := called_by()) is None:
        return call()
    fault = crossings.cross(request.method, request.url, by)
    if fault is None:
        return call()
    if fault in SILENT:
        silent()
    url, parts = request.url, urlsplit(request.url)
    request.url = parts._replace(netloc=breaker.netloc_for(fault)).geturl()
    request.headers.update({UPSTREAM: parts.netloc, FAULT: fault.name})
    try:
        return call()
    finally:
        request.url = url
        for name in (UPSTREAM, FAULT):
            del request.headers[name]
