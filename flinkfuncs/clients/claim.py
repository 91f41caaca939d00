"""Who drives a job now: a lease in the job's record, measured by the storage's clock and fenced by the record's ETag.

Every write of a claim renews the lease in the same compare-and-swap. A driver that was paused, and whose job another
one took over, finds another owner in the record at its next write: it can write nothing any more.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from ..core.errors import FlinkFuncsError, Unanswered, Unavailable
from ..core.jobs import JobRecord, Lease
from ..core.names import JobName
from .ledger import Entry, Ledger
from .storage import Conflict

SWEEP_GRACE_SECONDS = 60.0  # how long after its due time a message may take before the sweeper sends another
Change = Callable[[JobRecord], JobRecord]


class Lost(FlinkFuncsError):
    """Another driver owns the job: whatever was going to be done here is its business now."""


class Claim:
    """A job that this driver owns, with the record as it stands."""

    def __init__(self, ledger: Ledger, entry: Entry, *, owner: str, lease_seconds: float) -> None:
        """Wrap a record whose lease is ours; `take` is how one is made."""
        self._ledger = ledger
        self._owner = owner
        self._lease_seconds = lease_seconds
        self._lock = threading.Lock()
        self._keep(entry)

    @classmethod
    def take(cls, ledger: Ledger, job: JobName, *, lease_seconds: float, idle: bool = False) -> Claim | None:
        """Claim a job that nobody drives; None where somebody does, or nothing is open (`idle`: or anything is).

        Raises:
            Unavailable: storage cannot be reached.

        """
        entry = ledger.entry(job)
        if entry is None or bool(entry.record.open) == idle:
            return None
        lease = entry.record.lease
        if lease and lease.owner and lease.until > entry.storage_time:
            return None
        owner = uuid.uuid4().hex
        until = entry.storage_time + timedelta(seconds=lease_seconds)
        try:
            taken = ledger.write(entry.record.but(lease=Lease(owner=owner, until=until)), etag=entry.etag)
        except (Conflict, Unanswered):
            return None
        return cls(ledger, taken, owner=owner, lease_seconds=lease_seconds)

    @property
    def record(self) -> JobRecord:
        """The record as it was last read or written."""
        return self._entry.record

    def write(self, change: Change) -> JobRecord:
        """Change the record, and own it for a whole lease again.

        Raises:
            Lost: another driver owns the job.
            Unavailable: storage cannot be reached.

        """
        return self._swap(lambda record: change(record).but(lease=self._lease()))

    def conclude(self, change: Change) -> JobRecord:
        """Change the record, and give the job back if nothing is open any more."""
        return self._swap(lambda record: _without_idle_lease(change(record), self._lease()))

    def give_back(self, *, due_seconds: float) -> None:
        """Give the job back while a message is on its way that is due after a while."""
        wait = timedelta(seconds=due_seconds + SWEEP_GRACE_SECONDS)
        self._swap(lambda record: record.but(lease=Lease(owner=None, until=self._storage_now() + wait)))

    def confirm(self) -> None:
        """Look whether the job is still ours.

        Raises:
            Lost: another driver owns the job, or somebody took it away.
            Unavailable: storage cannot be reached.

        """
        with self._lock:
            self._keep(self._reread())

    def renew(self) -> None:
        """Own the job for a whole lease again, if less than half of one is left."""
        if self._seconds_left() < self._lease_seconds / 2:
            self.write(lambda record: record)

    @contextmanager
    def kept_alive(self) -> Iterator[None]:
        """Renew the lease beside a call that may take longer than one: a jar on its way."""
        done = threading.Event()
        thread = threading.Thread(target=self._renew_until, args=(done,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _renew_until(self, done: threading.Event) -> None:
        while not done.wait(self._lease_seconds / 4):
            try:
                self.renew()
            except Lost:
                return
            except Unavailable:
                continue

    def _swap(self, change: Change) -> JobRecord:
        with self._lock:
            while True:
                wanted = change(self._entry.record)
                try:
                    self._keep(self._ledger.write(wanted, etag=self._entry.etag))
                except (Conflict, Unanswered):
                    self._keep(self._reread())
                    if self._entry.record == wanted:
                        return wanted
                    continue
                return wanted

    def _reread(self) -> Entry:
        """Read the record again: somebody added an operation, or our own write was answered too late to hear."""
        entry = self._ledger.entry(self.record.name)
        lease = entry.record.lease if entry else None
        if entry is None or lease is None or lease.owner != self._owner:
            raise Lost(f"another driver, or nobody, owns job {self.record.name}")
        return entry

    def _keep(self, entry: Entry) -> None:
        self._entry = entry
        self._read_at = time.monotonic()

    def _storage_now(self) -> datetime:
        return self._entry.storage_time + timedelta(seconds=time.monotonic() - self._read_at)

    def _lease(self) -> Lease:
        return Lease(owner=self._owner, until=self._storage_now() + timedelta(seconds=self._lease_seconds))

    def _seconds_left(self) -> float:
        lease = self._entry.record.lease
        return (lease.until - self._storage_now()).total_seconds() if lease else 0.0


def _without_idle_lease(record: JobRecord, lease: Lease) -> JobRecord:
    return record.but(lease=lease if record.open else None)
