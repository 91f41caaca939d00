"""Every call of the app crosses here, is written down, and perhaps goes through the breaker.

Each thread drives a cell of its own; calls of other threads (the renewal of a lease beside a long call) are
let through.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from azure.core.pipeline.transport import HttpTransport

from tests.harness.calls import Counting, Crossing
from tests.harness.sites import RENEWAL, Namer
from tests.harness.ways_out import called_by, wrapped

from .breaker import FAULT, SILENCE_SECONDS, SILENT, UPSTREAM, Breaker, Fault

BACKOFF_SECONDS = 0.05  # the storage library's pauses are no part of what is shown here


RECORD = "PUT ledger jobs/:job"


@dataclass(frozen=True)
class Hit:
    """What becomes of one call: it goes wrong, so many times in a row; or nothing, where only somebody else writes."""

    call: Crossing
    fault: Fault | None
    times: int = 1

    @property
    def name(self) -> str:
        """The hit in words."""
        often = f" ({self.times} times)" if self.times > 1 else ""
        return f"{self.fault.value}{often} at {self.call.place}" if self.fault else f"at {self.call.place}"


@dataclass
class Crossings:
    """The calls of one cell, and what some of them meet, one after the other.

    `beside` is what somebody else does right after the first one of these calls: before its answer is known to be lost,
    and before the record is read again. Where nothing goes wrong with the call, it is done right before it.
    """

    namer: Namer
    hits: tuple[Hit, ...] = ()
    beside: Callable[[], None] | None = None
    crossed: list[Crossing] = field(default_factory=list)
    by: set[str] = field(default_factory=set)
    failed: Exception | None = None  # what was done beside went wrong
    counting: Counting = field(default_factory=Counting)
    _met: list[int] = field(default_factory=list)  # how often each hit was met, up to the one that is being met

    @property
    def met(self) -> bool:
        """Whether every hit was met."""
        return len(self._met) == len(self.hits)

    def cross(self, method: str, url: str, by: list[str]) -> Fault | None:
        """Write a call down, and say what becomes of it."""
        site = self.namer.site(method, url)
        site += RENEWAL if "Claim.renew" in by else _step_written_down() if site == RECORD else ""
        crossing = self.counting.cross(site)
        self.crossed.append(crossing)
        self.by.update(by)
        hit = self._hit(crossing)
        if hit and hit.fault is None:
            self.write_beside()
        return hit.fault if hit else None

    def write_beside(self) -> None:
        """Let somebody else write, once."""
        beside, self.beside = self.beside, None
        if beside is None:
            return
        try:
            with unseen():
                beside()
        except Exception as error:  # noqa: BLE001 - it must not look like an error of the call
            self.failed = error

    def _hit(self, crossing: Crossing) -> Hit | None:
        """Return what this call meets: the same as the one before, again, or the next."""
        now = self.hits[len(self._met) - 1] if self._met else None
        if now and crossing.site == now.call.site and self._met[-1] < now.times:
            self._met[-1] += 1
            return now
        following = self.hits[len(self._met) :][:1]
        if following and crossing.is_same(following[0].call):
            self._met.append(1)
            return following[0]
        return None


def _step_written_down() -> str:
    """Name the step that a write of the record marks before it is carried out: ` (Start)`."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_qualname == "Driver._act":
            return "" if "answer" in frame.f_locals else f" ({type(frame.f_locals['step']).__name__})"
        frame = frame.f_back  # type: ignore[assignment]  # None above the outermost frame
    return ""


class _Current(threading.local):
    crossings: Crossings | None = None


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
    """Let the calls of this process cross, and wait less between the storage library's tries."""
    transport_sleep = HttpTransport.sleep
    HttpTransport.sleep = _sleep_less  # type: ignore[method-assign]
    try:
        with wrapped(partial(_around, breaker)):
            yield
    finally:
        HttpTransport.sleep = transport_sleep  # type: ignore[method-assign]


def _sleep_less(self: Any, duration: float) -> None:  # noqa: ANN401, ARG001 - in the place of a method
    time.sleep(min(duration, BACKOFF_SECONDS))


def _around(breaker: Breaker, request: Any, call: Callable[[], Any], hurry: Callable[[float], None]) -> Any:  # noqa: ANN401 - of either library
    crossings = _current.crossings
    if crossings is None or (by := called_by()) is None:
        return call()
    fault = crossings.cross(request.method, request.url, by)
    if fault is None:
        return call()
    if fault in SILENT:
        hurry(SILENCE_SECONDS)
    url, parts = request.url, urlsplit(request.url)
    request.url = parts._replace(netloc=breaker.netloc_for(fault)).geturl()
    request.headers.update({UPSTREAM: parts.netloc, FAULT: fault.name})
    try:
        return call()
    finally:
        crossings.write_beside()
        request.url = url
        for name in (UPSTREAM, FAULT):
            del request.headers[name]
