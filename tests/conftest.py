"""In which order do tests run? As they are written, or with `--shuffle SEED` in a random order that SEED repeats.

The tests of a file stay together, since they share its fixtures: the files change places, and the tests within each.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run files, and the tests of each, in random order")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Print the seed at the beginning."""
    return _lines(config)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print it at the end, too: with -q there is no header."""
    for line in _lines(config):
        terminalreporter.write_line(line)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Shuffle, after pytest has sorted the tests by their fixtures."""
    if _lines(config):
        items[:] = shuffled(items, config.getoption("shuffle"), file=lambda item: item.path)


def shuffled(items: list[T], seed: int, *, file: Callable[[T], object]) -> list[T]:
    """Return the items in an order that the seed decides, with those of a file together."""
    chance = random.Random(seed)  # noqa: S311 - no secret is made of it
    files: dict[object, list[T]] = {}
    for item in items:
        files.setdefault(file(item), []).append(item)
    groups = list(files.values())
    chance.shuffle(groups)
    for group in groups:
        chance.shuffle(group)
    return [item for group in groups for item in group]


def _lines(config: pytest.Config) -> list[str]:
    seed = config.getoption("shuffle")
    return [] if seed is None else [f"in random order: --shuffle {seed}"]
