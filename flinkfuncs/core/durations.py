"""How long did what an operation did take? Read from the marks of a closed operation, so that a crash changes nothing.

    duration    from                           to                              of
    ----------  -----------------------------  ------------------------------  ----------------------------------------
    savepoint   its stop, or its trigger,      its start, which follows the    an operation that took a savepoint
                or its runJob was sent         savepoint at once; else its end
    downtime    its stop was sent              the copy that runs now began    an operation that stopped a copy and has
                                               to run without a restart        one running again (the old one, too)

Both are what this app saw, by its own clock: they are longer than Flink's own by up to one look. Behind the ARM job API
the service stops and starts by itself, and nobody can tell the downtime.
"""

from __future__ import annotations

from .operations import Operation


def savepoint_seconds(operation: Operation) -> float | None:
    """Return how long the operation's savepoint took (seconds), or None where it took none."""
    begun = operation.stop or operation.trigger or operation.submit
    if begun is None or operation.result is None or operation.result.savepoint is None:
        return None
    ended = operation.start.sent_at if operation.start else operation.result.ended_at
    return _seconds((ended - begun.sent_at).total_seconds())


def downtime_seconds(operation: Operation) -> float | None:
    """Return for how long nothing of the job ran (seconds), or None where nothing was stopped, or nothing runs now."""
    if operation.stop is None or operation.start is None or operation.settling is None:
        return None
    return _seconds((operation.settling.since - operation.stop.sent_at).total_seconds())


def _seconds(seconds: float) -> float:
    return max(0.0, seconds)  # two instances may have written the two moments
