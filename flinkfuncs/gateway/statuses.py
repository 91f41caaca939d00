"""What is told of a runJob itself: that it was taken, and later that it is over; never how it ended.

    operation   202 of runJob                        operationStatuses
    ----------  -----------------------------------  -----------------------------------------------------------
    open        the body `null`, and the same URL    InProgress, Retry-After
    closed      in Location and                      Succeeded, endTime; from 2023-11 {"jobStatus": "SUBMITTED"}
                Azure-AsyncOperation

`Succeeded` stands for failed operations, too: so did the real service, whose callers read the outcome in the list.
"""

from __future__ import annotations

import json
from datetime import datetime

from ..core.operations import Operation
from .contract import PROVIDER, ApiVersion, ClusterPath, Reply, request_id, segment_of

POLL_SECONDS = 1  # Retry-After of an operation that is open: without it stock clients look again after 30 s


def accepted(operation: Operation, api: ApiVersion, *, location: str, base_url: str) -> Reply:
    """Answer a runJob; `base_url` is how the caller reached us (`https://host`)."""
    url = f"{base_url}{_path(operation, location)}?api-version={api.name}"
    headers = {"Location": url, "Azure-AsyncOperation": url, "x-ms-request-id": request_id(operation.id)}
    return Reply(202, "null", headers)


def status_reply(operation: Operation, api: ApiVersion, *, location: str, cluster: ClusterPath) -> Reply:
    """Say whether the operation is over.

    {"id": "/providers/…/operationStatuses/28527709-…*93BE3F…", "name": "28527709-…*93BE3F…",
     "resourceId": "/subscriptions/…/clusters/flinkcluster", "status": "Succeeded",
     "startTime": "2023-09-15T04:18:47.1160518Z", "endTime": "2023-09-15T04:18:58.9750179Z", "properties": null}
    """
    result = operation.result
    document = {
        "id": _path(operation, location),
        "name": segment_of(operation.id),
        "resourceId": cluster.id,
        "status": "Succeeded" if result else "InProgress",
        "startTime": _time(operation.requested_at),
        **({"endTime": _time(result.ended_at)} if result else {}),
        "properties": {"jobStatus": "SUBMITTED"} if api.runs and result else None,
    }
    return Reply(200, json.dumps(document), {} if result else {"Retry-After": str(POLL_SECONDS)})


def _path(operation: Operation, location: str) -> str:
    return f"/providers/{PROVIDER}/locations/{location}/operationStatuses/{segment_of(operation.id)}"


def _time(moment: datetime) -> str:
    """Write a time with the service's seven digits."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}0Z"
