"""Does the outside count see each way in which output can be wrong, and none where it is right?"""

import json
import os
import subprocess
import sys
from collections.abc import Generator, Iterable
from dataclasses import asdict
from pathlib import Path, PosixPath
from typing import Self

import pytest

from examples.build import SOURCES
from examples.count import KEYS, Commit, Gap, Line, Stretch, commits, count, count_of, largest_gap, stretches


def right_line(number: int, version: str = "1") -> Line:
    return Line(number, version, number // KEYS + 1)


def commit(*numbers: int, at: float = 0.0, version: str = "1") -> Commit:
    return Commit(Path(f"part-{at}"), at, tuple(right_line(number, version) for number in numbers))


def write(file: Path, numbers: Iterable[int], version: str = "1") -> Path:
    lines = [right_line(number, version) for number in numbers]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line.number} {line.version} {line.count}\n" for line in lines))
    return file


@pytest.mark.parametrize(
    ("numbers", "lost", "duplicated"),
    [
        ([], 0, 0),
        ([0, 1, 2, 3], 0, 0),
        ([3, 1, 0, 2], 0, 0),
        ([0, 1, 3], 1, 0),
        ([2, 3], 2, 0),
        ([0, 1, 1, 2], 0, 1),
        ([0, 1, 1, 1, 4], 2, 2),
    ],
)
def test_a_missing_number_is_lost_and_a_repeated_one_duplicated(
    tmp_path: Path, numbers: list[int], lost: int, duplicated: int
) -> None:
    """Lost is counted from 0 to the highest number, duplicated beyond each number's first occurrence."""
    write(tmp_path / "part-a-0", numbers[:2])
    write(tmp_path / "part-b-0", numbers[2:])
    counted = count(tmp_path)
    assert (counted.records, counted.lost, counted.duplicated) == (len(numbers), lost, duplicated)
    assert counted.is_exact == (lost == duplicated == 0)
    assert (counted.first, counted.last) == (min(numbers, default=None), max(numbers, default=None))


def test_a_directory_that_is_not_there_yet_holds_no_output(tmp_path: Path) -> None:
    """Before the first commit the count is zero, not an error."""
    assert count(tmp_path / "later").records == 0


def test_only_committed_files_count(tmp_path: Path) -> None:
    """What is in progress may yet be thrown away; where a file lies does not matter."""
    write(tmp_path / "part-a-0", [0, 1])
    write(tmp_path / "2026-01-01--00" / "part-a-1", [2])
    write(tmp_path / ".part-a-2.inprogress.0ab1", [3])
    (tmp_path / ".crashed-0ab1").touch()
    (tmp_path / "part-empty-0").touch()
    assert count(tmp_path).records == 3


@pytest.mark.parametrize("text", ["not a line", "1 2", "1 2 x", "", "1  1"])
def test_a_committed_file_with_something_else_in_it_is_an_error(tmp_path: Path, text: str) -> None:
    """Nothing is skipped in silence."""
    (tmp_path / "part-a-0").write_text(text + "\n")
    with pytest.raises(ValueError, match=r"not a line of the sequence job|invalid literal"):
        count(tmp_path)


def test_while_the_job_runs_a_number_is_lost_only_when_its_key_has_gone_on(tmp_path: Path) -> None:
    """2 and 3 are missing; only 2 has a later number of its key behind it, 3 may still be on its way."""
    numbers = set(range(KEYS + 3)) - {2, 3}
    write(tmp_path / "part-a-0", numbers)
    running = count(tmp_path, running=True)
    assert (running.lost, running.pending) == (1, 1)
    stopped = count(tmp_path)
    assert (stopped.lost, stopped.pending) == (2, 0)


def test_a_copy_that_began_anew_does_not_hide_what_was_lost_before() -> None:
    """The highest number of a key counts, wherever it was written; 100 is missing between 0 and 200."""
    found = [commit(2 * KEYS, 0, at=1.0), commit(0, at=2.0, version="2")]
    counted = count_of(found, shown=found, running=True)
    assert (counted.lost, counted.duplicated) == (1, 1)


class CommitsWhileListed(PosixPath):
    """A directory in which a file is committed right after each listing."""

    def rglob(self, pattern: str) -> Generator[Self, None, None]:
        yield from list(super().rglob(pattern))
        write(self / "part-late-0", [KEYS])


def test_a_file_committed_during_the_count_makes_nothing_lost(tmp_path: Path) -> None:
    """The directory is listed twice: up to where numbers must be there is what the first listing says."""
    write(tmp_path / "part-a-0", [0, 1])
    counted = count(CommitsWhileListed(tmp_path), running=True)
    assert (counted.records, counted.lost, counted.pending) == (3, 0, 0)


def test_a_file_that_only_the_second_listing_shows_makes_nothing_lost() -> None:
    """It may have been committed while the listing had already passed by an earlier file."""
    early, late = commit(*range(2)), commit(KEYS)
    seen = count_of([early, late], shown=[early], running=True)
    assert (seen.lost, seen.pending, seen.records) == (0, 0, 3)
    assert count_of([commit(1), late], shown=[late], running=True).lost == 1


def test_counts_that_state_forgot_are_seen_without_a_lost_or_doubled_number(tmp_path: Path) -> None:
    """The second witness: the sequence went on, the state of the counts did not."""
    (tmp_path / "part-a-0").write_text("".join(f"{n} 1 {1 if n < KEYS else 0}\n" for n in range(KEYS + 5)))
    counted = count(tmp_path)
    assert (counted.lost, counted.duplicated, counted.state_mismatches) == (0, 0, 5)
    assert not counted.is_exact


def test_stretches_tell_which_version_wrote_which_numbers_when() -> None:
    """Version 1, an update, and a rollback whose copy wrote two numbers again."""
    found = [
        commit(0, 1, at=10.0),
        commit(2, at=11.0),
        commit(3, 4, at=14.0, version="2"),
        commit(3, 4, 5, at=16.0),
    ]
    assert stretches(found) == (
        Stretch("1", records=3, first=0, last=2, began=10.0, ended=11.0),
        Stretch("2", records=2, first=3, last=4, began=14.0, ended=14.0),
        Stretch("1", records=3, first=3, last=5, began=16.0, ended=16.0),
    )
    counted = count_of(found, shown=found, running=False)
    assert counted.by_version == {"1": 6, "2": 2}
    assert counted.gap_seconds == 3.0


def test_the_largest_gap_can_be_asked_for_a_part_of_the_time() -> None:
    """So that a stop that was meant does not hide the gap of an update."""
    found = [commit(0, at=10.0), commit(1, at=11.5), commit(2, at=12.0), commit(3, at=60.0)]
    assert largest_gap(found) == Gap(48.0, after=12.0, before=60.0)
    assert largest_gap(found, until=30.0) == Gap(1.5, after=10.0, before=11.5)
    assert largest_gap(found, since=11.0, until=30.0) == Gap(0.5, after=11.5, before=12.0)
    assert largest_gap(found, since=59.0) is None


def test_a_file_is_committed_when_it_is_renamed_not_when_it_was_written(tmp_path: Path) -> None:
    """Flink writes a file for as long as a checkpoint lasts, and renames it when the checkpoint is complete."""
    progress = write(tmp_path / ".part-a-0.inprogress.1", [0])
    os.utime(progress, (1.0, 1.0))
    before = progress.stat().st_ctime
    progress.rename(tmp_path / "part-a-0")
    assert commits(tmp_path)[0].committed_at >= before > 1.0


def test_the_job_and_the_count_agree_on_the_number_of_keys() -> None:
    """The number is written down in both; a change of one must be a change of the other."""
    assert f"KEYS = {KEYS};" in (SOURCES / "flinkfuncs" / "examples" / "KeyOf.java").read_text()


@pytest.mark.parametrize("options", [[], ["--running"]])
def test_the_command_line_prints_the_count_as_json(tmp_path: Path, options: list[str]) -> None:
    """`python -m examples.count DIR` says what the function returns."""
    write(tmp_path / "part-a-0", [0, 1, 3])
    command = [sys.executable, "-m", "examples.count", str(tmp_path), *options]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(printed) == json.loads(json.dumps(asdict(count(tmp_path, running=bool(options)))))
