"""What does the gateway say of a runJob itself: that it was taken, and later that it is over?

    operation   202 of runJob                        operationStatuses
    ----------  -----------------------------------  ---------------------------------------------------------------
    open        the body `null`, and the same URL    InProgress, Retry-After; with GATEWAY_OPERATION_STATUS
                in Location and                      `submitted` only until the cluster was asked for something
    closed      Azure-AsyncOperation                 Succeeded, endTime; from 2023-11 {"jobStatus": "SUBMITTED"}, and
                                                     beside it `job`: the run's id and how this very operation ended

`Succeeded` stands for failed operations, too: so did the real service, whose callers read the outcome in the list.
Behind a front end the URL begins with the cluster's own path, so that a front end of several gateways can tell them
apart.
"""

from __future__ import annotations

import json
from datetime import datetime

from ..core.operations import Operation
from ..core.runs import asked_of
from .contract import PROVIDER, ApiVersion, ClusterPath, Reply, request_id, segment_of
from .rows import action_result, job_output

POLL_SECONDS = 1  # Retry-After of an operation that is open: without it stock clients look again after 30 s


def accepted(
    operation: Operation, api: ApiVersion, *, location: str, base_url: str, cluster: ClusterPath | None = None
) -> Reply:
    """Answer a runJob; `base_url` is how the caller reached us (`https://host`), `cluster` where the URL names it."""
    url = f"{base_url}{_path(operation, location, cluster)}?api-version={api.name}"
    headers = {"Location": url, "Azure-AsyncOperation": url, "x-ms-request-id": request_id(operation.id)}
    return Reply(202, "null", headers)


def status_reply(
    operation: Operation,
    api: ApiVersion,
    *,
    location: str,
    cluster: ClusterPath,
    below_cluster: bool = False,
    run: str | None = None,
    early: bool = False,
    copy_status: str | None = None,
) -> Reply:
    """Say whether the operation is over; `early`: or submitted. `run` is the one that it belongs to.

    `copy_status`: what became of the copy that the operation kept without a proof.

    {"id": "/providers/…/operationStatuses/28527709-…*93BE3F…", "name": "28527709-…*93BE3F…",
     "resourceId": "/subscriptions/…/clusters/flinkcluster", "status": "Succeeded",
     "startTime": "2023-09-15T04:18:47.1160518Z", "endTime": "2023-09-15T04:18:58.9750179Z", "properties": null}
    """
    ended = operation.result.ended_at if operation.result else operation.progressed_at if early else None
    document = {
        "id": _path(operation, location, cluster if below_cluster else None),
        "name": segment_of(operation.id),
        "resourceId": cluster.id,
        "status": "Succeeded" if ended else "InProgress",
        "startTime": _time(operation.requested_at),
        **({"endTime": _time(ended)} if ended else {}),
        "properties": {"jobStatus": "SUBMITTED"} if api.runs and ended else None,
        **({"job": _job(operation, run, copy_status)} if api.runs and ended else {}),
    }
    return Reply(200, json.dumps(document), {} if ended else {"Retry-After": str(POLL_SECONDS)})


def _path(operation: Operation, location: str, cluster: ClusterPath | None) -> str:
    root = cluster.id if cluster else f"/providers/{PROVIDER}/locations/{location}"
    return f"{root}/operationStatuses/{segment_of(operation.id)}"


def _job(operation: Operation, run: str | None, copy_status: str | None) -> dict[str, str]:
    r"""Say how one operation ended, in the words of a row, whatever was asked for since.

    {"jobName": "orders", "runId": "job-c5d-4b48-abba-5ee598dbd653", "action": "UPDATE", "actionResult": "FAILED",
     "jobOutput": "Job execution failed. \nFailed to download jar (2026-11-21T02:30:00.123456Z)"}
    """
    asked, result = asked_of(operation), operation.result
    word = action_result(asked, copy_status)
    said = {
        "jobName": operation.job,
        "runId": run,
        "action": asked.action,
        "actionResult": word,
        "jobOutput": job_output(asked, copy_status, word),
        "jobId": result and result.flink_job_id,
        "savepoint": result and result.savepoint,
        "restoredFrom": result and result.restored_from,
    }
    return {name: text for name, text in said.items() if text}


def _time(moment: datetime) -> str:
    """Write a time with the service's seven digits."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}0Z"
