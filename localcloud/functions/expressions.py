"""What do the expressions in bindings mean?

    %JARS_CONTAINER%/stateful/{job}/{name}    settings between percent signs, parts of a blob's name in braces
    subscriptions/{sub:guid}/jobs/{*rest}     a route: constraints, an optional {last?}, a catch-all

Blob patterns match slashes and case; routes match within a segment and without case.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote

_CONSTRAINTS = {
    "": "[^/]+",
    "int": r"-?\d+",
    "long": r"-?\d+",
    "bool": "true|false",
    "alpha": "[a-z]+",
    "guid": "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
}
_PARAMETER = re.compile(r"(/?)\{(\*?)(\w+)(?::(\w+(?:\(\d+\))?))?(\??)\}")
_LONGEST = re.compile(r"maxlength\((\d+)\)")


class UnresolvedError(Exception):
    """A %SETTING% that no app setting resolves."""


def resolve(text: str, settings: Mapping[str, str]) -> str:
    """Replace every %SETTING% by its value."""
    return re.sub(r"%([^%]+)%", partial(_setting, settings), text)


def _setting(settings: Mapping[str, str], found: re.Match[str]) -> str:
    if found[1] not in settings:
        raise UnresolvedError(f"'%{found[1]}%' does not resolve to a value")
    return settings[found[1]]


@dataclass(frozen=True)
class BlobPath:
    """The path of a blob trigger."""

    container: str
    prefix: str
    pattern: re.Pattern[str]

    def match(self, container: str, blob: str) -> dict[str, str] | None:
        """The parts in braces, or None when this is another blob."""
        found = self.pattern.fullmatch(blob) if container == self.container else None
        return found.groupdict() if found else None


def blob_path(path: str) -> BlobPath:
    """Parse a resolved path; its prefix is what stands before the first brace."""
    container, _, name = path.partition("/")
    parts = re.split(r"\{(\w+)\}", name or "{name}")
    pattern = "".join(f"(?P<{part}>.+)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
    return BlobPath(container, parts[0], re.compile(pattern))


@dataclass(frozen=True)
class Route:
    """The route of an HTTP trigger; of two that match, the one with the smaller rank is meant."""

    pattern: re.Pattern[str]
    rank: tuple[int, ...]

    def match(self, raw_path: str) -> dict[str, str] | None:
        """The decoded route values of a path that is still percent-encoded (%2F becomes a slash in a value)."""
        found = self.pattern.fullmatch(raw_path.strip("/"))
        if found is None:
            return None
        return {name: unquote(value) for name, value in found.groupdict().items() if value is not None}


def route(template: str) -> Route:
    """Parse a route template, prefix included.

    Raises:
        ValueError: a constraint that the local host does not know.
    """
    text = template.strip("/")
    pattern, position = "", 0
    for parameter in _PARAMETER.finditer(text):
        pattern += re.escape(text[position : parameter.start()]) + _group(parameter)
        position = parameter.end()
    pattern += re.escape(text[position:])
    return Route(re.compile(pattern, re.IGNORECASE), tuple(map(_rank, text.split("/"))))


def _group(parameter: re.Match[str]) -> str:
    slash, rest, name, constraint, optional = parameter.groups(default="")
    group = f"{slash}(?P<{name}>{'.*' if rest else _values(constraint)})"
    return f"(?:{group})?" if optional or (rest and slash) else group


def _values(constraint: str) -> str:
    if longest := _LONGEST.fullmatch(constraint):
        return f"[^/]{{0,{longest[1]}}}"
    if constraint not in _CONSTRAINTS:
        raise ValueError(f"route constraint '{constraint}' is not known here")
    return _CONSTRAINTS[constraint]


def _rank(segment: str) -> int:
    if "{" not in segment:
        return 0
    if segment.startswith("{*"):
        return 3
    return 1 if ":" in segment or not segment.startswith("{") else 2
