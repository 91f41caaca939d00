"""Does the demo fail when it should? `make demo` shows that it succeeds; here is what it must not let pass."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterable
from pathlib import Path

import pytest

from examples.count import KEYS, commits, count
from examples.demo.__main__ import verdict
from examples.demo.checks import (
    CopyTimes,
    DemoFailedError,
    Report,
    every_key_written,
    exact,
    gap_around,
    handed_over,
    one_at_a_time,
)
from examples.demo.cloud import Addresses, Operation
from examples.demo.story import ENDING, Story, tell
from localcloud.python import ROOT

MARK = "DEMO_TEST_MARK"


def write(directory: Path, numbers: Iterable[int], version: str, *, at: float) -> None:
    """Write a committed file as the job would; `at` orders it after the others."""
    directory.mkdir(exist_ok=True)
    lines = [f"{number} {version} {number // KEYS + 1}\n" for number in numbers]
    (directory / f"part-{at}").write_text("".join(lines))


def report_of(directory: Path) -> Report:
    """What the demo would report of an output that it found exact."""
    counted = exact(count(directory))
    return Report("session", "2.3.0", counted.records, 0, counted.lost, counted.duplicated, 0.2, 0.5, 4, 27.0)


def operation(outcome: str | None) -> Operation:
    """An operation as the API shows it."""
    result = {"outcome": outcome, "message": "no savepoint could be written", "endedAt": "2026-11-21T02:00:00Z"}
    shown = {"id": "x", "state": "closed", "request": {"action": "STOP"}, "cause": {"kind": "http", "detail": ""}}
    return Operation.model_validate(shown | ({"result": result} if outcome else {}))


def copy(name: str, began: int, ended: int) -> CopyTimes:
    return CopyTimes(name, "FINISHED", began, ended)


@pytest.mark.parametrize(
    ("numbers", "complaint"),
    [
        ([0, 1, 3], "1 numbers lost, 0 duplicated"),
        ([0, 1, 1, 2], "0 numbers lost, 1 duplicated"),
        ([], "no committed output"),
    ],
)
def test_an_output_that_is_not_exact_ends_the_demo_with_exit_code_1(
    tmp_path: Path, numbers: list[int], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A lost number, a number twice, or no output at all: one sentence, and no report."""
    write(tmp_path, numbers, "1", at=1)
    code = verdict(lambda: report_of(tmp_path))
    said = capsys.readouterr()
    assert (code, said.out) == (1, "")
    assert complaint in said.err


def test_an_output_that_cannot_be_read_is_a_failure_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What comes from outside and is not what it should be gets its sentence, like everything else."""
    (tmp_path / "part-0").write_text("rubbish\n")
    assert verdict(lambda: report_of(tmp_path)) == 1
    assert "not a line of the sequence job" in capsys.readouterr().err


def test_an_exact_output_ends_it_with_the_report_and_exit_code_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last line is JSON, and says that nothing was lost or doubled."""
    write(tmp_path, range(10), "1", at=1)
    assert verdict(lambda: report_of(tmp_path)) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["records_before"], last["lost"], last["duplicated"]) == (10, 0, 0)
    assert {"records_after", "downtime_seconds", "gap_seconds"} <= set(last)


def test_a_demo_that_stays_up_names_the_page_and_its_key() -> None:
    """Until Ctrl-C, and what runs is left to be looked at."""
    cloud = Addresses(
        app="http://127.0.0.1:7071", flink="", storage="UseDevelopmentStorage=true", key="s3cret", sink=Path()
    )
    call = f"stay(Addresses.model_validate_json({cloud.model_dump_json()!r}))"
    imports = "from examples.demo.__main__ import stay; from examples.demo.cloud import Addresses"
    # A shell that runs the tests in the background has Ctrl-C ignored by all that they start.
    listens = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    with subprocess.Popen(
        [sys.executable, "-c", f"{listens}; {imports}; {call}"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        assert [demo.stdout.readline().split()[-1] for _ in range(2)] == ["http://127.0.0.1:7071/ui", "s3cret"]
        assert "Ctrl-C" in demo.stdout.readline()
        demo.send_signal(signal.SIGINT)
        assert demo.wait(30) == 0
    assert {name for name, _ in Story(cloud).steps()} >= set(ENDING)


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ([("1", range(10))], "written by version 1; 1, 2 was due"),
        ([("1", range(10)), ("2", range(11, 20))], "version 1 ended at 9, and version 2 began at 11"),
        ([("1", range(10)), ("2", range(9, 20))], "version 1 ended at 9, and version 2 began at 9"),
        ([("1", range(10)), ("2", range(20))], "version 1 ended at 9, and version 2 began at 0"),
        ([("1", range(10)), ("2", range(10, 15)), ("1", range(15, 20))], "by version 1, 2, 1"),
    ],
)
def test_a_second_version_that_does_not_go_on_at_the_next_number_is_noticed(
    tmp_path: Path, written: list[tuple[str, range]], complaint: str
) -> None:
    """It never came, left numbers out, went back, started without state, or the first one wrote again after it."""
    for at, (version, numbers) in enumerate(written):
        write(tmp_path, numbers, version, at=at)
    with pytest.raises(DemoFailedError, match=complaint):
        handed_over(count(tmp_path), "1", "2")


def test_a_right_hand_over_is_measured_by_its_gap(tmp_path: Path) -> None:
    """The gap is the one between version 1's last commit and version 2's first."""
    write(tmp_path, range(10), "1", at=0)
    write(tmp_path, range(10, 20), "2", at=1)
    old, new = handed_over(count(tmp_path), "1", "2")
    assert (old.last, new.first) == (9, 10)
    assert gap_around(commits(tmp_path), old, new).seconds == new.began - old.ended


def test_the_first_number_counts_only_when_every_key_is_committed(tmp_path: Path) -> None:
    """Subtasks commit at different moments: the lowest number may be the last one to come."""
    write(tmp_path, range(1, KEYS), "2", at=0)
    assert not every_key_written(commits(tmp_path), "2")
    write(tmp_path, [0], "2", at=1)
    assert every_key_written(commits(tmp_path), "2")
    assert not every_key_written(commits(tmp_path), "1")


@pytest.mark.parametrize(
    ("copies", "complaint"),
    [
        ([copy("a", 0, 10), copy("b", 9, 20)], "a and b ran at once"),
        ([copy("a", 0, 10), copy("b", 10, -1)], "b has not ended"),
        ([copy("a", 0, 10)], "ran 1 copies of the job; 2 were asked for"),
    ],
)
def test_two_copies_at_once_or_one_that_is_left_are_noticed(copies: list[CopyTimes], complaint: str) -> None:
    """By Flink's own clock, of all copies that ran under the job's name."""
    with pytest.raises(DemoFailedError, match=complaint):
        one_at_a_time(copies, expected=2)
    one_at_a_time([copy("b", 10, 20), copy("a", 0, 10)], expected=2)


@pytest.mark.parametrize(
    ("outcome", "complaint"),
    [
        ("FAILED", "STOP ended as FAILED: no savepoint could be written"),
        ("UNKNOWN", "STOP ended as UNKNOWN"),
        (None, "STOP did not end in time"),
    ],
)
def test_an_operation_that_did_not_succeed_ends_the_demo_and_the_step_is_named(
    outcome: str | None, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing but SUCCEEDED counts; the steps after it are not taken."""
    steps = (("STOP", lambda: operation(outcome).succeeded().message), ("START", lambda: "never"))
    with pytest.raises(DemoFailedError, match=f"STOP: {complaint}"):
        tell(steps)
    assert capsys.readouterr().out == ""


def test_a_cloud_that_does_not_come_up_is_said_and_leaves_no_process(tmp_path: Path) -> None:
    """The sentence names what to do, and where the logs are; all that was started carries the mark."""
    mark = uuid.uuid4().hex
    done = subprocess.run(
        [sys.executable, "-m", "examples.demo", "--cluster", "session", "--flink", "1.16.3"],
        cwd=ROOT,
        env={**os.environ, MARK: mark, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "The demo failed: the local cloud ended with code 1" in done.stderr
    assert "make flink-1.16.3" in done.stderr
    assert f"Logs and output: {tmp_path}" in done.stderr
    assert not [process for process in Path("/proc").glob("[0-9]*") if carries(process, mark)]


def carries(process: Path, mark: str) -> bool:
    """Whether a process has the mark in its environment."""
    try:
        return mark.encode() in (process / "environ").read_bytes()
    except OSError:
        return False
