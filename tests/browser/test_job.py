"""A job's view, as a person sees it."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Outcome, StepTaken

from .cloud import Cloud
from .conftest import Looking, PageAt, StartCloud, have
from .history import (
    BAD,
    FIRST,
    JOB,
    NOW,
    ORPHAN,
    ROOT,
    SECOND,
    THROWN,
    TRACE,
    TRACEBACK,
    ago,
    eventful,
    failed,
    held,
    last,
    operation,
    path,
    refused,
    rolled_back,
    run,
    updated,
)
from .test_policy import LOOKS, findings

NIGHTLY = pytest.mark.nightly("each page that is opened costs two seconds, and the others show the same parts")
FLINK, TRACES = "https://flink.example.com", "https://traces.example.com/trace/{traceId}"


@pytest.fixture(scope="module")
def watched(start_cloud: StartCloud, tmp_path_factory: pytest.TempPathFactory) -> Cloud:
    """An app that may look at savepoints, and knows where people look at Flink and at traces."""
    settings = {
        "SAVEPOINT_DIRECTORY": f"file://{tmp_path_factory.mktemp('savepoints')}",
        "SAVEPOINTS_CONNECTION": "local",
        "FLINK_DASHBOARD_URL": FLINK,
        "TRACE_URL": TRACES,
    }
    return start_cloud("watched", settings)


@pytest.fixture
def there(watched: Cloud) -> Cloud:
    """The same, without any job."""
    watched.empty()
    shutil.rmtree(there_is(watched, ROOT).removeprefix("file://"), ignore_errors=True)
    return watched


def there_is(cloud: Cloud, name: str) -> str:
    """Return a savepoint's path as the cloud has it."""
    return name.replace(ROOT, cloud.host.settings["SAVEPOINT_DIRECTORY"])


def shown(page: Page, id_: str) -> str:
    """Return what is said of an operation in the timeline."""
    return page.locator(f"#operation-{id_}").inner_text()


def test_what_runs_is_shown_with_its_state_and_its_links(there: Cloud, page_at: PageAt) -> None:
    """Since when, from which savepoint, of which release; the whole of it as JSON, and nothing that is a secret.

    An id is copied whole, also where only its beginning is shown.
    """
    eventful().write(there)
    page = page_at(there, "#/jobs/orders", clock=True, permissions=["clipboard-read", "clipboard-write"])
    expect(page.locator("#status [data-status=RUNNING] svg")).to_be_visible()
    expect(page.locator("#fact-run [data-text]")).to_have_attribute("data-text", run(4))
    expect(page.locator("#fact-from [data-text]")).to_have_attribute("data-text", there_is(there, path(3)))
    expect(page.locator("#fact-since")).to_contain_text("(5 h ago)")
    expect(page.locator("#fact-release")).to_contain_text("orders-2.jar")
    expect(page.locator("#fact-savepoint")).to_contain_text("(5 h ago)")
    expect(page.locator("#flink-page")).to_have_attribute("href", f"{FLINK}/#/job/running/{run(4)}/overview")
    expect(page.locator("#why-not")).to_have_count(0)
    page.locator("#running .spec summary").click()
    expect(page.locator("#running .spec")).to_contain_text("--topic orders --db.password ******")
    page.locator("#raw summary").click()
    expect(page.locator("#raw pre")).to_be_visible()
    assert json.loads(page.locator("#raw pre").inner_text())["copy"]["flinkJobId"] == run(4)
    expect(page.locator("#release-list")).to_be_visible()
    assert "hunter2" not in page.content()
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 5)  # seconds; it runs on until this is heard
    page.get_by_role("button", name="Copy the Flink job id").first.click()
    expect(page.locator("#fact-run .copy")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == run(4)
    page.clock.run_for(3000)
    expect(page.locator("#fact-run .copy")).to_have_text("Copy")


def test_an_update_shows_who_why_and_how_long_each_step_took(there: Cloud, page_at: PageAt) -> None:
    """With its downtime on the bar and in words, its build, its warnings, and its trace."""
    eventful().write(there)
    page = page_at(there, "#/jobs/orders")
    good = page.locator(f"#operation-{updated(ago(days=3), SECOND, SECOND, 2).id}")
    expect(good.locator(".message")).to_contain_text("the job runs, started from")
    expect(good.locator(".cause")).to_have_text("stateful/orders/orders-2.jar 0x2")
    expect(good.locator(".reason")).to_have_text("a new schema")
    expect(good.locator(".build")).to_have_attribute("href", "https://ci.example.com/481")
    expect(good.locator("[data-text='5c1d0e2f9a7b']")).to_be_visible()
    steps = ["keep the jar 1 s", "check the release 2 s", "stop with a savepoint 2 s", "start 11 s"]
    expect(good.locator(".steps li")).to_have_text([*steps, "prove it with a checkpoint 3 s"])
    expect(good.locator(".took")).to_have_text("19 s")
    expect(good.locator(".downtime")).to_contain_text("Nothing ran for 3.1 s.")
    bar, down = good.locator(".bar").evaluate(
        "bar => [bar, bar.querySelector('.down')].map((one) => one.getBoundingClientRect().toJSON())"
    )
    assert down["width"] / bar["width"] == pytest.approx(3.1 / 19, abs=0.01)
    assert (down["x"] - bar["x"]) / bar["width"] == pytest.approx(3 / 19, abs=0.01)
    expect(good).to_contain_text("the operator Source has no uid")
    good.locator(".more summary").click()
    expect(good.locator(".trace")).to_have_attribute("href", TRACES.replace("{traceId}", TRACE))
    expect(good.locator(".step-details li")).to_have_count(5)
    expect(good.locator(".more")).not_to_contain_text("undefined")  # of a request that names no jar, for example


def test_what_did_not_go_well_says_so_first(there: Cloud, page_at: PageAt) -> None:
    """A rollback with what it went back to and why, an update without proof, a plan that had become another one."""
    history = eventful()
    history.write(there)
    page = page_at(there, "#/jobs/orders")
    outcomes = ("REFUSED", "ROLLED_BACK", "SUCCEEDED", "SUCCEEDED", "UNPROVEN")
    have(page.locator(".timeline article"), "data-outcome", *outcomes)
    back = page.locator(f"#operation-{rolled_back(ago(hours=5)).id}")
    expect(back.locator(".rollback")).to_contain_text("Rolled back: orders-2.jar")
    expect(back.locator(".rollback [data-text]")).to_have_attribute("data-text", there_is(there, path(3)))
    expect(back.locator(".message")).to_contain_text(f"(orders-3.jar) failed 3 times: {THROWN}")
    expect(back.locator(".steps li.back")).to_have_text(["cancel 2 s", "start 6 s"])
    texts = [text for text in back.inner_text().splitlines() if text.strip()]
    assert [any(word in line for line in texts[:3]) for word in ("Rolled back", THROWN)] == [True, True]
    late = page.locator(f"#operation-{refused(ago(minutes=9)).id}")
    expect(late).to_contain_text("PlanChanged")
    expect(late.locator(".message")).to_contain_text("plan it again")
    page.locator("#quiet").check()
    expect(page.locator(".timeline > li")).to_have_count(4)


def test_a_start_that_failed_names_flinks_exception_and_the_state_to_go_on_from(there: Cloud, page_at: PageAt) -> None:
    """Without a scroll: beside the status. Of the run itself Flink has nothing, of the one before it no more."""
    failed().write(there)
    page = page_at(there, "#/jobs/orders")
    expect(page.locator("#status")).to_have_text("Never started")
    expect(page.locator("#why-not.bad")).to_contain_text("It is not running. Its last start was refused")
    expect(page.locator("#why-not")).to_contain_text(THROWN)
    expect(page.locator("#starts-from [data-text]")).to_have_attribute("data-text", there_is(there, path(2)))
    expect(page.locator("#exceptions")).to_contain_text("It never started")
    expect(page.locator("#flink-page")).to_have_count(0)


def test_a_job_that_failed_shows_flinks_exceptions(there: Cloud, page_at: PageAt) -> None:
    """The root cause beside the status, and with its stack on demand."""
    eventful().write(there)
    there.flink.fail(TRACEBACK)
    page = page_at(there, "#/jobs/orders")
    expect(page.locator("#status [data-status=FAILED]")).to_be_visible()
    expect(page.locator("#why-not.bad #root-cause")).to_have_text(THROWN)
    expect(page.locator("#exceptions .root-cause")).to_contain_text(THROWN)
    page.locator("#exceptions summary").click()
    expect(page.locator("#exceptions pre")).to_contain_text("at com.example.Parse.map")
    expect(page.locator("#flink-page")).to_have_attribute("href", f"{FLINK}/#/job/completed/{run(4)}/overview")


def test_savepoints_are_shown_with_age_size_and_origin_and_drawn(there: Cloud, page_at: PageAt) -> None:
    """Orphans are marked; the plot's numbers stand in a table, and those of updates, too."""
    eventful().write(there)
    page = page_at(there, "#/jobs/orders")
    rows = page.locator("#savepoint-list tbody tr")
    expect(rows).to_have_count(4)
    first = rows.first
    expect(first).to_contain_text("newest")
    expect(first).to_contain_text("the current run started from it")
    expect(first).to_contain_text("3.0 MB")
    expect(first).to_contain_text("Update, by an upload")
    expect(first.locator("[data-text]")).to_have_attribute("data-text", there_is(there, path(3)))
    orphan = page.locator("[data-origin=orphan]")
    expect(orphan).to_have_attribute("data-savepoint", there_is(there, ORPHAN))
    expect(orphan).to_contain_text("orphan")
    expect(page.locator("#plot-sizes circle")).to_have_count(4)
    page.locator("#plot-sizes summary").click()
    sizes = page.locator("#sizes-table td[data-label=Size]")
    expect(sizes).to_have_text(["4.0 MB", "3.0 MB", "7.0 MB", "2.0 MB"])  # newest first
    expect(sizes.first).to_be_visible()
    expect(page.locator("#plot-updates rect.took")).to_have_count(3)  # what was refused touched nothing
    page.locator("#plot-updates summary").click()
    updates = page.locator("#updates-table tbody tr")
    ends = [r"Rolled back\s*19 s\s*13 s", r"Succeeded\s*19 s\s*3\.1 s", "Unproven\\s*19 s\\s*\N{EN DASH}"]
    expect(updates).to_have_text([re.compile(rf"UTC\s*Update\s*{end}$") for end in ends])
    expect(updates.first).to_be_visible()


def test_any_two_releases_can_be_compared(there: Cloud, page_at: PageAt) -> None:
    """At first what the running one changed; which runs, is wanted and is still kept, and what came of each."""
    eventful().write(there)
    page = page_at(there, "#/jobs/orders")
    runs = page.locator(f"[data-release='{SECOND.id}']")
    for word in ("runs", "wanted", "available", "Succeeded"):
        expect(runs).to_contain_text(word)
    expect(page.locator(f"[data-release='{BAD.id}']")).to_contain_text("Rolled back")
    expect(page.locator("#release-list tbody tr").last).to_contain_text("no longer kept")
    fields = ("jarName", "sha256", "sizeBytes", "parallelism", "flinkConfiguration.execution.checkpointing.interval")
    have(page.locator("#diff-list tbody tr"), "data-field", *fields)
    expect(page.locator("[data-field=parallelism]")).to_contain_text("4")
    expect(page.locator("#starred")).to_be_visible()
    page.locator("#diff-after").select_option(BAD.id)
    page.locator("#diff-before").select_option(SECOND.id)
    expect(page.locator("[data-field=args] .before")).to_have_text("--topic orders --db.password ******")
    expect(page.locator("[data-field=args] .after")).to_have_text("--topic orders-v2 --db.password ******")
    expect(page.locator("[data-field='flinkConfiguration.execution.checkpointing.interval']")).to_contain_text(
        "not set"
    )
    page.locator("#diff-before").select_option(BAD.id)
    expect(page.locator("#same")).to_be_visible()


def test_to_go_back_the_newest_release_that_went_well_is_offered(there: Cloud, page_at: PageAt) -> None:
    """And not the newest one, which was rolled back."""
    history, well = eventful(), updated(ago(days=8), FIRST, FIRST, 1)
    replace(history, closed=(*history.closed, well), kept=(FIRST, SECOND, BAD)).write(there)
    page = page_at(there, "#/jobs/orders")
    page.locator("[data-action=go-back]").click()
    release = page.locator("dialog [name=release]")
    have(release.locator("option"), "value", BAD.id, FIRST.id)
    expect(release).to_have_value(FIRST.id)


def test_what_is_held_and_what_is_under_way_stands_on_top_and_is_live(there: Cloud, page_at: PageAt) -> None:
    """Without a reload: the step that was begun, then the end."""
    until = NOW + timedelta(hours=3)
    at = ago(seconds=20)
    under_way = operation(Action.SAVEPOINT, at, None, steps=(StepTaken(at=at, step="Trigger"),))
    waits = held(ago(minutes=2), until)
    history = eventful()
    history.but(open=(under_way,), held=(waits,)).write(there)
    page = page_at(there, "#/jobs/orders")
    expect(page.locator(".timeline > li")).to_have_count(7)
    for number, one in enumerate((waits, under_way)):
        expect(page.locator(".timeline article").nth(number)).to_have_attribute("data-operation", one.id)
    expect(page.locator("#uploads-held")).to_contain_text(f"{until:%Y-%m-%d %H:%M:%S} UTC")
    expect(page.locator(f"#operation-{waits.id}")).to_contain_text("held until")
    expect(page.locator(f"#operation-{under_way.id} .message")).to_have_text("Under way: take a savepoint")
    entry = there.ledger.entry(JOB)
    assert entry
    done = operation(Action.SAVEPOINT, at, Outcome.SUCCEEDED, "saved").model_copy(update={"id": under_way.id})
    there.ledger.close(done)
    there.ledger.write(entry.record.but(open=()), etag=entry.etag)
    expect(page.locator(f"#operation-{under_way.id}")).to_have_attribute("data-outcome", "SUCCEEDED")


def test_a_job_that_never_ran_is_no_failure(there: Cloud, page_at: PageAt) -> None:
    """Nothing is made up: no run, no state, no exception."""
    there.put(JobRecord(name=JOB))
    page = page_at(there, "#/jobs/orders")
    expect(page.locator("#status")).to_have_text("Never ran")
    expect(page.locator("#why-not")).to_contain_text("It has never been started.")
    for nothing in ("#no-operations", "#no-savepoints", "#no-releases", "#no-runs"):
        expect(page.locator(nothing)).to_be_visible()
    expect(page.locator(".status.bad")).to_have_count(0)


def test_a_cluster_that_cannot_be_reached_makes_a_job_unknown_and_never_failed(there: Cloud, page_at: PageAt) -> None:
    """What was recorded is still shown, and when the cluster answers again the page follows by itself."""
    eventful().write(there)
    there.flink.is_away = True
    page = page_at(there, "#/jobs/orders")
    expect(page.locator("#status")).to_have_text("Unknown")
    expect(page.locator("#why-unknown")).to_contain_text("This says nothing about the job")
    expect(page.locator("#running h2")).to_have_text("Last known run")
    expect(page.locator("#exceptions .not-known")).to_have_count(2)
    expect(page.locator(".status.bad")).to_have_count(0)
    expect(page.locator("#fact-from [data-text]")).to_be_visible()
    there.flink.is_away = False
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as when a tab is looked at again
    expect(page.locator("#status")).to_have_text("Running")
    expect(page.locator("#exceptions .not-known")).to_have_count(0)


@NIGHTLY
def test_what_could_not_be_read_is_named_and_read_again(there: Cloud, page_at: PageAt, looking: Looking) -> None:
    """What was read stays; a panel that has nothing yet says why, and the others are there."""
    eventful().write(there)
    looking.allow("503")
    page = page_at(there, clock=True)
    broken = json.dumps({"code": "StorageUnavailable", "detail": "storage cannot be reached"})
    page.route("**/savepoints", lambda route: route.fulfill(status=503, body=broken))
    page.goto(there.url + "#/jobs/orders")
    expect(page.locator("#savepoints .not-known")).to_contain_text("storage cannot be reached")
    expect(page.locator("#release-list")).to_be_visible()
    page.unroute("**/savepoints")
    page.clock.fast_forward(16_000)
    expect(page.locator("#savepoint-list")).to_be_visible()
    expect(page.locator("#savepoints .not-known")).to_have_count(0)


def test_an_operation_has_a_place_of_its_own(there: Cloud, page_at: PageAt, looking: Looking) -> None:
    """The link in the timeline leads there; so does one to an operation of a job that never came to be."""
    eventful().write(there)
    id_ = rolled_back(ago(hours=5)).id
    page = page_at(there, "#/jobs/orders")
    page.locator(f"#operation-{id_} h3 a").click()
    expect(page).to_have_url(re.compile(f"#/jobs/orders/operations/{id_}$"))
    expect(page.locator(f"#shown-{id_} .step-details li")).to_have_count(4)
    expect(page.locator(f"#shown-{id_} .rollback")).to_be_visible()
    expect(page.locator("#operation")).to_be_focused()
    there.empty()
    first = refused(ago(minutes=1))
    there.ledger.close(first)
    looking.allow("404")
    page = page_at(there, f"#/jobs/orders/operations/{first.id}")
    expect(page.locator(f"#shown-{first.id}")).to_contain_text("PlanChanged")
    expect(page.locator(f"#operation-{first.id}")).to_be_visible()
    page.goto(there.url + "#/jobs/orders/operations/nothing")
    expect(page.locator("#operation")).to_contain_text("there is no operation")


@NIGHTLY
def test_older_operations_come_when_they_are_asked_for(there: Cloud, page_at: PageAt) -> None:
    """Each once, and they stay when there is a newer one."""
    there.put(JobRecord(name=JOB))
    for number in range(30):
        there.ledger.close(operation(Action.SAVEPOINT, ago(hours=number), Outcome.SUCCEEDED, f"number {number}"))
    page = page_at(there, "#/jobs/orders")
    expect(page.locator(".timeline > li")).to_have_count(25)
    page.locator("#older").click()
    expect(page.locator(".timeline > li")).to_have_count(30)
    expect(page.locator("#older")).to_have_count(0)
    expect(page.locator(".timeline > li").last).to_contain_text("number 29")
    newer = operation(Action.SAVEPOINT, NOW + timedelta(hours=1), Outcome.SUCCEEDED, "the newest")
    there.ledger.close(newer)
    entry = there.ledger.entry(JOB)
    assert entry
    there.ledger.write(entry.record.but(last=last(newer)), etag=entry.etag)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".timeline > li").first).to_contain_text("the newest")
    expect(page.locator(".timeline > li")).to_have_count(31)


def test_all_of_it_is_reached_by_keyboard(there: Cloud, page_at: PageAt) -> None:
    """The parts of the page, what is folded up, and the comparison."""
    eventful().write(there)
    page = page_at(there, "#/jobs/orders")
    expect(page.locator("#release-list")).to_be_visible()
    page.locator("[data-part=releases]").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#releases-title")).to_be_focused()
    while page.evaluate("document.activeElement.id") != "diff-before":
        before = page.evaluate("document.activeElement.outerHTML")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.outerHTML") != before
    for release in (SECOND, BAD):
        page.keyboard.press("ArrowUp")
        expect(page.locator("#diff-before")).to_have_value(release.id)
    summary = page.locator(f"#operation-{rolled_back(ago(hours=5)).id} .more summary")
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"#operation-{rolled_back(ago(hours=5)).id} .step-details")).to_be_visible()


LOOKED_AT = [look if look == "dark" else pytest.param(look, marks=NIGHTLY) for look in LOOKS]


@pytest.mark.parametrize("look", LOOKED_AT)
def test_axe_finds_nothing_in_a_jobs_view(there: Cloud, page_at: PageAt, look: str) -> None:
    """With everything unfolded, and no wider than the window; while it cannot be reached, too, and of one operation."""
    history = eventful()
    waits = held(ago(minutes=2), NOW + timedelta(hours=3))
    under_way = operation(Action.SAVEPOINT, ago(seconds=20), None)
    history.but(open=(under_way,), held=(waits,)).write(there)
    there.flink.fail(TRACEBACK)
    page = page_at(there, "#/jobs/orders", bypass_csp=True, **LOOKS[look])
    expect(page.locator("#plot-sizes svg")).to_be_visible()
    expect(page.locator("#exceptions .root-cause")).to_be_visible()
    expect(page.locator("#diff-list")).to_be_visible()
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is wider than the window"
    there.flink.is_away = True
    page.goto(there.url + f"#/jobs/orders/operations/{rolled_back(ago(hours=5)).id}")
    expect(page.locator("#operation article")).to_be_visible()
    expect(page.locator("#why-unknown")).to_be_visible()
    assert findings(page) == []
