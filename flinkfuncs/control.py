"""What may a person say to operations that wait or run? That one is given up, and that uploads are held.

Both change the record alone, by compare-and-swap, whoever drives the job: a driver whose operation was abandoned finds
at its next write that the job is no longer its own.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from . import telemetry
from .clients.ledger import Ledger
from .clients.queue import OperationsQueue
from .clients.storage import Conflict
from .core import queueing
from .core.abandoning import abandoned, consequences
from .core.errors import NotFound, Refused, Unanswered
from .core.idempotency import Key, Keyed
from .core.jobs import JobRecord
from .core.names import JobName
from .core.operations import Operation, Outcome, job_of
from .core.queueing import Queued
from .holding import requeue
from .messages import NO_MESSAGES, NoMessages

log = logging.getLogger(__name__)


class Control:
    """Changes what waits."""

    def __init__(self, ledger: Ledger, queue: OperationsQueue, messages: NoMessages = NO_MESSAGES) -> None:
        """Keep what is needed; nothing is read yet."""
        self._ledger = ledger
        self._queue = queue
        self._messages = messages

    def abandon(
        self,
        operation_id: str,
        *,
        by: str,
        reason: str | None = None,
        even_if_begun: bool = False,
        call: Keyed | None = None,
    ) -> Operation:
        """End an operation that waits or is stuck, and send for a driver of the next one; again, it changes nothing.

        Unless `even_if_begun`, it is only withdrawn: where a driver begins at the same moment, whoever writes first
        wins, and the other one finds that out.

        Raises:
            NotFound: there is no such operation.
            Refused: it has ended otherwise; it has begun, and something may still take effect (both 409); the call's
                key came with another call (422).
            Unavailable: storage cannot be reached.

        """
        if call and not call.first:
            self._require_can_end(operation_id, even_if_begun)
            self._ledger.keys.record(call, Key(digest=call.digest, at=_now()))
        closed = None
        while True:
            entry = self._ledger.entry(job_of(operation_id))
            operation = entry.record.known(operation_id) if entry else None
            if entry is None or operation is None:
                if entry and closed and self._is_done(entry.record, closed):
                    return self._abandoned(entry.record, closed)
                return self._ended(operation_id)
            _require_withdrawal(operation, even_if_begun)
            record, closed = abandoned(entry.record, operation, by, _now(), reason)
            record = self._messages.noted(record, closed)
            # Listed only when it is done: a driver that begins first goes on, and then nothing was abandoned.
            self._ledger.close_unless_closed(closed, listed=False)
            try:
                self._ledger.write(record, etag=entry.etag)
            except (Conflict, Unanswered):
                continue
            return self._abandoned(record, closed)

    def _is_done(self, record: JobRecord, closed: Operation) -> bool:
        """Whether our own write took the operation off the list, although its answer was lost."""
        last, result = record.last, closed.result
        ours = last and result and (last.id, last.ended_at) == (closed.id, result.ended_at)
        return bool(ours) or self._ledger.closed(closed.id) == closed

    def _abandoned(self, record: JobRecord, closed: Operation) -> Operation:
        self._ledger.close(closed)  # a driver may have closed it, but came too late to write that down
        telemetry.ended(closed)
        log.warning("job=%s operation=%s outcome=ABANDONED", record.name, closed.id)
        self._messages.collect(record)
        self._send_for_driver(record)
        return closed

    def pause_uploads(self, job: JobName, *, paused: bool, reason: str | None = None) -> JobRecord:
        """Hold the job's uploads from now on, or take the newest that was held, for an updateWindow as well.

        Done again, it changes nothing more.

        Raises:
            NotFound: there is no such job.
            Unavailable: storage cannot be reached.

        """

        def change(record: JobRecord) -> Queued:
            return queueing.paused(record, _now(), reason) if paused else queueing.resumed(record, _now())

        return requeue(self._ledger, self._queue, self._messages, job, change)

    def _require_can_end(self, operation_id: str, even_if_begun: bool) -> None:
        record = self._ledger.read(job_of(operation_id))
        operation = record.known(operation_id) if record else None
        if operation is None:
            self._ended(operation_id)
        else:
            _require_withdrawal(operation, even_if_begun)

    def _ended(self, operation_id: str) -> Operation:
        closed = self._ledger.closed(operation_id)
        if closed is None or closed.result is None:
            raise NotFound(f"there is no operation {operation_id[:128]!r}", code="OperationNotFound")
        if closed.result.outcome is not Outcome.ABANDONED:
            raise Refused(f"the operation has ended as {closed.result.outcome}", code="OperationEnded")
        self._ledger.close(closed)  # the call that abandoned it may have died before it was listed
        return closed

    def _send_for_driver(self, record: JobRecord) -> None:
        if record.open:
            self._queue.nudge(record.name, record.open[0].id)


def _require_withdrawal(operation: Operation, even_if_begun: bool) -> None:
    if operation.acted and not even_if_begun:
        message = f"the operation has begun; {consequences(operation)}; evenIfBegun abandons it all the same"
        raise Refused(message, code="OperationBegun")


def _now() -> datetime:
    return datetime.now(UTC)
