"""Does the soak see what was written again, and tell what was announced from what was not?"""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from examples.build import VERSION_ENTRY
from examples.count import Commit, Line
from flinkfuncs.core.actions import Action
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Cause, Operation, Outcome, Request, Result, Undo
from flinkfuncs.core.undone import replayed
from tests.flink.cloud import jar
from tests.unit.builders import NEW

from .replays import announced, replays
from .trial import of_version

VERSIONS = {NEW.sha256: "2"}
BEGAN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def commit(seconds: float, first: int, last: int, version: str = "1") -> Commit:
    """Return a file with these numbers, committed so many seconds after the beginning."""
    lines = tuple(Line(number, version, number // 100 + 1) for number in range(first, last + 1))
    return Commit(Path(f"part-{seconds}"), BEGAN.timestamp() + seconds, lines)


def rollback(since: float, until: float, *, completed: int = 2, message: str | None = None) -> Operation:
    """Return an update to version 2 that was rolled back, and what its result says."""
    undo = Undo(reason="it failed", at=BEGAN, started_at=BEGAN + timedelta(seconds=since), completed=completed)
    operation = Operation(
        id="20261121T120000Z-soak-0123456789ab",
        job=JobName("soak"),
        request=Request(action=Action.UPDATE),
        cause=Cause(kind="upload", detail=""),
        requested_at=BEGAN,
        progressed_at=BEGAN,
        undo=undo,
        release=NEW,
    )
    said = f"it failed; {replayed(undo)}" if message is None else message
    result = Result(outcome=Outcome.ROLLED_BACK, message=said, ended_at=BEGAN + timedelta(seconds=until))
    return operation.model_copy(update={"result": result})


def test_every_number_once_is_no_replay() -> None:
    """Nothing was written again."""
    assert replays([commit(1, 0, 9), commit(2, 10, 19, "2")], []) == []


def test_what_a_rollback_announced_may_come_again() -> None:
    """What the new copy committed since it was started."""
    written = [commit(1, 0, 9), commit(12, 10, 19, "2"), commit(21, 10, 29)]
    found = replays(written, announced([rollback(10, 20)], VERSIONS))
    assert [(it.number, it.announced) for it in found] == [(number, True) for number in range(10, 20)]


def test_what_the_old_release_commits_in_that_time_may_not_come_again() -> None:
    """Its copy runs before the operation ends: what it commits then counts, whatever the new one had committed."""
    written = [commit(12, 10, 19, "2"), commit(15, 10, 19), commit(21, 10, 29)]
    found = replays(written, announced([rollback(10, 20)], VERSIONS))
    assert [(it.first.version, it.announced) for it in found] == [("2", True), ("1", False)] * 10


def test_what_was_committed_before_or_after_is_not_announced() -> None:
    """The same number may be right once and wrong the next time: what counts is when it was committed."""
    written = [commit(9, 5, 5, "2"), commit(12, 5, 5, "2"), commit(21, 5, 5, "2"), commit(22, 5, 5)]
    found = replays(written, announced([rollback(10, 20)], VERSIONS))
    assert [it.announced for it in found] == [False, True, False]


def test_a_rollback_of_a_copy_without_a_checkpoint_announces_nothing() -> None:
    """Nor does one whose result does not say so."""
    assert announced([rollback(10, 20, completed=0)], VERSIONS) == []
    assert announced([rollback(10, 20, message="it failed, and the old release runs again")], VERSIONS) == []


def test_a_jar_of_a_version_of_its_own_differs_in_that_alone() -> None:
    """The soak brings one with each upload."""
    with zipfile.ZipFile(io.BytesIO(of_version("upload-7"))) as made, zipfile.ZipFile(io.BytesIO(jar("1"))) as old:
        assert made.namelist() == old.namelist()
        assert [name for name in old.namelist() if made.read(name) != old.read(name)] == [VERSION_ENTRY]
        assert made.read(VERSION_ENTRY) == b"upload-7"
