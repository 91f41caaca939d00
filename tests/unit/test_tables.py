"""Is docs/tables.md true? It shows every state table, and the tests that it names exist."""

import re

from tests.documents import ROOT, TABLES, parts, state_tables


def test_the_tables_page_shows_every_state_table() -> None:
    """A new table of `core` that nobody shows is noticed."""
    assert set(state_tables()) <= set(parts(TABLES.read_text()))


def test_every_test_that_the_tables_page_names_exists() -> None:
    """A rule is held by a test that is there, in the file that is named."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", TABLES.read_text())
    assert named
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text(), f"{file}::{test}"
