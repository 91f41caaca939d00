"""What is told to whoever watches this app: spans, metrics and log lines; nothing at all where no endpoint is set.

    event       something reached the app: an upload, a call, a tick        a trace begins
    driving     an operation is driven, by whichever invocation             the trace of what asked for it goes on
    step        one step of it is carried out
    call        a request leaves: to Flink, ARM, Entra ID, Key Vault, storage

Without an endpoint nothing of OpenTelemetry is imported, and each of these does nothing. The rule that must never
break: whatever goes wrong in here, no operation fails and no reply waits.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..core.operations import Operation

if TYPE_CHECKING:
    from .pipeline import Pipeline

log = logging.getLogger(__name__)

# For this app's own part. The host exports its part (requests, scaling, its log) to the same endpoints: `telemetryMode`
# in host.json.
SWITCHES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "APPLICATIONINSIGHTS_CONNECTION_STRING")


@dataclass
class Told:
    """What becomes known of a span while it is open."""

    outcome: str | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)  # what a call should carry, so that the other side joins in


class _State:
    """What this process has: nothing before `begin`, and nothing after it where no endpoint is set."""

    lock = threading.Lock()
    begun = False
    pipeline: Pipeline | None = None


def begin() -> None:
    """Set up what the environment asks for, once a process; it raises nothing, and reaches nobody."""
    if _State.begun:
        return
    with _State.lock:
        if not _State.begun:
            _State.pipeline = _built()
            _State.begun = True


def end(*, seconds: float = 2.0) -> None:
    """Send what is left, for so long at the most, and be as before `begin`."""
    with _State.lock:
        pipeline, _State.pipeline, _State.begun = _State.pipeline, None, False
    if pipeline:
        pipeline.end(seconds)


def is_on() -> bool:
    """Whether anything is told to anyone."""
    return _State.pipeline is not None


@contextmanager
def event(name: str, kind: str, *, traceparent: str | None = None) -> Iterator[Told]:
    """Tell of what reached the app, until it is taken.

    Args:
        name: the function that takes it.
        kind: `http`, `datasource` or `timer`, as OpenTelemetry calls them.
        traceparent: the W3C trace context that it came with, where the worker has not set one.

    """
    begin()
    told = Told()
    if _State.pipeline is None:
        yield told
        return
    try:
        with _State.pipeline.spans.event(name, kind, told, traceparent):
            yield told
    finally:
        _State.pipeline.flush_soon()


@contextmanager
def message(*, sent_at: datetime | None, attempt: int, traceparent: str | None) -> Iterator[None]:
    """Tell of a message of the operations queue; its span is that of the operation that it brings, in its trace."""
    begin()
    if _State.pipeline is None:
        yield
        return
    with suppress(Exception):
        _State.pipeline.metrics.message_taken(sent_at)
    try:
        with _State.pipeline.spans.message(attempt, traceparent):
            yield
    finally:
        _State.pipeline.flush_soon()


@contextmanager
def driving(operation: Operation) -> Iterator[None]:
    """Go on with the operation's trace while it is driven; its log lines carry its id."""
    if _State.pipeline is None:
        yield
        return
    with _State.pipeline.spans.driving(operation):
        yield


@contextmanager
def step(operation: Operation, name: str) -> Iterator[Told]:
    """Tell of one step: how it ended, and how long it took."""
    told = Told("done")
    if _State.pipeline is None:
        yield told
        return
    try:
        with _State.pipeline.metrics.step(name, told), _State.pipeline.spans.step(operation, name, told):
            yield told
    finally:
        _State.pipeline.flush_soon()


@contextmanager
def call(peer: str, method: str, url: str) -> Iterator[Told]:
    """Tell of a request that leaves; its query and its headers are told to nobody."""
    told = Told()
    if _State.pipeline is None:
        yield told
        return
    host, path = _host_and_path(url)
    with (
        _State.pipeline.metrics.call(peer, method, told),
        _State.pipeline.spans.call(peer, method, host, path, told),
    ):
        yield told


@contextmanager
def quiet() -> Iterator[None]:
    """Tell of no single call for a while: of those that only look whether something has ended by now."""
    if _State.pipeline is None:
        yield
        return
    with _State.pipeline.spans.quiet():
        yield


def traceparent() -> str | None:
    """Return the W3C trace context of now, which an operation keeps; None where there is none."""
    if _State.pipeline:
        with suppress(Exception):
            return _State.pipeline.spans.traceparent()
    return None


def ended(operation: Operation) -> None:
    """Count an operation that has ended, and tell how long what it did has taken."""
    if _State.pipeline and operation.result:
        with suppress(Exception):
            _State.pipeline.metrics.ended(operation)


def told(outcome: str) -> None:
    """Count an attempt to send a message to who is to be told: sent, failed, given_up."""
    if _State.pipeline:
        with suppress(Exception):
            _State.pipeline.metrics.told(outcome)


def ages(savepoints: Mapping[str, float], oldest_operation: float) -> None:
    """Tell how old the newest savepoint of each job is, and the oldest open operation (seconds)."""
    if _State.pipeline:
        with suppress(Exception):
            _State.pipeline.metrics.ages(savepoints, oldest_operation)


def _host_and_path(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.path
    except ValueError:  # no URL at all: the call itself will say so
        return "", ""


def _built() -> Pipeline | None:
    if not any(os.environ.get(name) for name in SWITCHES) or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    try:
        from .pipeline import build  # noqa: PLC0415 - half a second that an app without an endpoint does not pay

        return build()
    except Exception as error:  # noqa: BLE001 - whatever it is: the app does its work without telemetry
        log.warning("telemetry outcome=off %s", type(error).__name__)
        return None
