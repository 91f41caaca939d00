"""An OTLP endpoint on loopback that keeps what it is sent, decoded by OpenTelemetry's own message types.

    POST /v1/traces, /v1/metrics, /v1/logs      200; while it hangs, nothing comes back
    POST …/v2.1/track                           Application Insights' own form, JSON lines that may be gzipped

Nothing here knows the app.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from tests.listener import Call, Reply, listening

ACCEPTED = Reply(body={"itemsReceived": 1, "itemsAccepted": 1, "errors": []})
EMPTY = Reply(raw=b"")
Attributes: TypeAlias = dict[str, str | int | float | bool]


@dataclass(frozen=True)
class SeenSpan:
    """A span as it arrived."""

    trace: str
    id: str
    parent: str
    name: str
    attributes: Attributes
    links: tuple[str, ...]  # the traces that it is linked to
    failed: bool
    seconds: float


@dataclass(frozen=True)
class SeenPoint:
    """A point of a metric: its value, and of a histogram its sum and count."""

    metric: str
    unit: str
    attributes: Attributes
    value: float
    count: int = 1


@dataclass(frozen=True)
class SeenLine:
    """A log line."""

    text: str
    trace: str
    attributes: Attributes


@dataclass
class Received:
    """Everything that arrived, in its order; `raw` as it was on the wire."""

    spans: list[SeenSpan] = field(default_factory=list)
    points: list[SeenPoint] = field(default_factory=list)
    lines: list[SeenLine] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    hangs: threading.Event = field(default_factory=threading.Event)
    held: list[str] = field(default_factory=list)  # the paths of what was never answered
    over: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def answer(self, call: Call) -> Reply:
        """Take one request; while it hangs, nothing comes back."""
        if self.hangs.is_set():
            self.held.append(call.path)
            self.over.wait()
        else:
            self._take(call)
        return ACCEPTED if "track" in call.path else EMPTY

    def _take(self, call: Call) -> None:
        body = gzip.decompress(call.body) if call.headers.get("Content-Encoding") == "gzip" else call.body
        self.raw.append(body)
        kinds: dict[str, Callable[[bytes], None]] = {
            "traces": self._take_traces,
            "metrics": self._take_metrics,
            "logs": self._take_logs,
        }
        if kind := kinds.get(call.path.rpartition("/")[2]):
            kind(body)

    def trace_of(self, operation: str) -> list[SeenSpan]:
        """Return all spans of the traces that tell of an operation."""
        traces = {span.trace for span in self.spans if span.attributes.get("operation") == operation}
        return [span for span in self.spans if span.trace in traces]

    def newest(self, metric: str, **attributes: str) -> SeenPoint | None:
        """Return the last point of a metric with (at least) these attributes."""
        named = [point for point in self.points if point.metric == metric]
        matching = [point for point in named if attributes.items() <= point.attributes.items()]
        return matching[-1] if matching else None

    def _take_traces(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans += [
                    SeenSpan(
                        trace=span.trace_id.hex(),
                        id=span.span_id.hex(),
                        parent=span.parent_span_id.hex(),
                        name=span.name,
                        attributes=_attributes(span.attributes),
                        links=tuple(link.trace_id.hex() for link in span.links),
                        failed=span.status.code == span.status.STATUS_CODE_ERROR,
                        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                    )
                    for span in scope.spans
                ]

    def _take_metrics(self, body: bytes) -> None:
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    data = getattr(metric, metric.WhichOneof("data") or "sum")
                    self.points += [
                        SeenPoint(metric.name, metric.unit, _attributes(point.attributes), *_value(point))
                        for point in data.data_points
                    ]

    def _take_logs(self, body: bytes) -> None:
        for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
            for scope in resource.scope_logs:
                self.lines += [
                    SeenLine(line.body.string_value, line.trace_id.hex(), _attributes(line.attributes))
                    for line in scope.log_records
                ]


@contextmanager
def receiving() -> Iterator[Received]:
    """An endpoint for the length of a test; `url` is where it listens."""
    received = Received()
    with listening(received.answer) as received.url:
        try:
            yield received
        finally:
            received.over.set()


def _value(point: object) -> tuple[float, int]:
    if hasattr(point, "bucket_counts"):
        return point.sum, point.count  # type: ignore[attr-defined]  # a histogram's point
    kind = point.WhichOneof("value")  # type: ignore[attr-defined]  # a number's point
    return float(getattr(point, kind)), 1


def _attributes(given: object) -> Attributes:
    pairs: list[KeyValue] = list(given)  # type: ignore[call-overload]  # a repeated field
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}
