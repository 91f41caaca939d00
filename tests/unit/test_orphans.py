"""What becomes of savepoints that no record names."""

from __future__ import annotations

import pytest

from flinkfuncs.core import orphans, retention
from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import JobRecord, Savepoint
from flinkfuncs.core.names import Directory
from flinkfuncs.core.orphans import Found
from flinkfuncs.core.releases import Spec
from flinkfuncs.core.retention import Policy
from tests.unit.builders import NOW, ago, asked, copy_of, job, release

DAY = 86400.0
POLICY = Policy(count=2, days=7, root=Directory.parse("file:///sp"))
ORPHAN = Found("file:///sp/orders/op1/savepoint-lost", "op1", ago(3 * DAY))


def saved(name: str, days: float, *, restored: bool = False) -> Savepoint:
    path = f"file:///sp/orders/op-{name}/savepoint-{name}"
    return Savepoint(
        path=path,
        taken_at=ago(days * DAY),
        origin=Action.STOP,
        cause="http",
        flink_job_id="0",
        operation=f"op-{name}",
        restored=restored,
    )


LATER = (saved("a", 2, restored=True), saved("b", 1))
COPY = copy_of(savepoint=LATER[1].path)


@pytest.mark.parametrize(
    ("record", "orphan", "closed", "why"),
    [
        (job(COPY, savepoints=LATER), ORPHAN, True, None),
        (job(COPY, asked(Action.SAVEPOINT), savepoints=LATER), ORPHAN, True, "in flight"),
        (job(copy_of(savepoint=ORPHAN.path), savepoints=LATER), ORPHAN, True, "way back"),
        (job(copy_of(operation="op1"), savepoints=LATER), ORPHAN, True, "way back"),
        (job(COPY, savepoints=(saved("a", 2), saved("b", 1))), ORPHAN, True, "not proven"),
        (job(COPY, savepoints=(saved("a", 4, restored=True), saved("b", 1))), ORPHAN, True, "not proven"),
        (job(None), ORPHAN, True, "not proven"),
        (
            job(COPY, savepoints=(saved("a", 0.1, restored=True), saved("b", 0))),
            Found(ORPHAN.path, "op1", ago(0.9 * DAY)),
            True,
            "young",
        ),
        (job(COPY, savepoints=(saved("a", 2, restored=True),)), ORPHAN, True, "retained"),
        (job(COPY, savepoints=(saved("a", 2, restored=True),)), Found(ORPHAN.path, "op1", ago(8 * DAY)), True, None),
        (job(COPY, savepoints=LATER), ORPHAN, False, "not ours"),
        (
            job(COPY, savepoints=LATER),
            Found("file:///other/op1/savepoint-x", "op1", ORPHAN.written_at),
            True,
            "not ours",
        ),
    ],
)
def test_every_row_of_the_rule(record: JobRecord, orphan: Found, closed: bool, why: str | None) -> None:
    """The table of the module; whether an operation is closed, the ledger says."""
    assert orphans.why_orphan_kept(orphan, record, lambda _: closed, POLICY, NOW) == why


def test_an_orphan_is_what_neither_the_record_names_nor_an_open_operation_writes() -> None:
    """Oldest first; Flink's spelling of a path is the same path."""
    writing = asked(Action.SAVEPOINT)
    found = [
        Found("file:///sp/orders/y/savepoint-y", "y", ago(5)),
        Found("file:///sp/orders/x/savepoint-x", "x", ago(50)),
        Found(LATER[0].path.replace("file:///", "file:/"), LATER[0].operation, ago(9)),
        Found("file:///sp/orders/z/savepoint-z", writing.id, ago(1)),
    ]
    listed = orphans.orphans(job(COPY, writing, savepoints=LATER), found)
    assert [one.operation for one in listed] == ["x", "y"]


def test_an_orphan_that_goes_is_recorded_once_and_never_as_the_newest() -> None:
    """It is being disposed of from the first moment on, so that nothing is started from it."""
    record = job(COPY, savepoints=LATER)
    marked = orphans.with_removals(record, [ORPHAN], NOW)
    assert [one.path for one in retention.being_disposed(marked)] == [ORPHAN.path]
    assert marked.newest_savepoint == record.newest_savepoint
    assert orphans.with_removals(marked, [ORPHAN], NOW) == marked
    assert orphans.orphans(marked, [ORPHAN]) == []
    assert JobRecord.model_validate_json(marked.to_json()) == marked


def test_it_is_looked_where_the_jobs_operations_write() -> None:
    """Below the root, and below the directory that its spec chooses, as long as that lies below the root."""
    chosen = release("r", Spec(savepoint_directory="file:///sp/team/a"))
    foreign = copy_of(release("s", Spec(savepoint_directory="file:///tmp/x")))
    found = orphans.directories(job(foreign, wanted=chosen), POLICY.root)
    assert [str(directory) for directory in found] == ["file:///sp/orders", "file:///sp/team/a/orders"]
