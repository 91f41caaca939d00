"""Does the outside count tell a proper update from every improper one, on a real Flink?"""

from pathlib import Path

import pytest

from examples.count import Count, count
from tests.examples.rest import Flink, wait_until

pytestmark = pytest.mark.nightly("what the count sees, not what the app does")


@pytest.mark.parametrize("parallelism", [2, 3])
def test_an_update_from_its_savepoint_loses_nothing_and_doubles_nothing(
    flink: Flink, sink: Path, parallelism: int
) -> None:
    """Version 2 goes on at the number after version 1's last, also with another parallelism."""
    savepoint = stopped_version_1(flink, sink)
    new = flink.start("2", sink, savepoint=savepoint, parallelism=parallelism)
    wait_for_records(sink, "2")
    flink.stop(new)

    counted = count(sink)
    assert counted.is_exact
    assert counted.first == 0
    assert [stretch.version for stretch in counted.stretches] == ["1", "2"]
    assert counted.stretches[1].first == counted.stretches[0].last + 1
    assert counted.last == counted.records - 1


def test_a_running_job_of_many_subtasks_is_never_said_to_have_lost_a_number(flink: Flink, sink: Path) -> None:
    """Numbers that other subtasks have not committed yet are pending, not lost."""
    flink.start("1", sink, parallelism=4)
    looks: list[Count] = []
    while not looks or looks[-1].records < 1000:
        looks.append(count(sink, running=True))
    assert all(look.is_exact for look in looks)
    assert len({look.records for look in looks}) > 3


def test_a_stateless_start_doubles_what_it_writes_again(flink: Flink, sink: Path) -> None:
    """Each number that both copies wrote counts once as doubled, though the counts in state agree."""
    stopped_version_1(flink, sink)
    new = flink.start("2", sink)
    wait_for_records(sink, "2")
    flink.stop(new)

    counted = count(sink)
    assert counted.duplicated == min(counted.by_version["1"], counted.by_version["2"])
    assert counted.state_mismatches == counted.lost == 0


def test_a_start_from_an_older_savepoint_doubles_what_came_after_it(flink: Flink, sink: Path) -> None:
    """Source and counters went back together and notice nothing; the files do."""
    old = flink.start("1", sink)
    wait_for_records(sink, "1")
    older = flink.savepoint(old)
    wait_for_records(sink, "1", count(sink, running=True).records + 200)
    flink.stop(old)
    last_of_old = count(sink).last or 0
    new = flink.start("2", sink, savepoint=older)
    wait_until(lambda: (count(sink, running=True).last or 0) > last_of_old)
    flink.stop(new)

    counted = count(sink)
    assert counted.duplicated == last_of_old - counted.stretches[1].first + 1 >= 100
    assert counted.state_mismatches == counted.lost == 0


def test_a_second_running_copy_doubles_what_both_write(flink: Flink, sink: Path) -> None:
    """Two copies from one savepoint write the same numbers into the same directory."""
    old = flink.start("1", sink)
    wait_for_records(sink, "1")
    second = flink.start("2", sink, savepoint=flink.savepoint(old))
    wait_for_records(sink, "2")
    assert flink.status(old) == flink.status(second) == "RUNNING"
    assert count(sink, running=True).duplicated > 0


def test_a_deleted_file_is_lost_output(flink: Flink, sink: Path) -> None:
    """Every number of a committed file that is gone counts as lost, at the end of the output too."""
    stopped_version_1(flink, sink)
    before = count(sink)
    gone = max(sink.glob("part-*"), key=lambda file: file.stat().st_ctime)
    missing = len(gone.read_text().splitlines())
    gone.unlink()

    assert missing > 0
    after = count(sink)
    assert after.lost + (before.last or 0) - (after.last or 0) == missing
    assert after.duplicated == 0


def test_a_restored_job_goes_on_in_the_directory_that_its_state_names(flink: Flink, sink: Path) -> None:
    """FileSink keeps the directory in its state: another --sink does not divert a job that restores."""
    elsewhere = sink.with_name("elsewhere")
    savepoint = stopped_version_1(flink, sink)
    flink.start("2", elsewhere, savepoint=savepoint)
    wait_for_records(sink, "2")
    assert count(elsewhere, running=True).records == 0


def stopped_version_1(flink: Flink, sink: Path) -> str:
    job = flink.start("1", sink)
    wait_for_records(sink, "1")
    return flink.stop(job)


def wait_for_records(sink: Path, version: str, at_least: int = 200) -> None:
    wait_until(lambda: count(sink, running=True).by_version.get(version, 0) >= at_least)
