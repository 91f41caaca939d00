"""What is counted and measured, under which names? Alerts and workbooks use these names, so they do not change.

name                            kind        unit   attributes
------------------------------  ----------  -----  ----------------------------------------------------------------
flinkfuncs.operations           counter            action, outcome
flinkfuncs.update.downtime      histogram   s      action, outcome
flinkfuncs.step.duration        histogram   s      step, outcome
flinkfuncs.savepoint.age        gauge       s      job: its newest savepoint; set by the sweeper, for running jobs
flinkfuncs.savepoint.duration   histogram   s      action
flinkfuncs.queue.age            histogram   s      from sending a message to handling it, including its own delay
flinkfuncs.operation.age        gauge       s      the oldest open operation, 0 without one; set by the sweeper
flinkfuncs.messages             counter            outcome: sent, failed (and tried again), given_up
flinkfuncs.call.duration        histogram   s      peer, method, status (`none`: no answer); counts the calls

There may be many jobs, so only the gauge of savepoints has their names.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from opentelemetry.metrics import Histogram, Meter

from ..core.durations import downtime_seconds, savepoint_seconds
from ..core.operations import Operation
from . import Told

CALL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0, 300.0)
WORK_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)


class Metrics:
    """The instruments; used by any number of threads."""

    def __init__(self, meter: Meter) -> None:
        """Make all of them."""
        self._operations = meter.create_counter("flinkfuncs.operations", description="Operations that ended.")
        self._messages = meter.create_counter("flinkfuncs.messages", description="Attempts to send a message.")
        self._savepoint_age = meter.create_gauge("flinkfuncs.savepoint.age", "s", "Age of a job's newest savepoint.")
        self._operation_age = meter.create_gauge("flinkfuncs.operation.age", "s", "Age of the oldest open operation.")
        self._downtime = _histogram(meter, "update.downtime", "From a stop until a copy runs again.")
        self._steps = _histogram(meter, "step.duration", "Carrying out one step.")
        self._savepoints = _histogram(meter, "savepoint.duration", "Taking a savepoint.")
        self._queue_age = _histogram(meter, "queue.age", "From sending a message to its handling.")
        self._calls = _histogram(meter, "call.duration", "A request that left.", CALL_SECONDS)

    def ended(self, operation: Operation) -> None:
        """Count an operation that has ended, and what it took."""
        outcome = str(operation.result.outcome) if operation.result else ""
        about = {"action": str(operation.action), "outcome": outcome}
        self._operations.add(1, about)
        if (downtime := downtime_seconds(operation)) is not None:
            self._downtime.record(downtime, about)
        if (savepoint := savepoint_seconds(operation)) is not None:
            self._savepoints.record(savepoint, {"action": str(operation.action)})

    def told(self, outcome: str) -> None:
        """Count an attempt to send a message."""
        self._messages.add(1, {"outcome": outcome})

    def ages(self, savepoints: Mapping[str, float], oldest_operation: float) -> None:
        """Tell the ages; the oldest first, since the number of jobs that can be told apart is limited."""
        for job, seconds in sorted(savepoints.items(), key=lambda item: -item[1]):
            self._savepoint_age.set(seconds, {"job": job})
        self._operation_age.set(oldest_operation)

    def message_taken(self, sent_at: datetime | None) -> None:
        """Tell how long a message lay in the queue."""
        if sent_at:
            sent_at = sent_at.replace(tzinfo=sent_at.tzinfo or UTC)
            self._queue_age.record(max(0.0, (datetime.now(UTC) - sent_at).total_seconds()))

    @contextmanager
    def step(self, name: str, told: Told) -> Iterator[None]:
        """Time a step."""
        began = time.monotonic()
        outcome = "crashed"
        try:
            yield
            outcome = told.outcome or "done"
        finally:
            self._steps.record(time.monotonic() - began, {"step": name, "outcome": outcome})

    @contextmanager
    def call(self, peer: str, method: str, told: Told) -> Iterator[None]:
        """Time a call."""
        began = time.monotonic()
        try:
            yield
        finally:
            status = "none" if told.status is None else str(told.status)
            self._calls.record(time.monotonic() - began, {"peer": peer, "method": method, "status": status})


def _histogram(meter: Meter, name: str, description: str, bounds: tuple[float, ...] = WORK_SECONDS) -> Histogram:
    return meter.create_histogram(
        f"flinkfuncs.{name}", "s", description, explicit_bucket_boundaries_advisory=list(bounds)
    )
