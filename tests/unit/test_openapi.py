"""Is the OpenAPI document whole, and does the table that it is made of name what the app has?"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.functions.decorators.http import HttpTrigger
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from pydantic import BaseModel
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from flinkfuncs.api.codes import CODES
from flinkfuncs.api.openapi import document
from flinkfuncs.api.routes import KEYS, ROUTES, Route
from flinkfuncs.core.errors import Refused
from flinkfuncs.core.model import parse_json
from tests.documents import ROOT
from tests.functions import functions

DOCUMENT = json.loads(json.dumps(document()))
OPERATIONS = {
    (method, path): operation for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items()
}
REGISTRY = Registry().with_resource("urn:api", DRAFT202012.create_resource(DOCUMENT))

# The modules that a route of ours passes through, up to its reply.
ON_THE_WAY = [
    *(
        "triggers/http.py",
        "triggers/control.py",
        "triggers/calls.py",
        "triggers/problems.py",
        "triggers/guard.py",
        "triggers/paging.py",
        "triggers/notifications.py",
        "triggers/plans.py",
        "triggers/uploads.py",
        "uploading.py",
        "messages.py",
        "planning.py",
        "control.py",
        "intake.py",
        "releases.py",
    ),
    *("runjob.py", "app.py", "settings.py", "clients/ledger.py", "clients/storage.py", "clients/queue.py"),
    *("core/model.py", "core/names.py", "core/actions.py", "core/operations.py", "core/releases.py"),
    *("core/going_back.py", "core/idempotency.py", "clients/idempotency.py"),
]
# Codes of an operation's result there, of an upload's and of a plan: no route replies with them as an error.
OF_RESULTS = {"Abandoned", "NotClosed", "PlanTimeout", "Superseded"}


def schema_of(schema: Any) -> Draft202012Validator:  # noqa: ANN401 - JSON
    """Return what checks values against a schema of the document."""
    absolute = json.loads(json.dumps(schema).replace('"#/', '"urn:api#/'))
    return Draft202012Validator(absolute, registry=REGISTRY)


def contents(thing: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
    """Yield every pair of a schema and an example."""
    if isinstance(thing, dict):
        if "schema" in thing and "example" in thing:
            yield thing
        for inner in thing.values():
            yield from contents(inner)
    if isinstance(thing, list):
        for inner in thing:
            yield from contents(inner)


def test_the_table_names_every_function_with_a_route_of_ours_and_no_other() -> None:
    """By its name, its method and its path; the gateway's routes are ARM's."""
    triggers = {function.get_function_name(): function.get_trigger() for function in functions()}
    registered = {
        (name, f"{method}", f"/{trigger.route}")
        for name, trigger in triggers.items()
        if isinstance(trigger, HttpTrigger) and (trigger.route or "").startswith("api/")
        for method in trigger.methods or ()
    }
    assert {(route.function, route.method, route.path) for route in ROUTES} == registered


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.function)
def test_a_route_describes_each_parameter_of_its_path(route: Route) -> None:
    """And replies with each status once."""
    in_path = [parameter.name for parameter in route.parameters if parameter.place == "path"]
    assert in_path == re.findall(r"\{(\w+)\}", route.path)
    assert len({parameter.name for parameter in route.parameters}) == len(route.parameters)
    statuses = [reply.status for reply in route.replies] + sorted({CODES[code].status for code in route.codes})
    assert len(statuses) == len(set(statuses))
    assert len(set(route.errors)) == len(route.errors)


POSTS = [each for each in ROUTES if each.method == "POST"]


@pytest.mark.parametrize("route", POSTS, ids=lambda route: route.function)
def test_every_post_takes_a_key_and_says_what_is_wrong_with_it(route: Route) -> None:
    """A route without one would do twice what its caller believes is done once; a plan does nothing, and checks it."""
    assert {(key.name, key.place) for key in KEYS} <= {(each.name, each.place) for each in route.parameters}
    assert "InvalidKey" in route.codes
    records = route.function != "plan_upload"
    assert ("KeyReused" in route.codes) == records
    assert all(("Idempotency-Replayed" in reply.headers) == records for reply in route.replies)


def test_every_schema_is_one_and_every_reference_leads_somewhere() -> None:
    """The document's own dialect is JSON Schema 2020-12."""
    assert DOCUMENT["openapi"] == "3.1.0"
    for schema in DOCUMENT["components"]["schemas"].values():
        assert validator_for(schema, default=Draft202012Validator) is Draft202012Validator
        Draft202012Validator.check_schema(schema)
    references = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(DOCUMENT)))
    assert references == {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}


def test_every_example_is_valid() -> None:
    """Of parameters, bodies, replies and problems; each has one."""
    found = list(contents(DOCUMENT["paths"]))
    for content in found:
        schema_of(content["schema"]).validate(content["example"])
    shown = re.findall(r'"schema": \{"(?:\$ref|allOf|anyOf)', json.dumps(DOCUMENT["paths"]))
    assert len(found) == len(shown) + sum(len(route.parameters) + route.conditional for route in ROUTES)


def test_operations_have_names_of_their_own_and_ask_for_a_right() -> None:
    """What a generator of clients names its methods by; a key or a token opens all of them, and either alone."""
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names) == len(ROUTES)
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert DOCUMENT["security"] == [{name: []} for name in schemes]
    assert {scheme["type"] for scheme in schemes.values()} == {"apiKey", "http"}
    assert not any("security" in operation for operation in OPERATIONS.values())
    for (method, _), operation in OPERATIONS.items():
        responses = operation["responses"]
        assert "NotSignedIn" in responses["401"]["description"]
        assert ("CrossSite" in responses["403"]["description"]) == (method != "get")


def test_a_status_that_the_guard_and_the_route_both_use_has_both_contents() -> None:
    """Health is 503 with its report, or, where callers cannot be known, with a problem document."""
    described = OPERATIONS["get", "/api/health"]["responses"]["503"]
    assert described["content"].keys() == {"application/json", "application/problem+json"}


def test_every_problem_has_a_type_of_its_own() -> None:
    """The code as a URI: of each status of a route exactly those of its codes, in the same order."""
    for route in ROUTES:
        for status, response in OPERATIONS[route.method.lower(), route.path]["responses"].items():
            problem = response.get("content", {}).get("application/problem+json")
            codes = sorted(code for code in route.errors if f"{CODES[code].status}" == status)
            assert bool(problem) == bool(codes)
            if problem:
                said = problem["schema"]["allOf"][1]["properties"]
                types = [f"urn:flinkfuncs:problem:{code}" for code in codes]
                assert (said["code"]["enum"], said["type"]["enum"]) == (codes, types)
                assert (problem["example"]["code"], problem["example"]["type"]) == (codes[0], types[0])


def test_replies_may_grow_and_requests_may_not() -> None:
    """A client that refuses unknown fields would break with the next version."""
    schemas = DOCUMENT["components"]["schemas"]
    closed = {name for name, schema in schemas.items() if schema.get("additionalProperties") is False}
    assert closed == {
        *("Abandon", "JobJson", "Pause", "PlannedUpload", "RunJobProperties"),
        *("CronWindow", "DailyWindow", "NoWindow"),
    }
    assert "null" not in json.dumps(schemas["Operation"])
    assert set(schemas["Operation"]["required"]) == {
        *("state", "id", "job", "request", "cause", "requestedAt", "progressedAt", "steps"),
    }


BODIES = {route.body.model for route in ROUTES if route.body}
FIELDS = [(model, field.alias or name) for model in BODIES for name, field in model.model_fields.items()]


@pytest.mark.parametrize(("model", "field"), sorted(FIELDS, key=str))
def test_a_body_is_taken_only_as_it_is_described(model: type[BaseModel], field: str) -> None:
    """What looks like the right value is none: a text is not a number, and 1 is not true."""
    schema = schema_of({"$ref": f"#/components/schemas/{model.__name__}"})
    for value in (0, 1, "1", "true", "yes", 1.0, 2.5, "2.5", True, [], {}, ["a", 1], {"a": 1}, {"a": None}, "x"):
        body = {field: value}
        if not schema.is_valid(body):
            with pytest.raises(Refused):
                parse_json(model, json.dumps(body), what="the body")


def test_every_code_of_the_code_stands_in_the_table_and_every_one_there_in_a_route() -> None:
    """Collected from the modules that a request passes through."""
    written = {code for module in ON_THE_WAY for code in _codes(ROOT / "flinkfuncs" / module)}
    assert written - OF_RESULTS <= set(CODES)
    assert set(CODES) - written == {"Conflict", "NotFound"}  # named by their classes
    assert {code for route in ROUTES for code in route.errors} == set(CODES)


def _codes(path: Path) -> Iterator[str]:
    """Yield every code that a module gives an error: `code="…"`, or a text that is chosen for it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.keyword) and node.arg == "code" and isinstance(node.value, ast.Constant):
            yield str(node.value.value)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "code":
            yield from (str(found.value) for found in ast.walk(node.value) if isinstance(found, ast.Constant))
