"""What the page shows of a job on a real Flink, while its releases are uploaded."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from localcloud.up import LocalCloud
from tests.flink.cloud import LOOP, Job
from tests.flink.conftest import IMPATIENT, session_of

from .conftest import PageAt, Served

pytestmark = pytest.mark.nightly("it starts a cloud with a Flink of its own; the scripted one shows each panel")
PATIENCE_MS = 120_000  # for a job to start, to be proved, or to be rolled back


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A whole cloud, which gives a busy machine time to prove a release: otherwise it ends UNPROVEN."""
    settings = IMPATIENT | {"START_DEADLINE_SECONDS": "120"}
    with session_of(tmp_path_factory.mktemp("real"), settings=settings, flink_configuration=LOOP) as running:
        yield running


def test_a_good_and_a_bad_release_are_followed_and_the_failure_is_read(
    real: LocalCloud, page_at: PageAt, browser: Browser
) -> None:
    """Without a reload: the job appears, is updated, and goes back to what ran before; Flink says why."""
    job = Job(real, "orders")
    page = page_at(Served(f"{real.app}/ui"), "#/jobs", key=real.key)
    job.upload("1")
    link = page.locator("[data-job=orders] a.job")
    expect(link).to_be_visible(timeout=PATIENCE_MS)
    link.click()
    newest = page.locator(".timeline > li").first.locator("article")
    expect(newest).to_have_attribute("data-outcome", "SUCCEEDED", timeout=PATIENCE_MS)
    expect(page.locator("#status")).to_have_text("Running")
    expect(page.locator("#fact-from")).to_contain_text("no state")

    job.upload("2", file="2.jar")
    expect(page.locator("article[data-outcome=SUCCEEDED]")).to_have_count(2, timeout=PATIENCE_MS)
    expect(newest.locator(".downtime")).to_contain_text(re.compile(r"Nothing ran for [\d.]+ s\."))
    expect(page.locator("#fact-release")).to_contain_text("2.jar")
    expect(page.locator("#fact-from [data-text]")).to_have_attribute("data-text", re.compile("/savepoint-"))
    before = page.locator("#fact-run [data-text]").get_attribute("data-text")

    job.upload("fails-at-run-time", file="3.jar")
    expect(newest).to_have_attribute("data-outcome", "ROLLED_BACK", timeout=PATIENCE_MS)
    expect(newest.locator(".rollback")).to_contain_text("2.jar")
    expect(newest.locator(".message")).to_contain_text("crashes after 0 checkpoints")
    expect(page.locator("#fact-release")).to_contain_text("2.jar")
    expect(page.locator("#fact-run [data-text]")).not_to_have_attribute("data-text", before or "")
    expect(page.locator("#exceptions .root-cause").first).to_contain_text("crashes after 0 checkpoints")
    bad = page.locator("[data-release]", has_text="3.jar")
    expect(bad).to_contain_text("Rolled back")
    expect(page.locator("[data-release]", has_text="2.jar")).to_contain_text("runs")
    expect(page.locator("#savepoint-list tbody tr").first.locator("td[data-label=Size]")).to_contain_text("B")
    expect(page.locator("#plot-updates rect.down")).to_have_count(2)
    flink = browser.new_context().new_page()
    flink.goto(page.locator("#flink-page").get_attribute("href") or "")
    expect(flink.get_by_text("orders").first).to_be_visible(timeout=PATIENCE_MS)
