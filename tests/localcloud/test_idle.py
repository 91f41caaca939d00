"""What does a cloud cost on which nothing happens? Its hosts and its event listing leave the cores to the tests."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from localcloud.up import LocalCloud

pytestmark = pytest.mark.nightly("it measures for a minute, on a whole cloud of its own")

MOST = 0.01  # of a core
WINDOW_SECONDS = 60.0
WINDOWS = 3  # the first may still have a share of the start
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    """The app and the gateway, each on a host with its settings of every day, and nobody who asks anything of them."""
    with LocalCloud(cluster="hdinsight", directory=tmp_path) as running:
        yield running


def used_seconds(group: int) -> float:
    """How long the processes of a group have been on a core, in their own code and in the kernel's for them."""
    used = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            stat = (process / "stat").read_text()
        except OSError:  # it has ended
            continue
        fields = stat.rpartition(")")[2].split()  # from the third on: a name may hold spaces
        if int(fields[2]) == group:
            used += int(fields[11]) + int(fields[12])
    return used / TICKS_PER_SECOND


def shares(groups: Mapping[str, int]) -> dict[str, float]:
    """The share of a core that each group takes, over one window."""
    before, began = {name: used_seconds(group) for name, group in groups.items()}, time.monotonic()
    time.sleep(WINDOW_SECONDS)
    passed = time.monotonic() - began
    return {name: (used_seconds(group) - before[name]) / passed for name, group in groups.items()}


@pytest.mark.timeout(400)
def test_idle_hosts_and_the_event_listing_take_less_than_a_hundredth_of_a_core_each(cloud: LocalCloud) -> None:
    """With the polling of queues, the leases of timers and the sweeps; a host's worker is in its own process."""
    assert cloud.gateway_host
    groups = {"app": cloud.app_host.pid, "gateway": cloud.gateway_host.pid, "events": cloud.events.pid}
    assert all(used_seconds(group) > 0 for group in groups.values())
    measured: list[dict[str, float]] = []
    while not (measured and max(measured[-1].values()) < MOST):
        assert len(measured) < WINDOWS, measured
        measured.append(shares(groups))
