"""Bodies, operations, records and rows, made for the tests of the gateway."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from flinkfuncs.core.actions import Action
from flinkfuncs.core.histories import run_id, runs_of
from flinkfuncs.core.jobs import Copy, Ended, JobRecord
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Cause, Operation, Outcome, Request, Result, operation_id
from flinkfuncs.core.releases import JarSource, Release, Spec
from flinkfuncs.core.runs import asked_of
from flinkfuncs.gateway.bodies import parse_body, request_of
from flinkfuncs.gateway.contract import (
    ApiVersion,
    ClusterPath,
    parse_api_version,
)
from flinkfuncs.gateway.rows import row_of
from flinkfuncs.settings import Settings

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


def copy(ended: Ended | None = None, *, seen: bool = True, release: Release = RELEASE) -> Copy:
    return Copy(flink_job_id=FLINK_ID, release=release, operation="o", started_at=AT, seen=seen, ended=ended)


def runs(**release: object) -> JobRecord:
    """Return the record of a job that runs a release with these fields."""
    changed = RELEASE.model_copy(update=release)
    return JobRecord(name=JOB, wanted=changed, current=copy(release=changed))


def properties_of(
    record: JobRecord, shown: Operation | None = None, word: str | None = "RUNNING", api: ApiVersion = NEW
) -> Row:
    return row(record, shown, word, api)["properties"]  # type: ignore[no-any-return]


def row(record: JobRecord, shown: Operation | None, word: str | None, api: ApiVersion = NEW) -> Row:
    return line(with_operation(record, shown), word, api)


def line(record: JobRecord, word: str | None, api: ApiVersion = NEW) -> Row:
    """Return the row of a record's present run."""
    parsed: Row = json.loads(row_of(record.name, runs_of(record)[0], word, api=api, path=PATH, jars=JARS).to_json())
    return parsed


def with_operation(record: JobRecord, shown: Operation | None) -> JobRecord:
    """Return a record whose newest operation is this one."""
    if shown is None:
        return record
    waits = record.but(open=(*record.open, shown))
    return waits if shown.result is None else record.but(asked=asked_of(shown), run=run_id(waits))
