"""The command line against recorded replies: exit codes, streams, what is asked again and what is not."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.command_line import CommandLine, eventually

from .recorded import (
    ID,
    JOB,
    LISTED,
    MISPLACED,
    OPERATION,
    SAVEPOINT,
    SEEN,
    STEPS,
    UPLOADED,
    WELL,
    Answers,
    app,
    ended,
    problem,
)
from .server import Answer, Fault, serving

# ---------------------------------------------------------------------------------------------------------- exit codes


@pytest.mark.parametrize(
    ("outcome", "exit_code"),
    [
        ("SUCCEEDED", 0),
        ("FAILED", 1),
        ("UNKNOWN", 1),
        ("ABANDONED", 1),
        ("SOMETHING_NEW", 1),
        ("REFUSED", 3),
        ("SUPERSEDED", 3),
        ("ROLLED_BACK", 5),
        ("UNPROVEN", 6),
    ],
)
def test_an_outcome_is_an_exit_code(tmp_path: Path, outcome: str, exit_code: int) -> None:
    """Its id and outcome are on stdout; each step is a line on stderr, once, with its time in UTC; its message is once
    there, or on stdout where it went well.
    """
    half_way = SEEN | {"state": "a state that no version knows", "steps": STEPS[:1]}
    seen = [Answer(200, SEEN), Answer(200, half_way), Answer(200, ended(outcome, code="Why"))]
    with app(tmp_path, {f"GET {OPERATION}": seen}) as (flinkfuncs, _):
        ran = flinkfuncs.run("wait", ID)
    assert (ran.exit_code, ran.out) == (exit_code, f"{ID} {outcome}{'' if exit_code else ' what came of it'}\n")
    assert ran.err.splitlines()[:2] == [
        "2026-11-28T01:49:17Z Stop into file:///savepoints/orders",
        "2026-11-28T01:49:18Z Start as 7b1c",
    ]
    assert (f"error: {ID} {outcome}: what came of it (Why)" in ran.err) is (exit_code != 0)


def test_an_operation_that_is_still_open_when_the_time_is_over_says_how_to_go_on(tmp_path: Path) -> None:
    """The id on stdout, for the next step of a pipeline; the command on stderr."""
    with app(tmp_path, {f"GET {OPERATION}": [Answer(200, SEEN)]}) as (flinkfuncs, _):
        ran = flinkfuncs.run("wait", ID, "--timeout", "1")
        as_json = flinkfuncs.run("wait", ID, "--timeout", "0", "--json")
    assert (ran.exit_code, ran.out) == (7, f"{ID}\n")
    assert f"flinkfuncs wait {ID}" in ran.err
    assert (as_json.exit_code, as_json.json) == (7, SEEN)


def test_an_upload_that_is_held_for_its_window_says_so_once(tmp_path: Path) -> None:
    """To who waits for it, and to who looks at its job."""
    held = SEEN | {"heldUntil": "2026-11-29T01:00:00Z", "message": "held until 2026-11-29T01:00:00Z by its window"}
    answers: Answers = {
        f"GET {OPERATION}": [Answer(200, held), Answer(200, held), Answer(200, ended("SUCCEEDED"))],
        "GET /api/jobs/orders": [Answer(200, JOB | {"uploads": {"paused": False, "held": [held]}})],
    }
    with app(tmp_path, answers) as (flinkfuncs, _):
        ran, job = flinkfuncs.run("wait", ID), flinkfuncs.run("job", "orders")
    assert (ran.exit_code, ran.err.count("held until 2026-11-29T01:00:00Z by its window")) == (0, 1)
    assert f"{ID} until 2026-11-29T01:00:00Z" in job.out


@pytest.mark.parametrize(
    ("answer", "exit_code", "words"),
    [
        (Answer(401, raw=b""), 4, "the key was not accepted"),
        (problem(403, "NotAllowed"), 4, "answered 403: why not (NotAllowed)"),
        (problem(404, "JobNotFound", "there is no job 'orders'"), 8, "there is no job 'orders' (JobNotFound)"),
        (Answer(404, raw=b"<html>"), 8, "check the URL"),
        (problem(400, "InvalidJobName"), 3, "why not (InvalidJobName)"),
        (problem(422, "KeyReused"), 3, "why not (KeyReused)"),
        (Answer(500, raw=b""), 1, "status 500"),
        (Answer(200, raw=b"<html>hello"), 1, "is not a JSON object of the app"),
        (Answer(302, headers={"Location": "https://elsewhere.example"}), 1, "status 302"),
    ],
)
def test_what_the_app_refuses_has_its_exit_code(tmp_path: Path, answer: Answer, exit_code: int, words: str) -> None:
    """The words on stderr; with --json an object on stdout, too, and else nothing there."""
    with app(tmp_path, {"GET /api/jobs/orders": [answer]}) as (flinkfuncs, server):
        ran = flinkfuncs.run("job", "orders")
        as_json = flinkfuncs.run("job", "orders", "--json")
        assert server.count("GET") == 2
    assert (ran.exit_code, ran.out) == (exit_code, "")
    assert words in ran.err
    assert (as_json.exit_code, as_json.json["error"]["exit"]) == (exit_code, exit_code)
    assert as_json.json["error"]["message"] in as_json.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "COMMAND"),
        (["deplore"], "invalid choice"),
        (["job"], "JOB"),
        (["wait", ID, "--timeout", "soon"], "--timeout"),
        (["stop", "orders", "--key", "secret"], "unrecognized arguments"),
        (["stop", "orders", "--idempotency-key", "a b"], "--idempotency-key"),
        (["job", "orders", "--url", "https://app.example/?code=secret"], "must not have a query"),
        (["job", "orders", "--url", "http://app.example"], "plain http"),
        (["job", "orders", "--url", "app.example"], "not the URL of an app"),
        (["job", "orders", "--profile", "nobody"], "no profile 'nobody'"),
        (["cancel", "orders"], "add --yes"),
        (["delete", "orders"], "add --yes"),
        (["update", "orders", "--stateless", "--last-state"], "exclude each other"),
        (["update", "orders", "--body", "/nowhere.json"], "/nowhere.json"),
    ],
)
def test_wrong_usage_sends_nothing(tmp_path: Path, words: list[str], why: str) -> None:
    """Exit code 2, whether argparse finds it or we do."""
    with app(tmp_path, {}) as (flinkfuncs, server):
        ran = flinkfuncs.run(*words)
        assert server.calls == []
    assert (ran.exit_code, ran.out) == (2, "")
    assert why in ran.err
    assert "Traceback" not in ran.err


def test_without_a_url_it_says_where_to_write_one(tmp_path: Path) -> None:
    """The first thing that a new user sees."""
    ran = CommandLine("", tmp_path).run("jobs")
    assert ran.exit_code == 2
    assert "FLINKFUNCS_URL" in ran.err


# ------------------------------------------------------------------------------------------------- what is asked again


def test_a_get_is_asked_again_where_the_app_may_answer_later(tmp_path: Path) -> None:
    """No answer, half an answer, 503 with Retry-After; the list comes in pages."""
    job = LISTED[0]
    first = Answer(200, {"jobs": [job], "nextLink": "/api/jobs?page=2"})
    answers: Answers = {
        "GET page=2": [Answer(503, headers={"Retry-After": "1"}), Answer(200, {"jobs": [job | {"name": "other"}]})],
        "GET /api/jobs": [Fault.RESET_AFTER, Fault.HALF, first],
    }
    with app(tmp_path, answers) as (flinkfuncs, _):
        ran = flinkfuncs.run("jobs", "--json")
    assert (ran.exit_code, [job["name"] for job in ran.json["jobs"]]) == (0, ["orders", "other"])


def test_an_app_that_is_not_there_is_no_end_of_an_operation(tmp_path: Path) -> None:
    """Resets, 5xx, and a 401 that passes are waited through."""
    passing: list[Answer | Fault] = [
        Fault.RESET_AFTER,
        Answer(500, raw=b""),
        Answer(401, raw=b""),
        Answer(200, ended("SUCCEEDED")),
    ]
    with app(tmp_path, {f"GET {OPERATION}": [Answer(200, SEEN), *passing]}) as (flinkfuncs, _):
        ran = flinkfuncs.run("wait", ID)
    assert ran.exit_code == 0
    assert "still waiting" in ran.err


@pytest.mark.parametrize(("answer", "exit_code"), [(Answer(401, raw=b""), 4), (problem(404, "OperationNotFound"), 8)])
def test_a_refusal_that_stays_is_no_timeout(tmp_path: Path, answer: Answer, exit_code: int) -> None:
    """It ends the wait long before an hour is over."""
    with app(tmp_path, {f"GET {OPERATION}": [Answer(200, SEEN), answer]}) as (flinkfuncs, _):
        assert flinkfuncs.run("wait", ID).exit_code == exit_code


def test_an_app_that_dies_in_the_middle_leaves_the_operation_open(tmp_path: Path) -> None:
    """Exit code 7, the id, and how to come back: nobody knows that it failed."""
    with serving({f"GET {OPERATION}": [Answer(200, SEEN)]}) as server:
        process = CommandLine(server.url, tmp_path).start("wait", ID, "--timeout", "4")
        eventually(lambda: server.count("GET") > 0)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (7, f"{ID}\n")
    assert "does not answer" in err
    assert f"flinkfuncs wait {ID}" in err


@pytest.mark.parametrize(
    "lost", [Fault.RESET_AFTER, Fault.RESET_BEFORE, Fault.HALF, Answer(502), Answer(503), Answer(504)]
)
def test_a_post_whose_answer_was_lost_is_sent_again_with_its_key(tmp_path: Path, lost: Answer | Fault) -> None:
    """The app knows it by the key, and its answer says whether the first one had arrived."""
    answers: Answers = {
        "POST /api/jobs/orders/stop": [lost, Answer(202, SEEN, {"Idempotency-Replayed": "true"})],
        f"GET {OPERATION}": [Answer(200, ended("SUCCEEDED"))],
    }
    with app(tmp_path, answers) as (flinkfuncs, server):
        ran = flinkfuncs.run("stop", "orders", "--wait", "--verbose", "--body", "-", given='{"reason": "x"}')
        sent = [call for call in server.calls if call.method == "POST"]
    assert (ran.exit_code, ran.out) == (0, f"{ID} SUCCEEDED what came of it\n")
    assert len(sent) == (1 if lost is Fault.RESET_BEFORE else 2)  # that one is not counted
    ((key, body),) = {(call.headers["Idempotency-Key"], call.body) for call in sent}
    assert json.loads(body) == {"reason": "x"}
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", key)
    assert f"Idempotency-Key: {key}" in ran.err
    assert "the request had arrived before" in ran.err


def test_a_post_that_is_never_answered_says_how_to_go_on(tmp_path: Path) -> None:
    """With its key, which the same command takes; another command has another key."""
    with app(tmp_path, {"POST /stop": [Answer(503, headers={"Retry-After": "0"})]}) as (flinkfuncs, server):
        runs = [flinkfuncs.run("stop", "orders") for _ in range(2)]
        keys = [call.headers["Idempotency-Key"] for call in server.calls]
        again = flinkfuncs.run("stop", "orders", "--idempotency-key", keys[0])
        assert {call.headers["Idempotency-Key"] for call in server.calls[len(keys) :]} == {keys[0]}
    assert [ran.exit_code for ran in (*runs, again)] == [1, 1, 1]
    assert (len(keys), len(set(keys))) == (8, 2)
    for ran, key in zip((*runs, again), (keys[0], keys[4], keys[0]), strict=True):
        assert f"run the same command with --idempotency-key {key}" in ran.err


def test_a_post_that_is_refused_is_not_sent_again(tmp_path: Path) -> None:
    """Its key belongs to another request."""
    with app(tmp_path, {"POST /stop": [problem(422, "KeyReused")]}) as (flinkfuncs, server):
        ran = flinkfuncs.run("stop", "orders", "--idempotency-key", "a", "--json")
        assert [call.headers["Idempotency-Key"] for call in server.calls] == ["a"]
    assert (ran.exit_code, ran.json["error"]["code"]) == (3, "KeyReused")


# ---------------------------------------------------------------------------------------------------------- acting


@pytest.mark.parametrize(
    ("words", "path", "body"),
    [
        (["stop", "orders"], "stop", {}),
        (["start", "orders", "--savepoint", "savepoint-1"], "start", {"savePointName": "savepoint-1"}),
        (["update", "orders", "--body", "-"], "update", {"parallelism": 4}),
        (["update", "orders", "--stateless"], "stateless-update", {}),
        (["update", "orders", "--last-state"], "last-state-update", {}),
        (["savepoint", "orders"], "savepoint", {}),
        (["adopt", "orders", "ab" * 16], "new", {"adopt": "ab" * 16}),
        (["cancel", "orders", "--yes"], "cancel", {}),
        (["delete", "orders", "--yes"], "delete", {}),
    ],
)
def test_an_action_is_asked_for_and_not_waited_for(
    tmp_path: Path, words: list[str], path: str, body: dict[str, object]
) -> None:
    """The id alone is on stdout, for a script's variable; the key is in a header."""
    with app(tmp_path, {"POST /": [Answer(202, SEEN)], f"POST /api/jobs/orders/{path}": [Answer(202, SEEN)]}) as (
        flinkfuncs,
        server,
    ):
        ran = flinkfuncs.run(*words, given='{"parallelism": 4}')
        (sent,) = server.calls
    assert (ran.exit_code, ran.out) == (0, f"{ID}\n")
    assert f"flinkfuncs wait {ID}" in ran.err
    assert (sent.path, json.loads(sent.body)) == (f"/api/jobs/orders/{path}", body)
    assert sent.headers["x-functions-key"] == "functions-key"


def test_a_job_with_a_slash_cannot_reach_another_route(tmp_path: Path) -> None:
    """A name stays one segment of the path."""
    with app(tmp_path, {}) as (flinkfuncs, server):
        flinkfuncs.run("job", "../operations?x=1")
        assert [call.path for call in server.calls] == ["/api/jobs/..%2Foperations%3Fx%3D1"]


@pytest.mark.parametrize(("typed", "exit_code", "sent"), [("y\n", 0, 1), ("\n", 2, 0), ("n\n", 2, 0)])
def test_what_cannot_be_taken_back_is_asked_at_a_terminal(
    tmp_path: Path, typed: str, exit_code: int, sent: int
) -> None:
    """No is the default."""
    with app(tmp_path, {"POST /api/jobs/orders/cancel": [Answer(202, SEEN)]}) as (flinkfuncs, server):
        ran = flinkfuncs.at_a_terminal("cancel", "orders", typed=typed)
        assert (ran.exit_code, server.count("POST")) == (exit_code, sent)
    assert "cancel orders? [y/N]" in ran.out


@pytest.mark.parametrize(("command", "paused"), [("pause", True), ("resume", False)])
def test_uploads_are_paused_and_resumed(tmp_path: Path, command: str, *, paused: bool) -> None:
    """A PUT is the same when it is made twice, so a lost answer is asked for again."""
    shown = Answer(200, {"paused": paused, "held": [SEEN]})
    with app(tmp_path, {"PUT /api/jobs/orders/uploads": [Fault.RESET_AFTER, shown]}) as (flinkfuncs, server):
        ran = flinkfuncs.run(command, "orders")
        assert [json.loads(call.body) for call in server.calls] == [{"paused": paused}] * 2
    assert ran.exit_code == 0
    assert f"uploads: {'paused' if paused else 'not paused'}\nheld: {ID}\n" in ran.out


def test_a_pause_says_why(tmp_path: Path) -> None:
    """As the app shows it to whoever asks why nothing comes through."""
    with app(tmp_path, {"PUT /api/jobs/orders/uploads": [Answer(200, {"paused": True, "held": []})]}) as (cli, server):
        assert cli.run("pause", "orders", "--reason", "an audit").exit_code == 0
        assert json.loads(server.calls[0].body) == {"paused": True, "reason": "an audit"}


def test_an_operation_is_abandoned_once_somebody_confirmed_it(tmp_path: Path) -> None:
    """ABANDONED is what was asked for, and so exit code 0; what may still take effect is said."""
    result = {"outcome": "ABANDONED", "message": "abandoned; what may still take effect: a stop"}
    with app(tmp_path, {f"POST {OPERATION}/abandon": [Answer(200, SEEN | {"result": result})]}) as (cli, server):
        refused = cli.run("abandon", ID)
        assert (refused.exit_code, server.calls) == (2, [])
        ran = cli.run("abandon", ID, "--yes", "--reason", "stuck", "--idempotency-key", "once")
        (call,) = server.calls
    assert (json.loads(call.body), call.headers["Idempotency-Key"]) == ({"reason": "stuck"}, "once")
    assert (ran.exit_code, ran.out) == (0, f"{ID} ABANDONED {result['message']}\n")


def test_what_has_begun_is_abandoned_only_with_an_option_of_its_own(tmp_path: Path) -> None:
    """Exit code 3 and the app's words without it; the app decides, so nothing can begin in between."""
    begun = Answer(409, {"status": 409, "code": "OperationBegun", "detail": "it has begun; say evenIfBegun"})
    ended = Answer(200, SEEN | {"result": {"outcome": "ABANDONED", "message": "abandoned"}})
    with app(tmp_path, {f"POST {OPERATION}/abandon": [begun, ended]}) as (cli, server):
        refused, ran = cli.run("abandon", ID, "--yes"), cli.run("abandon", ID, "--yes", "--even-if-begun")
        assert [json.loads(call.body) for call in server.calls] == [{}, {"evenIfBegun": True}]
    assert (refused.exit_code, ran.exit_code) == (3, 0)
    assert "say evenIfBegun" in refused.err


@pytest.mark.parametrize(("delivered", "exit_code"), [(True, 0), (False, 1)])
def test_a_test_message_says_what_was_answered(tmp_path: Path, *, delivered: bool, exit_code: int) -> None:
    """The receiver's answer stands in the output; without 2xx the command fails."""
    probe = {"id": "test.1", "delivered": delivered, "status": 204 if delivered else 410, "answer": ""}
    with app(tmp_path, {"POST /api/notifications/test": [Answer(200, probe)]}) as (cli, _):
        ran = cli.run("test-message")
    assert ran.exit_code == exit_code
    words = ("yes", "204") if delivered else ("no", "410")
    assert ran.out == "message: test.1\ndelivered: {}\nanswer: {}\n".format(*words)


def test_ctrl_c_leaves_the_operation_alone_and_says_how_to_come_back(tmp_path: Path) -> None:
    """Exit code 130, no traceback, and nothing was sent."""
    half_way = SEEN | {"steps": STEPS}
    with app(tmp_path, {f"GET {OPERATION}": [Answer(200, half_way)]}) as (flinkfuncs, server):
        ran = flinkfuncs.interrupted("wait", ID, once=lambda seen: "Start as 7b1c" in seen)
        assert {call.method for call in server.calls} == {"GET"}
    assert (ran.exit_code, ran.out) == (130, "")
    assert ran.err.splitlines()[-1] == f"interrupted; the operation continues; to wait for it: flinkfuncs wait {ID}"


# ---------------------------------------------------------------------------------------------------------- writing

LISTS: Answers = {
    "GET /api/jobs": [Answer(200, {"jobs": LISTED})],
    "GET /api/jobs/orders": [Answer(200, JOB)],
    "GET /api/jobs/orders/savepoints": [Answer(200, {"savepoints": [SAVEPOINT.as_json()]})],
    "GET /api/operations": [Answer(200, {"operations": [ended("SUCCEEDED"), MISPLACED.as_json()]})],
    f"GET {OPERATION}": [Answer(200, ended("SUCCEEDED"))],
    "GET /api/uploads": [Answer(200, {"uploads": [UPLOADED.as_json()]})],
    "GET /api/health": [Answer(200, WELL)],
}
READING = [
    *(["jobs"], ["job", "orders"], ["savepoints", "orders"], ["operations", "--job", "orders"]),
    *(["logs", ID], ["uploads"], ["health"], ["wait", ID]),
]


@pytest.mark.parametrize("words", READING, ids=lambda words: str(words[0]))
def test_everything_is_shown_as_text_and_as_json(tmp_path: Path, words: list[str]) -> None:
    """With --json stdout is what the app sent, and nothing else."""
    with app(tmp_path, LISTS) as (flinkfuncs, _):
        text, as_json = flinkfuncs.run(*words), flinkfuncs.run(*words, "--json")
    assert (text.exit_code, as_json.exit_code) == (0, 0)
    assert len(text.out.splitlines()) >= 1
    assert as_json.json
    assert "\x1b" not in text.out


def test_a_savepoint_of_which_no_restore_is_recorded_may_have_been_restored(tmp_path: Path) -> None:
    """The app records a restore when the retention of savepoints needs it, so the column does not say no."""
    known: list[dict[str, object]] = [{"restored": True}, {"restored": False}, {"disposing_at": SAVEPOINT.taken_at}]
    shown = [SAVEPOINT.model_copy(update=one).as_json() for one in known]
    with app(tmp_path, {"GET /api/jobs/orders/savepoints": [Answer(200, {"savepoints": shown})]}) as (flinkfuncs, _):
        _, *rows = flinkfuncs.run("savepoints", "orders").out.splitlines()
    assert [" ".join(row.split()[4:-1]) for row in rows] == ["yes", "-", "disposed of"]


def test_what_every_command_takes_may_come_before_it(tmp_path: Path) -> None:
    """As well as after it."""
    with app(tmp_path, LISTS) as (flinkfuncs, _):
        assert flinkfuncs.run("--json", "job", "orders").json == JOB


def test_times_are_shown_in_one_form_with_their_zone(tmp_path: Path) -> None:
    """UTC, whole seconds: the same at a desk and in a pipeline's log."""
    with app(tmp_path, LISTS) as (flinkfuncs, _):
        ran = flinkfuncs.run("jobs")
    header, first, *_ = ran.out.splitlines()
    assert header.split() == ["NAME", "STATUS", "RUN", "BEGAN", "LAST", "JAR"]
    assert first.split() == ["orders", "RUNNING", "2026-11-28T01:49:18Z", "UPDATE", "SUCCEEDED", "orders-2.jar"]


def test_a_job_whose_operation_is_open_is_listed_with_its_action(tmp_path: Path) -> None:
    """In place of the one that ended last; of a new job there is neither."""
    with app(tmp_path, LISTS) as (flinkfuncs, _):
        *_, stopping, new = flinkfuncs.run("jobs").out.splitlines()
    assert stopping.split() == ["stopping", "RUNNING", "2026-11-28T01:49:18Z", "STOP", "open", "orders-2.jar"]
    assert new.split() == ["new", "NONE", "-", "-", "-"]


def test_a_health_report_with_faults_is_a_failure(tmp_path: Path) -> None:
    """It comes with 503, and is shown all the same."""
    report = {"healthy": False, "faults": ["JARS: missing"], "cluster": {"reachable": False, "reason": "refused"}}
    with app(tmp_path, {"GET /api/health": [Answer(503, report)]}) as (flinkfuncs, _):
        ran, as_json = flinkfuncs.run("health"), flinkfuncs.run("health", "--json")
    assert (ran.exit_code, as_json.exit_code, as_json.json) == (1, 1, report)
    assert "app: unhealthy" in ran.out
    assert "JARS: missing" in ran.err


def test_a_pipe_that_closes_early_is_no_error(tmp_path: Path) -> None:
    """As `flinkfuncs operations | head -1`: no traceback, and the exit code is the command's."""
    many = {"operations": [ended("SUCCEEDED", "x" * 1000)] * 500}
    with app(tmp_path, {"GET /api/operations": [Answer(200, many)]}) as (flinkfuncs, _):
        process = flinkfuncs.start("operations")
        assert process.stdout
        assert process.stdout.readline().startswith("ID")
        process.stdout.close()
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


def test_nothing_is_wider_than_a_narrow_terminal_but_an_id(tmp_path: Path) -> None:
    """The last column is cut where the rest fits; else each row becomes lines, and ids stay whole."""
    with app(tmp_path, LISTS) as (flinkfuncs, _):
        wide = flinkfuncs.at_a_terminal("operations", columns=120, NO_COLOR="1").out
        narrow = flinkfuncs.at_a_terminal("operations", columns=40, NO_COLOR="1").out
    assert wide.splitlines()[0].split() == ["ID", "ACTION", "OUTCOME", "REQUESTED", "CAUSE", "MESSAGE"]
    assert max(map(len, wide.splitlines())) <= 120
    assert f"ID: {ID}\nACTION: UPDATE\nOUTCOME: SUCCEEDED\n" in narrow


@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colour_is_for_terminals_that_want_it(tmp_path: Path, environment: dict[str, str], *, coloured: bool) -> None:
    """A status is a word in any case."""
    with app(tmp_path, LISTS) as (flinkfuncs, _):
        out = flinkfuncs.at_a_terminal("jobs", columns=120, **environment).out
    assert ("\x1b[32mRUNNING\x1b[0m" in out) is coloured
    assert "RUNNING" in out


def test_what_users_code_wrote_commands_neither_terminal_nor_pipeline(tmp_path: Path) -> None:
    """Control characters are gone, lines stay lines, and no agent finds a log command of somebody else."""
    evil = "failed\x1b[2J\n::add-mask::x\n##vso[task.setvariable variable=x]y ##[error]z"
    with app(tmp_path, {f"GET {OPERATION}": [Answer(200, ended("FAILED", evil))]}) as (flinkfuncs, _):
        ran, as_json = flinkfuncs.run("wait", ID), flinkfuncs.run("wait", ID, "--json")
    written = ran.out + ran.err + as_json.out + as_json.err
    assert "\x1b" not in written
    assert "##vso[" not in written
    assert "##[" not in written
    assert not [line for line in written.splitlines() if line.lstrip().startswith("::")]
    assert as_json.json["result"]["message"] == evil


# ------------------------------------------------------------------------------------------------------ configuration


def write_config(home: Path, text: str) -> Path:
    path = home / ".config" / "flinkfuncs" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_flag_goes_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    """URL and key; a profile by name, or the file's own default."""
    with serving(LISTS) as file, serving(LISTS) as said, serving(LISTS) as flag:
        write_config(
            tmp_path,
            f'default = "test"\n[profiles.test]\nurl = "{file.url}/"\nkey = "of the file"\n'
            f'[profiles.prod]\nurl = "{file.url}"\nkey = "of prod"\n',
        )
        bare = CommandLine("", tmp_path, key="")
        bare.run("jobs")
        bare.run("jobs", environment={"FLINKFUNCS_PROFILE": "prod"})
        bare.run("jobs", environment={"FLINKFUNCS_URL": said.url, "FLINKFUNCS_KEY": "said"})
        bare.run("jobs", "--url", flag.url, environment={"FLINKFUNCS_URL": said.url})
        keys = [[call.headers.get("x-functions-key") for call in server.calls] for server in (file, said, flag)]
    assert keys == [["of the file", "of prod"], ["said"], ["of the file"]]


def test_a_storage_that_a_flag_names_goes_before_the_secret_of_another(tmp_path: Path) -> None:
    """Nothing is sent to the account of the environment."""
    jar = tmp_path / "orders.jar"
    jar.write_bytes(b"PK")
    with serving({}) as other, app(tmp_path, {}) as (flinkfuncs, _):
        secret = f"AccountName=a;AccountKey=AAAA;BlobEndpoint={other.url}/a"
        words = ("deploy", str(jar), "--job", "orders", "--storage-url", "http://flag.example")
        ran = flinkfuncs.run(*words, environment={"FLINKFUNCS_STORAGE_CONNECTION": secret})
        assert other.calls == []
    assert ran.exit_code == 2
    assert "'http://flag.example' is not the URL of an account" in ran.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("url = [", "cannot be read"),
        ('default = "x"', "has no profile 'x'"),
        ('default = "x"\n[profiles.x]\nadress = "y"', "adress"),
        ('default = "x"\n[profiles.x]\nurl = 5', "url"),
    ],
)
def test_a_file_that_nobody_can_follow_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """It names what is wrong."""
    path = write_config(tmp_path, text)
    ran = CommandLine("", tmp_path).run("jobs")
    assert ran.exit_code == 2
    assert str(path) in ran.err
    assert words in ran.err


def test_a_secret_that_others_may_read_is_a_warning(tmp_path: Path) -> None:
    """As ssh has it of keys, but the command runs."""
    with serving(LISTS) as server:
        path = write_config(tmp_path, f'default = "x"\n[profiles.x]\nurl = "{server.url}"\nkey = "secret"')
        quiet = CommandLine("", tmp_path, key="").run("jobs")
        path.chmod(0o644)
        warned = CommandLine("", tmp_path, key="").run("jobs")
    assert (quiet.exit_code, quiet.err, warned.exit_code) == (0, "", 0)
    assert "chmod 600" in warned.err


def test_credentials_of_netrc_are_not_sent(tmp_path: Path) -> None:
    """`requests` would put them in place of ours."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    (tmp_path / ".netrc").chmod(0o600)
    with app(tmp_path, LISTS) as (flinkfuncs, server):
        flinkfuncs.run("jobs")
        (sent,) = server.calls
    assert "Authorization" not in sent.headers


def az(home: Path, script: str) -> dict[str, str]:
    """Install an `az`, and return the environment that finds it."""
    path = home / "bin" / "az"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return {"PATH": f"{path.parent}:/usr/bin:/bin", "FLINKFUNCS_TOKEN_RESOURCE": "api://app", "FLINKFUNCS_KEY": ""}


def test_az_signs_in_where_a_token_is_wanted(tmp_path: Path) -> None:
    """One that has run out is asked for once more."""
    environment = az(tmp_path, f'echo "$@" >> {tmp_path}/asked; echo "token-$(wc -l < {tmp_path}/asked)" | tr -d " "')
    answers: Answers = {"GET /api/jobs": [Answer(401, raw=b""), *LISTS["GET /api/jobs"]]}
    with app(tmp_path, answers) as (flinkfuncs, server):
        ran = flinkfuncs.run("jobs", environment=environment)
        assert [call.headers["Authorization"] for call in server.calls] == ["Bearer token-1", "Bearer token-2"]
    assert ran.exit_code == 0
    assert "get-access-token --resource api://app " in (tmp_path / "asked").read_text()


@pytest.mark.parametrize("script", ["echo 'Please run az login' >&2; exit 1", "exit 0"])
def test_az_without_a_token_is_a_matter_of_signing_in(tmp_path: Path, script: str) -> None:
    """Exit code 4, with what az says."""
    environment = az(tmp_path, script)
    with app(tmp_path, LISTS) as (flinkfuncs, server):
        ran = flinkfuncs.run("jobs", environment=environment)
        assert server.calls == []
    assert ran.exit_code == 4
    assert ("Please run az login" in ran.err) is ("login" in script)


# ---------------------------------------------------------------------------------------------------------- pipelines


@pytest.mark.parametrize(
    ("options", "environment", "line"),
    [
        (
            [],
            {"TF_BUILD": "True"},
            "##vso[task.logissue type=error;code=StartFailed]{id} ROLLED_BACK: 100%AZP25; {rest}",
        ),
        ([], {"GITHUB_ACTIONS": "true"}, "::error title=StartFailed::{id} ROLLED_BACK: 100%25; {rest}"),
        (["--ci", "azure"], {}, "##vso[task.logissue type=error;code=StartFailed]{id} ROLLED_BACK: 100%AZP25; {rest}"),
        (["--ci", "none"], {"TF_BUILD": "True"}, "error: {id} ROLLED_BACK: 100%; {rest} (StartFailed)"),
    ],
)
def test_a_pipeline_gets_its_own_log_commands(
    tmp_path: Path, options: list[str], environment: dict[str, str], line: str
) -> None:
    """For warnings and for the error, each in one line; the exit code is the same, and stdout is data alone."""
    operation = ended("ROLLED_BACK", "100%;\nin\ntwo lines", code="StartFailed")
    operation["checked"] = {"warnings": ["too few slots"]}
    with app(tmp_path, {f"GET {OPERATION}": [Answer(200, operation)]}) as (flinkfuncs, _):
        ran = flinkfuncs.run("wait", ID, *options, environment=environment)
    assert (ran.exit_code, ran.out.splitlines()) == (5, [f"{ID} ROLLED_BACK"])
    *_, warning, error = ran.err.splitlines()
    assert error == line.format(id=ID, rest="in two lines")
    assert warning.endswith("too few slots")
    assert "warning" in warning


# --------------------------------------------------------------------------------------------------------- completion


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["dep"], ["deploy"]),
        (["--json", "dep"], ["deploy"]),
        (["deploy", "--job-"], ["--job-json"]),
        (["wait", "--time"], ["--timeout"]),
        (["plan", "--mark"], ["--markdown"]),
        (["roll"], ["rollback"]),
        (["health", "--wai"], []),
    ],
)
def test_a_shell_completes_commands_and_their_options(tmp_path: Path, typed: list[str], offered: list[str]) -> None:
    """By a script that the command prints without a configuration."""
    printed = CommandLine("", tmp_path).run("completion", "bash")
    words = f"COMP_WORDS=(flinkfuncs {' '.join(typed)}); COMP_CWORD={len(typed)}; _flinkfuncs"
    bash = shutil.which("bash")
    assert bash
    done = subprocess.run(
        [bash, "--norc", "-c", f'{printed.out}\n{words}; echo "${{COMPREPLY[@]}}"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout.split(), done.stderr) == (offered, "")


def test_completion_is_in_no_list_of_commands(tmp_path: Path) -> None:
    """It is there for a shell's start-up file, zsh's as well."""
    flinkfuncs = CommandLine("", tmp_path)
    assert "completion" not in flinkfuncs.run("--help").out
    assert "bashcompinit" in flinkfuncs.run("completion", "zsh").out
