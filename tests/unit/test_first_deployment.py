"""Is the page about the first deployment true? Variables exist, and what the templates make is as it says."""

import re

import yaml

from flinkfuncs.settings import Settings
from tests.documents import ROOT
from tests.facts import choices, outputs, settings
from tests.infra.bicep import resource, variable

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
