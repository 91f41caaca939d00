"""The gateway over real storage and a stand-in for Flink: what a list costs, its pages, and the runs of a job."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from flinkfuncs.clients.jars import Jars
from flinkfuncs.clients.ledger import MOST_LOOKED_AT, Ledger
from flinkfuncs.clients.savepoint_store import BlobSavepoints, LocalSavepoints, SavepointPlaces
from flinkfuncs.clients.tokens import Caller
from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import Refused
from flinkfuncs.core.histories import run_id
from flinkfuncs.core.jobs import JobRecord, LastOperation
from flinkfuncs.core.names import Directory, JobName
from flinkfuncs.core.operations import Outcome, Result, operation_id
from flinkfuncs.core.periodic import Rhythm
from flinkfuncs.core.runs import Run, RunCopy
from flinkfuncs.core.runs import asked_of as as_asked
from flinkfuncs.gateway.contract import ClusterPath, operation_of, parse_api_version, segment_of
from flinkfuncs.gateway.service import MOST_ROWS, Gateway, ListQuery, parse_list_query
from flinkfuncs.periodic import PeriodicSavepoints
from tests.fixtures.scenes import Play
from tests.stand_in.rest import FlinkServer
from tests.unit.builders import NOW, OLD, ORDERS, asked, copy_of, with_marks
from tests.unit.gateway.made import JARS, SETTINGS
from tests.wire.mortal import CrashError, MortalLedger, Points
from tests.wire.session import intake, quick
from tests.wire.storage import Storage, jar
from tests.wire.test_load import counted

OLDER, API = parse_api_version("2023-06-01-preview"), parse_api_version("2024-05-01")
PATH = ClusterPath.of(SETTINGS)
LOCAL = SETTINGS.model_copy(update={"savepoint_directory": "file:///sp"})
JOBS, ENDED = 250, 3  # a job has as many rows as it had runs
Row = dict[str, Any]


@pytest.fixture
def play(storage: Storage, flink: FlinkServer) -> Play:
    """A job that nothing was done with yet."""
    return Play(storage, flink)


class Gate:
    """The gateway as a caller sees it, with a driver that comes when it is called for."""

    def __init__(self, play: Play, ledger: Ledger | None = None) -> None:
        """Compose it as the app does."""
        ledger = ledger or play.storage.ledger()
        self.play = play
        self.gateway = Gateway(LOCAL, ledger, intake(play.storage, ledger=ledger), play.cluster)

    def page(self, query: ListQuery | None = None, api: Any = API) -> Row:  # noqa: ANN401 - an ApiVersion
        """Return a page."""
        reply = self.gateway.jobs(PATH, api, query or ListQuery(), base_url="https://arm.example")
        document: Row = json.loads(reply.body)
        return document

    def rows(self, api: Any = API) -> list[Row]:  # noqa: ANN401 - as above
        """Return the properties of every row."""
        rows: list[Row] = [row["properties"] for row in self.page(api=api)["value"]]
        return rows

    def asks(self, action: str, **properties: object) -> str:
        """Send a runJob, and return its operation's id."""
        said = {"jobName": "orders"} if "runId" not in properties else {}
        body = {"properties": {"jobType": "FlinkJob", **said, "action": action, **properties}}
        reply = self.gateway.run_job(
            Caller("o", "a"), PATH, API, json.dumps(body).encode(), base_url="https://arm.example"
        )
        return operation_of(reply.headers["Location"].rpartition("/")[2].partition("?")[0])

    def runs(self, action: str, **properties: object) -> Row:
        """Send a runJob, drive it to its end, and return the newest row."""
        self.asks(action, **properties)
        self.play.drives()
        return self.rows()[-1]

    def status(self, operation: str) -> Row:
        """Return what the status of a runJob says of the job."""
        reply = self.gateway.operation_status(API, SETTINGS.gateway_location, segment_of(operation))
        said: Row = json.loads(reply.body)["job"]
        return said

    def ticks(self) -> None:
        """Let the timer come."""
        storage, rhythm = self.play.storage, Rhythm(timedelta(hours=6), 4)
        PeriodicSavepoints(storage.ledger(), storage.queue, self.play.cluster, rhythm).tick(storage.clock.now())

    def puts(self, version: int, *, batch: bool = False) -> dict[str, object]:
        """Put a jar where ARM calls can name it, and return how they do."""
        name = "com.example.Batch" if batch else "com.example.Orders"
        self.play.storage.upload(f"jars/v{version}.jar", jar(name, padding=str(version).encode()))
        return {"jobJarDirectory": JARS, "jarName": f"v{version}.jar", "args": f"--version {version}"}


@pytest.fixture
def gate(play: Play) -> Gate:
    """Return the gateway over that job."""
    return Gate(play)


def fill(ledger: Ledger, jobs: int) -> None:
    """Write records as the app would have written them, each with runs that ended."""

    def write(number: int) -> None:
        name = JobName(f"job-{number:04}")
        ended = tuple(
            Run(id=f"job-{n:03}-0000-0000-{number:012}", ran=RunCopy(flink_job_id=f"{n:032x}", ended="FINISHED"))
            for n in range(ENDED)
        )
        copy = copy_of(flink_job_id=f"{number:032x}")
        record = JobRecord(name=name, wanted=OLD, current=copy, runs=ended, run=f"job-fff-0000-0000-{number:012}")
        ledger.write(record, etag=None)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(jobs)))


def test_a_thousand_rows_cost_one_listing_and_one_call_to_flink(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    """However long the history is."""
    fill(gate.play.storage.ledger(), JOBS)
    with counted() as sent, caplog.at_level("DEBUG", "urllib3.connectionpool"):
        rows = gate.rows()
    assert (len(rows), dict(sent)) == (JOBS * (ENDED + 1), {"list": 1})
    calls = [line for line in caplog.messages if " HTTP/1.1" in line and "/wire/" not in line]
    assert ["/jobs/overview" in call for call in calls] == [True]


def test_pages_show_every_row_once(gate: Gate) -> None:
    """Each says where the next one is, in the caller's own words; the last one says nothing."""
    fill(gate.play.storage.ledger(), 3)
    seen, query, pages = [], ListQuery(top=5), 0
    while True:
        page = gate.page(query)
        seen += [row["id"] for row in page["value"]]
        pages += 1
        if "nextLink" not in page:
            break
        link = urlsplit(page["nextLink"])
        assert f"{link.scheme}://{link.netloc}{link.path}" == f"https://arm.example{PATH.id}/jobs"
        said = {name: values[0] for name, values in parse_qs(link.query).items()}
        assert said.pop("api-version") == API.name
        query = parse_list_query(said.get("$filter"), said["$top"], said["$skiptoken"])
    assert pages == 3
    assert seen == [row["id"] for row in gate.page()["value"]]
    assert len(set(seen)) == 12


def test_a_page_goes_on_behind_a_row_that_is_gone(gate: Gate) -> None:
    """A run leaves the history, or its job is deleted: no later row is left out, and none before it comes again."""
    fill(gate.play.storage.ledger(), 3)
    everything = [row["id"] for row in gate.page()["value"]]
    gone = ListQuery(behind="job-0001/job-999-0000-0000-000000000001")
    assert [row["id"] for row in gate.page(gone)["value"]] == everything[4:]
    assert gate.page(ListQuery(behind="job-9999/job-999-0000-0000-000000000001"))["value"] == []


def test_older_versions_show_the_newest_run_of_each_name(gate: Gate) -> None:
    """Under the job's name, in pages as well."""
    fill(gate.play.storage.ledger(), 3)
    first = gate.page(ListQuery(top=2), OLDER)
    assert [row["id"].rpartition("/")[2] for row in first["value"]] == ["job-0000", "job-0001"]
    said = parse_qs(urlsplit(first["nextLink"]).query)
    rest = gate.page(parse_list_query(None, "2", said["$skiptoken"][0]), OLDER)
    assert [row["properties"]["jobId"] for row in rest["value"]] == [f"{2:032x}"]


@pytest.mark.parametrize(
    ("top", "word"), [("0", None), ("-1", None), ("x", None), ("²", None), (None, "%"), (None, "é")]
)
def test_a_page_that_cannot_be_meant_is_refused(top: str | None, word: str | None) -> None:
    """With a 400 that names the parameter."""
    with pytest.raises(Refused, match=r"\$top|\$skiptoken") as refused:
        parse_list_query(None, top, word)
    assert refused.value.status == 400
    assert parse_list_query(None, "99999999999999", None).top == MOST_ROWS


def test_a_record_of_an_earlier_version_says_what_was_asked_for(gate: Gate) -> None:
    """It knows only how the last operation ended, a periodic savepoint; the one before it is read."""
    ledger = gate.play.storage.ledger()
    result = Result(outcome=Outcome.FAILED, message="no", ended_at=NOW)
    stopped = with_marks(asked(Action.STOP, by="arm"), result=result)
    timer = with_marks(asked(Action.SAVEPOINT, by="timer", identity="2"), result=result)
    for operation in (stopped, timer):
        ledger.close(operation)
    last = LastOperation(
        id=timer.id, action=timer.action, cause=timer.cause, outcome=Outcome.FAILED, message="no", ended_at=NOW
    )
    ledger.write(JobRecord(name=ORDERS, wanted=OLD, current=copy_of(), last=last), etag=None)
    (row,) = gate.rows()
    assert (row["action"], row["actionResult"]) == ("STOP", "FAILED")
    entry = ledger.entry(ORDERS)
    assert entry
    ledger.write(entry.record.but(asked=as_asked(stopped)), etag=entry.etag)
    with counted() as sent:
        assert gate.rows() == [row]
    assert dict(sent) == {"list": 1}


def test_records_of_an_earlier_version_are_completed_once(gate: Gate) -> None:
    """However many periodic savepoints came since; from then on a list costs no more than any other."""
    ledger = gate.play.storage.ledger()
    result = Result(outcome=Outcome.SUCCEEDED, message="saved", ended_at=NOW)
    ledger.close(with_marks(asked(Action.UPDATE, by="arm"), result=result))
    timers = [
        with_marks(
            asked(Action.SAVEPOINT, by="timer"),
            id=operation_id(ORDERS, at=NOW + timedelta(hours=6 * number + 6), identity="timer"),
            result=result,
        )
        for number in range(MOST_LOOKED_AT)
    ]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ledger.close, timers))
    newest = timers[-1]
    last = LastOperation(
        id=newest.id, action=newest.action, cause=newest.cause, outcome=Outcome.SUCCEEDED, message="", ended_at=NOW
    )
    ledger.write(JobRecord(name=ORDERS, wanted=OLD, current=copy_of(), last=last), etag=None)
    never = JobRecord(name=JobName("never"), wanted=OLD, current=copy_of(flink_job_id="e" * 32), last=last)
    ledger.write(never, etag=None)
    (before, _) = sorted(gate.rows(), key=lambda row: str(row["jobName"]), reverse=True)
    assert "action" not in before
    ledger.complete_runs()
    with counted() as sent:
        (after, untold) = sorted(gate.rows(), key=lambda row: str(row["jobName"]), reverse=True)
    assert dict(sent) == {"list": 1}
    assert (after["action"], after["actionResult"], after["runId"]) == ("UPDATE", "SUCCESS", before["runId"])
    assert "action" not in untold
    with counted() as sent:
        ledger.complete_runs()
    assert dict(sent) == {"list": 1}


def test_what_does_not_fit_beside_a_record_is_read(gate: Gate) -> None:
    """A row is never cut: arguments of 20 kB come whole."""
    words = [f"--topic orders-{number}-{number * 7919 % 10007}" for number in range(1500)]
    spec = OLD.spec.model_copy(update={"args": tuple(" ".join(words).split())})
    release = OLD.model_copy(update={"spec": spec})
    record = JobRecord(name=ORDERS, wanted=release, current=copy_of(release))
    gate.play.storage.ledger().write(record, etag=None)
    with counted() as sent:
        (row,) = gate.rows()
    assert row["args"].count("--topic") == len(words)
    assert dict(sent) == {"list": 1, "read": 1}


def test_a_run_id_finds_its_job_without_reading_another_one(gate: Gate) -> None:
    """By the listing; of its own job the record is read, as for every request."""
    fill(gate.play.storage.ledger(), 20)
    gate.asks("SAVEPOINT", runId=f"job-fff-0000-0000-{7:012}")
    with counted() as sent:
        operation = gate.asks("SAVEPOINT", runId=f"job-fff-0000-0000-{13:012}")
    assert "-job-0013-" in operation
    assert sent["list"] == 1
    assert sent["read"] == 2  # its record, and whether that operation was closed already
    with pytest.raises(Refused, match="job-fff-0000-0000-000000000013") as ended:
        gate.asks("SAVEPOINT", runId=f"job-001-0000-0000-{13:012}")
    assert (ended.value.status, ended.value.code) == (409, "RunEnded")


# ---------------------------------------------------------------------------------------------------------------- runs


def test_a_run_keeps_its_id_through_everything_but_the_next_new(gate: Gate, flink: FlinkServer) -> None:
    """STOP, START, UPDATE, and an UPDATE that fails; a NEW of what ended is a row of its own."""
    first = gate.runs("NEW", **gate.puts(1))
    assert (first["status"], first["actionResult"]) == ("RUNNING", "SUCCESS"), first
    assert gate.runs("UPDATE", **gate.puts(2))["runId"] == first["runId"]
    assert gate.runs("STOP", runId=first["runId"])["runId"] == first["runId"]
    started = gate.runs("START", runId=first["runId"])
    assert (started["runId"], started["status"]) == (first["runId"], "RUNNING")
    assert started["jobId"] != first["jobId"]
    gate.runs("CANCEL")
    second = gate.runs("NEW", **gate.puts(3))
    assert (second["status"], second["args"]) == ("RUNNING", "--version 3")
    old, new = gate.rows()
    assert (old["runId"], old["status"], old["jobId"], old["args"]) == (
        first["runId"],
        "CANCELED",
        started["jobId"],
        "--version 2",
    )
    assert new == second
    assert len(flink.flink.running()) == 1
    assert [row["jobId"] for row in gate.rows(OLDER)] == [new["jobId"]]


def test_what_is_meant_for_a_run_that_ended_does_not_hit_the_next_one(gate: Gate, flink: FlinkServer) -> None:
    """Also where the job is named as well, as in a row that is sent back; a NEW may be the copy of any row."""
    first = gate.runs("NEW", **gate.puts(1))
    gate.runs("CANCEL")
    second = gate.runs("NEW", **gate.puts(2))
    for named in ({}, {"jobName": "orders"}):
        with pytest.raises(Refused, match=second["runId"]) as ended:
            gate.asks("CANCEL", runId=first["runId"], **named)
        assert (ended.value.status, ended.value.code) == (409, "RunEnded")
    assert len(flink.flink.running()) == 1
    third = gate.runs("NEW", jobName="orders", runId=first["runId"], **gate.puts(3))
    assert (third["runId"], third["actionResult"]) == (second["runId"], "SUCCESS")
    gate.runs("CANCEL", jobName="orders", runId=second["runId"])
    assert flink.flink.running() == []


def test_a_fixed_name_runs_every_night(gate: Gate, flink: FlinkServer) -> None:
    """A job that finished by itself, without anybody's knowledge, is run again by its NEW, without state."""
    for night in range(1, 4):
        row = gate.runs("NEW", **gate.puts(1))
        assert (row["status"], row["actionResult"]) == ("RUNNING", "SUCCESS"), row
        flink.flink.finish()
        rows = gate.rows()
        assert [row["status"] for row in rows] == ["FINISHED"] * night
        assert len({row["runId"] for row in rows}) == night
        gate.ticks()
        flink.flink.forget_ended()  # as Flink does after an hour
        assert gate.rows() == rows
    assert [start.savepoint for start in flink.flink.starts] == [None] * 3


def test_a_batch_job_is_in_progress_until_it_has_finished(gate: Gate, flink: FlinkServer) -> None:
    """No checkpoint proves it: its operation is UNPROVEN, and the row waits for the run itself."""
    operation = gate.asks("NEW", **gate.puts(1, batch=True))
    gate.play.drives()
    (ended,) = gate.play.storage.ledger().operations(ORDERS)
    assert ended.result
    assert (ended.result.outcome, ended.result.code) == (Outcome.UNPROVEN, "BatchJob")
    for word, result in (("RUNNING", "IN_PROGRESS"), ("FINISHED", "SUCCESS")):
        (row,) = gate.rows()
        assert (row["status"], row["actionResult"]) == (word, result)
        assert row["jobOutput"] == f"Flink internal job status : {word}"
        assert gate.status(operation).items() >= {"actionResult": result, "jobOutput": row["jobOutput"]}.items()
        flink.flink.finish()
    again = gate.runs("NEW", **gate.puts(1, batch=True))
    assert [row["actionResult"] for row in gate.rows()] == ["SUCCESS", "IN_PROGRESS"]
    assert again["runId"] != row["runId"]
    assert gate.status(operation)["actionResult"] == "SUCCESS"


def test_a_batch_job_that_fails_says_so(gate: Gate, flink: FlinkServer) -> None:
    """Although it ran well for a while."""
    operation = gate.asks("NEW", **gate.puts(1, batch=True))
    gate.play.drives()
    flink.flink.fail("java.lang.IllegalStateException: bad input")
    (row,) = gate.rows()
    assert (row["status"], row["actionResult"]) == ("FAILED", "FAILED")
    assert gate.status(operation)["actionResult"] == "FAILED"


def test_a_launch_that_failed_is_a_run_of_its_own(gate: Gate) -> None:
    """As recorded: two rows of one name, of which the older one never had a job id."""
    for _ in range(2):
        gate.runs("NEW", jobJarDirectory=JARS, jarName="missing.jar")
    gate.runs("NEW", **gate.puts(1))
    rows = gate.rows()
    assert [row["status"] for row in rows] == ["JOB_LAUNCH_FAILED", "JOB_LAUNCH_FAILED", "RUNNING"]
    assert ["jobId" in row for row in rows] == [False, False, True]
    assert len({row["runId"] for row in rows}) == 3


def test_a_new_of_what_runs_is_an_update_of_it(gate: Gate, flink: FlinkServer) -> None:
    """From its state, in the same run, under the caller's own word; the same jar again changes nothing."""
    first = gate.runs("NEW", **gate.puts(1))
    jar_2 = gate.puts(2)
    second = gate.runs("NEW", **jar_2)
    assert (second["action"], second["actionResult"], second["runId"]) == ("NEW", "SUCCESS", first["runId"])
    assert (second["args"], len(gate.rows())) == ("--version 2", 1)
    assert flink.flink.starts[-1].savepoint is not None
    for _ in range(3):
        again = gate.runs("NEW", **jar_2)
        assert (again["jobId"], again["actionResult"]) == (second["jobId"], "SUCCESS")
    assert len(flink.flink.starts) == 2


def test_a_new_of_what_runs_never_goes_back_to_the_savepoint_that_it_names(gate: Gate, flink: FlinkServer) -> None:
    """A caller's body names the same savepoint every night: what runs goes on from its own stop."""
    gate.runs("NEW", **gate.puts(1))
    old = gate.runs("STOP")["lastSavePoint"]
    named = gate.runs("NEW", **gate.puts(2), savePointName=old)
    assert (named["status"], flink.flink.starts[-1].savepoint) == ("RUNNING", old)
    updated = gate.runs("NEW", **gate.puts(3), savePointName=old)
    assert (updated["actionResult"], updated["runId"]) == ("SUCCESS", named["runId"])
    assert flink.flink.starts[-1].savepoint == updated["lastSavePoint"] != old
    ended = gate.play.storage.ledger().operations(ORDERS)[0]  # by time; ids of one second have no order
    assert ended.result
    assert "savePointName was not used: a job that runs" in ended.result.message


def test_a_new_of_what_was_stopped_does_not_lose_its_state(gate: Gate, flink: FlinkServer) -> None:
    """It is refused, unless it names the savepoint that it starts from."""
    gate.runs("NEW", **gate.puts(1))
    stopped = gate.runs("STOP")
    refused = gate.runs("NEW", **gate.puts(2))
    assert (refused["actionResult"], refused["status"], len(gate.rows())) == ("FAILED", "STOPPED", 1)
    assert "START goes on" in refused["jobOutput"]
    again = gate.runs("NEW", **gate.puts(2), savePointName=stopped["lastSavePoint"])
    assert (again["status"], len(gate.rows())) == ("RUNNING", 2), again
    assert flink.flink.starts[-1].savepoint == stopped["lastSavePoint"]
    assert "lastSavePoint" not in again


def test_a_delete_of_what_runs_cancels_it_first(gate: Gate, flink: FlinkServer) -> None:
    """And takes its rows away, those of runs that ended as well; over HTTP it is refused as before."""
    gate.runs("NEW", **gate.puts(1))
    gate.runs("CANCEL")
    gate.runs("NEW", **gate.puts(1))
    gate.play.asks(Action.DELETE).drives()
    assert len(flink.flink.running()) == 1
    gate.asks("DELETE")
    gate.play.drives()
    assert gate.rows() == []
    assert flink.flink.running() == []
    row = gate.runs("NEW", **gate.puts(1))
    assert (row["status"], len(gate.rows())) == ("RUNNING", 1)


def test_an_update_that_failed_leaves_the_row_with_what_runs(gate: Gate) -> None:
    """What was asked for is told of as such: by the action, its result and its output."""
    first = gate.runs("NEW", **gate.puts(1))
    failed = gate.runs("UPDATE", jobJarDirectory=JARS, jarName="missing.jar", args="--version 9")
    assert (failed["action"], failed["actionResult"]) == ("UPDATE", "FAILED")
    assert "missing.jar" in failed["jobOutput"]
    for field in ("jarName", "args", "flinkConfiguration", "jobId", "runId", "status"):
        assert failed[field] == first[field]


def test_a_driver_that_dies_anywhere_in_a_new_leaves_two_runs_and_one_job(storage: Storage, flink: FlinkServer) -> None:
    """The run that ended is kept once, and the next one is started once."""
    first = Gate(Play(storage, flink))
    first.runs("NEW", **first.puts(1))
    first.runs("CANCEL")
    first.asks("NEW", **first.puts(2))
    waiting = storage.records.download_blob(f"{storage.cluster}/jobs/{ORDERS}.json").readall()
    deadly = 0
    while True:
        deadly += 1
        storage.cluster = f"cluster{deadly}"
        storage.records.upload_blob(f"{storage.cluster}/jobs/{ORDERS}.json", waiting)
        flink.serve(quick(storage))
        play = Play(storage, flink)
        gate, ledger = Gate(play), MortalLedger(storage)
        ledger.points = Points(deadly)
        died = False
        try:
            storage.driver(play.cluster, ledger=ledger).drive(ORDERS)
        except CrashError:
            died = True
            play.waits_for_the_lease().drives()
        rows = gate.rows()
        assert [row["status"] for row in rows] == ["CANCELED", "RUNNING"], deadly
        assert len({row["runId"] for row in rows}) == 2
        assert len(flink.flink.running()) == 1
        assert flink.flink.wrong == []
        if not died:
            break
    assert deadly > 8


def test_the_run_of_a_record_of_an_earlier_version_keeps_its_id(gate: Gate) -> None:
    """It was that of its copy; from its next operation on it is written down."""
    first = gate.runs("NEW", **gate.puts(1))
    ledger = gate.play.storage.ledger()
    entry = ledger.entry(ORDERS)
    assert entry
    earlier = entry.record.but(run=None, asked=None)
    ledger.write(earlier, etag=entry.etag)
    assert run_id(earlier) == first["runId"]
    assert gate.runs("UPDATE", **gate.puts(2))["runId"] == first["runId"]


def test_a_jar_in_a_place_that_is_not_allowed_is_refused_in_the_row(gate: Gate) -> None:
    """As recorded: the runJob is accepted, and the row says that the launch failed; nothing is read from there."""
    outside = {"jobJarDirectory": "abfs://jobs@evil.example/jars", "jarName": "v1.jar"}
    row = gate.runs("NEW", **outside)
    assert (row["status"], row["actionResult"]) == ("JOB_LAUNCH_FAILED", "FAILED")
    assert row["jobOutput"].startswith("Job execution failed. \nFailed to download jar")
    assert {field: row[field] for field in outside} == outside
    first = gate.runs("NEW", **gate.puts(1))
    failed = gate.runs("UPDATE", **outside)
    assert failed["jobOutput"].startswith("Job execution failed. \nFailed to download jar")
    assert (failed["jobId"], failed["status"], failed["jarName"]) == (first["jobId"], "RUNNING", "v1.jar")
    assert failed["jobJarDirectory"] == JARS


def test_a_jar_comes_from_another_root_through_that_ones_connection(storage: Storage) -> None:
    """And from none that is not configured, whatever a record says."""
    root = Directory.parse("abfs://team@second.dfs.core.windows.net/jars")
    jars = Jars({"directory": storage.uploads}, storage.releases, [(root, storage.records)])
    storage.records.upload_blob("jars/a/v1.jar", jar())
    name = f"{root}/a/v1.jar"
    kept = jars.keep(ORDERS, "directory", name, etag=None, entry_class=None)
    assert jars.kept(ORDERS, kept.sha256).read() == storage.records.download_blob("jars/a/v1.jar").readall()
    for outside in ("abfs://team@third/jars/v1.jar", f"{root}x/v1.jar", "https://evil.example/v1.jar"):
        with pytest.raises(Refused) as refused:
            jars.keep(ORDERS, "directory", outside, etag=None, entry_class=None)
        assert refused.value.code == "OutsideRoot"


def test_savepoints_of_two_roots_are_looked_for_in_their_own_stores(storage: Storage) -> None:
    """What lies below neither is not known, rather than looked for in the wrong container."""
    first, second = (Directory.parse(f"abfs://sp@account{number}/x") for number in (1, 2))
    places = SavepointPlaces([(first, BlobSavepoints(storage.records)), (second, LocalSavepoints())])
    storage.records.upload_blob("x/orders/one/savepoint-1/_metadata", b"")
    assert [one.path for one in places.found([first.child("orders"), second.child("orders")])] == [
        f"{first}/orders/one/savepoint-1"
    ]
    assert [one.path for one in places.lying(first)["orders"]] == [f"{first}/orders/one/savepoint-1"]
    assert places.lying(second) == {}
    third = Directory.parse("abfs://sp@account3/x/orders")
    assert (places.holds(third), places.exists(third), places.checkpoint(third)) == (None, False, None)
    assert (places.found([third]), places.lying(third)) == ([], {})
