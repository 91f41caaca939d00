"""How do the periodic savepoints begin? A tick of the timer asks for those whose turn it is.

One listing tells which jobs may be due; only their records are read, and one call to the cluster tells which of them
run. The same call tells which jobs have ended by themselves, and that is written down: a cluster forgets them (Flink
after `jobstore.expiration-time`, an hour), and what is forgotten looks as if it had vanished. A tick is cheap for many
jobs, and free where none may run.

Where people are to hear of jobs that vanished or failed, the same call tells of all that are idle; of those whose
status is news MOST_NEWS records are read at a tick, and none where all is well. A job that the listing does not sum up
is looked at when it is due.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime

from . import telemetry
from .clients.ledger import Entry, Ledger, ListedJob
from .clients.queue import OperationsQueue
from .clients.storage import Conflict
from .clusters.cluster import Cluster
from .core.actions import Action
from .core.errors import FlinkFuncsError, Unanswered, Unavailable
from .core.jobs import Ended, JobRecord, Recorded
from .core.names import JobName
from .core.operations import Cause, Operation, Request, operation_id
from .core.periodic import Candidate, Rhythm, in_turn, is_due, places
from .messages import NO_MESSAGES, NoMessages

log = logging.getLogger(__name__)

ENDED: Mapping[str, Ended] = {"FINISHED": "FINISHED", "CANCELED": "CANCELED", "FAILED": "FAILED"}
MOST_NEWS = 100  # jobs; when a JobManager forgets all of them, the others are told of at later ticks


class PeriodicSavepoints:
    """Asks for savepoints of the jobs that run and were not saved for a while."""

    def __init__(
        self,
        ledger: Ledger,
        queue: OperationsQueue,
        cluster: Cluster,
        rhythm: Rhythm,
        messages: NoMessages = NO_MESSAGES,
    ) -> None:
        """Keep what is needed; nothing is read yet."""
        self._messages = messages
        self._ledger = ledger
        self._queue = queue
        self._cluster = cluster
        self._rhythm = rhythm

    def tick(self, now: datetime) -> list[Operation]:
        """Ask for the savepoints whose turn it is.

        Raises:
            Unavailable: storage or the cluster cannot be reached; the next tick comes.

        """
        listed = self._ledger.listed().values()
        jobs = [_listed(job) for job in listed]
        free = places(jobs, self._rhythm, now)
        due = {JobName(job.name) for job in jobs if free and is_due(job, self._rhythm, now)}
        watched = {job.name for job in listed if self._messages.watches(job)}
        records = {record.name: record for job in sorted(due | watched) if (record := self._read(job))}
        idle = {job.name: job.summary for job in listed if job.summary and not job.operation and not job.rests}
        known = {name: seen for name, seen in idle.items() if seen.current or self._messages.expects(seen)}
        statuses = self._statuses(known, records)
        for name, seen in idle.items():
            if seen.current and (ended := ENDED.get(statuses.get(name, ""))):
                self._note_end(name, seen.current.flink_job_id, ended)
        news = [name for name in sorted(known.keys() - records.keys()) if self._messages.is_news(statuses.get(name))]
        unwell = {name: record for name in news[:MOST_NEWS] if (record := self._read(name))}
        for name, record in (records | unwell).items():
            self._messages.seen(record, statuses.get(name, ""))
        running = [
            candidate
            for name, record in records.items()
            if statuses.get(name) == "RUNNING" and is_due(candidate := _recorded(record), self._rhythm, now)
        ]
        asked: list[Operation] = []
        for job in in_turn(running):
            if len(asked) < free and (operation := self._ask(JobName(job.name), now)):
                asked.append(operation)
        return asked

    def _statuses(
        self, idle: Mapping[JobName, Recorded], records: Mapping[JobName, JobRecord]
    ) -> Mapping[JobName, str]:
        """Ask for all statuses at once; where nothing is due, a cluster that does not answer is no error."""
        try:
            return self._cluster.statuses({**idle, **records}) if idle or records else {}
        except Unavailable:
            if records:
                raise
            return {}

    def _note_end(self, job: JobName, flink_job_id: str, ended: Ended) -> None:
        """Write down that a job's copy ended by itself, unless something is open, or people are still to hear of it.

        However old the cluster's answer is: what it once called ended stays so. Who loses the write leaves it to the
        next tick. What a stop ended that was begun is for the next operation to say.
        """
        try:
            entry = self._ledger.entry(job)
            copy = entry.record.running if entry else None
            if entry is None or copy is None or copy.flink_job_id != flink_job_id or copy.stop or entry.record.open:
                return
            if ended != "FAILED" or not self._messages.awaits(entry.record):
                over = copy.model_copy(update={"ended": ended, "seen": True})
                self._ledger.write(entry.record.but(current=over), etag=entry.etag)
        except (Conflict, FlinkFuncsError, ValueError) as error:
            log.warning("job=%s end outcome=later %s", job, type(error).__name__)

    def _read(self, job: JobName) -> JobRecord | None:
        """Read a record; one that cannot be read holds up no other."""
        try:
            return self._ledger.read(job)
        except (FlinkFuncsError, ValueError) as error:
            log.warning("job=%s periodic savepoint outcome=failed: no record, %s", job, type(error).__name__)
            return None

    def _ask(self, job: JobName, now: datetime) -> Operation | None:
        """Record a savepoint of a job that is still idle, and send for a driver; None where its turn is over."""
        try:
            entry = self._ledger.entry(job)
            if entry is None or not is_due(_recorded(entry.record), self._rhythm, now):
                return None
            return self._record(entry, now)
        except FlinkFuncsError as error:
            log.warning("job=%s periodic savepoint outcome=failed %s", job, error)
            return None

    def _record(self, entry: Entry, now: datetime) -> Operation | None:
        operation = _operation(entry.record.name, now)
        try:
            self._ledger.write(entry.record.but(open=(operation,), periodic_at=now), etag=entry.etag)
        except (Conflict, Unanswered):  # something else goes first; a write that was not answered is the sweeper's
            return None
        self._queue.nudge(operation.job, operation.id)
        return operation


def _operation(job: JobName, now: datetime) -> Operation:
    cause = Cause(kind="timer", detail=f"{now:%Y-%m-%dT%H:%M:%SZ}")
    number = operation_id(job, at=now, identity=cause.detail)
    request = Request(action=Action.SAVEPOINT)
    return Operation(
        id=number,
        job=job,
        request=request,
        cause=cause,
        requested_at=now,
        traceparent=telemetry.traceparent(),
        progressed_at=now,
    )


def _listed(job: ListedJob) -> Candidate:
    return Candidate(job.name, job.operation is not None, job.rests, job.saved_at, job.periodic_at, saving=job.saving)


def _recorded(record: JobRecord) -> Candidate:
    newest = record.newest_savepoint
    return Candidate(
        record.name, bool(record.open), record.rests, newest.taken_at if newest else None, record.periodic_at
    )
