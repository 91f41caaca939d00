"""What a runJob body asks for, field by field, and what is refused."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import Refused, Unavailable
from flinkfuncs.core.model import parse_json
from flinkfuncs.core.operations import Request
from flinkfuncs.core.releases import JarSource, SpecPatch
from flinkfuncs.core.windows import NoWindow
from flinkfuncs.runjob import RunJobProperties, fields_of, to_request
from flinkfuncs.settings import Settings

JARS = "abfs://jobs@acct.dfs.core.windows.net/jars"
SAVEPOINTS = "abfs://savepoints@acct.dfs.core.windows.net/sp"
SETTINGS = Settings(flink_cluster_kind="session", job_jar_directory=JARS, savepoint_directory=SAVEPOINTS)
FULL = {
    "jobJarDirectory": JARS + "/team/",
    "jarName": "orders.jar",
    "entryClass": "org.example.Orders",
    "args": "--topic 'two words'",
    "savePointName": "savepoint-ddabe5-ae0f",
    "flinkConfiguration": {
        "parallelism": "3",
        "savepoint.directory": SAVEPOINTS + "/orders",
        "pipeline.name": "orders",
    },
    "savepointFormat": "NATIVE",
    "allowNonRestoredState": True,
    "onFailure": "stop",
    "savepointRetentionCount": 5,
    "savepointRetentionDays": 2.5,
    "requireSlots": True,
    "updateWindow": {"cron": "0 2 * * *", "minutes": 60},
}
SAMPLES: dict[str, object] = FULL | {
    "parallelism": 3,
    "savepointDirectory": SAVEPOINTS + "/orders",
    "withoutSavepoint": True,
    "release": "9b74c9897bac",
    "reason": "a new schema",
    "buildUrl": "https://ci.example/build?id=17",
    "commit": "5c1d0e2",
}


def asked(action: Action, body: object, settings: Settings = SETTINGS) -> Request:
    return to_request(action, parse_json(RunJobProperties, json.dumps(body), what="the body"), settings)


def test_every_field_of_a_body_arrives_in_the_request() -> None:
    """What a NEW body says is in the request, the configuration's two specials as fields of their own."""
    request = asked(Action.NEW, FULL)
    assert request.jar == JarSource(place="directory", name="jars/team/orders.jar")
    assert request.save_point_name == "savepoint-ddabe5-ae0f"
    assert request.spec.model_dump() == {
        "entry_class": "org.example.Orders",
        "args": ("--topic", "two words"),
        "parallelism": 3,
        "flink_configuration": {"pipeline.name": "orders"},
        "savepoint_directory": SAVEPOINTS + "/orders",
        "savepoint_format": "NATIVE",
        "allow_non_restored_state": True,
        "on_failure": "stop",
        "savepoint_retention_count": 5,
        "savepoint_retention_days": 2.5,
        "require_slots": True,
        "update_window": {"cron": "0 2 * * *", "minutes": 60, "time_zone": "UTC"},
    }
    assert request.action is Action.NEW
    assert not request.replaces_spec


def test_an_empty_body_says_nothing_about_the_spec() -> None:
    """A patch without fields leaves every recorded field as it is."""
    for action in Action:
        request = asked(action, {})
        assert request == Request(action=action)
        assert request.spec.model_fields_set == set()


@pytest.mark.parametrize(
    "body",
    [
        {"entryClass": "", "savePointName": "", "jobJarDirectory": "", "jarName": "", "savepointDirectory": ""},
        {"entryClass": None, "args": None, "flinkConfiguration": None, "parallelism": None, "onFailure": None},
        {"flinkConfiguration": {"parallelism": " ", "savepoint.directory": ""}},
        {"flinkConfiguration": {}},
    ],
)
def test_null_and_empty_fields_say_nothing(body: dict[str, object]) -> None:
    """Callers of the API send empty texts for what they leave open; a recorded spec survives them."""
    assert asked(Action.UPDATE, body).spec.model_fields_set == set()


def test_empty_args_mean_none() -> None:
    """The only way to take arguments away from a job."""
    assert asked(Action.UPDATE, {"args": ""}).spec.model_fields_set == {"args"}


@pytest.mark.parametrize("args", [["--topic", "two words", ""], []])
def test_args_as_a_list_are_one_argument_each(args: list[str]) -> None:
    """As the OpenAPI document describes them."""
    assert asked(Action.UPDATE, {"args": args}).spec.args == tuple(args)
    with pytest.raises(Refused, match="args"):
        asked(Action.UPDATE, {"args": [*args, 1]})


def test_a_jar_below_plans_is_named_by_its_blob() -> None:
    """Without JOB_JAR_DIRECTORY, too; beside a jar of that directory it is refused."""
    named = {"jar": "plans/3f2a/orders-2.jar"}
    source = JarSource(place="uploads", name="plans/3f2a/orders-2.jar")
    without = Settings(flink_cluster_kind="session", savepoint_directory=SAVEPOINTS)
    assert asked(Action.NEW, named, without).jar == source
    for body in (named | {"jarName": "x.jar"}, named | {"release": "9b74c9897bac"}, {"jar": "stateful/orders/x.jar"}):
        with pytest.raises(Refused):
            asked(Action.UPDATE, body)


def test_an_empty_window_means_none() -> None:
    """The only way to take a window away from a job; null says nothing, as everywhere."""
    assert asked(Action.UPDATE, {"updateWindow": {}}).spec == SpecPatch(update_window=NoWindow())
    assert asked(Action.UPDATE, {"updateWindow": None}).spec == SpecPatch()


@pytest.mark.parametrize("parallelism", ["4", 4, " 4 "])
def test_parallelism_is_text_or_a_number(parallelism: object) -> None:
    """The API carries text; a number means the same."""
    request = asked(Action.UPDATE, {"flinkConfiguration": {"parallelism": parallelism}})
    assert request.spec.parallelism == 4
    assert request.spec.model_fields_set == {"parallelism"}


def test_numbers_and_truth_values_become_flinks_text() -> None:
    """Flink's configuration knows text only."""
    values = {"a": 1, "b": 1.5, "c": True, "d": "x"}
    request = asked(Action.NEW, {"flinkConfiguration": values})
    assert request.spec.flink_configuration == {"a": "1", "b": "1.5", "c": "true", "d": "x"}


def test_an_option_and_its_special_may_agree_and_may_not_differ() -> None:
    """Said twice the same is fine; said differently nobody can know what is meant."""
    agreeing = {"parallelism": 2, "flinkConfiguration": {"parallelism": "2"}}
    assert asked(Action.NEW, agreeing).spec.parallelism == 2
    with pytest.raises(Refused, match="parallelism is given twice") as refusal:
        asked(Action.NEW, agreeing | {"parallelism": 3})
    assert refusal.value.status == 400


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("field", SAMPLES)
def test_a_field_is_taken_or_refused_by_name(action: Action, field: str) -> None:
    """No action ignores a field; the refusal names it."""
    body = {field: SAMPLES[field]}
    if field in ("jobJarDirectory", "jarName"):
        body = {name: SAMPLES[name] for name in ("jobJarDirectory", "jarName")}
    names = {RunJobProperties.model_fields[name].alias for name in fields_of(action)}
    if field in names:
        assert asked(action, body) != Request(action=action)
        return
    with pytest.raises(Refused, match=rf"{action} does not take .*\b{field}\b") as refusal:
        asked(action, body)
    assert (refusal.value.status, refusal.value.code) == (400, "InvalidBody")


def test_the_actions_without_a_jar_take_next_to_nothing() -> None:
    """The table of the module, row by row."""
    remarks = {"reason", "build_url", "commit", "plan"}
    assert all(remarks <= fields_of(action) for action in Action)
    taken = {action: fields_of(action) - remarks for action in Action}
    assert taken[Action.START] == taken[Action.RE_LAUNCH] == {"save_point_name", "allow_unaligned_checkpoint"}
    for action in (
        Action.STOP,
        Action.SAVEPOINT,
        Action.LIST_SAVEPOINT,
        Action.CANCEL,
        Action.DELETE,
    ):
        assert taken[action] == set()
    of_update = set(RunJobProperties.model_fields) - {"without_savepoint", "adopt"} - remarks
    state = {"save_point_name", "allow_unaligned_checkpoint"}
    assert taken[Action.UPDATE] == of_update
    assert taken[Action.NEW] == of_update - {"allow_unaligned_checkpoint", "release"} | {"adopt"}
    assert taken[Action.LAST_STATE_UPDATE] == of_update - {"save_point_name"}
    assert taken[Action.STATELESS_UPDATE] == of_update - state | {"without_savepoint"}


@pytest.mark.parametrize("action", Action)
def test_every_action_takes_remarks_and_does_the_same_with_them(action: Action) -> None:
    """Adopting, too; an empty one says nothing."""
    body = {"adopt": "c0" * 16} if action is Action.NEW else {}
    given = {"reason": "a new schema", "buildUrl": "http://ci/17?x=1#y", "commit": "5C1D0e2"}
    request = asked(action, body | given)
    assert (request.reason, request.build_url, request.commit) == tuple(given.values())
    bare = asked(action, body)
    assert request.model_copy(update={"reason": None, "build_url": None, "commit": None}) == bare
    assert asked(action, body | dict.fromkeys(given, "") | {"commit": None}) == bare


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(
            ("reason", f"two{breaks}lines")
            for breaks in ("\n", "\r", "\t", "\x00", "\x1b[31m", "\x7f", "\x85", "\u2028")
        ),
        *(("reason", value) for value in ("x" * 501, 3, ["x"])),
        *(("buildUrl", value) for value in ("ftp://ci/17", "javascript:alert(1)", "ci/17", "https://", "HTTPS//x")),
        *(
            ("buildUrl", value)
            for value in ("https://me:hunter2@ci/17", "https://ci/a b", "https://ci/\n", "http://[x")
        ),
        *(("buildUrl", value) for value in (f"https://ci/{'x' * 1990}", 17)),
        *(("commit", value) for value in ("5c1d0e", "main", "5" * 65, "5c1d0e2\n", 1234567)),
    ],
)
def test_an_invalid_remark_is_refused(field: str, value: object) -> None:
    """A reason fits into one line of a log, and a page may link the URL."""
    with pytest.raises(Refused, match=rf"{field}") as refusal:
        asked(Action.STOP, {field: value})
    assert (refusal.value.status, refusal.value.code) == (400, "InvalidBody")


def test_a_reason_may_be_in_any_language() -> None:
    """No-break spaces and emoji of several parts are not control characters; 500 characters are allowed."""
    for reason in ("Schéma\u00a0: v2", "👩\u200d🚀 gestartet", "ロールバック", "x" * 500):
        assert asked(Action.STOP, {"reason": reason}).reason == reason


def test_a_secret_in_a_remark_is_starred_before_it_is_recorded() -> None:
    """More people read the history than know the secret."""
    body = {"reason": "because of password=hunter2", "buildUrl": "https://ci/17?sig=hunter2&b=1"}
    request = asked(Action.STOP, body)
    assert request.reason == "because of password=******"
    assert request.build_url == "https://ci/17?sig=******&b=1"


def test_adopting_takes_over_what_runs_and_brings_nothing() -> None:
    """A Flink job's id, alone; any other action refuses it."""
    adopting = RunJobProperties(adopt="0a" * 16)
    assert to_request(Action.NEW, adopting, SETTINGS).adopt == "0a" * 16
    for action, body in (
        (Action.UPDATE, adopting),
        (Action.NEW, RunJobProperties(adopt="0a" * 16, args="x")),
        (Action.NEW, RunJobProperties(adopt="0a" * 16, save_point_name="savepoint-1")),
    ):
        with pytest.raises(Refused, match="adopt"):
            to_request(action, body, SETTINGS)
    with pytest.raises(ValidationError):
        RunJobProperties(adopt="not an id")


def test_going_back_names_a_release_and_nothing_else_to_run() -> None:
    """How the state is taken may still be said; and eight digits of the id are the fewest."""
    back = {"release": "9b74c989"}
    how = back | {"savePointName": "savepoint-ddabe5-ae0f", "allowUnalignedCheckpoint": True}
    assert asked(Action.UPDATE, how).release == "9b74c989"
    assert asked(Action.STATELESS_UPDATE, back | {"withoutSavepoint": True}).without_savepoint
    for field in ("args", "parallelism", "onFailure", "entryClass", "requireSlots"):
        with pytest.raises(Refused, match=rf"leave out {field}") as refusal:
            asked(Action.UPDATE, back | {field: SAMPLES[field]})
        assert (refusal.value.status, refusal.value.code) == (400, "InvalidBody")
    for wrong in ("9b74c98", "9B74C989", "g" * 8, "0" * 65, 12345678):
        with pytest.raises(Refused, match="release"):
            asked(Action.UPDATE, {"release": wrong})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"jarName": "x.jar"}, "jobJarDirectory and jarName"),
        ({"jobJarDirectory": JARS}, "jobJarDirectory and jarName"),
        ({"jobJarDirectory": JARS, "jarName": "a/x.jar"}, "is not a plain file name"),
        ({"jobJarDirectory": JARS, "jarName": "a\\x.jar"}, "is not a plain file name"),
        ({"jobJarDirectory": JARS, "jarName": ".."}, "is not a plain file name"),
        ({"jobJarDirectory": JARS, "jarName": "x\n.jar"}, "is not a plain file name"),
        ({"jobJarDirectory": JARS + "/../secret", "jarName": "x.jar"}, "not a plain directory"),
        ({"jobJarDirectory": JARS + "2", "jarName": "x.jar"}, "does not lie below"),
        ({"jobJarDirectory": "abfs://other@acct.dfs.core.windows.net/jars", "jarName": "x.jar"}, "does not lie below"),
        ({"jobJarDirectory": "file:///jars", "jarName": "x.jar"}, "does not lie below"),
        ({"savepointDirectory": "file:///etc"}, "does not lie below"),
        ({"flinkConfiguration": {"savepoint.directory": "file:///etc"}}, "does not lie below"),
        ({"savePointName": "file:///etc/savepoint-1"}, "does not lie below"),
        ({"savePointName": "../savepoint-1"}, "neither a savepoint's name"),
        ({"savePointName": ".."}, "neither a savepoint's name"),
        ({"flinkConfiguration": {"parallelism": "many"}}, "parallelism"),
        ({"flinkConfiguration": {"parallelism": 0}}, "parallelism"),
        ({"flinkConfiguration": {"parallelism": 99999}}, "parallelism"),
        ({"parallelism": 0}, "parallelism"),
        ({"flinkConfiguration": {"a": ["list"]}}, "flinkConfiguration.a"),
        ({"flinkConfiguration": "text"}, "flinkConfiguration"),
        ({"flinkConfiguration": {"Execution.Savepoint.path": "x"}}, "Execution.Savepoint.path"),
        ({"flinkConfiguration": {"$internal.pipeline.job-id": "x"}}, "internal"),
        ({"args": "'open"}, "args"),
        ({"onFailure": "explode"}, "onFailure"),
        ({"savepointFormat": "native"}, "savepointFormat"),
        ({"jarname": "x.jar"}, "jarname"),
        ({"jobName": "orders"}, "jobName"),
        ([], "body"),
        ("text", "body"),
        (None, "body"),
    ],
)
def test_a_wrong_body_is_refused_by_the_name_of_its_field(body: object, message: str) -> None:
    """400, the field named, and nothing recorded."""
    with pytest.raises(Refused, match=message) as refusal:
        asked(Action.NEW, body)
    assert refusal.value.status == 400


def test_a_savepoints_full_path_passes_as_it_was_given() -> None:
    """Flink's own spelling of a path is what it must get back."""
    settings = Settings(flink_cluster_kind="session", savepoint_directory="file:///sp")
    given = {"savePointName": "file:/sp/orders/savepoint-ddabe5-ae0f"}
    assert asked(Action.START, given, settings).save_point_name == given["savePointName"]


@pytest.mark.parametrize(
    ("body", "setting"),
    [
        ({"jobJarDirectory": JARS, "jarName": "x.jar"}, "JOB_JAR_DIRECTORY"),
        ({"savepointDirectory": SAVEPOINTS}, "SAVEPOINT_DIRECTORY"),
        ({"savePointName": SAVEPOINTS + "/x"}, "SAVEPOINT_DIRECTORY"),
    ],
)
def test_without_a_root_nothing_that_needs_it_is_taken(body: dict[str, object], setting: str) -> None:
    """A missing root is no permission to go anywhere; the setting is named."""
    with pytest.raises(Unavailable, match=setting):
        asked(Action.NEW, body, Settings(flink_cluster_kind="session"))
