"""Is README true? It names every route, action, setting, make target and jar, and none that does not exist."""

import re
from urllib.parse import urlsplit

import pytest
from azure.functions.decorators.http import HttpTrigger

from examples.build import JARS
from flinkfuncs.core.actions import Action
from flinkfuncs.health import HOST_SETTINGS
from flinkfuncs.settings import Settings
from tests.documents import CAPACITY, DESIGN, README, ROOT, TABLES, parts, state_tables, written
from tests.functions import functions

TEXT = README.read_text()
CODE = " ".join(re.findall(r"`([^`\n]+)`", TEXT))
PLACES = {"README.md": README, "docs/tables.md": TABLES}
LINKING = (*PLACES.values(), DESIGN, CAPACITY)

CONNECTION_FORMS = {f"JARS__{form}" for form in ("blobServiceUri", "queueServiceUri", "credential", "clientId")}


def routes() -> set[str]:
    """Every HTTP route that is indexed, with its method."""
    triggers = [function.get_trigger() for function in functions()]
    http = [trigger for trigger in triggers if isinstance(trigger, HttpTrigger)]
    return {f"{method} /{trigger.route}" for trigger in http for method in trigger.methods or ()}


def targets() -> set[str]:
    """Every make target that a person calls."""
    makefile = (ROOT / "Makefile").read_text()
    phony = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0]
    versions = re.findall(r"^FLINKS := (.*)$", makefile, re.MULTILINE)[0].split()
    return {word for word in phony.split() if re.fullmatch("[a-z][a-z0-9-]*", word)} | {f"flink-{v}" for v in versions}


def settings() -> set[str]:
    return {name.upper() for name in Settings.model_fields} | set(HOST_SETTINGS)


def choices() -> set[str]:
    """Every variable of azd that a deployment can choose."""
    return set(re.findall(r"\$\{(\w+)\}", (ROOT / "infra" / "main.parameters.json").read_text()))


def section(title: str) -> str:
    """The text of one section."""
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_readme_names_every_route_and_no_other() -> None:
    """Each stands in a table, with its method."""
    named = re.findall(r"^\| `((?:GET|POST|PUT|PATCH|DELETE) /[^`]+)`", section("Routes"), re.MULTILINE)
    assert sorted(named) == sorted(routes())


def test_readme_mentions_no_path_that_is_not_routed() -> None:
    """Also in running text and in commands: what a reader copies has to exist."""
    shapes = {re.sub(r"\{\w+\}", "*", route.split(" ")[1]) for route in routes()}
    for path in re.findall(r"(?:(?<=APP)|(?<= )|(?<=`))/api/[\w/{}?=&-]*(?:\.json)?", TEXT):
        shape = urlsplit(path).path
        assert any(re.fullmatch(known.replace("*", "[^/]+"), shape) for known in shapes), path


def test_readme_names_every_action_and_no_other() -> None:
    """Each is a row of the table of actions."""
    rows = re.findall(r"^\| ([A-Z_]+) \|", section("Actions"), re.MULTILINE)
    assert sorted(rows) == sorted(Action)


def test_readme_names_every_setting_and_no_other() -> None:
    """In the two tables, and wherever else a word of capitals with an underscore stands in code."""
    rows = re.findall(r"^\| `([A-Za-z_]+)` \|", section("Settings"), re.MULTILINE)
    assert sorted(rows) == sorted(settings())
    words = set(re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Za-z0-9]+)+\b", CODE))
    assert words <= settings() | set(Action) | CONNECTION_FORMS | choices()


def test_readme_names_every_make_target_and_no_other() -> None:
    """In the first column of the table; and every command `make …` anywhere is one of them."""
    rows = [line.split(" | ")[0] for line in section("Make targets").splitlines() if line.startswith("| `")]
    assert sorted(target for row in rows for target in re.findall(r"`make ([\w.-]+)`", row)) == sorted(targets())
    commands = re.findall(r"^ {4}make ([\w.-]+)|`make ([\w.-]+)", TEXT, re.MULTILINE)
    assert {indented or inline for indented, inline in commands} <= targets()


def test_readme_names_every_jar_of_the_example_and_no_other() -> None:
    """In the table, as the files are called."""
    assert sorted(re.findall(r"`(sequence-[\w-]+\.jar)`", section("The example job"))) == sorted(j.name for j in JARS)
    assert set(re.findall(r"sequence-[\w-]+\.jar", TEXT)) == {jar.name for jar in JARS}


def test_every_code_that_readme_promises_is_one_of_the_apps() -> None:
    """A caller's program compares them."""
    code = "".join(path.read_text() for path in (ROOT / "flinkfuncs").rglob("*.py"))
    for promised in re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]*)+)`", section("What a bad input gets")):
        assert f'"{promised}"' in code, promised


def test_every_file_that_readme_and_design_link_exists() -> None:
    """Relative links lead somewhere."""
    for place in LINKING:
        for link in re.findall(r"\]\((?!http)([^)#]+)\)", place.read_text()):
            assert (place.parent / link).exists(), link


@pytest.mark.parametrize("place", PLACES)
def test_what_is_written_from_the_code_is_as_the_code_has_it(place: str) -> None:
    """`make docs` writes it anew."""
    document = PLACES[place].read_text()
    assert parts(document)
    assert written(document) == document, f"{place} lags behind the code: run `make docs`"


def test_the_tables_page_shows_every_state_table() -> None:
    """A new table of `core` that nobody shows is noticed."""
    assert set(state_tables()) <= set(parts(TABLES.read_text()))


def test_every_test_that_the_tables_page_names_exists() -> None:
    """A rule is held by a test that is there, in the file that is named."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", TABLES.read_text())
    assert named
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text(), f"{file}::{test}"
