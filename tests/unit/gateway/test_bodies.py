"""What a runJob body asks for, and what is refused."""

from __future__ import annotations

import json
import re

import pytest
from pydantic import ValidationError

from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import Refused, Unavailable
from flinkfuncs.core.operations import Request
from flinkfuncs.core.releases import JarSource, SpecPatch
from flinkfuncs.gateway.bodies import LONGEST_BODY, parse_body, request_of
from flinkfuncs.gateway.contract import (
    parse_api_version,
)
from flinkfuncs.settings import Settings

from .made import JARS, NEW, OLD, SAVEPOINT, SETTINGS, VERSIONS, Row, asked


def test_the_documented_bodies_are_taken() -> None:
    """The API's documentation shows these; what they leave out stays as it is recorded."""
    assert asked({"action": "STOP"}, OLD) == Request(action=Action.STOP)
    start = asked({"action": "START", "savePointName": "savepoint-20e9e9-8a48c6b905e5"}, OLD)
    assert start == Request(action=Action.START, save_point_name="savepoint-20e9e9-8a48c6b905e5")
    update = asked({"action": "UPDATE", "args": "--rate 5", "savePointName": SAVEPOINT}, OLD)
    assert update == Request(action=Action.UPDATE, spec=SpecPatch(args=("--rate", "5")), save_point_name=SAVEPOINT)
    assert update.spec.model_fields_set == {"args"}


def test_a_start_may_name_a_jar() -> None:
    """As the API's own example does: from now on that is what the job runs."""
    start = asked({"action": "START", "jobJarDirectory": JARS + "/", "jarName": "v2.jar", "args": "x"})
    assert start == Request(
        action=Action.START, jar=JarSource(place="directory", name="jars/v2.jar"), spec=SpecPatch(args=("x",))
    )


@pytest.mark.parametrize("action", ["STOP", "CANCEL", "SAVEPOINT", "LIST_SAVEPOINT", "DELETE", "RE_LAUNCH", "START"])
def test_what_an_action_does_not_take_is_left_out(action: str) -> None:
    """Callers send a whole job with every action; only the action's own fields count."""
    whole = {"entryClass": "x", "args": "y", "flinkConfiguration": {"parallelism": "7"}}
    request = asked({"action": action} | whole)
    assert request == Request(action=Action(action))
    assert request.spec.model_fields_set == set()


def test_a_body_is_read_as_arms_own_reader_does() -> None:
    """A byte order mark, names in any case, fields that nobody knows, null, and 2.0 for 2."""
    properties = {"JobType": "flinkjob", "JOBNAME": "job1", "Action": "new", "colour": "red", "onFailure": "stop"}
    properties |= {"jobjardirectory": JARS, "JarName": "my job.jar", "entryClass": None}  # type: ignore[dict-item]
    for parallelism in (2, 2.0, "2", "2.0", " 2 "):
        configuration = {"parallelism": parallelism, "a": None, "b": 1.5, "c": True}
        body = {"Properties": properties | {"flinkConfiguration": configuration}, "tags": {"x": 1}, "Extra": None}
        read = parse_body(b"\xef\xbb\xbf" + json.dumps(body).encode())
        assert read.job_name == "job1"
        spec = SpecPatch(parallelism=2, flink_configuration={"b": "1.5", "c": "true"})
        jar = JarSource(place="directory", name="jars/my job.jar")
        assert request_of(read, NEW, SETTINGS) == Request(action=Action.NEW, jar=jar, spec=spec)
    both = {"jobType": "FlinkJob", "action": "STOP", "JobName": "other", "jobName": "job1"}
    assert parse_body(json.dumps({"properties": both}).encode()).job_name == "job1"


def test_a_row_can_be_sent_back() -> None:
    """Fields that only the service writes are taken and say nothing."""
    read_only = {"jobId": "x", "status": "RUNNING", "jobOutput": "", "actionResult": "SUCCESS", "lastSavePoint": "x"}
    body = {"id": "x", "name": "n", "type": "t", "systemData": {"createdBy": "x"}}
    properties = {"jobType": "FlinkJob", "jobName": "job1", "action": "STOP", "runId": "job-1"} | read_only
    request = request_of(parse_body(json.dumps(body | {"properties": properties}).encode()), NEW, SETTINGS)
    assert request == Request(action=Action.STOP)


def test_the_configurations_specials_become_fields_and_the_rest_is_kept() -> None:
    """Marks of the caller are kept as they are; an empty savepoint.directory says nothing."""
    given = {"parallelism": "4", "savepoint.directory": "", "flinkfuncs.operation": "a b=ü", "x.y": "1"}
    spec = asked({"action": "UPDATE", "flinkConfiguration": given}).spec
    assert spec == SpecPatch(parallelism=4, flink_configuration={"flinkfuncs.operation": "a b=ü", "x.y": "1"})
    assert spec.model_fields_set == {"parallelism", "flink_configuration"}


BAD_BODIES: list[tuple[bytes, int, str]] = [
    (b"", 400, "InvalidBody"),
    (b"\xff", 400, "InvalidBody"),
    (b"no json", 400, "InvalidBody"),
    (b"[]", 400, "InvalidBody"),
    (b"{}", 400, "InvalidBody"),
    (b'{"properties": null}', 400, "InvalidBody"),
    (b'{"properties": {"jobType": "FlinkJob"}}', 400, "InvalidBody"),
    (b'{"properties": {"jobType": "SparkJob", "action": "NEW"}}', 400, "InvalidBody"),
    (b'{"properties": {"jobType": "FlinkJob"}, "action": "NEW"}', 400, "InvalidBody"),
    ('{"properties": {}}'.encode("utf-16"), 400, "InvalidBody"),
    (b"{" + b" " * LONGEST_BODY, 413, "RequestContentTooLarge"),
]


@pytest.mark.parametrize(("body", "status", "code"), BAD_BODIES)
def test_a_body_that_is_none_is_refused(body: bytes, status: int, code: str) -> None:
    """Each with the fields that are wrong, and never a value."""
    with pytest.raises(Refused) as refused:
        parse_body(body)
    assert (refused.value.status, refused.value.code) == (status, code)


BAD_PROPERTIES: list[tuple[Row, str, str]] = [
    ({"action": "NEW", "jarname": "x"}, "InvalidBody", "one of them is missing"),
    ({"action": "NEW", "flinkConfiguration": {"parallelism": 2.5}}, "InvalidBody", "parallelism"),
    ({"action": "EXPLODE"}, "InvalidAction", "EXPLODE"),
    ({"action": ""}, "InvalidAction", "there is no action"),
    ({"action": "NEW", "flinkConfiguration": {"execution.savepoint.path": "x"}}, "InvalidBody", "is refused"),
    ({"action": "NEW", "flinkConfiguration": {"$internal.x": "x"}}, "InvalidBody", "is refused"),
    ({"action": "NEW", "flinkConfiguration": {"a": {"b": "c"}}}, "InvalidBody", "flinkConfiguration"),
    ({"action": "NEW", "flinkConfiguration": ["a"]}, "InvalidBody", "flinkConfiguration"),
    ({"action": "NEW", "flinkConfiguration": {"parallelism": "many"}}, "InvalidBody", "parallelism"),
    ({"action": "NEW", "jobJarDirectory": JARS}, "InvalidBody", "one of them is missing"),
    ({"action": "NEW", "jarName": "x.jar"}, "InvalidBody", "one of them is missing"),
    ({"action": "NEW", "jobJarDirectory": JARS, "jarName": "../x.jar"}, "InvalidBody", "jarName"),
    ({"action": "NEW", "jobJarDirectory": JARS, "jarName": "a/x.jar"}, "InvalidBody", "jarName"),
    ({"action": "NEW", "jobJarDirectory": JARS + "/../other", "jarName": "x.jar"}, "InvalidDirectory", "directory"),
    ({"action": "NEW", "savePointName": "../x"}, "InvalidBody", "savePointName"),
]


@pytest.mark.parametrize(("properties", "code", "named"), BAD_PROPERTIES)
def test_properties_that_cannot_be_taken_are_refused_by_name(properties: Row, code: str, named: str) -> None:
    """Unknown actions, refused keys, and whatever can be no place at all: 400 each."""
    with pytest.raises(Refused, match=re.escape(named)) as refused:
        asked(properties)
    assert (refused.value.status, refused.value.code) == (400, code)


OUTSIDE: list[tuple[Row, str]] = [
    ({"action": "NEW", "jobJarDirectory": JARS + "-other", "jarName": "x.jar"}, "Failed to download jar: "),
    (
        {"action": "UPDATE", "jobJarDirectory": "abfs://flinkjob@evil.example/jars", "jarName": "x.jar"},
        "Failed to download jar: ",
    ),
    ({"action": "NEW", "jobJarDirectory": "https://evil.example/jars", "jarName": "x.jar"}, "Failed to download jar: "),
    ({"action": "START", "jobJarDirectory": "https://evil.example/jars", "jarName": "x.jar"}, "Failed to download jar"),
    ({"action": "NEW", "flinkConfiguration": {"savepoint.directory": "file:///etc", "a": "b"}}, "Failed to find sa"),
    ({"action": "START", "savePointName": "file:///etc/passwd"}, "Failed to find savepoint: file:///etc/passwd does "),
]


@pytest.mark.parametrize(("properties", "why"), OUTSIDE)
def test_a_place_that_is_not_allowed_is_refused_in_the_row(properties: Row, why: str) -> None:
    """As the service did; the request says so, and names no place from which anything is read."""
    request = asked(properties)
    assert request.action == properties["action"]
    assert request.objection is not None
    assert request.objection.startswith(why)
    assert request.save_point_name is None
    assert "savepoint_directory" not in request.spec.model_fields_set
    assert (request.jar and request.jar.name) == (
        f"{properties['jobJarDirectory']}/x.jar" if "jarName" in properties else None
    )


ROOTS = SETTINGS.model_copy(
    update={
        "job_jar_directories": "TEAM=abfs://team@second.dfs.core.windows.net/jars, B=wasbs://b@third/x",
        "savepoint_directories": "abfs://sp@second/x,TEAM=file:///mnt/sp",
    }
)


@pytest.mark.parametrize(
    ("directory", "name"),
    [
        ("abfss://flinkjob@hilosa/jars/team/", "jars/team/v1.jar"),
        ("https://hilosa.blob.core.windows.net/flinkjob/jars", "jars/v1.jar"),
        ("abfs://team@second/jars", "abfs://team@second.dfs.core.windows.net/jars/v1.jar"),
        ("https://second.dfs.core.windows.net/team/jars/a", "abfs://team@second.dfs.core.windows.net/jars/a/v1.jar"),
        ("abfs://b@third.dfs.core.windows.net/x", "wasbs://b@third/x/v1.jar"),
    ],
)
def test_jars_lie_in_several_places_in_every_notation(directory: str, name: str) -> None:
    """That of the first root is named by its blob, any other by its place as the setting writes it."""
    request = asked({"action": "NEW", "jobJarDirectory": directory, "jarName": "v1.jar"}, settings=ROOTS)
    assert request.jar == JarSource(place="directory", name=name)
    assert request.objection is None


def test_savepoints_lie_in_several_places_in_every_notation() -> None:
    """What Flink gets is the notation of the setting."""
    chosen = {"savepoint.directory": "https://second.blob.core.windows.net/sp/x/team"}
    request = asked({"action": "NEW", "flinkConfiguration": chosen, "savePointName": "file:/mnt/sp/1"}, settings=ROOTS)
    assert request.spec.savepoint_directory == "abfs://sp@second/x/team"
    assert (request.save_point_name, request.objection) == ("file:/mnt/sp/1", None)


@pytest.mark.parametrize(
    "text", ["abfs://c@a/jars", "X=not a uri", "X=abfs://c@a/../b", "A B=abfs://c@a/x", "=abfs://c@a/x"]
)
def test_a_list_of_roots_that_cannot_be_meant_is_a_wrong_setting(text: str) -> None:
    """Each root of jars has its connection."""
    with pytest.raises(ValidationError):
        Settings(flink_cluster_kind="session", job_jar_directories=text)


def test_a_missing_root_is_named() -> None:
    """Without JOB_JAR_DIRECTORY no jar can be named; that is the gateway's fault, not the caller's."""
    bare = SETTINGS.model_copy(update={"job_jar_directory": ""})
    with pytest.raises(Unavailable, match="JOB_JAR_DIRECTORY"):
        asked({"action": "NEW", "jobJarDirectory": JARS, "jarName": "x.jar"}, settings=bare)


@pytest.mark.parametrize("name", VERSIONS)
@pytest.mark.parametrize("action", ["LAST_STATE_UPDATE", "RE_LAUNCH"])
def test_a_version_has_its_own_actions(name: str, action: str) -> None:
    """The two later ones are refused by name where they did not exist."""
    api = parse_api_version(name)
    if name > "2023-07":
        assert asked({"action": action}, api).action == action
        return
    with pytest.raises(Refused, match=rf"'{action}'.*'{name}'") as refused:
        asked({"action": action}, api)
    assert (refused.value.status, refused.value.code) == (400, "UnsupportedAction")
