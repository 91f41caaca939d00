"""What the page's policy forbids, and that the tests see it; what axe finds."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from flinkfuncs.core.actions import Action
from flinkfuncs.core.operations import Outcome

from .cloud import Cloud, a_job
from .conftest import Looking, PageAt, until
from .vendor import PACKAGES

BREACHES = {
    "script-src": "() => import('data:text/javascript,1').catch(() => {})",
    "style-src": "() => document.body.setAttribute('style', 'color: red')",
    "img-src": "() => { new Image().src = 'https://example.com/x.png'; }",
    "connect-src": "() => fetch('https://example.com/').catch(() => {})",
    "require-trusted-types-for": "() => { try { document.body.innerHTML = '<b>x</b>'; } catch {} }",
}


def test_a_violation_would_fail_a_test(keyed: Cloud, browser: Browser) -> None:
    """Each of them is seen, and is not what nobody expected of the page itself."""
    seen, context = Looking(), browser.new_context()
    seen.watch(context)
    page = context.new_page()
    page.goto(keyed.url)
    expect(page.locator("#key")).to_be_visible()
    assert seen.unexpected == []
    for directive, breach in BREACHES.items():
        assert not violations(seen, directive)
        page.evaluate(breach)
        until(page, partial(violations, seen, directive))
    context.close()


def violations(seen: Looking, directive: str) -> bool:
    """Whether a violation of a directive was seen."""
    return any(fault.startswith(f"policy: {directive}") for fault in seen.unexpected)


def findings(page: Page) -> list[str]:
    """Return what axe finds on a page as it is."""
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate((PACKAGES / "axe-core" / "axe.min.js").read_text())
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [f"{each['id']}: {node['html']}" for each in found["violations"] for node in each["nodes"]]


LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}},
}


NIGHTLY = pytest.mark.nightly("the same but for colours and width, which a job's view and dialogs show")


@pytest.mark.parametrize("look", [pytest.param(look, marks=() if look == "phone" else NIGHTLY) for look in LOOKS])
def test_axe_finds_nothing(cloud: Cloud, page_at: PageAt, look: str) -> None:
    """In the list, in the help, in the lists of operations and uploads, and before somebody has signed in."""
    cloud.put(
        a_job("orders", open_action=Action.UPDATE),
        a_job("long-" * 12 + "job", outcome=Outcome.ROLLED_BACK),
        *(a_job(f"job-{status.lower()}", status) for status in ("FAILED", "STOPPED", "VANISHED", "NONE")),
    )
    page = page_at(cloud, bypass_csp=True, **LOOKS[look])
    expect(page.locator("#jobs tbody tr")).to_have_count(6)
    assert findings(page) == []
    shown = page.viewport_size
    assert shown
    for width in (shown["width"], 801, 961, 1201):  # on both sides of each limit of the style
        page.set_viewport_size({**shown, "width": width})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"it is wider than {width}"
    page.set_viewport_size(shown)
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    assert findings(page) == []
    page.keyboard.press("Escape")
    page.goto(cloud.url + "#/operations")
    expect(page.locator("#operations")).to_be_visible()
    assert findings(page) == []
    page.goto(cloud.url + "#/uploads")
    expect(page.locator("#no-uploads")).to_be_visible()
    assert findings(page) == []
    page.locator("#sign-out").click()
    expect(page.locator("#key")).to_be_visible()
    assert findings(page) == []
