"""Do tests that share a server stay together, and can a random order be repeated?"""

from itertools import groupby

import pytest

from tests.conftest import group_of, shuffled

TESTS = [f"{file}{number}" for file in "abcdef" for number in range(6)]


def order(seed: int) -> list[str]:
    """The tests in the order of a seed."""
    return shuffled(TESTS, seed, lambda test: test[0] in "abc", lambda test: test[0])


def test_a_seed_is_an_order() -> None:
    """The same one again, and others for other seeds."""
    assert order(7) == order(7)
    assert len({tuple(order(seed)) for seed in range(20)}) == 20


def test_the_tests_of_a_group_and_of_a_file_stay_together() -> None:
    """Every test runs once; the groups change places, the files within each, and the tests within each file."""
    for seed in range(20):
        assert sorted(order(seed)) == TESTS
        assert len([group for group, _ in groupby(order(seed), key=lambda test: test[0] in "abc")]) == 2
        assert len([file for file, _ in groupby(order(seed), key=lambda test: test[0])]) == 6
    assert len({tuple(file for file, _ in groupby(order(seed), key=lambda test: test[0])) for seed in range(20)}) > 10
    assert len({tuple(test for test in order(seed) if test[0] == "a") for seed in range(20)}) > 10


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/flink/test_updates.py::test_an_update[session]", "session"),
        ("tests/flink/test_updates.py::test_an_update[hdinsight-fails-at-run-time]", "hdinsight"),
        ("tests/flink/test_wire_faults.py::test_a_call[session-POST flink /jars/:jar/run-Fault.TIMEOUT]", "session"),
        ("tests/app/test_http.py::test_a_session", "app"),
        ("tests/clusters/test_session_cluster.py::test_a[2.3.0]", "clusters"),
        ("tests/wire/test_driver.py::test_a", "tests/wire/test_driver.py"),
        ("tests/unit/session/test_blame.py::test_a", "tests/unit/session/test_blame.py"),
    ],
)
def test_the_tests_that_share_a_server_are_a_group(nodeid: str, group: str) -> None:
    """By the kind of cloud, by folder, or by file."""
    assert group_of(nodeid) == group
