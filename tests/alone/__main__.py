"""How is each test file run by itself?

    python -m tests.alone [FILE or FOLDER …]

Of each file the tests of `make test` are run, one file after the other; a red one is shown with its output.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTEST = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml")]


def main(arguments: Sequence[str] | None = None, *, root: Path = ROOT) -> int:
    """Run each file below the root; the exit code is 1 where one is red, or none was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.alone", description="Run each test file by itself.")
    parser.add_argument("paths", nargs="*", default=["tests"], help="files, or folders of them")
    files = _files(root, parser.parse_args(arguments).paths)
    red = [file for file in files if not _is_green(root, file)]
    print(f"{len(files) - len(red)} of {len(files)} files are green alone", *(f"red: {file}" for file in red), sep="\n")
    return 0 if files and not red else 1


def _files(root: Path, paths: Sequence[str]) -> list[str]:
    """Return the files of which `make test` runs a test, as pytest orders them."""
    collected = _pytest(root, "--collect-only", "-q", *paths)
    found = re.findall(r"^(\S+\.py): \d+$", collected.stdout, re.MULTILINE)
    if not found:
        print(collected.stdout, collected.stderr, sep="\n")
    return list(dict.fromkeys(found))


def _is_green(root: Path, file: str) -> bool:
    began = time.monotonic()
    ran = _pytest(root, file)
    print(f"{'red' if ran.returncode else 'green':5} {time.monotonic() - began:6.1f} s  {file}", flush=True)
    if ran.returncode:
        print(ran.stdout, ran.stderr, sep="\n", flush=True)
    return not ran.returncode


def _pytest(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*PYTEST, "--rootdir", str(root), *words]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
