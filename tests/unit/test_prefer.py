"""How the Prefer header is read (RFC 7240)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flinkfuncs.triggers.prefer import wait_seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=10", 10),
        ("WAIT=10", 10),
        ("wait = 10", 10),
        ('wait="10"', 10),
        ("wait=0", 0),
        ("wait=007", 7),
        ("wait=200", 200),
        ("wait=201", 200),
        ("wait=" + "9" * 5000, 200),
        ("wait=" + "0" * 5000 + "5", 5),
        ("respond-async, wait=10", 10),
        ("respond-async,wait=10", 10),
        ("wait=10;note=x, handling=lenient", 10),
        ('wait=10; a="b, wait=3"; ; c', 10),
        ('foo="a, wait=5", wait=7', 7),
        (r'foo="a\", wait=5", wait=7', 7),
        ("wait=10, wait=20", 10),
        (", ,wait=10,", 10),
        ("\twait=10 ", 10),
    ],
)
def test_the_seconds_are_read_and_clamped(header: str, seconds: int) -> None:
    """The grammar of section 2: case, blanks, quotes, parameters, lists; the first of two counts; at most 200."""
    assert wait_seconds(header) == seconds


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "respond-async",
        "wait",
        "wait=",
        'wait=""',
        "wait=soon",
        "wait=-1",
        "wait=1.5",
        "wait=1 2",
        "wait=soon, wait=10",
        "wait==10",
        "wait=10 handling=strict",
        'foo="open, wait=5',
        "foo=(, wait=5",
        "wait=5, foo=(",
        "; wait=5",
        "await=5",
        "wait=\uff15",  # a digit, but not one of ASCII
    ],
)
def test_what_cannot_be_understood_is_no_preference(header: str | None) -> None:
    """A malformed preference is ignored, never an error (section 2)."""
    assert wait_seconds(header) is None


@given(st.text(alphabet='wait=0123456789,;" \t\\x', max_size=40))
def test_no_header_is_an_error(header: str) -> None:
    """Whatever stands there, the answer is a number of seconds or none."""
    seconds = wait_seconds(header)
    assert seconds is None or 0 <= seconds <= 200
