"""How is the ARM Flink job API called? The one client of `runJob`, `operationStatuses` and `jobs`.

    call         what it does
    -----------  -----------------------------------------------------------------------------------------------
    run_job      POST …/runJob: sent once, whatever happens
    operation    GET of the URL that a runJob named, verbatim
    jobs         GET …/jobs, all pages

    answer       what is done about it
    -----------  -----------------------------------------------------------------------------------------------
    401          the token is renewed once and the call sent again: a 401 was not carried out
    429, 503     until Retry-After is over nothing is sent at all
    Retry-After  of a runJob or a poll: until it is over the operation is not polled

The rule that must never break: a token goes to the host of ARM_BASE_URL and nowhere else, whatever URL a reply names.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from ..core.actions import Action
from ..core.arm.row import Row
from ..core.arm.seen import OperationState, OperationStatus
from ..core.errors import NotFound, Refused, Unavailable, shortened
from ..core.model import Model
from ..core.names import JobName
from ..settings import Settings
from .http import Reply, Wire, raise_for

FILTERS_SINCE = "2023-11-01-preview"  # api-versions compare as text
MOST_PAGES = 1000
_PORTS = {"http": 80, "https": 443}


class Tokens(Protocol):
    """Where tokens come from; `credential.Credential` is it."""

    def token(self) -> str:
        """Return a token that is good for a while."""
        ...

    def renewed(self, refused: str) -> str:
        """Return another token than the refused one."""
        ...


class RunJob(Model):
    """The properties of a runJob body; what is None is left out.

    {"properties": {"jobType": "FlinkJob", "jobName": "orders", "action": "STOP"}}
    """

    job_type: str = "FlinkJob"
    job_name: JobName
    job_jar_directory: str | None = None
    jar_name: str | None = None
    entry_class: str | None = None
    args: str | None = None
    save_point_name: str | None = None
    action: Action
    flink_configuration: dict[str, str] | None = None


class _RunJobBody(Model):
    properties: RunJob


@dataclass(frozen=True)
class Accepted:
    """What a runJob was answered; a URL that leads to another host is none."""

    operation_url: str | None
    retry_after_seconds: float | None


class _Lenient(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class _Error(_Lenient):
    code: str | None = None
    message: str | None = None


class _Status(_Lenient):
    status: str | None = None
    error: _Error | None = None


class _Item(_Lenient):
    properties: Row


class _Page(_Lenient):
    value: list[_Item]
    next_link: str | None = None


class ArmClient:
    """Calls the job API of one cluster; used by any number of threads."""

    def __init__(
        self,
        settings: Settings,
        tokens: Tokens,
        *,
        clock: Callable[[], float] = time.monotonic,
        read_seconds: float | None = None,
    ) -> None:
        """Keep what is needed; nothing is sent. `read_seconds` is how long an answer may take."""
        timeout = min(read_seconds or settings.call_timeout_seconds, 60.0)
        self._wire = Wire(settings.arm_base_url, peer="arm", read_seconds=timeout)
        self._tokens = tokens
        self._version = settings.arm_api_version
        self._cluster = cluster_path(settings)
        self._clock = clock
        self._quiet_until = 0.0  # by the clock
        self._due: dict[str, float] = {}  # when an operation may be polled again, by the clock

    def run_job(self, properties: RunJob) -> Accepted:
        """Ask for an action, once.

        Raises:
            Refused: it was not carried out, and will not be.
            Unavailable: it was not carried out; later it may be.
            Unanswered: it may have been carried out.

        """
        body = _RunJobBody(properties=properties).model_dump(mode="json", by_alias=True, exclude_none=True)
        reply = raise_for(self._send("POST", f"{self._cluster}/runJob?api-version={quote(self._version)}", body))
        url = reply.headers.get("Azure-AsyncOperation") or reply.headers.get("Location")
        if url is None or not self._is_ours(url):
            return Accepted(None, reply.retry_after_seconds)
        self._due[url] = self._clock() + (reply.retry_after_seconds or 0.0)
        return Accepted(url, reply.retry_after_seconds)

    def operation(self, url: str) -> OperationStatus:
        """Ask how far a runJob is. A Location without a status document says 202 until it is done, then 200.

        Raises:
            Refused: the URL leads to another host, or this caller may not.
            Unavailable: it cannot be asked now.

        """
        left = self._due.get(url, 0.0) - self._clock()
        if left > 0:
            return OperationStatus(OperationState.RUNNING, retry_after_seconds=left)
        status = self._polled(url)
        self._due.pop(url, None)
        if status.state is OperationState.RUNNING and status.retry_after_seconds:
            self._due[url] = self._clock() + status.retry_after_seconds
        return status

    def _polled(self, url: str) -> OperationStatus:
        try:
            reply = raise_for(self._get(url))
        except NotFound:
            return OperationStatus(OperationState.UNKNOWN)
        if reply.status == 202 or reply.body.strip() in (b"", b"null"):
            done = OperationState.RUNNING if reply.status == 202 else OperationState.SUCCEEDED
            return OperationStatus(done, retry_after_seconds=reply.retry_after_seconds)
        return _operation_status(reply)

    def jobs(self, name: JobName | None = None) -> list[Row]:
        """List the jobs, or the rows of one job.

        Raises:
            Refused: this caller may not.
            Unavailable: they cannot be listed now, or a page leads to another host or to a page before it.

        """
        narrowed = name is not None and self._version >= FILTERS_SINCE
        query = f"&$filter={quote(f'jobName eq {name}')}" if narrowed else ""
        url: str | None = f"{self._wire.base_url}{self._cluster}/jobs?api-version={quote(self._version)}{query}"
        rows: list[Row] = []
        seen: set[str] = set()
        while url:
            if url in seen or len(seen) >= MOST_PAGES:
                raise Unavailable("the pages of the job list lead in a circle", code="EndlessList")
            if not self._is_ours(url):
                raise Unavailable(f"a page of the job list leads to {_host(url)}", code="ForeignUrl")
            seen.add(url)
            page = raise_for(self._get(url)).parsed(_Page)
            rows += [item.properties for item in page.value]
            url = page.next_link
        return [row for row in rows if name is None or row.job_name == name]

    def _get(self, url: str) -> Reply:
        if not self._is_ours(url):
            raise Refused(f"a reply leads to {_host(url)}, which is not ARM_BASE_URL", code="ForeignUrl")
        return self._send("GET", url, None)

    def _send(self, method: str, path: str, body: Mapping[str, object] | None) -> Reply:
        self._keep_quiet()
        token = self._tokens.token()
        reply = self._send_with(token, method, path, body)
        if reply.status == 401:
            reply = self._send_with(self._tokens.renewed(token), method, path, body)
        if reply.status in (429, 503) and reply.retry_after_seconds:
            self._quiet_until = max(self._quiet_until, self._clock() + reply.retry_after_seconds)
        return reply

    def _send_with(self, token: str, method: str, path: str, body: Mapping[str, object] | None) -> Reply:
        return self._wire.send(method, path, headers={"Authorization": f"Bearer {token}"}, body=body)

    def _keep_quiet(self) -> None:
        left = self._quiet_until - self._clock()
        if left > 0:
            raise Unavailable(
                f"ARM asked for {left:.0f} s of quiet (Retry-After)", code="Busy", retry_after_seconds=left
            )

    def _is_ours(self, url: str) -> bool:
        return (origin := _origin(url)) is not None and origin == _origin(self._wire.base_url)


def cluster_path(settings: Settings) -> str:
    """Return the ARM path of the cluster.

    Raises:
        Unavailable: a setting that is a part of it is missing.

    """
    settings.require("cluster_subscription_id", "cluster_resource_group", "cluster_pool", "cluster_name")
    group, pool, cluster = (
        quote(part, safe="") for part in (settings.cluster_resource_group, settings.cluster_pool, settings.cluster_name)
    )
    subscription = quote(settings.cluster_subscription_id, safe="")
    return (
        f"/subscriptions/{subscription}/resourceGroups/{group}"
        f"/providers/Microsoft.HDInsight/clusterpools/{pool}/clusters/{cluster}"
    )


def _operation_status(reply: Reply) -> OperationStatus:
    """Read a status document; anything else that came with 200 is the result itself.

    {"status": "Succeeded", "startTime": "…", "endTime": "…", "properties": null}
    {"status": "Failed", "error": {"code": "FlinkJobFailed", "message": "…"}}
    """
    document = reply.parsed(_Status)
    match (document.status or "succeeded").lower():
        case "succeeded":
            state = OperationState.SUCCEEDED
        case "failed" | "canceled" | "cancelled":
            state = OperationState.FAILED
        case _:
            state = OperationState.RUNNING
    error = document.error or _Error()
    words = shortened(": ".join(filter(None, (error.code, error.message))) or f"status {document.status}")
    return OperationStatus(
        state, words if state is OperationState.FAILED else "", retry_after_seconds=reply.retry_after_seconds
    )


def _origin(url: str) -> tuple[str, str, int | None] | None:
    """Return scheme, host and port; None of a URL that two parsers could read in two ways."""
    if "\\" in url or not url.isprintable():
        return None
    try:
        parts = urlsplit(url)
        if "@" in parts.netloc:
            return None
        return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None


def _host(url: str) -> str:
    return shortened(urlsplit(url).netloc.rpartition("@")[2], 64)
