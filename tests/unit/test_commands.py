"""Does what a reader copies from a page work? Calls meet a route with a body that it takes; a job.json is valid."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from flinkfuncs.api.asked import Abandon, Pause, PlannedUpload
from flinkfuncs.core.actions import Action
from flinkfuncs.core.model import Model
from flinkfuncs.core.uploads import parse_job_json
from flinkfuncs.runjob import RunJobProperties, fields_of
from tests.documents import ROOT, pages
from tests.facts import routes

# What stands for a value of the reader's own.
STAND_INS = {"<flink job id>": "a" * 32, "'\"$JAR\"'": "plans/build-481/orders.jar"}
BODIES: dict[str, type[Model]] = {"uploads": Pause, "abandon": Abandon, "plan": PlannedUpload}


@dataclass(frozen=True)
class Call:
    """A call of the app's API, as a page has it."""

    page: str
    line: str

    @property
    def path(self) -> str:
        """The path alone."""
        found: list[str] = re.findall(r"\$APP(?:_URL)?(/api/[^\s\"'`)]*)", self.line)
        return urlsplit(found[0]).path

    @property
    def method(self) -> str:
        """As curl chooses it, where none is named."""
        named = re.findall(r"-X (\w+)", self.line)
        return named[0] if named else "POST" if self.body else "GET"

    @property
    def body(self) -> str | None:
        """Its JSON."""
        line = self.line
        for word, value in STAND_INS.items():
            line = line.replace(word, value)
        found = re.findall(r"-d '([^']*)'", line)
        return found[0] if found else None

    @property
    def action(self) -> Action | None:
        """The action that it asks for."""
        words = {action.value.lower().replace("_", "-"): action for action in Action}
        found = re.fullmatch(r"/api/jobs/[^/]+/([\w-]+)", self.path)
        return words.get(found[1]) if found else None


def calls() -> list[Call]:
    """Every call, in a block or within a line; a backslash at the end of a line goes on with the next one."""
    found = []
    for page in pages():
        text = re.sub(r" *\\\n\s*", " ", page.read_text())
        lines = re.findall(r"(?:\bcall|\bcurl) [^\n`]*?\$APP(?:_URL)?/api/[^\n`]*", text)
        found += [Call(str(page.relative_to(ROOT)), line) for line in lines]
    return found


CALLS = calls()


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.page}: {call.method} {call.path}")
def test_every_call_meets_a_route_with_a_body_that_it_takes(call: Call) -> None:
    """By its method; actions are those that there are, and their fields those that they take."""
    shapes = [re.sub(r"\{\w+\}", "[^/]+", route) for route in routes()]
    assert any(re.fullmatch(shape, f"{call.method} {call.path}") for shape in shapes)
    last = call.path.rpartition("/")[2]
    if call.method == "POST" and re.fullmatch(r"/api/jobs/[^/]+/[\w-]+", call.path) and last not in BODIES:
        assert call.action
    if call.body:
        read = BODIES.get(last, RunJobProperties).model_validate_json(call.body)
        assert call.action is None or read.model_fields_set <= fields_of(call.action)


def test_calls_are_found_on_many_pages() -> None:
    """Otherwise the test above would test nothing."""
    assert len({call.page for call in CALLS}) > 6
    assert sum(call.body is not None for call in CALLS) > 6


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_job_json_is_valid(page: Path) -> None:
    """As the intake reads it."""
    for text in re.findall(r'(?:echo \'|^ {4,})(\{"jar": "[^/"]+".*?\})(?:\'|$)', page.read_text(), re.MULTILINE):
        assert parse_job_json(text.encode()).jar
