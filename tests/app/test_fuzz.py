"""Does the live app answer whatever it is asked as its OpenAPI document says? Requests are made up from the document.

Half of them follow it, half break it somewhere; where a path or a query names a job or an operation, it is often one
that is there. Actions are asked of jobs of these tests alone, in an app of their own, whose Flink is the stand-in.
Nothing is down, so every status from 500 up is a defect.

    make test             a few hundred requests, the same in every run
    make fuzz             ten thousand, others in every run; it prints the seed, and SEED repeats them
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core import NotSet
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from flinkfuncs.api.codes import CODES
from flinkfuncs.api.openapi import Problem, document
from flinkfuncs.api.routes import JOB_NAME, ROUTES, Route
from tests.stand_in.rest import flink_server
from tests.unit.test_openapi import schema_of

from .app import KEY, RunningApp, eventually
from .conftest import StartApp

REQUESTS = 150
JAR = Path(__file__).parents[2] / "examples" / "jars" / "sequence-1.jar"
SCHEMA = schemathesis.openapi.from_dict(document())
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
NAME = str(JOB_NAME["pattern"])
RUNNING, IDLE, NOBODY = "fuzz", "fuzz-idle", "fuzz-nobody"  # one that runs, one that failed to, one that is not there
BEFORE = [(RUNNING, "savepoint"), (RUNNING, "list-savepoint"), (IDLE, "new")]


@dataclass(frozen=True)
class Fuzzed:
    """The app, and the operations that were there at the beginning."""

    app: RunningApp
    operations: list[str]
    session: requests.Session

    def send(self, case: Case[Any], key: str | None) -> Response:
        """Send a request with this key."""
        headers = {"x-functions-key": key} if key else {}
        return case.call(self.app.host.url, self.session, headers, timeout=60)


@dataclass(frozen=True)
class Aim:
    """What there is to name, in place of what was made up; the path's action stays."""

    job: str
    operation: str
    is_meant: bool  # without it only what would make a job of another name is replaced

    def apply(self, case: Case[Any], route: Route) -> None:
        """Aim a request, and take the key off that was made up."""
        for header in ("x-functions-key", "Authorization"):
            case.headers.pop(header, None)
        if case.headers.get("Prefer", "").startswith("wait="):
            case.headers["Prefer"] = "wait=1" if self.is_meant else "wait=0"
        path = case.path_parameters
        if "job" in path and (self.is_meant or (route.method != "GET" and re.fullmatch(NAME, str(path["job"])))):
            path["job"] = self.job
        if "id" in path and self.is_meant:
            path["id"] = self.operation
        if "job" in case.query and self.is_meant:
            case.query["job"] = self.job
            case.query.pop("page", None)  # a word that nobody gave out hides everything else


@pytest.fixture(scope="module")
def fuzzed(start_app: StartApp) -> Iterator[Fuzzed]:
    """An app with a job that runs."""
    with flink_server() as flink, requests.Session() as session:
        session.trust_env = False
        app = start_app("fuzz", {"FLINK_REST_URL": flink.url, "SETTLE_SECONDS": "0.2"})
        name = f"stateful/{RUNNING}/v1.jar"
        app.put_blob(name, JAR.read_bytes())
        app.blob_event("stateful_jar", name).raise_for_status()
        eventually(lambda: app.get(f"/api/jobs/{RUNNING}").json().get("status") == "RUNNING")
        ended = [app.post(f"/api/jobs/{job}/{action}", headers={"Prefer": "wait=60"}) for job, action in BEFORE]
        yield Fuzzed(app, [reply.json()["id"] for reply in ended], session)
        app.host.stop()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.function)
def test_whatever_a_route_is_asked_it_answers_as_described(
    fuzzed: Fuzzed, route: Route, pytestconfig: pytest.Config
) -> None:
    """With a key. Without one, or with a wrong one, it is 401 and nothing else."""
    requested = pytestconfig.getoption("--fuzz")
    operation = SCHEMA[route.path][route.method]
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))
    aims = st.builds(
        Aim,
        st.sampled_from([RUNNING, IDLE, NOBODY]),
        st.sampled_from(fuzzed.operations),
        st.sampled_from([True, False]),
    )

    @settings(
        max_examples=max(1, (requested or REQUESTS) // len(ROUTES)),
        derandomize=not requested,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[*HealthCheck],
    )
    @given(case=cases, aim=aims, key=st.sampled_from([KEY, KEY, KEY, KEY, "wrong", None]))
    def ask(case: Case[Any], aim: Aim, key: str | None) -> None:
        aim.apply(case, route)
        reply = fuzzed.send(case, key)
        if key != KEY:
            assert (reply.status_code, reply.content) == (401, b"")
            return
        case.validate_response(reply, checks=CHECKS)
        assert not is_wrong(case, route) or reply.status_code >= 400, "what breaks the document was taken"
        if reply.status_code >= 400:
            problem = Problem.model_validate_json(reply.content)
            assert problem.code in route.errors
            assert (problem.status, CODES[problem.code].status) == (reply.status_code, reply.status_code)

    ask()


def is_wrong(case: Case[Any], route: Route) -> bool:
    """Whether a request breaks the document as it was sent, in what the app has to look at."""
    for parameter in route.parameters:
        sent = {"path": case.path_parameters, "query": case.query}.get(parameter.place, {})
        value = sent.get(parameter.name)
        if isinstance(value, str | int) and value != "":  # the host leaves out what is empty, and joins what is a list
            text = unquote(str(value)) if parameter.place == "path" else str(value)
            read = int(text) if parameter.schema["type"] == "integer" and re.fullmatch("[0-9]{1,9}", text) else text
            if not schema_of(parameter.schema).is_valid(read):
                return True
    if not route.body or isinstance(case.body, NotSet):
        return False
    return not schema_of({"$ref": f"#/components/schemas/{route.body.model.__name__}"}).is_valid(case.body)
