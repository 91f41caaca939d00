"""How are the exporters made? At the first export, in the thread that exports: importing them takes up to seconds.

Azure Monitor's keeps nothing on disk, and calls nobody but the endpoint of its connection string: its usage statistics
and its remote switches are off.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics import Counter, Histogram
from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

DELTA: dict[type, AggregationTemporality] = dict.fromkeys((Counter, Histogram), AggregationTemporality.DELTA)
OWN_TELEMETRY = tuple(
    f"APPLICATIONINSIGHTS_{name}"
    for name in (
        "STATSBEAT_DISABLED_ALL",
        "CONTROLPLANE_DISABLED",
        "SDKSTATS_DISABLED",
        "OPENTELEMETRY_RESOURCE_METRIC_DISABLED",
    )
)


@dataclass(frozen=True)
class Exporters:
    """One target: an exporter for each signal."""

    spans: SpanExporter
    metrics: MetricExporter
    logs: LogRecordExporter


def otlp() -> Exporters:
    """Send to OTEL_EXPORTER_OTLP_ENDPOINT by HTTP."""
    # A dead endpoint is one line a batch, not one a try.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)

    # Below Python 3.13 Azure's worker brings protobuf 4, and OTLP needs 5: where the worker's is imported first, each
    # export fails with a line in the log. Azure Monitor's exporter needs no protobuf.
    def spans() -> SpanExporter:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - see above

        return OTLPSpanExporter()

    def metrics() -> MetricExporter:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415

        return OTLPMetricExporter()

    def logs() -> LogRecordExporter:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter  # noqa: PLC0415

        return OTLPLogExporter()

    delta = os.environ.get("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "").lower() == "delta"
    return Exporters(_Spans(spans), _Metrics(metrics, DELTA if delta else {}), _Logs(logs))


def application_insights(connection_string: str) -> Exporters:
    """Send to Application Insights, with the identity that APPLICATIONINSIGHTS_AUTHENTICATION_STRING names."""
    for switch in OWN_TELEMETRY:
        os.environ.setdefault(switch, "true")
    options = {"connection_string": connection_string, "disable_offline_storage": True}

    def spans() -> SpanExporter:
        from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter  # noqa: PLC0415 - see above

        return AzureMonitorTraceExporter(**options)

    def metrics() -> MetricExporter:
        from azure.monitor.opentelemetry.exporter import AzureMonitorMetricExporter  # noqa: PLC0415 - see above

        return AzureMonitorMetricExporter(**options)

    def logs() -> LogRecordExporter:
        from azure.monitor.opentelemetry.exporter import AzureMonitorLogExporter  # noqa: PLC0415 - see above

        return AzureMonitorLogExporter(**options)

    return Exporters(_Spans(spans), _Metrics(metrics, DELTA), _Logs(logs))


class _Spans(SpanExporter):
    def __init__(self, build: Callable[[], SpanExporter]) -> None:
        self._exporter = cache(build)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter().export(spans)

    def shutdown(self) -> None:
        self._exporter().shutdown()


class _Metrics(MetricExporter):
    def __init__(self, build: Callable[[], MetricExporter], temporality: dict[type, AggregationTemporality]) -> None:
        super().__init__(preferred_temporality=temporality)
        self._exporter = cache(build)

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: object) -> MetricExportResult:
        return self._exporter().export(metrics_data, timeout_millis, **kwargs)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002 - the SDK's signature
        return True  # nothing is kept back

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: object) -> None:
        self._exporter().shutdown(timeout_millis, **kwargs)


class _Logs(LogRecordExporter):
    def __init__(self, build: Callable[[], LogRecordExporter]) -> None:
        self._exporter = cache(build)

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        return self._exporter().export(batch)

    def shutdown(self) -> None:
        self._exporter().shutdown()  # type: ignore[no-untyped-call]  # the SDK's

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's signature
        return True  # nothing is kept back
