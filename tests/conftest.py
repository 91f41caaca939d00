"""Which tests run together, in which order, and in which tier?

The tests that share a server are a group: one worker starts it once, and ends it after the last of them. Groups come as
written here, the longest first, or with `--shuffle SEED` in a random order that SEED repeats: the groups change places,
the files within each, and the tests within each file, which share its fixtures.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import TypeVar

import hypothesis
import pytest

T = TypeVar("T")

# A busy machine is no reason to fail.
hypothesis.settings.register_profile("steady", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("steady")

# By the kind of cloud, or by folder; every other file is a group by itself.
GROUPS = ["session", "hdinsight", "mortal", "available", "bare", "app", "localcloud", "examples", "wire"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run groups, files and tests in random order")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Print the seed at the beginning."""
    return _lines(config)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print it at the end, too: with -q there is no header."""
    for line in _lines(config):
        terminalreporter.write_line(line)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Mark the groups before pytest-xdist reads them, and order the tests after pytest has sorted them by fixtures."""
    groups = {item: _group(item) for item in items}
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))
        for marker in item.iter_markers("nightly"):
            if not (marker.args and isinstance(marker.args[0], str)):
                raise pytest.UsageError(f"{item.nodeid}: nightly(why) wants the reason")
    yield
    order = {group: number for number, group in enumerate(dict.fromkeys([*GROUPS, *groups.values()]))}
    items.sort(key=lambda item: order[groups[item]])
    if _lines(config):
        items[:] = shuffled(items, config.getoption("shuffle"), lambda item: groups[item], lambda item: item.path)


def _group(item: pytest.Item) -> str:
    """Return the kind of cloud that a test runs on, or its folder where that shares servers, or its file."""
    callspec = getattr(item, "callspec", None)
    if callspec and "cloud" in callspec.params:
        return str(callspec.params["cloud"])
    folder = item.path.parent.name
    return folder if folder in GROUPS else item.nodeid.partition("::")[0]


def shuffled(items: list[T], seed: int, *levels: Callable[[T], object]) -> list[T]:
    """Return the items in an order that the seed decides; those that are alike at a level stay together there."""
    return _shuffled(items, random.Random(seed), levels)  # noqa: S311 - no secret is made of it


def _shuffled(items: list[T], chance: random.Random, levels: tuple[Callable[[T], object], ...]) -> list[T]:
    if not levels:
        return chance.sample(items, len(items))
    parts: dict[object, list[T]] = {}
    for item in items:
        parts.setdefault(levels[0](item), []).append(item)
    mixed = chance.sample(list(parts.values()), len(parts))
    return [item for part in mixed for item in _shuffled(part, chance, levels[1:])]


def _lines(config: pytest.Config) -> list[str]:
    seed = config.getoption("shuffle")
    return [] if seed is None else [f"in random order: --shuffle {seed}"]
