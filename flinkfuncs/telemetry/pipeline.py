"""Where does what is told go? To an OTLP endpoint, to Application Insights, or to both; never through the caller.

    OTEL_EXPORTER_OTLP_ENDPOINT              OTLP over HTTP; the SDK reads the other OTEL_EXPORTER_OTLP_* variables
    APPLICATIONINSIGHTS_CONNECTION_STRING    Azure Monitor's exporter; APPLICATIONINSIGHTS_AUTHENTICATION_STRING says
                                             with which identity

The providers are this app's own, not the process's: what other libraries would tell goes nowhere, so that every word
that leaves has gone through `redaction`. Queues are bounded, and what does not fit is dropped.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from .. import __version__
from ..redaction import keep_secrets_of
from . import logs
from .exporters import Exporters, application_insights, otlp
from .flusher import Flusher
from .metrics import Metrics
from .spans import Spans

NAME = "flinkfuncs"


class Pipeline:
    """The providers of this process, and what is told through them."""

    def __init__(self, targets: list[Exporters]) -> None:
        """Begin to tell."""
        resource = _resource()
        # An operation is rare and worth its trace, whatever the host decides for its own; OTEL_TRACES_SAMPLER wins.
        sampler = None if "OTEL_TRACES_SAMPLER" in os.environ else ALWAYS_ON
        self._traces = TracerProvider(sampler, resource, shutdown_on_exit=False)
        self._logs = LoggerProvider(resource, shutdown_on_exit=False)
        readers = [PeriodicExportingMetricReader(target.metrics) for target in targets]
        self._meters = MeterProvider(readers, resource, shutdown_on_exit=False)
        for target in targets:
            self._traces.add_span_processor(BatchSpanProcessor(target.spans))
            self._logs.add_log_record_processor(BatchLogRecordProcessor(target.logs))
        self.spans = Spans(self._traces.get_tracer(NAME, __version__))
        self.metrics = Metrics(self._meters.get_meter(NAME, __version__))
        self._handlers = logs.install(self._logs)
        self._flusher = Flusher([self._traces.force_flush, self._logs.force_flush, self._meters.force_flush])
        self.flush_soon: Callable[[], None] = self._flusher.wake

    def end(self, seconds: float) -> None:
        """Send what is left, and stop; what takes longer is left to a thread that ends with the process."""
        logs.remove(self._handlers)
        last = threading.Thread(target=self._shut_down, name="telemetry ends", daemon=True)
        last.start()
        last.join(seconds)

    def _shut_down(self) -> None:
        self._flusher.end()  # an exporter must not be closed while it sends
        for shutdown in (self._traces.shutdown, self._logs.shutdown, self._meters.shutdown):
            with suppress(Exception):
                shutdown()


def build() -> Pipeline:
    """Build what the environment asks for."""
    keep_secrets_of(os.environ)
    targets = []
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        targets.append(otlp())
    if connection := os.environ.get("APPLICATIONINSIGHTS_CONNECTION_STRING"):
        targets.append(application_insights(connection))
    return Pipeline(targets)


def _resource() -> Resource:
    """Name this app and this process; what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say goes first."""
    name = os.environ.get("WEBSITE_SITE_NAME") or NAME
    ours = Resource({"service.name": name, "service.version": __version__, "service.instance.id": uuid.uuid4().hex})
    said = Resource.create()
    unnamed = str(said.attributes.get("service.name", "")).startswith("unknown_service")
    return said.merge(ours) if unnamed else ours.merge(said)
