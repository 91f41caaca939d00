"""How a session cluster is kept in order, once an hour: savepoints and jars that nobody needs any more are deleted.

A job's savepoints are disposed of under its claim, like everything that is done to it, and only while nothing of it is
open:

    1  what may be disposed of is written down in the job's record; from then on nothing is started from it
    2  Flink is asked to dispose of it, and then asked for the result
    3  once it is gone, it leaves the record; otherwise it stays there, and the next pass asks again

A crash, a cluster that does not answer and a disposal that fails leave the entry: nothing is forgotten before it is
gone. An operation that comes meanwhile waits for one disposal at most. One job that fails does not block the others.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from .clients.claim import Claim
from .clients.ledger import Ledger, ListedJob
from .clients.queue import OperationsQueue
from .clients.savepoint_store import SavepointStore
from .clusters.upkeep import SessionUpkeep
from .core import orphans, retention
from .core.cluster_jars import old_enough, unused
from .core.errors import FlinkFuncsError, NotFound, Refused
from .core.jobs import JobRecord, Savepoint
from .core.names import JobName
from .core.orphans import Found
from .core.retention import Policy
from .core.session.facts import DisposalFailed, DisposalRunning, Disposed

log = logging.getLogger(__name__)
T = TypeVar("T")

MOST_DISPOSALS = 10  # of one job in one pass; the rest is the next one's
PASS_SECONDS = 300.0  # a pass begins no further job after this; the next one begins elsewhere


class Housekeeper:
    """Keeps the jobs of one session cluster in order."""

    def __init__(
        self,
        ledger: Ledger,
        queue: OperationsQueue,
        upkeep: SessionUpkeep,
        policy: Policy,
        store: SavepointStore | None,
        *,
        lease_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep what is needed; nothing is read yet. Without a store no orphans are looked for.

        `clock` measures how long a pass and its claims take (seconds).
        """
        self._ledger = ledger
        self._queue = queue
        self._upkeep = upkeep
        self._policy = policy
        self._store = store
        self._lease_seconds = lease_seconds
        self._clock = clock

    def tidy(self, now: datetime) -> None:
        """Keep every job, then the cluster's jars.

        Raises:
            Unavailable: storage cannot be reached; the next tick comes.

        """
        until = self._clock() + PASS_SECONDS
        lying = self._lying_if_told()
        for job in _rotated(list(self._ledger.listed().values()), now):
            if self._is_due(job, lying.get(job.name, []), now) and self._clock() < until:
                self._keep(job.name, now)
        try:
            self.delete_unused_jars(now)
        except (FlinkFuncsError, ValueError) as error:
            log.warning("jars outcome=kept %s", type(error).__name__)

    def _is_due(self, job: ListedJob, lying: list[Found], now: datetime) -> bool:
        """Whether there may be something to dispose of: the listings say so, and no record is read for nothing."""
        if job.operation:
            return False
        known = job.summary
        if known is None or known.retention is None or known.disposing:
            return True
        return known.retention.is_due(self._policy, lying, now)

    def _keep(self, job: JobName, now: datetime) -> None:
        try:
            self.retain(job, now)
        except (FlinkFuncsError, ValueError) as error:  # ValueError: a record that cannot be read
            log.warning("job=%s retention outcome=failed %s", job, error if isinstance(error, FlinkFuncsError) else "")

    # ----------------------------------------------------------------------------------------------------- savepoints

    def retain(self, job: JobName, now: datetime) -> None:
        """Dispose of the savepoints of one job that nothing retains.

        Raises:
            Unavailable: storage or the cluster cannot be reached; what is recorded is done by the next pass.

        """
        record = self._ledger.read(job)
        if record is None or record.open:
            return
        found = self._findings(record, now)
        if found.taken_into(record) == record and not retention.being_disposed(record):
            return
        claim = Claim.take(self._ledger, job, lease_seconds=self._lease_seconds, idle=True, clock=self._clock)
        if claim is None:
            return
        try:
            claim.write(found.taken_into)
            self._dispose(claim, now)
        finally:
            self._hand_over(claim)

    def _findings(self, record: JobRecord, now: datetime) -> _Findings:
        """Ask storage and cluster, as little as the rules need."""
        strays = tuple(self._orphans_if_told(record))
        policy, copy, proved = self._policy.of(record), record.running, None
        if copy and retention.with_proof(record) is not record:
            matters = strays or retention.awaits_proof(record, policy, now)
            proved = copy.flink_job_id if matters and self._upkeep.has_proved_itself(copy) else None
        found = _Findings(self._policy, now, proved, strays)
        return replace(found, closed=frozenset(filter(self._is_closed, found.in_question(record))))

    def _is_closed(self, operation_id: str) -> bool:
        try:
            return self._ledger.closed(operation_id) is not None
        except NotFound:  # the directory is called like no operation
            return False

    def _dispose(self, claim: Claim, now: datetime) -> None:
        for savepoint in _rotated(retention.being_disposed(claim.record), now)[:MOST_DISPOSALS]:
            record = claim.write(lambda record: record)  # a whole lease, and news of what was asked meanwhile
            if record.open:
                return
            if self._is_gone(claim, savepoint):
                claim.write(partial(retention.without, path=savepoint.path))

    def _is_gone(self, claim: Claim, savepoint: Savepoint) -> bool:
        job = claim.record.name
        try:
            seen = self._upkeep.dispose(savepoint.path)
        except Refused as error:
            seen = DisposalFailed(error.message)
        match seen:
            case Disposed():
                log.info("job=%s savepoint=%s outcome=disposed", job, savepoint.path)
                return True
            case DisposalRunning():
                log.warning("job=%s savepoint=%s outcome=unfinished", job, savepoint.path)
            case DisposalFailed(cause):
                log.warning("job=%s savepoint=%s outcome=failed %s", job, savepoint.path, cause)
        return False

    def _hand_over(self, claim: Claim) -> None:
        """Give the job back, to the driver of an operation that came meanwhile where there is one."""
        with suppress(FlinkFuncsError):
            claim.conclude(lambda record: record)
            if claim.held:
                claim.give_back(due_seconds=0)
                if claim.record.open:
                    self._queue.nudge(claim.record.name, claim.record.open[0].id)

    # --------------------------------------------------------------------------------------------------------- orphans

    def found(self, record: JobRecord) -> list[Found]:
        """List the savepoints in the job's directories.

        Raises:
            Unavailable: the store cannot be read now.

        """
        policy = self._policy
        return self._store.found(orphans.directories(record, policy.root, policy.others)) if self._store else []

    def orphans(self, record: JobRecord) -> list[Found]:
        """List those that its record does not name, oldest first.

        Raises:
            Unavailable: the store cannot be read now.

        """
        return orphans.orphans(record, self.found(record))

    def _lying_if_told(self) -> dict[str, list[Found]]:
        """List what lies there of all jobs; a store that cannot be read is no reason to keep what is recorded."""
        store, lying = self._store, defaultdict[str, list[Found]](list)
        for root in self._policy.roots:
            try:
                for name, found in (store.lying(root) if store else {}).items():
                    lying[name] += found
            except FlinkFuncsError as error:
                log.warning("orphans outcome=unknown %s", error)
        return dict(lying)

    def _orphans_if_told(self, record: JobRecord) -> list[Found]:
        """List them for retention, which goes on without: a store that cannot be read is no reason to keep the rest."""
        try:
            return self.orphans(record)
        except FlinkFuncsError as error:
            log.warning("job=%s orphans outcome=unknown %s", record.name, error)
            return []

    # ------------------------------------------------------------------------------------------------------------ jars

    def delete_unused_jars(self, now: datetime) -> None:
        """Delete the jars of ours that no job uses: listed before the records are read, and again none that is young.

        Raises:
            Unavailable: the cluster or storage cannot be reached; nothing more is deleted.

        """
        jars = self._upkeep.jars()
        if not old_enough(jars, now):
            return
        for jar in unused(jars, self._ledger.jars_used(), now):
            self._upkeep.delete_jar(jar)
            log.info("jar=%s outcome=deleted", jar.id)


@dataclass(frozen=True)
class _Findings:
    """What was found out about one job before it is claimed; the rules decide again when it is written down."""

    policy: Policy
    now: datetime
    proved: str | None = None  # the id of the current copy, where it has completed a checkpoint
    strays: tuple[Found, ...] = ()
    closed: frozenset[str] = frozenset()  # the operations of strays that the ledger knows as closed

    def taken_into(self, record: JobRecord) -> JobRecord:
        """Return the record with everything marked that may be disposed of; the same when it is done twice."""
        record = self._with_proof(record)
        policy = self.policy.of(record)
        going = [stray for stray in self.strays if self._why_kept(stray, record, policy) is None]
        return orphans.with_removals(retention.with_disposals(record, policy, self.now), going, self.now)

    def in_question(self, record: JobRecord) -> list[str]:
        """Name the operations of the strays that could go, were they known to be closed."""
        every = replace(self, closed=frozenset(stray.operation for stray in self.strays))
        record = self._with_proof(record)
        policy = self.policy.of(record)
        return [stray.operation for stray in self.strays if every._why_kept(stray, record, policy) is None]

    def _with_proof(self, record: JobRecord) -> JobRecord:
        proves = record.current is not None and record.current.flink_job_id == self.proved
        return retention.with_proof(record) if proves else record

    def _why_kept(self, stray: Found, record: JobRecord, policy: Policy) -> str | None:
        return orphans.why_orphan_kept(stray, record, self.closed.__contains__, policy, self.now)


def _rotated(some: Sequence[T], now: datetime) -> list[T]:
    """Begin elsewhere each hour, so that a pass that ends early leaves out others than the one before."""
    first = int(now.timestamp() // 3600) * 97 % max(len(some), 1)
    return [*some[first:], *some[:first]]
