"""Make every mutation and see a test fail: `python -m tests.mutants [--only TEXT] [--jobs N]`.

First the tests that the mutations name are run on the code as it is: they have to pass. Then each mutation is made in a
copy of the tree, and the tests that it names are run there:

    pytest                                       the mutation is
    -------------------------------------------  ---------------------------------------
    has a failed test                            caught
    passes                                       SURVIVED: a test is missing
    has no failed test, and does not pass        in error: nothing is known of it
    fails on a type, a name or a health check    in error: that is not the test's own judgement

A line is printed for each; the last line is JSON; the exit code is 0 only when all are caught.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Literal

from localcloud.processes import unwinding_on_sigterm

from .copies import ENVIRONMENT, copies, edited
from .mutations import MUTATIONS, Mutation

TEST_SECONDS = 300.0  # for each test that is named
PYTEST = (
    sys.executable,
    "-m",
    "pytest",
    "-x",
    "-q",
    "-p",
    "no:cacheprovider",
)
# What mypy finds before any test, and what a slow machine does to a test.
PROVES_NOTHING = (
    "AttributeError",
    "ImportError",
    "ModuleNotFoundError",
    "NameError",
    "SyntaxError",
    "TypeError",
    "hypothesis.errors.",
)


@dataclass(frozen=True)
class Ran:
    """How a run of pytest ended; `failed` is the first test that failed, and `why` what it said."""

    exit_code: int
    output: str
    failed: str | None = None
    why: str = ""


@dataclass(frozen=True)
class Judged:
    """What came of a mutation."""

    mutation: Mutation
    verdict: Literal["caught", "SURVIVED", "ERROR"]
    by: str
    seconds: float


def main() -> int:
    """Check the list, run, print."""
    options = _options()
    chosen = [one for one in MUTATIONS if options.only.lower() in f"{one.of} {one.breaks} {one.path}".lower()]
    if not chosen:
        print(f"no mutation has {options.only!r} in its area, words or file")
        return 2
    if stale := [one for one in chosen if not one.fits]:
        print("\n".join(f"stale: {one.path} no longer has exactly once: {one.before!r}" for one in stale))
        return 2
    began, judged = time.monotonic(), list[Judged]()
    with unwinding_on_sigterm(), copies(options.jobs) as places:
        tests = list(dict.fromkeys(test for one in chosen for test in one.tests))
        unchanged = _pytest(places[0], tests)
        if unchanged.exit_code != 0:
            print(f"{unchanged.output}\nthe code as it is does not pass the tests that the mutations name")
            return 2
        print(f"the {len(tests)} tests pass on the code as it is ({time.monotonic() - began:.0f} s)", flush=True)
        for one in _each(places, chosen):
            judged.append(one)
            print(_line(one), flush=True)
    caught = [one for one in judged if one.verdict == "caught"]
    print(f"{len(caught)} of {len(chosen)} caught in {time.monotonic() - began:.0f} s")
    print(json.dumps({"mutations": len(chosen), "caught": len(caught)}))
    return 0 if len(caught) == len(chosen) else 1


def _each(places: Sequence[Path], mutations: Iterable[Mutation]) -> Iterator[Judged]:
    """Judge the mutations, as many at once as there are copies, each in a copy that no other one uses meanwhile."""
    free = SimpleQueue[Path]()
    for copy in places:
        free.put(copy)

    def judged(mutation: Mutation) -> Judged:
        copy = free.get()
        try:
            return _judged(copy, mutation)
        finally:
            free.put(copy)

    pool = ThreadPoolExecutor(len(places))
    try:
        for future in as_completed([pool.submit(judged, mutation) for mutation in mutations]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _judged(copy: Path, mutation: Mutation) -> Judged:
    began = time.monotonic()
    with edited(copy, mutation):
        ran = _pytest(copy, mutation.tests)
    seconds = time.monotonic() - began
    if ran.exit_code == 0:
        return Judged(mutation, "SURVIVED", ", ".join(mutation.tests), seconds)
    if ran.exit_code != 1 or ran.failed is None or ran.why.startswith(PROVES_NOTHING):
        return Judged(mutation, "ERROR", f"exit code {ran.exit_code}\n{ran.output}", seconds)
    return Judged(mutation, "caught", f"{ran.failed}: {ran.why[:160]}", seconds)


def _pytest(copy: Path, tests: Sequence[str]) -> Ran:
    try:
        done = subprocess.run(
            [*PYTEST, *tests],
            cwd=copy,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TEST_SECONDS * len(tests),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Ran(-1, f"no end after {TEST_SECONDS * len(tests):.0f} s")
    failed = re.search(r"^FAILED (\S+?::.+?)(?: - (.*))?$", done.stdout, re.MULTILINE)
    return Ran(done.returncode, done.stdout, failed and failed[1], (failed[2] or "") if failed else "")


def _line(judged: Judged) -> str:
    one = judged.mutation
    how = "caught by" if judged.verdict == "caught" else judged.verdict
    return f"{one.of}: {one.breaks}\n    {one.path}: {how} {judged.by} ({judged.seconds:.0f} s)"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="See each mutation fail a test.")
    parser.add_argument("--only", default="", help="only mutations whose area, words or file hold this text")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="default: one for each core")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
