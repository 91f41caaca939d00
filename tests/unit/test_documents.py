"""Are the documents true? Links lead somewhere, what they name exists, and tables that list everything are whole."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from examples.build import JARS
from flinkfuncs.api.codes import CODES
from flinkfuncs.core.actions import Action
from flinkfuncs.core.operations import Outcome
from flinkfuncs.core.plans import Verdict
from flinkfuncs.core.uploads import JobJson
from flinkfuncs.runjob import RunJobProperties, fields_of
from flinkfuncs_cli.config import FIELDS
from tests.documents import DOCS, EXAMPLES, GROUPS, ROOT, pages, parts, written
from tests.facts import choices, code, headings, outputs, routes, settings, targets

PAGES = pages()
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
every_page = pytest.mark.parametrize("page", PAGES, ids=NAMES)

# Words in code that are other people's, as Azure, Flink, GitHub and Airflow write them.
FOREIGN_WORDS = {
    *("AZURE_CLIENT_SECRET", "AZURE_SUBSCRIPTION_ID", "BROWSER_TESTS", "GITHUB_ACTIONS", "NO_CLAIM", "NO_COLOR"),
    *("OTEL_TRACES_SAMPLER", "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY", "PYTHON_VERSION", "RETAIN_ON_CANCELLATION"),
    *("FLINK_JOB_ID", "TF_BUILD", "XDG_CONFIG_HOME"),
}
FOREIGN_NAMES = {
    *("AzureKeyVaultBackend", "AzureWebJobsSecretStorageType", "DefaultAzureCredential", "FileSink", "LoadBalancer"),
    *("StateMigrationException", "StatementSet", "SubnetMissingRequiredDelegation"),
}
OF_THE_COMMAND_LINE = {f"FLINKFUNCS_{name.upper()}" for name in (*FIELDS, "profile", "package")}
IN_DESIGN = {"MOST_OPEN", "NOTIFY_SECRET", "REFUSED_KEYS"}  # names of the code, which that page is about
CONNECTION_FORMS = {f"JARS__{form}" for form in ("blobServiceUri", "queueServiceUri", "credential", "clientId")}
KNOWN_WORDS = {
    *(settings() | choices() | outputs() | CONNECTION_FORMS | set(Action) | set(Outcome) | set(Verdict)),
    *(OF_THE_COMMAND_LINE | FOREIGN_WORDS | IN_DESIGN),
}


def in_code(text: str) -> str:
    """What a page shows as code within a line."""
    return " ".join(re.findall(r"`([^`\n]+)`", text))


def section(page: Path, title: str) -> str:
    """The text of one section of a page."""
    return page.read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_cells(text: str) -> list[str]:
    """The first cell of each row of the tables in a text."""
    return re.findall(r"^\| (.*?) \|", text, re.MULTILINE)


def classes() -> set[str]:
    """The classes of the Airflow provider, which its README names."""
    sources = (ROOT / "airflow" / "src").rglob("*.py")
    return {name for source in sources for name in re.findall(r"^class (\w+)", source.read_text(), re.MULTILINE)}


# ------------------------------------------------------------------------------------------------------ every page


@every_page
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    """On the same page and on others."""
    for link in re.findall(r"\]\((?!https?:|mailto:)([^)]+)\)", page.read_text()):
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


@every_page
def test_every_path_is_a_route(page: Path) -> None:
    """Also in running text and in commands, and with its method where one is named: readers copy them."""
    shapes = {re.sub(r"\{\w+\}", "[^/]+", route) for route in routes()}
    text = page.read_text()
    for path in re.findall(r"(?:(?<=APP)|(?<=APP_URL)|(?<= )|(?<=`))/api/[\w/{}?=&$-]*(?:\.json)?", text):
        assert any(re.fullmatch(shape.partition(" ")[2], urlsplit(path).path) for shape in shapes), path
    for route in re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /api/[^`\s?]*)", text):
        assert any(re.fullmatch(shape, route) for shape in shapes), route


@every_page
def test_every_word_in_capitals_exists(page: Path) -> None:
    """Settings of the app, choices and outputs of a deployment, actions, outcomes, verdicts."""
    words = re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Za-z0-9]+)+\b", in_code(page.read_text()))
    assert set(words) - KNOWN_WORDS == set()


@every_page
def test_every_code_exists(page: Path) -> None:
    """A caller's program compares them, and people search for them."""
    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]*)+)`", page.read_text()))
    unknown = {name for name in named if name not in CODES and f'"{name}"' not in code()}
    assert unknown - FOREIGN_NAMES - classes() == set()


@every_page
def test_every_make_target_exists(page: Path) -> None:
    """In commands and in running text."""
    named = re.findall(r"^ {4}make ([\w.-]+)|`make ([\w.-]+)", page.read_text(), re.MULTILINE)
    assert {indented or inline for indented, inline in named} <= targets()


@every_page
def test_every_jar_of_the_example_exists(page: Path) -> None:
    """By the names of the files."""
    assert set(re.findall(r"\bsequence-[\w-]+\.jar", page.read_text())) <= {jar.name for jar in JARS}


WRITTEN = [page for page in PAGES if page.parent == DOCS and parts(page.read_text())]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_what_is_written_from_the_code_is_as_the_code_has_it(page: Path) -> None:
    """`make docs` writes it."""
    document = page.read_text()
    assert written(document) == document, f"{page.name} lags behind the code: run `make docs`"


# ------------------------------------------------------------------------------------------- tables that are complete


def test_the_pages_of_the_api_and_the_gateway_list_every_route() -> None:
    """Each with its method, once."""
    rows = [cell for name in ("api.md", "gateway.md") for cell in first_cells(section(DOCS / name, "Routes"))]
    named = [row.strip("`") for row in rows if re.match(r"`[A-Z]+ /", row)]
    assert sorted(named) == sorted(routes())


def test_the_page_of_actions_lists_every_action_and_every_outcome() -> None:
    """Each is a row."""
    page = DOCS / "actions.md"
    assert sorted(set(first_cells(section(page, "Actions"))) - {"action", "---"}) == sorted(Action)
    assert sorted(set(first_cells(section(page, "Outcomes"))) - {"outcome", "---"}) == sorted(Outcome)


def test_the_page_of_actions_lists_every_field_of_a_body() -> None:
    """With the actions that take it."""
    updates = {Action.UPDATE, Action.STATELESS_UPDATE, Action.LAST_STATE_UPDATE}
    words = {"the updates": updates, "every action": set(Action)}
    taken: dict[str, set[Action]] = {}
    for fields, actions in re.findall(
        r"^\| (`.*?) \| (.*?) \|", section(DOCS / "actions.md", "The body"), re.MULTILINE
    ):
        said = [words.get(word) or {Action(word)} for word in actions.split(", ")]
        taken |= dict.fromkeys(re.findall(r"`(\w+)`", fields), set().union(*said))
    aliases = {name: str(field.alias) for name, field in RunJobProperties.model_fields.items()}
    assert taken == {alias: {a for a in Action if name in fields_of(a)} for name, alias in aliases.items()}


def test_the_page_of_uploads_lists_every_field_of_a_job_json() -> None:
    """In the first column of its table."""
    cells = [cell for cell in first_cells(section(DOCS / "uploads.md", "job.json")) if cell.startswith("`")]
    named = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == sorted(str(field.alias) for field in JobJson.model_fields.values())


def test_the_page_of_settings_lists_every_setting() -> None:
    """Those of the host included; each group of them has its table."""
    page = DOCS / "settings.md"
    assert set(GROUPS) < set(parts(page.read_text()))
    tables = "".join(re.findall(r"<!-- .*? -->\n(.*?)<!-- /", page.read_text(), re.DOTALL))
    assert sorted(re.findall(r"^\| `([A-Za-z_]+)` \|", tables, re.MULTILINE)) == sorted(settings())


def test_the_page_for_contributors_lists_every_make_target() -> None:
    """In the first column of its table."""
    rows = [cell for cell in first_cells(CONTRIBUTING.read_text()) if cell.startswith("`make ")]
    assert sorted(target for row in rows for target in re.findall(r"`make ([\w.-]+)`", row)) == sorted(targets())


def test_the_page_of_the_example_lists_every_jar() -> None:
    """By what stands between `sequence-` and `.jar`."""
    cells = [cell for cell in first_cells(section(EXAMPLES, "The jars")) if cell.startswith("`")]
    named = [f"sequence-{version}.jar" for cell in cells for version in re.findall(r"`([\w-]+)`", cell)]
    assert sorted(named) == sorted(jar.name for jar in JARS)
