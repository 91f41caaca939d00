"""A long text that somebody chose holds up nobody else: what is looked for in it takes time in proportion to it.

Times are the thread's own, each compared with another one of the same process, and the best of some tries counts: a
busy machine makes them longer, and nothing makes them shorter.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flinkfuncs import redaction
from flinkfuncs.core.arguments import split_arguments, split_as_recorded
from flinkfuncs.core.arm.result import savepoints_in
from flinkfuncs.core.errors import shortened
from flinkfuncs.redaction import (
    LONGEST_SECRET,
    LONGEST_TEXT,
    STARS,
    keep_secret,
    redacted_args,
    redacted_configuration,
    redacted_text,
)

LONGEST_BODY = 256 * 1024  # what a request may bring
TRIES = 5

# Repeated until they are as long as is asked for: what patterns of secrets begin with, again and again, and never end.
WORST = [
    "-",
    "a.",
    "x",
    "é ",
    "password",
    "password=",
    "--password ",
    "token-",
    "-token",
    "account",
    "eyJ",
    "-eyJaaaaaaaa",
    "eyJaaaaaaaa.",
    "://",
    "://a:",
    "=",
    "&",
    "?sig",
    ";",
    "'",
    '"',
    "\"'",
    "\\",
    "Bearer ",
    "Authorization: Basic ",
    "Authorization",
    " ",
    "\n",
    "/savepoint-",
]


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without any known secret."""
    monkeypatch.setattr(redaction, "_known", set())


def repeated(unit: str, length: int) -> str:
    """Return a text of that length; it ends with a quote, so that one is left open."""
    return (unit * length)[: length - 1] + '"'


def seconds(work: Callable[[str], object], text: str) -> float:
    began = time.thread_time()
    work(text)
    return time.thread_time() - began


def split(text: str) -> None:
    """Split arguments, or refuse them."""
    with suppress(ValueError):
        split_arguments(text)


def split_again(text: str) -> None:
    """Split arguments that are on record, or refuse them."""
    with suppress(ValueError):
        split_as_recorded(text)


@pytest.mark.parametrize("unit", WORST)
def test_starring_a_text_takes_a_few_searches_of_it(unit: str) -> None:
    """Ten at the most; one is a plain search for the words that make a secret."""
    text = repeated(unit, LONGEST_TEXT)
    harmless = repeated("x", LONGEST_TEXT)
    assert any(seconds(redacted_text, text) < 10 * seconds(redaction._SECRET.search, harmless) for _ in range(TRIES))


@pytest.mark.parametrize("work", [redacted_args, split, split_again, savepoints_in])
@pytest.mark.parametrize("unit", WORST)
def test_what_is_never_cut_takes_time_in_proportion(work: Callable[[str], object], unit: str) -> None:
    """16 times the text takes 16 times as long, and not 256 times."""
    short, long = repeated(unit, LONGEST_BODY // 16), repeated(unit, LONGEST_BODY)
    assert any(seconds(work, long) < 40 * seconds(work, short) + 0.01 for _ in range(TRIES))


@pytest.mark.parametrize("work", [redacted_text, shortened])
@pytest.mark.parametrize("unit", ["-", "password=", "://a:"])
def test_a_text_is_cut_before_any_pattern_sees_it(work: Callable[[str], object], unit: str) -> None:
    """A text that is 250 times too long takes as long as one that is just not cut."""
    just, much = repeated(unit, LONGEST_TEXT), repeated(unit, 250 * LONGEST_TEXT)
    assert any(seconds(work, much) < 10 * seconds(work, just) + 0.01 for _ in range(TRIES))


def test_a_text_that_was_cut_says_so() -> None:
    """It keeps its beginning, and tells how long it was; one that just fits stays as it is."""
    assert redacted_text("x" * LONGEST_TEXT) == "x" * LONGEST_TEXT
    cut = redacted_text("x" * (LONGEST_TEXT + 1))
    assert cut == "x" * (LONGEST_TEXT - LONGEST_SECRET) + f"… ({LONGEST_TEXT + 1} characters)"
    assert shortened("a \n " * LONGEST_TEXT).endswith("a…")
    assert shortened(" " * 8 * LONGEST_TEXT) == f"… ({8 * LONGEST_TEXT} characters)"


@pytest.mark.parametrize(
    "form",
    [
        "planted1planted2planted3",
        "--db.password planted1planted2planted3 --topic orders",
        "password=planted1planted2planted3",
        "jdbc:x://me:planted1planted2planted3@host/db",
        "Authorization: Bearer planted1planted2planted3",
        "eyJhbGciOiJSUzI1NiJ9.planted1planted2planted3.planted",
        "https://host/jar?sv=1&sig=planted1planted2planted3",
    ],
)
def test_a_secret_that_the_cut_goes_through_is_not_shown(form: str) -> None:
    """Wherever it is cut, no part of the secret is left, whether or not it can still be recognized."""
    keep_secret("planted1planted2planted3")
    for place in range(-len(form) - 4, 4):
        before = "x " * (LONGEST_TEXT // 2) + "x " * 8
        text = before[: LONGEST_TEXT + place] + form + " x" * LONGEST_TEXT
        assert "plan" not in redacted_text(text)


def test_arguments_are_starred_and_not_cut() -> None:
    """However long they are, a job's view has all of them."""
    words = "--topic orders " * (LONGEST_BODY // 15)
    assert redacted_args(f"{words}--password hunter2 --n 3") == f"{words}--password {STARS} --n 3"
    assert redacted_configuration({"pipeline.a": words, "b.password": words}) == {
        "pipeline.a": words,
        "b.password": STARS,
    }


@given(st.text(st.sampled_from("ab \t\r\n\v'\"\\é\u00a0#;")))
def test_arguments_on_record_are_split_like_a_shell_does(args: str) -> None:
    """As shlex splits and refuses them; that is only too slow for long words."""
    try:
        wanted = shlex.split(args)
    except ValueError:
        with pytest.raises(ValueError, match="closing quotation"):
            split_as_recorded(args)
    else:
        assert split_as_recorded(args) == wanted
