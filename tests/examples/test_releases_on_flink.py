"""Does each jar do on a real Flink what its name says?"""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from examples.count import count
from tests.examples.rest import Flink, RefusedError, wait_until
from tests.examples.test_updates_on_flink import stopped_version_1, wait_for_records

pytestmark = pytest.mark.nightly("what the jars do, not what the app does")


def test_throws_in_main_is_refused_with_what_main_threw(flink: Flink, sink: Path) -> None:
    """The answer to the start names the exception, and no job is left."""
    with pytest.raises(RefusedError, match=r"^400 .*throws in main\(\)"):
        flink.start("throws-in-main", sink)


def test_exits_in_main_is_refused_where_the_cluster_guards_itself(flink: Flink, sink: Path) -> None:
    """System.exit is an exception like any other, and the JobManager lives on."""
    with pytest.raises(RefusedError, match="attempted to exit JVM"):
        flink.start("exits-in-main", sink)
    assert requests.get(f"{flink.url}/overview", timeout=10).ok


def test_slow_main_runs_although_the_client_has_hung_up(flink: Flink, sink: Path) -> None:
    """Flink does not know the job while main() sleeps, and runs it all the same."""
    with pytest.raises(requests.Timeout):
        flink.start("slow-main", sink, arguments={"--main-seconds": "2"}, timeout_seconds=0.5)
    [job] = flink.started
    assert flink.status(job) is None
    wait_until(lambda: flink.status(job) == "RUNNING")
    wait_for_records(sink, "slow-main")


def test_fails_at_run_time_starts_and_never_gets_anywhere(flink: Flink, sink: Path) -> None:
    """The start is accepted; then the job fails again and again and completes no checkpoint."""
    job = flink.start("fails-at-run-time", sink)
    wait_until(lambda: len(flink.causes(job)) > 1)
    assert "crashes after 0 checkpoints" in flink.causes(job)[0]
    assert flink.checkpoints(job).completed == 0
    assert count(sink).records == 0


def test_crash_loops_restores_again_and_again_and_its_fix_goes_on_exactly(flink: Flink, sink: Path) -> None:
    """Checkpoints complete and output grows in each attempt; version 2 takes over from the last checkpoint."""
    job = flink.start("crash-loops", sink)
    wait_until(lambda: flink.checkpoints(job).restored >= 2)
    assert flink.checkpoints(job).completed >= 6
    assert "crashes after 3 checkpoints" in flink.causes(job)[0]
    flink.cancel(job)
    fixed = flink.start("2", sink, savepoint=flink.last_checkpoint(job))
    wait_for_records(sink, "2")
    flink.stop(fixed)
    counted = count(sink)
    assert counted.is_exact
    assert counted.by_version.keys() == {"crash-loops", "2"}


def test_fails_once_restarts_from_its_own_checkpoint_and_is_well(flink: Flink, sink: Path) -> None:
    """One failure, one restore, and an exact count."""
    job = flink.start("fails-once", sink)
    wait_until(lambda: flink.checkpoints(job).restored == 1)
    wait_until(lambda: flink.checkpoints(job).completed > 8)
    flink.stop(job)
    assert len(flink.causes(job)) == 1
    assert count(sink).is_exact


def test_fails_while_stopping_leaves_a_savepoint_from_which_nothing_is_missing(flink: Flink, sink: Path) -> None:
    """The stop failed, the job is FAILED, and the savepoint that its failure names is good all the same."""
    job = flink.start("fails-while-stopping", sink)
    wait_for_records(sink, "fails-while-stopping")
    cause = flink.try_to_stop(job)["failure-cause"]["stack-trace"]
    found = re.search(r"A savepoint has been created at: (\S+), but the corresponding job \w+ failed", cause)
    assert found
    wait_until(lambda: flink.status(job) == "FAILED")
    fixed = flink.start("2", sink, savepoint=found[1])
    wait_for_records(sink, "2")
    flink.stop(fixed)
    assert count(sink).is_exact


def test_slow_checkpoints_keep_a_savepoint_under_way(flink: Flink, sink: Path) -> None:
    """While the snapshot sleeps nothing is complete, and nothing is wrong."""
    arguments = {"--checkpoint-seconds": "1", "--checkpoint-interval": "0"}
    job = flink.start("slow-checkpoints", sink, arguments=arguments)
    wait_until(lambda: flink.all_tasks_run(job))
    with ThreadPoolExecutor(1) as stopping:
        stopped = stopping.submit(flink.stop, job)
        wait_until(lambda: flink.checkpoints(job).in_progress == 1)
        assert flink.status(job) == "RUNNING"
        assert stopped.result()
    assert count(sink).is_exact


def test_incompatible_state_fails_at_each_restore_and_leaves_the_savepoint_good(flink: Flink, sink: Path) -> None:
    """The start is accepted, no attempt gets past the state, and version 2 still goes on exactly."""
    savepoint = stopped_version_1(flink, sink)
    bad = flink.start("incompatible-state", sink, savepoint=savepoint)
    wait_until(lambda: len(flink.causes(bad)) > 1)
    assert "StateMigrationException" in flink.causes(bad)[0]
    assert flink.checkpoints(bad).completed == 0
    flink.cancel(bad)
    good = flink.start("2", sink, savepoint=savepoint)
    wait_for_records(sink, "2")
    flink.stop(good)
    assert count(sink).is_exact
    assert count(sink).by_version.keys() == {"1", "2"}


def test_one_operator_more_restores_as_it_is(flink: Flink, sink: Path) -> None:
    """State for all operators but the new one: no flag, nothing lost or doubled."""
    new = flink.start("one-operator-more", sink, savepoint=stopped_version_1(flink, sink))
    wait_for_records(sink, "one-operator-more")
    flink.stop(new)
    assert count(sink).is_exact


def test_one_operator_fewer_is_refused_unless_its_state_may_be_dropped(flink: Flink, sink: Path) -> None:
    """With leave to drop it the sequence goes on, and every line shows that the counts are gone."""
    savepoint = stopped_version_1(flink, sink)
    with pytest.raises(RefusedError, match="Cannot map checkpoint/savepoint state"):
        flink.start("one-operator-fewer", sink, savepoint=savepoint)
    new = flink.start("one-operator-fewer", sink, savepoint=savepoint, drop_state=True)
    wait_for_records(sink, "one-operator-fewer")
    flink.stop(new)
    counted = count(sink)
    assert counted.lost == counted.duplicated == 0
    assert counted.state_mismatches == counted.by_version["one-operator-fewer"] > 0


def test_no_uids_cannot_take_over_the_state_of_operators_with_uids(flink: Flink, sink: Path) -> None:
    """Flink finds no operator for the state that version 1 left."""
    with pytest.raises(RefusedError, match="Cannot map checkpoint/savepoint state"):
        flink.start("no-uids", sink, savepoint=stopped_version_1(flink, sink))


def test_a_plan_without_generated_uids_names_the_operator_that_has_none(flink: Flink, sink: Path) -> None:
    """Version 1 has a uid everywhere, the jar without uids nowhere."""
    strict = {"pipeline.auto-generate-uids": "false"}
    assert flink.plan("1", sink, strict).ok
    refused = flink.plan("no-uids", sink, strict)
    assert refused.status_code == 500
    assert "no UID or hash has been assigned to operator numbers" in refused.text


def test_a_job_with_an_end_finishes_by_itself_with_everything_committed(flink: Flink, sink: Path) -> None:
    """--max names the last number."""
    job = flink.start("1", sink, arguments={"--max": "299"})
    wait_until(lambda: flink.status(job) == "FINISHED")
    counted = count(sink)
    assert counted.is_exact
    assert (counted.records, counted.last) == (300, 299)


@pytest.mark.parametrize(
    ("arguments", "said"), [({"--color": "red"}, "unknown argument --color"), ({"--rate": "fast"}, "fast")]
)
def test_an_argument_that_makes_no_sense_is_refused(
    flink: Flink, sink: Path, arguments: dict[str, str], said: str
) -> None:
    """A slip in the arguments stops the start, not the job later on."""
    with pytest.raises(RefusedError, match=said):
        flink.start("1", sink, arguments=arguments)
