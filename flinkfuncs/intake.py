"""What is asked for, turned into recorded operations: by an upload, a call, a tick of a timer.

Recording is create-if-absent on the event's identity, so an event that comes twice, late or out of order asks for
nothing new; a message is only sent for what is recorded. Events are hints: what lies in storage is looked at when they
are handled.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeAlias

from . import telemetry
from .ages import tell_ages
from .clients.jars import BlobFacts, Jars, JarsInPlace
from .clients.ledger import Ledger, ListedJob, Upload, upload_digest, upload_of
from .clients.queue import OperationsQueue
from .clients.storage import Conflict
from .clusters.cluster import Cluster, ground_of
from .clusters.keeper import keep_release
from .core import going_back, handled, queueing
from .core.actions import Action
from .core.errors import FlinkFuncsError, NotFound, Refused, Unanswered, Unavailable
from .core.idempotency import Key, Keyed
from .core.jobs import JobRecord
from .core.names import JobName
from .core.operations import Cause, Operation, Outcome, Request, Result, operation_id
from .core.plans import NO_RELEASE, record_part, release_objection
from .core.queueing import Queued
from .core.releases import JarSource
from .core.uploads import (
    JOB_JSON,
    JobJson,
    UploadPath,
    digest_without_remarks,
    is_jar,
    parse_job_json,
    parse_metadata,
    parse_path,
)
from .holding import requeue
from .messages import NO_MESSAGES, NoMessages
from .releases import find_release

log = logging.getLogger(__name__)

# What a sweep has seen of an upload: its ETag, that of the job.json beside it, and whether the job has a record. While
# these are the same, there is nothing new to find: a thousand blobs that were refused, or wait, cost no more than none.
Looked: TypeAlias = tuple[str, str | None, bool]
MOST_LOOKED_AT = 20  # uploads, for a list of them
MOST_OPEN = 100  # operations of one job that wait; more is a caller in a loop


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class _Waits:
    """An upload that is no release yet."""

    why: str


@dataclass(frozen=True)
class _Faulty:
    """A job.json that is not valid: neither it nor its jar is a release."""

    description: BlobFacts
    error: Refused


@dataclass(frozen=True)
class _Pair:
    """A release: a jar, with the job.json beside it where there is one."""

    request: Request
    jar: BlobFacts
    description: BlobFacts | None = None


_Meaning: TypeAlias = _Waits | _Faulty | _Pair


class Intake:
    """Records operations and asks for drivers."""

    def __init__(
        self,
        ledger: Ledger,
        queue: OperationsQueue,
        jars: Jars,
        cluster: Cluster,
        messages: NoMessages = NO_MESSAGES,
        *,
        now: Callable[[], datetime] = _now,
    ) -> None:
        """Keep what is needed; nothing is read yet. Whether an updateWindow is open is looked up by `now`."""
        self._messages = messages
        self._now = now
        self._ledger = ledger
        self._queue = queue
        self._jars = jars
        self._cluster = cluster
        self._looked: dict[str, Looked] = {}

    # ---------------------------------------------------------------------------------------------------------- calls

    def request(self, job: JobName, request: Request, cause: Cause, call: Keyed | None = None) -> Operation:
        """Record an action that a caller asks for, and send for a driver; the repeat of a call finds its operation.

        Raises:
            NotFound: there is no such job, or no such release of it.
            Refused: too many operations of the job are waiting, the call's key came with another call (422), the
                bytes of the release are gone, or the job or the jar is no longer as a plan found it (412).
            Unavailable: storage cannot be reached.

        """
        first = call.first if call else None
        if first is None or first.operation is None or not self._is_known(first.operation):
            request = self.resolved(job, request)
            self._hold_release_against_plan(job, request, cause)
        if call is None:
            return self._ask(job, request, cause, at=_now(), identity=uuid.uuid4().hex)
        first = first or self._first(job, request, cause, call)
        return self._ask(job, request, cause, at=first.at, identity=call.name)

    def _is_known(self, operation_id: str) -> bool:
        try:
            return bool(self._ledger.find(operation_id))
        except NotFound:
            return False

    def _first(self, job: JobName, request: Request, cause: Cause, call: Keyed) -> Key:
        """Record a key before anything else of its call, unless the call would be refused."""
        at = _now()
        operation = new_operation(job, request, cause, at=at, identity=call.name)
        entry = self._ledger.entry(job)
        record = entry.record if entry else self.first_record(operation)
        self._hold_against_plan(record, operation)
        with_operation(record, operation, self._now())
        return self._ledger.keys.record(call, Key(digest=call.digest, at=at, operation=operation.id))

    def resolved(self, job: JobName, request: Request) -> Request:
        """Return the request with the release that it goes back to, or with the jar as it lies below `plans/` now.

        A job that is not there has no release.

        Raises:
            NotFound: there is no such release, or no such jar.
            Refused: the release's bytes are gone.
            Unavailable: storage cannot be reached.

        """
        if request.jar and request.jar.place == "uploads":
            return request.model_copy(update={"jar": self._pinned(request.jar)})
        record = self._ledger.read(job) if request.release else None
        if request.release is None or record is None or record.deleted:
            return request
        known = find_release(self._ledger, self._jars, record, request.release)
        release = going_back.gone_back_to(known.release)
        if record.wanted:
            release = release.taken_as(record.wanted)  # its window is not what the job goes back to
        return request.model_copy(update={"release": release.id, "kept": release, "kept_at": known.kept_at})

    def _pinned(self, jar: JarSource) -> JarSource:
        """Return where a jar lies with the ETag that it has now: the operation takes that one and no other."""
        facts = self._jars.look("uploads", jar.name)
        if facts is None:
            raise NotFound(f"there is no jar {jar.name[:128]!r} in the jars container", code="JarNotFound")
        return jar.model_copy(update={"etag": facts.etag})

    # -------------------------------------------------------------------------------------------------------- uploads

    def upload(self, blob: str) -> Operation | None:
        """Record what a blob in the jars container asks for; None if that is nothing (yet), or known already.

        A blob that can be no release is recorded as a refused operation, so that an event never ends in a retry.

        Raises:
            Unavailable: storage cannot be reached.

        """
        facts = self._jars.look("uploads", blob)
        if facts is None:
            return None
        try:
            path = parse_path(blob)
        except Refused as error:
            self._reject(blob, facts, error)
            return None
        try:
            return self._release(path, facts)
        except Conflict:
            return self.upload(blob)
        except Refused as error:
            return self._refuse(path, facts, error)

    def _release(self, path: UploadPath, facts: BlobFacts) -> Operation | None:
        """Record an UPDATE for a jar, or for a pair of a jar and the job.json beside it, once both are there."""
        match self._meaning(path, facts):
            case _Waits(why):
                log.info("job=%s upload=%s %s", path.job, path.file, why)
                return None
            case _Faulty(description, error):
                return self._refuse(path.beside(JOB_JSON), description, error)
            case _Pair(request, jar, description):
                return self._ask_upload(path, request, jar, *filter(None, [description]))

    def _meaning(self, path: UploadPath, facts: BlobFacts) -> _Meaning:
        """Look at what lies there; a blob of 0 bytes waits: Data Lake clients create a file first, and write it later.

        Raises:
            Refused: it can be no release.

        """
        if facts.size_bytes == 0:
            return _Waits("waits for its content")
        description = facts if path.file == JOB_JSON else self._jars.look("uploads", path.beside(JOB_JSON).blob)
        if description and description.size_bytes == 0:
            return _Waits("waits for the content of job.json")
        if description is None:
            _require_jar(path.file)
            said = dict(parse_metadata(facts.metadata))
            return _Pair(Request(action=path.action, folder=path.folder, **said), facts)
        try:
            text = self._jars.read_small(description)
            job_json = parse_job_json(text)
        except Conflict:
            raise
        except Refused as error:  # its own fault, whichever of the pair the event was about
            return _Faulty(description, error)
        if path.file not in (JOB_JSON, job_json.jar):
            _require_jar(path.file)
            return _Waits(f"waits: job.json names {job_json.jar}")
        jar = facts if path.file == job_json.jar else self._jars.look("uploads", path.beside(job_json.jar).blob)
        if jar is None or jar.size_bytes == 0:
            return _Waits(f"waits for {job_json.jar}")
        return _Pair(request_of(path, job_json, text), jar, description)

    def _ask_upload(self, path: UploadPath, request: Request, jar: BlobFacts, *beside: BlobFacts) -> Operation:
        """Record an upload; it is as new as the newest of its blobs, and another one when any of them changes."""
        newest = max(facts.last_modified for facts in (jar, *beside))
        source = JarSource(place="uploads", name=jar.name, etag=jar.etag, last_modified=newest)
        identity = "\n".join(f"{facts.name} {facts.etag}" for facts in (jar, *beside))
        cause = Cause(kind="upload", detail=f"{jar.name} {jar.etag}")
        request = request.model_copy(update={"jar": source})
        return self._ask(path.job, request, cause, at=newest, identity=identity, jar=jar)

    def _refuse(self, path: UploadPath, facts: BlobFacts, error: Refused) -> Operation:
        """Keep a closed operation that says what is wrong with a blob; the job's record is not touched."""
        request = Request(action=path.action, folder=path.folder)
        cause = Cause(kind="upload", detail=f"{facts.name} {facts.etag}")
        identity = f"{facts.name}\n{facts.etag}"
        refused = _refused(new_operation(path.job, request, cause, at=facts.last_modified, identity=identity), error)
        if known := self._ledger.closed(refused.id):
            return known
        self._messages.closing(refused)
        self._ledger.close(refused)
        telemetry.ended(refused)
        log.warning("job=%s operation=%s outcome=REFUSED %s", path.job, refused.id, error)
        return refused

    def _reject(self, blob: str, facts: BlobFacts, error: Refused) -> None:
        """Keep a word on a blob whose name is no job's: there is no job to hold an operation of it."""
        log.warning("upload=%r outcome=REFUSED %s", blob[:128], error)
        digest = upload_digest(blob, facts.etag)
        self._messages.rejected(blob, digest=digest, at=facts.last_modified, code=error.code, why=error.message)
        self._ledger.reject(blob, facts.etag, facts.last_modified, error.message, error.code)

    # --------------------------------------------------------------------------------------------------------- timers

    def sweep(self, now: datetime) -> None:
        """Send for drivers of what lies open without one; take uploads whose events were lost, or whose window is open.

        Raises:
            Unavailable: storage cannot be reached; the next tick comes.

        """
        jobs = self._ledger.listed()
        tell_ages(jobs.values(), now)
        self._messages.sweep(jobs.values(), now)
        for job in jobs.values():
            if job.operation and (job.leased_until is None or job.leased_until < now):
                self._queue.nudge(job.name, job.operation)
            if job.held_until and job.held_until <= now:
                self._let_through(job.name, now)
        uploads = list(self._jars.uploads())
        there = {handled.mark(facts.name) for facts in uploads}
        for job in jobs.values():
            if gone := job.handled - there:
                self._forget(job.name, gone)
        placed = [(path, facts) for facts in uploads if isinstance(path := _place(facts), UploadPath)]
        described = {(path.folder, path.job): facts.etag for path, facts in placed if path.file == JOB_JSON}
        looked: dict[str, Looked] = {}
        for path, facts in placed:
            known = jobs.get(path.job)
            look = (facts.etag, described.get((path.folder, path.job)), known is not None)
            if self._looked.get(path.blob) == look or (_is_news(facts, known, now) and self._take(path)):
                looked[path.blob] = look
        self._looked = looked

    def pending(self, now: datetime) -> list[Upload]:
        """Return the uploads that are not over: on the list or held, or waiting for something; and misplaced ones.

        At most MOST_LOOKED_AT jobs, and as many blobs that no operation knows, are read for it, the newest first.

        Raises:
            Unavailable: storage cannot be reached.

        """
        jobs = self._ledger.listed()
        busy = [job.name for job in jobs.values() if job.operation or job.holds][:MOST_LOOKED_AT]
        records = [record for name in busy if (record := self._ledger.read(name))]
        recorded = [one for record in records for one in (*record.open, *record.held) if one.cause.kind == "upload"]
        lying = sorted(self._jars.uploads(), key=lambda facts: facts.last_modified, reverse=True)
        placed = [(path, facts) for facts in lying if isinstance(path := _place(facts), UploadPath)]
        unknown = [(path, facts) for path, facts in placed if _is_news(facts, jobs.get(path.job), now)]
        waiting = (self._waiting(path, facts) for path, facts in unknown[:MOST_LOOKED_AT])
        misplaced = (_misplaced(facts) for facts in lying)
        return [*map(upload_of, recorded), *filter(None, waiting), *filter(None, misplaced)]

    def _waiting(self, path: UploadPath, facts: BlobFacts) -> Upload | None:
        """Return an upload that waits for something else than its turn."""
        with suppress(Refused):  # it is among the refused
            match self._meaning(path, facts):
                case _Waits(why):
                    return Upload(blob=path.blob, at=facts.last_modified, job=path.job, message=why)
                case _Faulty() | _Pair():
                    return None
        return None

    def _let_through(self, job: JobName, now: datetime) -> None:
        """Take the uploads of one job whose window is open; what goes wrong stops no other job."""
        try:
            requeue(self._ledger, self._queue, self._messages, job, partial(queueing.windows_opened, now=now))
        except FlinkFuncsError as error:
            log.warning("job=%s updateWindow outcome=later %s", job, error)

    def _forget(self, job: JobName, gone: frozenset[str]) -> None:
        """Forget what was handled under names that are gone; where somebody else writes, the next sweep does it."""
        with suppress(FlinkFuncsError):
            if entry := self._ledger.entry(job):
                self._ledger.write(handled.without_names(entry.record, gone), etag=entry.etag)

    def _take(self, path: UploadPath) -> bool:
        """Take one upload, and say whether that went well; one that fails does not stop the others."""
        try:
            self.upload(path.blob)
        except FlinkFuncsError as error:
            log.warning("job=%s upload=%s outcome=failed %s", path.job, path.file, error)
            return False
        return True

    # ------------------------------------------------------------------------------------------------------ recording

    def _ask(
        self, job: JobName, request: Request, cause: Cause, *, at: datetime, identity: str, jar: BlobFacts | None = None
    ) -> Operation:
        operation = new_operation(job, request, cause, at=at, identity=identity)
        known, record = self._record(operation, jar)
        if record.operation(operation.id):
            self._nudge(job, operation.id)
        return known

    def _nudge(self, job: JobName, operation: str) -> None:
        """Send for a driver; a caller who is told of a failure would ask for another operation, so he is not."""
        try:
            self._queue.nudge(job, operation)
        except FlinkFuncsError as error:
            log.warning("job=%s operation=%s no message was sent, the sweeper finds it: %s", job, operation, error)

    def _record(self, operation: Operation, jar: BlobFacts | None) -> tuple[Operation, JobRecord]:
        """Put the operation on its job's list, unless it is or was there; return how it, and the record, stand then.

        What it supersedes is closed before it leaves the list: an operation is never on neither.
        """
        queued = None
        while True:
            entry = self._ledger.entry(operation.job)
            record = entry.record if entry else self.first_record(operation)
            known = record.known(operation.id) or self._ledger.closed(operation.id)
            if known:
                if queued and known.requested_at == operation.requested_at:  # our own write, whose answer was lost
                    for ended in queued.ended:
                        telemetry.ended(ended)
                return known, record
            if jar:
                operation = operation.model_copy(update={"repeats": self.repeated(record, operation, jar)})
            else:
                self._hold_against_plan(record, operation)
            queued = with_operation(record, operation, self._now())
            if queued.record is record:
                return self._ended_at_once(queued.ended[0]), record
            for ended in queued.ended:
                self._ledger.close_unless_closed(ended)
            written = self._messages.noted(queued.record, *queued.ended)
            try:
                self._ledger.write(written, etag=entry.etag if entry else None)
            except (Conflict, Unanswered):
                continue  # whether it is on record is looked up: a caller who is told of a failure asks again
            for ended in queued.ended:
                telemetry.ended(ended)
            self._messages.collect(written)
            return written.known(operation.id) or operation, written

    def _ended_at_once(self, operation: Operation) -> Operation:
        """Close an operation that something on the list supersedes; the record stays as it is."""
        self._messages.closing(operation)
        self._ledger.close_unless_closed(operation)
        telemetry.ended(operation)
        return operation

    def _hold_against_plan(self, record: JobRecord, operation: Operation) -> None:
        """Refuse a call whose plan found the job otherwise than this record and the cluster have it."""
        plan = operation.request.plan
        if plan is None:
            return
        try:
            ground = ground_of(self._cluster, record, operation)
        except FlinkFuncsError as error:
            message = f"whether the job is as the plan found it cannot be told now: {error.message}"
            raise Unavailable(message, code="PlanUnverified") from error
        if not plan.startswith(record_part(record, operation, ground)):
            message = "the job is no longer as the plan found it, or another action was planned: plan it again"
            raise Refused(message, code="PlanChanged", status=412)

    def _hold_release_against_plan(self, job: JobName, request: Request, cause: Cause) -> None:
        """Refuse a call whose plan found another jar than lies there now: all of it is read for that, and nothing kept.

        What the plan says of a release comes of the record's, so the record is compared first.
        """
        plan = request.plan
        if plan is None or plan.endswith(NO_RELEASE) or not request.action.takes_release:
            return
        operation = new_operation(job, request, cause, at=_now(), identity="")
        record = self._ledger.read(job) or self.first_record(operation)
        self._hold_against_plan(record, operation)
        try:
            release = keep_release(JarsInPlace(self._jars), record, operation)
        except Refused as error:
            message = f"the release is no longer as the plan found it: {error.message}; plan it again"
            raise Refused(message, code="PlanChanged", status=412) from error
        except FlinkFuncsError as error:
            message = f"whether the jar is the one that the plan found cannot be told now: {error.message}"
            raise Unavailable(message, code="PlanUnverified") from error
        if objection := release_objection(operation.model_copy(update={"release": release})):
            raise Refused(objection.message, code="PlanChanged", status=412)

    def repeated(self, record: JobRecord, operation: Operation, jar: BlobFacts) -> str | None:
        """Return the operation that handled the bytes of an upload under the same names before."""
        earlier = handled.to_compare(record, operation, jar.size_bytes)
        return earlier.operation if earlier and earlier.sha256 == self._jars.sha256(jar) else None

    def first_record(self, operation: Operation) -> JobRecord:
        """Return the record of a job that has none.

        Raises:
            NotFound: the operation makes none.

        """
        if operation.action is not Action.NEW and operation.cause.kind != "upload":
            raise NotFound(f"there is no job {operation.job}", code="JobNotFound")
        return JobRecord(name=operation.job, unknown_past=self._jars.has_releases(operation.job))


def with_operation(record: JobRecord, operation: Operation, now: datetime) -> Queued:
    """Put a new operation on its job's list.

    Raises:
        NotFound: the job was deleted.
        Refused: too many operations are waiting.

    """
    if record.deleted and operation.action is not Action.NEW and operation.cause.kind != "upload":
        raise NotFound(f"the job {record.name} was deleted", code="JobNotFound")
    queued = queueing.queued(record, operation, now)
    if len(queued.record.open) > MOST_OPEN:
        raise Refused(f"{len(record.open)} operations of job {record.name} are waiting", code="TooManyOperations")
    return queued


def new_operation(job: JobName, request: Request, cause: Cause, *, at: datetime, identity: str) -> Operation:
    """Return an operation that nobody has recorded yet."""
    number = operation_id(job, at=at, identity=identity)
    return Operation(
        id=number,
        job=job,
        request=request,
        cause=cause,
        requested_at=_now(),
        traceparent=telemetry.traceparent(),
        progressed_at=_now(),
    )


def _refused(operation: Operation, error: Refused) -> Operation:
    result = Result(outcome=Outcome.REFUSED, message=error.message, code=error.code, ended_at=_now())
    return operation.model_copy(update={"result": result})


def request_of(path: UploadPath, job_json: JobJson, text: bytes) -> Request:
    """Return what an upload with a job.json asks for; its jar is not named yet."""
    return Request(
        action=path.action,
        spec=job_json.spec(),
        replaces_spec=True,
        save_point_name=job_json.save_point_name,
        job_json_sha256=hashlib.sha256(text).hexdigest(),
        folder=path.folder,
        switch_mode=job_json.switch_mode,
        adopt=job_json.adopt,
        wanted_sha256=job_json.sha256,
        again=job_json.again,
        hold_after_rollback=job_json.hold_after_rollback,
        reason=job_json.reason,
        build_url=job_json.build_url,
        commit=job_json.commit,
        names_savepoint_sha256=digest_without_remarks(text, job_json),
        plan=job_json.plan,
    )


def _require_jar(file: str) -> None:
    if not is_jar(file):
        raise Refused(f"{file[:128]!r} is neither a jar nor job.json", code="NotAJar", status=422)


def _place(facts: BlobFacts) -> UploadPath | Refused:
    try:
        return parse_path(facts.name)
    except Refused as error:
        return error


def _misplaced(facts: BlobFacts) -> Upload | None:
    """Return an upload under a name that can be no job's, also where its event was lost."""
    error = _place(facts)
    if isinstance(error, UploadPath):
        return None
    outcome, code = Outcome.REFUSED, error.code
    return Upload(blob=facts.name, at=facts.last_modified, outcome=outcome, code=code, message=error.message)


def _is_news(facts: BlobFacts, job: ListedJob | None, now: datetime) -> bool:
    """Whether no operation may know a blob; storage's times have whole seconds, so a fresh tie is looked at again."""
    if job is None or job.uploaded_at is None or facts.last_modified > job.uploaded_at:
        return True
    fresh = now - facts.last_modified < timedelta(minutes=5)
    return fresh and facts.last_modified == job.uploaded_at
