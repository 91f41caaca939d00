"""How is each test file run by itself?

    python -m tests.alone [FILE or FOLDER …]

Of each file the tests of `make test` are run, one file after the other; a red one is shown with its output.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# By the exit code of pytest; "none": all tests of the file are nightly.
WORDS: dict[int, str] = {pytest.ExitCode.OK: "green", pytest.ExitCode.NO_TESTS_COLLECTED: "none"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run each file; the exit code is 1 where one is red."""
    parser = argparse.ArgumentParser(prog="python -m tests.alone", description="Run each test file by itself.")
    parser.add_argument("paths", nargs="*", type=Path, default=[ROOT / "tests"], help="files, or folders of them")
    red = [file for file in _files(parser.parse_args(arguments).paths) if not _is_green(file)]
    if red:
        print("red where they run alone:", *map(_shown, red), sep="\n  ")
    return 1 if red else 0


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.rglob("test_*.py")) if path.is_dir() else [path]


def _is_green(file: Path) -> bool:
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), str(file.resolve())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    word = WORDS.get(done.returncode, "red")
    print(f"{word:5} {time.monotonic() - began:6.1f} s  {_shown(file)}", flush=True)
    if word == "red":
        print(done.stdout, done.stderr, sep="\n", flush=True)
    return word != "red"


def _shown(file: Path) -> Path:
    return file.resolve().relative_to(ROOT) if file.resolve().is_relative_to(ROOT) else file


if __name__ == "__main__":
    sys.exit(main())
