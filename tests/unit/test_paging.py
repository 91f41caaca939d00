"""Which pages of a list can be asked for?"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from flinkfuncs.core.errors import Refused
from flinkfuncs.triggers.paging import Page, next_link, parse_page

LAST = "20261121T014916Z-orders-3f2a9c1b7d4e"


@pytest.mark.parametrize(("query", "page"), [({}, Page(200, None)), ({"top": "1"}, Page(1, None))])
def test_a_page_has_as_many_items_as_are_asked_for(query: dict[str, str], page: Page) -> None:
    """Without a word, as many as there may be."""
    assert parse_page(query, most=200) == page


@pytest.mark.parametrize("last", [LAST, "a", "ab", "abc", "orders"])
def test_the_next_link_leads_behind_the_last_item_of_the_same_list(last: str) -> None:
    """Whatever else the query says stays; the page before is forgotten."""
    link = next_link("/api/operations", {"job": "a b", "top": "2", "page": "older"}, last)
    parts = urlsplit(link)
    query = dict(parse_qsl(parts.query))
    assert (parts.path, query["job"], query["top"]) == ("/api/operations", "a b", "2")
    assert parse_page(query, most=200) == Page(2, last)


@pytest.mark.parametrize(
    "query",
    [
        *({"top": top} for top in ("0", "201", "-1", "1.5", "x", "", "٣", "9" * 5000)),
        *({"page": page} for page in ("!", "a", "w7w", "Y Q")),
    ],
)
def test_what_is_no_page_is_refused(query: dict[str, str]) -> None:
    """400, and never a crash."""
    with pytest.raises(Refused) as refused:
        parse_page(query, most=200)
    assert (refused.value.status, refused.value.code) == (400, "InvalidQuery")
