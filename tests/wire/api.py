"""The API without a host: calls go to the functions that are registered, on real storage and a stand-in for Flink.

Each reply is compared with the OpenAPI document, and with the model that fills it, which knows no further fields.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import azure.functions as func

from flinkfuncs.api.openapi import Problem
from flinkfuncs.api.routes import ROUTES, Route
from flinkfuncs.app import Services, given
from flinkfuncs.core.periodic import Rhythm
from flinkfuncs.core.release_retention import ReleasePolicy
from flinkfuncs.periodic import PeriodicSavepoints
from flinkfuncs.planning import Planner
from flinkfuncs.releases import Releases
from flinkfuncs.settings import Settings
from flinkfuncs.triggers import control, http, notifications, plans, uploads
from flinkfuncs.uploading import Uploader
from tests.fixtures.scenes import Play
from tests.unit.test_openapi import OPERATIONS, schema_of

NOTHING: Mapping[str, str] = MappingProxyType({})
PROBLEM = "application/problem+json"
MODULES = (http, control, notifications, plans, uploads)


class Api:
    """The routes of an app."""

    def __init__(self, play: Play, *, checked: bool = True) -> None:
        """Serve what a play has recorded; `checked`: hold every reply against the document."""
        self._checked = checked
        storage, cluster = play.storage, play.cluster
        self.services = Services(
            settings=Settings(
                flink_cluster_kind="session",
                jars_container="jars",
                operations_queue="operations",
                savepoint_schedule="0 0 0 1 1 *",
                sweep_schedule="0 0 0 1 1 *",
                savepoint_directory="file:///sp",
            ),
            ledger=play.ledger,
            intake=play.intake,
            control=play.control,
            planner=Planner(play.ledger, play.cluster.jars, cluster, play.intake, now=storage.clock.now),
            uploader=Uploader(play.cluster.jars, container="jars"),
            driver=storage.driver(cluster),
            cluster=cluster,
            periodic=PeriodicSavepoints(play.ledger, storage.queue, cluster, Rhythm(timedelta(hours=6), 4)),
            releases=Releases(play.ledger, cluster.jars, ReleasePolicy(20, 30)),
            housekeeper=None,
            messages=None,
        )

    def get(self, path: str, **headers: str) -> func.HttpResponse:
        """GET a path."""
        return self.call("GET", path, headers=headers)

    def post(self, path: str, body: bytes = b"", **headers: str) -> func.HttpResponse:
        """POST a body."""
        return self.call("POST", path, body, headers=headers)

    def put(self, path: str, body: bytes, **headers: str) -> func.HttpResponse:
        """PUT a body."""
        return self.call("PUT", path, body, headers=headers)

    def call(
        self, method: str, path: str, body: bytes = b"", *, headers: Mapping[str, str] = NOTHING
    ) -> func.HttpResponse:
        """Send a request to the function of its route."""
        parts = urlsplit(path)
        route, values = _route(method, parts.path)
        request = func.HttpRequest(
            method,
            f"https://app{path}",
            headers=headers,
            params=dict(parse_qsl(parts.query)),
            route_params=values,
            body=body,
        )
        function = next(vars(each)[route.function] for each in MODULES if route.function in vars(each))
        with given(self.services):
            reply = function(request)
            if inspect.iscoroutine(reply):
                reply = asyncio.run(reply)
        answered = cast("func.HttpResponse", reply)
        if self._checked:
            _check(route, answered)
        return answered


def json_of(reply: func.HttpResponse) -> Any:  # noqa: ANN401 - JSON
    """Read a reply's body."""
    return json.loads(reply.get_body())


def _route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    for route in sorted(ROUTES, key=lambda route: route.path.count("{")):  # what is literal counts first
        match = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.path), path)
        if match and route.method == method:
            return route, {name: unquote(value) for name, value in match.groupdict().items()}
    raise AssertionError(f"no route for {method} {path}")


def _check(route: Route, reply: func.HttpResponse) -> None:
    described = OPERATIONS[route.method.lower(), route.path]["responses"][str(reply.status_code)]
    headers = {name.lower() for name in reply.headers.keys()}  # noqa: SIM118 - it iterates over pairs
    assert headers <= {name.lower() for name in described.get("headers", {})}
    if reply.status_code == 304:
        assert reply.get_body() == b""
        return
    content = described["content"][reply.mimetype]
    schema_of(content["schema"]).validate(json_of(reply))
    if reply.mimetype == PROBLEM:
        Problem.model_validate_json(reply.get_body())
        return
    (described,) = [each for each in route.replies if each.status == reply.status_code]
    if described.example:
        planned = described.or_else if "verdict" in json_of(reply) else None
        type(planned or described.example).model_validate_json(reply.get_body())
