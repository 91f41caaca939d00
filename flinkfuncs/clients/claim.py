"""Who drives a job now: a lease in the job's record, measured by the storage's clock and fenced by the record's ETag.

Every write of a claim renews the lease in the same compare-and-swap. A driver that was paused, and whose job another
one took over, finds another owner in the record at its next write, and can write nothing more.

A write whose answer is lost is looked for before it is made again. Uploads and callers change the same record, so what
is looked for is the id of the write (`JobRecord.written`), which they keep; a take is found by its owner.

    the record, read again        the write
    ----------------------------  --------------------------------------------------------
    this id, our lease            done: continue with the record as it is now
    this id, no lease of ours     done; but `write` raises Lost: somebody took the job away
    our lease, another id         not done: made again, on the record as it is now
    neither                       Lost

The rule that must never break: a change is made once, however often its write is sent.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from ..core.errors import FlinkFuncsError, Unanswered, Unavailable
from ..core.jobs import JobRecord, Lease
from ..core.names import JobName
from .ledger import Entry, Ledger
from .storage import Conflict

SWEEP_GRACE_SECONDS = 60.0  # how long after its due time a message may take before the sweeper sends another
Change = Callable[[JobRecord], JobRecord]
Waiting = Callable[[threading.Event, float], bool]  # up to so many seconds for an event; whether it has come


class Lost(FlinkFuncsError):
    """Another driver owns the job: whatever was going to be done here is its business now."""


class Claim:
    """A job that this driver owns, with the record as it stands."""

    def __init__(
        self,
        ledger: Ledger,
        entry: Entry,
        *,
        owner: str,
        lease_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        wait: Waiting = threading.Event.wait,
    ) -> None:
        """Wrap a record whose lease is ours; `take` is how one is made."""
        self._ledger = ledger
        self._owner = owner
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._wait = wait
        self._lock = threading.Lock()
        self._keep(entry)

    @classmethod
    def take(
        cls,
        ledger: Ledger,
        job: JobName,
        *,
        lease_seconds: float,
        idle: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wait: Waiting = threading.Event.wait,
    ) -> Claim | None:
        """Claim a job that nobody drives; None where somebody does, or nothing is open (`idle`: or anything is).

        `clock` only measures how much of the storage's time has passed since the storage last gave its own, and `wait`
        is how a call that is `kept_alive` waits for its next renewal.

        Raises:
            Unavailable: storage cannot be reached.

        """
        owner = uuid.uuid4().hex
        ours = partial(cls, ledger, owner=owner, lease_seconds=lease_seconds, clock=clock, wait=wait)
        while entry := ledger.entry(job):
            lease = entry.record.lease
            if lease and lease.owner == owner:  # a write of ours was not answered, or was answered to an earlier try
                return ours(entry)
            if bool(entry.record.open) == idle or (lease and lease.owner and lease.until > entry.storage_time):
                return None
            until = entry.storage_time + timedelta(seconds=lease_seconds)
            try:
                taken = ledger.write(entry.record.but(lease=Lease(owner=owner, until=until)), etag=entry.etag)
            except (Conflict, Unanswered):
                continue
            return ours(taken)
        return None

    @property
    def record(self) -> JobRecord:
        """The record as it was last read or written."""
        return self._entry.record

    @property
    def held(self) -> bool:
        """Whether the job was ours when the record was last read or written."""
        lease = self._entry.record.lease
        return lease is not None and lease.owner == self._owner

    def write(self, change: Change) -> JobRecord:
        """Change the record, and own it for a whole lease again.

        Raises:
            Lost: another driver owns the job.
            Unavailable: storage cannot be reached.

        """
        record = self._swap(lambda record: change(record).but(lease=self._lease()))
        if not self.held:
            raise self._lost()
        return record

    def conclude(self, change: Change) -> JobRecord:
        """Change the record, and give the job back if nothing is open any more: see `held`.

        Raises:
            Lost: another driver owned the job before the change was made.
            Unavailable: storage cannot be reached.

        """
        return self._swap(lambda record: _without_idle_lease(change(record), self._lease()))

    def give_back(self, *, due_seconds: float) -> None:
        """Give the job back while a message is on its way that is due after a while."""
        wait = timedelta(seconds=due_seconds + SWEEP_GRACE_SECONDS)
        self._swap(lambda record: _without_idle_lease(record, Lease(owner=None, until=self._storage_now() + wait)))

    def confirm(self) -> None:
        """Look whether the job is still ours.

        Raises:
            Lost: another driver owns the job, or somebody took it away.
            Unavailable: storage cannot be reached.

        """
        with self._lock:
            self._keep(self._reread())
            if not self.held:
                raise self._lost()

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
        while not self._wait(done, self._lease_seconds / 4):
            try:
                self.renew()
            except Lost:
                return
            except Unavailable:
                continue

    def _swap(self, change: Change) -> JobRecord:
        write_id = uuid.uuid4().hex  # one for all tries: the first may take effect after the second was sent
        with self._lock:
            while self.held:
                wanted = change(self.record).but(written=write_id)
                try:
                    self._keep(self._ledger.write(wanted, etag=self._entry.etag))
                except (Conflict, Unanswered):
                    self._keep(self._reread())
                if self.record.written == write_id:
                    return self.record
            raise self._lost()

    def _reread(self) -> Entry:
        entry = self._ledger.entry(self.record.name)
        if entry is None:
            raise self._lost()
        return entry

    def _lost(self) -> Lost:
        return Lost(f"another driver, or nobody, owns job {self.record.name}")

    def _keep(self, entry: Entry) -> None:
        self._entry = entry
        self._read_at = self._clock()

    def _storage_now(self) -> datetime:
        return self._entry.storage_time + timedelta(seconds=self._clock() - self._read_at)

    def _lease(self) -> Lease:
        return Lease(owner=self._owner, until=self._storage_now() + timedelta(seconds=self._lease_seconds))

    def _seconds_left(self) -> float:
        lease = self._entry.record.lease
        return (lease.until - self._storage_now()).total_seconds() if lease else 0.0


def _without_idle_lease(record: JobRecord, lease: Lease) -> JobRecord:
    return record.but(lease=lease if record.open else None)
