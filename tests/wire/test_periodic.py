"""What a tick of the savepoint timer reads, asks for and leaves behind, on a real Azurite."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from flinkfuncs.clients.ledger import Ledger
from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import Unavailable
from flinkfuncs.core.jobs import Copy, JobRecord, Recorded, StopBegun
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Operation, Outcome
from flinkfuncs.core.periodic import Rhythm
from flinkfuncs.periodic import PeriodicSavepoints
from tests.stand_in.rest import FlinkServer
from tests.unit.builders import asked, copy_of, savepoint
from tests.wire.session import Session
from tests.wire.storage import Storage

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


class CountingLedger(Ledger):
    """A ledger that notes whose record was read."""

    reads: list[JobName]

    def read(self, job: JobName) -> JobRecord | None:
        """Note it."""
        self.reads.append(job)
        return super().read(job)


class CountingCluster(Session):
    """A cluster that counts how often it was asked for all states."""

    asked = 0

    def statuses(self, jobs: Mapping[JobName, Recorded]) -> Mapping[JobName, str]:
        """Count it."""
        self.asked += 1
        return super().statuses(jobs)


def saved_at(name: str, hours: float, **fields: object) -> JobRecord:
    one = savepoint("file:///sp/1").model_copy(update={"taken_at": NOW - hours * HOUR})
    return JobRecord(name=JobName(name), savepoints=(one,), current=current(name)).but(**fields)


def current(name: str) -> Copy:
    return copy_of(flink_job_id=hashlib.sha256(name.encode()).hexdigest()[:32])


def put(storage: Storage, flink: FlinkServer, *records: JobRecord) -> CountingCluster:
    """Write records down; return a cluster on which all of them run."""
    for record in records:
        storage.ledger().write(record, etag=None)
        flink.flink.begin(current(record.name).flink_job_id, record.name)
    return CountingCluster(storage, flink)


def ticks(storage: Storage, cluster: Session, *, at_once: int = 4) -> tuple[PeriodicSavepoints, CountingLedger]:
    ledger = CountingLedger(storage.records, storage.cluster)
    ledger.reads = []
    return PeriodicSavepoints(ledger, storage.queue, cluster, Rhythm(6 * HOUR, at_once)), ledger


def names(operations: list[Operation]) -> list[str]:
    return [operation.job for operation in operations]


def test_only_running_idle_jobs_without_a_young_savepoint_are_saved(storage: Storage, flink: FlinkServer) -> None:
    """One call to the cluster; only the records of those that the listing shows as due are read; a message for each."""
    ended = current("stopped").model_copy(update={"ended": "STOPPED"})
    records = [
        saved_at("due", 7),
        JobRecord(name=JobName("never"), current=current("never")),
        saved_at("young", 1),
        saved_at("busy", 7, open=(asked(Action.STOP),)),
        saved_at("stopped", 7, current=ended),
        saved_at("deleted", 7, deleted=True),
        saved_at("restarting", 7),
    ]
    cluster = put(storage, flink, *records)
    flink.flink.jobs[current("restarting").flink_job_id].state = "RESTARTING"
    periodic, ledger = ticks(storage, cluster)
    taken = periodic.tick(NOW)
    assert names(taken) == ["never", "due"]
    assert {(one.action, one.cause.kind) for one in taken} == {(Action.SAVEPOINT, "timer")}
    assert sorted(ledger.reads) == ["due", "never", "restarting"]
    assert cluster.asked == 1
    nudges = sorted(storage.nudges(), key=lambda nudge: nudge["job"])
    assert nudges == [{"job": one.job, "operation": one.id} for one in sorted(taken, key=lambda one: one.job)]


def test_jobs_take_turns_oldest_first(storage: Storage, flink: FlinkServer) -> None:
    """No more at once than there are places; a tick that comes twice asks once; a stuck one leaves its place."""
    cluster = put(storage, flink, saved_at("b", 8), saved_at("c", 7), saved_at("a", 9))
    periodic, _ = ticks(storage, cluster, at_once=1)
    assert names(periodic.tick(NOW)) == ["a"]
    assert names(periodic.tick(NOW)) == []
    assert names(periodic.tick(NOW + timedelta(minutes=5))) == []
    assert names(periodic.tick(NOW + timedelta(minutes=11))) == ["b"]
    assert names(periodic.tick(NOW + timedelta(minutes=22))) == ["c"]


def test_a_tick_without_a_job_that_is_due_reads_no_record(storage: Storage, flink: FlinkServer) -> None:
    """One listing and one call to the cluster, which may be away; without a job that may run, the listing alone."""
    cluster = put(storage, flink, saved_at("a", 1), saved_at("b", 2))
    periodic, ledger = ticks(storage, cluster)
    assert periodic.tick(NOW) == []
    assert (ledger.reads, cluster.asked) == ([], 1)
    flink.flink.is_away = True
    assert periodic.tick(NOW) == []
    flink.flink.is_away = False
    flink.flink.finish()
    assert periodic.tick(NOW) == []
    assert cluster.asked == 3
    assert periodic.tick(NOW) == []
    assert cluster.asked == 3


@pytest.mark.parametrize("word", ["FINISHED", "CANCELED", "FAILED"])
def test_an_end_that_nobody_asked_for_outlives_the_clusters_memory(
    storage: Storage, flink: FlinkServer, word: str
) -> None:
    """What Flink has forgotten would look as if it had vanished."""
    cluster = put(storage, flink, saved_at("mine", 1))
    flink.flink._end(flink.flink.jobs[current("mine").flink_job_id], word)
    ticks(storage, cluster)[0].tick(NOW)
    flink.flink.forget_ended()
    record = storage.ledger().read(JobName("mine"))
    assert record
    assert record.current
    assert (record.current.ended, record.current.ended_by) == (word, None)
    assert cluster.statuses({record.name: record}) == {"mine": word}


def test_an_end_is_left_to_what_is_open_and_to_the_stop_that_was_begun(storage: Storage, flink: FlinkServer) -> None:
    """They know whether a savepoint was written; and the end of a copy says nothing of the one after it."""
    begun = StopBegun(trigger_id="t", directory="file:///sp", operation="o", action=Action.STOP, cause="http")
    stopping = current("stopping").model_copy(update={"stop": begun})
    put(
        storage,
        flink,
        saved_at("busy", 1, open=(asked(Action.STOP),)),
        saved_at("stopping", 1, current=stopping),
        saved_at("next", 1),
        saved_at("stopped", 1),
    )
    flink.flink.finish()

    class Overtaken(CountingCluster):
        """A cluster that answers too late: one job runs another copy by then, of another one a STOP was asked for."""

        def statuses(self, jobs: Mapping[JobName, Recorded]) -> Mapping[JobName, str]:
            found = super().statuses(jobs)
            for name in ("next", "stopped"):
                entry = storage.ledger().entry(JobName(name))
                assert entry
                record = entry.record
                changed = (
                    record.but(current=current("another")) if name == "next" else record.but(open=(asked(Action.STOP),))
                )
                storage.ledger().write(changed, etag=entry.etag)
            return found

    ticks(storage, Overtaken(storage, flink))[0].tick(NOW)
    for name in ("busy", "stopping", "next", "stopped"):
        record = storage.ledger().read(JobName(name))
        assert record
        assert record.running, name


def test_a_record_that_cannot_be_read_holds_up_no_other(storage: Storage, flink: FlinkServer) -> None:
    """It is logged; the others have their turns."""
    cluster = put(storage, flink, saved_at("fine", 7))
    storage.records.upload_blob("cluster/jobs/broken.json", b"{}")
    assert names(ticks(storage, cluster)[0].tick(NOW)) == ["fine"]


def test_a_cluster_that_does_not_answer_leaves_no_operation(storage: Storage, flink: FlinkServer) -> None:
    """The next tick comes."""
    cluster = put(storage, flink, saved_at("fine", 7))
    flink.flink.is_away = True
    with pytest.raises(Unavailable):
        ticks(storage, cluster)[0].tick(NOW)
    record = storage.ledger().read(JobName("fine"))
    assert record
    assert (record.open, record.periodic_at) == ((), None)


@pytest.mark.parametrize(("kind", "left"), [("timer", 0), ("http", 1)])
def test_a_periodic_savepoint_that_is_skipped_leaves_no_operation(
    storage: Storage, flink: FlinkServer, kind: str, left: int
) -> None:
    """The job stopped before its turn came: nothing open, nothing closed, no last word; a caller's own is told."""
    record = saved_at("fine", 7, current=current("fine").model_copy(update={"ended": "STOPPED"}))
    operation = asked(Action.SAVEPOINT, by=kind)  # type: ignore[arg-type]  # one of its words
    mine = operation.model_copy(update={"job": record.name, "id": operation.id.replace("orders", "fine")})
    cluster = put(storage, flink, record.but(open=(mine,)))
    storage.driver(cluster).drive(record.name)
    assert cluster.acts == []
    closed = storage.ledger().operations(record.name)
    assert len(closed) == left
    assert [one.result.outcome for one in closed if one.result] == [Outcome.REFUSED] * left
    after = storage.ledger().read(record.name)
    assert after
    assert (after.open, after.lease, bool(after.last)) == ((), None, bool(left))
