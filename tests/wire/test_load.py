"""How often are storage and Flink asked? The numbers from which docs/capacity.md says what one app can carry.

Counted are the requests that really leave, by the log of the library that sends them. Flink is a stand-in,
so nothing waits: what waiting adds is a write each half lease, and docs/capacity.md says so.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from flinkfuncs.clients.flink import Flink
from flinkfuncs.clusters.session import SessionCluster
from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import JobRecord, Savepoint
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Operation
from flinkfuncs.core.periodic import Rhythm
from flinkfuncs.periodic import PeriodicSavepoints
from tests.documents import CAPACITY
from tests.fixtures.scenes import Play
from tests.stand_in.rest import FlinkServer
from tests.unit.builders import LIMITS, NOW, OLD, ORDERS, asked, copy_of
from tests.wire.api import Api, json_of
from tests.wire.grown import put_grown
from tests.wire.server import Answer, Fault, serving
from tests.wire.session import Session, intake
from tests.wire.storage import Storage, jar

SENT = re.compile(r'"(GET|HEAD|PUT|POST|DELETE) (/wire/\S+) HTTP')  # to the account of these tests, not to Flink
WRITES = ("PUT", "POST", "DELETE")


class Requests(logging.Handler):
    """What was sent while somebody counted: `list`, `read` and `write` of blobs, and `message`."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self.sent: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Count one."""
        if found := SENT.search(record.getMessage()):
            self.sent[_kind(*found.groups())] += 1


def _kind(method: str, path: str) -> str:
    if "/messages" in path:
        return "message"
    if "comp=list" in path:
        return "list"
    return "write" if method in WRITES else "read"


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count what leaves in a block."""
    log, handler = logging.getLogger("urllib3.connectionpool"), Requests()
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield handler.sent
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


OPERATIONS: dict[str, Callable[[Play], object]] = {
    "NEW": lambda p: p.uploads().drives(),
    "UPDATE": lambda p: p.uploads().drives(),
    "SAVEPOINT": lambda p: p.asks(Action.SAVEPOINT).drives(),
    "LIST_SAVEPOINT": lambda p: p.asks(Action.LIST_SAVEPOINT).drives(),
    "STOP": lambda p: p.asks(Action.STOP).drives(),
    "START": lambda p: p.asks(Action.START).drives(),
    "CANCEL": lambda p: p.asks(Action.CANCEL).drives(),
    "DELETE": lambda p: p.asks(Action.DELETE).drives(),
}


def test_an_operation_asks_storage_as_often_as_the_page_says(storage: Storage, flink: FlinkServer) -> None:
    """From the event or the call to the end; the upload itself is the uploader's."""
    play = Play(storage, flink)
    rows = []
    for name, operation in OPERATIONS.items():
        with counted() as sent:
            operation(play)
        if name in ("NEW", "UPDATE"):
            sent["write"] -= 2  # the jar and its job.json: what the uploader sends
            sent["read"] -= 2  # … and looks at
        rows.append(f"| {name} | {sent['read']} | {sent['list']} | {sent['write']} | {sent['message']} |")
    assert [row for row in rows if row not in CAPACITY.read_text()] == []


@pytest.mark.parametrize("jobs", [3, 30])
def test_a_tick_asks_storage_no_more_often_for_more_jobs(storage: Storage, flink: FlinkServer, jobs: int) -> None:
    """The sweeper and the savepoint timer list; they read no record of a job for which there is nothing to do."""
    play = Play(storage, flink)
    now = datetime.now(UTC)
    for number in range(jobs):
        name = JobName(f"job-{number}")
        storage.upload(f"stateful/{name}/v1.jar", jar())
        record = JobRecord(name=name, wanted=OLD, current=copy_of(), uploaded_at=now + timedelta(minutes=1))
        storage.ledger().write(record.but(periodic_at=now), etag=None)
    with counted() as sent:
        play.intake.sweep(now + timedelta(minutes=10))
    assert sent == {"list": 3}  # the records, and the two folders
    with counted() as sent:
        rhythm = Rhythm(timedelta(hours=6), 4)
        PeriodicSavepoints(storage.ledger(), storage.queue, Session(storage, flink), rhythm).tick(now)
    assert sent == {"list": 1}


def test_junk_and_uploads_that_wait_cost_the_sweeper_nothing_after_its_first_look(storage: Storage) -> None:
    """Refused for their bytes, waiting for a jar, and under names that are no job's."""
    for number in range(20):
        storage.upload(f"stateful/junk-{number}/job.json", "{")
        storage.upload(f"stateful/waits-{number}/a.jar", jar())
        storage.upload(f"stateful/waits-{number}/job.json", '{"jar": "b.jar"}')
        storage.upload(f"stateful/no_job_{number}/a.jar", jar())
    swept = intake(storage)
    swept.sweep(datetime.now(UTC))
    with counted() as sent:
        swept.sweep(datetime.now(UTC))
    assert sent == {"list": 3}


def test_a_record_stays_small(storage: Storage, flink: FlinkServer) -> None:
    """What every write carries: a savepoint adds some 400 bytes, and retention bounds their number."""
    play = Play(storage, flink).runs()
    sizes = []
    for _ in range(11):
        play.asks(Action.SAVEPOINT).drives()
        sizes.append(len(play.record.to_json()))
    assert (sizes[-1] - sizes[0]) / 10 < 500
    assert sizes[-1] < 8192


COPY, OTHER, PATH = "a" * 32, "b" * 32, "file:/sp/orders/x/savepoint-1"
RUNNING = {"vertices": [{"id": "v", "name": "v", "parallelism": 1, "status": "RUNNING"}], "name": "orders"}
DONE = {"status": {"id": "COMPLETED"}, "operation": {"location": PATH, "checkpointId": 1}}


def answers(operation: Operation) -> dict[str, list[Answer | Fault]]:
    """A cluster that answers at once, and carries out what it is asked at once."""
    new = operation.token("copy")
    restored = {"id": 1, "external_path": PATH, "is_savepoint": True}
    told = {"latest": {"restored": restored}, "counts": {"restored": 1, "completed": 1}}
    ended = {"STOP": "FINISHED", "CANCEL": "CANCELED"}.get(operation.action, "RUNNING")
    after: dict[str, list[Answer | Fault]] = {
        f"GET {COPY}/status": [Answer(body={"status": ended})],
        f"GET {new}/status": [Answer(body={"status": "RUNNING"})],
        f"GET {operation.token('stop')}": [Answer(body=DONE)],
        f"GET {operation.token('savepoint')}": [Answer(body=DONE)],
    }
    return {
        f"GET {COPY}/status": [Answer(body={"status": "RUNNING"})],
        f"GET {COPY}": [Answer(body=RUNNING)],
        f"GET {new}/status": [Answer(404)],
        f"GET {new}": [Answer(body=RUNNING)],
        f"GET {new}/checkpoints": [Answer(body=told)],
        f"GET {new}/exceptions": [Answer(body={"exceptionHistory": {"entries": []}})],
        f"GET {operation.token('checkpoint', 1)}": [Answer(body=DONE)],
        "GET /jars": [Answer(body={"files": [{"id": "1", "name": f"{OLD.sha256}.jar", "uploaded": 9999999999999}]})],
        "GET /jobmanager/config": [Answer(body=[])],
        "GET /jobs/overview": [Answer(body={"jobs": []})],
        "GET /config": [Answer(body={"flink-version": "2.3.0"})],
        "POST ": [Answer(202, body={"request-id": "x", "jobid": new}, then=after)],
        "PATCH ": [Answer(202, then=after)],
    }


@pytest.mark.parametrize("action", [Action.SAVEPOINT, Action.STOP, Action.START, Action.CANCEL])
def test_an_operation_asks_flink_as_often_as_the_page_says(storage: Storage, action: Action) -> None:
    """Of a cluster that is as quick as can be: each further look costs what one look costs."""
    stopped = action is Action.START
    operation = asked(action).model_copy(update={"driven_at": None})
    taken = Savepoint(path=PATH, taken_at=NOW, origin=Action.STOP, cause="http", flink_job_id=COPY, operation="earlier")
    copy = copy_of(flink_job_id=COPY, ended="STOPPED" if stopped else None)
    record = JobRecord(name=ORDERS, wanted=OLD, current=copy, savepoints=(taken,) if stopped else (), open=(operation,))
    storage.ledger().write(record, etag=None)
    limits = replace(LIMITS, settle_seconds=0.0)
    with serving(answers(operation)) as server:
        flink = Flink(server.url, call_seconds=2)
        cluster = SessionCluster(
            flink, storage.jars, lambda _r, _o: OLD, limits, name="cluster", owner_of=lambda _i, _j: None
        )
        storage.driver(cluster).drive(ORDERS)
        acts = [call.method for call in server.calls if call.method != "GET"]
        row = f"| {action} | {server.count('GET')} | {len(acts)} |"
    closed = storage.ledger().closed(operation.id)
    assert closed
    assert closed.result
    assert closed.result.outcome == "SUCCEEDED", closed.result
    assert row in CAPACITY.read_text(), row


@pytest.mark.parametrize(
    "jobs", [3, 100, pytest.param(1000, marks=pytest.mark.nightly("a page has 5,000; a hundred ask no less often"))]
)
def test_a_list_of_all_jobs_asks_storage_once_whatever_their_number(
    storage: Storage, flink: FlinkServer, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing has up to 5,000 jobs: 1,000 of them are one request, however much is known of each; so is health."""
    names = [JobName(f"job-{number}") for number in range(jobs)]
    put_grown(storage.ledger(), names)
    api = Api(Play(storage, flink), checked=jobs < 100)
    with counted() as sent:
        listed = json_of(api.get("/api/jobs"))["jobs"]
    assert sorted(job["name"] for job in listed) == sorted(names)
    assert {(job["last"]["outcome"], len(job["open"])) for job in listed} == {("SUCCEEDED", 2)}
    assert all(job["lastSavePointAt"] for job in listed)
    assert sent == {"list": 1}
    with counted() as sent:
        page = json_of(api.get("/api/operations?state=open"))
    assert len(page["operations"]) == min(2 * jobs, 200)
    assert sent == {"list": 1}
    with counted() as sent:
        assert sum(map(len, storage.ledger().runs().values())) == jobs  # what the gateway lists
    assert sent == {"list": 1}
    for name in ("JARS_CONTAINER", "OPERATIONS_QUEUE", "SAVEPOINT_SCHEDULE", "SWEEP_SCHEDULE"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("FLINK_CLUSTER_KIND", "session")
    with counted() as sent:
        assert json_of(api.get("/api/health"))["storage"] == {"reachable": True}
    assert sent == {"list": 1}


def test_the_open_operations_of_all_jobs_are_one_listing(storage: Storage, flink: FlinkServer) -> None:
    """Only the record of a job is read of which more is open than its metadata names."""
    for name, number in {"busy": 1, "waits": 3, "rests": 0, "crowded": 5}.items():
        open_ = tuple(asked(Action.STOP, identity=f"{name} {each}") for each in range(number))
        storage.ledger().write(JobRecord(name=JobName(name), open=open_), etag=None)
    with counted() as sent:
        found = json_of(Api(Play(storage, flink)).get("/api/operations?state=open"))["operations"]
    assert Counter(each["job"] for each in found) == {"busy": 1, "waits": 3, "crowded": 5}
    assert sent == {"list": 1, "read": 1}
