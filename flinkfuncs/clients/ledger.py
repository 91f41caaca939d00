"""Where jobs and operations are written down: JSON blobs, changed only by compare-and-swap on their ETag.

    <cluster>/jobs/<job>.json                            the job's record with its open operations
    <cluster>/closed/<job>/<yyyy-mm>/<operation>.json    a closed operation; expires by a lifecycle rule
    <cluster>/uploads/<outcome>/<newest first>.json      what became of an upload, for one list of all jobs: REJECTED
                                                         ones lie under a name that can be no job's
    <cluster>/keys/<digest>.json                         an idempotency key (idempotency.py)

A record says in its blob's metadata what is open (`open`, `until`) and held (`holds`, `opens`), how far its uploads are
known (`uploaded`) and what lists show of it (`summary`, `runs`), so that one listing finds what there is to do, and to
show.
Nothing is ever overwritten without its ETag, but an upload's place in that list, by its own, equal text.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any, TypeVar

from azure.core import MatchConditions
from azure.storage.blob import ContainerClient
from pydantic import TypeAdapter

from .. import telemetry
from ..core.errors import FlinkFuncsError, NotFound
from ..core.handled import mark
from ..core.histories import remembered, run_id, runs_of
from ..core.jobs import JobRecord
from ..core.model import Model, read_stored
from ..core.names import JobName
from ..core.operations import Operation, Outcome, job_of, month_of, time_of
from ..core.runs import Asked, Run, asked_of, is_told
from ..core.summaries import OperationSummary, Summary, summary_of, waiting_of
from .idempotency import IdempotencyKeys
from .storage import Conflict, storage_errors

REJECTED = "REJECTED"  # uploads under a name that can be no job's
LATEST = 9_999_999_999  # seconds since 1970
SHOWN = 500  # characters of a name or a message; metadata takes 8 KiB
LARGEST_METADATA = 8000  # bytes of its names and values
READS_AT_ONCE = 8  # blobs
MOST_LOOKED_AT = 50  # closed operations, for what was asked for of a job whose record does not say it
MOST_LOOKED_AT_ONCE = 1000  # … by the pass that writes it into the record
PASS_SECONDS = 60.0  # that pass begins no further job after this

log = logging.getLogger(__name__)

_RUNS = TypeAdapter(tuple[Run, ...])
Name = TypeVar("Name")
Read = TypeVar("Read")


class Upload(Model):
    """What became of an upload, as far as a list shows it."""

    blob: str
    at: datetime  # its Last-Modified
    job: JobName | None = None  # None: its name can be no job's
    operation: str | None = None
    outcome: Outcome | None = None  # None: it is not over
    code: str | None = None
    message: str = ""

    @property
    def listed_as(self) -> str:
        """The folder that it is listed in."""
        return self.outcome.value if self.job and self.outcome else REJECTED


def upload_digest(blob: str, etag: str) -> str:
    """Return what tells an upload under a name that can be no job's from every other one."""
    return hashlib.sha256(f"{blob}\n{etag}".encode()).hexdigest()[:16]


def upload_of(operation: Operation) -> Upload:
    """Return an operation of an upload as a list shows it."""
    result = operation.result
    return Upload(
        blob=operation.cause.detail.rpartition(" ")[0],
        at=time_of(operation.id),
        job=operation.job,
        operation=operation.id,
        outcome=result and result.outcome,
        code=result and result.code,
        message=result.message if result else operation.why_held or "",
    )


@dataclass(frozen=True)
class Entry:
    """A record as it was read: its ETag, and the storage's clock at that moment."""

    record: JobRecord
    etag: str
    storage_time: datetime


@dataclass(frozen=True)
class ListedJob:
    """A job as one listing of all of them shows it."""

    name: JobName
    operation: str | None  # the first open one
    leased_until: datetime | None
    uploaded_at: datetime | None  # the newest upload that an operation knows
    saved_at: datetime | None = None  # the newest savepoint
    periodic_at: datetime | None = None  # when a periodic savepoint was asked for last
    started_at: datetime | None = None  # the copy that may run
    unsent_since: datetime | None = None  # the oldest message that no outbox holds yet
    overdue_since: datetime | None = None  # the newest savepoint of which people were told that it is old
    saving: bool = False  # a periodic savepoint is open
    rests: bool = False  # nothing of it can be running
    holds: bool = False  # uploads are held
    held_until: datetime | None = None  # … for an updateWindow, which opens then
    resumed_at: datetime | None = None  # when the first open one was put on the list, after it had been held
    noticed: bool = False  # it was seen vanished or failed
    handled: frozenset[str] = frozenset()  # the names of blobs that were handled, by `mark`
    summary: Summary | None = None  # None: its record has to be read
    packed_runs: str | None = None

    @property
    def runs(self) -> tuple[Run, ...] | None:
        """Its runs as the ARM API lists them; None where its record has to be read for that."""
        return _runs(self.packed_runs)

    @property
    def waiting(self) -> tuple[OperationSummary, ...] | None:
        """All its operations that are open or held; None where its record has to be read for that."""
        if self.summary:
            return self.summary.waiting
        return None if self.operation or self.holds else ()


@dataclass(frozen=True)
class Part:
    """A page of operations, newest first."""

    operations: list[Operation]
    last: str | None  # the id behind which the next page begins; None: there is none


@dataclass(frozen=True)
class WaitingPart:
    """A page of the operations of all jobs that are open or held, newest first, each with its job."""

    operations: list[tuple[JobName, OperationSummary]]
    last: str | None  # the last one of this page, where there are more


def cut(ids: Iterable[str], *, top: int, behind: str | None) -> tuple[list[str], str | None]:
    """Return the ids of one page, newest first, and its last one where there are more; ids begin with their time."""
    older = sorted((each for each in ids if behind is None or each < behind), reverse=True)
    return older[:top], older[top - 1] if len(older) > top else None


class Ledger:
    """The records of one cluster's jobs and operations."""

    def __init__(self, container: ContainerClient, cluster: str) -> None:
        """Keep the container; nothing is read yet. `cluster` is the first part of every blob's name."""
        self._container = container
        self._root = f"{cluster}/"
        self.keys = IdempotencyKeys(container, self._root)

    def entry(self, job: JobName) -> Entry | None:
        """Read a job's record, or None where there is none.

        Raises:
            Unavailable: storage cannot be reached, or a newer version of this app wrote the record.

        """
        hook = _DateHook()
        try:
            with storage_errors(f"record of job {job}"):
                blob = self._container.download_blob(self._job_blob(job), raw_response_hook=hook)
                text = blob.readall()
        except NotFound:
            return None
        if hook.date is None:  # see _DateHook
            return self.entry(job)
        return Entry(read_stored(JobRecord, text, what=f"the record of job {job}"), blob.properties.etag, hook.date)

    def read(self, job: JobName) -> JobRecord | None:
        """Read a job's record, or None where there is none."""
        entry = self.entry(job)
        return entry.record if entry else None

    def write(self, record: JobRecord, *, etag: str | None) -> Entry:
        """Replace the record that has this ETag; None creates one where there is none.

        Raises:
            Conflict: somebody else wrote first.
            Unanswered: the write may have happened; read again.

        """
        condition: dict[str, Any] = (
            {"etag": etag, "match_condition": MatchConditions.IfNotModified} if etag else {"overwrite": False}
        )
        if etag:
            condition["overwrite"] = True
        with storage_errors(f"record of job {record.name}"):
            done = self._container.get_blob_client(self._job_blob(record.name)).upload_blob(
                record.to_json().encode(), metadata=_metadata(record), **condition
            )
        return Entry(record, done["etag"], done["date"])

    def records(self) -> Iterator[JobRecord]:
        """Read every job's record."""
        for job in self.jobs():
            if record := self.read(job):
                yield record

    def summaries(self) -> dict[JobName, Summary]:
        """Return what a list shows of each job, by one listing; only records without a summary are read.

        Raises:
            Unavailable: storage cannot be reached, or one of those records cannot be read.

        """
        jobs = self.listed()
        read = self._read_all([job.name for job in jobs.values() if job.summary is None])
        found = {name: summary_of(record) for name, record in read.items()}
        return {name: summary for name in jobs if (summary := jobs[name].summary or found.get(name))}

    def runs(self) -> dict[JobName, tuple[Run, ...]]:
        """Return every job's runs as the ARM API lists them, newest first, by one listing, as `summaries` does.

        Raises:
            Unavailable: storage cannot be reached, or one of the records that have to be read cannot be.

        """
        jobs = {name: job.runs for name, job in self.listed().items()}
        read = self._read_all([name for name, found in jobs.items() if found is None])
        jobs |= {name: self.runs_in(record) for name, record in read.items()}
        return {name: found for name, found in jobs.items() if found}

    def runs_in(self, record: JobRecord) -> tuple[Run, ...]:
        """Return the runs of a job; where an earlier version wrote its record, its operations are read as well."""
        return runs_of(record if _tells_of_runs(record) else record.but(asked=self._asked(record)))

    def complete_runs(self) -> None:
        """Write into records of an earlier version what `runs_in` would look for at each list, once.

        One that is open is left to its operation; one that cannot be read or written, and what a pass has no time for,
        to the next pass.

        Raises:
            Unavailable: storage cannot be reached.

        """
        until = time.monotonic() + PASS_SECONDS
        for job in self.listed().values():
            if job.runs is None and not job.operation and time.monotonic() < until:
                try:
                    self._complete_runs(job.name)
                except (Conflict, FlinkFuncsError, ValueError) as error:
                    log.warning("job=%s runs outcome=later %s", job.name, type(error).__name__)

    def _complete_runs(self, job: JobName) -> None:
        entry = self.entry(job)
        if entry and not entry.record.open and not _tells_of_runs(entry.record):
            asked = self._asked(entry.record, most=MOST_LOOKED_AT_ONCE)
            self.write(entry.record.but(asked=asked, run=run_id(entry.record)), etag=entry.etag)

    def _asked(self, record: JobRecord, *, most: int = MOST_LOOKED_AT) -> Asked | None:
        """Look for the newest closed operation that somebody asked for."""
        ids = sorted(self._closed_ids(record.name), reverse=True)[:most]
        closed = (operation for each in ids if (operation := self.closed(each)))
        asked = next((operation for operation in closed if is_told(operation)), None)
        return asked_of(asked) if asked else remembered(record)

    def jars_used(self) -> set[str]:
        """Return the SHA-256 of every jar that a job uses on its cluster, by the same listing.

        Raises:
            Unavailable: as `summaries` does.

        """
        return {jar for summary in self.summaries().values() for jar in summary.jars}

    def waiting(self, *, top: int, behind: str | None = None) -> WaitingPart:
        """Return a page of all operations that are open or held, by one listing.

        Only the records are read of which more are open than their summaries name.

        Raises:
            Unavailable: storage cannot be reached, or one of those records cannot be read.

        """
        named = {job.name: job.waiting for job in self.listed().values()}
        read = self._read_all([name for name, waiting in named.items() if waiting is None])
        every = {name: waiting for name, waiting in named.items() if waiting is not None}
        every |= {name: waiting_of(record) for name, record in read.items()}
        found = {one.id: (name, one) for name, waiting in every.items() for one in waiting}
        page, last = cut(found, top=top, behind=behind)
        return WaitingPart([found[each] for each in page], last)

    def owner_of(self, flink_job_id: str, but: JobName) -> JobName | None:
        """Return another job whose copy a Flink job is, or that is about to adopt it."""
        return next((r.name for r in self.records() if r.name != but and r.claims(flink_job_id)), None)

    def jobs(self) -> list[JobName]:
        """List the names of all jobs that have a record."""
        with storage_errors("records"):
            names = list(self._container.list_blob_names(name_starts_with=f"{self._root}jobs/"))
        return [JobName(name.rpartition("/")[2].removesuffix(".json")) for name in names]

    def listed(self) -> dict[JobName, ListedJob]:
        """Return all jobs by one listing of names and metadata, whatever their number."""
        with storage_errors("records"), telemetry.quiet():  # every sweep does it
            blobs = list(self._container.list_blobs(f"{self._root}jobs/", include=["metadata"]))
        jobs = [_listed(blob.name, blob.metadata or {}) for blob in blobs]
        return {job.name: job for job in jobs}

    def reject(self, blob: str, etag: str, at: datetime, message: str, code: str) -> None:
        """Keep a word on an upload whose name can be no job's; written again, it is the same."""
        upload = Upload(blob=blob, at=at, outcome=Outcome.REFUSED, code=code, message=message)
        self._list(upload, upload_digest(blob, etag))

    def uploads(self, outcomes: Iterable[Outcome] = (), *, rejected: bool, limit: int = 200) -> list[Upload]:
        """Return the newest uploads that ended in one of these ways, newest first, at most `limit` of each.

        `rejected`: those under a name that can be no job's, too. One that was superseded, and driven all the same, is
        listed twice; it ended as its driver says. So is one that was abandoned while its driver closed it; it is
        ABANDONED.
        """
        folders = [*outcomes, *([REJECTED] if rejected else [])]
        found = [upload for folder in folders for upload in self._listed(folder, limit)]
        found.sort(key=lambda one: (one.outcome is Outcome.ABANDONED, one.outcome is not Outcome.SUPERSEDED))
        last = {upload.operation: upload for upload in found}
        kept = [upload for upload in found if upload.operation is None or last[upload.operation] is upload]
        return sorted(kept, key=lambda upload: upload.at, reverse=True)

    def _list(self, upload: Upload, key: str) -> None:
        """List an upload: names sort by age, the newest first, and the metadata says all, so one listing shows many."""
        whole = len(upload.message) <= SHOWN
        message = upload.message if whole else f"{upload.message[: SHOWN - 1]}…"
        short = upload.model_copy(update={"blob": upload.blob[:SHOWN], "message": message})
        text = short.to_json().encode()
        name = f"{self._root}uploads/{upload.listed_as}/{LATEST - int(upload.at.timestamp())}-{key}.json"
        with storage_errors("an upload's result"):
            metadata = {"upload": base64.b64encode(text).decode()}  # headers are ASCII
            self._container.upload_blob(name, text, metadata=metadata, overwrite=True)

    def _listed(self, folder: str, limit: int) -> list[Upload]:
        prefix = f"{self._root}uploads/{folder}/"
        with storage_errors("uploads"):
            blobs = self._container.list_blobs(prefix, include=["metadata"], results_per_page=limit)
            texts = [base64.b64decode((blob.metadata or {})["upload"]) for blob in islice(blobs, limit)]
        return [read_stored(Upload, text, what="an upload's result") for text in texts]

    def close(self, operation: Operation, confirm: Callable[[], object] = lambda: None) -> None:
        """Write a closed operation, in the place of what an earlier attempt wrote.

        A driver confirms that the job is its own: what somebody writes who took the operation away counts. So only what
        was there before `confirm` is replaced, and where nothing was there, its caller has confirmed.
        """
        text, what = operation.to_json().encode(), f"operation {operation.id}"
        blob = self._container.get_blob_client(self._closed_blob(operation.id))
        condition: dict[str, Any] = {"overwrite": False}
        while True:
            try:
                with storage_errors(what):
                    blob.upload_blob(text, **condition)
                break
            except Conflict:  # also after a write of ours that was not answered, and was sent again
                with storage_errors(what):
                    found = blob.download_blob()
                    if found.readall() == text:
                        break
            confirm()
            etag = found.properties.etag
            condition = {"overwrite": True, "etag": etag, "match_condition": MatchConditions.IfNotModified}
        self._list_closed(operation)  # behind it: one that does not count is not listed

    def close_unless_closed(self, operation: Operation, *, listed: bool = True) -> None:
        """Write an operation that ended without a driver: what a driver wrote of its end, or writes later, counts.

        `listed`: list it as well, if it is an upload's.
        """
        if listed:  # before it: what is closed is not written again
            self._list_closed(operation)
        with suppress(Conflict), storage_errors(f"operation {operation.id}"):
            self._container.upload_blob(self._closed_blob(operation.id), operation.to_json().encode(), overwrite=False)

    def _list_closed(self, operation: Operation) -> None:
        if operation.cause.kind == "upload":
            self._list(upload_of(operation), operation.id)

    def closed(self, operation_id: str) -> Operation | None:
        """Read a closed operation, or None where there is none."""
        try:
            with storage_errors(f"operation {operation_id}"):
                text = self._container.download_blob(self._closed_blob(operation_id)).readall()
        except NotFound:
            return None
        return read_stored(Operation, text, what=f"operation {operation_id}")

    def find(self, operation_id: str) -> Operation:
        """Read an operation: open, held or closed.

        Raises:
            NotFound: there is no such operation.

        """
        record = self.read(job_of(operation_id))
        found = (record and record.known(operation_id)) or self.closed(operation_id)
        if not found:
            raise NotFound(f"there is no operation {operation_id[:128]!r}", code="OperationNotFound")
        return found

    def operations(self, job: JobName, *, limit: int = 200) -> list[Operation]:
        """Return a job's operations, open, held and closed, newest first, at most `limit` closed ones."""
        record = self.read(job)
        waiting = [*record.open, *record.held] if record else []
        prefix = f"{self._root}closed/{job}/"
        with storage_errors(f"operations of {job}"):
            names = sorted(self._container.list_blob_names(name_starts_with=prefix), reverse=True)[:limit]
        closed = [self.closed(name.rpartition("/")[2].removesuffix(".json")) for name in names]
        known = {operation.id for operation in waiting}
        found = waiting + [operation for operation in closed if operation and operation.id not in known]
        return sorted(found, key=lambda operation: operation.requested_at, reverse=True)

    def page(self, job: JobName, *, state: str | None = None, top: int, behind: str | None = None) -> Part:
        """Return at most `top` of a job's operations, newest first, from the one behind the id `behind` on.

        Closed ones are found by their names, and only those of the page are read. `state` is `open`, `closed` or None.
        """
        record = self.read(job)
        waiting = {one.id: one for one in (*record.open, *record.held)} if record else {}
        closed = [] if state == "open" else self._closed_ids(job)
        ids = {*closed} - waiting.keys() if state == "closed" else {*closed, *waiting}
        page, last = cut(ids, top=top, behind=behind)
        read = _at_once(lambda each: waiting.get(each) or self.closed(each), page)
        found = [operation for operation in read if operation]  # one may expire meanwhile
        return Part(sorted(found, key=lambda operation: operation.requested_at, reverse=True), last)

    def _closed_ids(self, job: JobName) -> list[str]:
        with storage_errors(f"operations of {job}"):
            names = self._container.list_blob_names(name_starts_with=f"{self._root}closed/{job}/")
            return [name.rpartition("/")[2].removesuffix(".json") for name in names]

    def has_closed(self, job: JobName) -> bool:
        """Whether closed operations of a job are kept."""
        with storage_errors(f"operations of {job}"):
            names = self._container.list_blob_names(name_starts_with=f"{self._root}closed/{job}/", results_per_page=1)
            return next(iter(names), None) is not None

    def _read_all(self, jobs: Sequence[JobName]) -> dict[JobName, JobRecord]:
        """Read records, some at once; one that is gone meanwhile is left out."""
        records = _at_once(self.read, jobs)
        return {record.name: record for record in records if record}

    def _job_blob(self, job: JobName) -> str:
        return f"{self._root}jobs/{job}.json"

    def _closed_blob(self, operation_id: str) -> str:
        return f"{self._root}closed/{job_of(operation_id)}/{month_of(operation_id)}/{operation_id}.json"


def _at_once(read: Callable[[Name], Read], names: Sequence[Name]) -> list[Read]:
    """Read several blobs, some at once, each within the trace of who asks."""
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        reads = [pool.submit(copy_context().run, read, name) for name in names]
        return [each.result() for each in reads]


class _DateHook:
    """Catches the `Date` header: the storage's clock, by which leases are measured.

    The SDK forgets the hook when it repeats a request that got no answer at all: then there is no date.
    """

    date: datetime | None = None

    def __call__(self, response: Any) -> None:  # noqa: ANN401 - the SDK's pipeline passes its own untyped response
        self.date = parsedate_to_datetime(response.http_response.headers["Date"]).astimezone(UTC)


def _metadata(record: JobRecord) -> dict[str, str]:
    newest = record.newest_savepoint
    times = {
        "uploaded": record.uploaded_at,
        "until": record.lease.until if record.lease else None,
        "saved": newest.taken_at if newest else None,
        "periodic": record.periodic_at,
        "started": record.running.started_at if record.running else None,
        "unsent": record.unsent[0].time if record.unsent else None,
        "overdue": record.overdue_since,
        "opens": record.held_until,
        "resumed": record.open[0].resumed_at if record.open else None,
    }
    words = {
        "open": record.open[0].id if record.open else "",
        "saving": "1" if any(operation.cause.kind == "timer" for operation in record.open) else "",
        "rests": "1" if record.rests else "",
        "holds": "1" if record.held else "",
        "noticed": record.noticed.status if record.noticed else "",
        "handled": " ".join(mark(one.blob) for one in record.handled),
    }
    written = {key: at.isoformat() for key, at in times.items() if at}
    written |= {key: text for key, text in words.items() if text}
    return _with_summary(written, record)


def _with_summary(metadata: dict[str, str], record: JobRecord) -> dict[str, str]:
    """Add what a list shows of a job, unless it does not fit: then the list reads the record."""
    text = base64.b64encode(summary_of(record).to_json().encode()).decode()  # headers are ASCII
    listed = _if_it_fits(metadata, "summary", text)
    return _if_it_fits(listed, "runs", _packed(runs_of(record))) if _tells_of_runs(record) else listed


def _tells_of_runs(record: JobRecord) -> bool:
    """Whether the record says by itself what was asked for: an earlier version wrote only how the last one ended.

    Whoever writes a run's id writes down what was asked for, too, or has found that nobody asked for anything.
    """
    return record.asked is not None or record.run is not None or record.last is None or record.deleted


def _if_it_fits(metadata: dict[str, str], key: str, text: str) -> dict[str, str]:
    whole = metadata | {key: text}
    size = sum(len(key) + len(value) for key, value in whole.items())
    return whole if size <= LARGEST_METADATA else metadata


def _packed(runs: tuple[Run, ...]) -> str:
    return base64.b64encode(zlib.compress(_RUNS.dump_json(runs, by_alias=True, exclude_none=True))).decode()


def _runs(text: str | None) -> tuple[Run, ...] | None:
    try:
        return _RUNS.validate_json(zlib.decompress(base64.b64decode(text))) if text else None
    except (ValueError, zlib.error):  # what another version wrote
        return None


def _summary(text: str | None) -> Summary | None:
    try:
        return Summary.model_validate_json(base64.b64decode(text)) if text else None
    except ValueError:  # what another version wrote
        return None


def _listed(name: str, metadata: dict[str, str]) -> ListedJob:
    kinds = ("until", "uploaded", "saved", "periodic", "started", "unsent", "overdue", "opens", "resumed")
    times = {key: datetime.fromisoformat(metadata[key]) for key in kinds if metadata.get(key)}
    return ListedJob(
        JobName(name.rpartition("/")[2].removesuffix(".json")),
        metadata.get("open"),
        times.get("until"),
        times.get("uploaded"),
        saved_at=times.get("saved"),
        periodic_at=times.get("periodic"),
        started_at=times.get("started"),
        unsent_since=times.get("unsent"),
        overdue_since=times.get("overdue"),
        held_until=times.get("opens"),
        resumed_at=times.get("resumed"),
        saving="saving" in metadata,
        rests="rests" in metadata,
        holds="holds" in metadata,
        noticed="noticed" in metadata,
        handled=frozenset(metadata.get("handled", "").split()),
        summary=_summary(metadata.get("summary")),
        packed_runs=metadata.get("runs"),
    )
