"""Who gets in, and what they find."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Route, expect

from tests.principals import signed_in

from .cloud import Cloud, a_job
from .conftest import KEY, Looking, PageAt


def kept(page: Page) -> str:
    """Return everything that the browser keeps of the page, and its address."""
    return str(page.evaluate("JSON.stringify([{...localStorage}, document.cookie, location.href, history.state])"))


def test_a_key_is_typed_in_and_stays_in_the_tab_alone(cloud: Cloud, page_at: PageAt) -> None:
    """It is in no address, no cookie and no storage but this tab's; a reload keeps it, signing out removes it."""
    cloud.put(a_job("orders"))
    page = page_at(cloud, "#/jobs?q=ord", key=None)
    page.locator("#key").fill(KEY)
    page.keyboard.press("Enter")
    expect(page.locator("[data-job=orders]")).to_be_visible()
    expect(page.locator("#who")).to_have_text("operator")
    assert page.url.endswith("#/jobs?q=ord")
    assert KEY not in kept(page)
    page.reload()
    expect(page.locator("[data-job=orders]")).to_be_visible()
    other = page.context.new_page()
    other.goto(cloud.url)
    expect(other.locator("#key")).to_be_visible()
    page.locator("#sign-out").click()
    expect(page.locator("#key")).to_have_value("")
    assert KEY not in str(page.evaluate("JSON.stringify({...sessionStorage})"))
    page.reload()
    expect(page.locator("#key")).to_be_visible()


def test_a_wrong_key_is_called_so(cloud: Cloud, page_at: PageAt, looking: Looking) -> None:
    """And not an empty list; the right one gets in afterwards."""
    looking.allow("status of 401")
    page = page_at(cloud, key=None)
    page.locator("#key").fill("wrong")
    page.locator("#sign-in").click()
    expect(page.locator("#sign-in-problem")).to_have_text("The app does not accept this key.")
    page.locator("#key").fill(KEY)
    page.locator("#sign-in").click()
    expect(page.locator("#first-jar")).to_be_visible()


def test_a_key_that_is_taken_back_leads_to_the_sign_in(cloud: Cloud, page_at: PageAt, looking: Looking) -> None:
    """While the page is open, too."""
    looking.allow("status of 401")
    page = page_at(cloud, clock=True)
    expect(page.locator("#first-jar")).to_be_visible()
    page.route("**/api/jobs", lambda route: route.continue_(headers={"x-functions-key": "no longer"}))
    page.clock.fast_forward(16_000)
    expect(page.locator("#sign-in-problem")).to_have_text("The app does not accept this key.")
    assert KEY not in str(page.evaluate("JSON.stringify({...sessionStorage})"))


def test_a_deep_link_survives_signing_in_with_entra(by_roles: Cloud, page_at: PageAt, looking: Looking) -> None:
    """What stands behind `#` is never sent to a server: the page keeps it for when Entra leads back."""
    looking.allow("status of 401")
    by_roles.empty()
    by_roles.put(a_job("orders"), a_job("bills"))
    page = page_at(by_roles, "#/jobs?q=ord", key=None)
    sent: list[str] = []

    def platform(route: Route) -> None:
        sent.append(route.request.url)
        back = parse_qs(urlsplit(route.request.url).query)["post_login_redirect_uri"][0]
        route.fulfill(status=302, headers={"Location": back})

    page.route("**/.auth/login/aad?*", platform)
    expect(page.locator("#sign-in")).to_be_visible()
    expect(page.locator("#sign-in-problem")).to_have_count(0)
    page.context.set_extra_http_headers(signed_in("operator", name="Ada Lovelace"))
    page.locator("#sign-in").click()
    expect(page.locator("#who")).to_have_text("Ada Lovelace, operator")
    expect(page.locator("#count")).to_have_text("1 of 2 jobs")
    assert page.url == by_roles.url + "#/jobs?q=ord"
    assert [urlsplit(url).path for url in sent] == ["/.auth/login/aad"]


def test_a_reader_sees_the_jobs_and_nothing_to_press(by_roles: Cloud, page_at: PageAt) -> None:
    """What acts is there for operators only."""
    by_roles.empty()
    by_roles.put(a_job("orders"))
    page = page_at(by_roles, key=None, headers=signed_in("reader", name="Grace Hopper"))
    expect(page.locator("#who")).to_have_text("Grace Hopper, reader")
    expect(page.locator("[data-job=orders]")).to_be_visible()
    expect(page.locator("[data-action]")).to_have_count(0)


def test_a_form_of_another_site_does_nothing(by_roles: Cloud, page_at: PageAt, looking: Looking) -> None:
    """The browser itself says from where it comes; the sign-in comes along, as a cookie would."""
    looking.allow("status of 403")
    by_roles.empty()
    page = page_at(by_roles, key=None, headers=signed_in("operator"))
    expect(page.locator("#first-jar")).to_be_visible()
    form = f'<form method="post" enctype="text/plain" action="{by_roles.host.url}/api/jobs/orders/new">'
    form += '<input name="{&quot;args&quot;:&quot;" value="&quot;}"><button>Win</button></form>'
    page.route("http://localhost:1/*", lambda route: route.fulfill(content_type="text/html", body=form))
    page.goto("http://localhost:1/")
    with page.expect_response("**/api/jobs/orders/new") as answer:
        page.get_by_role("button").click()
    assert (answer.value.status, answer.value.json()["code"]) == (403, "CrossSite")
    page.goto(by_roles.url)
    expect(page.locator("#first-jar")).to_be_visible()


def test_whoever_has_no_role_is_told_so(by_roles: Cloud, page_at: PageAt, looking: Looking) -> None:
    """Signed in, but with nothing to see."""
    looking.allow("status of 403")
    page = page_at(by_roles, key=None, headers=signed_in("auditor"))
    expect(page.locator("#sign-in-problem")).to_have_text(re.compile("neither the role reader nor operator"))
