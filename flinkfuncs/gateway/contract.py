"""What holds for every call of the ARM API: its versions, its paths, its errors, and how an operation's id travels.

    api-version           actions                                rows end with   $filter   operationStatuses' properties
    --------------------  -------------------------------------  --------------  --------  -----------------------------
    2021-09-15-preview    nine                                   jobName         ignored   null
    2023-06-01-preview    nine                                   jobName         ignored   null
    2023-11-01-preview    … and LAST_STATE_UPDATE, RE_LAUNCH     runId           yes       {"jobStatus": "SUBMITTED"}
    2024-05-01-preview    as before                              runId           yes       as before
    2024-05-01            as before                              runId           yes       as before

The rule that must never break: a path that is not this gateway's own cluster gets 404, whoever asks.
"""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..core.actions import Action
from ..core.errors import FlinkFuncsError, NotFound, Refused, Unavailable
from ..core.operations import job_of
from ..settings import Settings

PROVIDER = "Microsoft.HDInsight"
POOLS, CLUSTERS = f"{PROVIDER}/clusterpools", f"{PROVIDER}/clusterpools/clusters"
LATER_ACTIONS = frozenset({Action.LAST_STATE_UPDATE, Action.RE_LAUNCH})
RETRY_SECONDS = 10  # for what is unavailable without saying for how long

# x-ms-request-id of a runJob, then the operation's own id: nothing more needs to be stored.
_SEGMENT = re.compile(r"([0-9a-f-]{36})\*((?:[0-9A-F]{2}){1,160})", re.IGNORECASE)
_GUIDS = uuid.UUID("6f0a1f0e-1a51-5c5e-9d0c-6f7065726174")


@dataclass(frozen=True)
class ApiVersion:
    """A version of the API; `runs` tells whether it knows run ids and what came with them."""

    name: str
    runs: bool

    def require(self, action: Action) -> Action:
        """Return the action if this version has it.

        Raises:
            Refused: it has not (400).

        """
        if not self.runs and action in LATER_ACTIONS:
            raise Refused(
                f"The action '{action}' is not part of api-version '{self.name}'; it came with 2023-11-01-preview.",
                code="UnsupportedAction",
                status=400,
            )
        return action


_VERSIONS = {
    name: ApiVersion(name, runs)
    for name, runs in [
        ("2021-09-15-preview", False),
        ("2023-06-01-preview", False),
        ("2023-11-01-preview", True),
        ("2024-05-01-preview", True),
        ("2024-05-01", True),
    ]
}


def parse_api_version(text: str | None) -> ApiVersion:
    """Return the version that a call names.

    Raises:
        Refused: it names none, or one that there is not (400).

    """
    if not text:
        raise Refused(
            "The api-version query parameter (?api-version=) is required for all requests.",
            code="MissingApiVersionParameter",
            status=400,
        )
    if version := _VERSIONS.get(text.strip().lower()):  # one that was stored with a line feed is sent with it
        return version
    raise Refused(
        f"The api-version '{text[:64]}' is invalid. The supported versions are '{','.join(_VERSIONS)}'.",
        code="InvalidApiVersionParameter",
        status=400,
    )


@dataclass(frozen=True)
class ClusterPath:
    """Which cluster a path names; ARM compares without regard to case."""

    subscription: str
    group: str
    pool: str
    cluster: str

    @classmethod
    def of(cls, settings: Settings) -> ClusterPath:
        """Return the path of the cluster that this gateway serves.

        Raises:
            Unavailable: a part of it is not set.

        """
        settings.require("cluster_subscription_id", "cluster_resource_group", "cluster_pool", "cluster_name")
        return cls(
            settings.cluster_subscription_id, settings.cluster_resource_group, settings.cluster_pool,
            settings.cluster_name,
        )  # fmt: skip

    @property
    def id(self) -> str:
        """The cluster's resource id."""
        root = f"/subscriptions/{self.subscription}/resourceGroups/{self.group}/providers/{PROVIDER}"
        return f"{root}/clusterpools/{self.pool}/clusters/{self.cluster}"

    @property
    def pool_id(self) -> str:
        """The resource id of the cluster's pool."""
        return self.id.rpartition("/clusters/")[0]

    def require(self, asked: ClusterPath) -> None:
        """Check that a call means this cluster.

        Raises:
            NotFound: it means another one; the message is worded as ARM does.

        """
        if asked.subscription.lower() != self.subscription.lower():
            raise NotFound(f"The subscription '{asked.subscription}' could not be found.", code="SubscriptionNotFound")
        if asked.group.lower() != self.group.lower():
            raise NotFound(f"Resource group '{asked.group}' could not be found.", code="ResourceGroupNotFound")
        if (asked.pool.lower(), asked.cluster.lower()) != (self.pool.lower(), self.cluster.lower()):
            raise NotFound(
                f"The Resource '{PROVIDER}/clusterpools/{asked.pool}/clusters/{asked.cluster}' under resource group "
                f"'{asked.group}' was not found.",
                code="ResourceNotFound",
            )


def request_id(operation: str) -> str:
    """Return the GUID that stands for a runJob: the same for the same operation."""
    return str(uuid.uuid5(_GUIDS, operation))


def segment_of(operation: str) -> str:
    """Write an operation's id as the real service wrote its own.

    28527709-43cb-4b9d-84b9-d6d221bb1e18*93BE3F5F38E851939A0189D16172AE096513F606F83B4B31C7549306E4C696F3
    """
    return f"{request_id(operation)}*{operation.encode().hex().upper()}"


def operation_of(segment: str) -> str:
    """Read an operation's id out of a URL's segment, in any case.

    Raises:
        NotFound: this gateway never wrote that segment.

    """
    match = _SEGMENT.fullmatch(segment)
    operation = bytes.fromhex(match[2]).decode("ascii", "replace") if match else ""
    if not match or match[1].lower() != request_id(operation):
        raise no_such_operation(segment)
    job_of(operation)
    return operation


def no_such_operation(segment: str) -> NotFound:
    """Name the operation that there is not."""
    return NotFound(f"The operation '{segment[:400]}' was not found.", code="ResourceNotFound")


@dataclass(frozen=True)
class Reply:
    """What goes back to the caller, as JSON."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


def described(number: str, kind: str, name: str, location: str, facts: Mapping[str, str]) -> Reply:
    """Describe a resource: {"id": "/subscriptions/…", "name": "…", "type": "…", "location": "…", "properties": {…}}."""
    document = {"id": number, "name": name, "type": kind, "location": location, "tags": {}, "properties": dict(facts)}
    return Reply(200, json.dumps(document))


def provider_reply(subscription: str, location: str) -> Reply:
    """Describe the provider: {"namespace": "Microsoft.HDInsight", "resourceTypes": [{"apiVersions": […]}]}."""
    versions = list(reversed(_VERSIONS))
    types = [
        {"resourceType": kind.partition("/")[2], "locations": [location], "apiVersions": versions}
        for kind in (POOLS, CLUSTERS)
    ]
    number = f"/subscriptions/{subscription}/providers/{PROVIDER}"
    document = {"id": number, "namespace": PROVIDER, "registrationState": "Registered", "resourceTypes": types}
    return Reply(200, json.dumps(document))


def no_such_path(method: str, path: str, allowed: str | None) -> Reply:
    """Answer what ARM would not serve: another verb on a path that there is (405), or no path of the API (404)."""
    if allowed and method != allowed:
        message = f"The requested resource does not support http method '{method}'."
        return Reply(405, json.dumps({"error": {"code": "MethodNotAllowed", "message": message}}), {"Allow": allowed})
    message = f"The resource or action '{path[:400]}' was not found in the namespace '{PROVIDER}'."
    return Reply(404, json.dumps({"error": {"code": "ResourceNotFound", "message": message}}))


def error_reply(error: FlinkFuncsError, settings: Settings) -> Reply:
    """Write an error in ARM's shape: {"error": {"code": "…", "message": "…"}}."""
    body = json.dumps({"error": {"code": error.code, "message": error.message}})
    if error.status == 401:
        return Reply(401, body, {"WWW-Authenticate": _challenge(error, settings)})
    if isinstance(error, Unavailable):
        seconds = RETRY_SECONDS if error.retry_after_seconds is None else max(1, math.ceil(error.retry_after_seconds))
        return Reply(error.status, body, {"Retry-After": str(seconds)})
    return Reply(error.status, body)


def _challenge(error: FlinkFuncsError, settings: Settings) -> str:
    tenant = f"{settings.gateway_authority.rstrip('/')}/{settings.gateway_tenant_id}"
    missing = error.code == "AuthenticationFailed" and error.message.endswith("missing.")
    why = "The authentication failed because of missing 'Authorization' header." if missing else error.message
    return f'Bearer authorization_uri="{tenant}", error="invalid_token", error_description="{why}"'
