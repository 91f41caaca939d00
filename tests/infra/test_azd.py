"""Does `azd up` find what it needs? azure.yaml, and the hook that subscribes the app to uploads."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.infra.bicep import INFRA, ROOT, templates

HOOK = INFRA / "postdeploy.sh"
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


def run_hook(place: Path, *, failures: int) -> tuple[int, list[str]]:
    """Run the hook with an Azure CLI that fails so many times; return its exit code and the CLI's calls."""
    for name, text in {"az": AZ, "sleep": "#!/bin/sh\n"}.items():
        (place / name).write_text(text)
        (place / name).chmod(0o755)
    calls = place / "calls"
    calls.touch()
    environment = {name: name.lower() for name in OUTPUTS} | {
        "AZURE_SUBSCRIPTION_ID": "subscription",
        "FAILURES": str(failures),
        "PATH": f"{place}:{os.environ['PATH']}",
    }
    done = subprocess.run([str(HOOK)], env=environment, capture_output=True, check=False, timeout=30)
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
    """The templates, the app's root, the hook, which can be executed."""
    names = azure_yaml()
    assert (ROOT / names["infra"]["path"] / f"{names['infra']['module']}.bicep").exists()
    (service,) = names["services"].values()
    assert (ROOT / service["project"] / "host.json").exists()
    hook = ROOT / names["hooks"]["postdeploy"]["run"]
    assert hook == HOOK
    assert os.access(hook, os.X_OK)


def test_the_hook_gives_the_template_what_it_asks_for() -> None:
    """Each parameter once; each value an output of main.bicep, or azd's own subscription."""
    text = HOOK.read_text()
    given = dict(re.findall(r'(\w+)="\$(\w+)"', text))
    assert set(given) == set(templates()["events.bicep"]["parameters"])
    assert set(re.findall(r'"\$([A-Z_]+)"', text)) - {"AZURE_SUBSCRIPTION_ID"} <= OUTPUTS


def test_the_hook_waits_for_the_webhook(tmp_path: Path) -> None:
    """The key of the webhook exists a while after the first deployment."""
    code, calls = run_hook(tmp_path, failures=2)
    assert (code, len(calls)) == (0, 3)
    assert "appName=azure_function_app_name" in calls[-1]
    assert "--template-file events.bicep" in calls[-1]


def test_the_hook_gives_up_and_says_so(tmp_path: Path) -> None:
    """A deployment without subscriptions is no success."""
    code, calls = run_hook(tmp_path, failures=99)
    assert (code, len(calls)) == (1, 6)
