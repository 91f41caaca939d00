"""What is a trace made of? An event, the operation that it asked for, its steps, and the calls of each.

    stateful_jar                           SERVER or CONSUMER: the event; its context is kept with the operation
    ├── PUT storage                        CLIENT: a call
    ├── drive UPDATE                       CONSUMER: an invocation drives the operation; again after a hop or a crash
    │   ├── GET flink
    │   └── Stop                           a step
    │       └── POST flink
    └── drive UPDATE

A call outside all of these is told by its metric alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ..core.errors import FlinkFuncsError
from ..core.operations import Operation
from ..redaction import redacted_text
from . import Told

driven: ContextVar[Operation | None] = ContextVar("driven", default=None)  # what log lines are about
_attempt: ContextVar[int] = ContextVar("attempt", default=1)  # of the queue message that is being handled
_quiet: ContextVar[bool] = ContextVar("quiet", default=False)

_PROPAGATOR = TraceContextTextMapPropagator()


class Spans:
    """Opens the spans; used by any number of threads."""

    def __init__(self, tracer: Tracer) -> None:
        """Keep where spans come from."""
        self._tracer = tracer

    @contextmanager
    def event(self, name: str, kind: str, told: Told, traceparent: str | None) -> Iterator[None]:
        """Open the span of what reached the app: below the host's, where the host names one."""
        span_kind = SpanKind.SERVER if kind == "http" else SpanKind.CONSUMER
        with _below(traceparent), self._opened(name, span_kind, {"faas.trigger": kind}) as span:
            yield
            if told.status is not None:
                span.set_attribute("http.response.status_code", told.status)

    @contextmanager
    def message(self, attempt: int, traceparent: str | None) -> Iterator[None]:
        """Remember the message for the span of the operation that it brings."""
        token = _attempt.set(attempt)
        try:
            with _below(traceparent):
                yield
        finally:
            _attempt.reset(token)

    @contextmanager
    def driving(self, operation: Operation) -> Iterator[None]:
        """Open a span in the trace that the operation keeps, with a link to whatever brought it here."""
        here = trace.get_current_span().get_span_context()
        kept = _PROPAGATOR.extract({"traceparent": operation.traceparent}) if operation.traceparent else None
        links = [Link(here)] if kept is not None and here.is_valid else []
        attributes = _about(operation) | {"action": str(operation.action), "attempt": _attempt.get()}
        token = driven.set(operation)
        try:
            with self._opened(f"drive {operation.action}", SpanKind.CONSUMER, attributes, kept, links):
                yield
        finally:
            driven.reset(token)

    @contextmanager
    def step(self, operation: Operation, name: str, told: Told) -> Iterator[None]:
        """Open the span of one step."""
        with self._opened(name, SpanKind.INTERNAL, _about(operation) | {"step": name}) as span:
            yield
            span.set_attribute("outcome", told.outcome or "done")
            if told.outcome != "done":
                span.set_status(Status(StatusCode.ERROR))

    @contextmanager
    def call(self, peer: str, method: str, host: str, path: str, told: Told) -> Iterator[None]:
        """Open the span of a request that leaves, if it is a part of anything."""
        if _quiet.get() or not trace.get_current_span().get_span_context().is_valid:
            yield
            return
        attributes: dict[str, str | int] = {
            "peer": peer,
            "http.request.method": method,
            "server.address": host,
            "url.path": path,
        }
        with self._opened(f"{method} {peer}", SpanKind.CLIENT, attributes) as span:
            _PROPAGATOR.inject(told.headers)
            yield
            if told.status is not None:
                span.set_attribute("http.response.status_code", told.status)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Open no span for a call."""
        token = _quiet.set(True)
        try:
            yield
        finally:
            _quiet.reset(token)

    def traceparent(self) -> str | None:
        """Write down the context of now."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier.get("traceparent")

    @contextmanager
    def _opened(
        self,
        name: str,
        kind: SpanKind,
        attributes: dict[str, str | int],
        parent: contexts.Context | None = None,
        links: list[Link] | None = None,
    ) -> Iterator[Span]:
        """Open a span; what fails in it is told by its kind, since a foreign error's text may hold anything."""
        clean = {key: redacted_text(value) if isinstance(value, str) else value for key, value in attributes.items()}
        with self._tracer.start_as_current_span(
            name,
            parent,
            kind,
            clean,
            links,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except Exception as error:
                span.set_attribute("error.type", _kind(error))
                span.set_status(Status(StatusCode.ERROR))
                raise


@contextmanager
def _below(traceparent: str | None) -> Iterator[None]:
    """Stand below the span that a trace context names, unless there is one already."""
    # The worker library (1.3.0) attaches the host's context on its event loop. A function without `async` runs on
    # another thread, which does not have it; so each trigger passes on what its `context` or its request says.
    if not traceparent or trace.get_current_span().get_span_context().is_valid:
        yield
        return
    token = contexts.attach(_PROPAGATOR.extract({"traceparent": traceparent}))
    try:
        yield
    finally:
        contexts.detach(token)


def _about(operation: Operation) -> dict[str, str | int]:
    return {"job": operation.job, "operation": operation.id}


def _kind(error: Exception) -> str:
    return error.code if isinstance(error, FlinkFuncsError) else type(error).__name__
