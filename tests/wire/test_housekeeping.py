"""How a job is kept in order when the cluster fails, answers late or never: real records, and Flink's words."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flinkfuncs.clients.flink import Flink
from flinkfuncs.clients.ledger import Entry, Ledger
from flinkfuncs.clients.savepoint_store import BlobSavepoints, LocalSavepoints, SavepointPlaces, SavepointStore
from flinkfuncs.clusters.upkeep import SessionUpkeep
from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import Unavailable
from flinkfuncs.core.jobs import JobRecord, Lease, Savepoint
from flinkfuncs.core.names import Directory, JobName
from flinkfuncs.core.operations import Operation, Outcome, Result
from flinkfuncs.core.orphans import Found
from flinkfuncs.core.plans import StateFacts
from flinkfuncs.core.releases import Spec
from flinkfuncs.core.retention import Policy
from flinkfuncs.core.session.facts import DisposalSeen
from flinkfuncs.housekeeping import Housekeeper
from tests.unit.builders import NEW, OLD_ID, ORDERS, asked, copy_of, job, release
from tests.wire.mortal import CrashError
from tests.wire.server import Answer, Fault, LocalServer, serving
from tests.wire.storage import ClockedLedger, Storage
from tests.wire.test_load import counted

NOW = datetime.now(UTC)
ROOT = Directory.parse("file:///sp")
DISPOSE, POLL = "POST /savepoint-disposal", "GET /savepoint-disposal/r1"
NOTHING = {"errors": ["There is no such thing."]}
SENT = Answer(202, {"request-id": "r1"})
RUNNING = Answer(body={"status": {"id": "IN_PROGRESS"}})
GONE = Answer(body={"status": {"id": "COMPLETED"}, "operation": {}})
Answers = Mapping[str, Sequence[Answer | Fault]]


def failed(trace: str) -> Answer:
    """A disposal that Flink calls COMPLETED."""
    cause = {"class": "java.util.concurrent.CompletionException", "stack-trace": trace}
    return Answer(body={"status": {"id": "COMPLETED"}, "operation": {"failure-cause": cause}})


NOT_THERE = failed("Caused by: java.io.FileNotFoundException: Cannot find checkpoint or savepoint file/directory '/sp'")
HALF_THERE = failed(
    "Caused by: java.io.FileNotFoundException: Cannot find meta data file '_metadata' in directory '/sp'"
)
FAILED = failed("Caused by: java.io.IOException: the disk says no")


def path_of(number: int) -> str:
    return f"file:///sp/orders/op{number}/savepoint-{number}"


def saved(number: int, *, restored: bool = False, going: bool = False) -> Savepoint:
    return Savepoint(
        path=path_of(number),
        taken_at=NOW - timedelta(hours=10 - number),
        origin=Action.SAVEPOINT,
        cause="timer",
        flink_job_id=OLD_ID,
        operation=f"op{number}",
        restored=restored,
        disposing_at=NOW if going else None,
    )


KEPT = job(copy_of(savepoint=path_of(3)), savepoints=(saved(1), saved(2), saved(3, restored=True), saved(4)))
ALL, REST = [path_of(n) for n in (1, 2, 3, 4)], [path_of(3), path_of(4)]


class Shelf:
    """A store with what a test put there."""

    def __init__(self, *found: Found) -> None:
        """Keep it."""
        self._found = list(found)

    def found(self, _directories: object) -> list[Found]:
        """Return it."""
        return self._found

    def lying(self, _root: object) -> dict[str, list[Found]]:
        """Return it by the name of the job's directory."""
        names = {one.path.split("/")[-3] for one in self._found}
        return {name: [one for one in self._found if one.path.split("/")[-3] == name] for name in names}

    def checkpoint(self, _directory: object) -> None:
        """Hold no checkpoint."""

    def exists(self, _directory: object) -> bool:
        """Hold no directory."""
        return False

    def number(self, _savepoint: object) -> None:
        """Know no number."""

    def holds(self, _savepoint: object) -> None:
        """Know nothing of others."""

    def facts(self, _state: object) -> StateFacts:
        """Know nothing of any."""
        return StateFacts()


class LockedShelf(Shelf):
    """A store that nobody may read."""

    def found(self, _directories: object) -> list[Found]:
        """Refuse."""
        raise Unavailable("storage refuses this app's identity")

    def lying(self, _root: object) -> dict[str, list[Found]]:
        """Refuse."""
        raise Unavailable("storage refuses this app's identity")


class WatchedUpkeep(SessionUpkeep):
    """An upkeep before whose disposals something happens."""

    before: Callable[[], None] = staticmethod(lambda: None)

    def dispose(self, path: str) -> DisposalSeen:
        """Let it happen, then dispose."""
        self.before()
        return super().dispose(path)


def keeper(
    storage: Storage,
    server: LocalServer,
    *,
    store: SavepointStore | None = None,
    before: Callable[[], None] | None = None,
    policy: Policy = Policy(1, 30, ROOT),  # noqa: B008 - it is frozen
    ledger: Ledger | None = None,
) -> Housekeeper:
    """Return a housekeeper that retains one savepoint, as another process would have one."""
    clock = storage.clock
    flink = Flink(server.url, call_seconds=1)
    upkeep = WatchedUpkeep(flink, patience_seconds=7, clock=clock.monotonic, sleep=clock.sleep)
    upkeep.before = before or upkeep.before
    ledger = ledger or storage.ledger()
    return Housekeeper(ledger, storage.queue, upkeep, policy, store, lease_seconds=30, clock=clock.monotonic)


def put(storage: Storage, record: JobRecord) -> None:
    storage.ledger().write(record, etag=None)


def paths(storage: Storage) -> list[str]:
    """What the record names."""
    return [one.path for one in read(storage).savepoints]


def read(storage: Storage) -> JobRecord:
    record = storage.ledger().read(ORDERS)
    assert record
    return record


def sent(server: LocalServer) -> list[object]:
    """The savepoints whose disposal was asked for."""
    posts = [call for call in server.calls if call.method == "POST"]
    return [json.loads(call.body)["savepoint-path"] for call in posts]


@pytest.mark.parametrize("answer", [GONE, NOT_THERE, HALF_THERE], ids=["disposed", "gone before", "half gone before"])
def test_what_is_gone_leaves_the_record(storage: Storage, answer: Answer) -> None:
    """Waited for while Flink works at it; and the job is free again."""
    put(storage, KEPT)
    with serving({DISPOSE: [SENT], POLL: [RUNNING, answer]}) as server:
        keeper(storage, server).retain(ORDERS, NOW)
        assert sorted(map(str, sent(server))) == ALL[:2]
    assert paths(storage) == REST
    assert read(storage).lease is None


@pytest.mark.parametrize(
    "answers",
    [
        {DISPOSE: [SENT], POLL: [FAILED]},
        {DISPOSE: [SENT], POLL: [RUNNING]},
        {DISPOSE: [SENT], POLL: [Answer(404, NOTHING)]},
        {DISPOSE: [SENT], POLL: [Fault.HALF]},
        {DISPOSE: [Answer(400, NOTHING)]},
        {DISPOSE: [Answer(503)]},
        {DISPOSE: [Fault.RESET_BEFORE]},
        {DISPOSE: [Fault.RESET_AFTER]},
        {DISPOSE: [Fault.SILENCE]},
    ],
    ids=["failed", "unfinished", "forgotten", "garbage", "refused", "busy", "no connection", "broken", "silent"],
)
def test_what_is_not_surely_gone_stays_recorded_and_is_disposed_of_later(storage: Storage, answers: Answers) -> None:
    """The entry is dropped only after success; the next pass asks for the same savepoints again."""
    put(storage, KEPT)
    with serving(answers) as server:
        keep_as_the_timer_does(keeper(storage, server))
    assert paths(storage) == ALL
    assert [bool(one.disposing_at) for one in read(storage).savepoints] == [True, True, False, False]
    assert read(storage).lease is None
    with serving({DISPOSE: [SENT], POLL: [GONE]}) as server:
        keeper(storage, server).retain(ORDERS, NOW)
        assert sorted(map(str, sent(server))) == ALL[:2]
    assert paths(storage) == REST


def keep_as_the_timer_does(housekeeper: Housekeeper) -> None:
    """A cluster that is away is the next pass's."""
    with suppress(Unavailable):
        housekeeper.retain(ORDERS, NOW)


def test_nothing_is_sent_before_it_is_recorded(storage: Storage) -> None:
    """A process that dies between the two leaves a mark, and the next pass goes on from it."""
    put(storage, KEPT)
    seen: list[list[bool]] = []

    def die() -> None:
        seen.append([bool(one.disposing_at) for one in read(storage).savepoints])
        raise CrashError

    with serving({DISPOSE: [SENT], POLL: [GONE]}) as server:
        with pytest.raises(CrashError):
            keeper(storage, server, before=die).retain(ORDERS, NOW)
        assert seen == [[True, True, False, False]]
        assert sent(server) == []
        keeper(storage, server).retain(ORDERS, NOW)
    assert paths(storage) == REST


class LeaseWatch(ClockedLedger):
    """A ledger that notes how long the lease of each record that is written still lasts (seconds)."""

    def __init__(self, storage: Storage) -> None:
        """Nothing is written yet."""
        super().__init__(storage)
        self.left: list[float] = []

    def write(self, record: JobRecord, *, etag: str | None) -> Entry:
        """Write, and note it."""
        entry = super().write(record, etag=etag)
        if record.lease:
            self.left.append((record.lease.until - entry.storage_time).total_seconds())
        return entry


def test_a_savepoint_whose_disposal_took_long_is_forgotten_under_a_whole_lease(storage: Storage) -> None:
    """It begins when it is written, however long ago the storage gave its time."""
    put(storage, KEPT)
    ledger = LeaseWatch(storage)
    with serving({DISPOSE: [SENT], POLL: [GONE]}) as server:
        keeper(storage, server, before=lambda: storage.clock.sleep(25), ledger=ledger).retain(ORDERS, NOW)
    assert paths(storage) == REST
    assert len(ledger.left) >= 4  # before and after each of two disposals
    assert all(25 < left <= 31 for left in ledger.left), ledger.left


def test_a_pass_whose_time_is_up_begins_no_further_job(storage: Storage) -> None:
    """The job that was begun is kept in order; the others are the next pass's."""
    others = [JobName("more"), JobName("others")]
    for name in (ORDERS, *others):
        put(storage, KEPT.but(name=name))
    with serving({DISPOSE: [SENT], POLL: [GONE]}) as server:
        keeper(storage, server, before=lambda: storage.clock.sleep(400)).tidy(NOW)
    left = [len(record.savepoints) for name in (ORDERS, *others) if (record := storage.ledger().read(name))]
    assert sorted(left) == [2, 4, 4]


@pytest.mark.parametrize(
    "record",
    [
        KEPT.but(open=(asked(Action.STOP),)),
        KEPT.but(lease=Lease(owner="another", until=NOW + timedelta(days=1))),
        KEPT.but(savepoints=(saved(3, restored=True), saved(4))),
        KEPT.but(savepoints=()),
    ],
    ids=["an operation is open", "somebody drives it", "nothing to do", "nothing at all"],
)
def test_a_job_that_is_busy_or_in_order_is_left_alone(storage: Storage, record: JobRecord) -> None:
    """No claim, no write, no call."""
    put(storage, record)
    before = storage.ledger().entry(ORDERS)
    with serving({}) as server:
        keeper(storage, server).retain(ORDERS, NOW)
        assert server.calls == []
    after = storage.ledger().entry(ORDERS)
    assert before
    assert after
    assert after.etag == before.etag


def test_an_operation_that_comes_meanwhile_waits_for_one_disposal_and_gets_a_driver(storage: Storage) -> None:
    """The rest is the next pass's; nothing that it could name was lost."""
    put(storage, KEPT)

    def ask() -> None:
        entry = storage.ledger().entry(ORDERS)
        assert entry
        storage.ledger().write(entry.record.but(open=(asked(Action.STOP),)), etag=entry.etag)

    with serving({DISPOSE: [SENT], POLL: [GONE]}) as server:
        keeper(storage, server, before=ask).retain(ORDERS, NOW)
        assert len(sent(server)) == 1
    assert len(paths(storage)) == 3
    assert storage.nudges() == [{"job": "orders", "operation": asked(Action.STOP).id}]
    lease = read(storage).lease
    assert lease
    assert lease.owner is None


@pytest.mark.parametrize(
    ("latest", "gone"),
    [
        (
            {
                "completed": {"id": 7},
                "restored": {"id": 3, "is_savepoint": True, "external_path": "file:/sp/orders/op3/savepoint-3"},
            },
            2,
        ),
        ({"completed": {"id": 7}, "restored": {"id": 3, "is_savepoint": False, "external_path": "file:/cp/chk-5"}}, 2),
        ({"completed": None, "restored": {"id": 3, "is_savepoint": True, "external_path": path_of(3)}}, 0),
        ({"completed": {"id": 7}, "restored": {"id": 3, "is_savepoint": True, "external_path": path_of(2)}}, 0),
        ({"completed": {"id": 7}, "restored": None}, 0),
        (
            {
                "savepoint": {"id": 8, "external_path": path_of(4)},
                "restored": {"id": 3, "is_savepoint": True, "external_path": path_of(3)},
            },
            0,
        ),
    ],
    ids=["proved", "restarted by itself", "no checkpoint", "restored another", "restored nothing", "a savepoint only"],
)
def test_a_copy_is_proof_once_it_completed_a_checkpoint(storage: Storage, latest: object, gone: int) -> None:
    """Of the savepoint that it was started from; it is written down, and asked only once."""
    put(storage, KEPT.but(savepoints=tuple(saved(number) for number in (1, 2, 3, 4))))
    checkpoints = f"/jobs/{OLD_ID}/checkpoints"
    with serving({f"GET {checkpoints}": [Answer(body={"latest": latest})], DISPOSE: [SENT], POLL: [GONE]}) as server:
        keeper(storage, server).retain(ORDERS, NOW)
        assert len(sent(server)) == gone
        keeper(storage, server).retain(ORDERS, NOW)
        assert server.count("GET", checkpoints) == (1 if gone else 2)
    assert paths(storage) == ALL[gone:]


def test_an_orphan_of_a_closed_operation_of_ours_is_removed_and_any_other_is_shown(storage: Storage) -> None:
    """Recorded before it is sent, and dropped when it is gone, like every savepoint."""
    put(storage, KEPT.but(savepoints=(saved(3, restored=True), saved(4))))
    operation = gave_up(storage)
    old = NOW - timedelta(days=3)
    ours = Found(f"file:///sp/orders/{operation.id}/savepoint-x", operation.id, old)
    foreign = Found(
        "file:///sp/orders/20260101T000000Z-orders-0123456789ab/savepoint-y",
        "20260101T000000Z-orders-0123456789ab",
        old,
    )
    by_hand = Found("file:///sp/orders/backup/savepoint-z", "backup", old)
    with serving({DISPOSE: [SENT], POLL: [FAILED, GONE]}) as server:
        housekeeper = keeper(storage, server, store=Shelf(ours, foreign, by_hand))
        assert len(housekeeper.orphans(read(storage))) == 3
        housekeeper.retain(ORDERS, NOW)
        assert paths(storage) == [ours.path, *REST]
        assert read(storage).savepoints[0].origin == "orphan"
        housekeeper.retain(ORDERS, NOW)
        assert sent(server) == [ours.path] * 2
    assert paths(storage) == REST


def test_a_store_that_cannot_be_read_keeps_nothing_but_its_orphans(storage: Storage) -> None:
    """What is recorded is disposed of all the same."""
    put(storage, KEPT)
    with serving({DISPOSE: [SENT], POLL: [GONE], "GET /jars": [Answer(body={"files": []})]}) as server:
        keeper(storage, server, store=LockedShelf()).tidy(NOW)
    assert paths(storage) == REST


def test_one_job_that_cannot_be_kept_holds_up_no_other(storage: Storage) -> None:
    """A record that cannot be read is logged; and while one cannot be read, no jar is deleted."""
    put(storage, KEPT)
    storage.records.upload_blob("cluster/jobs/broken.json", b"{}")
    old = int((NOW - timedelta(hours=2)).timestamp() * 1000)
    files = [{"id": "1_a.jar", "name": f"{'ab' * 32}.jar", "uploaded": old}]
    with serving({DISPOSE: [SENT], POLL: [GONE], "GET /jars": [Answer(body={"files": files})]}) as server:
        keeper(storage, server).tidy(NOW)
        assert server.count("DELETE") == 0
    assert paths(storage) == REST


@pytest.mark.parametrize("answer", [Answer(200, {}), Answer(400, NOTHING), Answer(404, NOTHING)])
def test_jars_that_no_record_uses_are_deleted(storage: Storage, answer: Answer) -> None:
    """Also when they are gone already; what an operation is about to start stays."""
    put(storage, JobRecord(name=JobName("other"), open=(bringing(),)))
    put(storage, KEPT)
    old = int((NOW - timedelta(hours=2)).timestamp() * 1000)
    names = [f"{'ab' * 32}.jar", f"{NEW.sha256}.jar", f"{'cd' * 32}.jar"]
    files = [{"id": f"{n}_{name}", "name": name, "uploaded": old} for n, name in enumerate(names)]
    with serving({"GET /jars": [Answer(body={"files": files})], "DELETE ": [answer]}) as server:
        with counted() as sent:
            keeper(storage, server).delete_unused_jars(NOW)
        assert sent == {"list": 1}
        deleted = [call.path for call in server.calls if call.method == "DELETE"]
    assert deleted == [f"/jars/0_{names[0]}", f"/jars/2_{names[2]}"]


def gave_up(storage: Storage) -> Operation:
    """A closed operation of this ledger, whose savepoint no record names."""
    result = Result(outcome=Outcome.UNKNOWN, message="crashed", ended_at=NOW)
    operation = asked(Action.SAVEPOINT, identity="crashed").model_copy(update={"result": result})
    storage.ledger().close(operation)
    return operation


def bringing() -> Operation:
    """An operation that has kept its release and done nothing yet."""
    return asked(Action.UPDATE, brings=NEW).model_copy(update={"job": JobName("other")})


def test_a_pass_reads_no_record_of_which_nothing_can_go(storage: Storage) -> None:
    """One savepoint is the last good one, two are retained, one is too young to be an orphan, a job is busy."""
    one = KEPT.but(name=JobName("one"), savepoints=KEPT.savepoints[-1:])
    two = job(copy_of(), savepoints=(saved(8), saved(9, restored=True))).but(name=JobName("two"))
    busy = KEPT.but(name=JobName("busy"), open=(bringing(),))
    for record in (one, two, busy, JobRecord(name=JobName("new"))):
        put(storage, record)
    young = Found("file:///sp/two/op0/savepoint-0", "op0", NOW - timedelta(hours=9))
    recorded = Found("file:///sp/two/op9/savepoint-9", "op9", NOW - timedelta(days=2))
    shelf = Shelf(young, recorded)
    with serving({"GET /jars": [Answer(body={"files": []})]}) as server, counted() as asked_for:
        keeper(storage, server, policy=Policy(2, 30, ROOT), store=shelf).tidy(NOW)
    assert asked_for == {"list": 1}
    with serving({DISPOSE: [SENT], POLL: [GONE], "GET /jars": [Answer(body={"files": []})]}) as server:
        keeper(storage, server, store=shelf).tidy(NOW)
        assert sent(server) == [path_of(8)]
    going = one.savepoints[0].model_copy(update={"disposing_at": NOW})
    put(storage, one.but(name=ORDERS, savepoints=(going,)))
    with serving({DISPOSE: [SENT], POLL: [GONE], "GET /jars": [Answer(body={"files": []})]}) as server:
        keeper(storage, server).tidy(NOW)
        assert sent(server) == [going.path]


def test_a_pass_finds_what_no_record_names(storage: Storage) -> None:
    """By one listing of the store: the only record that is read is that of the job whose directory holds it."""
    operation = gave_up(storage)
    stray = Found(f"file:///sp/orders/{operation.id}/savepoint-x", operation.id, NOW - timedelta(days=2))
    put(storage, job(copy_of(), savepoints=(saved(8, restored=True), saved(9))))
    put(storage, KEPT.but(name=JobName("one"), savepoints=KEPT.savepoints[-1:]))
    with serving({DISPOSE: [SENT], POLL: [GONE], "GET /jars": [Answer(body={"files": []})]}) as server:
        keeper(storage, server, store=Shelf(stray)).tidy(NOW)
        assert sent(server) == [stray.path]
    assert paths(storage) == [path_of(8), path_of(9)]


def test_a_pass_finds_what_lies_below_any_root(storage: Storage, tmp_path: Path) -> None:
    """In the root that the job chose, by the job's own limits, while a further root cannot be read."""
    operation = gave_up(storage)
    first, second = (Directory.parse((tmp_path / name).as_uri()) for name in ("first", "second"))
    unread = Directory.parse("abfs://team@account.dfs.core.windows.net/sp")
    stray = second.child(ORDERS, operation.id, "savepoint-x")
    Path(stray.path).mkdir(parents=True)
    (Path(stray.path) / "_metadata").write_bytes(b"x")
    old = (NOW - timedelta(days=2)).timestamp()
    os.utime(Path(stray.path) / "_metadata", (old, old))
    spec = Spec(savepoint_directory=str(second), savepoint_retention_count=1)
    put(storage, job(copy_of(release("old", spec)), wanted=None, savepoints=(saved(8, restored=True), saved(9))))
    put(storage, KEPT.but(name=JobName("one"), savepoints=KEPT.savepoints[-1:]))
    missing = BlobSavepoints(storage.blobs.get_container_client("is-not-there"))
    local = LocalSavepoints()
    store = SavepointPlaces([(unread, missing), (first, local), (second, local)])
    policy = Policy(5, 30, first, others=(unread, second))
    with serving({DISPOSE: [SENT], POLL: [GONE], "GET /jars": [Answer(body={"files": []})]}) as server:
        keeper(storage, server, store=store, policy=policy).tidy(NOW)
        assert sent(server) == [str(stray)]


def test_a_pass_disposes_of_the_older_one_of_two(storage: Storage) -> None:
    """Two savepoints are enough for one to go: the job goes on from the newer one."""
    put(storage, job(copy_of(savepoint=path_of(2)), savepoints=(saved(1), saved(2, restored=True))))
    with serving({DISPOSE: [SENT], POLL: [GONE], "GET /jars": [Answer(body={"files": []})]}) as server:
        keeper(storage, server).tidy(NOW)
        assert sent(server) == [path_of(1)]
    assert paths(storage) == [path_of(2)]


def test_without_an_old_jar_no_record_is_read(storage: Storage) -> None:
    """One call an hour on a cluster that is in order."""
    storage.records.upload_blob("cluster/jobs/broken.json", b"{}")
    files = [{"id": "1_a.jar", "name": f"{'ab' * 32}.jar", "uploaded": int(NOW.timestamp() * 1000)}]
    with serving({"GET /jars": [Answer(body={"files": files})]}) as server:
        keeper(storage, server).delete_unused_jars(NOW)
        assert [call.method for call in server.calls] == ["GET"]
