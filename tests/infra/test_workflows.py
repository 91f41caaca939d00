"""Is the way from a commit to Azure as narrow as it can be? Pinned actions, least permissions, no secret."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.bicep import INFRA, ROOT, parameter, resource, shown, templates, variable

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
LEAST: dict[str, dict[str, str]] = {
    "test": {"contents": "read"},
    "infra": {"contents": "read"},
    "everything": {"contents": "read"},
    "alone": {"contents": "read"},
    "callers": {"contents": "read"},
    "image": {"contents": "read"},
    "package": {"contents": "read"},
    "deploy": {"contents": "read", "id-token": "write"},
}


def jobs(name: str) -> Any:  # noqa: ANN401 - YAML
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())["jobs"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_one_commit(path: Path) -> None:
    """Forty hexadecimal digits, and the version that a person reads beside them; or this repository's own file."""
    uses = re.findall(r"uses: (.*)", path.read_text())
    assert uses
    for action in uses:
        assert re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40} # v[\d.]+|\./\.github/workflows/\w+\.yml.*", action), action


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_workflow_has_a_secret_or_a_right_that_it_does_not_need(path: Path) -> None:
    """Nothing by default, and each job exactly what stands above."""
    text = path.read_text()
    assert "secrets." not in text
    assert "pull_request_target" not in text
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert job["permissions"] == LEAST[name], name


def test_only_what_is_tested_and_packed_is_deployed() -> None:
    """In this order; by a tag."""
    release = jobs("release.yml")
    assert release["test"]["uses"] == "./.github/workflows/test.yml"
    assert release["everything"]["uses"] == "./.github/workflows/nightly.yml"
    assert (release["package"]["needs"], release["deploy"]["needs"]) == (["test", "everything"], "package")
    workflow = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    assert 'tags: ["v*"]' in workflow


def test_azure_trusts_this_job_and_no_other() -> None:
    """The subject of the federated credential is the environment in which the deploying job runs: with the repository's
    name and, for repositories since July 2026, with its ids.
    """
    deploy = jobs("release.yml")["deploy"]
    credential = resource("Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials").properties
    assert credential["subject"] == f"repo:${{subject.repository}}:environment:{deploy['environment']}"
    assert credential["issuer"] == "https://token.actions.githubusercontent.com"
    assert templates()["main.bicep"]["modules"]["deployer"]["config"]["condition"] is not None
    (login,) = [step for step in deploy["steps"] if step.get("uses", "").startswith("azure/login@")]
    assert set(login["with"]) == {"client-id", "tenant-id", "subscription-id"}
    assert all(re.fullmatch(r"\$\{\{ vars\.\w+ \}\}", value) for value in login["with"].values())


def test_both_forms_of_a_repository_are_trusted() -> None:
    """By a credential each, one after the other: written at once, one of them is refused."""
    github = resource("Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials")
    assert github.loop == "concat(plain, empty(repositoryWithIds) ? [] : withIds)"
    assert shown(variable("deployer.bicep", "plain")) == "[{name: github, repository: repository}]"
    assert shown(variable("deployer.bicep", "withIds")) == "[{name: github-ids, repository: repositoryWithIds}]"
    assert "@batchSize(1)" in (INFRA / "deployer.bicep").read_text()


def test_the_package_is_deployed_as_it_is_and_then_asked_whether_it_works() -> None:
    """Nothing is built in Azure; the last step fails the release where the app does not answer."""
    *_, package = jobs("release.yml")["package"]["steps"]
    *before, deploying, asking = jobs("release.yml")["deploy"]["steps"]
    assert (package["with"]["name"], package["with"]["path"]) == ("app", ".tools/app.zip")
    assert [step["with"]["name"] for step in before if "download" in step["uses"]] == ["app"]
    assert deploying["uses"].startswith("Azure/functions-action@")
    assert {**deploying["with"], "app-name": ""} == {
        "app-name": "",
        "package": "app.zip",
        "sku": "flexconsumption",
        "remote-build": False,
    }
    assert "config-zip" not in str(jobs("release.yml"))
    read = set(re.findall(r"\$\{?([A-Z_]+)", (INFRA / "smoke.sh").read_text()))
    assert asking["run"] == "infra/smoke.sh"
    assert set(asking["env"]) == {name for name in read if not name.startswith("SMOKE_")}


def test_the_package_is_made_with_the_python_that_runs_it() -> None:
    """Its compiled parts fit one version only."""
    (setup,) = [step for step in jobs("release.yml")["package"]["steps"] if "setup-python" in step.get("uses", "")]
    assert setup["with"]["python-version"] == parameter("main.bicep", "pythonVersion")["default"]


def test_workflows_run_what_a_person_runs() -> None:
    """Every `make` of a workflow is a target."""
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    made = [made for path in WORKFLOWS for made in re.findall(r"run: make ([a-z0-9-]+)", path.read_text())]
    made += jobs("nightly.yml")["callers"]["strategy"]["matrix"]["target"]
    held = {"test", "test-all", "alone", "shuffle", "mutants", "fuzz", "check-infra", "package"}
    assert held <= set(made) <= set(targets)


def test_dependencies_are_kept_up_to_date() -> None:
    """Python, Node, and the actions themselves; where their files lie."""
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    places = {u["package-ecosystem"]: u.get("directories", [u.get("directory")]) for u in updates}
    assert places == {
        "pip": ["/", "/requirements"],
        "npm": ["/localcloud/azurite", "/tests/browser/npm"],
        "github-actions": ["/"],
    }
    assert all((ROOT / place.lstrip("/") / "package-lock.json").exists() for place in places["npm"])
