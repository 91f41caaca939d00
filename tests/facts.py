"""What may a document name? Routes, settings, actions, make targets, error codes, anchors: as the code has them."""

import re
from functools import cache
from pathlib import Path

from azure.functions.decorators.http import HttpTrigger

from flinkfuncs.health import HOST_SETTINGS
from flinkfuncs.settings import Settings
from tests.documents import ROOT
from tests.functions import functions

INFRA = ROOT / "infra"


@cache
def routes() -> frozenset[str]:
    """Every HTTP route that is indexed, with its method."""
    triggers = [function.get_trigger() for function in functions()]
    http = [trigger for trigger in triggers if isinstance(trigger, HttpTrigger)]
    return frozenset(f"{method} /{trigger.route}" for trigger in http for method in trigger.methods or ())


@cache
def targets() -> frozenset[str]:
    """Every make target that a person calls."""
    makefile = (ROOT / "Makefile").read_text()
    phony = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0]
    versions = re.findall(r"^FLINKS := (.*)$", makefile, re.MULTILINE)[0].split()
    words = {word for word in phony.split() if re.fullmatch("[a-z][a-z0-9-]*", word)}
    return frozenset(words | {f"flink-{version}" for version in versions})


def settings() -> set[str]:
    """Every app setting, those of the host included."""
    return {name.upper() for name in Settings.model_fields} | set(HOST_SETTINGS)


def choices() -> set[str]:
    """Every variable of azd that a deployment can choose."""
    return set(re.findall(r"\$\{(\w+)\}", (INFRA / "main.parameters.json").read_text()))


def outputs() -> set[str]:
    """What `azd env get-values` knows of a deployment."""
    return set(re.findall(r"^output (\w+) ", (INFRA / "main.bicep").read_text(), re.MULTILINE))


@cache
def code() -> str:
    """All the app's source, in which error codes stand as strings."""
    return "".join(path.read_text() for path in (ROOT / "flinkfuncs").rglob("*.py"))


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = [re.sub(r"[^\w -]", "", heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]
    return {heading.strip().lower().replace(" ", "-") for heading in found}
