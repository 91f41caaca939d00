"""Which tests run together, and in which tier."""

from __future__ import annotations

import pytest

# Groups with servers of their own, the longest first; every other file is a group by itself.
GROUPS = ["session", "hdinsight", "mortal", "available", "bare", "app", "localcloud", "examples", "wire"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the users of a server together, so that one worker starts it once and ends it after the last of them."""
    groups = {item: _group(item) for item in items}
    order = {group: number for number, group in enumerate(dict.fromkeys([*GROUPS, *groups.values()]))}
    items.sort(key=lambda item: order[groups[item]])
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))
        for marker in item.iter_markers("nightly"):
            if not (marker.args and isinstance(marker.args[0], str)):
                raise pytest.UsageError(f"{item.nodeid}: nightly(why) wants the reason")


def _group(item: pytest.Item) -> str:
    """Return the kind of cloud that a test runs on, or its folder where that shares servers, or its file."""
    callspec = getattr(item, "callspec", None)
    if callspec and "cloud" in callspec.params:
        return str(callspec.params["cloud"])
    folder = item.path.parent.name
    return folder if folder in GROUPS else item.nodeid.partition("::")[0]
