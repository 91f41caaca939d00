"""The dialogs of actions: what they say, what exactly they send, and what comes of answers that are lost or refused."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.storage.queue import QueueServiceClient
from playwright.sync_api import Page, Request, Route, expect

from flinkfuncs.core.actions import Action
from flinkfuncs.core.operations import Cause, Mark
from flinkfuncs_cli.__main__ import parser
from tests.principals import signed_in
from tests.wire.server import Answer, Fault, LocalServer, serving

from .cloud import Cloud, Status, a_job
from .conftest import KEY, Looking, PageAt, StartCloud, until
from .test_policy import LOOKS, findings

JARS = Path(__file__).parents[2] / "examples" / "jars"
V1, V2 = JARS / "sequence-1.jar", JARS / "sequence-2.jar"


@dataclass
class Sent:
    """What a page has sent that changes something: a method, a path and a body each, plans apart."""

    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> Sent:
        """Keep what this page sends."""
        page.on("request", self._keep)
        return self

    def _keep(self, request: Request) -> None:
        path = request.url.partition("/api/")[2]
        if request.method == "GET" or "dryRun" in path:
            return
        if request.method == "PUT" and "folder=" in path:
            self.calls.append(("PUT", path, None))
            return
        self.calls.append((request.method, path, json.loads(request.post_data or "null")))
        self.keys.append(request.headers.get("idempotency-key", ""))


def api(cloud: Cloud, method: str, path: str, body: object = None, **headers: str) -> Any:  # noqa: ANN401 - JSON
    """Call the API as a program does."""
    data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    reply = requests.request(
        method, f"{cloud.host.url}/api/{path}", data=data, headers={"x-functions-key": KEY, **headers}, timeout=100
    )
    reply.raise_for_status()
    return reply.json()


def begins(cloud: Cloud, name: str = "orders") -> None:
    """Start a job over the API, of the first release."""
    jar = api(cloud, "PUT", f"jobs/{name}/uploads/{V1.name}?folder=plans", V1.read_bytes())["blob"]
    started = api(cloud, "POST", f"jobs/{name}/new", {"jar": jar}, Prefer="wait=60")
    assert started["result"]["outcome"] == "SUCCEEDED", started


def ended(page: Page, cloud: Cloud) -> Any:  # noqa: ANN401 - JSON
    """Return the operation that the page went to, once it has ended."""
    page.wait_for_url("**/operations/**")
    number = page.url.rpartition("/")[2]
    until(page, lambda: bool(api(cloud, "GET", f"operations/{number}")["state"] == "closed"))
    return api(cloud, "GET", f"operations/{number}")


def test_a_job_is_stopped_and_started_from_a_picked_savepoint(cloud: Cloud, page_at: PageAt) -> None:
    """It says beforehand what will happen, sends what the API takes, and goes to the operation."""
    begins(cloud)
    api(cloud, "POST", "jobs/orders/savepoint", Prefer="wait=60")
    page = page_at(cloud, "#/jobs/orders")
    sent = Sent().watch(page)
    page.locator("[data-action=stop]").click()
    dialog = page.locator("dialog#stop")
    expect(dialog.locator("[data-verdict=WILL_DO]")).to_contain_text("This will be done.")
    expect(dialog).to_contain_text("with a savepoint below file:///savepoints/orders")
    dialog.locator("[name=reason]").fill("a new schema")
    dialog.locator(".act").click()
    assert ended(page, cloud)["result"]["outcome"] == "SUCCEEDED"
    assert sent.calls == [("POST", "jobs/orders/stop", {"reason": "a new schema"})]
    page.goto(cloud.url + "#/jobs/orders")
    page.locator("[data-action=start]").click()
    dialog = page.locator("dialog#start")
    expect(dialog.locator("[name=savepoint]").first).to_be_checked()
    expect(dialog.locator("label", has_text="the newest state")).to_be_visible()
    expect(dialog.locator(".choices-of label")).to_have_count(3)
    first = dialog.locator(".choices-of label").last
    path = first.locator("input").get_attribute("value")
    first.locator("input").check()
    expect(dialog.locator("[data-verdict=WILL_DO]")).to_contain_text(str(path))
    plan = dialog.locator("[data-plan]").get_attribute("data-plan")
    dialog.locator(".act").click()
    operation = ended(page, cloud)
    assert sent.calls[1:] == [("POST", "jobs/orders/start", {"savePointName": path, "plan": plan})]
    assert operation["result"]["restoredFrom"] == path


def test_an_update_is_planned_and_done_by_keyboard_alone(cloud: Cloud, page_at: PageAt) -> None:
    """The jar is uploaded once; the plan says what changes; the action carries its id, and what is recorded of the
    request is what was filled in. A dialog that is closed gives the focus back.
    """
    begins(cloud)
    page = page_at(cloud, "#/jobs/orders")
    sent = Sent().watch(page)
    update = page.locator("[data-action=update]")
    update.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog#update")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(update).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    to(page, "[name=jar]")
    page.locator("[name=jar]").set_input_files(V2)  # the one thing that is the system's own dialog
    to(page, "[name=args]")
    page.keyboard.type("--topic orders")
    to(page, "[name=parallelism]")
    page.keyboard.type("3")
    to(page, "[name=configuration]")
    page.keyboard.type("pipeline.name: orders")
    to(page, "[name=reason]")
    page.keyboard.type("more of it")
    page.keyboard.press("Enter")
    plan = dialog.locator("[data-verdict=WILL_DO]")
    expect(plan.locator("[data-field=parallelism]")).to_have_text("parallelism: 2 → 3")
    expect(plan.locator("[data-field=sha256]")).to_be_visible()
    expect(plan.locator("ol li").last).to_contain_text("prove it with a checkpoint")
    expect(plan).to_contain_text("the release that runs now is started again")
    assert [call[:2] for call in sent.calls] == [("PUT", f"jobs/orders/uploads/{V2.name}?folder=plans")]
    number = plan.get_attribute("data-plan")
    to(page, "dialog .act")
    page.keyboard.press("Enter")
    operation = ended(page, cloud)
    (_, (_, path, body)) = sent.calls
    assert (path, body) == (
        "jobs/orders/update",
        {
            "args": "--topic orders",
            "parallelism": 3,
            "flinkConfiguration": {"pipeline.name": "orders"},
            "jar": operation["request"]["jar"]["name"],
            "reason": "more of it",
            "plan": number,
        },
    )
    assert (operation["result"]["outcome"], operation["request"]["reason"]) == ("SUCCEEDED", "more of it")
    assert (operation["release"]["jarName"], operation["release"]["spec"]["parallelism"]) == (V2.name, 3)


def to(page: Page, selector: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(40):
        if page.evaluate("selector => document.activeElement?.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {selector}")


def test_a_lost_answer_and_a_second_try_are_one_operation(cloud: Cloud, page_at: PageAt, looking: Looking) -> None:
    """The call had arrived; the same key with the same body finds what came of it. Nothing can be changed meanwhile."""
    looking.allow("ERR_FAILED")
    cloud.put(a_job("orders"))
    page = page_at(cloud, "#/jobs/orders")
    sent = Sent().watch(page)

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/api/jobs/orders/savepoint", lose, times=1)
    page.locator("[data-action=savepoint]").click()
    dialog = page.locator("dialog#savepoint")
    dialog.locator("[name=reason]").fill("before the holidays")
    dialog.locator(".act").click()
    expect(dialog.locator(".refusal")).to_contain_text("Try again sends the same request, which is carried out once.")
    expect(dialog.locator("[name=reason]")).to_be_disabled()
    dialog.locator(".act").click()
    first = ended(page, cloud)
    listed = api(cloud, "GET", "operations?job=orders")["operations"]
    assert [each["id"] for each in listed if each["request"]["action"] == "SAVEPOINT"] == [first["id"]]
    assert len(sent.keys) == 2
    assert len(set(sent.keys)) == 1


def test_what_was_planned_is_planned_again_once_the_job_has_changed(
    cloud: Cloud, page_at: PageAt, looking: Looking
) -> None:
    """Two tabs at once: both plan a start; one starts the job, the other is shown what holds now."""
    looking.allow("status of 412")
    begins(cloud)
    api(cloud, "POST", "jobs/orders/stop", Prefer="wait=60")
    page, other = page_at(cloud, "#/jobs/orders"), page_at(cloud, "#/jobs/orders")
    for each in (page, other):
        each.locator("[data-action=start]").click()
        expect(each.locator("[data-verdict=WILL_DO]")).to_be_visible()
    page.locator("dialog .act").click()
    assert ended(page, cloud)["result"]["outcome"] == "SUCCEEDED"
    other.locator("dialog .act").click()
    expect(other.locator(".plan .note")).to_contain_text("The job has changed since the plan was made")
    expect(other.locator("[data-verdict=WOULD_BE_REFUSED]")).to_contain_text("RUNNING")
    expect(other.locator("dialog .act")).to_be_disabled()
    listed = api(cloud, "GET", "operations?job=orders")["operations"]
    assert [each["request"]["action"] for each in listed] == ["START", "STOP", "NEW"]


def test_a_first_job_is_made_from_the_browser_and_a_wrong_file_is_not(
    cloud: Cloud, page_at: PageAt, looking: Looking, tmp_path: Path
) -> None:
    """What is not a jar is refused before anything is planned, and so is a Flink configuration that is not allowed."""
    looking.allow("status of 4(00|22)")
    wrong, large = tmp_path / "wrong.jar", tmp_path / "large.jar"
    wrong.write_text("<html>Sign in</html>")
    with large.open("wb") as file:
        file.truncate(64 * 1024 * 1024 + 1)
    page = page_at(cloud)
    sent = Sent().watch(page)
    page.locator("[data-action=new-job]").click()
    dialog = page.locator("dialog#new-job")
    dialog.locator("[name=name]").fill("Orders")
    expect(dialog.locator(".buttons .why")).to_contain_text("lower case letters")
    dialog.locator("[name=name]").fill("orders")
    dialog.locator("[name=jar]").set_input_files(large)
    expect(dialog.locator(".refusal")).to_contain_text("flinkfuncs deploy")
    dialog.locator("[name=jar]").set_input_files(wrong)
    dialog.locator(".act").click()
    expect(dialog.locator(".refusal")).to_have_attribute("data-code", "NotAJar")
    dialog.locator("[name=jar]").set_input_files(V1)
    dialog.locator("[name=configuration]").fill("execution.savepoint.path: file:///elsewhere")
    dialog.locator(".act").click()
    expect(dialog.locator(".refusal")).to_have_attribute("data-code", "InvalidBody")
    dialog.locator("[name=configuration]").fill("")
    dialog.locator("[name=entryClass]").fill("examples.Sequence")
    dialog.locator(".act").click()
    plan = dialog.locator("[data-verdict=WILL_DO]").get_attribute("data-plan")
    dialog.locator(".act").click()
    operation = ended(page, cloud)
    assert operation["result"]["outcome"] == "SUCCEEDED"
    jar = operation["request"]["jar"]["name"]
    assert jar.endswith(f"/{V1.name}")
    assert sent.calls[-1] == (
        "POST",
        "jobs/orders/new",
        {"entryClass": "examples.Sequence", "parallelism": 2, "jar": jar, "plan": plan},
    )
    assert [call[1] for call in sent.calls[:-1]] == [
        "jobs/orders/uploads/wrong.jar?folder=plans",
        f"jobs/orders/uploads/{V1.name}?folder=plans",
    ]


def test_a_job_that_runs_on_flink_already_is_adopted(cloud: Cloud, page_at: PageAt) -> None:
    """By its id, without a jar; nothing is started, and it is the run that is shown afterwards."""
    runs = cloud.flink.begin("ab" * 16, "orders").id
    page = page_at(cloud)
    sent = Sent().watch(page)
    page.locator("[data-action=new-job]").click()
    dialog = page.locator("dialog#new-job")
    dialog.locator("[name=name]").fill("orders")
    dialog.locator("[name=parallelism]").fill("3")  # of a jar: it is not sent
    dialog.locator("[name=from][value=adopt]").check()
    expect(dialog.locator("[name=jar], [name=parallelism], [name=savePointName]")).to_have_count(0)
    dialog.locator("[name=adopt]").fill("orders")
    expect(dialog.locator(".buttons .why")).to_contain_text("32 hexadecimal digits")
    dialog.locator("[name=adopt]").fill(runs)
    expect(dialog.locator("[data-call=command]")).to_contain_text(f"flinkfuncs adopt orders {runs}")
    dialog.locator(".act").click()
    plan = dialog.locator("[data-verdict=WILL_DO]").get_attribute("data-plan")
    dialog.locator(".act").click()
    assert ended(page, cloud)["result"]["outcome"] == "SUCCEEDED"
    assert sent.calls == [("POST", "jobs/orders/new", {"adopt": runs, "plan": plan})]
    expect(page.locator("#fact-run [data-text]")).to_have_attribute("data-text", runs)
    expect(page.locator("#fact-from")).to_contain_text("adopted")
    assert not cloud.flink.starts


def test_what_cannot_be_taken_back_asks_twice(cloud: Cloud, page_at: PageAt) -> None:
    """The safe button has the focus, and the other one wants the job's name; a stateless update wants it, too."""
    cloud.put(a_job("orders"))
    page = page_at(cloud, "#/jobs/orders")
    sent = Sent().watch(page)
    for action, form in (("cancel", "cancel"), ("stateless-update", "stateless-update")):
        page.locator(f"[data-action={action}]").click()
        dialog = page.locator(f"dialog#{form}")
        expect(dialog.locator("[data-safe]")).to_be_focused()
        expect(dialog.locator("[name=confirm]")).to_be_visible()
        page.keyboard.press("Enter")
        expect(dialog).to_have_count(0)
        expect(page.locator(f"[data-action={action}]")).to_be_focused()
    page.locator("[data-action=cancel]").click()
    expect(page.locator("dialog [data-verdict]")).to_be_visible()
    expect(page.locator("dialog .act")).to_be_disabled()
    page.locator("[name=confirm]").fill("orders")
    page.locator("dialog .act").click()
    assert ended(page, cloud)["result"]["outcome"] == "SUCCEEDED"
    page.goto(cloud.url + "#/jobs/orders")
    page.locator("[data-action=delete]").click()
    page.locator("[name=confirm]").fill("orders")
    page.locator("dialog .act").click()
    assert ended(page, cloud)["result"]["outcome"] == "SUCCEEDED"
    assert sent.calls == [("POST", "jobs/orders/cancel", {}), ("POST", "jobs/orders/delete", {})]


def test_an_operation_is_abandoned_and_uploads_are_paused(cloud: Cloud, page_at: PageAt, looking: Looking) -> None:
    """In this order: a change of the uploads calls a driver. A test message says what is missing for it."""
    looking.allow("status of 409")
    # Names of their own: a late message for another test's job of the same name would drive the operation.
    (upload,) = a_job("bills", open_action=Action.UPDATE).open
    cause = Cause(kind="upload", detail="stateful/bills/bills-2.jar 0x2")
    held = upload.model_copy(update={"cause": cause, "driven_at": None})
    saving = a_job("payments", open_action=Action.SAVEPOINT)
    (begun,) = saving.open
    sent_at = Mark(sent_at=begun.requested_at, last_sent_at=begun.requested_at, unanswered=1)
    saving = saving.but(open=(begun.model_copy(update={"trigger": sent_at}),))
    cloud.put(saving, a_job("bills").but(held=(held,)))
    page = page_at(cloud, "#/jobs/payments")
    sent = Sent().watch(page)
    page.locator("[data-action=abandon]").click()
    page.locator("dialog#abandon .act").click()
    expect(page.locator("dialog .refusal")).to_have_attribute("data-code", "OperationBegun")
    page.locator("[name=evenIfBegun]").check()
    page.locator("dialog .act").click()
    operation = ended(page, cloud)
    assert operation["result"]["outcome"] == "ABANDONED"
    page.locator("[data-action=pause]").click()
    page.locator("dialog#pause [name=reason]").fill("schema change")
    page.locator("dialog .act").click()
    expect(page.locator("dialog")).to_have_count(0)
    assert api(cloud, "GET", "jobs/payments/uploads") == {"paused": True, "reason": "schema change", "held": []}
    page.goto(cloud.url + "#/jobs/bills")
    page.locator("[data-action=resume]").click()
    expect(page.locator("dialog .says")).to_have_text(
        "The held upload is taken now, even outside its update window: stateful/bills/bills-2.jar."
    )
    page.locator("dialog#resume .act").click()
    expect(page.locator("dialog")).to_have_count(0)
    assert api(cloud, "GET", "jobs/bills/uploads") == {"paused": False, "held": []}
    page.goto(cloud.url + "#/jobs")
    page.locator("[data-action=test-message]").click()
    page.locator("dialog .act").click()
    expect(page.locator("dialog .refusal")).to_have_attribute("data-code", "NotConfigured")
    assert sent.calls == [
        ("POST", f"operations/{operation['id']}/abandon", {}),
        ("POST", f"operations/{operation['id']}/abandon", {"evenIfBegun": True}),
        ("PUT", "jobs/payments/uploads", {"paused": True, "reason": "schema change"}),
        ("PUT", "jobs/bills/uploads", {"paused": False}),
        ("POST", "notifications/test", {}),
    ]


@pytest.fixture(scope="module")
def receiver() -> Iterator[LocalServer]:
    """Who is told; a test says what it answers."""
    with serving({}) as server:
        yield server


@pytest.fixture(scope="module")
def telling(start_cloud: StartCloud, account: str, receiver: LocalServer) -> Cloud:
    """An app that tells a receiver."""
    QueueServiceClient.from_connection_string(account).create_queue("telling-messages")
    return start_cloud("telling", {"NOTIFY_URL": f"{receiver.url}/hook", "MESSAGES_QUEUE": "telling-messages"})


def test_a_test_message_is_sent_and_the_receivers_answer_is_shown(
    telling: Cloud, receiver: LocalServer, page_at: PageAt, looking: Looking
) -> None:
    """What was not answered is sent again by the same button, as the same message; then there is no more to send."""
    looking.allow("status of 503")
    receiver.answers = {"POST /hook": [Fault.RESET_AFTER, Answer(204)]}
    page = page_at(telling, "#/jobs")
    sent = Sent().watch(page)
    page.locator("[data-action=test-message]").click()
    dialog = page.locator("dialog#test-message")
    expect(dialog.locator(".says")).to_contain_text("NOTIFY_URL")
    dialog.locator(".act").click()
    expect(dialog.locator(".refusal")).to_have_attribute("data-code", "NotDelivered")
    dialog.locator(".act").click()
    expect(dialog.get_by_role("status")).to_have_text("Delivered: status 204")
    expect(dialog.locator(".refusal")).to_have_count(0)
    expect(dialog.locator(".act")).to_be_disabled()
    expect(dialog.locator(".act")).to_have_text("Send it")
    assert sent.calls == [("POST", "notifications/test", {})] * 2
    first, second = receiver.calls
    assert (second.sent["type"], second.sent["subject"]) == ("flinkfuncs.test", "test")
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == second.sent["id"]


def test_a_test_message_that_is_not_accepted_says_what_the_receiver_answered(
    telling: Cloud, receiver: LocalServer, page_at: PageAt
) -> None:
    """It is the receiver that has to be mended; another dialog sends another message."""
    receiver.answers = {"POST /hook": [Answer(403, body={"error": "<b>no</b> such channel"}), Answer(200, body="ok")]}
    receiver.calls.clear()
    page = page_at(telling, "#/jobs")
    for answer in ('Not accepted: status 403 {"error": "<b>no</b> such channel"}', 'Delivered: status 200 "ok"'):
        page.locator("[data-action=test-message]").click()
        dialog = page.locator("dialog#test-message")
        dialog.locator(".act").click()
        expect(dialog.get_by_role("status")).to_have_text(answer)
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)
    assert len({call.headers["webhook-id"] for call in receiver.calls}) == 2


@pytest.mark.parametrize(
    ("status", "greyed"),
    [
        ("RUNNING", {"start", "re-launch", "delete", "abandon", "resume"}),
        ("STOPPED", {"stop", "savepoint", "cancel", "re-launch", "abandon", "resume"}),
        ("FAILED", {"stop", "savepoint", "cancel", "abandon", "resume"}),
    ],
)
def test_what_is_not_possible_is_greyed_and_says_why(
    cloud: Cloud, page_at: PageAt, status: Status, greyed: set[str]
) -> None:
    """The API refuses the same; pressed, the button says why, and opens nothing."""
    cloud.put(a_job("orders", status))
    page = page_at(cloud, "#/jobs/orders")
    expect(page.locator("[data-action=update]")).to_be_visible()
    off = page.locator("[data-action][aria-disabled=true]")
    expect(off).to_have_count(len(greyed))
    assert {each.get_attribute("data-action") for each in off.all()} == greyed
    for action in greyed - {"abandon", "resume"}:
        page.locator(f"[data-action={action}]").press("Enter")
        expect(page.locator(f".why-not[data-of={action}]")).to_contain_text(status, ignore_case=True)
        expect(page.locator("dialog")).to_have_count(0)
        plan = api(cloud, "POST", f"jobs/orders/{action}?dryRun=true")
        assert plan["verdict"] in ("WOULD_BE_REFUSED", "NOTHING_TO_DO"), (action, plan)


def test_a_plan_that_is_refused_stops_the_action(cloud: Cloud, page_at: PageAt) -> None:
    """It says the API's own code and reason, and the button is off."""
    cloud.put(a_job("orders", "FAILED", saved_hours=None))
    page = page_at(cloud, "#/jobs/orders")
    page.locator("[data-action=start]").click()
    expect(page.locator("[data-verdict=WOULD_BE_REFUSED] code").first).to_have_text("NoValidState")
    expect(page.locator("dialog .act")).to_be_disabled()
    expect(page.locator("dialog .buttons .why")).to_contain_text("It would be refused")


def test_the_calls_for_a_shell_are_ones_that_the_command_line_takes(cloud: Cloud, page_at: PageAt) -> None:
    """Of each dialog, as it is filled in; the key is only ever $KEY."""
    cloud.put(a_job("shipments", open_action=Action.SAVEPOINT), a_job("bills", "STOPPED"))
    page = page_at(cloud, "#/jobs/shipments")
    commands = [
        command_of(page, action, "it's time")
        for action in (
            *("update", "stop", "savepoint", "last-state-update", "stateless-update"),
            *("pause", "abandon", "cancel"),
        )
    ]
    page.goto(cloud.url + "#/jobs/bills")
    commands += [command_of(page, action, "back again") for action in ("start", "delete")]
    page.goto(cloud.url + "#/jobs")
    page.locator("[data-action=new-job]").click()
    page.locator("[name=name]").fill("orders")
    page.locator("[name=jar]").set_input_files(V1)
    page.locator("[name=args]").fill("--name 'two words'")
    page.locator("[name=configuration]").fill("pipeline.name: orders")
    expect(page.locator("[data-call=command]")).to_contain_text("pipeline.name")
    commands.append(str(page.locator("[data-call=command]").text_content()))
    page.locator("[name=from][value=adopt]").check()
    page.locator("[name=adopt]").fill("0" * 32)
    expect(page.locator("[data-call=command]")).to_contain_text("adopt")
    commands.append(str(page.locator("[data-call=command]").text_content()))
    page.keyboard.press("Escape")
    commands.append(command_of(page, "test-message", ""))
    for command in commands:
        (line,) = [line for line in command.split("\n") if line.startswith("flinkfuncs ")]
        program, *words = shlex.split(line.partition(" <<")[0])
        args = parser().parse_args(words)
        assert program == "flinkfuncs"
        assert getattr(args, "reason", None) in (None, "it's time", "back again"), command
    assert "--args='--name '\\''two words'\\'''" in commands[-3]
    assert parser().parse_args(shlex.split(commands[-3].splitlines()[-1])[1:]).args == "--name 'two words'"


def command_of(page: Page, action: str, reason: str) -> str:
    """Fill in a reason, return the command that a dialog shows, and close it; look at what it shows for curl, too."""
    page.locator(f"[data-action={action}]").click()
    dialog = page.locator("dialog")
    expect(dialog).to_be_visible()  # Escape closes it only once it is open
    if reason:
        dialog.locator("[name=reason]").fill(reason)
        expect(dialog.locator("[data-call=command]")).to_contain_text("--reason")
    curl = str(dialog.locator("[data-call=curl]").text_content())
    words = shlex.split(curl.replace("\\\n", " "))
    assert words[0] == "curl"
    assert "x-functions-key: $KEY" in words
    assert f": {KEY}" not in curl
    if reason and action != "update":
        assert json.loads(words[words.index("-d") + 1])["reason"] == reason
    command = str(dialog.locator("[data-call=command]").text_content())
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    return command


NIGHTLY = pytest.mark.nightly("in light it is the same but for colours and width, which the list and a job's view show")


@pytest.mark.parametrize("look", [pytest.param(look, marks=() if look == "light" else NIGHTLY) for look in LOOKS])
def test_axe_finds_nothing_in_open_dialogs(cloud: Cloud, page_at: PageAt, look: str) -> None:
    """In light, dark, and on a phone, where none is wider than the window."""
    cloud.put(a_job("orders"), a_job("bills", "STOPPED"))
    page = page_at(cloud, "#/jobs/orders", bypass_csp=True, **LOOKS[look])
    opened(page, "update", "stateless-update", "cancel")
    page.goto(cloud.url + "#/jobs/bills")
    opened(page, "start")
    page.goto(cloud.url + "#/jobs")
    opened(page, "new-job")


def opened(page: Page, *actions: str) -> None:
    """Open each dialog, look at it, and close it."""
    for action in actions:
        page.locator(f"[data-action={action}]").click()
        dialog = page.locator("dialog")
        if action in ("cancel", "start"):
            expect(dialog.locator("[data-verdict]")).to_be_visible()
        dialog.locator("summary").click()
        assert findings(page) == [], action
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), action
        wide = "dialog => dialog.scrollWidth <= dialog.clientWidth"
        assert dialog.evaluate(wide), f"{action} is wider than its dialog"
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)


def test_a_reader_has_no_button_and_another_site_no_way(by_roles: Cloud, page_at: PageAt) -> None:
    """Neither in the list nor with a job; and what another site's page sends along with the cookie is refused."""
    by_roles.empty()
    by_roles.put(a_job("orders"))
    reader = signed_in("reader", name="Grace Hopper")
    page = page_at(by_roles, "#/jobs/orders", key=None, headers=reader)
    expect(page.locator("h1")).to_have_text("orders")
    expect(page.locator("[data-action], .actions")).to_have_count(0)
    page.goto(by_roles.url + "#/jobs")
    expect(page.locator("[data-job=orders]")).to_be_visible()
    expect(page.locator("[data-action], .actions")).to_have_count(0)
    path = f"{by_roles.host.url}/api/jobs/orders/uploads/x.jar?folder=plans"
    refused = requests.put(path, V1.read_bytes(), headers=reader, timeout=60)
    assert (refused.status_code, refused.json()["code"]) == (403, "NotAllowed")
    for site in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        for method, url in (("PUT", path), ("POST", f"{by_roles.host.url}/api/jobs/orders/cancel")):
            reply = requests.request(method, url, data=b"{}", headers={**signed_in("operator"), **site}, timeout=60)
            assert (reply.status_code, reply.json()["code"]) == (403, "CrossSite")
