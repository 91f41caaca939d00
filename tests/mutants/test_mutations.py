"""Is the list of mutations whole, and does it fit the code and the tests as they are? `make mutants` runs it."""

import re
import subprocess
import sys
from collections import Counter

import pytest

from tests.documents import DESIGN
from tests.mutants.mutations import MUTATIONS, ROOT, RULES, Mutation

CHEAP = ("tests/unit/", "tests/wire/", "tests/infra/")  # no Flink and no host: each is over in seconds


def rules() -> list[str]:
    """The rules as docs/design.md heads them, each up to its first colon, semicolon or full stop."""
    headed = re.findall(r"^(\d+\.) \*\*(Never [^:;.*\n]+)[:;.]", DESIGN.read_text(), re.MULTILINE)
    return [f"{number} {rule}" for number, rule in headed]


def test_every_rule_is_broken_by_a_mutation() -> None:
    """A rule that nobody can be seen to break is a wish."""
    assert len(rules()) == 11
    assert set(rules()) == {mutation.of for mutation in RULES}


def test_the_areas_are_broken_by_mutations_as_well() -> None:
    """Those that once had 22 still have as many; and who drives a job."""
    areas = Counter(mutation.of for mutation in MUTATIONS if mutation not in RULES)
    old = ("last state", "gate", "undo", "silence", "intake", "infra", "telemetry")
    assert set(old) <= areas.keys()
    assert sum(areas[area] for area in old) >= 22
    assert {"claim", "ledger", "driver"} <= areas.keys()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: f"{mutation.of}: {mutation.breaks}")
def test_a_mutation_fits_the_code_and_names_tests_that_exist(mutation: Mutation) -> None:
    """What it replaces is there exactly once, so that it is known which line breaks the promise."""
    assert mutation.fits, f"{mutation.path} no longer has exactly once: {mutation.before!r}"
    text = (ROOT / mutation.path).read_text()
    made = mutation.made(text)
    assert made != text
    if mutation.path.endswith(".py"):
        compile(made, mutation.path, "exec")
    assert mutation.tests
    for test in mutation.tests:
        file, _, name = test.partition("::")
        assert file.startswith(CHEAP), test
        assert f"def {name.partition('[')[0]}(" in (ROOT / file).read_text(), test


def test_nothing_is_run_where_no_mutation_is_chosen() -> None:
    """Without a test's name pytest would run them all."""
    command = [sys.executable, "-m", "tests.mutants", "--only", "nothing is called so"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)
    assert (ran.returncode, ran.stdout.count("\n")) == (2, 1)
