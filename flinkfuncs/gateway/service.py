"""What are the three calls of the ARM API made of? Each translates, asks the intake or the ledger, and translates back.

    call                           reads                            changes
    -----------------------------  -------------------------------  ------------------------
    run_job                        a key, records for a runId       one operation is recorded
    operation_status               one operation                    nothing
    jobs                           records, their last operations   nothing

The rule that must never break: nothing is read or recorded for a caller who was not admitted; the trigger admits first.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from ..clients.ledger import Ledger
from ..clients.published_keys import Keys
from ..clients.tokens import Caller, Callers
from ..clusters.cluster import Cluster
from ..core.errors import NotFound, Refused, Unavailable
from ..core.idempotency import Keyed, keyed
from ..core.jobs import JobRecord
from ..core.names import JobName
from ..core.operations import Cause, Operation, Request, job_of
from ..settings import Settings
from .bodies import FlinkJobProperties, parse_body, request_of
from .contract import ApiVersion, ClusterPath, Reply, no_such_operation, operation_of
from .rows import Row, RowList, listed, remembered, row_of, run_id, told
from .statuses import accepted, status_reply

_FILTER = re.compile(r"\s*(jobName|jarName)\s+eq\s+'?([^'\s]{1,1024})'?\s*", re.IGNORECASE)


class Intake(Protocol):
    """What records an operation and sends for its driver."""

    def request(self, job: JobName, request: Request, cause: Cause, call: Keyed | None = None) -> Operation:
        """Record an action that a caller asks for; the repeat of a call finds its operation."""
        ...


@dataclass(frozen=True)
class Filter:
    """Which rows a caller wants: `jobName eq orders`."""

    field: str
    value: str


def is_on(settings: Settings) -> bool:
    """Whether there is a gateway at all: only with a tenant and an allow-list."""
    return bool(settings.gateway_tenant_id and settings.gateway_allowed_principals.strip(" ,"))


def callers(settings: Settings) -> Callers:
    """Return who may call, as the settings say."""
    keys = Keys(settings.gateway_authority, settings.gateway_tenant_id)
    return Callers(keys, audience=settings.gateway_audience, allowed=settings.gateway_allowed_principals)


@dataclass(frozen=True)
class Gateway:
    """The ARM job API over this app's own jobs."""

    settings: Settings
    ledger: Ledger
    intake: Intake
    cluster: Cluster

    def run_job(
        self,
        caller: Caller,
        asked: ClusterPath,
        api: ApiVersion,
        body: bytes,
        *,
        base_url: str,
        key: str | None = None,
    ) -> Reply:
        """Record what a runJob asks for; 202 and where to look, twice the same URL, and the body `null`.

        `key` is the caller's idempotency key: with it, the same body is the same operation, whichever run id it names.

        Raises:
            NotFound: the path is another cluster's, or there is no such job.
            Refused: the body asks for something that cannot be done.
            Unavailable: storage cannot be reached, or a setting is missing.

        """
        path = ClusterPath.of(self.settings)
        path.require(asked)
        properties = parse_body(body)
        request = request_of(properties, api, self.settings)
        cause = Cause(kind="arm", detail=caller.name)
        call = self.ledger.keys.look(keyed(key, "POST", f"{path.id}/runJob", body)) if key else None
        known = call.first.operation if call and call.first else None
        job = job_of(known) if known else self._job(properties)
        operation = self.intake.request(job, request, cause, call)
        return accepted(operation, api, location=self.settings.gateway_location, base_url=base_url)

    def operation_status(self, api: ApiVersion, location: str, segment: str) -> Reply:
        """Say whether a runJob is over. `Succeeded` means no more than that: how it ended is in the list of jobs.

        Raises:
            NotFound: this gateway never gave out that id, or the operation is long gone.
            Unavailable: storage cannot be reached.

        """
        if location.lower() != self.settings.gateway_location.lower():
            raise no_such_operation(segment)
        try:
            operation = self.ledger.find(operation_of(segment))
        except NotFound:
            raise no_such_operation(segment) from None
        cluster = ClusterPath.of(self.settings)
        return status_reply(operation, api, location=self.settings.gateway_location, cluster=cluster)

    def jobs(self, asked: ClusterPath, api: ApiVersion, text: str | None) -> Reply:
        """List the jobs; `text` is `$filter`, which older versions do not have and do not look at.

        Raises:
            NotFound: the path is another cluster's.
            Refused: the filter is none that the API has (400).
            Unavailable: storage cannot be reached. A cluster out of reach hides no row: it has no status then.

        """
        path = ClusterPath.of(self.settings)
        path.require(asked)
        chosen = parse_filter(text) if api.runs and text else None
        records = [record for record in self._records(chosen) if listed(record)]
        words = self._words(records)
        rows = [self._row(record, words.get(record.name), api, path) for record in records]
        kept = tuple(row for row in rows if chosen is None or _matches(row, chosen))
        return Reply(200, RowList(value=kept).to_json())

    def _job(self, body: FlinkJobProperties) -> JobName:
        """Return the job that a body names, by its name or by its run id."""
        if body.job_name:
            return JobName(body.job_name)
        if not body.run_id:
            raise Refused("properties.jobName: Field required", code="InvalidBody", status=400)
        for record in self.ledger.records():
            if listed(record) and run_id(record, self._shown(record)) == body.run_id:
                return record.name
        raise NotFound(f"There is no job with runId '{body.run_id[:64]}'.", code="JobNotFound")

    def _records(self, chosen: Filter | None) -> Iterable[JobRecord]:
        if chosen is None or chosen.field != "jobname":
            return self.ledger.records()
        try:
            record = self.ledger.read(JobName(chosen.value))
        except Refused:  # no job can have that name
            return []
        return [record] if record else []

    def _words(self, records: list[JobRecord]) -> dict[JobName, str]:
        try:
            return dict(self.cluster.statuses({record.name: record for record in records}))
        except Unavailable:
            return {}

    def _row(self, record: JobRecord, word: str | None, api: ApiVersion, path: ClusterPath) -> Row:
        jars = self.settings.job_jar_directory
        return row_of(record, self._shown(record), word, api=api, path=path, jars=jars)

    def _shown(self, record: JobRecord) -> Operation | None:
        """Return the operation that a row tells of: the newest that somebody asked for."""
        waiting = [operation for operation in record.open if told(operation)]
        if waiting:
            return waiting[-1]
        if record.last is None:
            return None
        last = self.ledger.closed(record.last.id) or remembered(record, record.last)
        if told(last):
            return last
        closed = (operation for operation in self.ledger.operations(record.name) if operation.result)
        return next((operation for operation in closed if told(operation)), None)


def parse_filter(text: str) -> Filter:
    """Read `$filter`.

    Raises:
        Refused: it is neither `jobName eq X` nor `jarName eq X` (400).

    """
    match = _FILTER.fullmatch(text)
    if match is None:
        raise Refused(
            "The $filter is invalid. Allowed value is 'jobName eq {jobName}' or 'jarName eq {jarName}'.",
            code="InvalidFilter",
            status=400,
        )
    return Filter(match[1].lower(), match[2])


def common_headers(given: str | None) -> dict[str, str]:
    """Return what every reply of ARM carries; a caller's own correlation id comes back."""
    number = str(uuid.uuid4())
    correlation = given if given and re.fullmatch(r"[0-9A-Za-z-]{1,64}", given) else number
    return {
        "Cache-Control": "no-cache",
        "Pragma": "no-cache",
        "Expires": "-1",
        "x-ms-request-id": number,
        "x-ms-correlation-request-id": correlation,
    }


def _matches(row: Row, chosen: Filter) -> bool:
    value = row.properties.job_name if chosen.field == "jobname" else row.properties.jar_name
    return value == chosen.value
