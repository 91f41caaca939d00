"""Do tests that share a server stay together, and can a random order be repeated?"""

import os
import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pytest

from tests.conftest import group_of, shuffled
from tests.documents import ROOT

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


FILE = """
import pytest

@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("cloud", {clouds})
def test_it(cloud, number):
    pass
"""
FILES = {
    "tests/flink/test_one.py": ["session", "hdinsight"],
    "tests/flink/test_two.py": ["session", "hdinsight"],
    "tests/app/test_three.py": ["one", "another"],
    "tests/app/test_four.py": ["one", "another"],
    "tests/wire/test_five.py": ["one", "another"],
}


def test_two_workers_share_no_group(tmp_path: Path) -> None:
    """The tests of a group run on one worker, whatever file they are in, so that its servers are started once."""
    for name, clouds in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(FILE.format(clouds=clouds))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    plugins = ["-p", "xdist", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *plugins, "-n", "2", "-v", "tests"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment |= {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "BROWSER_TESTS": ""}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = re.findall(r"^\[(gw\d)\] .*PASSED (\S+)", done.stdout, re.MULTILINE)
    assert len(ran) == 16 * len(FILES)
    shared = {(group_of(test), worker) for worker, test in ran}
    assert sorted(group for group, _ in shared) == ["app", "hdinsight", "session", "tests/wire/test_five.py"]
    assert {worker for _, worker in shared} == {"gw0", "gw1"}
