"""Do timers run at their times, once, and on one host?"""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from localcloud.azurite import Azurite
from localcloud.functions.timers import Schedule
from localcloud.processes import Processes
from tests.localcloud.sample import NEVER, Sample, eventually


@pytest.fixture
def twins(servers: Processes, azurite: Azurite, tmp_path: Path) -> Iterator[Sample]:
    """A host whose timer ticks every second; a test starts its twin."""
    connection = azurite.connection_string("twins")
    with closing(Sample(servers, connection, tmp_path, settings={"TICKS": "* * * * * *"})) as running:
        running.host.start()
        yield running
        running.host.kill()


def ticks(log: Path) -> list[str]:
    """The seconds at which the timer's function was started, from a host's log."""
    return [line[:19] for line in log.read_text().splitlines() if "Executing 'Functions.tick'" in line]


@pytest.mark.nightly("starts hosts, and waits for their leases")
def test_two_hosts_of_one_app_run_a_timer_once_and_the_second_takes_over(twins: Sample) -> None:
    """Promise: while the first host lives the second runs nothing; when it ends, the second goes on."""
    second = twins.host.another("twin")
    twins.wait_for("tick", 1)
    second.start()
    twins.wait_for("tick", 3)
    assert ticks(second.log) == []
    twins.host.stop()
    assert eventually(lambda: len(ticks(second.log)) >= 2)
    second.stop()
    both = ticks(twins.host.log) + ticks(second.log)
    assert len(both) == len(set(both))


@pytest.mark.nightly("starts hosts, and waits for their leases")
def test_a_time_that_passed_without_a_host_is_made_up_for_once(
    servers: Processes, azurite: Azurite, tmp_path: Path
) -> None:
    """Promise: a status whose next run lies in the past means one run, marked as past due."""
    with closing(Sample(servers, azurite.connection_string("late"), tmp_path, settings={"TICKS": NEVER})) as late:
        container = late.blobs.create_container("azure-webjobs-hosts")
        times = {"Last": "2020-01-01T00:00:00+00:00", "Next": "2021-01-01T00:00:00+00:00"}
        container.upload_blob("timers/sample/Host.Functions.tick/status", json.dumps(times))
        container.close()
        late.host.start()
        assert late.wait_for("tick", 1) == [{"past_due": True}]
        late.host.restart()
        assert late.effects("tick") == [{"past_due": True}]
        late.host.kill()


@pytest.mark.parametrize("wrong", ["", "* * * * *", "61 * * * * *", "every hour"])
def test_an_expression_that_is_no_ncrontab_is_refused(wrong: str) -> None:
    """Promise: five fields, as cron has them, are no schedule here."""
    with pytest.raises(ValueError, match=r".+"):
        Schedule(wrong)
