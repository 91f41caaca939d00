"""The pictures of the page in docs/: `make screenshots`.

    page-light.png   page-dark.png   page-phone.png     the list of jobs
    page-job.png                                        a job
    page-update.png  page-rollback.png                  the timeline of an update, and of one that was rolled back

They show what the demo did on a real Flink, and three more jobs: one that is stopped, one whose update was rolled back,
and one that never ran.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from azure.storage.blob import BlobServiceClient
from playwright.sync_api import Browser, Page, expect, sync_playwright

from examples.build import JARS_DIRECTORY
from examples.demo.cloud import Addresses, App, cloud_up
from examples.demo.story import ENDING, JOB, Story, tell

from .chromium import LEFT_OUT, chromium

DOCS = Path(__file__).parents[2] / "docs"
LIGHT: dict[str, Any] = {"color_scheme": "light", "viewport": {"width": 1200, "height": 460}}
SMALL: dict[str, Any] = {
    "color_scheme": "light",
    "viewport": {"width": 1000, "height": 800},
    "device_scale_factor": 1.5,
}
PICTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "page-light": ("#/jobs", LIGHT),
    "page-dark": ("#/jobs", LIGHT | {"color_scheme": "dark"}),
    "page-phone": ("#/jobs", {"color_scheme": "light", "viewport": {"width": 360, "height": 740}}),
    "page-job": (f"#/jobs/{JOB}", LIGHT | {"viewport": {"width": 1200, "height": 1000}}),
}
PARTS = {  # of the view of a job
    "page-update": (JOB, "#operations li:has(.downtime):has-text('by an upload')"),
    "page-rollback": ("audit", "#operations li:has([data-outcome=ROLLED_BACK])"),
}
PATIENCE_MS = 60_000  # until everything that a view asks for is there


def main() -> None:
    """Bring a cloud up, let things happen on it, and take the pictures."""
    if not (browser := chromium()):
        raise SystemExit(LEFT_OUT)
    with tempfile.TemporaryDirectory() as folder, cloud_up(Path(folder), cluster="session", flink="2.3.0") as cloud:
        tell(tuple(step for step in Story(cloud).steps() if step[0] not in ENDING))
        more_jobs(cloud)
        with sync_playwright() as playwright:
            sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
            take(playwright.chromium.launch(executable_path=browser, args=sandbox), cloud)


def more_jobs(cloud: Addresses) -> None:
    """Let other jobs come to other ends."""
    app = App(cloud.app, cloud.key)
    upload(cloud, app, "bills", "sequence-1")
    app.act("bills", "stop").succeeded()
    upload(cloud, app, "audit", "sequence-1")
    upload(cloud, app, "audit", "sequence-fails-at-run-time")
    upload(cloud, app, "clicks", "sequence-throws-in-main")


def upload(cloud: Addresses, app: App, job: str, jar: str) -> None:
    """Upload a jar, and wait for what comes of it."""
    known = {operation.id for operation in app.operations(job)}
    jars = BlobServiceClient.from_connection_string(cloud.storage).get_container_client("jars")
    args = f"--sink {(cloud.sink / job).as_uri()}"
    description = json.dumps({"jar": f"{jar}.jar", "args": args, "parallelism": 1})
    jars.upload_blob(f"stateful/{job}/job.json", description, overwrite=True)
    jars.upload_blob(f"stateful/{job}/{jar}.jar", (JARS_DIRECTORY / f"{jar}.jar").read_bytes(), overwrite=True)
    app.next_operation(job, "UPDATE", kind="upload", known=known)


def take(browser: Browser, cloud: Addresses) -> None:
    """Take the pictures."""
    for name, (place, look) in PICTURES.items():
        with opened(browser, cloud, place, look) as page:
            page.screenshot(path=DOCS / f"{name}.png")
    for name, (job, part) in PARTS.items():
        with opened(browser, cloud, f"#/jobs/{job}", SMALL) as page:
            page.locator(part).first.screenshot(path=DOCS / f"{name}.png")
    browser.close()


@contextmanager
def opened(browser: Browser, cloud: Addresses, place: str, look: dict[str, Any]) -> Iterator[Page]:
    """Sign in, and go to a place of the page."""
    context = browser.new_context(**{"device_scale_factor": 2} | look)
    page = context.new_page()
    page.goto(f"{cloud.app}/ui{place}")
    page.locator("#key").fill(cloud.key)
    page.locator("#sign-in").click()
    page.locator("h1").wait_for()
    page.locator("#jobs, #running").first.wait_for()
    expect(page.get_by_text("Loading…")).to_have_count(0, timeout=PATIENCE_MS)
    yield page
    context.close()


if __name__ == "__main__":
    main()
