"""The client of Flink's REST API against a local server that answers as Flink was measured to answer."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from flinkfuncs.clients.flink import Flink, RunRequest
from flinkfuncs.core.errors import DETAIL_LIMIT, FlinkFuncsError, NotFound, Refused, Unanswered, Unavailable
from flinkfuncs.core.session.facts import Left, TriggerDone, TriggerFailed, TriggerRunning, TriggerSeen, TriggerUnknown
from flinkfuncs.core.session.slots import Room

from .server import Answer, Fault, LocalServer, serving

JOB, TRIGGER = "a" * 32, "b" * 32
RUN = RunRequest(
    jar_id="1_orders.jar",
    flink_job_id=JOB,
    entry_class="com.example.Orders",
    arguments=["--topic", "two words"],
    parallelism=3,
    configuration={"pipeline.name": "orders"},
    savepoint="file:///sp/1",
    allow_non_restored_state=False,
)


def flink(server: LocalServer, call_seconds: float = 5) -> Flink:
    """Return a client of the server."""
    return Flink(server.url, call_seconds=call_seconds)


def errors(*lines: str) -> dict[str, list[str]]:
    """Return Flink's form of an error: a first line, and a stack trace."""
    return {
        "errors": ["Internal server error.", "<Exception on server side:\n" + "\n".join(lines) + "\nEnd of exception>"]
    }


UNKNOWN_JOB = errors(f"org.apache.flink.runtime.messages.FlinkJobNotFoundException: Could not find Flink job ({JOB})")
COMPLETED = {"status": {"id": "COMPLETED"}}


# --------------------------------------------------------------------------------------------------------------- status


@pytest.mark.parametrize("status", [500, 404])
def test_an_unknown_job_has_no_status(status: int) -> None:
    """Flink answers 500 for it at /status, and 404 elsewhere."""
    with serving({"GET /status": [Answer(status, UNKNOWN_JOB)]}) as server:
        assert flink(server).status(JOB) is None


@pytest.mark.parametrize("answer", [Answer(500, errors("java.lang.NullPointerException")), Answer(502, raw=b"<html>"), Answer(200, raw=b"<html>"), Answer(200, {"state": "RUNNING"})])  # fmt: skip
def test_an_answer_that_is_no_status_is_not_taken_for_an_unknown_job(answer: Answer) -> None:
    """Unknown leads to starts; whatever else went wrong only leads to another look."""
    with serving({"GET /status": [answer]}) as server, pytest.raises(Unavailable):
        flink(server).status(JOB)


@pytest.mark.parametrize(
    ("vertices", "runs"),
    [(["RUNNING", "FINISHED"], True), (["RUNNING", "DEPLOYING"], False), (["RUNNING", "FAILED"], False), ([], False)],
)
def test_a_job_runs_when_all_its_tasks_do(vertices: list[str], runs: bool) -> None:
    """RUNNING alone does not say so; a job without vertices is still INITIALIZING."""
    body = {"jid": JOB, "state": "RUNNING", "vertices": [{"status": status} for status in vertices]}
    with serving({f"GET /jobs/{JOB}": [Answer(200, body)]}) as server:
        job = flink(server).described(JOB)
        assert job
        assert job.tasks_run is runs


# ----------------------------------------------------------------------------------------------------- the newest state

KEEPS = {"externalization": {"enabled": True, "delete_on_cancellation": False}, "unaligned_checkpoints": True}
DELETES = KEEPS | {"externalization": {"enabled": True, "delete_on_cancellation": True}}
NEVER = KEEPS | {"externalization": {"enabled": False}}


def told(number: int, path: str | None = "file:/cp/chk", **more: object) -> dict[str, object]:
    return {"id": number, "external_path": path, "is_savepoint": False, **more}


@pytest.mark.parametrize(
    ("latest", "config", "ended", "left"),
    [
        ({}, KEEPS, True, None),
        ({"completed": told(7)}, KEEPS, True, Left("file:/cp/chk", unaligned=True)),
        ({"completed": told(7)}, DELETES, True, Left("file:/cp/chk", survives=False, unaligned=True)),
        ({"completed": told(7)}, NEVER, True, Left("file:/cp/chk", survives=False, unaligned=True)),
        # discarded: by the end of the job, or by a checkpoint that is newer than the cached answer
        ({"completed": told(7, discarded=True)}, KEEPS, True, Left("file:/cp/chk", survives=False, unaligned=True)),
        ({"completed": told(7, discarded=True)}, KEEPS, False, Left("file:/cp/chk", unaligned=True)),
        ({"completed": told(7, "<checkpoint-not-externally-addressable>")}, KEEPS, False,
         Left("<checkpoint-not-externally-addressable>", survives=False, unaligned=True)),
        # the highest number is the newest; savepoints stay whatever the configuration says
        ({"completed": told(7), "savepoint": told(8, "file:/sp/1")}, DELETES, True, Left("file:/sp/1")),
        ({"completed": told(9), "savepoint": told(8, "file:/sp/1")}, KEEPS, True, Left("file:/cp/chk", unaligned=True)),
        ({"restored": told(6, "file:/sp/0", is_savepoint=True)}, DELETES, True, Left("file:/sp/0")),
        ({"restored": told(6, "file:/cp/6")}, KEEPS, True, Left("file:/cp/6", unaligned=True)),
        ({"restored": told(6, "file:/sp/0", is_savepoint=True), "completed": told(7)}, KEEPS, True, Left("file:/cp/chk", unaligned=True)),
    ],
)  # fmt: skip
def test_the_newest_state_is_told_with_whether_it_survives(
    latest: dict[str, object], config: dict[str, object], ended: bool, left: Left | None
) -> None:
    """What Flink names may be gone, or go with the job."""
    answers = {"GET /checkpoints/config": [Answer(200, config)], "GET /checkpoints": [Answer(200, {"latest": latest})]}
    with serving(answers) as server:
        assert flink(server).left(JOB, ended=ended) == left


@pytest.mark.parametrize(
    ("answer", "error"), [(Answer(404, UNKNOWN_JOB), NotFound), (Answer(404, raw=b"<html>"), Unavailable)]
)
def test_a_forgotten_job_is_told_from_a_flink_that_is_away(answer: Answer, error: type[Exception]) -> None:
    """Only Flink's own word leads to the storage."""
    with serving({"GET /checkpoints": [answer]}) as server, pytest.raises(error):
        flink(server).left(JOB, ended=True)


# ------------------------------------------------------------------------------------------------------------- triggers


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (Answer(404, errors("There is no savepoint operation")), TriggerUnknown()),
        (Answer(200, {"status": {"id": "IN_PROGRESS"}, "operation": None}), TriggerRunning()),
        (Answer(200, COMPLETED | {"operation": {"location": "file:/sp/savepoint-1"}}), TriggerDone("file:/sp/savepoint-1")),
        (
            Answer(200, COMPLETED | {"operation": {"failure-cause": {"class": "x", "stack-trace": "a.B: no\nCaused by: c.D: disk full\n\tat e"}}}),
            TriggerFailed("c.D: disk full"),
        ),
        (
            Answer(200, COMPLETED | {"operation": {"failure-cause": {"stack-trace": f"x.StopWithSavepointStoppingException: A savepoint has been created at: file:/sp/savepoint-2, but the corresponding job {JOB} failed during stopping."}}}),
            TriggerFailed(f"x.StopWithSavepointStoppingException: A savepoint has been created at: file:/sp/savepoint-2, but the corresponding job {JOB} failed during stopping.", "file:/sp/savepoint-2"),
        ),
    ],
    ids=["unknown", "in progress", "done", "failed", "written but failed"],
)  # fmt: skip
def test_only_a_location_means_that_a_savepoint_is_complete(answer: Answer, seen: TriggerSeen) -> None:
    """COMPLETED is said of failures, too; one failure still names a consistent savepoint."""
    with serving({f"GET /jobs/{JOB}/savepoints/{TRIGGER}": [answer]}) as server:
        assert flink(server).savepoint(JOB, TRIGGER) == seen


def test_a_stop_is_camel_case_and_a_savepoint_has_dashes() -> None:
    """Both carry the trigger id that was written down, and neither drains or cancels."""
    with serving({"POST /stop": [Answer(202, {})], "POST /savepoints": [Answer(202, {})]}) as server:
        client = flink(server)
        client.stop(JOB, trigger_id=TRIGGER, directory="file:///sp", savepoint_format="NATIVE")
        client.trigger_savepoint(JOB, trigger_id=TRIGGER, directory="file:///sp", savepoint_format="CANONICAL")
        assert [call.sent for call in server.calls] == [
            {"triggerId": TRIGGER, "targetDirectory": "file:///sp", "drain": False, "formatType": "NATIVE"},
            {"triggerId": TRIGGER, "target-directory": "file:///sp", "cancel-job": False, "formatType": "CANONICAL"},
        ]


@pytest.mark.parametrize("status", [202, 404, 409])
def test_a_cancel_of_what_has_ended_is_no_error(status: int) -> None:
    """The next look tells what became of the job."""
    with serving({"PATCH /jobs/" + JOB: [Answer(status, UNKNOWN_JOB)]}) as server:
        flink(server).cancel(JOB)
        assert server.calls[0].path.endswith("?mode=cancel")


# --------------------------------------------------------------------------------------------------------------- starts


def config(version: str) -> dict[str, Sequence[Answer]]:
    """Return the answer that tells Flink's version."""
    return {"GET /config": [Answer(200, {"flink-version": version, "refresh-interval": 3000})]}


@pytest.mark.parametrize(
    ("version", "word"),
    [("1.17.2", "restoreMode"), ("1.19.3", "restoreMode"), ("1.20.5", "claimMode"), ("2.3.0", "claimMode"), ("2.4-SNAPSHOT", "claimMode")],
)  # fmt: skip
def test_a_start_always_says_how_the_state_is_taken(version: str, word: str) -> None:
    """The savepoint stays ours in every version; 1.17 answers 400 to the other word."""
    with serving(config(version) | {"POST /run": [Answer(200, {"jobid": JOB})]}) as server:
        flink(server).run(RUN)
        assert server.calls[-1].sent == {
            "jobId": JOB,
            "entryClass": "com.example.Orders",
            "programArgsList": ["--topic", "two words"],
            "parallelism": 3,
            "flinkConfiguration": {"pipeline.name": "orders"},
            "savepointPath": "file:///sp/1",
            "allowNonRestoredState": False,
            word: "NO_CLAIM",
        }


def test_a_fresh_start_names_no_savepoint_and_still_says_that_no_state_may_be_dropped() -> None:
    """A key of the configuration could otherwise decide it."""
    with serving(config("2.3.0") | {"POST /run": [Answer(200, {"jobid": JOB})]}) as server:
        flink(server).run(replace(RUN, savepoint=None, entry_class=None))
        sent = server.calls[-1].sent
        assert isinstance(sent, dict)
        assert not {"savepointPath", "entryClass"} & set(sent)
        assert sent["allowNonRestoredState"] is False


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (Answer(400, errors("x.ProgramInvocationException: The main method caused an error", "Caused by: java.lang.RuntimeException: no such topic")), Refused, "no such topic"),
        (Answer(400, errors("x.DuplicateJobSubmissionException: Job has already been submitted.")), Refused, "already been submitted"),
        (Answer(500, errors("java.util.zip.ZipException: zip END header not found")), Refused, "ZipException"),
        (Answer(400, errors("x.JobSubmissionException: Failed to submit", "Caused by: java.util.concurrent.TimeoutException")), Unanswered, "timeout"),
        (Answer(500, errors("akka.pattern.AskTimeoutException: Ask timed out")), Unanswered, "timeout"),
        (Answer(504, raw=b"<html>Gateway Time-out</html>"), Unanswered, "504"),
        (Answer(502, raw=b"<html>Bad Gateway</html>"), Unanswered, "502"),
        (Answer(500, raw=b""), Unanswered, "500"),
        (Fault.RESET_BEFORE, Unanswered, "broke"),
        (Fault.RESET_AFTER, Unanswered, "broke"),
        (Fault.HALF, Unanswered, "broke"),
        (Fault.SILENCE, Unanswered, "in time"),
    ],
)  # fmt: skip
def test_a_start_is_refused_only_if_flink_itself_surely_did_not_take_it(
    answer: Answer | Fault, kind: type[FlinkFuncsError], said: str
) -> None:
    """Anything else may still run: a proxy's 504 comes while main() goes on. It is sent once in any case."""
    with serving(config("2.3.0") | {"POST /run": [answer]}) as server:
        with pytest.raises(FlinkFuncsError, match=said) as raised:
            flink(server, call_seconds=0.3).run(RUN)
        assert type(raised.value) is kind
        assert server.count("POST") <= 1


def test_a_main_that_throws_its_arguments_back_costs_no_more_than_another() -> None:
    """However long they are: the cause and their beginning are kept, and no secret; nothing else is looked at."""
    arguments = "--db.password hunter2 --topic " + "-" * 1_000_000
    thrown = errors("x.ProgramInvocationException: no", f"Caused by: java.lang.IllegalArgumentException: {arguments}")
    history = {"exceptionHistory": {"entries": [{"stacktrace": thrown["errors"][1]}]}}
    with serving(
        config("2.3.0") | {"POST /run": [Answer(400, thrown)], "GET /exceptions": [Answer(200, history)]}
    ) as server:
        began = time.thread_time()
        with pytest.raises(Refused) as raised:
            flink(server).run(RUN)
        (failure,) = flink(server).failures(JOB)
        assert time.thread_time() - began < 5  # with patterns over the whole text: minutes
    for text in (raised.value.message.partition(": ")[2], failure.cause):
        assert text.startswith("java.lang.IllegalArgumentException: --db.password ****** --topic ---")
        assert len(text) <= DETAIL_LIMIT


def test_a_busy_flink_says_when_to_come_again() -> None:
    """503 was not carried out; Retry-After is passed on."""
    busy = Answer(503, errors("x: leader election"), headers={"Retry-After": "7"})
    with serving(config("2.3.0") | {"POST /run": [busy]}) as server, pytest.raises(Unavailable) as raised:
        flink(server).run(RUN)
    assert not isinstance(raised.value, Unanswered)
    assert raised.value.retry_after_seconds == 7


def test_a_call_that_a_standby_could_not_pass_on_to_the_dead_leader_may_be_sent_again() -> None:
    """Flink 2.3.0 answered 400 to /run, and 500 to all else, until ZooKeeper missed the leader: no word on the jar."""
    trace = "Caused by: org.apache.flink.runtime.rpc.exceptions.RecipientUnreachableException: Could not send message"
    run = Answer(400, errors("x.RestHandlerException: Could not execute application.", trace))
    stop = Answer(500, errors("x.RestHandlerException: Internal server error while triggering savepoint", trace))
    with serving(config("2.3.0") | {"POST /run": [run], "POST /stop": [stop]}) as server:
        with pytest.raises(Unavailable, match="no JobManager leads") as raised:
            flink(server).run(RUN)
        assert not isinstance(raised.value, Unanswered)
        with pytest.raises(Unavailable, match="no JobManager leads") as raised:
            flink(server).stop(JOB, trigger_id=TRIGGER, directory="file:///sp", savepoint_format="CANONICAL")
        assert not isinstance(raised.value, Unanswered)
        assert server.count("POST") == 2


def test_no_connection_means_that_nothing_left() -> None:
    """The server is gone: the same call may be sent again."""
    with serving({}) as server:
        pass
    with pytest.raises(Unavailable) as raised:
        flink(server).stop(JOB, trigger_id=TRIGGER, directory="file:///sp", savepoint_format="CANONICAL")
    assert not isinstance(raised.value, Unanswered)


# ----------------------------------------------------------------------------------------------------------------- jars


def test_of_a_jar_that_was_uploaded_twice_the_newest_counts() -> None:
    """Each upload gets a new id."""
    files = [{"id": f"{n}_x.jar", "name": name, "uploaded": at} for n, name, at in [(1, "x.jar", 5), (2, "x.jar", 9), (3, "x.jar", 7), (4, "y.jar", 99)]]  # fmt: skip
    with serving({"GET /jars": [Answer(200, {"address": "x", "files": files})]}) as server:
        assert flink(server).jar_id("x.jar") == "2_x.jar"
        assert flink(server).jar_id("z.jar") is None


def test_a_jar_is_sent_as_one_multipart_field() -> None:
    """Its name is the one under which it is found again."""

    class Jar(io.BytesIO):
        """A jar as a release is read: with a length."""

        @property
        def len(self) -> int:
            """Return the bytes left."""
            return len(self.getvalue()) - self.tell()

    with serving({"POST /jars/upload": [Answer(200, {"status": "success"})]}) as server:
        flink(server).upload("x.jar", Jar(b"PK" * 100_000))  # type: ignore[arg-type]
        body = server.calls[0].body
    assert b'name="jarfile"; filename="x.jar"' in body
    assert b"PK" * 100_000 in body


def test_slots_are_looked_for_on_every_taskmanager() -> None:
    """A TaskManager that is gone meanwhile holds none."""
    answers = {
        "GET /taskmanagers": [Answer(200, {"taskmanagers": [{"id": "gone"}, {"id": "tm:1-2"}]})],
        "GET /taskmanagers/gone": [Answer(404, errors("unknown TaskManager"))],
        "GET /taskmanagers/tm%3A1-2": [Answer(200, {"allocatedSlots": [{"jobId": JOB, "index": 0}]})],
    }
    with serving(answers) as server:
        assert flink(server).holds_slots(JOB)
        assert not flink(server).holds_slots("c" * 32)


@pytest.mark.parametrize(
    ("job", "slots"),
    [
        (JOB, 6),  # 2 free, 2 of its own, 2 of which 1.17 does not say who holds them
        ("d" * 32, 4),  # it holds none: 2 free, and those 2
        (None, 4),
    ],
)
def test_all_slots_are_room_for_a_job_but_those_that_others_surely_hold(job: str | None, slots: int) -> None:
    """A TaskManager that is gone meanwhile has none."""
    held = [{"jobId": JOB}, {"jobId": JOB}, {"jobId": "c" * 32}]
    answers = {
        "GET /taskmanagers": [Answer(200, {"taskmanagers": [{"id": "gone"}, {"id": "a"}, {"id": "b"}]})],
        "GET /taskmanagers/gone": [Answer(404, errors("unknown TaskManager"))],
        "GET /taskmanagers/a": [Answer(200, {"slotsNumber": 4, "freeSlots": 1, "allocatedSlots": held})],
        "GET /taskmanagers/b": [Answer(200, {"slotsNumber": 3, "freeSlots": 1, "allocatedSlots": []})],
    }
    with serving(answers) as server:
        assert flink(server).room_for(job) == Room(slots, ("gone", "a", "b"))


@pytest.mark.parametrize("body", [{"exceptionHistory": {"entries": []}}, {"exceptionHistory": {"entries": []}, "root-exception": None}])  # fmt: skip
def test_a_job_without_exceptions_has_no_failure(body: dict[str, object]) -> None:
    """`root-exception` is there up to 1.20 only."""
    with serving({"GET /exceptions": [Answer(200, body)]}) as server:
        assert flink(server).failures(JOB) == ()


@pytest.mark.parametrize("place", ["endpoint", "location"])
def test_an_exception_names_its_task_and_where_that_ran(place: str) -> None:
    """Flink has renamed the place; the job's own exceptions have neither. An unknown job has no history at all."""
    trace = "x.Wrapped: no\n\tat a.B.c\nCaused by: java.lang.IllegalStateException: --db.password hunter2\n\tat d.E.f"
    entries = [
        {"stacktrace": trace, "timestamp": 1_000, "taskName": "count (1/2)", place: "10.0.0.7:41317"},
        {"stacktrace": "java.lang.Error: x", "timestamp": 0, "taskName": None},
    ]
    history = Answer(200, {"exceptionHistory": {"entries": entries}})
    with serving({"GET /exceptions": [history, Answer(404, errors("FlinkJobNotFoundException"))]}) as server:
        of_task, of_job = flink(server).thrown(JOB) or ()
        assert flink(server).thrown(JOB) is None
    assert (of_task.task, of_task.endpoint, of_task.trace) == (
        *("count (1/2)", "10.0.0.7:41317", trace.replace("hunter2", "******")),
    )
    assert (of_task.failure.at, of_task.failure.cause) == (
        datetime.fromtimestamp(1, UTC),
        "java.lang.IllegalStateException: --db.password ******",
    )
    assert (of_job.task, of_job.endpoint) == (None, None)


def test_what_was_restored_is_null_for_a_fresh_copy() -> None:
    """And nothing is known of a job that the cluster does not know."""
    latest = {"restored": None, "savepoint": None, "completed": None, "failed": None}
    with serving({"GET /checkpoints": [Answer(200, {"latest": latest}), Answer(404, UNKNOWN_JOB)]}) as server:
        client = flink(server)
        assert client.checkpoints(JOB).latest.restored is None
        assert client.checkpoints(JOB).latest.savepoint is None
