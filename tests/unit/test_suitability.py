"""What the health report says of a session cluster: every row of `clusters/suitability.py`."""

from __future__ import annotations

from typing import Any

import pytest

from flinkfuncs.clients.flink_wire import ClusterConfig, seconds
from flinkfuncs.clusters.cluster import Findings
from flinkfuncs.clusters.suitability import ClusterFacts, judged
from flinkfuncs.core.names import Directory

RETENTION = "execution.checkpointing.externalized-checkpoint-retention"
GOOD = {
    "cluster.intercept-user-system-exit": "THROW",
    "execution.checkpointing.dir": "s3://state/checkpoints",
    RETENTION: "RETAIN_ON_CANCELLATION",
}
OLDER = {"state.checkpoints.dir": "s3://state/checkpoints"}
NO_DIRECTORY = {key: value for key, value in GOOD.items() if key != "execution.checkpointing.dir"}


def found(
    options: dict[str, str] = GOOD,
    *,
    version: str = "2.3.0",
    features: dict[str, bool] | None = None,
    hosts: int = 1,
    root: str = "s3://state/savepoints",
) -> Findings:
    answer: dict[str, Any] = {"flink-version": version, "features": features or {"web-submit": True}}
    names = frozenset(f"10.0.0.{number}" for number in range(hosts))
    facts = ClusterFacts(ClusterConfig.model_validate(answer), options, names)
    return judged(facts, savepoint_root=Directory.parse(root), allow_unguarded=False)


def named(messages: tuple[str, ...]) -> list[str]:
    """Return the options that the messages begin with."""
    return [message.partition(":")[0] for message in messages]


@pytest.mark.parametrize("options", [GOOD, NO_DIRECTORY | OLDER])
@pytest.mark.parametrize("version", ["1.17.2", "1.20.5", "2.3.0", "1.20.0-amzn-1"])
def test_nothing_is_said_of_a_cluster_that_can_serve(options: dict[str, str], version: str) -> None:
    """Both spellings of the options count, and a vendor's build is a version."""
    assert found(options, version=version, hosts=3) == Findings()


@pytest.mark.parametrize(
    ("version", "fault", "warning"),
    [("1.16.3", "1.16.3", None), ("<unknown>", "'<unknown>'", None), ("", "''", None), ("3.0.1", None, "3.0.1")],
)
def test_an_old_version_and_none_are_faults_and_a_newer_one_is_a_warning(
    version: str, fault: str | None, warning: str | None
) -> None:
    """Where no start can be proven, or worded, the app cannot serve; what nobody has tried may work."""
    report = found(version=version)
    for messages, words in ((report.faults, fault), (report.warnings, warning)):
        assert [message.startswith(f"flink-version: {words} ") for message in messages] == ([True] if words else [])


def test_a_cluster_without_web_submission_is_a_fault() -> None:
    """The message names the option, and what still works."""
    report = found(features={"web-submit": False})
    assert (named(report.faults), report.warnings) == (["web.submit.enable"], ())
    assert "STOP, CANCEL and SAVEPOINT work" in report.faults[0]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (NO_DIRECTORY, "execution.checkpointing.dir or state.checkpoints.dir is not set"),
        (GOOD | {"execution.checkpointing.dir": ""}, "execution.checkpointing.dir or state.checkpoints.dir is not set"),
        (GOOD | {"state.checkpoint-storage": "jobmanager"}, "state.checkpoint-storage is jobmanager"),
        (
            NO_DIRECTORY | {"execution.checkpointing.storage": "JobManager"},
            "execution.checkpointing.storage is jobmanager",
        ),
    ],
)
def test_checkpoints_in_the_jobmanagers_memory_are_warned_of(options: dict[str, str], says: str) -> None:
    """One warning, whichever option is the reason."""
    report = found(options)
    assert report.faults == ()
    assert named(report.warnings) == [says]
    assert "LAST_STATE_UPDATE" in report.warnings[0]


@pytest.mark.parametrize(
    ("changed", "root", "hosts", "names"),
    [
        ({"execution.checkpointing.dir": "file:///cp"}, "s3://state/sp", 2, ["execution.checkpointing.dir"]),
        ({"execution.checkpointing.dir": "/cp"}, "s3://state/sp", 2, ["execution.checkpointing.dir"]),
        ({"execution.checkpointing.dir": "/cp", "fs.default-scheme": "hdfs://n:1"}, "s3://state/sp", 2, []),
        ({}, "file:///sp", 2, ["SAVEPOINT_DIRECTORY"]),
        (
            {"execution.checkpointing.dir": "file:/cp"},
            "file:///sp",
            5,
            ["SAVEPOINT_DIRECTORY", "execution.checkpointing.dir"],
        ),
        ({"execution.checkpointing.dir": "file:///cp"}, "file:///sp", 1, []),
        ({"execution.checkpointing.dir": "file:///cp"}, "file:///sp", 0, []),
    ],
)
def test_a_local_directory_is_warned_of_where_taskmanagers_run_on_several_hosts(
    changed: dict[str, str], root: str, hosts: int, names: list[str]
) -> None:
    """On one host every file is there; on several the app cannot know what they mount."""
    report = found(GOOD | changed, root=root, hosts=hosts)
    assert (report.faults, named(report.warnings)) == ((), names)
    assert all(f"{hosts} hosts" in warning for warning in report.warnings)


@pytest.mark.parametrize(
    ("timeout", "warned"), [(None, False), ("50000", False), ("10 s", False), ("9999", True), ("5 s", True)]
)
def test_a_short_heartbeat_is_warned_of(timeout: str | None, *, warned: bool) -> None:
    """Flink's default is 50 s."""
    report = found(GOOD | ({"heartbeat.timeout": timeout} if timeout else {}))
    assert named(report.warnings) == (["heartbeat.timeout"] if warned else [])


@pytest.mark.parametrize("value", ["", "NO_EXTERNALIZED_CHECKPOINTS", "DELETE_ON_CANCELLATION"])
def test_retention_that_is_off_is_warned_of(value: str) -> None:
    """It concerns only what this app did not start."""
    report = found(GOOD | {RETENTION: value})
    assert named(report.warnings) == [RETENTION]
    assert "adopted" in report.warnings[0]


def test_a_main_that_could_end_the_cluster_is_warned_of() -> None:
    """As in the verdict on a release."""
    options = {key: value for key, value in GOOD.items() if not key.startswith("cluster.")}
    assert named(found(options).warnings) == ["cluster.intercept-user-system-exit"]


@pytest.mark.parametrize(
    ("text", "is_"),
    [
        ("50000", 50.0),
        ("50 s", 50.0),
        ("2min", 120.0),
        ("1 m", 60.0),
        ("3 hours", 10800.0),
        ("500 ms", 0.5),
        ("x", 7.0),
        (None, 7.0),
    ],
)
def test_durations_are_read_as_flink_writes_them(text: str | None, is_: float) -> None:
    """A number alone is milliseconds; what is not a duration has the default."""
    assert seconds(text, 7.0) == is_
