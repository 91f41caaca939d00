"""A job's life by the page alone, on a real Flink: made from the browser, stopped, started from a picked savepoint,
updated as it was planned, and taken back to a release. What it committed is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from examples.count import count
from localcloud.up import LocalCloud
from tests.flink.cloud import JARS
from tests.flink.conftest import session_of

from .conftest import PATIENCE_MS, SIGNED_IN, Looking

pytestmark = pytest.mark.nightly("a Flink of its own; test_actions.py shows each dialog on the stand-in")

LONG_MS = 90_000  # a savepoint, a start and its proof on a busy machine


@dataclass(frozen=True)
class Person:
    """Somebody at the page."""

    cloud: LocalCloud
    page: Page

    def opens(self, action: str, place: str = "#/jobs/orders") -> None:
        """Open a dialog."""
        self.page.goto(self.cloud.app + "/ui" + place)
        self.page.locator(f"[data-action={action}]").click()

    def acts(self) -> Any:  # noqa: ANN401 - JSON
        """Press the button of the dialog, and wait until the operation that comes of it has ended."""
        self.page.locator("dialog .act").click()
        self.page.wait_for_url("**/operations/**")
        number = self.page.url.rpartition("/")[2]
        deadline = LONG_MS
        while deadline > 0:
            reply = requests.get(
                f"{self.cloud.app}/api/operations/{number}", headers={"x-functions-key": self.cloud.key}, timeout=30
            ).json()
            if reply["state"] == "closed":
                return reply
            self.page.wait_for_timeout(200)
            deadline -= 200
        raise AssertionError(reply)

    def plans(self) -> Any:  # noqa: ANN401 - a locator
        """Ask for the plan, and return it."""
        self.page.locator("dialog .act").click()
        plan = self.page.locator("dialog [data-verdict=WILL_DO]")
        expect(plan).to_be_visible(timeout=LONG_MS)
        return plan


@pytest.fixture(scope="module")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """The app on a session cluster."""
    with session_of(tmp_path_factory.mktemp("page")) as running:
        yield running


@pytest.fixture
def person(local_cloud: LocalCloud, browser: Browser, looking: Looking) -> Iterator[Person]:
    """A page that is signed in."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    looking.watch(context)
    context.add_init_script(SIGNED_IN % local_cloud.key)
    yield Person(local_cloud, context.new_page())
    context.close()


@pytest.mark.timeout(900)  # six operations, and a Flink before them
def test_a_jobs_life_by_the_page_alone(person: Person, local_cloud: LocalCloud) -> None:
    """Nothing is lost and nothing twice, whichever button was pressed."""
    page, sink = person.page, local_cloud.sink / "orders"

    person.opens("new-job", "#/jobs")
    page.locator("[name=name]").fill("orders")
    page.locator("[name=jar]").set_input_files(JARS / "sequence-1.jar")
    page.locator("[name=args]").fill(f"--sink {sink.as_uri()} --rate 400")
    person.plans()
    made = person.acts()
    assert made["result"]["outcome"] == "SUCCEEDED", made["result"]

    person.opens("stop")
    stopped = person.acts()
    assert stopped["result"]["outcome"] == "SUCCEEDED", stopped["result"]

    person.opens("start")
    picked = page.locator(f".choices-of input[value='{stopped['result']['savepoint']}']")
    picked.check()
    plan = page.locator("dialog [data-verdict=WILL_DO]")
    expect(plan).to_contain_text(stopped["result"]["savepoint"], timeout=LONG_MS)
    started = person.acts()
    assert started["result"]["outcome"] == "SUCCEEDED", started["result"]
    assert started["request"]["savePointName"] == started["result"]["restoredFrom"] == stopped["result"]["savepoint"]

    person.opens("update")
    page.locator("[name=jar]").set_input_files(JARS / "sequence-2.jar")
    page.locator("[name=reason]").fill("the next version")
    expect(person.plans()).to_contain_text("kept")
    updated = person.acts()
    assert updated["result"]["outcome"] == "SUCCEEDED", updated["result"]
    assert updated["release"]["jarName"] == "sequence-2.jar"

    person.opens("go-back")
    expect(page.locator("[name=release]")).to_have_value(made["release"]["id"])
    expect(person.plans()).to_contain_text("sha256")
    back = person.acts()
    assert back["result"]["outcome"] == "SUCCEEDED", back["result"]
    assert back["release"]["id"] == made["release"]["id"]

    person.opens("stop")
    assert person.acts()["result"]["outcome"] == "SUCCEEDED"
    counted = count(sink)
    assert (counted.lost, counted.duplicated, counted.state_mismatches) == (0, 0, 0)
    assert counted.by_version.keys() == {"1", "2"}
