"""How long what an operation did took, from the marks of a closed operation, so that a crash changes nothing.

    duration    from                           to                              of
    ----------  -----------------------------  ------------------------------  ----------------------------------------
    savepoint   its stop, or its trigger,      its start, which follows the    an operation that took a savepoint
                or its runJob was sent         savepoint at once; else its end
    downtime    its stop, or the cancel of a   the copy that runs now began    an operation that ended a copy and has
                LAST_STATE_UPDATE, was sent    to run without a restart        one running again (the old one, too)

Both are what this app saw, by its own clock: they are longer than Flink's own by up to one look. Behind the ARM job API
the service stops and starts by itself, and the downtime is not known.

What is expected of the next operation is the median of the newest ones of its action that went well.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from statistics import median

from .actions import Action
from .operations import Operation, Outcome

MOST_EXPECTED = 20  # operations that an expectation is the median of


def savepoint_seconds(operation: Operation) -> float | None:
    """Return how long the operation's savepoint took (seconds), or None where it took none."""
    begun = operation.stop or operation.trigger or operation.submit
    if begun is None or operation.result is None or operation.result.savepoint is None:
        return None
    ended = operation.start.sent_at if operation.start else operation.result.ended_at
    return _seconds((ended - begun.sent_at).total_seconds())


def downtime_seconds(operation: Operation) -> float | None:
    """Return for how long nothing of the job ran (seconds), or None where nothing was stopped, or nothing runs now."""
    since, until = downtime(operation) or (None, None)
    return (until - since).total_seconds() if since and until else None


def expected_downtime_seconds(operations: Iterable[Operation], action: Action) -> float | None:
    """Return for how long nothing of a job will run while an action is carried out; `operations` are newest first.

    None: none of them did that, and went well.
    """
    well = (one for one in operations if one.result and one.result.outcome is Outcome.SUCCEEDED)
    known = (seconds for one in well if one.action is action and (seconds := downtime_seconds(one)) is not None)
    newest = list(islice(known, MOST_EXPECTED))
    return round(median(newest), 1) if newest else None


def downtime(operation: Operation) -> tuple[datetime, datetime | None] | None:
    """Return since when nothing of the job ran, and until when (None: until now, or it does not run now).

    None: the operation ended no copy, or has started none after it.
    """
    ended = operation.cancel if operation.action is Action.LAST_STATE_UPDATE else operation.stop
    if ended is None or not operation.has_started:
        return None
    return ended.sent_at, max(ended.sent_at, operation.settling.since) if operation.settling else None


def _seconds(seconds: float) -> float:
    return max(0.0, seconds)  # two instances may have written the two moments
