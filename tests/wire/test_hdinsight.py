"""Does the cluster behind the ARM job API drive an operation as the recordings say the service behaves?"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

import pytest

from flinkfuncs.clusters.hdinsight import HDInsightCluster
from flinkfuncs.core import progress
from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import Unavailable
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Outcome
from flinkfuncs.core.steps import End, PlaceJar, Submit
from tests.recordings import NAMES, recording
from tests.unit.arm_samples import NOW, operation, release

from .arm_driver import JOB1, PlacedJars, answered, cluster, drive, job1
from .arm_samples import SUBSCRIPTION, client, settings
from .server import Answer, Fault, LocalServer, serving

DIRECTORY = "abfs://flinkjob@hilosa.dfs.core.windows.net/jars"


# ---------------------------------------------------------------------------------------------------------- recordings


Body = dict[str, Any]
EMPTY = Answer(body={"value": []})


def replayed(change: Callable[[Body, Body, Body], None] = lambda _run, _poll, _listed: None) -> tuple[End, LocalServer]:
    """Replay the NEW of 2023 whose jar could not be downloaded; a change is made to what was answered."""
    spec: dict[str, object] = {"entry_class": "com.microsoft.hilo.flink.job.streaming.SleepJob", "parallelism": 1}
    known, subject = job1(operation(Action.NEW))
    with serving({"GET /jobs": [EMPTY]}) as server:
        run, poll, listed = (answered(server, "runjob-new-2023-06", name) for name in ("run", "poll", "list"))
        headers = dict(run.headers)
        change(headers, cast("Body", poll.body), cast("Body", listed.body))
        accepted = Answer(run.status, run.body, headers, then={"GET /jobs": [listed]})
        server.answers |= {"POST /runJob": [accepted], "GET ": [poll]}
        end, steps = drive(cluster(server, held=release(spec=spec)), known, subject)
    assert steps == ["Keep", "PlaceJar", "Submit"]
    return end, server


def properties(listed: Body) -> Body:
    """The properties of the only row."""
    row: Body = listed["value"][0]["properties"]
    return row


def test_the_recorded_launch_that_failed_is_a_failure_with_its_output() -> None:
    """Promise: the operation said Succeeded, the row JOB_LAUNCH_FAILED: FAILED, in the service's words."""
    end, _ = replayed()
    assert end.outcome is Outcome.FAILED
    assert end.message == "NEW failed: Job execution failed. Failed to download jar"
    assert end.row is not None
    assert (end.row.status, end.row.action_result) == ("JOB_LAUNCH_FAILED", "FAILED")


def test_what_is_sent_is_what_was_recorded() -> None:
    """Promise: path, query and body of the POST are the recorded ones, but for our place and our marker."""
    _, server = replayed()
    recorded = recording("runjob-new-2023-06").exchange("run")
    [post] = [call for call in server.calls if call.method == "POST"]
    assert post.path == recorded.path
    expected = json.loads(json.dumps(recorded.request))
    expected["properties"] |= {"jobName": "job1", "jobJarDirectory": f"{DIRECTORY}/job1", "jarName": "job1.jar"}
    expected["properties"]["flinkConfiguration"]["flinkfuncs.operation"] = "20260915T041847Z-job1-3f2a9c1b7d4e"
    assert post.sent == expected
    polled = urlsplit(next(call.path for call in server.calls if "operationStatuses" in call.path))
    assert f"{polled.path}?{polled.query}" == recording("runjob-new-2023-06").exchange("poll").path


CHANGES: dict[str, tuple[Callable[[Body, Body, Body], None], Outcome]] = {
    "the poll's status": (lambda _r, poll, _l: poll.update(status="Running"), Outcome.UNKNOWN),
    "the poll's failure": (lambda _r, poll, _l: poll.update(status="Failed"), Outcome.FAILED),
    "the row's jobName": (lambda _r, _p, listed: properties(listed).update(jobName="job2"), Outcome.UNKNOWN),
    "the row's action": (lambda _r, _p, listed: properties(listed).update(action="STOP"), Outcome.UNKNOWN),
    "the row's status and actionResult": (
        lambda _r, _p, listed: properties(listed).update(status="RUNNING", actionResult="SUCCESS"),
        Outcome.SUCCEEDED,
    ),
    "the row's actionResult": (
        lambda _r, _p, listed: properties(listed).update(status="RUNNING", actionResult="IN_PROGRESS"),
        Outcome.UNKNOWN,
    ),
    "the row's jobOutput": (
        lambda _r, _p, listed: properties(listed).update(jobOutput="no such class"),
        Outcome.FAILED,
    ),
    "the row's marker": (
        lambda _r, _p, listed: properties(listed).update(flinkConfiguration={"flinkfuncs.operation": "x"}),
        Outcome.UNKNOWN,
    ),
}


@pytest.mark.parametrize("field", CHANGES)
def test_each_field_that_is_read_decides(field: str) -> None:
    """Promise: changing it in the recording changes the outcome, or the words."""
    change, outcome = CHANGES[field]
    end, _ = replayed(change)
    assert end.outcome is outcome
    assert end != replayed()[0]


def test_the_operation_is_found_by_either_header() -> None:
    """Promise: Location and Azure-AsyncOperation each lead to the poll; without both the rows alone tell."""
    for gone, polls in (
        (["Location"], True),
        (["Azure-AsyncOperation"], True),
        (["Location", "Azure-AsyncOperation"], False),
    ):

        def remove(run: Body, _poll: Body, _listed: Body, gone: list[str] = gone) -> None:
            for name in gone:
                del run[name]

        end, server = replayed(remove)
        assert any("operationStatuses" in call.path for call in server.calls) is polls
        assert end.outcome is Outcome.FAILED


def test_every_recorded_list_is_read() -> None:
    """Promise: all rows of all versions, the fresh one without any status, too."""
    words = {}
    for name in NAMES:
        with serving({"GET /jobs": []}) as server:
            server.answers["GET /jobs"] = [answered(server, name, "list")]
            words[name] = [(row.job_name, row.status, row.action_result) for row in client(server).jobs()]
    assert words == {
        "list-2023-11": [
            ("testname", "JOB_LAUNCH_FAILED", "FAILED"),
            ("test", "JOB_LAUNCH_FAILED", "FAILED"),
            ("test", None, None),
        ],
        "list-documented": [("job1", "STOPPED", "SUCCESS")],
        "runjob-2024-05": [("job1", "RUNNING", "SUCCESS")],
        "runjob-new-2023-06": [("job1", "JOB_LAUNCH_FAILED", "FAILED")],
    }


def test_the_documented_stop_tells_its_savepoint() -> None:
    """Promise: the path in jobOutput, else lastSavePoint; the savepoint is recorded with the copy's id."""
    path = "<JOB_SAVEPOINT_DIRECTORY_STORAGE_PATH>s/savepoint-20e9e9-8a48c6b905e5"
    for gone in ("jobOutput", "lastSavePoint"):
        known, subject = job1(operation(Action.STOP))
        with serving({}) as server:
            after = answered(server, "list-documented", "list")
            before = Answer(body=json.loads(json.dumps(after.body)))
            properties(cast("Body", after.body)).pop(gone)
            properties(cast("Body", before.body)).update(action="NEW", status="RUNNING", jobOutput=None)
            accepted = Answer(202, then={"GET /jobs": [after]})
            server.answers |= {"GET /jobs": [before], "POST /runJob": [accepted]}
            end, steps = drive(cluster(server), known, subject)
        assert (steps, end.outcome, end.savepoint) == (["Submit"], Outcome.SUCCEEDED, path)
        concluded = progress.concluded(known, subject, end, NOW)
        assert [(s.path, s.flink_job_id) for s in concluded.savepoints] == [(path, "20e9e907eb360b1c69510507f88cdb7b")]


# ------------------------------------------------------------------------------------------------------------- faults


def listed_row(**fields: str) -> Answer:
    """A list with one row of the job."""
    return Answer(body={"value": [{"properties": {"jobName": "job1", **fields}}]})


BEFORE = listed_row(action="NEW", status="RUNNING", actionResult="SUCCESS")
DONE = listed_row(action="STOP", status="STOPPED", actionResult="SUCCESS")
BUSY = Answer(503, then={"GET /jobs": [BEFORE]})
TAKEN = Answer(202, then={"GET /jobs": [DONE]})
CONFLICT = Answer(409, {"error": {"code": "OperationNotAllowed", "message": "not now"}})


@pytest.mark.parametrize(
    ("posts", "later", "outcome", "sent"),
    [
        ([Fault.RESET_AFTER], DONE, Outcome.SUCCEEDED, 1),
        ([Fault.RESET_AFTER], BEFORE, Outcome.UNKNOWN, 1),
        ([Fault.SILENCE], DONE, Outcome.SUCCEEDED, 1),
        ([Answer(500)], BEFORE, Outcome.UNKNOWN, 1),
        ([BUSY, BUSY, TAKEN], BEFORE, Outcome.SUCCEEDED, 3),
        ([CONFLICT], BEFORE, Outcome.REFUSED, 1),
    ],
)
def test_a_call_is_sent_again_only_if_it_surely_did_not_leave(
    posts: list[Answer | Fault], later: Answer, outcome: Outcome, sent: int
) -> None:
    """Promise: after a timeout, a reset or a 500 the rows are looked at, and the POST stays the only one."""
    known, subject = job1(operation(Action.STOP))
    with serving({"POST /runJob": posts, "GET /jobs": [BEFORE, BEFORE, later]}) as server:
        end, _ = drive(cluster(server), known, subject)
        assert (end.outcome, server.count("POST")) == (outcome, sent)


# ------------------------------------------------------------------------------------------------------------ the rest


def test_a_jar_is_placed_under_the_jobs_name() -> None:
    """Promise: <JOB_JAR_DIRECTORY>/<job>/<job>.jar, whatever the uploaded file is called."""
    jars = PlacedJars()
    known, subject = job1(operation(Action.NEW))
    with serving({}) as server:
        cluster(server, jars).act(known, subject, PlaceJar(release()))
    assert jars.placed == [("job1", "a" * 64, "jars/job1/job1.jar")]


def test_the_last_look_before_a_call_is_a_fresh_one() -> None:
    """Promise: a row that changed since the shared listing is seen before anything is sent."""
    known, subject = job1(operation(Action.STOP))
    running = Answer(
        body={"value": [{"properties": {"jobName": "job1", "status": "RUNNING", "actionResult": "SUCCESS"}}]}
    )
    stopped = Answer(body={"value": [{"properties": {"jobName": "job1", "status": "STOPPED"}}]})
    with serving({"GET /jobs": [running, stopped]}) as server:
        target = HDInsightCluster(settings(server.url), client(server), PlacedJars(), lambda _r, _o: release())
        assert target.statuses({JOB1: known}) == {JOB1: "RUNNING"}
        step = target.next_step(known, subject, NOW)
    assert isinstance(step, End)
    assert step.code == "JobNotRunning"


def test_a_refusal_to_list_ends_what_touched_nothing_and_is_waited_out_by_the_rest() -> None:
    """Promise: a wrong role is told on the operation; one that was sent is not dropped."""
    known, subject = job1(operation(Action.STOP))
    begun = progress.begun(known, subject.id, Submit(Action.STOP, None, None, None, ""), NOW)
    denied = Answer(403, {"error": {"code": "AuthorizationFailed", "message": "no role"}})
    with serving({"GET /jobs": [denied]}) as server:
        target = cluster(server)
        end = target.next_step(known, subject, NOW)
        assert isinstance(end, End)
        assert (end.outcome, end.code) == (Outcome.REFUSED, "AuthorizationFailed")
        with pytest.raises(Unavailable):
            target.next_step(begun, begun.operation(subject.id) or subject, NOW)
        with pytest.raises(Unavailable):
            target.statuses({JOB1: known})


def test_statuses_come_from_one_listing() -> None:
    """Promise: the service's word, VANISHED for a job that it lost, NONE for one that it never had."""
    rows = [{"properties": {"jobName": "job1", "status": "STOP-FAILED"}}, {"properties": {"jobName": "fresh"}}]
    known = {JobName(name): JobRecord(name=JobName(name)) for name in ("job1", "fresh", "never", "lost")}
    known[JobName("lost")] = known[JobName("lost")].but(wanted=release())
    with serving({"GET /jobs": [Answer(body={"value": rows})]}) as server:
        statuses = cluster(server).statuses(known)
        assert server.count("GET") == 1
    assert statuses == {"job1": "STOP_FAILED", "fresh": "STARTING", "never": "NONE", "lost": "VANISHED"}


def test_the_key_names_the_cluster_in_lower_case() -> None:
    """Promise: two clusters never share a ledger."""
    with serving({}) as server:
        assert cluster(server).key == f"{SUBSCRIPTION}.group.ps-test-pool.flinkcluster"
