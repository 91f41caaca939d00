"""The scripts of examples/pipelines as their pipelines run them, unmodified, up to what only those services can do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import Ran
from tests.listener import Call, Reply, listening
from tests.pipelines import PIPELINES, ROOT, azure_steps, checkout, github_step
from tests.plans import PLAN, PLAN_ID

from .uploading import Uploading

REFUSED = {"id": PLAN_ID, "verdict": "WOULD_BE_REFUSED", "code": "NoSavepoint", "reason": "no way", "action": "UPDATE"}
AZURE = {
    "TF_BUILD": "True",
    "BUILD_SOURCEVERSION": "ab" * 20,
    "SYSTEM_COLLECTIONURI": "https://dev.azure.com/team/",
    "SYSTEM_TEAMPROJECT": "Our Orders",
    "BUILD_BUILDID": "17",
}
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SHA": "ab" * 20,
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "team/orders",
    "GITHUB_RUN_ID": "42",
}


def run(uploading: Uploading, script: str, **more: str) -> Ran:
    """Run a step of a pipeline against the recorded app."""
    ran = checkout(uploading.home).run(
        script,
        JAR=uploading.jar,
        JOB="orders",
        FLINKFUNCS_URL=uploading.url,
        FLINKFUNCS_KEY="the function key",
        **uploading.environment(**more),
    )
    assert "the function key" not in ran.out + ran.err
    return ran


# ---------------------------------------------------------------------------------------------------------------- plan


def test_github_gets_a_plan_as_outputs_and_in_its_summary(uploading: Uploading) -> None:
    """The id for the deployment, the verdict for its condition; options are words and no patterns."""
    home = uploading.home
    out, summary = home / "plan", home / "summary"
    files = {"GITHUB_OUTPUT": str(home / "output"), "GITHUB_STEP_SUMMARY": str(summary), "OUT": str(out)}
    ran = run(uploading, github_step("Plan"), OPTIONS="--stateless  --args=*", **GITHUB, **files)
    assert ran.exit_code == 0, ran.err
    assert (home / "output").read_text() == f"plan-id={PLAN_ID}\nverdict=WILL_DO\n"
    assert summary.read_text() == (out / "plan.md").read_text()
    assert json.loads((out / "plan.json").read_text()) == PLAN
    assert (out / "plan-id").read_text() == f"{PLAN_ID}\n"
    assert ran.err.splitlines()[-1] == "::warning::1 operator has no uid"
    (planned,) = uploading.planned
    assert (planned["folder"], planned["jobJson"]["args"]) == ("stateless", "*")


def test_azure_pipelines_gets_a_plan_as_variables_and_in_its_summary(uploading: Uploading) -> None:
    """By log commands, each a line of its own."""
    ran = run(uploading, azure_steps()["Plan"], **AZURE)
    assert ran.exit_code == 0, ran.err
    assert ran.out.splitlines() == [
        f"##vso[task.setvariable variable=planId;isOutput=true]{PLAN_ID}",
        "##vso[task.setvariable variable=verdict;isOutput=true]WILL_DO",
        f"##vso[task.uploadsummary]{uploading.home}/plan/plan.md",
    ]
    assert "##vso[task.logissue type=warning]1 operator has no uid" in ran.err


@pytest.mark.parametrize(
    ("plan", "exit_code", "comment"),
    [(REFUSED, 3, True), (Reply(401, raw=b""), 4, False), (Reply(400, {"code": "InvalidBody"}), 3, False)],
)
def test_a_plan_that_may_not_be_deployed_is_a_red_step(
    uploading: Uploading,
    plan: Any,  # noqa: ANN401 - JSON
    exit_code: int,
    *,
    comment: bool,
) -> None:
    """With the exit code of the command; a comment says why where there is a plan, and none of an earlier run stays."""
    run(uploading, azure_steps()["Plan"], **AZURE)
    uploading.plan = plan
    ran = run(uploading, azure_steps()["Plan"], **AZURE)
    assert ran.exit_code == exit_code
    assert (uploading.home / "plan" / "plan.md").exists() is comment
    assert (uploading.home / "plan" / "plan-id").exists() is comment
    assert "##vso[task.logissue type=error" in ran.err


def test_a_plan_outside_a_pipeline_is_printed(uploading: Uploading) -> None:
    """The scripts can be tried at a desk."""
    ran = run(uploading, "sh pipelines/plan.sh")
    assert ran.out.startswith("### UPDATE of `orders`: will be done\n")


# -------------------------------------------------------------------------------------------------------------- deploy


def test_github_deploys_the_plan_and_says_what_came_of_it(uploading: Uploading) -> None:
    """The plan's id goes along with the jar, and so do the build and its commit."""
    summary = uploading.home / "summary"
    environment = {"PLAN_ID": PLAN_ID, "GITHUB_STEP_SUMMARY": str(summary), "OPTIONS": "", "TIMEOUT": "60"}
    ran = run(uploading, github_step("Deploy and wait"), **GITHUB, **environment)
    assert ran.exit_code == 0, ran.err
    assert uploading.metadata("stateful/orders/orders-3.jar") == {
        "plan": PLAN_ID,
        "commit": GITHUB["GITHUB_SHA"],
        "buildurl": "https://github.com/team/orders/actions/runs/42",
    }
    heading, _, meaning, *lines = summary.read_text().splitlines()
    assert heading == "### Deployment of `orders`: exit code 0"
    assert meaning == "Deployed: the release runs."
    assert "    outcome: SUCCEEDED" in lines


@pytest.mark.parametrize(
    ("outcome", "exit_code", "meaning"),
    [
        (
            "REFUSED",
            3,
            "Refused: the job was not touched. If the plan has changed, run the pipeline again for a new one.",
        ),
        ("ROLLED_BACK", 5, "Rolled back: "),
        ("UNPROVEN", 6, "Unproven: "),
        ("FAILED", 1, "Failed: "),
        (None, 7, "Still open when the timeout expired. "),
    ],
)
def test_an_exit_code_has_its_meaning_in_the_summary(
    uploading: Uploading, outcome: str | None, exit_code: int, meaning: str
) -> None:
    """In Azure Pipelines it is a file that a log command names; the step ends with that code."""
    uploading.outcome = outcome
    ran = run(uploading, azure_steps()["Deploy and wait"], PLAN_ID=PLAN_ID, TIMEOUT="2", **AZURE)
    assert ran.exit_code == exit_code, ran.err
    (command,) = [line for line in ran.out.splitlines() if "uploadsummary" in line]
    summary = Path(command.removeprefix("##vso[task.uploadsummary]")).read_text()
    assert f"exit code {exit_code}\n\n{meaning}" in summary
    assert ("    message: what came of it" in summary) is (outcome is not None)


def test_nothing_is_deployed_without_a_plan(uploading: Uploading) -> None:
    """An empty id is what a pipeline has whose plan failed."""
    unset = run(uploading, "sh pipelines/deploy.sh")
    empty = run(uploading, "sh pipelines/deploy.sh", PLAN_ID="")
    assert 0 not in (unset.exit_code, empty.exit_code)
    assert "names the plan that was approved" in unset.err
    assert uploading.names("") == []


# ------------------------------------------------------------------------------------------------------------- comment


class PullRequest:
    """GitHub's and Azure Repos' comments on one pull request, of 150 others."""

    def __init__(self) -> None:
        """Begin with what others wrote."""
        self.comments: dict[int, str] = dict.fromkeys(range(1, 151), "looks good")
        self.calls: list[Call] = []

    def github(self, call: Call) -> Reply:
        """Answer as GitHub does, in pages of 100."""
        self.calls.append(call)
        if call.method == "GET":
            page = int(re.findall(r"&page=(\d+)", call.path)[0])
            shown = [{"id": number, "body": body} for number, body in self.comments.items()]
            return Reply(body=shown[100 * (page - 1) : 100 * page])
        number = int(call.path.rpartition("/")[2]) if call.method == "PATCH" else 900
        self.comments[number] = call.sent["body"]
        return Reply(body={"html_url": f"https://github.com/team/orders/pull/5#{number}"})

    def azure(self, call: Call) -> Reply:
        """Answer as Azure Repos does, with a thread for each comment."""
        self.calls.append(call)
        if call.method == "GET":
            threads = [
                {"id": number, "comments": [{"id": 1, "content": body}]} for number, body in self.comments.items()
            ]
            return Reply(body={"value": [{"id": 0, "comments": []}, *threads]})
        if call.method == "POST":
            self.comments[900] = call.sent["comments"][0]["content"]
            return Reply(body={"id": 900})
        number = int(re.findall(r"threads/(\d+)/comments/1\?", call.path)[0])
        self.comments[number] = call.sent["content"]
        return Reply(body={"id": 1})


def planned(uploading: Uploading) -> None:
    folder = uploading.home / "plan"
    folder.mkdir()
    (folder / "plan.md").write_text("### the plan\n")


def test_a_pull_request_on_github_has_one_comment_of_a_job(uploading: Uploading) -> None:
    """Written over by each run; the token is in a header and nowhere else."""
    planned(uploading)
    request = PullRequest()
    with listening(request.github) as url:
        environment = {"GITHUB_API_URL": url, "GITHUB_TOKEN": "the token", "PULL_REQUEST": "5", "OUT": "plan"}
        first, second = (
            run(uploading, github_step("Comment on the pull request"), **GITHUB, **environment) for _ in range(2)
        )
    assert (first.exit_code, second.exit_code) == (0, 0), first.err + second.err
    assert first.out == second.out == "comment: https://github.com/team/orders/pull/5#900\n"
    assert request.comments[900] == "<!-- flinkfuncs plan of orders -->\n### the plan\n"
    assert [call.method for call in request.calls] == ["GET", "GET", "POST", "GET", "GET", "PATCH"]
    assert {call.headers["Authorization"] for call in request.calls} == {"Bearer the token"}
    assert {call.bare.partition("/comments")[0] for call in request.calls} == {
        "/repos/team/orders/issues/5",
        "/repos/team/orders/issues",
    }


def test_a_pull_request_in_azure_repos_has_one_comment_of_a_job(uploading: Uploading) -> None:
    """In a thread that nobody has to resolve."""
    planned(uploading)
    request = PullRequest()
    with listening(request.azure) as url:
        environment = AZURE | {
            "SYSTEM_COLLECTIONURI": f"{url}/team/",
            "SYSTEM_ACCESSTOKEN": "the token",
            "SYSTEM_PULLREQUEST_PULLREQUESTID": "5",
            "BUILD_REPOSITORY_PROVIDER": "TfsGit",
            "BUILD_REPOSITORY_ID": "0c1d",
        }
        first, second = (run(uploading, azure_steps()["Comment on the pull request"], **environment) for _ in range(2))
    assert (first.exit_code, second.exit_code) == (0, 0), first.err + second.err
    assert first.out == second.out == "comment: thread 900 of pull request 5\n"
    assert request.comments[900] == "<!-- flinkfuncs plan of orders -->\n### the plan\n"
    assert [call.method for call in request.calls] == ["GET", "POST", "GET", "PATCH"]
    assert request.calls[1].sent["status"] == "closed"
    assert request.calls[1].bare == "/team/Our%20Orders/_apis/git/repositories/0c1d/pullRequests/5/threads"


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "there is no place for a comment here"),
        (AZURE | {"BUILD_REPOSITORY_PROVIDER": "TfsGit"}, "this run is not of a pull request"),
        (GITHUB | {"PULL_REQUEST": ""}, "this run is not of a pull request"),
    ],
)
def test_a_run_without_a_pull_request_has_no_comment(
    uploading: Uploading, environment: dict[str, str], words: str
) -> None:
    """And is no error: the plan is in the summary."""
    planned(uploading)
    ran = run(uploading, azure_steps()["Comment on the pull request"], **environment)
    assert (ran.exit_code, ran.out) == (0, f"comment: {words}\n")


def test_a_token_is_not_sent_in_the_clear(uploading: Uploading) -> None:
    """Whatever the environment says."""
    planned(uploading)
    environment = {"GITHUB_API_URL": "http://github.example", "GITHUB_TOKEN": "hunter2", "PULL_REQUEST": "5"}
    ran = run(uploading, azure_steps()["Comment on the pull request"], **GITHUB, **environment)
    assert ran.exit_code == 1
    assert "in the clear" in ran.err
    assert "hunter2" not in ran.err


# ------------------------------------------------------------------------------------------------------------ examples


def test_the_examples_hold_no_secret_and_pin_what_they_use() -> None:
    """As this repository's own workflows do; the actions are the same commits."""
    own = "".join(path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml"))
    texts = {path.name: path.read_text() for path in PIPELINES.rglob("*.yml")}
    assert texts.keys() == {"azure-pipelines.yml", "action.yml", "workflow.yml"}
    for text in texts.values():
        assert "secrets." not in text
        assert "pull_request_target" not in text
        for action in re.findall(r"uses: (.*)", text):
            assert action.startswith("your-team/flinkfuncs/") or action in own, action
            assert re.match(r"[\w/-]+@[0-9a-f]{40} # ", action), action
    assert "addSpnToEnvironment: true" not in texts["azure-pipelines.yml"]
    assert texts["azure-pipelines.yml"].count("addSpnToEnvironment: false") == 2


def test_every_script_stops_at_its_first_error() -> None:
    """An unset variable is one, too."""
    scripts = list(PIPELINES.rglob("*.sh"))
    assert len(scripts) == 3
    for script in scripts:
        code = [line for line in script.read_text().splitlines() if line and not line.startswith("#")]
        assert code[0] == "set -eu", script
