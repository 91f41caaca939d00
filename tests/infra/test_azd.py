"""Does `azd up` find what it needs? azure.yaml, the package, and the hooks before and after."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.infra.bicep import INFRA, ROOT, parameter, resource, templates

HOOK = INFRA / "postdeploy.sh"
NOTHING: Mapping[str, str] = MappingProxyType({})
SMOKE = INFRA / "smoke.sh"
PYTHON = re.findall(r"^RUNTIMES := (\S+) (\S+)# ", (ROOT / "Makefile").read_text(), re.MULTILINE)[0]
SCHEMA = json.loads((Path(__file__).parent / "azure.schema.json").read_text())
OUTPUTS = set(templates()["main.bicep"]["outputs"])
AZ = f"""\
#!{sys.executable}
import os, pathlib, sys
calls = pathlib.Path(__file__).with_name("calls")
calls.write_text(calls.read_text() + " ".join(sys.argv[1:]) + "\\n")
sys.exit(len(calls.read_text().splitlines()) <= int(os.environ["FAILURES"]))
"""


def azure_yaml() -> Any:  # noqa: ANN401 - YAML
    return yaml.safe_load((ROOT / "azure.yaml").read_text())


def run_hook(
    place: Path, hook: Path = HOOK, *, failures: int = 0, python: str = "exit 0", chosen: Mapping[str, str] = NOTHING
) -> tuple[int, list[str]]:
    """Run a hook with an Azure CLI that fails so many times; return its exit code and the CLI's calls."""
    for name, text in {"az": AZ, "sleep": "#!/bin/sh\n", "python3": f"#!/bin/sh\n{python}\n"}.items():
        (place / name).write_text(text)
        (place / name).chmod(0o755)
    calls = place / "calls"
    calls.touch()
    environment = {name: name.lower() for name in OUTPUTS} | {
        "AZURE_SUBSCRIPTION_ID": "subscription",
        "FAILURES": str(failures),
        **chosen,
        "PATH": f"{place}:{os.environ['PATH']}",
    }
    done = subprocess.run([str(hook)], env=environment, capture_output=True, check=False, timeout=30)
    return done.returncode, calls.read_text().splitlines()


def test_azure_yaml_is_valid() -> None:
    """Against the part of azd's schema that is used here."""
    Draft202012Validator(SCHEMA).validate(azure_yaml())


@pytest.mark.parametrize(
    ("section", "wrong"), [("hooks", {"postdeplo": {}}), ("infra", {"provider": "terraform"}), ("services", {})]
)
def test_the_schema_notices_what_is_wrong(section: str, wrong: object) -> None:
    """A schema that takes everything would show nothing."""
    assert not Draft202012Validator(SCHEMA).is_valid({**azure_yaml(), section: wrong})


def test_azure_yaml_names_what_exists() -> None:
    """The templates, the app's root, the hooks, which can be executed."""
    names = azure_yaml()
    assert (ROOT / names["infra"]["path"] / f"{names['infra']['module']}.bicep").exists()
    (service,) = names["services"].values()
    assert (ROOT / service["project"] / "host.json").exists()
    hooks = [each["run"] for each in (*names["hooks"].values(), *service["hooks"].values())]
    assert hooks == ["infra/preprovision.sh", "infra/postdeploy.sh", "infra/prepackage.sh"]
    assert all(os.access(path, os.X_OK) for path in (*(ROOT / hook for hook in hooks), SMOKE))


def test_what_is_packed_is_what_runs() -> None:
    """Nothing is built in Azure; the folder that azd zips is the one that `make package` fills, with a file that keeps
    azd from leaving out what is compiled (createDeployableZip reads .funcignore from that folder).
    """
    (service,) = azure_yaml()["services"].values()
    assert (service["remoteBuild"], service["dist"]) == (False, ".tools/app")
    recipe = (ROOT / "Makefile").read_text().partition("\npackage:")[2].partition("\n\n")[0]
    assert "> .tools/app/.funcignore" in recipe
    assert "compileall -q --invalidation-mode unchecked-hash .tools/app" in recipe
    assert recipe.index("pip install") < recipe.index("compileall") < recipe.index("make_archive")


def test_the_package_is_made_with_the_python_that_was_chosen(tmp_path: Path) -> None:
    """What is compiled fits one version only."""
    (tmp_path / "make").write_text('#!/bin/sh\nprintf "%s\\n" "$*"\n')
    (tmp_path / "make").chmod(0o755)
    made = []
    for chosen in ({}, {"FLINKFUNCS_PYTHON_VERSION": PYTHON[1]}):
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"} | chosen
        done = subprocess.run(
            [str(INFRA / "prepackage.sh")], env=environment, capture_output=True, text=True, check=True, timeout=30
        )
        made.append(done.stdout.strip())
    assert made == [f"package PYTHON=python{version}" for version in PYTHON]
    assert parameter("main.bicep", "pythonVersion")["default"] == PYTHON[0]
    assert parameter("main.bicep", "pythonVersion")["allowed"] == list(PYTHON)


@pytest.mark.parametrize(("private", "registers"), [("true", True), ("false", False), (None, False)])
def test_a_private_network_has_its_provider_registered(tmp_path: Path, private: str | None, registers: bool) -> None:
    """The subnet's delegation needs it, and no resource of the templates names it."""
    chosen = {"FLINKFUNCS_PRIVATE_NETWORK": private} if private else {}
    code, calls = run_hook(tmp_path, INFRA / "preprovision.sh", chosen=chosen)
    (delegation,) = resource("Microsoft.Network/virtualNetworks").properties["subnets"][0]["properties"]["delegations"]
    provider = delegation["properties"]["serviceName"].partition("/")[0]
    assert code == 0
    assert calls == [f"provider register --subscription subscription --namespace {provider} --wait"] * registers


def test_azd_is_new_enough() -> None:
    """For remoteBuild (azure-dev#6748). JSON for parameters that are lists or objects came with 1.23.4
    (azure-dev#6694), the .funcignore of the package's folder with 1.18 (azure-dev#5383).
    """
    assert azure_yaml()["requiredVersions"] == {"azd": ">= 1.23.5"}


def test_the_hook_gives_the_template_what_it_asks_for() -> None:
    """Each parameter once; each value an output of main.bicep, or azd's own subscription."""
    text = HOOK.read_text()
    given = dict(re.findall(r'(\w+)="\$(\w+)"', text))
    assert set(given) == set(templates()["events.bicep"]["parameters"])
    assert set(re.findall(r'"\$([A-Z_]+)"', text)) - {"AZURE_SUBSCRIPTION_ID"} <= OUTPUTS


def test_the_hook_waits_for_the_webhook(tmp_path: Path) -> None:
    """The key of the webhook exists a while after the first deployment."""
    code, calls = run_hook(tmp_path, failures=2)
    subscribing = [call for call in calls if call.startswith("deployment")]
    assert (code, len(subscribing)) == (0, 3)
    assert "appName=azure_function_app_name" in subscribing[-1]
    assert "--template-file events.bicep" in subscribing[-1]


def test_the_hook_gives_up_and_says_so(tmp_path: Path) -> None:
    """A deployment without subscriptions is no success."""
    code, calls = run_hook(tmp_path, failures=99)
    assert (code, len(calls)) == (1, 6)


def test_a_deployment_that_does_not_work_fails(tmp_path: Path) -> None:
    """The hook ends as the smoke test does."""
    assert run_hook(tmp_path, python="exit 1")[0] == 1


def test_the_smoke_test_gets_what_it_asks_for(tmp_path: Path) -> None:
    """Keys and settings from the Azure CLI, in the environment and never on a command line."""
    code, calls = run_hook(tmp_path, SMOKE, python='[ "${SMOKE_URL+x}${SMOKE_KEYS+x}${SMOKE_SETTINGS+x}" = xxx ]')
    of_the_app = "--resource-group azure_resource_group --name azure_function_app_name --subscription subscription"
    assert code == 0
    assert calls == [
        f"functionapp show --query defaultHostName --output tsv {of_the_app}",
        f"functionapp keys list --output json {of_the_app}",
        f"functionapp config appsettings list --output json {of_the_app}",
    ]


def test_where_people_sign_in_the_smoke_test_has_a_token(tmp_path: Path) -> None:
    """Of whoever deploys."""
    _, calls = run_hook(tmp_path, SMOKE, chosen={"FLINKFUNCS_SIGN_IN_CLIENT_ID": "client"})
    assert calls[-1] == "account get-access-token --resource api://client --query accessToken --output tsv"
