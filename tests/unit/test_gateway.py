"""The gateway's translation, both ways: what a body asks for, and what a row says; against the recordings, too."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import Denied, NotFound, Refused, Unavailable
from flinkfuncs.core.jobs import Copy, Ended, JobRecord, LastOperation, Savepoint
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Cause, Operation, Outcome, Request, Result, SavepointListing, operation_id
from flinkfuncs.core.releases import JarSource, Release, Spec, SpecPatch
from flinkfuncs.gateway.bodies import LONGEST_BODY, parse_body, request_of
from flinkfuncs.gateway.contract import (
    ApiVersion,
    ClusterPath,
    error_reply,
    operation_of,
    parse_api_version,
    request_id,
    segment_of,
)
from flinkfuncs.gateway.rows import listed, remembered, row_of, told
from flinkfuncs.gateway.service import Filter, common_headers, is_on, parse_filter
from flinkfuncs.gateway.statuses import accepted, status_reply
from flinkfuncs.settings import Settings
from tests.recordings import Exchange, recording

Row: TypeAlias = dict[str, Any]

JARS = "abfs://flinkjob@hilosa.dfs.core.windows.net/jars"
SAVEPOINTS = "abfs://flinkjob@hilosa.dfs.core.windows.net/savepoints"
SETTINGS = Settings(
    flink_cluster_kind="session",
    cluster_subscription_id="00000000-0000-0000-0000-000000000000",
    cluster_resource_group="Group",
    cluster_pool="ps-test-pool",
    cluster_name="flinkcluster",
    job_jar_directory=JARS,
    savepoint_directory=SAVEPOINTS,
    gateway_location="WESTUS3",
    gateway_tenant_id="t",
)
PATH = ClusterPath.of(SETTINGS)
OLD, NEW = parse_api_version("2023-06-01-preview"), parse_api_version("2024-05-01-preview")
VERSIONS = ["2021-09-15-preview", "2023-06-01-preview", "2023-11-01-preview", "2024-05-01-preview", "2024-05-01"]
JOB = JobName("job1")
AT = datetime(2023, 9, 15, 4, 18, 47, 116051, UTC)
FLINK_ID = "20e9e907eb360b1c69510507f88cdb7b"
SAVEPOINT = SAVEPOINTS + "/savepoint-20e9e9-8a48c6b905e5"
SOURCE = JarSource(place="directory", name="jars/JarName")
SPEC = Spec(entry_class="org.example.Main", parallelism=1)
RELEASE = Release(sha256="0" * 64, size_bytes=1, jar_name="JarName", spec=SPEC, source=SOURCE)


def asked(properties: Row, api: ApiVersion = NEW, settings: Settings = SETTINGS) -> Request:
    body = {"jobType": "FlinkJob", "jobName": "job1"} | properties
    return request_of(parse_body(json.dumps({"properties": body}).encode()), api, settings)


def operation(
    action: Action = Action.NEW,
    outcome: Outcome | None = None,
    message: str = "",
    *,
    kind: Any = "arm",  # noqa: ANN401 - any of the model's literals
    request: Request | None = None,
    minutes: int = 0,
    **result: Any,  # noqa: ANN401 - fields of the result
) -> Operation:
    at = AT + timedelta(minutes=minutes)
    ended = Result(outcome=outcome, message=message, ended_at=at, **result) if outcome else None
    return Operation(
        id=operation_id(JOB, at=at, identity=action),
        job=JOB,
        request=request or Request(action=action),
        cause=Cause(kind=kind, detail="somebody"),
        requested_at=at,
        progressed_at=at,
        result=ended,
    )


def copy(ended: Ended | None = None, *, seen: bool = True) -> Copy:
    return Copy(flink_job_id=FLINK_ID, release=RELEASE, operation="o", started_at=AT, seen=seen, ended=ended)


def properties_of(
    record: JobRecord, shown: Operation | None = None, word: str | None = "RUNNING", api: ApiVersion = NEW
) -> Row:
    return row(record, shown, word, api)["properties"]  # type: ignore[no-any-return]


def row(record: JobRecord, shown: Operation | None, word: str | None, api: ApiVersion = NEW) -> Row:
    written = row_of(record, shown, word, api=api, path=PATH, jars=JARS).to_json()
    parsed: Row = json.loads(written)
    return parsed


# ------------------------------------------------------------------------------------------------------ the recordings


def body_of(exchange: Exchange) -> Row:
    assert isinstance(exchange.body, dict)
    return dict(exchange.body)


def rows_of(exchange: Exchange) -> list[Row]:
    listed: list[Row] = body_of(exchange)["value"]
    return listed


def test_the_recorded_body_asks_for_what_it_says() -> None:
    """The body that the real service took, field by field."""
    recorded = recording("runjob-new-2023-06").exchange("run").request
    request = request_of(parse_body(json.dumps(recorded).encode()), OLD, SETTINGS)
    assert request == Request(
        action=Action.NEW,
        jar=JarSource(place="directory", name="jars/JarName"),
        spec=SpecPatch(entry_class="com.microsoft.hilo.flink.job.streaming.SleepJob", args="", parallelism=1),
    )
    assert request.spec.model_fields_set == {"entry_class", "args", "parallelism"}


def test_the_202_is_the_recorded_one() -> None:
    """Every recorded header, the two URLs the same; but for the front door's count of writes, and no Retry-After."""
    recorded = recording("runjob-new-2023-06").exchange("run")
    reply = accepted(operation(), OLD, location="WESTUS3", base_url="https://management.azure.com")
    assert (reply.status, json.loads(reply.body)) == (recorded.status, recorded.body)
    sent = common_headers(None) | dict(reply.headers)
    for headers in (sent, recorded.headers):
        assert headers["Location"] == headers["Azure-AsyncOperation"]
        assert "Retry-After" not in headers
        prefix = "https://management.azure.com/providers/Microsoft.HDInsight/locations/WESTUS3/operationStatuses/"
        form = re.escape(prefix + headers["x-ms-request-id"]) + r"\*[0-9A-F]{64,}\?api-version=2023-06-01-preview"
        assert re.fullmatch(form, headers["Location"])
    known = {"Content-Type", "x-ms-ratelimit-remaining-subscription-writes"}
    assert recorded.headers.keys() - known <= sent.keys()
    for name in ("Cache-Control", "Pragma", "Expires"):
        assert sent[name] == recorded.headers[name]


def test_the_poll_is_the_recorded_one() -> None:
    """The same fields with the same values, but for the operation's own id and the last digit of the clock."""
    recorded = body_of(recording("runjob-new-2023-06").exchange("poll"))
    ended = operation(Action.NEW, Outcome.FAILED, "Failed to download jar")
    closed = Result(outcome=Outcome.FAILED, message="", ended_at=datetime(2023, 9, 15, 4, 18, 58, 975017, UTC))
    ended = ended.model_copy(update={"result": closed})
    written = json.loads(status_reply(ended, OLD, location="WESTUS3", cluster=PATH).body)
    assert list(written) == list(recorded)
    for document in (written, recorded):
        assert document["id"].removesuffix(document["name"]) == (
            "/providers/Microsoft.HDInsight/locations/WESTUS3/operationStatuses/"
        )
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\*[0-9A-F]{64,}", document["name"])
        for moment in ("startTime", "endTime"):
            assert re.fullmatch(r"2023-09-15T04:18:\d{2}\.\d{7}Z", document[moment])
    assert written["startTime"][:-2] == recorded["startTime"][:-2]
    assert written["endTime"][:-2] == recorded["endTime"][:-2]
    for field in ("resourceId", "status", "properties"):
        assert written[field] == recorded[field]


def test_the_poll_of_a_later_version_is_the_recorded_one() -> None:
    """What it adds: the job's status, which is no more than that it was submitted."""
    recorded = body_of(recording("runjob-2024-05").exchange("poll"))
    ended = operation(Action.NEW, Outcome.SUCCEEDED)
    written = json.loads(status_reply(ended, NEW, location="WESTUS3", cluster=PATH).body)
    assert {field: written[field] for field in recorded} == recorded


def test_the_row_of_a_failed_launch_is_the_recorded_one() -> None:
    """Every field, in the recorded order, and no other; elided values stand for anything."""
    recorded = rows_of(recording("runjob-new-2023-06").exchange("list"))[0]
    request = Request(action=Action.NEW, jar=SOURCE, spec=SpecPatch(entry_class="org.example.Main", parallelism=1))
    failed = operation(Action.NEW, Outcome.FAILED, "Failed to download jar", request=request)
    assert_same(row(JobRecord(name=JOB), failed, None, OLD), recorded)


def test_the_row_of_a_running_job_is_the_recorded_one() -> None:
    """In a later version, whose id ends with the run's id; the fields that the record elides are not compared."""
    recorded = rows_of(recording("runjob-2024-05").exchange("list"))[0]
    record = JobRecord(name=JOB, wanted=RELEASE, current=copy())
    written = row(record, operation(Action.NEW, Outcome.SUCCEEDED), "RUNNING")
    for line in (written, recorded):
        run = line["properties"].pop("runId")
        assert re.fullmatch(r"job-[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", run)
        assert line.pop("id") == f"{PATH.id}/jobs/{run}"
        assert re.fullmatch("[0-9a-f]{32}", line["properties"].pop("jobId"))
    assert {field: written["properties"][field] for field in recorded["properties"]} == recorded["properties"]


def test_the_row_of_a_stopped_job_is_the_documented_one() -> None:
    """A STOP's savepoint, in the output's own words; `args` is written although the example leaves it out."""
    documented = rows_of(recording("list-documented").exchange("list"))[0]
    documented = json.loads(json.dumps(documented).replace("<JOB_SAVEPOINT_DIRECTORY_STORAGE_PATH>s", SAVEPOINTS))
    spec = SPEC.patched(SpecPatch(parallelism=2, savepoint_directory=SAVEPOINTS))
    taken = Savepoint(
        path=SAVEPOINT, taken_at=AT, origin=Action.STOP, cause="arm", flink_job_id=FLINK_ID, operation="o"
    )
    record = JobRecord(
        name=JOB, wanted=RELEASE.model_copy(update={"spec": spec}), current=copy("STOPPED"), savepoints=(taken,)
    )
    written = row(record, operation(Action.STOP, Outcome.SUCCEEDED, savepoint=SAVEPOINT), "STOPPED", OLD)
    assert written["properties"].pop("args") == ""
    for field in ("jobJarDirectory", "jarName", "entryClass"):
        assert documented["properties"][field].startswith("<")
        documented["properties"][field] = written["properties"][field]
    assert_same(written, documented)


def test_the_row_of_a_failed_launch_in_a_later_version_has_the_recorded_fields() -> None:
    """No job id; the two other fields that are recorded, with their values."""
    recorded = rows_of(recording("list-2023-11").exchange("list"))[1]["properties"]
    record = JobRecord(name=JobName("test"), current=copy("NEVER_STARTED"))
    written = properties_of(record, operation(Action.NEW, Outcome.FAILED, "Failed to download jar"), "NEVER_STARTED")
    assert "jobId" not in written
    assert {field: written[field] for field in recorded} == recorded | {"runId": written["runId"]}


def test_an_accepted_row_has_the_recorded_fields() -> None:
    """No status, no output, no job id yet; we add what is asked for and that it is in progress."""
    recorded = rows_of(recording("list-2023-11").exchange("list"))[2]["properties"]
    written = properties_of(JobRecord(name=JobName("test")), operation(), None)
    assert {field: written[field] for field in recorded} == recorded | {"runId": written["runId"]}
    assert written.keys() - recorded.keys() == {"action", "actionResult"}


def assert_same(written: Row, recorded: Row) -> None:
    assert list(written) == list(recorded)
    assert written["id"] == recorded["id"]
    assert list(written["properties"]) == list(recorded["properties"])
    for field, value in recorded["properties"].items():
        assert written["properties"][field] == value or value == "…", field


# ---------------------------------------------------------------------------------------------------------- the bodies


def test_the_documented_bodies_are_taken() -> None:
    """The API's documentation shows these; what they leave out stays as it is recorded."""
    assert asked({"action": "STOP"}, OLD) == Request(action=Action.STOP)
    start = asked({"action": "START", "savePointName": "savepoint-20e9e9-8a48c6b905e5"}, OLD)
    assert start == Request(action=Action.START, save_point_name="savepoint-20e9e9-8a48c6b905e5")
    update = asked({"action": "UPDATE", "args": "--rate 5", "savePointName": SAVEPOINT}, OLD)
    assert update == Request(action=Action.UPDATE, spec=SpecPatch(args="--rate 5"), save_point_name=SAVEPOINT)
    assert update.spec.model_fields_set == {"args"}


def test_a_start_may_name_a_jar() -> None:
    """As the API's own example does: from now on that is what the job runs."""
    start = asked({"action": "START", "jobJarDirectory": JARS + "/", "jarName": "v2.jar", "args": "x"})
    assert start == Request(
        action=Action.START, jar=JarSource(place="directory", name="jars/v2.jar"), spec=SpecPatch(args="x")
    )


@pytest.mark.parametrize("action", ["STOP", "CANCEL", "SAVEPOINT", "LIST_SAVEPOINT", "DELETE", "RE_LAUNCH", "START"])
def test_what_an_action_does_not_take_is_left_out(action: str) -> None:
    """Callers send a whole job with every action; only the action's own fields count."""
    whole = {"entryClass": "x", "args": "y", "flinkConfiguration": {"parallelism": "7"}}
    request = asked({"action": action} | whole)
    assert request == Request(action=Action(action))
    assert request.spec.model_fields_set == set()


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
    (b'{"properties": {"jobType": "FlinkJob", "action": "NEW"}, "tags": {}}', 400, "InvalidBody"),
    (b"{" + b" " * LONGEST_BODY, 413, "RequestContentTooLarge"),
]


@pytest.mark.parametrize(("body", "status", "code"), BAD_BODIES)
def test_a_body_that_is_none_is_refused(body: bytes, status: int, code: str) -> None:
    """Each with the fields that are wrong, and never a value."""
    with pytest.raises(Refused) as refused:
        parse_body(body)
    assert (refused.value.status, refused.value.code) == (status, code)


BAD_PROPERTIES: list[tuple[Row, str, str]] = [
    ({"action": "NEW", "jarname": "x"}, "InvalidBody", "jarname"),
    ({"action": "NEW", "onFailure": "stop"}, "InvalidBody", "onFailure"),
    ({"action": "EXPLODE"}, "InvalidAction", "EXPLODE"),
    ({"action": ""}, "InvalidAction", "there is no action"),
    ({"action": "NEW", "flinkConfiguration": {"execution.savepoint.path": "x"}}, "InvalidBody", "is refused"),
    ({"action": "NEW", "flinkConfiguration": {"$internal.x": "x"}}, "InvalidBody", "is refused"),
    ({"action": "NEW", "flinkConfiguration": {"a": {"b": "c"}}}, "InvalidBody", "flinkConfiguration"),
    ({"action": "NEW", "flinkConfiguration": ["a"]}, "InvalidBody", "flinkConfiguration"),
    ({"action": "NEW", "flinkConfiguration": {"parallelism": "many"}}, "Refused", "parallelism"),
    ({"action": "NEW", "jobJarDirectory": JARS}, "InvalidBody", "one of them is missing"),
    ({"action": "NEW", "jarName": "x.jar"}, "InvalidBody", "one of them is missing"),
    ({"action": "NEW", "jobJarDirectory": JARS, "jarName": "../x.jar"}, "InvalidBody", "jarName"),
    ({"action": "NEW", "jobJarDirectory": JARS, "jarName": "a/x.jar"}, "InvalidBody", "jarName"),
    ({"action": "NEW", "jobJarDirectory": JARS + "/../other", "jarName": "x.jar"}, "InvalidDirectory", "directory"),
    ({"action": "NEW", "jobJarDirectory": JARS + "-other", "jarName": "x.jar"}, "OutsideRoot", "below"),
    (
        {"action": "NEW", "jobJarDirectory": "abfs://flinkjob@evil.example/jars", "jarName": "x.jar"},
        "OutsideRoot",
        "below",
    ),
    ({"action": "NEW", "jobJarDirectory": "https://evil.example/jars", "jarName": "x.jar"}, "OutsideRoot", "below"),
    ({"action": "NEW", "flinkConfiguration": {"savepoint.directory": "file:///etc"}}, "OutsideRoot", "below"),
    ({"action": "NEW", "savePointName": "file:///etc/passwd"}, "OutsideRoot", "below"),
    ({"action": "NEW", "savePointName": "../x"}, "InvalidBody", "savePointName"),
]


@pytest.mark.parametrize(("properties", "code", "named"), BAD_PROPERTIES)
def test_properties_that_cannot_be_taken_are_refused_by_name(properties: Row, code: str, named: str) -> None:
    """Unknown fields, unknown actions, refused keys, and whatever leads outside the roots: 400 each."""
    with pytest.raises(Refused, match=re.escape(named)) as refused:
        asked(properties)
    assert (refused.value.status, refused.value.code) == (400, code)


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


# ------------------------------------------------------------------------------------------------------------ the rows

STATUS_ROWS: list[tuple[Copy | None, Operation | None, str | None, str | None]] = [
    (None, None, "NONE", None),
    (None, operation(), "NONE", None),
    (None, operation(outcome=Outcome.FAILED), "NONE", "JOB_LAUNCH_FAILED"),
    (None, operation(outcome=Outcome.REFUSED), None, "JOB_LAUNCH_FAILED"),
    (copy("NEVER_STARTED"), operation(), "NEVER_STARTED", "JOB_LAUNCH_FAILED"),
    (copy("NEVER_STARTED"), operation(outcome=Outcome.FAILED), None, "JOB_LAUNCH_FAILED"),
    (copy(seen=False), operation(), "MAY_APPEAR", "STARTING"),
    (copy(), operation(outcome=Outcome.FAILED), "RUNNING", "RUNNING"),
    (copy(), operation(outcome=Outcome.SUCCEEDED), "FAILED", "FAILED"),
    (copy(), operation(outcome=Outcome.SUCCEEDED), "VANISHED", "VANISHED"),
    (copy("CANCELED"), operation(outcome=Outcome.SUCCEEDED), "CANCELED", "CANCELED"),
    (copy(), operation(outcome=Outcome.SUCCEEDED), None, None),
    (copy(), operation(outcome=Outcome.SUCCEEDED), "UNKNOWN", None),
]


@pytest.mark.parametrize(("current", "shown", "word", "status"), STATUS_ROWS)
def test_every_status(current: Copy | None, shown: Operation | None, word: str | None, status: str | None) -> None:
    """Each row of the table; a status that is not known is left out."""
    assert properties_of(JobRecord(name=JOB, current=current), shown, word).get("status") == status


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (None, "IN_PROGRESS"),
        (Outcome.SUCCEEDED, "SUCCESS"),
        (Outcome.FAILED, "FAILED"),
        (Outcome.REFUSED, "FAILED"),
        (Outcome.UNKNOWN, "FAILED"),
        (Outcome.SUPERSEDED, "FAILED"),
    ],
)
def test_every_outcome(outcome: Outcome | None, result: str) -> None:
    """Only what succeeded is called SUCCESS."""
    shown = operation(Action.UPDATE, outcome)
    written = properties_of(JobRecord(name=JOB, current=copy()), shown)
    assert (written["action"], written["actionResult"]) == ("UPDATE", result)


@pytest.mark.parametrize(
    ("shown", "word", "output"),
    [
        (None, "RUNNING", "Flink internal job status : RUNNING"),
        (operation(Action.UPDATE), "STARTING", "Flink internal job status : STARTING"),
        (operation(Action.UPDATE), None, None),
        (operation(Action.NEW, Outcome.SUCCEEDED), "RUNNING", "Flink internal job status : RUNNING"),
        (operation(Action.CANCEL, Outcome.SUCCEEDED), "CANCELED", "Flink internal job status : CANCELED"),
        (operation(Action.STOP, Outcome.SUCCEEDED, savepoint="x:/s"), "STOPPED", "Savepoint completed. Path: x:/s"),
        (
            operation(Action.SAVEPOINT, Outcome.SUCCEEDED, savepoint="x:/s"),
            "RUNNING",
            "Savepoint completed. Path: x:/s",
        ),
        (operation(Action.SAVEPOINT, Outcome.FAILED, "disk"), "RUNNING", "Job execution failed. \ndisk"),
        (operation(Action.STOP, Outcome.FAILED, "half", savepoint="x:/s"), "FAILED", "Job execution failed. \nhalf"),
        (
            operation(Action.UPDATE, Outcome.SUCCEEDED, savepoint="x:/s"),
            "RUNNING",
            "Flink internal job status : RUNNING",
        ),
    ],
)
def test_every_output(shown: Operation | None, word: str | None, output: str | None) -> None:
    """In the formats that were recorded or documented."""
    assert properties_of(JobRecord(name=JOB, current=copy()), shown, word).get("jobOutput") == output


def test_two_listings_of_savepoints_differ() -> None:
    """Each says when it was made, and of each savepoint what is known; the newest first, as it was listed."""
    found = (
        SavepointListing(path="x:/a b", taken_at=AT, origin="STOP", flink_job_id=FLINK_ID),
        SavepointListing(path="x:/c"),
    )
    outputs = [
        properties_of(
            JobRecord(name=JOB, current=copy()),
            operation(Action.LIST_SAVEPOINT, Outcome.SUCCEEDED, minutes=minutes, savepoints=found),
        )["jobOutput"]
        for minutes in (0, 1)
    ]
    assert outputs[0].splitlines() == [
        "Savepoints listed at 2023-09-15T04:18:47.116051Z: 2",
        f"2023-09-15T04:18:47Z STOP {FLINK_ID} x:/a b",
        "- - - x:/c",
    ]
    assert outputs[0] != outputs[1]
    none = operation(Action.LIST_SAVEPOINT, Outcome.SUCCEEDED, savepoints=())
    assert properties_of(JobRecord(name=JOB, current=copy()), none)["jobOutput"].endswith("Z: 0")


def test_a_mark_comes_back_exactly_and_only_with_its_own_operation() -> None:
    """By it a caller tells the answer to its request from an older one."""
    mark = {"flinkfuncs.operation": "20261121T014916Z-orders-3f2a9c1b7d4e é"}
    spec = SPEC.patched(SpecPatch(flink_configuration=mark | {"x": "1"}))
    record = JobRecord(name=JOB, wanted=RELEASE.model_copy(update={"spec": spec}), current=copy())
    update = Request(action=Action.UPDATE, spec=SpecPatch(flink_configuration=mark | {"x": "1"}))
    for outcome in (None, Outcome.SUCCEEDED, Outcome.FAILED):
        shown = operation(Action.UPDATE, outcome, request=update)
        assert properties_of(record, shown)["flinkConfiguration"] == {"parallelism": "1", "x": "1"} | mark
    shown = operation(Action.STOP, Outcome.SUCCEEDED)
    assert properties_of(record, shown)["flinkConfiguration"] == {"parallelism": "1", "x": "1"}


def test_a_row_shows_what_the_newest_operation_asked_to_change() -> None:
    """Before there is a release of it, and over the release that runs."""
    request = asked({"action": "NEW", "jobJarDirectory": JARS + "/team/", "jarName": "v1.jar", "args": "a"})
    first = properties_of(JobRecord(name=JOB), operation(request=request), None)
    assert (first["jobJarDirectory"], first["jarName"], first["args"]) == (JARS + "/team", "v1.jar", "a")
    assert first["flinkConfiguration"] == {"parallelism": "2"}
    change = asked({"action": "UPDATE", "flinkConfiguration": {"parallelism": "5"}})
    record = JobRecord(name=JOB, wanted=RELEASE, current=copy())
    second = properties_of(record, operation(Action.UPDATE, request=change))
    assert (second["jobJarDirectory"], second["jarName"]) == (JARS, "JarName")
    assert (second["entryClass"], second["flinkConfiguration"]) == ("org.example.Main", {"parallelism": "5"})


def test_an_uploaded_jar_has_no_directory() -> None:
    """It lies where callers of this API cannot name it."""
    source = JarSource(place="uploads", name="stateful/job1/v1.jar")
    record = JobRecord(name=JOB, wanted=RELEASE.model_copy(update={"source": source}), current=copy())
    written = properties_of(record)
    assert "jobJarDirectory" not in written
    assert written["jarName"] == "v1.jar"


def test_no_secret_leaves_in_a_row() -> None:
    """What looks like one is starred."""
    spec = SPEC.patched(SpecPatch(args="--db.password hunter2", flink_configuration={"s3.secret-key": "hunter2"}))
    record = JobRecord(name=JOB, wanted=RELEASE.model_copy(update={"spec": spec}), current=copy())
    assert "hunter2" not in json.dumps(row(record, None, "RUNNING"))


def test_a_run_keeps_its_id_from_request_to_end() -> None:
    """And the next copy is another run."""
    started = operation()
    mine = copy().model_copy(update={"flink_job_id": started.token("copy")})
    ids = {
        properties_of(JobRecord(name=JOB), started, None)["runId"],
        properties_of(JobRecord(name=JOB, current=mine), started)["runId"],
        properties_of(JobRecord(name=JOB, current=mine), operation(Action.STOP))["runId"],
    }
    assert len(ids) == 1
    assert properties_of(JobRecord(name=JOB, current=copy()), started)["runId"] not in ids


@pytest.mark.parametrize("name", VERSIONS)
def test_only_later_versions_know_run_ids(name: str) -> None:
    """A row's id ends with the run's id there, with the job's name before."""
    written = row(JobRecord(name=JOB, current=copy()), None, "RUNNING", parse_api_version(name))
    last = written["properties"].get("runId", "job1")
    assert written["id"] == f"{PATH.id}/jobs/{last}"
    assert ("runId" in written["properties"]) == (name > "2023-07")


def test_a_copy_that_flink_never_knew_has_no_job_id() -> None:
    """A failed launch, and one that is only on its way."""
    for current in (copy("NEVER_STARTED"), copy(seen=False)):
        assert "jobId" not in properties_of(JobRecord(name=JOB, current=current))
    for known in (copy(), copy("FAILED"), copy("STOPPED", seen=False)):
        assert properties_of(JobRecord(name=JOB, current=known))["jobId"] == FLINK_ID


def test_a_deleted_job_has_no_row() -> None:
    """Until something is asked for under its name."""
    gone = JobRecord(name=JOB, deleted=True)
    assert not listed(gone)
    assert listed(gone.but(open=(operation(),)))
    assert listed(JobRecord(name=JOB))


def test_rows_tell_of_what_somebody_asked_for() -> None:
    """A periodic savepoint does not hide the answer to a caller's request, nor does what was superseded."""
    assert told(operation(Action.UPDATE))
    assert told(operation(Action.UPDATE, Outcome.FAILED, kind="http"))
    assert not told(operation(Action.SAVEPOINT, Outcome.SUCCEEDED, kind="timer"))
    assert not told(operation(Action.UPDATE, Outcome.SUPERSEDED, kind="upload"))


def test_the_record_remembers_an_operation_whose_blob_is_gone() -> None:
    """Action, result and message are kept."""
    cause = Cause(kind="arm", detail="x")
    last = LastOperation(id="i", action=Action.STOP, cause=cause, outcome=Outcome.FAILED, message="why", ended_at=AT)
    record = JobRecord(name=JOB, current=copy(), last=last)
    written = properties_of(record, remembered(record, last))
    assert (written["action"], written["actionResult"]) == ("STOP", "FAILED")
    assert written["jobOutput"] == "Job execution failed. \nwhy"


# -------------------------------------------------------------------------------------------------- versions and paths


@pytest.mark.parametrize("name", VERSIONS)
def test_every_version_of_the_api_is_known(name: str) -> None:
    """In any case, as ARM has it."""
    assert parse_api_version(name) == parse_api_version(name.upper())
    assert parse_api_version(name).name == name


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "MissingApiVersionParameter"),
        ("", "MissingApiVersionParameter"),
        ("2022-01-01", "InvalidApiVersionParameter"),
        ("latest", "InvalidApiVersionParameter"),
    ],
)
def test_another_version_is_refused(text: str | None, code: str) -> None:
    """With ARM's two codes."""
    with pytest.raises(Refused) as refused:
        parse_api_version(text)
    assert (refused.value.status, refused.value.code) == (400, code)


def test_a_path_is_compared_without_case() -> None:
    """As ARM does."""
    PATH.require(ClusterPath(PATH.subscription.upper(), "gROUP", "PS-TEST-POOL", "FlinkCluster"))


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ("subscription", "SubscriptionNotFound"),
        ("group", "ResourceGroupNotFound"),
        ("pool", "ResourceNotFound"),
        ("cluster", "ResourceNotFound"),
    ],
)
def test_another_cluster_is_not_found(part: str, code: str) -> None:
    """404, and the code tells which part of the path is wrong."""
    parts = {name: getattr(PATH, name) for name in ("subscription", "group", "pool", "cluster")} | {part: "other"}
    with pytest.raises(NotFound, match="other") as missing:
        PATH.require(ClusterPath(**parts))
    assert missing.value.code == code


@pytest.mark.parametrize("job", ["a", "orders", "x" * 63, "a-b-1"])
def test_an_operations_id_travels_in_the_url(job: str) -> None:
    """Out and back, for every length of name."""
    number = operation_id(JobName(job), at=AT, identity="x")
    assert operation_of(segment_of(number)) == number
    assert segment_of(number).startswith(request_id(number) + "*")


GOOD = segment_of(operation().id)
FOREIGN = "28527709-43cb-4b9d-84b9-d6d221bb1e18*93BE3F5F38E851939A0189D16172AE096513F606F83B4B31C7549306E4C696F3"


@pytest.mark.parametrize(
    "segment",
    [
        "",
        "*",
        FOREIGN,
        GOOD.lower(),
        GOOD[:-2],
        GOOD + "00",
        GOOD.replace("*", ""),
        "0" + GOOD[1:] if GOOD[0] != "0" else "1" + GOOD[1:],
        segment_of("../../jobs/orders"),
        segment_of("orders"),
    ],
)
def test_a_foreign_operations_id_is_not_found(segment: str) -> None:
    """Nor is a garbled one, and none leads anywhere else."""
    with pytest.raises(NotFound):
        operation_of(segment)


def test_an_open_operation_is_in_progress() -> None:
    """Stock clients are told when to look again, or they would wait 30 seconds."""
    for api in (OLD, NEW):
        reply = status_reply(operation(), api, location="WESTUS3", cluster=PATH)
        document = json.loads(reply.body)
        assert (document["status"], document["properties"]) == ("InProgress", None)
        assert "endTime" not in document
        assert reply.headers == {"Retry-After": "1"}


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("jobName eq orders", Filter("jobname", "orders")),
        (" jarName  EQ 'a.jar' ", Filter("jarname", "a.jar")),
        ("jobname eq x", Filter("jobname", "x")),
    ],
)
def test_a_filter_names_a_job_or_a_jar(text: str, chosen: Filter) -> None:
    """With or without quotes."""
    assert parse_filter(text) == chosen


@pytest.mark.parametrize("text", ["orders", "status eq RUNNING", "jobName ne x", "jobName eq a or jarName eq b", " "])
def test_another_filter_is_refused(text: str) -> None:
    """Rather than ignored: the caller would take the whole list for what it asked for."""
    with pytest.raises(Refused) as refused:
        parse_filter(text)
    assert (refused.value.status, refused.value.code) == (400, "InvalidFilter")


@pytest.mark.parametrize(
    ("tenant", "allowed", "on"),
    [("", "", False), ("t", "", False), ("", "a", False), ("t", " , ", False), ("t", "a", True)],
)
def test_the_gateway_is_off_until_it_knows_whom_to_trust(tenant: str, allowed: str, on: bool) -> None:
    """A tenant and at least one principal."""
    settings = SETTINGS.model_copy(update={"gateway_tenant_id": tenant, "gateway_allowed_principals": allowed})
    assert is_on(settings) is on


def test_errors_have_arms_shape() -> None:
    """Code and message; a 401 says where tokens come from, a 503 when to come back."""
    refused = error_reply(Refused("no", code="InvalidBody", status=400), SETTINGS)
    assert (refused.status, json.loads(refused.body)) == (400, {"error": {"code": "InvalidBody", "message": "no"}})
    assert refused.headers == {}
    missing = error_reply(
        Denied(
            "Authentication failed. The 'Authorization' header is missing.", code="AuthenticationFailed", status=401
        ),
        SETTINGS,
    )
    assert missing.headers == {
        "WWW-Authenticate": 'Bearer authorization_uri="https://login.microsoftonline.com/t", error="invalid_token", '
        "error_description=\"The authentication failed because of missing 'Authorization' header.\""
    }
    for error, seconds in ((Unavailable("later"), "10"), (Unavailable("soon", retry_after_seconds=0.2), "1")):
        assert error_reply(error, SETTINGS).headers == {"Retry-After": seconds}


@pytest.mark.parametrize(("given", "kept"), [("abc-123", True), (None, False), ("a\r\nb", False), ("x" * 65, False)])
def test_a_correlation_id_comes_back(given: str | None, kept: bool) -> None:
    """If it is one; anything else is replaced."""
    headers = common_headers(given)
    assert (headers["x-ms-correlation-request-id"] == given) is kept
