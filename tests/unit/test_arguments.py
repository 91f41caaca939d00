"""How arguments that are written as one text become those of main(), and what a record of an older version means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flinkfuncs.core.arguments import join_arguments, split_arguments
from flinkfuncs.core.errors import Refused
from flinkfuncs.core.model import parse_json, read_stored
from flinkfuncs.core.releases import Spec, SpecPatch
from flinkfuncs.core.uploads import parse_job_json
from flinkfuncs.runjob import RunJobProperties
from tests.unit.builders import release


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \t\n ", []),
        ("--topic orders  --n 3 ", ["--topic", "orders", "--n", "3"]),
        (r"--pattern ^\d+\.\w+$", ["--pattern", r"^\d+\.\w+$"]),
        (r"--path C:\data\new", ["--path", r"C:\data\new"]),
        (r'--path "C:\My Data\\" x', ["--path", "C:\\My Data\\\\", "x"]),
        ("--owner it's", ["--owner", "it's"]),
        ('--json {"a":1}', ["--json", '{"a":1}']),
        ("""--json '{"a": "b c"}'""", ["--json", '{"a": "b c"}']),
        ("'it's here' \"a 'b' c\"", ["it's here", "a 'b' c"]),
        ("--name='two words' -Dx=\"y z\"", ["--name=two words", "-Dx=y z"]),
        ("'' \"\" --x=''", ["", "", "--x="]),
        ("a'b c'd", ["a'b", "c'd"]),
        ("a\u00a0b", ["a\u00a0b"]),
    ],
)
def test_a_text_is_split_at_white_space_and_quotes_count_around_whole_words(text: str, words: list[str]) -> None:
    """Backslashes, and quotes inside a word, are letters."""
    assert split_arguments(text) == words


@pytest.mark.parametrize("text", ["'open", 'x "open', "--name='open", "--x 'a'b", '"'])
def test_a_quotation_that_is_not_closed_is_refused(text: str) -> None:
    """In words that say which one, and what to do."""
    with pytest.raises(ValueError, match="is not closed"):
        split_arguments(text)


@given(st.lists(st.text(st.sampled_from("ab='\" \\\t"))))
def test_what_can_be_joined_is_split_into_the_same(words: list[str]) -> None:
    """The API has one text; what none can say is refused."""
    try:
        text = join_arguments(words)
    except ValueError:
        assert any(" " in word or "\t" in word for word in words)
    else:
        assert split_arguments(text) == words


def test_a_list_of_strings_is_taken_as_it_is() -> None:
    """In job.json, in a body, and as it is recorded."""
    described = parse_job_json(b'{"jar": "a.jar", "args": ["--a", "b \\"c\' d", ""]}')
    assert described.args == ("--a", "b \"c' d", "")
    stored = read_stored(Spec, Spec().patched(described.spec()).to_json(), what="x")
    assert stored.argument_list == ["--a", "b \"c' d", ""]
    with pytest.raises(Refused, match=r"args\.list\.1"):
        parse_job_json(b'{"jar": "a.jar", "args": ["--a", 1]}')
    body = b'{"args": ["--a", "b \\"c\' d", ""]}'
    assert parse_json(RunJobProperties, body, what="the body").args == described.args
    with pytest.raises(Refused, match=r"args\.list\.1"):
        parse_json(RunJobProperties, b'{"args": ["--a", 1]}', what="the body")


def test_a_text_that_an_older_version_recorded_means_what_it_meant() -> None:
    """A job that is started again after an upgrade of the app gets the arguments that it had."""
    text = r'{"args": "--path C:\\\\data --x \"a b\" y\\ z"}'
    recorded = read_stored(Spec, text, what="a release")
    assert recorded.argument_list == ["--path", r"C:\data", "--x", "a b", "y z"]
    assert read_stored(Spec, recorded.to_json(), what="a release") == recorded


def test_a_release_is_the_same_one_in_either_form() -> None:
    """An upload after an upgrade of the app does not restart a job that runs it already; other words do."""
    recorded = release("one", Spec(args="--topic orders"))
    assert release("one", Spec(args=("--topic", "orders"))).same_as(recorded)
    assert not release("one", Spec(args=("--topic orders",))).same_as(recorded)
    assert not release("one", Spec(args=("--topic", "a b"))).same_as(release("one", Spec(args=("--topic", "a", "b"))))
    assert SpecPatch(args="").args == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}".encode("utf-16"), "UTF-16"),
        ("{}".encode("utf-16-le"), "UTF-16"),
        ('{"jar": "é.jar"}'.encode("latin-1"), "not UTF-8: byte 0xe9 at position 9"),
    ],
)
def test_a_file_in_another_encoding_is_refused_by_its_name(text: bytes, words: str) -> None:
    """Editors of Windows write it; "Invalid JSON at line 1" helps nobody."""
    with pytest.raises(Refused, match=words):
        parse_job_json(text)


def test_a_byte_order_mark_and_crlf_are_passed_over() -> None:
    """As tools write them."""
    assert parse_job_json(b'\xef\xbb\xbf{\r\n"jar": "a.jar"\r\n}\r\n').jar == "a.jar"


@pytest.mark.parametrize("field", ["parallelism", "savepointRetentionCount"])
def test_a_number_of_thousands_of_digits_is_refused(field: str) -> None:
    """Python refuses to write it again, which would be a crash further on."""
    with pytest.raises(Refused):
        parse_job_json(b'{"jar": "a.jar", "%s": %s}' % (field.encode(), b"9" * 5000))
