"""When two calls are the same one: their keys, and the digest of what they ask for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flinkfuncs.core.errors import Refused
from flinkfuncs.core.idempotency import Key, keyed, parse_key

NOW = datetime(2026, 11, 28, tzinfo=UTC)
UUID = "8e03978e-40d5-43dd-bc93-6894a57f9324"


def digest(body: str, method: str = "POST", path: str = "/api/jobs/orders/UPDATE") -> str:
    return keyed(UUID, method, path, body.encode()).digest


@pytest.mark.parametrize("key", [UUID, "!", "~" * 128, '"quoted"'])
def test_a_key_comes_in_one_header_or_in_both(key: str) -> None:
    """It is taken as it is."""
    assert parse_key(key, None) == parse_key(None, key) == parse_key(key, key) == key


def test_without_a_header_there_is_no_key() -> None:
    """Each call is another one then."""
    assert parse_key(None, None) is None


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 129, "ü", "a\x00", "a\n", f"{UUID}, {UUID}"])
def test_what_cannot_be_a_key_is_refused(key: str) -> None:
    """An empty one as well: its caller believes that a repeat is safe."""
    for first, second in ((key, None), (None, key), (key, key)):
        with pytest.raises(Refused) as refusal:
            parse_key(first, second)
        assert (refusal.value.status, refusal.value.code) == (400, "InvalidKey")


def test_two_headers_that_differ_are_refused() -> None:
    """Nobody can know which one is meant."""
    with pytest.raises(Refused, match="differ") as refusal:
        parse_key("a", "b")
    assert (refusal.value.status, refusal.value.code) == (400, "InvalidKey")


def test_white_space_and_the_order_of_fields_are_no_difference() -> None:
    """A body is compared as a value; a byte order mark is passed over, as where it is read."""
    same = [
        '{"a": 1, "b": {"x": [1, 2], "y": null}}',
        '{"b":{"y":null,"x":[1,2]},"a":1}',
        '\ufeff{"a":1,"b":\n{"x":[1,2],"y":null}}',
    ]
    assert len({digest(body) for body in same}) == 1


@pytest.mark.parametrize(
    "other",
    [
        *('{"a": 2, "b": [1, 2]}', '{"a": "1", "b": [1, 2]}', '{"a": 1, "b": [2, 1]}', '{"a": 1}', "{}"),
        *('{"a": 1, "b": [1, 2], "c": null}', '{"a": true, "b": [1, 2]}', '{"a": 1.0, "b": [1, 2]}'),
    ],
)
def test_another_value_is_a_difference(other: str) -> None:
    """Also where it may mean the same: only equal values surely do."""
    assert digest(other) != digest('{"a": 1, "b": [1, 2]}')


def test_another_method_or_path_is_a_difference() -> None:
    """The key of one action cannot find another one's operation."""
    assert len({digest("{}"), digest("{}", method="PUT"), digest("{}", path="/api/jobs/orders/STOP")}) == 3


def test_a_number_that_python_cannot_read_is_compared_as_it_is_written() -> None:
    """No body that was parsed crashes here."""
    assert digest(f'{{"a": {"1" * 5000}}}') != digest(f'{{"a": {"1" * 4999}2}}')


def test_a_repeat_takes_what_is_on_record_and_another_call_is_refused() -> None:
    """422, as the draft of the header has it."""
    call = keyed(UUID, "POST", "/x", b"{}")
    first = Key(digest=call.digest, at=NOW, operation="op")
    assert call.repeats(first).first == first
    assert call.repeats(None).first is None
    with pytest.raises(Refused) as refusal:
        keyed(UUID, "POST", "/x", b'{"a": 1}').repeats(first)
    assert (refusal.value.status, refusal.value.code) == (422, "KeyReused")


def test_neither_the_key_nor_the_body_is_recorded() -> None:
    """Only their digests are: a body may hold passwords."""
    call = keyed("key-hunter2", "POST", "/x", b'{"args": "--password hunter2"}')
    assert "hunter2" not in f"{call}" + Key(digest=call.digest, at=NOW).to_json()
