"""Is the page about the first deployment true? Names, links and variables exist; what the templates make is as said."""

import re

import yaml

from flinkfuncs.settings import Settings
from tests.documents import ROOT
from tests.infra.bicep import resource, variable
from tests.unit.test_readme import choices, routes, settings
from tests.unit.test_runbook import headings, outputs

PAGE = ROOT / "docs" / "first-deployment.md"
TEXT = PAGE.read_text()
COMMANDS = "\n".join(re.findall(r"^ {4,}(\S.*)$", TEXT, re.MULTILINE))
CODE = " ".join(re.findall(r"`([^`\n]+)`", TEXT)) + "\n" + COMMANDS


def test_every_setting_and_variable_exists() -> None:
    """Choices of a deployment, settings of the app, outputs of the templates, and azd's own subscription."""
    words = set(re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", CODE))
    workflow = {"AZURE_CLIENT_ID", "AZURE_SUBSCRIPTION_ID", "PYTHON_VERSION"}  # the last as a name that others have
    assert words - settings() - choices() - outputs() - workflow == set()


def test_every_choice_that_is_made_in_a_command_exists() -> None:
    """`azd env set` takes any name, and says nothing of one that no template reads."""
    chosen = set(re.findall(r"azd env set (\w+)", TEXT)) - {"NAME"}
    assert chosen
    assert chosen <= choices()


def test_every_link_leads_somewhere() -> None:
    """Files, and headings of this page and of others."""
    for place, anchor in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", TEXT):
        target = (PAGE.parent / place).resolve() if place else PAGE
        assert target.exists(), place
        if anchor:
            assert anchor in headings(str(target.relative_to(ROOT))), f"{place}#{anchor}"


def test_every_route_is_one() -> None:
    """With its method, as the README writes it, but for the host's own."""
    named = re.findall(r"`((?:GET|POST|PUT) /api[^`?]+)", TEXT)
    assert named
    assert set(named) <= routes()


def test_the_workflow_reads_the_variables_that_the_page_lists() -> None:
    """The same ones: a variable that is missing is empty, and fails late."""
    table = TEXT.partition("| variable | from `azd env get-values` |")[2].partition("\n\n")[0]
    listed = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    workflow = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    assert set(listed) == set(re.findall(r"\$\{\{ vars\.(\w+) \}\}", workflow))


def test_the_page_knows_the_regions_without_zones_the_alerts_and_the_version() -> None:
    """As the templates and azure.yaml have them."""
    regions = variable("main.bicep", "regionsWithoutZones")
    assert ", ".join(f"`{region}`" for region in regions) in TEXT
    assert len(variable("alerts.bicep", "rules")) == 6
    assert "six log alerts and one metric alert" in TEXT
    assert resource("Microsoft.Insights/metricAlerts")
    least = yaml.safe_load((ROOT / "azure.yaml").read_text())["requiredVersions"]["azd"].removeprefix(">= ")
    assert f"| {least} or newer |" in TEXT
    assert Settings.model_fields["sweep_schedule"].default == "*/30 * * * * *"
