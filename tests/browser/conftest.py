"""The page in a real browser, served by the app in the local host.

Every test fails on a violation of the page's policy, an error on the console, or an uncaught exception; a test that
brings one about says so beforehand (`looking.allow`).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import pytest
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect, sync_playwright

from localcloud.azurite import Azurite
from localcloud.host_process import HostProcess
from localcloud.processes import Processes
from tests.stand_in.rest import FlinkServer, flink_server

from .chromium import chromium
from .cloud import Cloud

ROOT = Path(__file__).parents[2]
KEY = "functions-key"
PATIENCE_MS = 60_000  # of every wait for something on the page
# A violation is an event of the document; it does not say so on the console in every case.
REPORT = """
document.addEventListener('securitypolicyviolation', (event) =>
  window.violated(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""
# As if somebody had signed in before, in this tab; once, so that signing out lasts.
SIGNED_IN = """
if (location.protocol !== 'about:' && !sessionStorage.signedInOnce) {
  sessionStorage.signedInOnce = 'yes';
  sessionStorage.setItem('flinkfuncs.key', '%s');
}
"""


@dataclass
class Looking:
    """What went wrong while pages were looked at."""

    faults: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def allow(self, pattern: str) -> None:
        """Let faults pass that a test brings about."""
        self.allowed.append(pattern)

    def watch(self, context: BrowserContext) -> None:
        """Keep what goes wrong in all pages of a context."""
        context.expose_function("violated", lambda text: self.faults.append(f"policy: {text}"))
        context.add_init_script(REPORT)
        context.on("weberror", lambda error: self.faults.append(f"uncaught: {error.error}"))
        context.on(
            "console",
            lambda said: self.faults.append(f"console: {said.text}") if said.type in ("error", "warning") else None,
        )

    @property
    def unexpected(self) -> list[str]:
        """What nobody expected."""
        return [fault for fault in self.faults if not any(re.search(pattern, fault) for pattern in self.allowed)]


def until(page: Page, holds: Callable[[], bool]) -> None:
    """Wait until something holds that `expect` has no word for."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not holds():
        assert time.monotonic() < deadline, "it does not come to hold"
        page.wait_for_timeout(50)


def have(each: Locator, attribute: str, *values: str) -> None:
    """Wait until there are elements with these values of an attribute, in this order, and no others."""
    expect(each).to_have_count(len(values))
    for number, value in enumerate(values):
        expect(each.nth(number)).to_have_attribute(attribute, value)


class HasPage(Protocol):
    """What serves the page."""

    @property
    def url(self) -> str:
        """Where the page is."""
        ...


@dataclass(frozen=True)
class Served:
    """A page that somebody else serves."""

    url: str


class PageAt(Protocol):
    """Opens the page of a cloud in a browser of its own: signed in with `key`, or not at all where that is None.

    With `clock`, `page.clock.fast_forward` brings the next poll.
    """

    def __call__(
        self,
        cloud: HasPage,
        hash: str = "",  # noqa: A002 - what follows the address's `#`
        *,
        key: str | None = KEY,
        headers: Mapping[str, str] = MappingProxyType({}),
        clock: bool = False,
        **options: Any,  # noqa: ANN401 - Playwright's own
    ) -> Page: ...


@pytest.fixture(scope="package")
def processes() -> Iterator[Processes]:
    """The owner of everything that these tests start."""
    with Processes() as started:
        yield started


@pytest.fixture(scope="package")
def account(processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The connection string of a storage account."""
    azurite = Azurite(processes, ["local"], log=tmp_path_factory.mktemp("azurite") / "azurite.log")
    azurite.wait_until_ready()
    return azurite.connection_string("local")


@pytest.fixture(scope="package")
def server() -> Iterator[FlinkServer]:
    """A Flink that follows a script."""
    with flink_server() as serving:
        yield serving


StartCloud = Callable[[str, Mapping[str, str]], Cloud]


@pytest.fixture(scope="package")
def start_cloud(
    processes: Processes, account: str, server: FlinkServer, tmp_path_factory: pytest.TempPathFactory
) -> StartCloud:
    """Start the app with containers and a queue of its own; `settings` are added to those that it needs."""

    def start(name: str, settings: Mapping[str, str]) -> Cloud:
        given = {**_settings(name, account, server.url), **settings}
        blobs = BlobServiceClient.from_connection_string(account)
        for container in ("JARS_CONTAINER", "RELEASES_CONTAINER", "LEDGER_CONTAINER"):
            blobs.create_container(given[container])
        QueueServiceClient.from_connection_string(account).create_queue(given["OPERATIONS_QUEUE"])
        directory = tmp_path_factory.mktemp(name)
        host = HostProcess(processes, ROOT, given, name=name, directory=directory, key=KEY, options=("--grace", "1"))
        host.start()
        return Cloud(host, account, server)

    return start


@pytest.fixture(scope="package")
def keyed(start_cloud: StartCloud) -> Cloud:
    """The app that function keys open."""
    return start_cloud("keyed", {})


@pytest.fixture(scope="package")
def by_roles(start_cloud: StartCloud) -> Cloud:
    """The app behind App Service authentication; the headers that it would add are the browser's own here."""
    return start_cloud("roles", {"API_AUTHORIZATION": "roles", "WEBSITE_AUTH_ENABLED": "True"})


@pytest.fixture
def cloud(keyed: Cloud) -> Cloud:
    """The app that function keys open, without any job."""
    keyed.empty()
    return keyed


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for all tests; each test has contexts of its own."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=sandbox)
        expect.set_options(timeout=PATIENCE_MS)
        yield started
        started.close()


@pytest.fixture
def looking() -> Iterator[Looking]:
    """What goes wrong while a test looks; anything unexpected fails it."""
    seen = Looking()
    yield seen
    assert seen.unexpected == []


class Files:
    """The page's files as the app sent them, headers and all: each is asked for once, and not again in each test."""

    PATTERN = re.compile(r"/ui(/.+\.(js|mjs|css|svg))?$")

    def __init__(self) -> None:
        """Know none yet."""
        self._known: dict[str, tuple[int, dict[str, str], bytes]] = {}

    def send(self, route: Route) -> None:
        """Answer a browser."""
        url = route.request.url.partition("#")[0]
        if url not in self._known:
            reply = route.fetch()
            self._known[url] = reply.status, reply.headers, reply.body()
        status, headers, body = self._known[url]
        route.fulfill(status=status, headers=headers, body=body)


@pytest.fixture(scope="package")
def files() -> Files:
    """The page's files, for all tests."""
    return Files()


@pytest.fixture
def page_at(browser: Browser, looking: Looking, files: Files) -> Iterator[PageAt]:
    """Open pages, and close them at the end."""
    contexts: list[BrowserContext] = []

    def open_page(
        cloud: HasPage,
        hash: str = "",  # noqa: A002 - what follows the address's `#`
        *,
        key: str | None = KEY,
        headers: Mapping[str, str] = MappingProxyType({}),
        clock: bool = False,
        **options: Any,  # noqa: ANN401 - Playwright's own
    ) -> Page:
        context = browser.new_context(extra_http_headers=dict(headers), **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        looking.watch(context)
        context.route(files.PATTERN, files.send)
        if key is not None:
            context.add_init_script(SIGNED_IN % key)
        page = context.new_page()
        if clock:
            page.clock.install()
        page.goto(cloud.url + hash)
        return page

    yield open_page
    for context in contexts:
        context.unroute_all(behavior="ignoreErrors")
        context.close()


def _settings(name: str, account: str, flink: str) -> dict[str, str]:
    return {
        "AzureWebJobsStorage": account,
        "AzureWebJobsDisableHomepage": "true",
        "AzureFunctionsWebHost__hostid": name,
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "PYTHON_THREADPOOL_THREAD_COUNT": "32",
        "JARS": account,
        "JARS_CONTAINER": f"{name}-jars",
        "RELEASES_CONTAINER": f"{name}-releases",
        "LEDGER_CONTAINER": f"{name}-ledger",
        "OPERATIONS_QUEUE": f"{name}-operations",
        "SAVEPOINT_SCHEDULE": "0 0 0 1 1 *",
        "SWEEP_SCHEDULE": "0 0 0 1 1 *",
        "CLUSTER_NAME": "flink",
        "FLINK_CLUSTER_KIND": "session",
        "FLINK_REST_URL": flink,
        "SAVEPOINT_DIRECTORY": "file:///savepoints",
        "SETTLE_SECONDS": "0.2",
    }
