"""The gateway's replies against what the real service answered: field by field, so that a changed field is seen."""

from __future__ import annotations

import functools
import json
import operator
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import FlinkFuncsError
from flinkfuncs.core.jobs import JobRecord, Savepoint
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Outcome, Request, Result
from flinkfuncs.core.releases import JarSource, SpecPatch
from flinkfuncs.gateway.bodies import parse_body, request_of
from flinkfuncs.gateway.service import common_headers
from flinkfuncs.gateway.statuses import accepted, status_reply
from flinkfuncs.triggers.arm import JSON
from tests.recordings import NAMES, Exchange, Recording, recording

from .made import (
    AT,
    FLINK_ID,
    JOB,
    NEW,
    OLD,
    PATH,
    RELEASE,
    SAVEPOINT,
    SAVEPOINTS,
    SETTINGS,
    SOURCE,
    SPEC,
    Row,
    asked,
    copy,
    operation,
    properties_of,
    row,
)


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
    assert parse_body(json.dumps(recorded).encode()).job_name == JOB


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
    front_door = "x-ms-ratelimit-remaining-subscription-writes"
    assert recorded.headers[front_door].isdecimal()
    assert recorded.headers.keys() - {front_door, "Content-Type"} <= sent.keys()
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
    written = row(JobRecord(name=JOB), failed, None, OLD)
    assert_same(written | {"properties": without_time(written["properties"])}, recorded)


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
    placeholders = {"jobJarDirectory": "STORAGE_PATH", "jarName": "JAR_NAME", "entryClass": "ENTRY_CLASS"}
    for field, placeholder in placeholders.items():
        assert re.fullmatch(rf"<JOB_(JAR_)?{placeholder}>", documented["properties"][field])
        documented["properties"][field] = written["properties"][field]
    assert_same(written, documented)


def test_the_row_of_a_failed_launch_in_a_later_version_has_the_recorded_fields() -> None:
    """No job id; the two other fields that are recorded, with their values."""
    recorded = rows_of(recording("list-2023-11").exchange("list"))[1]["properties"]
    record = JobRecord(name=JobName("test"), current=copy("NEVER_STARTED"))
    written = properties_of(record, operation(Action.NEW, Outcome.FAILED, "Failed to download jar"), "NEVER_STARTED")
    assert "jobId" not in written
    written = without_time(written)
    assert {field: written[field] for field in recorded} == recorded | {"runId": written["runId"]}


def test_an_accepted_row_has_the_recorded_fields() -> None:
    """No status, no output, no job id yet; we add what is asked for and that it is in progress."""
    recorded = rows_of(recording("list-2023-11").exchange("list"))[2]["properties"]
    written = properties_of(JobRecord(name=JobName("test")), operation(), None)
    assert {field: written[field] for field in recorded} == recorded | {"runId": written["runId"]}
    assert written.keys() - recorded.keys() == {"action", "actionResult"}


def test_the_row_of_an_older_job_is_the_recorded_one() -> None:
    """Its run id is its name, which no row of ours has; what its configuration says is taken, and says nothing."""
    recorded = rows_of(recording("list-2023-11").exchange("list"))[0]["properties"]
    assert recorded.pop("runId") == recorded["jobName"]
    given = asked({"action": "NEW", "flinkConfiguration": recorded.pop("flinkConfiguration")})
    assert given.spec.model_fields_set == set()
    record = JobRecord(name=JobName("testname"), current=copy("NEVER_STARTED"))
    written = properties_of(record, operation(Action.NEW, Outcome.FAILED, "Failed to download jar"), "NEVER_STARTED")
    assert {field: without_time(written)[field] for field in recorded} == recorded


def test_every_recorded_reply_has_our_status_and_type() -> None:
    """202 for a runJob, 200 for what is read, one content type; and each row's id ends with its name."""
    for name in NAMES:
        for exchange in recording(name).exchanges:
            assert exchange.status == (202 if exchange.method == "POST" else 200)
            assert exchange.headers["Content-Type"] == JSON
            if exchange.name == "list":
                assert all(ends_with_its_name(line) for line in rows_of(exchange))


def ends_with_its_name(line: Row) -> bool:
    properties = line["properties"]
    return bool(line["id"] == f"{PATH.id}/jobs/{properties.get('runId', properties['jobName'])}")


RECORDED = {name: recording(name) for name in NAMES}
COMPARISONS = [
    test_the_recorded_body_asks_for_what_it_says,
    test_the_202_is_the_recorded_one,
    test_the_poll_is_the_recorded_one,
    test_the_poll_of_a_later_version_is_the_recorded_one,
    test_the_row_of_a_failed_launch_is_the_recorded_one,
    test_the_row_of_a_running_job_is_the_recorded_one,
    test_the_row_of_a_stopped_job_is_the_documented_one,
    test_the_row_of_a_failed_launch_in_a_later_version_has_the_recorded_fields,
    test_an_accepted_row_has_the_recorded_fields,
    test_the_row_of_an_older_job_is_the_recorded_one,
    test_every_recorded_reply_has_our_status_and_type,
]


@pytest.mark.parametrize("name", NAMES)
def test_no_recorded_field_goes_unread(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever field of a recording's replies and bodies is changed, at least one of the comparisons fails."""
    for changed in changes(recording(name)):
        monkeypatch.setattr(sys.modules[__name__], "recording", lambda asked, it=changed: replaced(asked, name, it))
        assert any(fails(comparison) for comparison in COMPARISONS), changed
    monkeypatch.undo()
    assert not any(fails(comparison) for comparison in COMPARISONS)


def replaced(asked: str, name: str, changed: Recording) -> Recording:
    return changed if asked == name else RECORDED[asked]


def fails(comparison: Callable[[], None]) -> bool:
    try:
        comparison()
    except (AssertionError, FlinkFuncsError, LookupError, TypeError):
        return True
    return False


def changes(recorded: Recording) -> Iterator[Recording]:
    """Return the recording again and again, each time with another value changed."""
    document = recorded.model_dump(mode="json", by_alias=True)
    for path in paths(document["exchanges"], ("exchanges",)):
        if path[2] not in ("name", "method", "path"):
            changed = json.loads(json.dumps(document))
            spot = functools.reduce(operator.getitem, path[:-1], changed)
            spot[path[-1]] = f"{spot[path[-1]]}x" if path[2] != "status" else 299
            yield Recording.model_validate(changed)


def paths(value: object, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Return where each plain value lies."""
    if not isinstance(value, dict | list):
        yield path
        return
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield from paths(inner, (*path, key))


def without_time(written: Row) -> Row:
    """Take away the moment of a failure, which is all that we add to a recorded row."""
    output = re.sub(r" \(2023-09-15T04:18:47\.116051Z\)$", "", written["jobOutput"])
    assert output != written["jobOutput"]
    return written | {"jobOutput": output}


def assert_same(written: Row, recorded: Row) -> None:
    assert list(written) == list(recorded)
    assert written["id"] == recorded["id"]
    assert list(written["properties"]) == list(recorded["properties"])
    for field, value in recorded["properties"].items():
        assert written["properties"][field] == value or value == "…", field
