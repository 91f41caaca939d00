"""How the page's files are served: to everybody, by their names alone, with a policy, and once."""

from __future__ import annotations

import pytest
import requests

from flinkfuncs.triggers.page import FOLDER, HEADERS, TYPES
from tests.tracked import tracked

from .app import RunningApp

FILES = sorted(path.relative_to(FOLDER).as_posix() for path in tracked(FOLDER))


def get(app: RunningApp, path: str, etag: str | None = None) -> requests.Response:
    return app.get(path, key=None, headers={"If-None-Match": etag} if etag else {})


@pytest.mark.parametrize("path", ["/ui", "/ui/", "/UI", "/ui/index.html"])
def test_the_page_is_there_for_everybody(app: RunningApp, path: str) -> None:
    """With and without a slash: its files are named from the root."""
    reply = get(app, path)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert reply.text == (FOLDER / "index.html").read_text()


def test_every_file_is_served_as_what_it_is_with_the_policy(app: RunningApp) -> None:
    """And nothing of it is sent twice: it has a strong ETag."""
    for name in FILES:
        reply = get(app, f"/ui/{name}")
        assert (reply.status_code, reply.content) == (200, (FOLDER / name).read_bytes()), name
        assert reply.headers["content-type"].partition(";")[0] == TYPES["." + name.rpartition(".")[2]]
        assert {header: reply.headers[header] for header in HEADERS} == dict(HEADERS)
        assert reply.headers["cache-control"] == "no-cache"
        etag = reply.headers["etag"]
        assert etag.startswith('"')
        again = get(app, f"/ui/{name}", etag)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
        assert get(app, f"/ui/{name}", '"another"').status_code == 200


def test_the_policy_allows_this_site_alone_and_no_code_in_texts() -> None:
    """Each directive is here for a reason, and nothing is unsafe."""
    policy = dict(each.strip().split(" ", 1) for each in HEADERS["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert {policy.pop(f"{kind}-src") for kind in ("script", "style", "img", "connect")} == {"'self'"}
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in str(policy)


@pytest.mark.parametrize(
    "path",
    [
        "/ui/../host.json",
        "/ui/..%2Fhost.json",
        "/ui/%2e%2e/%2e%2e/host.json",
        "/ui/..%5C..%5Chost.json",
        "/ui//etc/passwd",
        "/ui/%2Fetc%2Fpasswd",
        "/ui/vendor/../main.js",
        "/ui/vendor",
        "/ui/main.js%00.html",
        "/ui/nothing.js",
        f"/ui/{FOLDER}/main.js",
    ],
)
def test_nothing_else_is_a_file(app: RunningApp, path: str) -> None:
    """A path is a name to look up, and is never made into one of the file system."""
    assert get(app, path).status_code == 404


def test_the_root_leads_to_the_page_and_is_the_hosts_own_without_the_setting(
    app: RunningApp, empty_app: RunningApp
) -> None:
    """AzureWebJobsDisableHomepage decides."""
    request = requests.get(app.host.url + "/", timeout=30, allow_redirects=False)
    assert (request.status_code, request.headers["location"]) == (302, "/ui")
    own = requests.get(empty_app.host.url + "/", timeout=30, allow_redirects=False)
    assert (own.status_code, "up and running" in own.text) == (200, True)


def test_an_app_without_settings_shows_its_page(empty_app: RunningApp) -> None:
    """It is where somebody reads what is missing."""
    assert get(empty_app, "/ui").status_code == 200
    assert get(empty_app, "/ui/sign-in.json").json() == {"by": "key"}
