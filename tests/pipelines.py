"""The steps of examples/pipelines, taken from their YAML, and a checkout in which they run."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.command_line import Ran, forked

ROOT = Path(__file__).parents[1]
PIPELINES = ROOT / "examples" / "pipelines"
SECONDS = 240


@dataclass(frozen=True)
class Checkout:
    """A repository that has copied the scripts, on an agent that has installed the command line."""

    home: Path

    def run(self, script: str, **environment: str) -> Ran:
        """Run a step: its shell, and what the pipeline has in the environment."""
        own = {
            "PATH": f"{self.home / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "RUNNER_TEMP": str(self.home),
            "NO_PROXY": "127.0.0.1,localhost",
        }
        bash = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        done = subprocess.run(
            bash,
            cwd=self.home,
            env={**own, **environment},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)


def checkout(home: Path) -> Checkout:
    """Make one, or return the one that is there."""
    binary = home / "bin" / "flinkfuncs"
    if not binary.exists():
        binary.parent.mkdir()
        binary.write_text(f'#!/bin/sh\nexec {shlex.join(forked().command)} "$@"\n')
        binary.chmod(0o755)
        (home / "pipelines").symlink_to(PIPELINES)
    return Checkout(home)


def github_step(name: str) -> str:
    """Return what a step of the action runs, with the action's own folder."""
    steps = yaml.safe_load((PIPELINES / "github" / "action.yml").read_text())["runs"]["steps"]
    (step,) = (step for step in steps if step["name"] == name)
    return f"GITHUB_ACTION_PATH={shlex.quote(str(PIPELINES / 'github'))}\n{step['run']}"


def azure_steps() -> dict[str, str]:
    """Return what the steps of the pipeline run, by their names."""
    text = yaml.safe_load((PIPELINES / "azure-pipelines.yml").read_text())
    plan = text["stages"][1]["jobs"][0]["steps"]
    deploy = text["stages"][2]["jobs"][0]["strategy"]["runOnce"]["deploy"]["steps"]
    scripts = {step.get("displayName"): step.get("script") or step.get("inputs", {}) for step in (*plan, *deploy)}
    return {name: one if isinstance(one, str) else one["inlineScript"] for name, one in scripts.items() if name}
