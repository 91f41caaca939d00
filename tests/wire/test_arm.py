"""What the ARM client sends, follows and refuses to follow."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from flinkfuncs.clients.arm import ArmClient, RunJob
from flinkfuncs.core.actions import Action
from flinkfuncs.core.arm.seen import OperationState
from flinkfuncs.core.errors import Denied, FlinkFuncsError, Refused, Unanswered, Unavailable
from flinkfuncs.core.names import JobName

from .arm_samples import Clock, client
from .server import Answer, Fault, LocalServer, serving

JOB = JobName("job1")
STOP = RunJob(job_name=JOB, action=Action.STOP)
CLUSTER = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/Group"
    "/providers/Microsoft.HDInsight/clusterpools/ps-test-pool/clusters/flinkcluster"
)
OPERATION = "/providers/Microsoft.HDInsight/locations/WESTUS3/operationStatuses/2852-43cb*93BE?t=1&c=a%2Bb&s=c-d_e"


def page(*names: str, link: str | None = None) -> Answer:
    """A page of the list."""
    value = [{"id": f"{CLUSTER}/jobs/{name}", "properties": {"jobType": "FlinkJob", "jobName": name}} for name in names]
    return Answer(body={"value": value} | ({"nextLink": link} if link else {}))


def tokens(server: LocalServer) -> list[str]:
    """The tokens that arrived, in their order."""
    return [call.headers["Authorization"].removeprefix("Bearer ") for call in server.calls]


# ------------------------------------------------------------------------------------------------------------- runJob


@pytest.mark.parametrize("action", [a for a in Action if not a.takes_release])
def test_a_bare_action_is_sent_as_the_documents_show_it(action: Action) -> None:
    """Promise: jobType, jobName and action, no more."""
    with serving({"POST /runJob": [Answer(202)]}) as server:
        client(server).run_job(RunJob(job_name=JOB, action=action))
    [call] = server.calls
    assert call.path == f"{CLUSTER}/runJob?api-version=2023-06-01-preview"
    assert call.sent == {"properties": {"jobType": "FlinkJob", "jobName": "job1", "action": str(action)}}


def test_a_release_is_sent_with_every_field_of_the_api() -> None:
    """Promise: the names of the seed, and nothing that is not set."""
    properties = RunJob(
        job_name=JOB,
        action=Action.NEW,
        job_jar_directory="abfs://flinkjob@hilosa.dfs.core.windows.net/jars",
        jar_name="JarName",
        entry_class="Main",
        args="",
        save_point_name="savepoint-1",
        flink_configuration={"parallelism": "2", "savepoint.directory": "abfs://sp@acct/x"},
    )
    with serving({"POST /runJob": [Answer(202)]}) as server:
        client(server).run_job(properties)
    assert server.calls[0].sent == {
        "properties": {
            "jobType": "FlinkJob",
            "jobName": "job1",
            "jobJarDirectory": "abfs://flinkjob@hilosa.dfs.core.windows.net/jars",
            "jarName": "JarName",
            "entryClass": "Main",
            "args": "",
            "savePointName": "savepoint-1",
            "action": "NEW",
            "flinkConfiguration": {"parallelism": "2", "savepoint.directory": "abfs://sp@acct/x"},
        }
    }


def test_a_401_renews_the_token_once_and_sends_the_call_once_more() -> None:
    """Promise: a 401 was not carried out; a second one is the answer."""
    with serving({"POST /runJob": [Answer(401), Answer(202)]}) as server:
        client(server).run_job(STOP)
        assert tokens(server) == ["token-1", "token-2"]
    with serving({"POST /runJob": [Answer(401)]}) as server:
        with pytest.raises(Denied):
            client(server).run_job(STOP)
        assert server.count("POST") == 2


@pytest.mark.parametrize(
    ("answer", "kind", "arrived"),
    [
        (Fault.SILENCE, Unanswered, 1),
        (Fault.RESET_AFTER, Unanswered, 1),
        (Fault.HALF, Unanswered, 1),
        (Fault.RESET_BEFORE, Unanswered, 0),
        (Answer(500), Unanswered, 1),
        (Answer(429), Unavailable, 1),
        (Answer(503), Unavailable, 1),
        (Answer(400, {"error": {"code": "InvalidApiVersionParameter", "message": "no"}}), Refused, 1),
        (Answer(403, {"error": {"code": "AuthorizationFailed", "message": "no"}}), Denied, 1),
    ],
)
def test_a_run_job_is_never_repeated(answer: Answer | Fault, kind: type[FlinkFuncsError], arrived: int) -> None:
    """Promise: one POST, and an error that says whether it may have been carried out."""
    with serving({"POST /runJob": [answer]}) as server:
        with pytest.raises(FlinkFuncsError) as caught:
            client(server).run_job(STOP)
        assert (type(caught.value), server.count("POST")) == (kind, arrived)
        assert "token-1" not in str(caught.value)


def test_nothing_is_sent_until_retry_after_is_over() -> None:
    """Promise: ARM is left alone for as long as it asked, by every call."""
    clock = Clock()
    with serving({"POST /runJob": [Answer(429, headers={"Retry-After": "17"})], "GET /jobs": [page()]}) as server:
        arm = client(server, clock)
        for call in (lambda: arm.run_job(STOP), arm.jobs):
            with pytest.raises(Unavailable) as caught:
                call()
            assert caught.value.retry_after_seconds == 17
        assert len(server.calls) == 1
        clock.now += 17
        assert arm.jobs() == []


# --------------------------------------------------------------------------------------------------------- operations


def operation(server: LocalServer) -> str:
    """The URL of an operation on that server."""
    return server.url + OPERATION


def test_the_operation_url_is_followed_verbatim() -> None:
    """Promise: its query, signature and all, arrives as it was given."""
    with serving({"POST /runJob": [], "GET ": [Answer(body={"status": "Succeeded", "properties": None})]}) as server:
        server.answers["POST /runJob"] = [Answer(202, headers={"Location": operation(server)})]
        arm = client(server)
        url = arm.run_job(STOP).operation_url
        assert url == operation(server)
        assert arm.operation(url).state is OperationState.SUCCEEDED
        assert server.calls[-1].path == OPERATION


@pytest.mark.parametrize("header", ["Location", "Azure-AsyncOperation"])
@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:{port}",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1:1",
        "http://127.0.0.1:{port}@localhost:{port}",
        "http://localhost:{port}\\@127.0.0.1:{port}",  # requests and the standard library read it differently
        "",
    ],
)
def test_an_operation_elsewhere_is_not_followed(header: str, origin: str) -> None:
    """Promise: another host, scheme or port gets no request and no token; the call counts as accepted."""
    with serving({"POST /runJob": [], "GET ": [Answer(body={"status": "Succeeded"})]}) as server:
        elsewhere = origin.format(port=urlsplit(server.url).port) + OPERATION
        server.answers["POST /runJob"] = [Answer(202, headers={header: elsewhere})]
        arm = client(server)
        assert arm.run_job(STOP).operation_url is None
        with pytest.raises(Refused) as caught:
            arm.operation(elsewhere)
        assert caught.value.code == "ForeignUrl"
        assert server.count("GET") == 0


@pytest.mark.parametrize(
    ("answer", "state", "error"),
    [
        (Answer(body={"status": "Succeeded", "properties": {"jobStatus": "SUBMITTED"}}), OperationState.SUCCEEDED, ""),
        (Answer(body={"status": "InProgress"}), OperationState.RUNNING, ""),
        (Answer(202), OperationState.RUNNING, ""),
        (Answer(200, {"properties": {"jobName": "job1"}}), OperationState.SUCCEEDED, ""),
        (Answer(200, None), OperationState.SUCCEEDED, ""),
        (Answer(body={"status": "Failed", "error": {"code": "C", "message": "m"}}), OperationState.FAILED, "C: m"),
        (Answer(body={"status": "Canceled"}), OperationState.FAILED, "status Canceled"),
        (Answer(404), OperationState.UNKNOWN, ""),
    ],
)
def test_a_poll_tells_how_far_it_is(answer: Answer, state: OperationState, error: str) -> None:
    """Promise: both shapes of ARM's long-running operations, and one that was forgotten."""
    with serving({"GET ": [answer]}) as server:
        status = client(server).operation(operation(server))
    assert (status.state, status.error) == (state, error)


def test_an_operation_is_not_polled_before_its_retry_after() -> None:
    """Promise: the 202's Retry-After and each poll's."""
    clock = Clock()
    running = Answer(body={"status": "InProgress"}, headers={"Retry-After": "7"})
    with serving({"POST /runJob": [], "GET ": [running, Answer(body={"status": "Succeeded"})]}) as server:
        server.answers["POST /runJob"] = [Answer(202, headers={"Location": operation(server), "Retry-After": "5"})]
        arm = client(server, clock)
        url = arm.run_job(STOP).operation_url or ""
        waits = [arm.operation(url).retry_after_seconds]
        clock.now += 5
        waits += [arm.operation(url).retry_after_seconds, arm.operation(url).retry_after_seconds]
        assert (waits, server.count("GET")) == ([5, 7, 7], 1)
        clock.now += 7
        assert arm.operation(url).state is OperationState.SUCCEEDED


# --------------------------------------------------------------------------------------------------------------- list


def test_all_pages_are_read() -> None:
    """Promise: nextLink is followed to its end."""
    with serving({"GET p=3": [page("c")], "GET p=2": [], "GET /jobs": []}) as server:
        server.answers["GET p=2"] = [page("b", link=f"{server.url}/jobs?p=3")]
        server.answers["GET /jobs"] = [page("a", link=f"{server.url}/jobs?p=2")]
        assert [row.job_name for row in client(server).jobs()] == ["a", "b", "c"]


def test_pages_that_lead_in_a_circle_end_in_an_error() -> None:
    """Promise: no endless loop."""
    with serving({"GET /jobs": []}) as server:
        server.answers["GET /jobs"] = [page("a", link=f"{server.url}/jobs?p=2")]
        with pytest.raises(Unavailable) as caught:
            client(server).jobs()
        assert (caught.value.code, server.count("GET")) == ("EndlessList", 2)


def test_a_page_elsewhere_gets_no_token() -> None:
    """Promise: a nextLink to another host ends the listing."""
    with serving({"GET /jobs": [page("b")]}) as elsewhere, serving({"GET /jobs": []}) as server:
        server.answers["GET /jobs"] = [page("a", link=f"{elsewhere.url}/jobs")]
        with pytest.raises(Unavailable) as caught:
            client(server).jobs()
        assert caught.value.code == "ForeignUrl"
        assert elsewhere.calls == []


@pytest.mark.parametrize(
    ("version", "filters"), [("2023-06-01-preview", None), ("2023-11-01-preview", ["jobName eq job1"])]
)
def test_one_job_is_filtered_by_the_service_where_it_can(version: str, filters: list[str] | None) -> None:
    """Promise: `$filter` since 2023-11-01-preview; before, and whatever comes back, on this side."""
    with serving({"GET /jobs": [page("job1", "job10")]}) as server:
        rows = client(server, arm_api_version=version).jobs(JOB)
    query = parse_qs(urlsplit(server.calls[0].path).query)
    assert (query.get("$filter"), query["api-version"]) == (filters, [version])
    assert [row.job_name for row in rows] == ["job1"]


@pytest.mark.parametrize("raw", [b"<html>", b"", b'{"value": 1}', b"[]"])
def test_garbage_for_a_list_is_unavailable(raw: bytes) -> None:
    """Promise: an empty list is never read into it, which would look like a job that is gone."""
    with serving({"GET /jobs": [Answer(raw=raw)]}) as server, pytest.raises(Unavailable) as caught:
        client(server).jobs()
    assert caught.value.code == "BadAnswer"


def test_a_list_is_read_again_after_a_reset_and_a_401() -> None:
    """Promise: what changes nothing is repeated."""
    with serving({"GET /jobs": [Fault.RESET_AFTER, Answer(401), page("a")]}) as server:
        assert len(client(server).jobs()) == 1
        assert tokens(server) == ["token-1", "token-1", "token-2"]


def test_unknown_fields_are_ignored_and_absent_ones_are_none() -> None:
    """Promise: status and actionResult are free strings, and a fresh row has neither."""
    properties = {"jobName": "job1", "status": "NEVER-HEARD-OF", "somethingNew": {"a": 1}}
    with serving({"GET /jobs": [Answer(body={"value": [{"properties": properties, "x": 1}], "y": 2})]}) as server:
        [row] = client(server).jobs()
    assert (row.status, row.action_result, row.job_id) == ("NEVER-HEARD-OF", None, None)


def test_a_cluster_that_is_not_configured_is_named() -> None:
    """Promise: the missing setting stands in the error."""
    with serving({}) as server, pytest.raises(Unavailable, match="CLUSTER_POOL"):
        _: ArmClient = client(server, cluster_pool="")
