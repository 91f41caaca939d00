"""The list of jobs, as a person sees it."""

from __future__ import annotations

from playwright.sync_api import expect

from .cloud import Cloud, a_job
from .conftest import PageAt


def test_a_job_stands_in_the_list_with_its_status_as_shape_and_word(cloud: Cloud, page_at: PageAt) -> None:
    """Since when, release, age of the newest savepoint, and the last operation."""
    cloud.put(a_job("orders", days=3, saved_hours=5))
    page = page_at(cloud)
    row = page.locator("[data-job=orders]")
    expect(row.locator("td").first.locator(".status.good svg")).to_be_visible()
    expect(row).to_contain_text("Running")
    expect(row).to_contain_text("3 d ago")
    expect(row).to_contain_text("orders-1.jar")
