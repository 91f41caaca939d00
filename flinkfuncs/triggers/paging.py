"""How is a long list read in pages? By `top`, how many, and `page`, an opaque word that only `nextLink` gives out.

    GET /api/operations?job=orders&top=20
    {"operations": [...], "nextLink": "/api/operations?job=orders&top=20&page=MjAyNjExMjFUMDE0OTE2Wi1vcmRlcnM"}

The word names the last item of the page before, so what is new meanwhile neither doubles nor hides anything.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from ..core.errors import Refused


@dataclass(frozen=True)
class Page:
    """Which part of a list is asked for."""

    top: int
    behind: str | None  # the last item of the page before


def parse_page(query: Mapping[str, str], *, most: int) -> Page:
    """Read the two parameters; without `top` a page has `most` items.

    Raises:
        Refused: one of them is none that can be (400).

    """
    top, word = query.get("top"), query.get("page")
    if top is not None and not (top.isascii() and top.isdecimal() and 1 <= int(top[:9]) <= most):
        raise unclear(f"top is a number from 1 to {most}")
    return Page(int(top) if top else most, _read(word) if word else None)


def next_link(path: str, query: Mapping[str, str], last: str) -> str:
    """Return where the next page is: the same query, behind the last item of this one."""
    word = base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")
    return f"{path}?{urlencode({**query, 'page': word})}"


def unclear(message: str) -> Refused:
    """Return the error of a query that cannot be understood."""
    return Refused(message, code="InvalidQuery", status=400)


def _read(word: str) -> str:
    try:
        return base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True).decode("ascii")
    except ValueError:
        raise unclear("page is a word that nextLink gave out") from None
