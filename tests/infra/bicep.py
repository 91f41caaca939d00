"""What does infra/*.bicep say? Parsed by pycep, which knows the syntax and nothing of the meaning.

    templates()          every file, parsed
    resources(type)      what a file creates, without its loop and its condition
    shown(expression)    an expression as one line: `identity.properties.clientId`, `empty(x) ? [] : y`

pycep tells a name from a string only by its place: both are shown as they are. Of several resources written inside
another it keeps the last one, as does checkov, which uses it: here each resource stands by itself, with its parent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from pycep import BicepParser

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"

Json: TypeAlias = Any  # a tree of a foreign parser
SIGNS = {"property_accessor": ".", "equals": " == ", "multiply": " * ", "add": " + "}


@dataclass(frozen=True)
class Resource:
    """A resource that a template creates."""

    file: str
    name: str
    type: str
    config: Json
    condition: str
    loop: str

    @property
    def properties(self) -> Json:
        """Its properties."""
        return self.config["properties"]


@cache
def templates() -> Mapping[str, Json]:
    """Return every template by its file's name."""
    parser = BicepParser()  # to make one takes longer than to parse a file
    return {path.name: parser.parse(text=path.read_text()) for path in sorted(INFRA.glob("*.bicep"))}


def resources(type_: str = "", file: str = "") -> list[Resource]:
    """Return the resources of a type, or all; `existing` ones are not created and not returned."""
    found = [
        _resource(template, name, resource)
        for template, tree in templates().items()
        for name, resource in tree.get("resources", {}).items()
        if not resource["existing"]
    ]
    return [r for r in found if type_ in ("", r.type) and file in ("", r.file)]


def resource(type_: str, name: str = "") -> Resource:
    """Return the one resource of a type, or the one of that name."""
    (found,) = [r for r in resources(type_) if name in ("", r.name)]
    return found


def variable(file: str, name: str) -> Json:
    """Return the expression of a variable."""
    return templates()[file]["variables"][name]["value"]


def parameter(file: str, name: str) -> Json:
    """Return what is declared of a parameter; `decorators` become keys of their own."""
    declared = templates()[file]["parameters"][name]
    return {**declared, **{d["type"]: d.get("argument") for d in declared["decorators"]}}


def shown(expression: Json) -> str:
    """Show an expression as one line."""
    match expression:
        case None:
            return "null"
        case {"function": {"type": name} as called}:
            given = called.get("parameters") or {}
            return f"{name}({', '.join(shown(argument) for argument in given.values() if argument is not None)})"
        case {"operator": {"type": "conditional", "operands": {"condition": c, "true_value": a, "false_value": b}}}:
            return f"{shown(c)} ? {shown(a)} : {shown(b)}"
        case {"operator": {"type": "not", "operands": {"bool_value": value}}}:
            return f"!{shown(value)}"
        case {"operator": {"type": sign, "operands": operands}}:
            return SIGNS.get(sign, f" {sign} ").join(shown(operand) for operand in operands.values())
        case dict():
            return "{" + ", ".join(f"{key}: {shown(value)}" for key, value in expression.items()) + "}"
        case list():
            return "[" + ", ".join(shown(value) for value in expression) + "]"
        case _:
            return str(expression)


def _resource(file: str, name: str, tree: Json) -> Resource:
    config, condition, loop = tree["config"], "", ""
    if "loop_type" in config:
        loop, config = shown(config["loop_type"]["detail"].get("array_name")), config["config"]
    if "condition" in config and "config" in config:
        condition, config = shown(config["condition"]), config["config"]
    return Resource(file, name, tree["type"], config, condition, loop)
