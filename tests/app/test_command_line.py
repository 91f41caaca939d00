"""The command line against the real app: a stand-in for Flink below it, and real storage."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.storage.blob import BlobServiceClient

from tests.command_line import CommandLine, Ran
from tests.listener import Call, Reply, listening
from tests.pipelines import azure_steps, checkout, github_step
from tests.stand_in.cluster import StandIn
from tests.stand_in.rest import flink_server
from tests.storage_proxy import is_commit, is_job_json, losing
from tests.wire.server import Fault

from .app import KEY, RunningApp, eventually
from .conftest import StartApp

JARS = Path(__file__).parents[2] / "examples" / "jars"


@dataclass(frozen=True)
class Deploying:
    """An app that sweeps every second, and the command line with the right to upload."""

    app: RunningApp
    flink: StandIn
    home: Path

    def run(self, *words: str, **environment: str) -> Ran:
        """Run a command."""
        return self._line.run(*words, environment={**self._environment, **environment})

    def dies_once_it_is_uploaded(self, *words: str) -> None:
        """Kill a command when storage has taken its jar, before the answer arrives."""
        with losing(self.app.account) as proxy:
            proxy.fault = lambda call: Fault.RESET_AFTER if is_commit(call) else None
            environment = {**self._environment, "FLINKFUNCS_STORAGE_CONNECTION": proxy.connection}
            with self._line.start(*words, environment=environment) as process:
                eventually(lambda: proxy.lost)
                process.kill()

    def operations(self, job: str) -> list[dict[str, Any]]:
        """Return a job's operations, newest first, once all have ended."""
        listed = self.app.get(f"/api/operations?job={job}").json()["operations"]
        return listed if all(one["state"] == "closed" for one in listed) else []

    def deploy(self, job: str, version: str, *words: str) -> Ran:
        """Deploy a version of the example and wait."""
        return self.run("deploy", str(JARS / f"sequence-{version}.jar"), "--job", job, "--wait", *words)

    @property
    def container(self) -> str:
        """The jars container."""
        return self.app.host.settings["JARS_CONTAINER"]

    @property
    def _line(self) -> CommandLine:
        return CommandLine(self.app.host.url, self.home, KEY)

    @property
    def _environment(self) -> dict[str, str]:
        return {"FLINKFUNCS_STORAGE_CONNECTION": self.app.account, "FLINKFUNCS_CONTAINER": self.container}

    def blobs(self, prefix: str) -> dict[str, bytes]:
        """Return what lies there."""
        container = BlobServiceClient.from_connection_string(self.app.account).get_container_client(self.container)
        names = list(container.list_blob_names(name_starts_with=prefix))
        return {name.removeprefix(prefix): container.download_blob(name).readall() for name in names}


@pytest.fixture(scope="module")
def deploying(start_app: StartApp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deploying]:
    """Shared by the tests of this file, each with jobs of its own."""
    with flink_server() as flink:
        settings = {"FLINK_REST_URL": flink.url, "SETTLE_SECONDS": "0.2", "SWEEP_SCHEDULE": "* * * * * *"}
        app = start_app("command-line", settings)
        yield Deploying(app, flink.flink, tmp_path_factory.mktemp("home"))
        app.host.kill()


def test_a_second_version_is_deployed_and_followed_to_its_end(deploying: Deploying) -> None:
    """The jar goes up under its own name; each step is a line; the same bytes once more end as the app says."""
    first = deploying.deploy("orders", "1")
    second = deploying.deploy("orders", "2", "--json")
    again = deploying.deploy("orders", "2")
    back = deploying.deploy("orders", "1")
    assert (first.exit_code, second.exit_code) == (0, 0), first.err + second.err
    assert first.out.split()[1] == "SUCCEEDED"
    assert second.json["result"]["outcome"] == "SUCCEEDED"
    assert second.json["cause"]["detail"].startswith("stateful/orders/sequence-2.jar ")
    assert {"Stop", "Start"} <= {line.split()[1] for line in second.err.splitlines() if line.startswith("2")}
    assert again.exit_code == 0, again.err
    assert (back.exit_code, back.out.split()[1]) == (3, "SUPERSEDED")
    assert "(HandledBefore)" in back.err
    assert deploying.blobs("stateful/orders/").keys() == {"sequence-1.jar", "sequence-2.jar"}


def test_options_become_a_job_json_that_pins_its_jar(deploying: Deploying, tmp_path: Path) -> None:
    """One operation for jar and options, and what is said once stays until it is said anew."""
    job_json = tmp_path / "job.json"
    job_json.write_text('{"parallelism": 3, "onFailure": "stop"}')
    first = deploying.deploy("described", "1", "--job-json", str(job_json), "--args=--rate 400")
    new_args = deploying.deploy("described", "1", "--args=--rate 500")
    new_jar = deploying.deploy("described", "2", "--json")
    for ran in (first, new_args, new_jar):
        assert ran.exit_code == 0, ran.err
    blobs = deploying.blobs("stateful/described/")
    digests = [hashlib.sha256((JARS / f"sequence-{version}.jar").read_bytes()).hexdigest() for version in "12"]
    names = [f"sequence-{version}-{digest[:12]}.jar" for version, digest in zip("12", digests, strict=True)]
    assert blobs.keys() == {"job.json", *names}
    assert json.loads(blobs["job.json"]) == {
        "parallelism": 3,
        "onFailure": "stop",
        "args": "--rate 500",
        "jar": names[1],
        "sha256": digests[1],
    }
    operations = deploying.run("operations", "--job", "described", "--json").json["operations"]
    assert [one["result"]["outcome"] for one in operations] == ["SUCCEEDED"] * 3
    assert operations[0] == new_jar.json
    assert f"{names[0]} exists already; waiting for the app to find it" in new_args.err
    assert f"uploaded stateful/described/{names[0]}" not in new_args.err


def test_a_job_json_that_is_there_is_kept_but_for_what_is_of_one_version(deploying: Deploying) -> None:
    """A savepoint counts once for each version of the file, and the reason was that of another deployment."""
    described = {"jar": "that-never-came.jar", "parallelism": 3, "savePointName": "savepoint-that-is-gone"}
    described |= {"reason": "the one before", "buildUrl": "https://ci.example/16", "commit": "5c1d0e2"}
    deploying.app.put_blob("stateful/kept/job.json", json.dumps(described).encode())
    ran = deploying.deploy("kept", "1")
    assert ran.exit_code == 0, ran.err
    assert "keeps the content of stateful/kept/job.json" in ran.err
    kept = json.loads(deploying.blobs("stateful/kept/")["job.json"])
    assert kept.keys() == {"jar", "sha256", "parallelism"}


def test_an_action_whose_answer_is_lost_is_done_once(deploying: Deploying) -> None:
    """A gateway in between says 504 of what the app has taken; the second request finds the operation."""
    assert deploying.deploy("lost", "1").exit_code == 0
    sent: list[Call] = []

    def pass_on(call: Call) -> Reply:
        sent.append(call)
        headers = {name: value for name, value in call.headers.items() if name.lower() not in ("host", "connection")}
        url = deploying.app.host.url + call.path
        reply = requests.request(call.method, url, headers=headers, data=call.body, timeout=60)
        is_lost = [each.method for each in sent].count("POST") == 1 and call.method == "POST"
        return Reply(504, raw=b"") if is_lost else Reply(reply.status_code, reply.json(), dict(_own(reply.headers)))

    with listening(pass_on) as url:
        words = ("stop", "lost", "--wait", "--idempotency-key", "step-7")
        ran, again = (CommandLine(url, deploying.home, KEY).run(*words) for _ in range(2))
    assert (ran.exit_code, again.exit_code) == (0, 0), ran.err + again.err
    assert ran.out == again.out
    assert "the request had arrived before" in ran.err
    assert [call.headers["Idempotency-Key"] for call in sent if call.method == "POST"] == ["step-7"] * 3
    operations = deploying.run("operations", "--job", "lost", "--json").json["operations"]
    assert [one["request"]["action"] for one in operations] == ["STOP", "UPDATE"]


def _own(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in headers.items() if name.lower() in ("idempotency-replayed", "location"))


def loops(folder: Path) -> str:
    """Make a release that restarts again and again."""
    path = folder / "loops.jar"
    path.write_bytes((JARS / "sequence-2.jar").read_bytes())
    with zipfile.ZipFile(path, "a") as jar:
        jar.writestr("com/example/Loops.class", b"", zipfile.ZIP_STORED)
    return str(path)


def test_a_release_that_crash_loops_is_rolled_back(deploying: Deploying, tmp_path: Path) -> None:
    """Exit code 5: the old one runs again."""
    assert deploying.deploy("crashing", "1").exit_code == 0
    ran = deploying.run("deploy", loops(tmp_path), "--job", "crashing", "--wait")
    assert (ran.exit_code, ran.out.split()[1]) == (5, "ROLLED_BACK"), ran.err


@pytest.mark.parametrize("keeps_to_plan", [True, False])
@pytest.mark.parametrize(("outcome", "exit_code"), [("SUCCEEDED", 0), ("ROLLED_BACK", 5)])
def test_a_deploy_that_is_repeated_after_a_lost_answer_is_the_same_operation(
    deploying: Deploying, tmp_path: Path, outcome: str, exit_code: int, *, keeps_to_plan: bool
) -> None:
    """It died when storage had the jar, so it knew of no operation: its repeat ends as that one did."""
    job = f"again-{exit_code}-{keeps_to_plan}".lower()
    assert deploying.deploy(job, "1").exit_code == 0
    jar = loops(tmp_path) if exit_code else str(JARS / "sequence-2.jar")
    words = ["deploy", jar, "--job", job, "--wait"]
    if keeps_to_plan:
        words += ["--plan-id", deploying.run("plan", jar, "--job", job, "--json").json["id"]]
    deploying.dies_once_it_is_uploaded(*words)
    (made, first) = eventually(lambda: there if len(there := deploying.operations(job)) > 1 else [])
    again = deploying.run(*words, "--json")
    assert (again.exit_code, again.json["result"]["outcome"]) == (exit_code, outcome), again.err
    assert f"this upload is already operation {made['id']}\n" in again.err
    assert [again.json, first] == deploying.operations(job)
    assert ("in spite of that: add --again" in again.err) is (outcome == "ROLLED_BACK")


@pytest.mark.parametrize("options", [(), ("--parallelism", "3")])
def test_a_write_that_storage_takes_twice_is_one_upload(deploying: Deploying, options: tuple[str, ...]) -> None:
    """The library sends it again by itself when the answer is lost: with each file of an upload, one operation."""
    job = f"twice-{len(options)}"
    with losing(deploying.app.account) as proxy:
        writes = (is_commit, is_job_json)
        proxy.fault = lambda call: (
            Fault.RESET_AFTER if any(which(call) and proxy.count(which) == 1 for which in writes) else None
        )
        words = ("deploy", str(JARS / "sequence-1.jar"), "--job", job, "--wait", *options)
        ran = deploying.run(*words, FLINKFUNCS_STORAGE_CONNECTION=proxy.connection)
    assert ran.exit_code == 0, ran.err
    files = 2 if options else 1
    assert [sum(map(which, proxy.calls)) for which in writes[:files]] == [2] * files
    assert [sum(map(which, proxy.taken)) for which in writes[:files]] == [1] * files
    (operation,) = deploying.operations(job)
    assert operation["id"] == ran.out.split()[0]


def test_an_upload_that_the_app_refuses_is_found_although_there_is_no_job(deploying: Deploying, tmp_path: Path) -> None:
    """A job.json with a field that does not exist; a file that is no jar."""
    job_json, no_jar = tmp_path / "job.json", tmp_path / "no.jar"
    job_json.write_text('{"paralelism": 3}')
    no_jar.write_text("this is no jar")
    misspelt = deploying.deploy("misspelt", "1", "--job-json", str(job_json))
    refused = deploying.run("deploy", str(no_jar), "--job", "no-jar", "--wait")
    assert (misspelt.exit_code, refused.exit_code) == (3, 3), misspelt.err + refused.err
    assert "paralelism" in misspelt.err
    assert "(NotAJar)" in refused.err


def test_a_deploy_that_nobody_waits_for_says_which_operation_it_is(deploying: Deploying) -> None:
    """Another command, or another step of a pipeline, waits for it."""
    ran = deploying.run("deploy", str(JARS / "sequence-1.jar"), "--job", "left")
    assert ran.exit_code == 0, ran.err
    waited = deploying.run("wait", ran.out.split()[0])
    assert (waited.exit_code, waited.out.split()[1]) == (0, "SUCCEEDED")


@pytest.mark.nightly("it waits for its own time to run out; the scripted server shows the words")
def test_a_paused_job_holds_the_upload_and_the_command_says_how_to_come_back(deploying: Deploying) -> None:
    """Exit code 7 when the time is over; after resume the same operation ends."""
    deploying.deploy("held", "1")
    assert deploying.run("pause", "held").exit_code == 0
    ran = deploying.deploy("held", "2", "--timeout", "10")
    assert ran.exit_code == 7, ran.err
    number = ran.out.strip()
    assert f"flinkfuncs wait {number}" in ran.err
    assert "to release this one: flinkfuncs resume held" in ran.err
    assert f"held: {number}" in deploying.run("job", "held").out
    deploying.run("resume", "held")
    assert deploying.run("wait", number).exit_code == 0


@pytest.mark.nightly("the scripted server sees the call of each, and one operation is followed to its end here")
def test_every_action_works_on_the_app(deploying: Deploying) -> None:
    """In the order in which they make sense, each with its exit code."""
    deploying.deploy("acted", "1")
    codes: dict[str, int] = {}
    for words in (
        ["savepoint"],
        ["update", "--stateless"],
        ["stop"],
        ["start"],
        ["cancel", "--yes"],
        ["delete", "--yes"],
    ):
        codes[words[0]] = deploying.run(words[0], "acted", *words[1:], "--wait").exit_code
    assert codes == dict.fromkeys(("savepoint", "update", "stop", "start", "cancel", "delete"), 0)
    assert deploying.run("stop", "acted").exit_code == 8
    assert deploying.run("start", "acted", FLINKFUNCS_KEY="wrong").exit_code == 4


def test_an_upload_that_was_interrupted_goes_on_where_it_was(deploying: Deploying, tmp_path: Path) -> None:
    """Blocks that are there are not sent again, and the blob is whole."""
    content = b"".join(bytes([number]) * (8 * 1024 * 1024) for number in range(3)) + b"the end"
    jar = tmp_path / "large.jar"
    jar.write_bytes(content)
    service = BlobServiceClient.from_connection_string(deploying.app.account)
    blob = service.get_blob_client(deploying.container, "stateful/large/large.jar")
    for number in (0, 1):
        block = content[number * 8388608 :][:8388608]
        blob.stage_block(f"{number:06d}-{hashlib.sha256(block).hexdigest()[:32]}", block)
    ran = deploying.run("deploy", str(jar), "--job", "large", "--wait")
    assert "2 of 4 blocks were there already" in ran.err
    assert deploying.blobs("stateful/large/") == {"large.jar": content}
    assert ran.exit_code == 3


@pytest.mark.parametrize(
    ("environment", "exit_code", "words"),
    [
        ({"FLINKFUNCS_CONTAINER": "nowhere"}, 8, "nowhere/stateful/orders/sequence-1.jar"),
        ({"FLINKFUNCS_STORAGE_CONNECTION": "UseTheForce=true"}, 2, "not a connection string"),
        ({"FLINKFUNCS_STORAGE_CONNECTION": ""}, 2, "FLINKFUNCS_STORAGE_URL"),
        ({"FLINKFUNCS_STORAGE_CONNECTION": "wrong key"}, 4, "stateful/orders/job.json"),
    ],
)
def test_storage_that_cannot_be_written_has_its_exit_code(
    deploying: Deploying, environment: dict[str, str], exit_code: int, words: str
) -> None:
    """Nothing was deployed, and no secret is shown."""
    wrong = deploying.app.account.replace("AccountKey=", "AccountKey=AAAA")
    environment = {name: wrong if text == "wrong key" else text for name, text in environment.items()}
    ran = deploying.run("deploy", str(JARS / "sequence-1.jar"), "--job", "orders", **environment)
    assert (ran.exit_code, ran.out) == (exit_code, ""), ran.err
    assert words in ran.err
    assert "AccountKey" not in ran.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([__file__, "--job", "orders"], "test_command_line.py is empty, or its name does not end in .jar"),
        (["/nowhere.jar", "--job", "orders"], "there is no file /nowhere.jar"),
        ([str(JARS / "sequence-1.jar"), "--job", "A_B"], "'A_B' is not a job name: use 1 to 63"),
    ],
)
def test_what_cannot_be_a_deploy_uploads_nothing(deploying: Deploying, words: list[str], why: str) -> None:
    """Found before anything is sent."""
    before = deploying.blobs("")
    ran = deploying.run("deploy", *words)
    assert (ran.exit_code, ran.out) == (2, "")
    assert why in ran.err
    assert deploying.blobs("") == before


@pytest.mark.nightly("the scripted server sends the same, and the replies are held against the document")
def test_what_the_app_really_sends_is_shown(deploying: Deploying) -> None:
    """By each command that reads."""
    deploying.deploy("shown", "1")
    deploying.run("savepoint", "shown", "--wait")
    for words in (["jobs"], ["job", "shown"], ["savepoints", "shown"], ["uploads"]):
        ran = deploying.run(*words)
        assert (ran.exit_code, "shown" in ran.out) == (0, True), ran.err
    listed = deploying.run("operations", "--job", "shown").out.splitlines()
    assert [line.split()[1:3] for line in listed[1:]] == [["SAVEPOINT", "SUCCEEDED"], ["UPDATE", "SUCCEEDED"]]
    assert "SUCCEEDED" in deploying.run("logs", listed[1].split()[0]).out
    assert deploying.run("health").out.startswith("app: ")


# ---------------------------------------------------------------------------------------------------------- pipelines

BUILD = {"GITHUB_SHA": "ab" * 20, "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "team/orders"}
GITHUB = BUILD | {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "42", "OPTIONS": ""}


@dataclass(frozen=True)
class Pipeline:
    """A pipeline of one job."""

    deploying: Deploying
    home: Path
    job: str

    def run(self, step: str, version: str, **environment: str) -> Ran:
        """Run a step with a version of the example."""
        return checkout(self.home).run(
            step,
            JOB=self.job,
            JAR=str(JARS / f"sequence-{version}.jar"),
            FLINKFUNCS_URL=self.deploying.app.host.url,
            FLINKFUNCS_KEY=KEY,
            FLINKFUNCS_STORAGE_CONNECTION=self.deploying.app.account,
            FLINKFUNCS_CONTAINER=self.deploying.container,
            OUT="plan",
            **environment,
        )

    def plan(self, version: str, **environment: str) -> tuple[Ran, str]:
        """Plan on GitHub; return the plan's id as well."""
        ran = self.run(github_step("Plan"), version, **GITHUB, **self._files, **environment)
        return ran, (self.home / "plan" / "plan-id").read_text().strip()

    def deploy(self, version: str, plan_id: str) -> Ran:
        """Deploy on GitHub."""
        more = {"PLAN_ID": plan_id, "TIMEOUT": "120"}
        return self.run(github_step("Deploy and wait"), version, **GITHUB, **self._files, **more)

    @property
    def _files(self) -> dict[str, str]:
        return {"GITHUB_OUTPUT": str(self.home / "output"), "GITHUB_STEP_SUMMARY": str(self.home / "summary")}

    @property
    def summary(self) -> str:
        """All that the runs wrote into their summaries."""
        return (self.home / "summary").read_text()

    @property
    def newest(self) -> dict[str, Any]:
        """The operation that was asked for last."""
        listed = self.deploying.run("operations", "--job", self.job, "--json").json["operations"]
        return dict(listed[0])


@pytest.mark.nightly("eleven commands; the scripted server has each reply of theirs")
def test_a_pipeline_deploys_what_was_approved_and_nothing_else(deploying: Deploying, tmp_path: Path) -> None:
    """The first release, the second, and one whose job changed between the plan and the approval."""
    pipeline = Pipeline(deploying, tmp_path, "approved")
    planned, first = pipeline.plan("1")
    assert planned.exit_code == 0, planned.err
    ran = pipeline.deploy("1", first)
    assert ran.exit_code == 0, ran.err
    request = pipeline.newest["request"]
    assert (request["plan"], request["commit"]) == (first, GITHUB["GITHUB_SHA"])
    assert request["buildUrl"] == "https://github.com/team/orders/actions/runs/42"
    planned, second = pipeline.plan("2")
    assert "verdict=WILL_DO\n" in (tmp_path / "output").read_text()
    assert deploying.run("stop", "approved", "--wait").exit_code == 0
    stale = pipeline.deploy("2", second)
    assert (stale.exit_code, "    code: PlanChanged" in pipeline.summary) == (3, True), stale.err
    assert deploying.run("start", "approved", "--wait").exit_code == 0
    _, fresh = pipeline.plan("2")
    assert pipeline.deploy("2", fresh).exit_code == 0
    assert deploying.run("job", "approved", "--json").json["release"]["jarName"] == "sequence-2.jar"
    nothing, _ = pipeline.plan("2")
    assert (nothing.exit_code, "UPDATE of `approved`: nothing to do" in pipeline.summary) == (0, True)


@pytest.mark.nightly("as on GitHub, but for the log commands, which the scripted server sees")
def test_azure_pipelines_deploys_a_plan(deploying: Deploying, tmp_path: Path) -> None:
    """With its own log commands and variables."""
    pipeline = Pipeline(deploying, tmp_path, "by-azure")
    azure = {"TF_BUILD": "True", "BUILD_SOURCEVERSION": "cd" * 20}
    planned = pipeline.run(azure_steps()["Plan"], "1", **azure)
    plan_id = (tmp_path / "plan" / "plan-id").read_text().strip()
    assert f"##vso[task.setvariable variable=planId;isOutput=true]{plan_id}\n" in planned.out
    ran = pipeline.run(azure_steps()["Deploy and wait"], "1", PLAN_ID=plan_id, **azure)
    assert ran.exit_code == 0, ran.err
    assert "##vso[task.uploadsummary]" in ran.out
    assert pipeline.newest["request"]["commit"] == azure["BUILD_SOURCEVERSION"]


@pytest.mark.nightly("tests/wire goes back to it, the scripted server sees the options")
def test_a_job_goes_back_to_the_release_before(deploying: Deploying) -> None:
    """As the list shows it; the reason is in the history, and the plan of it changes nothing."""
    for version in "12":
        assert deploying.deploy("back", version).exit_code == 0
    (second, first) = deploying.run("releases", "back", "--json").json["releases"]
    assert (second["running"], first["jarName"]) == (True, "sequence-1.jar")
    planned = deploying.run("plan", "--job", "back", "--action", "update", "--release", first["id"][:12], "--json")
    assert (planned.exit_code, planned.json["verdict"]) == (0, "WILL_DO"), planned.err
    ran = deploying.run("rollback", "back", "--wait", "--reason", "too slow", "--plan-id", planned.json["id"], "--json")
    assert ran.exit_code == 0, ran.err
    assert (ran.json["request"]["release"], ran.json["request"]["reason"]) == (first["id"], "too slow")
    rows = [line.split() for line in deploying.run("releases", "back").out.splitlines()[1:]]
    assert [row[2] for row in rows] == ["kept", "running"]


@pytest.mark.nightly("the hold is shown on the stand-in, the options on the scripted server")
def test_a_release_that_was_rolled_back_is_deployed_again_on_purpose(deploying: Deploying, tmp_path: Path) -> None:
    """The same command finds what came of it, and another build of it is held; a plan says so before it is uploaded."""
    assert deploying.deploy("held-back", "1").exit_code == 0
    command = ("deploy", loops(tmp_path), "--job", "held-back", "--wait")
    first = deploying.run(*command)
    repeated = deploying.run(*command)
    assert (first.exit_code, repeated.exit_code, repeated.out) == (5, 5, first.out)
    held = deploying.run(*command, "--reason", "another build of it")
    assert (held.exit_code, "(RolledBackBefore)" in held.err, "add --again" in held.err) == (3, True, True), held.err
    refused = deploying.run(*command, "--plan")
    assert (refused.exit_code, "(RolledBackBefore)" in refused.err) == (3, True), refused.err
    again = deploying.run(*command, "--plan", "--again")
    assert (again.exit_code, again.out == first.out) == (5, False), again.err
    assert "WILL_DO UPDATE of held-back" in again.err
    more = deploying.run(*command, "--plan", "--again")
    assert (more.exit_code, more.out) == (5, again.out)
    release = deploying.run("releases", "held-back", "--json").json["releases"][0]
    assert f"in spite of that: flinkfuncs rollback held-back {release['id'][:12]}\n" in more.err
