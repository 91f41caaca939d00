"""How are uploads held and let through? In one write of the job's record, by whoever says so.

What ends thereby is closed before that write: a process that dies in between leaves a record that says so again.
"""

from __future__ import annotations

from collections.abc import Callable

from . import telemetry
from .clients.ledger import Ledger
from .clients.queue import OperationsQueue
from .clients.storage import Conflict
from .core.errors import NotFound, Unanswered
from .core.jobs import JobRecord
from .core.names import JobName
from .core.operations import Operation
from .core.queueing import Queued
from .messages import NoMessages


def requeue(
    ledger: Ledger,
    queue: OperationsQueue,
    messages: NoMessages,
    job: JobName,
    change: Callable[[JobRecord], Queued],
) -> JobRecord:
    """Change which uploads are held, and send for a driver; a change that returns its own record is none.

    Raises:
        NotFound: there is no such job.
        Unavailable: storage cannot be reached.

    """
    superseded = dict[str, Operation]()
    while True:
        entry = ledger.entry(job)
        if entry is None:
            raise NotFound(f"there is no job {job!r}", code="JobNotFound")
        done = change(entry.record)
        if done.record is entry.record:
            return entry.record
        for ended in done.ended:
            ledger.close_unless_closed(ended)
        superseded |= {ended.id: ended for ended in done.ended}
        record = messages.noted(done.record, *done.ended)
        try:
            ledger.write(record, etag=entry.etag)
        except (Conflict, Unanswered):
            continue
        for ended in superseded.values():
            if not record.known(ended.id):  # else a try that had no effect
                telemetry.ended(ended)
        messages.collect(record)
        if record.open:
            queue.nudge(job, record.open[0].id)
        return record
