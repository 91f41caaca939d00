"""How a message reaches its receiver: once in the end, wherever a process dies.

    where a message is                what happens there
    --------------------------------  ------------------------------------------------------------------------------
    `unsent` of the job's record      written by the compare-and-swap that takes the operation off the open list
    the outbox                        put there, create-if-absent, by who wrote that; else by the sweeper
    the queue                         only a hint, as everywhere: it names a message of the outbox
    `sent`                            written when the receiver answered 2xx, or the message was given up

Each place is cleared after the next one has it, so a crash between the two repeats the second write; the id is the same
there, and what is in `sent` is not sent. A receiver gets a message again only where it answered 2xx and the process
died before that was written down: it can recognise the message by its id, which is the same.

An attempt that fails is repeated after each of WAITS; after the last one the message is given up, with a log line and
a count that an alert watches. 410 Gone gives up at once. Senders have a queue of their own, since a slow receiver must
not hold up any driver; what they cannot do (storage is away) they leave to the sweeper, and not to a poison queue.

The savepoint timer looks at every idle job at each of its ticks; that one vanished or failed is announced at the second
look in a row. A savepoint is overdue after twice SAVEPOINT_INTERVAL_SECONDS, which the sweeper's listing shows. What
was announced is in the record, by the compare-and-swap that notes the message.

Uploads that are refused unread have no record: their messages are put into the outbox before they are closed.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

from . import telemetry
from .clients.ledger import Ledger, ListedJob
from .clients.outbox import Found, Outbox
from .clients.queue import MessagesQueue
from .clients.receiver import Answer, Receiver
from .clients.storage import Conflict
from .core.errors import FlinkFuncsError, Unanswered, Unavailable
from .core.jobs import JobRecord, Noticed, Recorded
from .core.messages import (
    STATES,
    Message,
    changed_message,
    ended_message,
    overdue_message,
    probe_message,
    redacted,
    rejected_message,
    word_of,
)
from .core.names import JobName
from .core.operations import Operation

log = logging.getLogger(__name__)

WAITS = tuple(timedelta(seconds=n) for n in (60, 300, 900, 3600, 7200, 14400, 28800, 28800))  # 23 hours and a half
GRACE = timedelta(seconds=30)  # how long the sweeper leaves `unsent` to who wrote it
ENDED_BADLY = ("VANISHED", "FAILED")
MOST_UNSENT = 50  # messages in one record; of more the oldest are given up
MOST_NUDGED = 100  # messages that one sweep sends for

View = Callable[[Operation], Mapping[str, object]]


class NoMessages:
    """Sends nothing, and asks storage for nothing: NOTIFY_URL is empty."""

    def noted(self, record: JobRecord, *ended: Operation) -> JobRecord:  # noqa: ARG002 - nothing is noted
        """Return the record with the messages about operations that end with this write of it."""
        return record

    def closing(self, operation: Operation) -> None:
        """Announce an operation that was never on a record, before it is closed.

        Raises:
            Unavailable: storage cannot be reached.

        """

    def rejected(self, blob: str, *, digest: str, at: datetime, code: str, why: str) -> None:
        """Announce an upload whose name cannot be a job's.

        Raises:
            Unavailable: storage cannot be reached.

        """

    def collect(self, record: JobRecord) -> None:
        """Bring what a record names into the outbox; what goes wrong is left to the sweeper."""

    def sweep(self, jobs: Iterable[ListedJob], now: datetime) -> None:
        """Bring on what was left behind; nothing that goes wrong here holds up a sweep."""

    def watches(self, job: ListedJob) -> bool:  # noqa: ARG002 - nothing is watched
        """Whether a job's status is of interest, although it is not due for a savepoint."""
        return False

    def expects(self, job: Recorded) -> bool:  # noqa: ARG002 - nothing is expected
        """Whether a job that is idle should be known to the cluster, although no copy of it is recorded."""
        return False

    def is_news(self, status: str | None) -> bool:  # noqa: ARG002 - nothing is
        """Whether people are to hear that an idle job has this status."""
        return False

    def seen(self, record: JobRecord, status: str) -> None:
        """Take note of the status of a job of which nothing is open; what goes wrong is left to the next look."""

    def awaits(self, record: JobRecord) -> bool:  # noqa: ARG002 - nothing is awaited
        """Whether another look at a job that failed is needed before people hear of it."""
        return False


NO_MESSAGES = NoMessages()


class Messages(NoMessages):
    """Tells who is named by NOTIFY_URL."""

    def __init__(
        self,
        ledger: Ledger,
        outbox: Outbox,
        queue: MessagesQueue,
        receiver: Receiver,
        words: frozenset[str],
        *,
        overdue_after: timedelta = timedelta(hours=12),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Keep what is needed; nothing is read yet. `words`: what is announced."""
        self._ledger = ledger
        self._outbox = outbox
        self._queue = queue
        self._receiver = receiver
        self._words = words
        self._tells_states = bool(words & set(STATES))
        self._overdue_after = overdue_after
        self._now = now

    # -------------------------------------------------------------------------------------------------- what happened

    def noted(self, record: JobRecord, *ended: Operation) -> JobRecord:
        """Return the record with the messages about operations that end with this write of it."""
        messages = [ended_message(operation) for operation in ended if word_of(operation) in self._words]
        return with_unsent(record, messages)

    def closing(self, operation: Operation) -> None:
        """Announce an operation that was never on a record, before it is closed."""
        if word_of(operation) in self._words:
            self._outbox.put(ended_message(operation), self._now())

    def rejected(self, blob: str, *, digest: str, at: datetime, code: str, why: str) -> None:
        """Announce an upload whose name cannot be a job's."""
        if "upload_refused" in self._words:
            message = rejected_message(blob, digest=digest, at=at, code=code, why=why)
            self._outbox.put(message, self._now())

    # ---------------------------------------------------------------------------------------------------- to the outbox

    def collect(self, record: JobRecord) -> None:
        """Bring what a record names into the outbox; what goes wrong is left to the sweeper."""
        if not record.unsent:
            return
        try:
            for message in record.unsent:
                self._outbox.put(message, self._now())
            self._forget(record.name, {message.id for message in record.unsent})
            for message in record.unsent:
                self._queue.nudge(message.id)
        except FlinkFuncsError as error:
            log.warning("job=%s messages outcome=later %s", record.name, error)

    def sweep(self, jobs: Iterable[ListedJob], now: datetime) -> None:
        """Bring on what was left behind; nothing that goes wrong here holds up a sweep."""
        try:
            for job in jobs:
                if since := self._overdue_since(job, now):
                    self._change(job.name, partial(_with_overdue, since=since, now=now))
                if job.unsent_since and job.unsent_since + GRACE < now and (record := self._ledger.read(job.name)):
                    self.collect(record)
            for message_id in self._outbox.due(now, MOST_NUDGED):
                self._queue.nudge(message_id)
        except FlinkFuncsError as error:
            log.warning("messages outcome=later %s", error)

    def watches(self, job: ListedJob) -> bool:
        """Whether a job's status is of interest, although it is not due for a savepoint."""
        return job.noticed and not job.operation

    def expects(self, job: Recorded) -> bool:
        """Whether a job that is idle should be known to the cluster, although no copy of it is recorded."""
        return self._tells_states and bool(job.wanted) and not job.deleted

    def is_news(self, status: str | None) -> bool:
        """Whether people are to hear that an idle job has this status."""
        return self._tells_states and status in ENDED_BADLY

    def awaits(self, record: JobRecord) -> bool:
        """Whether another look at a job that failed is needed before people hear of it."""
        return self._tells_states and not (record.noticed and record.noticed.told)

    def seen(self, record: JobRecord, status: str) -> None:
        """Take note of the status of a job of which nothing is open; what goes wrong is left to the next look."""
        if not self._tells_states or _with_status(record, status, self._now()) is record:
            return
        try:
            self._change(record.name, lambda record: self._filtered(_with_status(record, status, self._now()), record))
        except FlinkFuncsError as error:
            log.warning("job=%s messages outcome=later %s", record.name, error)

    def _filtered(self, record: JobRecord, before: JobRecord) -> JobRecord:
        """Return the record without the new message about a status that NOTIFY_ON does not name."""
        recovered = before.noticed is not None and record.noticed is None
        wanted = ("recovered" if recovered else "vanished") in self._words
        return record if wanted or record is before else record.but(unsent=before.unsent)

    def _overdue_since(self, job: ListedJob, now: datetime) -> datetime | None:
        """Return the time of a newest savepoint that is too old, where no message was sent about it yet."""
        since = None if job.rests else job.saved_at or job.started_at
        if since is None or now - since < self._overdue_after or "savepoint_overdue" not in self._words:
            return None
        return since if since != job.overdue_since else None

    def _change(self, job: JobName, change: Callable[[JobRecord], JobRecord]) -> None:
        """Change a record by compare-and-swap, and bring on what it names then; who loses leaves it to the next look.

        Raises:
            Unavailable: storage cannot be reached.

        """
        entry = self._ledger.entry(job)
        if entry is None or entry.record.open or (changed := change(entry.record)) is entry.record:
            return
        with suppress(Conflict, Unanswered):
            self.collect(self._ledger.write(changed, etag=entry.etag).record)

    def _forget(self, job: JobName, ids: set[str]) -> None:
        """Take what the outbox has off the record, whoever drives the job."""
        while entry := self._ledger.entry(job):
            left = tuple(message for message in entry.record.unsent if message.id not in ids)
            if left == entry.record.unsent:
                return
            with suppress(Conflict, Unanswered):
                self._ledger.write(entry.record.but(unsent=left), etag=entry.etag)
                return

    # -------------------------------------------------------------------------------------------------- to the receiver

    def deliver(self, message_id: str, view: View) -> None:
        """Try to send a message of the outbox once, if it is its time; `view` shows an operation to others."""
        try:
            found = self._outbox.read(message_id)
            if found and found.due.due_at <= self._now():
                self._deliver(found, view)
        except FlinkFuncsError as error:
            log.warning("message=%s outcome=later %s", message_id, error)

    def _deliver(self, found: Found, view: View) -> None:
        message, attempt = found.due.message, found.due.attempts + 1
        wait = WAITS[min(attempt, len(WAITS)) - 1]
        if not self._outbox.begin(found, self._now() + wait):
            return
        if self._outbox.is_over(message.id):
            self._outbox.end(message.id)
            return
        why: object = "the process of its last attempt died before it could say how that ended"
        if attempt <= len(WAITS) + 1:
            why = answer = self._answer(message, view)
            if isinstance(answer, Answer) and answer.is_good:
                self._outbox.end(message.id)
                _say(message, "sent", attempt, logging.INFO)
                return
            if attempt <= len(WAITS) and not (isinstance(answer, Answer) and answer.is_final):
                _say(message, "failed", attempt, logging.WARNING, answer)
                return
        self._outbox.end(message.id)
        _say(message, "given_up", attempt, logging.ERROR, why)

    def _answer(self, message: Message, view: View) -> Answer | FlinkFuncsError:
        try:
            return self._receiver.send(message, self._data(message, view))
        except FlinkFuncsError as error:
            return error

    def _data(self, message: Message, view: View) -> Mapping[str, object]:
        """Return what is known of what happened.

        Raises:
            Unavailable: the operation is not closed yet, or storage cannot be reached.

        """
        if message.operation is None:
            return message.data
        operation = self._ledger.closed(message.operation)
        if operation is None:
            raise Unavailable(f"operation {message.operation} is not closed", code="NotClosed")
        return {name: redacted(value) for name, value in view(operation).items()}

    def probe(self, number: str | None = None) -> tuple[str, Answer]:
        """Send a test message now, once, and return its id and what the receiver answered.

        `number` makes the id the same for the repeat of a call, so that a receiver can drop what it has.

        Raises:
            Unavailable: it did not leave, or no answer came (`NotDelivered`).

        """
        message = probe_message(number or uuid.uuid4().hex, self._now())
        try:
            return message.id, self._receiver.send(message, message.data)
        except FlinkFuncsError as error:
            raise Unavailable(error.message, code="NotDelivered") from error


def with_unsent(record: JobRecord, messages: Iterable[Message]) -> JobRecord:
    """Return the record with messages that are still to be sent; each once, and no more than MOST_UNSENT."""
    known = {message.id for message in record.unsent}
    every = [*record.unsent, *(message for message in messages if message.id not in known)]
    if len(every) == len(record.unsent):
        return record
    for lost in every[:-MOST_UNSENT]:
        _say(lost, "given_up", 0, logging.ERROR, f"the record of {record.name} names {MOST_UNSENT} others")
    return record.but(unsent=tuple(every[-MOST_UNSENT:]))


def _with_overdue(record: JobRecord, since: datetime, now: datetime) -> JobRecord:
    message = overdue_message(record.name, saved_at=since, at=now)
    return with_unsent(record.but(overdue_since=since), [message])


def _with_status(record: JobRecord, status: str, now: datetime) -> JobRecord:
    """Return the record that knows of a status.

    the status       it was seen before   now
    ---------------  -------------------  ------------------------------------------
    VANISHED,        no, or another one   it is noticed
    FAILED           once                 people are told
                     and people know      nothing
    RUNNING          and people know      people are told that it runs again
                     once, or never       it is forgotten
    any other        in any way           it stays noticed, unless the job rests
    """
    noticed = record.noticed
    if status in ENDED_BADLY:
        if noticed is None or noticed.status != status:
            return record.but(noticed=Noticed(status=status, at=now, told=bool(noticed and noticed.told)))
        if noticed.told:
            return record
        message = changed_message(record.name, status=status, before=None, at=noticed.at)
        return with_unsent(record.but(noticed=noticed.model_copy(update={"told": True})), [message])
    if noticed is None or not (status == "RUNNING" or record.rests):
        return record
    forgotten = record.but(noticed=None)
    if not noticed.told or status != "RUNNING":
        return forgotten
    return with_unsent(forgotten, [changed_message(record.name, status=status, before=noticed.status, at=now)])


def _say(message: Message, outcome: str, attempt: int, level: int, why: object = "") -> None:
    telemetry.told(outcome)
    log.log(level, "message=%s outcome=%s attempt=%d %s", message.id, outcome, attempt, why)
