"""What abandoning an operation means: it ends as it is; what it began may still take effect, and is named.

    the operation      what is left of it                                  how the next operation is safe
    -----------------  --------------------------------------------------  -----------------------------------------
    has begun nothing  nothing                                             there is nothing to consider
    a stop             the copy may end, with a savepoint in a directory   the copy remembers the stop: `inheriting`
    a start            a copy may appear under its id                      only that id may be started: `starting`
    a cancel           the copy may end as CANCELED                        it is looked at before anything is done
    a savepoint        one may be written into a directory                 nothing else changes
    a runJob           the service may carry it out                        its row is looked at; nothing else shows it

The rule that must never break: the record forgets the operation, and nothing that it began.
"""

from __future__ import annotations

from datetime import datetime

from . import progress
from .jobs import JobRecord
from .operations import Operation, Outcome
from .queueing import ended_as
from .steps import End
from .undone import unseen

NAMES = {
    "Stop": "a stop of",
    "Trigger": "a savepoint of",
    "Cancel": "a cancel of",
    "Start": "a start of",
    "Submit": "a runJob",
}


def abandoned(
    record: JobRecord, operation: Operation, by: str, now: datetime, reason: str | None = None
) -> tuple[JobRecord, Operation]:
    """Return the record without the operation, and the operation as it ended; a driver of it loses its lease."""
    message = unseen(operation, f"abandoned by {by}{f': {reason}' if reason else ''}; {consequences(operation)}")
    if operation in record.held:
        held = tuple(other for other in record.held if other.id != operation.id)
        return record.but(held=held), ended_as(operation, Outcome.ABANDONED, message, now, "Abandoned")
    end = End(Outcome.ABANDONED, message, code="Abandoned")
    closed = progress.closed(record, operation.id, end, now)
    after = progress.concluded(record, operation, end, now)
    return after.but(lease=None if operation.driven_at else record.lease), closed


def consequences(operation: Operation) -> str:
    """Say what may still take effect."""
    begun = {"Stop": operation.stop, "Trigger": operation.trigger, "Cancel": operation.cancel}
    begun |= {"Start": operation.rollback or operation.start, "Submit": operation.submit}
    sent = [name for name, mark in begun.items() if mark is not None and mark.unanswered > 0]
    details = {taken.step: taken.detail for taken in operation.steps}
    left = [f"{NAMES[name]} {details.get(name, '')}".strip() for name in sent]
    if not left:
        return "it had begun nothing that could still take effect"
    return f"what may still take effect: {'; '.join(left)}"
