"""The list of jobs, as a person sees it."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from flinkfuncs.core.actions import Action
from flinkfuncs.core.operations import Outcome

from .cloud import Cloud, Status, a_job
from .conftest import PageAt, until


def lists(page: Page, *names: str) -> None:
    """Wait until these jobs stand in the list, in this order."""
    expect(page.locator("#jobs a.job")).to_have_text(list(names))


def has_icon(page: Page, name: str) -> None:
    """Wait until the tab has this icon: it follows what is shown."""
    expect(page.locator("#icon")).to_have_attribute("href", f"/ui/icons/{name}.svg")


def test_a_job_has_one_line_that_says_how_it_is(cloud: Cloud, page_at: PageAt) -> None:
    """Status as shape, word and colour; since when; release; age of the newest savepoint; what is open; what was."""
    cloud.put(a_job("orders", days=3, saved_hours=5, open_action=Action.SAVEPOINT, outcome=Outcome.ROLLED_BACK))
    page = page_at(cloud)
    row = page.locator("[data-job=orders]")
    status = row.locator("td").first.locator(".status.good")
    expect(status.locator("svg circle")).to_be_visible()
    expect(status).to_have_text("Running")
    expect(row.locator("[data-label=Since]")).to_have_text("3 d ago")
    expect(row.locator("[data-label=Since] time")).to_have_attribute("title", re.compile(r"^20\d\d-.* UTC$"))
    expect(row.locator("[data-label=Release]")).to_have_text(re.compile(r"^orders-1\.jar [0-9a-f]{12}$"))
    expect(row.locator("[data-label='Newest savepoint']")).to_have_text("5 h ago")
    expect(row.locator("[data-label=Open] a")).to_have_text("Savepoint")
    last = row.locator("[data-label='Last operation']")
    expect(last).to_contain_text("Update")
    expect(last.locator(".status.warn")).to_have_text("Rolled back")


def test_a_status_that_nobody_knows_is_not_a_failure(cloud: Cloud, page_at: PageAt) -> None:
    """The cluster does not answer: what is shown says so, and why; when it answers again, so does the page."""
    cloud.put(a_job("orders"), a_job("bills", "STOPPED"))
    cloud.flink.is_away = True
    page = page_at(cloud, clock=True)
    status = page.locator("[data-job=orders] .status").first
    expect(status).to_have_text("Unknown")
    expect(status).to_have_class("status unknown")
    expect(status).to_have_attribute("title", re.compile("503"))
    expect(page).to_have_title("(2 unknown) Jobs - flinkfuncs")
    has_icon(page, "unknown")
    expect(page.locator("#jobs .bad")).to_have_count(0)
    cloud.flink.is_away = False

    def runs() -> bool:
        page.clock.fast_forward(16_000)  # the app remembers for a moment what the cluster said
        page.wait_for_timeout(500)
        return status.inner_text().strip() == "Running"

    until(page, runs)
    has_icon(page, "good")


def test_title_and_icon_carry_the_worst_status(cloud: Cloud, page_at: PageAt) -> None:
    """So that a tab among others shows that something has failed."""
    cloud.put(a_job("a"), a_job("b", "STOPPED"), a_job("c", "FAILED"), a_job("d", "VANISHED"))
    page = page_at(cloud)
    expect(page).to_have_title("(2 failed) Jobs - flinkfuncs")
    has_icon(page, "bad")
    assert page.request.get(cloud.url + "/icons/bad.svg").status == 200
    page.locator("[data-job=a] a.job").click()
    expect(page).to_have_title("(2 failed) a - flinkfuncs")


def test_the_list_is_filtered_and_sorted_and_its_address_says_how(cloud: Cloud, page_at: PageAt) -> None:
    """By words of name, status and release, by a status, and by any column; a link leads to the same."""
    cloud.put(
        a_job("orders", days=1, number=2),
        a_job("orders-eu", "FAILED", days=9, saved_hours=None),
        a_job("bills", "STOPPED", days=5, saved_hours=1),
        a_job("audit", days=7, saved_hours=8),
    )
    page = page_at(cloud)
    expect(page.locator("#count")).to_have_text("4 jobs")
    lists(page, "audit", "bills", "orders", "orders-eu")
    page.locator("[data-sort=status]").click()
    expect(page.locator("#jobs a.job").first).to_have_text("orders-eu")
    page.locator("[data-sort=since]").click()
    lists(page, "orders", "bills", "audit", "orders-eu")
    page.locator("[data-sort=since]").click()
    lists(page, "orders-eu", "audit", "bills", "orders")
    expect(page.locator("th[aria-sort=descending]")).to_have_text("Since")
    page.locator("[data-sort=savepoint]").click()
    lists(page, "bills", "orders", "audit", "orders-eu")
    page.locator("#filter").fill("orders 2.jar")
    expect(page.locator("#count")).to_have_text("1 of 4 jobs")
    page.locator("#filter").fill("RUNNING")
    lists(page, "orders", "audit")
    again = page_at(cloud, page.url.removeprefix(cloud.url))  # in a browser that keeps nothing of the first one
    expect(again.locator("#count")).to_have_text("2 of 4 jobs")
    lists(again, "orders", "audit")
    page.locator("#filter").fill("")
    page.locator("[data-tone=bad]").click()
    lists(page, "orders-eu")
    page.locator("#filter").fill("nothing like it")
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("#jobs a.job")).to_have_count(4)


def test_the_list_is_walked_through_by_keyboard_alone(cloud: Cloud, page_at: PageAt) -> None:
    """/ filters, j, k and the arrows go from job to job, Enter opens one, ? names the keys, Esc leads back."""
    cloud.put(*(a_job(name) for name in ("audit", "bills", "orders")))
    page = page_at(cloud)
    expect(page.locator("#count")).to_have_text("3 jobs")
    press = page.keyboard.press
    for key, job in [("j", "audit"), ("j", "bills"), ("ArrowDown", "orders"), ("j", "orders"), ("k", "bills")]:
        press(key)
        expect(page.get_by_role("link", name=job, exact=True)).to_be_focused()
    press("?")
    expect(page.locator("#help")).to_be_visible()
    press("j")  # … goes nowhere behind the dialog
    press("Escape")
    expect(page.locator("#help")).to_have_count(0)
    press("/")
    expect(page.locator("#filter")).to_be_focused()
    page.keyboard.type("jk/?")
    expect(page.locator("#filter")).to_have_value("jk/?")
    press("Escape")
    expect(page.locator("#count")).to_have_text("3 jobs")
    press("/")
    page.keyboard.type("ord")
    press("Enter")
    expect(page.get_by_role("link", name="orders", exact=True)).to_be_focused()
    press("Enter")
    expect(page).to_have_url(re.compile("#/jobs/orders$"))


def test_an_empty_list_says_how_the_first_jar_is_uploaded(cloud: Cloud, page_at: PageAt) -> None:
    """And once it is there, it is shown without a reload."""
    page = page_at(cloud, clock=True)
    expect(page.locator("#first-jar")).to_contain_text("stateful/orders/orders-1.jar")
    cloud.put(a_job("orders"))
    page.clock.fast_forward(16_000)
    expect(page.locator("[data-job=orders]")).to_be_visible()
    expect(page.locator("#first-jar")).to_have_count(0)


def test_operations_and_uploads_of_all_jobs_are_listed(cloud: Cloud, page_at: PageAt) -> None:
    """What waits or runs, and what became of uploads."""
    cloud.put(a_job("orders", open_action=Action.STOP), a_job("bills"))
    page = page_at(cloud, "#/operations")
    expect(page.locator("#operations tbody tr")).to_have_count(1)
    expect(page.locator("#operations tbody tr")).to_contain_text("orders")
    page.get_by_role("link", name="Uploads", exact=True).click()
    expect(page.locator("#no-uploads")).to_be_visible()
    cloud.ledger.reject(
        "stateful/Orders/a.jar", "0x1", datetime.now(UTC), "Orders is not the name of a job", "InvalidJobName"
    )
    page.get_by_role("link", name="Refused", exact=True).click()
    row = page.locator("#uploads tbody tr")
    expect(row).to_have_text(re.compile(r"^Refused.*stateful/Orders/a\.jar.*Orders is not the name of a job$"))


@pytest.mark.nightly("writes 500 records")
def test_five_hundred_jobs_are_quick(cloud: Cloud, page_at: PageAt) -> None:
    """They are there at once, and a filter follows the typing."""
    statuses: tuple[Status, ...] = ("RUNNING", "RUNNING", "STOPPED", "FAILED")
    cloud.put(*(a_job(f"job-{number:03}", statuses[number % 4], days=number / 10) for number in range(500)))
    page = page_at(cloud)
    expect(page.locator("#count")).to_have_text("500 jobs")
    expect(page.locator("#jobs tbody tr")).to_have_count(500)
    began = time.monotonic()
    page.locator("#filter").press_sequentially("job-42")
    expect(page.locator("#count")).to_have_text("10 of 500 jobs")
    page.locator("#filter").fill("")
    expect(page.locator("#jobs tbody tr")).to_have_count(500)
    page.locator("[data-sort=status]").click()
    expect(page.locator("#jobs .status").first).to_have_text("Failed")
    assert time.monotonic() - began < 30  # seconds, on a busy machine; each redraw takes some 50 ms
