"""What a release is, which configuration is refused, and what an upload means."""

from __future__ import annotations

import json

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import Refused
from flinkfuncs.core.model import parse_json
from flinkfuncs.core.releases import Spec, SpecPatch
from flinkfuncs.core.uploads import parse_job_json, parse_path
from flinkfuncs.core.windows import CronWindow
from tests.unit.builders import release

BAD_KEYS = [
    "execution.state-recovery.path",
    "execution.state-recovery.ignore-unclaimed-state",
    "execution.savepoint.path",
    "execution.savepoint-restore-mode",
    "$internal.pipeline.job-id",
    "pipeline.jars",
    "pipeline.classpaths",
]


@pytest.mark.parametrize("key", [written for key in BAD_KEYS for written in (key, key.upper(), f" {key}")])
def test_a_key_that_would_undo_a_promise_is_refused_in_any_case(key: str) -> None:
    """The message names the key, and not its value."""
    with pytest.raises(Refused) as raised:
        parse_json(SpecPatch, json.dumps({"flinkConfiguration": {key: "hunter2"}}), what="body")
    assert key.strip() in raised.value.message
    assert "hunter2" not in raised.value.message


@pytest.mark.parametrize(
    "body",
    [
        {"parallelism": "hunter2"},
        {"savepointFormat": "hunter2"},
        {"args": 'hunter2 "open'},
        {"flinkConfiguration": {"key": {"hunter2": 1}}, "entryClass": ["hunter2"]},
        {"allowNonRestoredState": "hunter2"},
        ["hunter2"],
        "hunter2",
    ],
)
def test_what_is_wrong_with_a_body_is_said_without_its_values(body: object) -> None:
    """A value may be a secret; the field's name is enough to find it."""
    with pytest.raises(Refused) as raised:
        parse_json(SpecPatch, json.dumps(body), what="body")
    assert (raised.value.status, raised.value.code) == (400, "InvalidBody")
    if not (isinstance(body, dict) and "flinkConfiguration" in body):  # there the word is a field's name
        assert "hunter2" not in raised.value.message


def test_a_release_is_its_bytes_and_its_spec() -> None:
    """Another argument makes another release; where the jar came from makes none."""
    one = release("one")
    assert one.same_as(release("one"))
    assert not one.same_as(release("two"))
    assert not one.same_as(release("one", Spec(args="--fast")))
    assert not one.same_as(None)
    assert one.same_as(one.model_copy(update={"jar_name": "renamed.jar"}))
    assert one.same_as(type(one).model_validate_json(one.to_json()))


def test_arguments_are_split_like_a_shell_does() -> None:
    """Quotes keep one together."""
    assert Spec(args="--topic 'two words' x").argument_list == ["--topic", "two words", "x"]


@pytest.mark.parametrize(
    ("blob", "action"),
    [("stateful/orders/a.jar", Action.UPDATE), ("stateless/orders/job.json", Action.STATELESS_UPDATE)],
)
def test_a_folder_says_what_an_upload_asks_for(blob: str, action: Action) -> None:
    """And the path is put together again as it was."""
    path = parse_path(blob)
    assert (path.action, path.blob, path.job) == (action, blob, "orders")


@pytest.mark.parametrize(
    "blob",
    [
        "",
        "a.jar",
        "stateful/a.jar",
        "stateful/orders/",
        "stateful//a.jar",
        "stateful/orders/b/a.jar",
        "Stateful/orders/a.jar",
        "stateful/Orders/a.jar",
        "stateful/../a.jar",
        "stateful/%2F/a.jar",
        "/stateful/orders/a.jar",
    ],
)
def test_any_other_path_is_refused(blob: str) -> None:
    """There is no job to which it could belong."""
    with pytest.raises(Refused) as raised:
        parse_path(blob)
    assert raised.value.status == 400


def test_a_job_json_says_only_what_it_says() -> None:
    """Its own fields are no part of the spec."""
    described = parse_job_json(b'{"jar": "a.jar", "parallelism": 4, "switchMode": true}')
    assert described.spec().model_fields_set == {"parallelism"}
    assert described.switch_mode


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"jar": "a.txt"}',
        b'{"jar": "../a.jar"}',
        b'{"jar": "a.jar", "sha256": "x"}',
        b'{"jar": "a.jar", "unknown": 1}',
        b'{"jar": "a.jar", "parallelism": 0}',
        b"\xff\xfe",
    ],
)
def test_a_wrong_job_json_is_refused(text: bytes) -> None:
    """Each with a word on what is wrong."""
    with pytest.raises(Refused) as raised:
        parse_job_json(text)
    assert raised.value.code == "InvalidBody"


def test_when_and_whether_a_release_is_taken_makes_no_other_one() -> None:
    """Slots and windows do not change what runs; and ids are as versions without these options wrote them."""
    plain = release("new")
    assert release("new", Spec(require_slots=True)).same_as(plain)
    assert release("new", Spec(update_window=CronWindow(cron="0 2 * * *", minutes=60))).same_as(plain)
    assert plain.id == "07d9c36af8a2c08ad81bf2f524faddabbb5846e5e532f5cbd19179f0333fd928"
