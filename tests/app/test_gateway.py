"""The ARM gateway in the local host: who is let in, what the recorded calls get, and the stock SDK as a caller.

The cluster does not answer here, so every operation ends as FAILED after two seconds: what the real service's own
recordings show, too.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from localcloud.identity_process import Identity
from localcloud.processes import Processes
from tests.recordings import recording

from .app import RunningApp, eventually
from .conftest import StartApp

AUDIENCE = "https://management.azure.com"
APP_ID = "7b1f0c9e-0000-4000-8000-000000000001"
STRANGER = "7b1f0c9e-0000-4000-8000-000000000002"
RECORDED = recording("runjob-new-2023-06")
RUN = RECORDED.exchange("run").path
LIST = RECORDED.exchange("list").path
POLL = "/providers/Microsoft.HDInsight/locations/WESTUS3/operationStatuses"
CLUSTER = LIST.partition("/jobs?")[0]
VERSION = "?api-version=2024-05-01"
CALLS = [
    ("POST", RUN),
    ("GET", LIST),
    ("GET", f"{POLL}/x{VERSION}"),
    ("GET", CLUSTER + VERSION),
    ("GET", CLUSTER.rpartition("/clusters/")[0] + VERSION),
    ("DELETE", CLUSTER + VERSION),
    ("PUT", RUN),
    ("GET", f"{CLUSTER}/anything"),
    ("PATCH", "/subscriptions/x"),
    ("GET", "/providers/Microsoft.HDInsight"),
]
READER = "7b1f0c9e-0000-4000-8000-000000000003"


@dataclass(frozen=True)
class Caller:
    """A program that calls the gateway."""

    app: RunningApp
    identity: Identity

    def token(self, **claims: str | int) -> str:
        good: dict[str, str | int] = {"aud": AUDIENCE, "oid": "o", "appid": APP_ID}
        return self.identity.sign(**(good | claims))

    def call(self, method: str, path: str, body: object = None, *, authorization: str | None = "") -> requests.Response:
        """Send a call; without a word on authorization it carries a good token."""
        value = f"Bearer {self.token()}" if authorization == "" else authorization
        with requests.Session() as session:
            session.trust_env = False
            return session.request(
                method,
                self.app.host.url + path,
                headers={"Authorization": value} if value else {},
                json=body,
                timeout=60,
            )

    def run(self, properties: Mapping[str, object], api: str = "2023-06-01-preview") -> requests.Response:
        body = {"properties": {"jobType": "FlinkJob", **properties}}
        return self.call("POST", RUN.partition("?")[0] + f"?api-version={api}", body)

    def rows(self, api: str = "2023-06-01-preview", query: str = "") -> list[dict[str, Any]]:
        reply = self.call("GET", LIST.partition("?")[0] + f"?api-version={api}{query}")
        reply.raise_for_status()
        rows: list[dict[str, Any]] = reply.json()["value"]
        return rows

    def ended(self, job: str, api: str = "2023-06-01-preview") -> dict[str, Any]:
        """Return a job's row once it is no longer in progress."""

        def row() -> dict[str, Any] | None:
            found = [r for r in self.rows(api) if r["properties"]["jobName"] == job]
            return found[0] if found and found[0]["properties"].get("actionResult") != "IN_PROGRESS" else None

        return eventually(row) or {}


@pytest.fixture(scope="module")
def identity(processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> Identity:
    started = Identity(processes, tmp_path_factory.mktemp("identity"))
    started.wait_until_ready()
    return started


@pytest.fixture(scope="module")
def settings(identity: Identity) -> dict[str, str]:
    return {
        "UNREACHABLE_SECONDS": "2",
        "CLUSTER_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000000",
        "CLUSTER_RESOURCE_GROUP": "Group",
        "CLUSTER_POOL": "ps-test-pool",
        "CLUSTER_NAME": "flinkcluster",
        "GATEWAY_TENANT_ID": identity.tenant,
        "GATEWAY_AUTHORITY": identity.url,
        "GATEWAY_ALLOWED_PRINCIPALS": f"{APP_ID},{READER}=reader",
        "GATEWAY_FRONT_ENDS": "10.9.8.0/24",
        "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": str(1024 * 1024),
        "GATEWAY_LOCATION": "WESTUS3",
        "REQUESTS_CA_BUNDLE": str(identity.certificates.ca),
        "JOB_JAR_DIRECTORY": "abfs://flinkjob@hilosa.dfs.core.windows.net/jars",
    }


@pytest.fixture(scope="module")
def caller(start_app: StartApp, identity: Identity, settings: dict[str, str], account: str) -> Caller:
    return Caller(start_app("gateway", {**settings, "JOB_JARS": account}), identity)


def arm_error(reply: requests.Response) -> tuple[int, str]:
    """Return status and code of an error, and check that it has ARM's shape."""
    document = reply.json()
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert document.keys() == {"error"}
    assert document["error"].keys() == {"code", "message"}
    assert document["error"]["message"]
    return reply.status_code, document["error"]["code"]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_without_configuration_there_is_no_gateway(
    app: RunningApp, empty_app: RunningApp, identity: Identity, method: str, path: str
) -> None:
    """404 without a word, with a good token and without: also in an app that has no settings at all."""
    for off in (app, empty_app):
        for authorization in ("", None):
            reply = Caller(off, identity).call(method, path, {}, authorization=authorization)
            assert (reply.status_code, reply.content) == (404, b"")


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_bad_token_gets_arms_401(caller: Caller, method: str, path: str) -> None:
    """None, garbage, expired, wrong audience, wrong issuer, unsigned; a stranger gets 403."""
    now = int(time.time())
    bad = {
        None: "AuthenticationFailed",
        "Basic eDp5": "AuthenticationFailed",
        "Bearer None": "InvalidAuthenticationToken",
        f"Bearer {caller.token(exp=now - 7200)}": "ExpiredAuthenticationToken",
        f"Bearer {caller.token(aud='https://vault.azure.net')}": "InvalidAuthenticationToken",
        f"Bearer {caller.token(iss='https://sts.windows.net/x/')}": "InvalidAuthenticationToken",
        f"Bearer {caller.token(tid='other')}": "InvalidAuthenticationToken",
        f"Bearer {caller.token().rpartition('.')[0]}.": "InvalidAuthenticationToken",
    }
    for authorization, code in bad.items():
        reply = caller.call(method, path, {}, authorization=authorization)
        assert arm_error(reply) == (401, code)
        challenge = reply.headers["www-authenticate"]
        authority = f'Bearer authorization_uri="{caller.identity.url}/{caller.identity.tenant}"'
        assert challenge.startswith(f'{authority}, error="invalid_token", error_description="')
    stranger = caller.call(method, path, {}, authorization=f"Bearer {caller.token(appid=STRANGER)}")
    assert arm_error(stranger) == (403, "AuthorizationFailed")
    assert STRANGER not in caller.app.log()


@pytest.mark.parametrize("audience", [AUDIENCE, "https://management.core.windows.net/"])
def test_a_token_that_arm_takes_is_taken(caller: Caller, audience: str) -> None:
    """What the SDKs ask for, and what Azure's command line asks for, without a setting."""
    assert caller.call("GET", LIST, authorization=f"Bearer {caller.token(aud=audience)}").status_code == 200


def test_a_function_key_opens_nothing(caller: Caller) -> None:
    """The routes are anonymous to keys: only a token counts."""
    for reply in (caller.app.get(LIST), caller.app.get(f"{LIST}&code=functions-key")):
        assert arm_error(reply) == (401, "AuthenticationFailed")


def test_the_recorded_calls_get_the_recorded_replies(caller: Caller) -> None:
    """POST, poll and list as the real service's recording has them, down to the job that cannot be launched."""
    recorded = RECORDED.exchange("run")
    reply = caller.call("POST", RUN, recorded.request)
    assert (reply.status_code, reply.content) == (recorded.status, b"null")
    assert reply.headers["content-type"] == recorded.headers["Content-Type"]
    ours = {name.lower() for name in reply.headers}
    assert {name for name in recorded.headers if name.lower() not in ours} == {
        "x-ms-ratelimit-remaining-subscription-writes"  # the front door's, not the provider's
    }
    location = reply.headers["location"]
    assert location == reply.headers["azure-asyncoperation"]
    assert "retry-after" not in reply.headers
    number = reply.headers["x-ms-request-id"]
    form = rf"{re.escape(caller.app.host.url + POLL)}/{number}\*[0-9A-F]+\?api-version=2023-06-01-preview"
    assert re.fullmatch(form, location)

    def poll() -> dict[str, Any] | None:
        reply = caller.call("GET", location.removeprefix(caller.app.host.url))
        document: dict[str, Any] = reply.json()
        assert ("retry-after" in reply.headers) == (document["status"] == "InProgress")
        return document if document["status"] != "InProgress" else None

    document = eventually(poll)
    expected = RECORDED.exchange("poll").body
    assert isinstance(expected, dict)
    assert document
    assert list(document) == list(expected)
    for field in ("resourceId", "status", "properties"):
        assert document[field] == expected[field]

    below = f"{CLUSTER}/operationStatuses/{document['name']}"
    same = caller.call("GET", f"{below}?api-version=2023-06-01-preview").json()
    assert same == document | {"id": below}

    row = caller.ended("job1")
    recorded_list = RECORDED.exchange("list").body
    assert isinstance(recorded_list, dict)
    shown = json.loads(json.dumps(recorded_list))["value"][0]
    assert list(row) == list(shown)
    assert list(row["properties"]) == list(shown["properties"])
    assert row["id"] == shown["id"]
    for field in ("jobType", "jobName", "jarName", "action", "args", "flinkConfiguration", "status", "actionResult"):
        assert row["properties"][field] == shown["properties"][field]
    assert row["properties"]["jobOutput"].startswith("Job execution failed. \n")


def test_the_place_to_look_is_where_the_caller_came_from(caller: Caller) -> None:
    """Behind a front end that takes the TLS off, too: no client follows a URL to http with its token."""
    body = json.dumps({"properties": {"jobType": "FlinkJob", "jobName": "forwarded", "action": "NEW"}}).encode()
    for proto, scheme in (("https, http", "https"), ("http", "http"), ("gopher", "http")):
        headers = {"Authorization": f"Bearer {caller.token()}", "X-Forwarded-Proto": proto}
        location = caller.app.post(RUN, body, headers=headers).headers["location"]
        assert location.startswith(f"{scheme}://{urlsplit(caller.app.host.url).netloc}/providers/")


def test_a_run_job_that_is_repeated_with_its_key_is_one_operation(caller: Caller) -> None:
    """Under either header; errors are in ARM's form, and a caller without a token gets no further than before."""

    def run(action: str, **headers: str) -> requests.Response:
        properties = {"jobType": "FlinkJob", "jobName": "keyed", "action": action}
        sent = {"Authorization": f"Bearer {caller.token()}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        return caller.app.post(RUN, json.dumps({"properties": properties}).encode(), headers=sent)

    first = run("NEW", Idempotency_Key="a")
    again = run("NEW", Repeatability_Request_ID="a", Idempotency_Key="a")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.headers["location"] == again.headers["location"] != run("NEW").headers["location"]
    assert arm_error(run("STOP", Idempotency_Key="a")) == (422, "KeyReused")
    assert arm_error(run("NEW", Idempotency_Key="a", Repeatability_Request_ID="b")) == (400, "InvalidKey")
    assert arm_error(run("NEW", Idempotency_Key="a", Authorization="")) == (401, "AuthenticationFailed")


def test_only_a_front_end_that_is_known_says_what_the_caller_calls_us(caller: Caller) -> None:
    """By the address that called the app, which the platform appends; its URL names the cluster, and is served."""
    body = json.dumps({"properties": {"jobType": "FlinkJob", "jobName": "fronted", "action": "NEW"}}).encode()

    def location(**headers: str) -> str:
        sent = {"Authorization": f"Bearer {caller.token()}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        found: str = caller.app.post(RUN, body, headers=sent).headers["location"]
        return found

    own = f"{caller.app.host.url}{POLL}/"
    assert location(X_Forwarded_Host="arm.example").startswith(own)
    assert location(Forwarded="host=arm.example;proto=https", X_Forwarded_For="10.9.8.7").startswith(own)


def test_other_verbs_and_paths_get_arms_errors(caller: Caller) -> None:
    """JSON on each, with 405 where the path is one of the API's."""
    for method, path in (("DELETE", CLUSTER + VERSION), ("GET", RUN), ("POST", LIST), ("PUT", CLUSTER + VERSION)):
        reply = caller.call(method, path, {})
        assert arm_error(reply) == (405, "MethodNotAllowed")
        assert reply.headers["allow"] in ("GET", "POST")
    for path in ("/subscriptions/x", f"{CLUSTER}/upgrades{VERSION}", "/providers/Microsoft.HDInsight/x"):
        assert arm_error(caller.call("GET", path)) == (404, "ResourceNotFound")


def test_pool_and_cluster_are_described(caller: Caller) -> None:
    """As much as callers need that look for them; a foreign one is not found."""
    for path, kind in ((CLUSTER, "clusterpools/clusters"), (CLUSTER.rpartition("/clusters/")[0], "clusterpools")):
        found = caller.call("GET", path + VERSION).json()
        assert (found["id"], found["name"]) == (path, path.rpartition("/")[2])
        assert (found["type"], found["location"]) == (f"Microsoft.HDInsight/{kind}", "WESTUS3")
        assert found["properties"]["provisioningState"] == "Succeeded"
        assert arm_error(caller.call("GET", path + "x" + VERSION)) == (404, "ResourceNotFound")
        assert arm_error(caller.call("GET", path)) == (400, "MissingApiVersionParameter")
    types = caller.call("GET", CLUSTER.partition("/resourceGroups/")[0] + "/providers/Microsoft.HDInsight").json()
    assert "2024-05-01" in types["resourceTypes"][0]["apiVersions"]


def test_a_reader_looks_and_changes_nothing(caller: Caller) -> None:
    """Every GET, and no runJob."""
    reader = f"Bearer {caller.token(appid=READER)}"
    for path in (LIST, CLUSTER + VERSION):
        assert caller.call("GET", path, authorization=reader).status_code == 200
    assert arm_error(caller.call("POST", RUN, {}, authorization=reader)) == (403, "AuthorizationFailed")


def test_a_body_that_is_too_long_is_not_read(caller: Caller) -> None:
    """By the app, where its length says so; by the host, whatever it is said to be."""
    authorization = {"Authorization": f"Bearer {caller.token()}"}
    assert arm_error(caller.app.post(RUN, b" " * 300_000, headers=authorization)) == (413, "RequestContentTooLarge")
    reply = caller.app.post(RUN, b" " * 2_000_000, headers=authorization)
    assert (reply.status_code, reply.content) == (413, b"")


def test_the_name_of_a_parameter_counts_in_any_case(caller: Caller) -> None:
    """As ARM takes it."""
    assert caller.call("GET", LIST.replace("api-version", "Api-Version")).status_code == 200
    top = caller.call("GET", LIST + "&$Top=1").json()
    assert len(top["value"]) <= 1


def test_the_routes_are_the_apis_own_and_anonymous(caller: Caller) -> None:
    """Each with one method, but for what answers everything else; function keys are nothing to them."""
    functions = caller.app.get("/admin/functions").json()
    triggers = [function["config"]["bindings"][0] for function in functions]
    arm = {
        t["route"]: (t.get("methods"), t["authLevel"])
        for t in triggers
        if t.get("route", "").startswith(("providers/", "subscriptions/"))
    }
    cluster = "subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.HDInsight"
    cluster += "/clusterpools/{pool}/clusters/{cluster}"
    every = arm.pop("subscriptions/{*rest}"), arm.pop("providers/{*rest}")
    assert every == ((None, "ANONYMOUS"), (None, "ANONYMOUS"))
    assert arm == {
        f"{cluster}/runJob": (["POST"], "ANONYMOUS"),
        f"{cluster}/jobs": (["GET"], "ANONYMOUS"),
        f"{cluster}/operationStatuses/{{id}}": (["GET"], "ANONYMOUS"),
        cluster: (["GET"], "ANONYMOUS"),
        cluster.removesuffix("/clusters/{cluster}"): (["GET"], "ANONYMOUS"),
        "subscriptions/{subscription}/providers/Microsoft.HDInsight": (["GET"], "ANONYMOUS"),
        "providers/Microsoft.HDInsight/locations/{location}/operationStatuses/{id}": (["GET"], "ANONYMOUS"),
    }


def test_paths_are_compared_without_case(caller: Caller) -> None:
    """The documentation writes `runjob`, the CLI `clusterPools`."""
    path = LIST.replace("resourceGroups/Group", "resourcegroups/gROUP").replace("clusterpools", "clusterPools")
    assert caller.call("GET", path).status_code == 200
    assert arm_error(caller.call("POST", RUN.replace("runJob", "runjob"), {})) == (400, "InvalidBody")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", LIST.partition("?")[0], 400, "MissingApiVersionParameter"),
        ("GET", LIST.partition("?")[0] + "?api-version=2020-01-01", 400, "InvalidApiVersionParameter"),
        ("POST", RUN.partition("?")[0], 400, "MissingApiVersionParameter"),
        ("GET", LIST.replace("00000000-0000", "00000000-0001"), 404, "SubscriptionNotFound"),
        ("POST", RUN.replace("/Group/", "/other/"), 404, "ResourceGroupNotFound"),
        ("GET", LIST.replace("ps-test-pool", "other"), 404, "ResourceNotFound"),
        ("POST", RUN.replace("flinkcluster", "..%2Fother"), 404, "ResourceNotFound"),
        ("GET", RECORDED.exchange("poll").path, 404, "ResourceNotFound"),
        ("GET", f"{POLL}/..%2F..%2Fjobs?api-version=2024-05-01", 404, "ResourceNotFound"),
        ("GET", f"{POLL.replace('WESTUS3', 'elsewhere')}/x?api-version=2024-05-01", 404, "ResourceNotFound"),
        ("GET", LIST.partition("?")[0] + "?api-version=2024-05-01&$filter=nonsense", 400, "InvalidFilter"),
    ],
)
def test_a_call_that_cannot_be_meant_gets_arms_error(
    caller: Caller, method: str, path: str, status: int, code: str
) -> None:
    """Versions, paths, operation ids, filters."""
    assert arm_error(caller.call(method, path, {})) == (status, code)


@pytest.mark.parametrize(
    ("properties", "status", "code"),
    [
        ({"action": "NEW", "jobName": "Not_A_Job"}, 400, "InvalidJobName"),
        ({"action": "NEW", "jobName": "../x"}, 400, "InvalidJobName"),
        ({"action": "NEW"}, 400, "InvalidBody"),
        ({"action": "NEW", "jobName": "bad", "jarName": "x.jar"}, 400, "InvalidBody"),
        ({"action": "EXPLODE", "jobName": "bad"}, 400, "InvalidAction"),
        ({"action": "RE_LAUNCH", "jobName": "bad"}, 400, "UnsupportedAction"),
        ({"action": "NEW", "jobName": "bad", "flinkConfiguration": {"pipeline.jars": "x"}}, 400, "InvalidBody"),
        ({"action": "STOP", "jobName": "nobody"}, 404, "JobNotFound"),
        ({"action": "STOP", "runId": "job-000-0000-0000-000000000000"}, 404, "JobNotFound"),
    ],
)
def test_a_body_that_cannot_be_taken_leaves_no_trace(
    caller: Caller, properties: dict[str, object], status: int, code: str
) -> None:
    """An error in ARM's shape, at once; nothing is recorded."""
    assert arm_error(caller.run(properties)) == (status, code)
    recorded = [name for name in caller.app.ledger_blobs() if "/bad" in name.lower() or "/nobody" in name]
    assert recorded == []


def test_a_later_version_shows_runs_and_takes_them(caller: Caller) -> None:
    """A job is found by its run id, in the filter by its name; an older version does not know either."""
    api = "2024-05-01-preview"
    mark = {"flinkfuncs.operation": "mark-1"}
    assert caller.run({"action": "NEW", "jobName": "runs", "flinkConfiguration": mark}, api).status_code == 202
    row = caller.ended("runs", api)
    run = row["properties"]["runId"]
    assert row["id"].endswith(f"/jobs/{run}")
    assert row["properties"]["flinkConfiguration"] == {"parallelism": "2"} | mark
    assert [r["id"] for r in caller.rows(api, "&$filter=jobName eq runs")] == [row["id"]]
    assert caller.rows(api, "&$filter=jobName eq ..%2Fx") == []
    assert caller.rows(api, "&$filter=jarName eq none.jar") == []
    assert caller.run({"action": "START", "runId": run}, api).status_code == 202
    assert caller.ended("runs", api)["properties"]["action"] == "START"
    old = caller.rows("2023-06-01-preview", "&$filter=jobName eq nobody")
    assert "runs" in [r["properties"]["jobName"] for r in old]
    assert all("runId" not in r["properties"] for r in old)


def test_the_caller_is_recorded_and_its_token_is_not(caller: Caller) -> None:
    """An operation's cause is the principal."""
    token = caller.token()
    body = {"properties": {"jobType": "FlinkJob", "jobName": "caused", "action": "NEW"}}
    assert caller.call("POST", RUN, body, authorization=f"Bearer {token}").status_code == 202
    caller.ended("caused")
    (operation,) = caller.app.get("/api/operations?job=caused").json()["operations"]
    assert operation["cause"] == {"kind": "arm", "detail": "o"}
    assert token not in json.dumps(caller.app.ledger_blobs())
    assert token not in caller.app.log()
