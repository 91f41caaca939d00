"""What happens by the clock: periodic savepoints, the sweep that brings back what was lost, and keeping order.

    take_savepoints    %SAVEPOINT_SCHEDULE%    running jobs without a recent savepoint get one, some at a time
    sweep              %SWEEP_SCHEDULE%        open operations without a driver; blobs that no operation knows
    keep_house         every hour              savepoints and jars on the cluster, kept releases, and idempotency keys
                                               that nobody needs any more; records of an earlier version are completed

None of them runs at start: a new instance is no reason for a savepoint, and the sweep comes by itself within its
period.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import azure.functions as func

from .. import telemetry
from ..app import services
from ..core.errors import FlinkFuncsError

blueprint = func.Blueprint()
log = logging.getLogger(__name__)


@blueprint.timer_trigger("timer", schedule="%SAVEPOINT_SCHEDULE%", run_on_startup=False)
def take_savepoints(timer: func.TimerRequest, context: func.Context) -> None:  # noqa: ARG001 - the host binds the timer by this name
    """Ask for the savepoints that are due."""
    with telemetry.event(context.function_name, "timer", traceparent=context.trace_context.trace_parent):
        services().periodic.tick(datetime.now(UTC))


@blueprint.timer_trigger("timer", schedule="%SWEEP_SCHEDULE%", run_on_startup=False)
def sweep(timer: func.TimerRequest, context: func.Context) -> None:  # noqa: ARG001 - the host binds the timer by this name
    """Bring back what was lost."""
    with telemetry.event(context.function_name, "timer", traceparent=context.trace_context.trace_parent):
        services().intake.sweep(datetime.now(UTC))


@blueprint.timer_trigger("timer", schedule="0 17 * * * *", run_on_startup=False)
def keep_house(timer: func.TimerRequest, context: func.Context) -> None:  # noqa: ARG001 - the host binds the timer by this name
    """Dispose of what nothing retains."""
    with telemetry.event(context.function_name, "timer", traceparent=context.trace_context.trace_parent):
        app, now = services(), datetime.now(UTC)
        try:
            app.ledger.keys.forget_old(now)
        except FlinkFuncsError as error:
            log.warning("keys outcome=kept %s", error)
        try:
            app.ledger.complete_runs()
        except FlinkFuncsError as error:
            log.warning("runs outcome=later %s", error)
        if app.housekeeper:
            app.housekeeper.tidy(now)
        app.releases.prune(now)
