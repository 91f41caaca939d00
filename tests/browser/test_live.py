"""How the page is kept up to date, and how times are written."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from flinkfuncs.core.actions import Action

from .cloud import Cloud, a_job
from .conftest import Looking, PageAt, until

WATCH = """() => {
  window.polls = {under_way: 0, statuses: []};
  const ask = window.fetch;
  window.fetch = (path, options) => {
    if (path !== '/api/jobs') return ask(path, options);
    window.polls.under_way += 1;
    const ended = (status) => {
      window.polls.under_way -= 1;
      window.polls.statuses.push(status);
    };
    return ask(path, options).then(
      (reply) => { ended(reply.status); return reply; },
      (lost) => { ended(0); throw lost; },
    );
  };
}"""


class Polls:
    """The answers to `GET /api/jobs` since then; 0 of one that did not come."""

    def __init__(self, page: Page) -> None:
        """Watch what the page asks for."""
        self.page = page
        page.evaluate(WATCH)

    @property
    def statuses(self) -> list[int]:
        """Return what came so far."""
        found: list[int] = self.page.evaluate("window.polls.statuses")
        return found

    def during(self, seconds: int, *, step: int = 5) -> int:
        """Let that time pass on the page's clock, and return how many polls it brought."""
        before = len(self.statuses)
        for _ in range(seconds // step):
            self.page.clock.run_for(1000 * step)
            until(self.page, lambda: bool(self.page.evaluate("!window.polls.under_way")))  # in real time
        return len(self.statuses) - before


@pytest.fixture
def still(cloud: Cloud, page_at: PageAt) -> tuple[Cloud, Page, Polls]:
    """A page whose clock the test moves, on a list of one job."""
    cloud.put(a_job("orders"))
    page = page_at(cloud, clock=True)
    expect(page.locator("[data-job=orders]")).to_be_visible()
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 5)  # seconds; it runs on until this is heard
    return cloud, page, Polls(page)


def test_the_list_is_asked_for_every_15_seconds_and_mostly_answered_with_304(still: tuple[Cloud, Page, Polls]) -> None:
    """Nothing has changed, so nothing is sent again."""
    _, _, polls = still
    assert 5 <= polls.during(150) <= 10  # a busy machine answers late, and the next pause begins then
    assert set(polls.statuses) == {304}


def test_while_something_is_open_it_is_asked_for_every_2_seconds(still: tuple[Cloud, Page, Polls]) -> None:
    """Until it has ended."""
    cloud, page, polls = still
    cloud.put(a_job("bills", open_action=Action.STOP))
    polls.during(15)
    expect(page.locator("[data-job=bills]")).to_be_visible()
    assert 5 <= polls.during(20, step=1) <= 10


def test_a_hidden_tab_asks_for_nothing_and_one_that_is_shown_again_at_once(still: tuple[Cloud, Page, Polls]) -> None:
    """A hundred forgotten tabs cost nothing."""
    _, page, polls = still
    hide = "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
    hide += "document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(hide, True)
    assert polls.during(60, step=20) == 0
    with page.expect_response("**/api/jobs"):
        page.evaluate(hide, False)
    assert polls.during(2, step=1) == 0


def test_an_app_that_does_not_answer_leaves_what_was_seen(still: tuple[Cloud, Page, Polls], looking: Looking) -> None:
    """It says so, and as of when the list is; it asks again less and less often, and at the end all is well again."""
    _, page, polls = still
    looking.allow("ERR_FAILED")
    page.route("**/api/jobs", lambda route: route.abort())
    polls.during(15)
    expect(page.locator(".stale")).to_contain_text("The app did not answer. Last updated 20")
    expect(page.locator("[data-job=orders] .status").first).to_have_text("Running")
    page.unroute("**/api/jobs")
    polls.during(60)
    expect(page.locator(".stale")).to_have_count(0)


def test_times_are_in_utc_or_in_local_time_and_that_is_remembered(cloud: Cloud, page_at: PageAt) -> None:
    """Each names its zone."""
    cloud.put(a_job("orders"))
    page = page_at(cloud, timezone_id="Asia/Kolkata")
    since = page.locator("[data-label=Since] time")
    expect(since).to_have_attribute("title", _ending("UTC"))
    page.locator("#clock").select_option("local")
    expect(since).to_have_attribute("title", _ending(r"GMT\+5:30"))
    page.reload()
    expect(since).to_have_attribute("title", _ending(r"GMT\+5:30"))
    expect(page.locator("#clock")).to_have_value("local")


def _ending(zone: str) -> re.Pattern[str]:
    return re.compile(rf"^\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d {zone}$")
