"""What are the calls of the ARM API made of? Each translates, asks the intake or the ledger, and translates back.

    call                           reads                            changes
    -----------------------------  -------------------------------  ------------------------
    run_job                        a key, a listing for a runId     one operation is recorded
    operation_status               one record, one operation; one   nothing
                                   call to Flink after UNPROVEN
    jobs                           one listing                      nothing
    resource, provider             settings                         nothing

The rule that must never break: nothing is read or recorded for a caller who was not admitted; the trigger admits first.
"""

from __future__ import annotations

import base64
import re
import uuid
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import urlencode

from ..clients.ledger import Ledger
from ..clients.published_keys import Keys
from ..clients.tokens import Caller, Callers
from ..clusters.cluster import Cluster
from ..core.actions import Action
from ..core.errors import NotFound, Refused, Unavailable
from ..core.histories import run_of, runs_of
from ..core.idempotency import Keyed, keyed
from ..core.jobs import JobRecord, RecordedCopy
from ..core.names import JobName
from ..core.operations import Cause, Operation, Request, job_of
from ..core.runs import Run, asked_of
from ..settings import Settings
from .bodies import FlinkJobProperties, parse_body, request_of
from .contract import (
    CLUSTERS,
    POOLS,
    ApiVersion,
    ClusterPath,
    Reply,
    described,
    no_such_operation,
    operation_of,
    provider_reply,
)
from .rows import NO_STATUS, Row, RowList, row_of
from .statuses import accepted, status_reply

_FILTER = re.compile(
    r"\s*(jobName|jarName)\s+eq\s+(?:'((?:[^']|'')+)'|\"([^\"]+)\"|([^'\"\s](?:[^'\"]*[^'\"\s])?))\s*", re.IGNORECASE
)
_NOT_ONE = re.compile(r"\s(?:eq|ne|and|or)\s", re.IGNORECASE)  # in a value without quotes
MOST_ROWS = 1000  # in one page
GONE = "VANISHED"  # the status of a copy that no record names any more


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


@dataclass(frozen=True)
class ListQuery:
    """Which rows, and which part of them: `$filter`, `$top`, and `$skiptoken`, which only nextLink gives out."""

    filter: str | None = None
    top: int = MOST_ROWS
    behind: str | None = None  # the job and the row's last segment of the last row of the page before

    @property
    def chosen(self) -> Filter | None:
        """The filter, where there is one.

        Raises:
            Refused: it is none that the API has (400).

        """
        return parse_filter(self.filter) if self.filter else None

    def behind_row(self, row: str, api: str) -> str:
        """Return the query of the next page."""
        word = base64.urlsafe_b64encode(row.encode()).decode().rstrip("=")
        said = {"api-version": api, "$filter": self.filter, "$top": str(self.top), "$skiptoken": word}
        return urlencode({name: text for name, text in said.items() if text}, safe="$")


def parse_list_query(chosen: str | None, top: str | None, word: str | None) -> ListQuery:
    """Read the three parameters; a page has at most MOST_ROWS rows.

    Raises:
        Refused: `$top` or `$skiptoken` cannot be read (400).

    """
    if top is not None and not (top.isascii() and top.isdecimal() and int(top[:9])):
        raise Refused(
            f"The value '{top[:32]}' of $top is invalid: it is a whole number of at least 1.",
            code="InvalidQueryParameterValue",
            status=400,
        )
    return ListQuery(chosen, min(int(top[:9]), MOST_ROWS) if top else MOST_ROWS, _skipped(word) if word else None)


def _skipped(word: str) -> str:
    try:
        return base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True).decode("ascii")
    except ValueError:
        raise Refused("The $skiptoken is invalid.", code="InvalidQueryParameterValue", status=400) from None


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
        forwarded: bool = False,
        key: str | None = None,
    ) -> Reply:
        """Record what a runJob asks for; 202 and where to look, twice the same URL, and the body `null`.

        `forwarded`: through a front end, for which the URL names the cluster. `key` is the caller's
        idempotency key: with it, the same body is the same operation, whichever run id it names.

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
        job = job_of(known) if known else self._job(properties, api)
        operation = self.intake.request(job, request, cause, call)
        cluster = path if forwarded else None
        location = self.settings.gateway_location
        return accepted(operation, api, location=location, base_url=base_url, cluster=cluster)

    def operation_status(self, api: ApiVersion, place: str | ClusterPath, segment: str) -> Reply:
        """Say whether a runJob is over. `Succeeded` means no more than that; `place` is a location, or the cluster.

        Raises:
            NotFound: this gateway never gave out that id, or the operation is long gone.
            Unavailable: storage cannot be reached.

        """
        path, location = ClusterPath.of(self.settings), self.settings.gateway_location
        if isinstance(place, ClusterPath):
            path.require(place)
        elif place.lower() != location.lower():
            raise no_such_operation(segment)
        record, operation = self._found_operation(segment)
        return status_reply(
            operation,
            api,
            location=location,
            cluster=path,
            below_cluster=isinstance(place, ClusterPath),
            run=run_of(record, operation) if record else operation.run,
            early=self.settings.gateway_operation_status == "submitted" and operation.acted,
            copy_status=self._copy_status(record, operation) if record else None,
        )

    def _copy_status(self, record: JobRecord, operation: Operation) -> str | None:
        """Ask what became of the copy that an operation kept without a proof; of any other nothing is asked."""
        if asked_of(operation).unproven is None or operation.result is None:
            return None
        copies = [run.ran for run in runs_of(record)] + [record.previous]
        kept = next((copy for copy in copies if copy and copy.flink_job_id == operation.result.flink_job_id), None)
        if kept is None or kept.ended:
            return kept.ended if kept else GONE
        word = self._words({record.name: runs_of(record)[0]}).get(record.name)
        return None if word in NO_STATUS else word

    def _found_operation(self, segment: str) -> tuple[JobRecord | None, Operation]:
        number = operation_of(segment)
        record = self.ledger.read(job_of(number))
        operation = (record and record.known(number)) or self.ledger.closed(number)
        if operation is None:
            raise no_such_operation(segment)
        return record, operation

    def resource(self, asked: ClusterPath) -> Reply:
        """Describe the cluster, or its pool where no cluster is named: enough for callers that look for it.

        Raises:
            NotFound: the path is another cluster's.

        """
        path = ClusterPath.of(self.settings)
        path.require(asked if asked.cluster else replace(asked, cluster=path.cluster))
        location = self.settings.gateway_location
        if asked.cluster:
            facts = {"clusterType": "Flink", "status": "Running", "provisioningState": "Succeeded"}
            return described(path.id, CLUSTERS, path.cluster, location, facts)
        facts = {"status": "Running", "provisioningState": "Succeeded"}
        return described(path.pool_id, POOLS, path.pool, location, facts)

    def provider(self, subscription: str) -> Reply:
        """Describe the provider, for callers that look up which api-versions a type has.

        Raises:
            NotFound: the path is another subscription's.

        """
        path = ClusterPath.of(self.settings)
        path.require(replace(path, subscription=subscription))
        return provider_reply(path.subscription, self.settings.gateway_location)

    def jobs(self, asked: ClusterPath, api: ApiVersion, query: ListQuery, *, base_url: str) -> Reply:
        """List the runs, by one listing of the records and one call to Flink.

        Raises:
            NotFound: the path is another cluster's.
            Unavailable: storage cannot be reached. A cluster out of reach hides no row: it has no status then.

        """
        path = ClusterPath.of(self.settings)
        path.require(asked)
        chosen = query.chosen if api.runs else None  # older versions do not have it and do not look at it
        found = self._found(chosen, api)
        words = self._words({job: runs[-1] for job, runs in found.items()})
        jars = self.settings.job_jar_directory
        rows = [
            row_of(job, run, _word(run, words.get(job), newest=run is runs[-1]), api=api, path=path, jars=jars)
            for job, runs in sorted(found.items())
            for run in runs
        ]
        kept = [row for row in rows if chosen is None or _matches(row, chosen)]
        return Reply(200, _page(kept, query, f"{base_url}{path.id}/jobs", api).to_json())

    def _job(self, body: FlinkJobProperties, api: ApiVersion) -> JobName:
        """Return the job that a body names, by its name, by its run id, or by both, as a row that is sent back does."""
        if body.job_name:
            job = JobName(body.job_name)
            if body.run_id and api.runs and body.action.upper() != Action.NEW:
                _require_newest(self._named(job), body.run_id)
            return job
        if not body.run_id:
            raise Refused("properties.jobName: Field required", code="InvalidBody", status=400)
        every = self.ledger.runs()
        _require_newest(every, body.run_id)
        for job, runs in every.items():
            if runs[0].id == body.run_id:
                return job
        raise NotFound(f"There is no job with runId '{body.run_id[:64]}'.", code="JobNotFound")

    def _found(self, chosen: Filter | None, api: ApiVersion) -> dict[JobName, tuple[Run, ...]]:
        """Return the runs that may be listed, the newest of each job last."""
        found = self._named(chosen.value) if chosen and chosen.field == "jobname" else self.ledger.runs()
        return {job: tuple(reversed(runs if api.runs else runs[:1])) for job, runs in found.items()}

    def _named(self, name: str) -> dict[JobName, tuple[Run, ...]]:
        try:
            job = JobName(name)
        except Refused:  # no job can have that name
            return {}
        record = self.ledger.read(job)
        runs = self.ledger.runs_in(record) if record else ()
        return {job: runs} if runs else {}

    def _words(self, runs: dict[JobName, Run]) -> dict[JobName, str]:
        try:
            return dict(self.cluster.statuses({job: AsRecorded(run) for job, run in runs.items()}))
        except Unavailable:
            return {}


@dataclass(frozen=True)
class AsRecorded:
    """A run, as what the cluster is asked for a word on."""

    run: Run
    wanted: object = None
    deleted: bool = False

    @property
    def current(self) -> RecordedCopy | None:
        """The copy that runs, or ran last."""
        return self.run.ran


def _require_newest(every: dict[JobName, tuple[Run, ...]], run_id: str) -> None:
    """Check that a run has not ended, as far as these jobs know it: what was meant for it would hit the one after it.

    Raises:
        Refused: it has (409).

    """
    for job, (newest, *ended) in every.items():
        if any(run.id == run_id for run in ended):
            message = f"The run '{run_id[:64]}' of job '{job}' has ended; its newest run is '{newest.id}'."
            raise Refused(message, code="RunEnded", status=409)


def _word(run: Run, word: str | None, *, newest: bool) -> str | None:
    if newest or run.ran is None:
        return word
    return run.ran.ended


def _page(rows: list[Row], query: ListQuery, url: str, api: ApiVersion) -> RowList:
    """Return the rows of one page, and where the next one is: behind a row, or where that is gone, its job's first."""
    first = 0
    if query.behind:
        job, _, last = query.behind.partition("/")
        ids = [row.id.rpartition("/")[2] for row in rows]
        later = (place for place, row in enumerate(rows) if row.properties.job_name >= job)
        first = ids.index(last) + 1 if last in ids else next(later, len(rows))
    page = rows[first : first + query.top]
    if len(rows) <= first + query.top:
        return RowList(value=tuple(page))
    last = f"{page[-1].properties.job_name}/{page[-1].id.rpartition('/')[2]}"
    return RowList(value=tuple(page), next_link=f"{url}?{query.behind_row(last, api.name)}")


def parse_filter(text: str) -> Filter:
    """Read `$filter`.

    Raises:
        Refused: it is neither `jobName eq X` nor `jarName eq X` (400).

    """
    match = _FILTER.fullmatch(text)
    if match is None or (match[4] and _NOT_ONE.search(match[4])):
        raise Refused(
            "The $filter is invalid. Allowed value is 'jobName eq {jobName}' or 'jarName eq {jarName}'.",
            code="InvalidFilter",
            status=400,
        )
    return Filter(match[1].lower(), match[2].replace("''", "'") if match[2] else match[3] or match[4])


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
