"""Do the wire faults see what they were made for? With a mend taken out cells turn red, and with it none is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.copies import ENVIRONMENT, copies, edited
from tests.mutants.mutations import COUNTED_TWICE, LEASE_LEFT, WORD_UNDONE, Mutation

from .rows import CLOSED, START
from .wire import RECORD

# The cells that each mend is for, as options of `make wire-faults`; and a part of the name of one that turns red.
MENDS = {
    "a write is known by its id": (
        COUNTED_TWICE,
        ("--rows", "ROLLBACK_OF_NOTHING", "--sites", START, "--faults", "reset after"),
        f"reset after at {START} #1, upload",
    ),
    "a driver that finds nothing open gives the job back": (
        LEASE_LEFT,
        ("--rows", "UPDATE", "--sites", RECORD, "--writers", "abandon,pause"),
        f"at {RECORD} #3, abandon",
    ),
    "what a person abandoned stays so": (
        WORD_UNDONE,
        ("--rows", "SAVEPOINT", "--sites", CLOSED, "--writers", "abandon"),
        f"at {CLOSED} #1, abandon",
    ),
}


@pytest.mark.nightly("many cells, twice")
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("mutation", "options", "red"), MENDS.values(), ids=MENDS)
def test_with_the_mend_taken_out_cells_turn_red_that_are_right_with_it(
    mutation: Mutation, options: tuple[str, ...], red: str, tmp_path: Path
) -> None:
    """Every one of them is met, both times."""
    with copies(1) as (copy,):
        mended = run(copy, options, tmp_path / "mended")
        with edited(copy, mutation):
            broken = run(copy, options, tmp_path / "broken")
    wrong = [name for name, verdict in broken.items() if verdict == "WRONG"]
    assert set(mended.values()) == {"right"}
    assert broken.keys() == mended.keys()
    assert any(red in name for name in wrong), wrong
    assert set(broken.values()) <= {"right", "WRONG"}


def run(copy: Path, options: tuple[str, ...], results: Path) -> dict[str, str]:
    """Run cells of the writers in a copy of the tree; return their verdicts."""
    command = [sys.executable, "-m", "tests.faults", "--sections", "writers", *options, "--results", str(results)]
    ran = subprocess.run(command, cwd=copy, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert results.exists(), ran.stdout + ran.stderr
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    return {line["cell"]: line["verdict"] for line in lines}
