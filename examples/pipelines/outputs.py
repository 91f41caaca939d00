"""A plan's id and verdict as outputs of the step, from `flinkfuncs plan --json` on stdin; the id into a file as well.

plan-id=6f0c1d2e3f4a5b6c.9e0f3a4b5c6d7e8f                              a line of GITHUB_OUTPUT
##vso[task.setvariable variable=planId;isOutput=true]6f0c1d2e3f4a5b6c.…      in Azure Pipelines
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path


def main(file: str, environment: Mapping[str, str] = os.environ) -> None:
    """Write them."""
    plan = json.loads(sys.stdin.read())
    found = {name: re.sub(r"[^\w.]", "", str(plan.get(name, ""))) for name in ("id", "verdict")}
    Path(file).write_text(found["id"] + "\n")
    if output := environment.get("GITHUB_OUTPUT"):
        with Path(output).open("a") as lines:
            lines.write(f"plan-id={found['id']}\nverdict={found['verdict']}\n")
    elif environment.get("TF_BUILD") == "True":
        for name, value in (("planId", found["id"]), ("verdict", found["verdict"])):
            sys.stdout.write(f"##vso[task.setvariable variable={name};isOutput=true]{value}\n")


if __name__ == "__main__":
    main(sys.argv[1])
