"""Is the runbook true? What it asks somebody to type at night exists: settings, variables, alerts."""

import json
import re

from flinkfuncs.core.actions import Action
from flinkfuncs.core.operations import Outcome
from flinkfuncs.settings import Settings
from tests.documents import ROOT
from tests.facts import choices, outputs, settings
from tests.infra.bicep import variable

RUNBOOK = ROOT / "docs" / "runbook.md"
TEXT = RUNBOOK.read_text()
COMMANDS = "\n".join(re.findall(r"^ {4,}(\S.*)$", TEXT, re.MULTILINE))
CODE = " ".join(re.findall(r"`([^`\n]+)`", TEXT)) + "\n" + COMMANDS
OWN = {"TRIGGER", "FLINK", "ID", "APP", "KEY"}  # what the page sets itself, or asks for


def test_every_setting_variable_and_word_in_capitals_exists() -> None:
    """Settings of the app, choices of a deployment, outputs of the templates, actions and outcomes."""
    words = set(re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", CODE)) - {"JOB_NAME"}
    known = settings() | choices() | outputs() | set(Action) | set(Outcome) | {"NO_CLAIM"}
    assert words - known == set()
    used = set(re.findall(r"\$\{?([A-Z][A-Z_]*)", COMMANDS))
    assert used - (OWN | outputs() | choices()) == set()


def test_every_alert_has_a_heading_and_no_other() -> None:
    """Whoever gets a mail finds its name here."""
    rules = {rule["name"] for rule in variable("alerts.bicep", "rules")} | {"undelivered"}
    section = TEXT.partition("\n## Alerts\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^### (.*)$", section, re.MULTILINE)) == rules


def test_containers_queues_and_secrets_are_called_as_they_are() -> None:
    """By the defaults of the settings, which the templates deploy."""
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    containers = set(re.findall(r"--container-name ([a-z-]+)", COMMANDS))
    assert containers == {defaults["ledger_container"], defaults["releases_container"]}
    assert set(re.findall(r"--queue-name (\S+)", COMMANDS)) == {f"{defaults['operations_queue']}-poison"}
    assert f"{defaults['key_vault_secret_prefix']}-api-secret" in COMMANDS
    assert set(re.findall(r"flink/jobs/", COMMANDS)), "the ledger's key is the cluster's name"
    assert defaults["cluster_name"] == "flink"


def test_flinks_own_bodies_are_json_and_say_how_the_state_is_taken() -> None:
    """By hand, too, nothing is drained, dropped or claimed."""
    bodies = [
        json.loads(body.replace("'$", "").replace("'", "")) for body in re.findall(r"-d '(\{.*\})' \$FLINK", TEXT)
    ]
    stop, run = bodies
    assert stop["drain"] is False
    assert (run["allowNonRestoredState"], run["claimMode"]) == (False, "NO_CLAIM")
