"""Versions, paths, operation ids, filters, errors: what holds for every call."""

from __future__ import annotations

import json

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import Denied, NotFound, Refused, Unavailable
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Outcome, operation_id
from flinkfuncs.gateway.contract import (
    ClusterPath,
    error_reply,
    operation_of,
    parse_api_version,
    request_id,
    segment_of,
)
from flinkfuncs.gateway.service import Filter, common_headers, is_on, parse_filter
from flinkfuncs.gateway.statuses import accepted, status_reply

from .made import AT, NEW, OLD, PATH, SETTINGS, VERSIONS, operation


@pytest.mark.parametrize("name", VERSIONS)
def test_every_version_of_the_api_is_known(name: str) -> None:
    """In any case, as ARM has it."""
    assert parse_api_version(name) == parse_api_version(name.upper())
    assert parse_api_version(name).name == name
    assert parse_api_version(f"{name}\n").name == name  # as a workflow stored it


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
    """Out and back, for every length of name; a caller may have changed the case, in which ARM sees no difference."""
    number = operation_id(JobName(job), at=AT, identity="x")
    for segment in (segment_of(number), segment_of(number).lower(), segment_of(number).upper()):
        assert operation_of(segment) == number
    assert segment_of(number).startswith(request_id(number) + "*")


GOOD = segment_of(operation().id)
FOREIGN = "28527709-43cb-4b9d-84b9-d6d221bb1e18*93BE3F5F38E851939A0189D16172AE096513F606F83B4B31C7549306E4C696F3"


@pytest.mark.parametrize(
    "segment",
    [
        "",
        "*",
        FOREIGN,
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


def test_an_operation_says_how_it_ended_and_to_which_run_it_belongs() -> None:
    """Beside what was recorded, from 2023-11 on: whatever was asked for of the job since."""
    failed = operation(Action.UPDATE, Outcome.ROLLED_BACK, "no").model_copy(update={"run": "job-1", "asked_as": "NEW"})
    document = json.loads(status_reply(failed, NEW, location="WESTUS3", cluster=PATH, run="job-1").body)
    assert (document["status"], document["properties"]) == ("Succeeded", {"jobStatus": "SUBMITTED"})
    assert document["job"] == {
        "jobName": "job1",
        "runId": "job-1",
        "action": "NEW",
        "actionResult": "FAILED",
        "jobOutput": "Job execution failed. \nno (2023-09-15T04:18:47.116051Z)",
    }
    assert "job" not in json.loads(status_reply(failed, OLD, location="WESTUS3", cluster=PATH, run="job-1").body)


def test_an_operation_that_is_submitted_may_count_as_succeeded() -> None:
    """Where the setting says so: then its result is in progress, and it has a time at which it was submitted."""
    reply = status_reply(operation(Action.UPDATE), NEW, location="WESTUS3", cluster=PATH, early=True)
    document = json.loads(reply.body)
    assert (document["status"], document["job"]["actionResult"]) == ("Succeeded", "IN_PROGRESS")
    assert document["endTime"]
    assert reply.headers == {}


def test_a_status_names_the_cluster_where_a_front_end_has_to_find_it() -> None:
    """In its URL, and in its id."""
    reply = accepted(operation(), OLD, location="WESTUS3", base_url="https://front", cluster=PATH)
    url = reply.headers["Location"].partition("?")[0]
    assert url.startswith(f"https://front{PATH.id}/operationStatuses/")
    status = status_reply(operation(), OLD, location="WESTUS3", cluster=PATH, below_cluster=True)
    assert f"https://front{json.loads(status.body)['id']}" == url


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
        ('jobName eq "orders"', Filter("jobname", "orders")),
        ("jarName eq 'my job.jar'", Filter("jarname", "my job.jar")),
        ("jarName eq my job.jar", Filter("jarname", "my job.jar")),
        ("jarName eq 'it''s.jar'", Filter("jarname", "it's.jar")),
    ],
)
def test_a_filter_names_a_job_or_a_jar(text: str, chosen: Filter) -> None:
    """With quotes of either kind or without, and with blanks."""
    assert parse_filter(text) == chosen


NO_FILTERS = ["orders", "status eq RUNNING", "jobName ne x", "jobName eq a or jarName eq b", "jobName eq 'a", " "]


@pytest.mark.parametrize("text", NO_FILTERS)
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
