"""The command line's plans, releases and remarks, against recorded replies and a real storage."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from flinkfuncs.api import shown
from flinkfuncs.core.actions import Action
from flinkfuncs.core.operations import Outcome
from tests.command_line import CommandLine
from tests.listener import Reply
from tests.plans import PLAN, PLAN_ID

from .recorded import AT, ID, SEEN, app, ended, problem
from .server import Answer, Fault
from .uploading import BYTES, Uploading

DIGEST = hashlib.sha256(BYTES).hexdigest()
PLANNED = f"plans/{DIGEST[:32]}/orders-3.jar"
REFUSED = {"id": PLAN_ID, "verdict": "WOULD_BE_REFUSED", "code": "NoSavepoint", "reason": "no way", "action": "UPDATE"}
UNKNOWN = {"id": PLAN_ID, "verdict": "UNKNOWN", "code": "OperationsOpen", "reason": "one is open", "action": "UPDATE"}
NOTHING = {"id": PLAN_ID, "verdict": "NOTHING_TO_DO", "reason": "it runs", "action": "UPDATE"}
AZURE = {
    "TF_BUILD": "True",
    "BUILD_SOURCEVERSION": "5c1d0e2f" * 5,
    "SYSTEM_COLLECTIONURI": "https://dev.azure.com/team/",
    "SYSTEM_TEAMPROJECT": "Our Orders",
    "BUILD_BUILDID": "17",
}
BY_AZURE = {
    "buildUrl": "https://dev.azure.com/team/Our%20Orders/_build/results?buildId=17",
    "commit": "5c1d0e2f" * 5,
}
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SHA": "ab" * 20,
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "team/orders",
    "GITHUB_RUN_ID": "42",
}
BY_GITHUB = {"buildUrl": "https://github.com/team/orders/actions/runs/42", "commit": "ab" * 20}


# ---------------------------------------------------------------------------------------------------------------- plan


def test_a_plan_of_a_jar_lays_its_bytes_where_no_trigger_takes_them(uploading: Uploading) -> None:
    """Once: a second plan of the same bytes uploads nothing. The id is the last line."""
    first, second = uploading.run("plan"), uploading.run("plan", "--json")
    assert (first.exit_code, first.err) == (0, "")
    assert first.out.startswith("WILL_DO UPDATE of orders\n")
    assert first.out.endswith(f"\nplan: {PLAN_ID}\n")
    assert (second.exit_code, second.json) == (0, PLAN)
    assert uploading.names("") == [PLANNED]
    assert uploading.read(PLANNED) == BYTES
    assert uploading.planned == [{"jar": PLANNED, "folder": "stateful"}] * 2


@pytest.mark.parametrize(
    ("plan", "exit_code", "words"),
    [
        (PLAN, 0, ""),
        (NOTHING, 0, ""),
        (REFUSED, 3, "error: orders: WOULD_BE_REFUSED: no way (NoSavepoint)"),
        (UNKNOWN, 1, "error: orders: UNKNOWN: one is open (OperationsOpen)"),
        ({"id": PLAN_ID, "verdict": "SOMETHING_NEW"}, 1, "error: orders: SOMETHING_NEW"),
        (Reply(412, {"code": "PlanChanged", "detail": "plan again"}), 3, "error: plan again (PlanChanged)"),
        (Reply(404, {"code": "JarNotFound", "detail": "no jar"}), 8, "error: no jar (JarNotFound)"),
    ],
)
def test_a_verdict_is_an_exit_code(uploading: Uploading, plan: Any, exit_code: int, words: str) -> None:  # noqa: ANN401 - JSON
    """The plan is on stdout whatever it says."""
    uploading.plan = plan
    ran = uploading.run("plan")
    assert ran.exit_code == exit_code
    assert words in ran.err
    assert (f"plan: {PLAN_ID}\n" in ran.out) is not isinstance(plan, Reply)


def test_a_plan_has_the_same_job_json_as_the_deploy_that_keeps_to_it(uploading: Uploading) -> None:
    """What a deploy would write but for what is said of it alone: a plan rests on the spec and the jar."""
    uploading.storage.upload(
        "stateful/orders/job.json", '{"parallelism": 3, "jar": "old.jar", "plan": "x", "reason": "y"}'
    )
    options = ("--args=--topic orders", "--entry-class", "com.example.Orders")
    assert uploading.run("plan", *options).exit_code == 0
    assert uploading.run("deploy", *options, "--plan-id", PLAN_ID, "--reason", "faster", "--again").exit_code == 0
    (planned,) = uploading.planned
    written = json.loads(uploading.read("stateful/orders/job.json") or b"")
    assert written == planned["jobJson"] | {"plan": PLAN_ID, "reason": "faster", "again": True}
    assert planned["jobJson"] == {
        "parallelism": 3,
        "args": "--topic orders",
        "entryClass": "com.example.Orders",
        "jar": f"orders-3-{DIGEST[:12]}.jar",
        "sha256": DIGEST,
    }


def test_a_stateless_plan_names_its_folder_and_the_wish_to_try_again(uploading: Uploading) -> None:
    """`again` is a field of the job.json, and without one of the request."""
    assert uploading.run("plan", "--stateless", "--again").exit_code == 0
    assert uploading.run("plan", "--parallelism", "4", "--again").exit_code == 0
    first, second = uploading.planned
    assert first == {"jar": PLANNED, "folder": "stateless", "again": True}
    assert (second["folder"], second["jobJson"]["again"], "again" in second) == ("stateful", True, False)


def test_a_comment_is_written_beside_the_plan(uploading: Uploading) -> None:
    """A pipeline needs both, of one plan; `-` writes it in place of the text."""
    comment = uploading.home / "plan.md"
    both = uploading.run("plan", "--json", "--markdown", str(comment))
    alone = uploading.run("plan", "--markdown", "-")
    nowhere = uploading.run("plan", "--markdown", "/nowhere/plan.md")
    assert both.json == PLAN
    assert comment.read_text() == alone.out
    assert alone.out.startswith("### UPDATE of `orders`: will be done\n")
    assert (nowhere.exit_code, nowhere.out) == (2, "")


@pytest.mark.parametrize(
    ("words", "path", "body"),
    [
        (["--action", "stop"], "stop", {}),
        (["--action", "start", "--savepoint", "savepoint-1"], "start", {"savePointName": "savepoint-1"}),
        (["--action", "update", "--release", "5c1d0e2f"], "update", {"release": "5c1d0e2f"}),
        (["--action", "last-state-update", "--body", "-"], "last-state-update", {"parallelism": 4}),
    ],
)
def test_an_action_is_planned_by_a_dry_run(tmp_path: Path, words: list[str], path: str, body: dict[str, str]) -> None:
    """With the body that the action would have; no storage is needed."""
    with app(tmp_path, {f"POST /api/jobs/orders/{path}": [Answer(200, PLAN)]}) as (flinkfuncs, server):
        ran = flinkfuncs.run("plan", "--job", "orders", *words, given='{"parallelism": 4}')
        (sent,) = server.calls
    assert (ran.exit_code, ran.out.splitlines()[-1]) == (0, f"plan: {PLAN_ID}")
    assert (sent.path, sent.sent) == (f"/api/jobs/orders/{path}?dryRun=true", body)


def test_a_plan_is_asked_for_again_where_the_answer_was_lost(tmp_path: Path) -> None:
    """It changes nothing."""
    with app(tmp_path, {"POST /stop": [Fault.RESET_AFTER, Answer(503), Answer(200, PLAN)]}) as (flinkfuncs, server):
        ran = flinkfuncs.run("plan", "--job", "orders", "--action", "stop")
        assert len(server.calls) == 3
    assert ran.exit_code == 0


def test_a_narrow_terminal_breaks_lines_and_no_word(tmp_path: Path) -> None:
    """What is lost is bold and red where colours are wanted, and a word of its own everywhere."""
    with app(tmp_path, {"POST /stop": [Answer(200, PLAN)]}) as (flinkfuncs, _):
        words = ("plan", "--job", "orders", "--action", "stop")
        narrow = flinkfuncs.at_a_terminal(*words, columns=80, NO_COLOR="1").out
        coloured = flinkfuncs.at_a_terminal(*words, columns=80).out
    assert max(map(len, narrow.splitlines())) <= 80
    assert "abfs://savepoints@acc/orders;" in narrow
    assert "\nGONE: the operator count cc7a, 12.3 MiB of state\n" in narrow
    assert "\x1b[1;31mGONE: the operator count cc7a, 12.3 MiB of state\x1b[0m" in coloured


def test_warnings_of_a_plan_are_log_commands_in_a_pipeline(tmp_path: Path) -> None:
    """Beside the text, and beside the JSON."""
    with app(tmp_path, {"POST /stop": [Answer(200, PLAN)]}) as (flinkfuncs, _):
        words = ("plan", "--job", "orders", "--action", "stop")
        azure = flinkfuncs.run(*words, environment=AZURE)
        github = flinkfuncs.run(*words, "--json", environment=GITHUB)
    assert azure.err == "##vso[task.logissue type=warning]1 operator has no uid\n"
    assert github.err == "::warning::1 operator has no uid\n"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["plan", "--job", "orders"], "either a JAR or an --action"),
        (["plan", "x.jar", "--job", "orders", "--action", "stop"], "either a JAR or an --action"),
        (["plan", "--job", "orders", "--action", "stop", "--stateless"], "--stateless is only for a plan of a JAR"),
        (["plan", "--job", "orders", "--action", "stop", "--job-json", "x"], "--job-json is only for a plan of a JAR"),
        (["plan", "x.jar", "--job", "orders", "--body", "x"], "--body is only for a plan of an --action"),
        (["plan", "--job", "orders", "--action", "explode"], "invalid choice"),
        (["deploy", "x.jar", "--job", "orders", "--plan", "--plan-id", "x"], "exclude each other"),
        (["deploy", "x.jar", "--job", "orders", "--reason", "x" * 501], "--reason"),
        (["stop", "orders", "--reason", "two\nlines"], "--reason"),
        (["stop", "orders", "--build-url", "ftp://x"], "--build-url"),
        (["stop", "orders", "--build-url", "https://me:secret@x"], "--build-url"),
        (["stop", "orders", "--commit", "main"], "--commit"),
        (["rollback", "orders", "--stateless", "--last-state"], "exclude each other"),
    ],
)
def test_wrong_usage_sends_nothing(tmp_path: Path, words: list[str], why: str) -> None:
    """Exit code 2, before storage or the app is asked."""
    with app(tmp_path, {}) as (flinkfuncs, server):
        ran = flinkfuncs.run(*words)
        assert server.calls == []
    assert (ran.exit_code, ran.out) == (2, "")
    assert why in ran.err


# -------------------------------------------------------------------------------------------------------------- deploy


def test_a_deploy_keeps_to_the_plan_that_it_shows(uploading: Uploading) -> None:
    """On stderr; its id goes along with the jar, whose recorded spec stays: there is no job.json."""
    ran = uploading.run("deploy", "--plan", "--wait")
    assert (ran.exit_code, ran.out) == (0, f"{ID} SUCCEEDED what came of it\n")
    assert "WILL_DO UPDATE of orders\n" in ran.err
    assert uploading.names("stateful/") == ["stateful/orders/orders-3.jar"]
    assert uploading.metadata("stateful/orders/orders-3.jar") == {"plan": PLAN_ID}


@pytest.mark.parametrize(
    ("plan", "words", "exit_code", "deployed"),
    [
        (REFUSED, [], 3, False),
        (REFUSED, ["--yes"], 3, False),
        (UNKNOWN, [], 1, False),
        (UNKNOWN, ["--yes"], 0, True),
        (NOTHING, [], 0, True),
    ],
)
def test_a_plan_that_is_refused_uploads_nothing(
    uploading: Uploading,
    plan: Any,  # noqa: ANN401 - JSON
    words: list[str],
    exit_code: int,
    *,
    deployed: bool,
) -> None:
    """Nor one that cannot be predicted, unless --yes goes on."""
    uploading.plan = plan
    ran = uploading.run("deploy", "--plan", *words)
    assert (ran.exit_code, bool(uploading.names("stateful/"))) == (exit_code, deployed), ran.err
    assert ("nothing was deployed: " in ran.err) is not deployed
    assert ran.err.count("(NoSavepoint)") == (2 if plan is REFUSED else 0)


@pytest.mark.parametrize(
    ("plan", "typed", "words", "exit_code"),
    [(PLAN, "y\n", [], 0), (PLAN, "n\n", [], 2), (UNKNOWN, "y\n", [], 0), (PLAN, "", ["--yes"], 0)],
)
def test_a_plan_is_confirmed_at_a_terminal(
    uploading: Uploading,
    plan: Any,  # noqa: ANN401 - JSON
    typed: str,
    words: list[str],
    exit_code: int,
) -> None:
    """The plan is above the question."""
    uploading.plan = plan
    line = CommandLine(uploading.url, uploading.home)
    command = ("deploy", uploading.jar, "--job", "orders", "--plan", *words)
    ran = line.at_a_terminal(*command, columns=80, typed=typed, **uploading.environment())
    assert ran.exit_code == exit_code, ran.out
    assert bool(uploading.names("stateful/")) is (exit_code == 0)
    if not words:
        assert ran.out.index(f"plan: {PLAN_ID}\n") < ran.out.index("deploy orders? [y/N]")


@pytest.mark.parametrize(
    ("words", "environment", "metadata"),
    [
        ([], {}, {}),
        ([], AZURE, {"buildurl": BY_AZURE["buildUrl"].replace("%", "%25"), "commit": BY_AZURE["commit"]}),
        ([], GITHUB, {"buildurl": BY_GITHUB["buildUrl"], "commit": BY_GITHUB["commit"]}),
        (["--ci", "none"], GITHUB, {}),
        ([], AZURE | {"BUILD_SOURCEVERSION": "1234", "BUILD_BUILDID": ""}, {}),
        (["--commit", "1234567"], GITHUB, {"buildurl": BY_GITHUB["buildUrl"], "commit": "1234567"}),
        (["--reason", "größer, 100 %"], {}, {"reason": "gr%C3%B6%C3%9Fer, 100 %25"}),
        (["--again", "--plan-id", PLAN_ID], {}, {"again": "true", "plan": PLAN_ID}),
    ],
)
def test_what_is_said_of_an_upload_without_a_job_json_is_metadata_of_its_jar(
    uploading: Uploading, words: list[str], environment: dict[str, str], metadata: dict[str, str]
) -> None:
    """A job.json would reset the spec; in a pipeline its variables say what no option says."""
    assert uploading.run("deploy", *words, **environment).exit_code == 0
    assert uploading.names("") == ["stateful/orders/orders-3.jar"]
    assert uploading.metadata("stateful/orders/orders-3.jar") == metadata


def test_what_is_said_of_an_upload_with_a_job_json_is_in_it(uploading: Uploading) -> None:
    """Flag, then file, then the pipeline's variables; nothing of an earlier upload stays."""
    file = uploading.home / "job.json"
    file.write_text('{"commit": "7654321", "reason": "in the file"}')
    assert uploading.run("deploy", "--job-json", str(file), "--reason", "by flag", **GITHUB).exit_code == 0
    first = json.loads(uploading.read("stateful/orders/job.json") or b"")
    assert uploading.run("deploy").exit_code == 0
    second = json.loads(uploading.read("stateful/orders/job.json") or b"")
    pair = {"jar": f"orders-3-{DIGEST[:12]}.jar", "sha256": DIGEST}
    assert first == {"commit": "7654321", "reason": "by flag", "buildUrl": BY_GITHUB["buildUrl"], **pair}
    assert second == pair


# ------------------------------------------------------------------------------------------------------------- actions


@pytest.mark.parametrize(
    "words", [["stop"], ["start"], ["update"], ["savepoint"], ["cancel", "--yes"], ["delete", "--yes"]]
)
def test_every_action_takes_a_plan_and_says_why(tmp_path: Path, words: list[str]) -> None:
    """In the body; what a pipeline knows is there by itself."""
    command, *more = words
    options = ["--plan-id", PLAN_ID, "--reason", "schema change", "--commit", "1234567"]
    with app(tmp_path, {f"POST /api/jobs/orders/{command}": [Answer(202, SEEN)]}) as (flinkfuncs, server):
        ran = flinkfuncs.run(command, "orders", *more, *options, environment=GITHUB)
        (sent,) = server.calls
    assert ran.exit_code == 0, ran.err
    said = {"plan": PLAN_ID, "reason": "schema change", "commit": "1234567", "buildUrl": BY_GITHUB["buildUrl"]}
    assert sent.sent == said


def test_an_action_whose_plan_has_changed_is_refused(tmp_path: Path) -> None:
    """412, exit code 3."""
    with app(tmp_path, {"POST /stop": [problem(412, "PlanChanged", "plan it again")]}) as (flinkfuncs, _):
        ran = flinkfuncs.run("stop", "orders", "--plan-id", PLAN_ID)
    assert ran.exit_code == 3
    assert "plan it again (PlanChanged)" in ran.err


def test_the_steps_of_an_operation_begin_with_why(tmp_path: Path) -> None:
    """Reason, commit and build, in the time of the request."""
    operation = ended("SUCCEEDED") | {"requestedAt": "2026-11-28T01:49:16Z"}
    operation["request"] = {"action": "UPDATE", "reason": "schema change", **BY_GITHUB}
    with app(tmp_path, {f"GET /api/operations/{ID}": [Answer(200, operation)]}) as (flinkfuncs, _):
        _, first, *_ = flinkfuncs.run("logs", ID).out.splitlines()
    assert first.split("  ") == [
        "2026-11-28T01:49:16Z",
        "Requested",
        f"schema change, {BY_GITHUB['commit']}, {BY_GITHUB['buildUrl']}",
    ]


# ------------------------------------------------------------------------------------------------------------ releases


UPLOADED = shown.Cause(kind="upload", detail="stateful/orders/x.jar 0x1")


def release(
    number: str,
    outcome: str | None,
    *,
    available: bool = True,
    running: bool = False,
    reason: str | None = None,
    cause: shown.Cause = UPLOADED,
) -> dict[str, Any]:
    operation = shown.ReleaseOperation(
        id=ID, action=Action.UPDATE, cause=cause, reason=reason, outcome=Outcome(outcome) if outcome else None
    )
    kept = shown.KeptRelease(
        id=number * 64,
        sha256="0" * 64,
        jar_name=f"orders-{number}.jar",
        size_bytes=2048,
        spec=shown.Spec(),
        kept_at=AT.replace(minute=0, second=18),
        wanted=running,
        running=running,
        available=available,
        operations=(operation,),
    )
    return {**kept.as_json()}


LISTED = [
    release("d", "ROLLED_BACK"),
    release("c", "SUCCEEDED", running=True),
    release("b", "FAILED"),
    release("a", "SUCCEEDED"),
    release("9", "SUCCEEDED", available=False),
]


def test_a_repeat_that_is_refused_does_not_hide_that_a_release_was_rolled_back(tmp_path: Path) -> None:
    """Which is what the reader of the list looks for."""
    again = release("d", "REFUSED")
    again["operations"] += LISTED[0]["operations"]
    with app(tmp_path, {"GET /api/jobs/orders/releases": [Answer(200, {"releases": [again]})]}) as (flinkfuncs, _):
        ran = flinkfuncs.run("releases", "orders")
    assert ran.out.splitlines()[1].split()[3] == "ROLLED_BACK"


def test_releases_are_listed_with_what_came_of_them_and_who_asked_for_them(tmp_path: Path) -> None:
    """Within 80 columns; the reason is a column where somebody gave one."""
    by_ada = shown.Cause(kind="http", detail="Ada Lovelace")
    said = [*LISTED, release("7", "SUCCEEDED", cause=by_ada), release("8", "REFUSED", reason="why")]
    with app(tmp_path, {"GET /api/jobs/orders/releases": [Answer(200, {"releases": LISTED})]}) as (flinkfuncs, _):
        ran = flinkfuncs.run("releases", "orders")
        as_json = flinkfuncs.run("releases", "orders", "--json")
        narrow = flinkfuncs.at_a_terminal("releases", "orders", columns=80, NO_COLOR="1").out
    with app(tmp_path, {"GET /api/jobs/orders/releases": [Answer(200, {"releases": said})]}) as (flinkfuncs, _):
        reasons = flinkfuncs.run("releases", "orders").out.splitlines()
    assert [line.split() for line in ran.out.splitlines()] == [
        ["RELEASE", "KEPT", "STATE", "LAST", "JAR", "BY"],
        ["d" * 12, "2026-11-28T01:00:18Z", "kept", "ROLLED_BACK", "orders-d.jar", "upload"],
        ["c" * 12, "2026-11-28T01:00:18Z", "running", "SUCCEEDED", "orders-c.jar", "upload"],
        ["b" * 12, "2026-11-28T01:00:18Z", "kept", "FAILED", "orders-b.jar", "upload"],
        ["a" * 12, "2026-11-28T01:00:18Z", "kept", "SUCCEEDED", "orders-a.jar", "upload"],
        ["9" * 12, "2026-11-28T01:00:18Z", "gone", "SUCCEEDED", "orders-9.jar", "upload"],
    ]
    assert as_json.json == {"releases": LISTED}
    assert narrow == ran.out
    assert reasons[0].split()[-2:] == ["BY", "REASON"]
    assert [line.split()[5:] for line in reasons[-2:]] == [["Ada", "Lovelace", "-"], ["upload", "why"]]


ROLLBACK = {"GET /api/jobs/orders/releases": [Answer(200, {"releases": LISTED})]}


@pytest.mark.parametrize(
    ("words", "path", "body", "said"),
    [
        ([], "update", {"release": "a" * 64}, f"to release {'a' * 12} orders-a.jar 2026-11-28T01:00:18Z"),
        (["b" * 8], "update", {"release": "b" * 64}, f"release {'b' * 12} orders-b.jar"),
        (["--last-state"], "last-state-update", {"release": "a" * 64}, "orders-a.jar"),
        (["--stateless"], "stateless-update", {"release": "a" * 64}, "orders-a.jar"),
        (["7" * 8], "update", {"release": "7" * 8}, f"release {'7' * 8}"),
        (["--reason", "too slow"], "update", {"release": "a" * 64, "reason": "too slow"}, "orders-a.jar"),
    ],
)
def test_a_rollback_is_an_update_to_the_release_before_that_went_well(
    tmp_path: Path, words: list[str], path: str, body: dict[str, str], said: str
) -> None:
    """Or to the one that is named; which one is said. A name that is not known is the app's to refuse."""
    with app(tmp_path, ROLLBACK | {f"POST /api/jobs/orders/{path}": [Answer(202, SEEN)]}) as (flinkfuncs, server):
        ran = flinkfuncs.run("rollback", "orders", *words)
        assert [call.sent for call in server.calls if call.method == "POST"] == [body], ran.err
    assert (ran.exit_code, ran.out) == (0, f"{ID}\n")
    assert "rolling orders back to release " in ran.err
    assert said in ran.err


@pytest.mark.parametrize(
    ("listed", "exit_code", "words"),
    [
        ([release("c", "SUCCEEDED", running=True), release("b", "FAILED")], 8, "no earlier release that succeeded"),
        ([release("c", "SUCCEEDED")], 8, "no earlier release that succeeded"),
        ([], 8, "no earlier release that succeeded"),
        ([release("c", "FAILED", running=True), LISTED[-1], LISTED[-2]], 3, f"{'9' * 12}, is no longer kept"),
    ],
)
def test_a_rollback_without_a_way_back_sends_nothing(
    tmp_path: Path, listed: list[Any], exit_code: int, words: str
) -> None:
    """Nothing older is taken in its place without a word."""
    with app(tmp_path, {"GET /api/jobs/orders/releases": [Answer(200, {"releases": listed})]}) as (flinkfuncs, server):
        ran = flinkfuncs.run("rollback", "orders")
        assert server.count("POST") == 0
    assert (ran.exit_code, ran.out) == (exit_code, "")
    assert words in ran.err
    assert "flinkfuncs releases orders" in ran.err


@pytest.mark.parametrize(
    ("typed", "words", "exit_code", "sent"), [("y\n", [], 0, 1), ("\n", [], 2, 0), ("", ["--yes"], 0, 1)]
)
def test_a_rollback_asks_at_a_terminal(tmp_path: Path, typed: str, words: list[str], exit_code: int, sent: int) -> None:
    """After it has said to which release."""
    with app(tmp_path, ROLLBACK | {"POST /update": [Answer(202, SEEN)]}) as (flinkfuncs, server):
        ran = flinkfuncs.at_a_terminal("rollback", "orders", *words, typed=typed)
        assert (ran.exit_code, server.count("POST")) == (exit_code, sent), ran.out
    assert "orders-a.jar" in ran.out


def test_a_rollback_is_followed_to_its_end(tmp_path: Path) -> None:
    """As every other action."""
    answers = {"POST /update": [Answer(202, SEEN)], f"GET /api/operations/{ID}": [Answer(200, ended("ROLLED_BACK"))]}
    with app(tmp_path, ROLLBACK | answers) as (flinkfuncs, _):
        ran = flinkfuncs.run("rollback", "orders", "--wait")
    assert (ran.exit_code, ran.out) == (5, f"{ID} ROLLED_BACK\n")
    assert f"{ID} UPDATE of orders\n" in ran.err
    assert ran.err.endswith(f"error: {ID} ROLLED_BACK: what came of it\n")
