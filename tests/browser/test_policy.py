"""What the page's policy forbids, and that the tests see it; what axe finds."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from flinkfuncs.core.actions import Action

from .cloud import Cloud, a_job
from .conftest import Looking, PageAt
from .vendor import PACKAGES

BREACHES = {
    "script-src": "() => import('data:text/javascript,1').catch(() => {})",
    "style-src": "() => document.body.setAttribute('style', 'color: red')",
    "img-src": "() => { new Image().src = 'https://example.com/x.png'; }",
    "connect-src": "() => fetch('https://example.com/').catch(() => {})",
    "require-trusted-types-for": "() => { try { document.body.innerHTML = '<b>x</b>'; } catch {} }",
}


@pytest.mark.parametrize("directive", BREACHES)
def test_a_violation_would_fail_a_test(keyed: Cloud, browser: Browser, directive: str) -> None:
    """Each of them is seen, and is not what nobody expected of the page itself."""
    seen, context = Looking(), browser.new_context()
    seen.watch(context)
    page = context.new_page()
    page.goto(keyed.url)
    expect(page.locator("#key")).to_be_visible()
    assert seen.unexpected == []
    page.evaluate(BREACHES[directive])
    for _ in range(300):  # of 0.1 s
        if any(fault.startswith(f"policy: {directive}") for fault in seen.unexpected):
            break
        page.wait_for_timeout(100)
    else:
        pytest.fail(f"nothing is seen but {seen.faults}")
    context.close()


def findings(page: Page) -> list[str]:
    """Return what axe finds on a page as it is."""
    page.evaluate((PACKAGES / "axe-core" / "axe.min.js").read_text())
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [f"{each['id']}: {node['html']}" for each in found["violations"] for node in each["nodes"]]


LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}},
}


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing(cloud: Cloud, page_at: PageAt, look: str) -> None:
    """In the list, in the help, in the lists of operations and uploads, and before somebody has signed in."""
    cloud.put(
        a_job("orders", open_action=Action.UPDATE),
        *(a_job(f"job-{status.lower()}", status) for status in ("FAILED", "STOPPED", "VANISHED", "NONE")),
    )
    page = page_at(cloud, bypass_csp=True, **LOOKS[look])
    expect(page.locator("#jobs tbody tr")).to_have_count(5)
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is wider than the window"
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
