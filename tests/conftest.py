"""Which tests run together, in which order, and in which tier?

The tests that share a server are a group: one worker starts it once, and ends it after the last of them. Groups come as
written here, the longest first, and then the files that need a storage account at most. With `--shuffle SEED` the order
is random, and SEED repeats it: the groups change places, the files within each, and the tests within each file, which
share its fixtures.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import TypeVar

import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.browser.chromium import LEFT_OUT, REQUIRED, chromium, is_required

T = TypeVar("T")

# A busy machine is no reason to fail.
hypothesis.settings.register_profile("steady", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("steady")

CLOUDS = ["session", "hdinsight", "available"]  # the kinds that tests/flink runs on
FOLDERS = ["app", "browser", "clusters", "localcloud", "examples"]  # whose tests share servers


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # it ships without types
    """Hands each group to one worker; pytest-xdist's own groups (3.8.0) are lost on pytest 9.2."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        """Take the groups in the order in which they come."""
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupScheduling:
    """Keep groups together where there are several workers."""
    return GroupScheduling(config, log)


def pytest_configure() -> None:
    """Fail where the page's tests may not be left out, and would be."""
    if is_required() and not chromium():
        raise pytest.UsageError(f"{REQUIRED}=required, but {LEFT_OUT}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run groups, files and tests in random order")
    parser.addoption("--fuzz", type=int, metavar="REQUESTS", help="how many tests/app/test_fuzz.py sends; new ones")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Print the seed at the beginning."""
    return _lines(config)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print it at the end, too: with -q there is no header."""
    for line in _lines(config):
        terminalreporter.write_line(line)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the tests, after pytest has sorted them by their fixtures."""
    for item in items:
        for marker in item.iter_markers("nightly"):
            if not (marker.args and isinstance(marker.args[0], str)):
                raise pytest.UsageError(f"{item.nodeid}: nightly(why) wants the reason")
    if not chromium():
        for item in items:
            if group_of(item.nodeid) == "browser":
                item.add_marker(pytest.mark.skip(reason=LEFT_OUT))
    files = sorted((group_of(item.nodeid) for item in items), key=lambda file: not file.startswith("tests/wire/"))
    groups = [*CLOUDS, *FOLDERS, *files]
    order = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    items.sort(key=lambda item: order[group_of(item.nodeid)])
    if _lines(config):
        items[:] = shuffled(items, config.getoption("shuffle"), lambda one: group_of(one.nodeid), lambda one: one.path)


def group_of(nodeid: str) -> str:
    """Return the kind of cloud that a test runs on, or its folder where that shares servers, or its file.

    >>> group_of("tests/flink/test_updates.py::test_an_update[hdinsight-fails-at-run-time]")
    'hdinsight'
    """
    path, _, name = nodeid.partition("::")
    folder = path.split("/")[1]
    if folder == "flink" and (kinds := set(CLOUDS) & set(re.split(r"[\[\]-]", name))):
        return kinds.pop()
    return folder if folder in FOLDERS else path


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
