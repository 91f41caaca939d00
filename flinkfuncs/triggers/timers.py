"""What happens by the clock: the periodic savepoints, and the sweep that brings back what an event or a driver lost.

    take_savepoints    %SAVEPOINT_SCHEDULE%    running jobs without a recent savepoint get one
    sweep              %SWEEP_SCHEDULE%        open operations without a driver; blobs that no operation knows

Neither runs at start: a new instance is no reason for a savepoint, and the sweep comes by itself within its period.
"""

from __future__ import annotations

from datetime import UTC, datetime

import azure.functions as func

from ..app import services

blueprint = func.Blueprint()


@blueprint.timer_trigger("timer", schedule="%SAVEPOINT_SCHEDULE%", run_on_startup=False)
def take_savepoints(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the host binds the timer by this name
    """Ask for the savepoints that are due."""
    app = services()
    interval_seconds = app.settings.savepoint_interval_seconds
    app.intake.periodic_savepoints(datetime.now(UTC), interval_seconds=interval_seconds)


@blueprint.timer_trigger("timer", schedule="%SWEEP_SCHEDULE%", run_on_startup=False)
def sweep(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the host binds the timer by this name
    """Bring back what was lost."""
    services().intake.sweep(datetime.now(UTC))
