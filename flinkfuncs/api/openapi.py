"""The OpenAPI 3.1 document: the table of routes, with a schema of each model.

What is replied may get further fields later, so its schemas allow them; what is asked for may not have any others.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from http import HTTPStatus
from itertools import pairwise
from types import MappingProxyType, ModuleType
from typing import Any

from pydantic import BaseModel, Field
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from .. import __version__
from ..core.actions import Action
from ..core.model import Model
from ..runjob import RunJobProperties, fields_of
from .codes import CODES, problem_type
from .routes import IF_NONE_MATCH, ROUTES, Body, Parameter, Reply, Route
from .shown import Shown

KEY, ROLE = "functionKey", "entra"
TAGGED = MappingProxyType({"ETag": "For `If-None-Match`.", "Cache-Control": "`private, no-cache`"})
SCHEMES = MappingProxyType(
    {
        KEY: {
            "type": "apiKey",
            "in": "header",
            "name": "x-functions-key",
            "description": "A function key, where API_AUTHORIZATION is `keys`.",
        },
        ROLE: {
            "type": "http",
            "scheme": "bearer",
            "description": "A token for the app's registration in Entra ID, where API_AUTHORIZATION is `roles`: the "
            "role `reader` may send every GET, plan and dry run, `operator` everything.",
        },
    }
)
ABOUT = """\
Stateful Apache Flink jobs without a person at the console.

Errors are problem documents (RFC 9457) whose `code` is for programs; their `type` is `urn:flinkfuncs:problem:` and the
code. 500 comes from the platform, without a body, and
so does 401 where function keys open the routes. Replies may get further fields: pass over those that you do not
know."""


class Problem(Model):
    """An error (RFC 9457)."""

    type: str = Field(description="`urn:flinkfuncs:problem:` and the code: a name, at which there is no page.")
    title: str
    status: int
    code: str
    detail: str = Field(description="For people; it may change.")
    instance: str = Field(description="The path that was called.")


class _Schemas(GenerateJsonSchema):
    """Schemas as OpenAPI's tools read them best: replies without null, since what has no value is left out."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Leave out null where nothing is null."""
        if self.mode == "serialization":
            return self.generate_inner(schema["schema"])
        return super().nullable_schema(schema)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Leave out defaults: a caller is shown what there is."""
        return self.generate_inner(schema["schema"])

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Let replies get further fields, and describe the fields that have a docstring."""
        described = super().model_schema(schema)
        for name, text in _docstrings(schema["cls"]).items():
            described["properties"][name]["description"] = text
        if self.mode == "serialization":
            described.pop("additionalProperties", None)
        return described

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,
    ) -> bool:
        """Whether a field is always there: in a reply, what has no value is left out."""
        inner = field["schema"]
        if self.mode == "serialization" and inner["type"] == "default":
            return inner.get("default") is not None
        return super().field_is_required(field, total)

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - pydantic's own signature
        """Leave out titles that repeat the name."""
        return False


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstrings of a reply's fields by their names in JSON.

    pydantic's own `use_attribute_docstrings` would read the source of every model while the host waits for the
    functions, which took a third of the app's start.
    """
    if not issubclass(model, Shown):
        return {}
    found = _docstrings_of_classes(inspect.getmodule(model))
    by_field = {name: text for base in reversed(model.__mro__) for name, text in found.get(base.__name__, {}).items()}
    return {model.model_fields[name].alias or name: text for name, text in by_field.items()}


@cache
def _docstrings_of_classes(module: ModuleType | None) -> dict[str, dict[str, str]]:
    classes = (
        [node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.ClassDef)] if module else []
    )
    return {each.name: dict(_documented(each)) for each in classes}


def _documented(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, text in pairwise(node.body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                yield name, inspect.cleandoc(said)


def document() -> dict[str, Any]:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "flinkfuncs", "version": __version__, "description": ABOUT},
        "servers": [{"url": "/"}],
        "security": [{KEY: []}, {ROLE: []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": dict(SCHEMES),
            "schemas": _schemas(),
        },
    }


def _schemas() -> dict[str, Any]:
    modes: dict[type[BaseModel], JsonSchemaMode] = {Problem: "serialization"}
    for route in ROUTES:
        examples = [example for reply in route.replies for example in (reply.example, reply.or_else) if example]
        modes |= {type(example): "serialization" for example in examples}
        modes |= {route.body.model: "validation"} if route.body else {}
    _, made = models_json_schema(
        [*modes.items()], ref_template="#/components/schemas/{model}", schema_generator=_Schemas
    )
    schemas: dict[str, Any] = made["$defs"]
    return schemas


def _paths() -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return paths


def _operation(route: Route) -> dict[str, Any]:
    conditions = (IF_NONE_MATCH,) if route.conditional else ()
    described: dict[str, Any] = {
        "operationId": route.function,
        "summary": route.about,
        "parameters": [_parameter(parameter) for parameter in (*route.parameters, *conditions)],
        "responses": _responses(route),
    }
    if route.body:
        described["requestBody"] = _body(route.body)
    if route.takes_bytes:
        content: dict[str, dict[str, str]] = {"application/octet-stream": {}}
        described["requestBody"] = {"description": route.takes_bytes, "required": True, "content": content}
    if route.function == "request_action":
        described["description"] = _fields_by_action()
    return described


def _responses(route: Route) -> dict[str, Any]:
    described = {str(reply.status): _reply(reply, route) for reply in route.replies}
    if route.conditional:
        described["304"] = {
            "description": "Nothing has changed.",
            "headers": _headers({**route.replies[0].headers, **TAGGED}),
        }
    for status, problem in _problems(route).items():
        described[status] = _merged(described[status], problem) if status in described else problem
    return described


def _merged(reply: dict[str, Any], problem: dict[str, Any]) -> dict[str, Any]:
    """Describe both replies of one status: their content types tell them apart."""
    return {
        "description": f"{reply['description']}\n{problem['description']}",
        "content": reply["content"] | problem["content"],
        "headers": problem["headers"],
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required or parameter.place == "path",
        "description": parameter.about,
        "schema": dict(parameter.schema),
        "example": parameter.example,
    }


def _body(body: Body) -> dict[str, Any]:
    content = {"application/json": {"schema": _ref(body.model), "example": body.example}}
    return {"description": body.about, "required": body.required, "content": content}


def _reply(reply: Reply, route: Route) -> dict[str, Any]:
    anything = {"application/json": {"schema": {"type": "object"}}}
    described: dict[str, Any] = {"description": reply.about, "content": anything}
    if reply.example:
        example = reply.example.model_dump(mode="json", by_alias=True, exclude_none=True)
        schema: dict[str, Any] = _ref(type(reply.example))
        if reply.or_else:
            schema = {"anyOf": [schema, _ref(type(reply.or_else))]}
        described["content"] = {"application/json": {"schema": schema, "example": example}}
    if headers := {**reply.headers, **(TAGGED if route.conditional else {})}:
        described["headers"] = _headers(headers)
    return described


def _headers(headers: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"description": about, "schema": {"type": "string"}} for name, about in headers.items()}


def _problems(route: Route) -> dict[str, Any]:
    statuses = sorted({CODES[code].status for code in route.errors})
    return {str(status): _problem(status, route) for status in statuses}


def _problem(status: int, route: Route) -> dict[str, Any]:
    codes = sorted(code for code in route.errors if CODES[code].status == status)
    types = list(map(problem_type, codes))
    described: dict[str, Any] = {
        "description": "\n".join(f"- `{code}`: {CODES[code].meaning}" for code in codes),
        "content": {
            "application/problem+json": {
                "schema": {
                    "allOf": [_ref(Problem), {"properties": {"type": {"enum": types}, "code": {"enum": codes}}}]
                },
                "example": _example(status, codes[0], route),
            }
        },
    }
    if status == HTTPStatus.UNAUTHORIZED:
        described["description"] += "\n- without a body, from the platform: the key is missing or wrong"
        described["headers"] = _headers({"WWW-Authenticate": "`Bearer`"})
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        described["headers"] = _headers({"Retry-After": "When to ask again, in seconds."})
    return described


def _example(status: int, code: str, route: Route) -> dict[str, Any]:
    path = route.path
    for parameter in route.parameters:
        path = path.replace(f"{{{parameter.name}}}", str(parameter.example))
    return {
        "type": problem_type(code),
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": CODES[code].meaning,
        "instance": path,
    }


def _fields_by_action() -> str:
    rows = [f"- {action}: {_aliases(fields_of(action))}" for action in Action]
    return "\n".join(["The fields that each action takes:", "", *rows])


def _aliases(fields: Iterable[str]) -> str:
    names = sorted(RunJobProperties.model_fields[field].alias or field for field in fields)
    return ", ".join(f"`{name}`" for name in names) or "none"


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
