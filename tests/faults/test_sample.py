"""The sharpest cells of the wire faults, in every test run; `make wire-faults` runs all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.matrix.plan import Crossing

from .breaker import Fault
from .cell import Cell, Judged
from .lane import Lane
from .rows import ROWS
from .table import all_cells, breaking, never_crossed, recorded, run_all, storage

LANES = 6
STOP, RUN = "POST flink /jobs/:id/stop", "POST flink /jars/:jar/run"
TRIGGER, CANCEL = "POST flink /jobs/:id/savepoints", "PATCH flink /jobs/:id"
RECORD, CLOSED = "PUT ledger jobs/:job", "PUT ledger closed/:operation"
HANDLED = (Fault.RESET_AFTER, Fault.TIMEOUT, Fault.LATE, Fault.GARBAGE)
Recorded = tuple[dict[str, list[Crossing]], set[str]]


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An account of these tests alone, with calls that cross and break."""
    log: Path = tmp_path_factory.mktemp("faults") / "azurite.log"
    with breaking(), storage(log) as connection:
        yield connection


@pytest.fixture(scope="module")
def recordings(azurite: str) -> Recorded:
    """The calls of every row, and the client methods that made them."""
    with closing(Lane(azurite)) as lane:
        return recorded(lane, ROWS)


def is_sharp(cell: Cell) -> bool:
    """Whether a call was handled and that is not known, or the other way about, where it matters most."""
    if cell.row == "ROLLBACK_OF_A_LOOP":  # a cell of it takes long
        return cell.call.site == RUN and cell.fault is Fault.RESET_AFTER
    if cell.row not in ("UPDATE", "SAVEPOINT", "CANCEL"):
        return False
    if cell.call.site in (STOP, RUN, TRIGGER, CANCEL):
        return cell.fault in (Fault.RESET_BEFORE, *HANDLED)
    return cell.row == "UPDATE" and cell.call.site in (RECORD, CLOSED) and cell.fault is Fault.RESET_AFTER


def test_every_row_is_right_without_a_fault_and_every_client_method_is_crossed(recordings: Recorded) -> None:
    """A new method is in the table by itself, or in the list of those that are not, with a reason."""
    calls, by = recordings
    assert list(calls) == [row.name for row in ROWS]
    assert never_crossed(by) == set()


def test_a_call_that_goes_wrong_on_the_wire_leaves_the_operation_right(azurite: str, recordings: Recorded) -> None:
    """Each cell is right, and each fault was met: one copy, its state, nothing twice, nothing left open."""
    cells = [cell for cell in all_cells(recordings[0]) if is_sharp(cell)]
    assert {cell.call.site for cell in cells} == {STOP, RUN, TRIGGER, CANCEL, RECORD, CLOSED}
    told = list[Judged]()
    judged = run_all(azurite, cells, LANES, told.append)
    assert len(judged) == len(told) == len(cells)
    assert {one.cell.name: one.why or one.verdict for one in judged} == {cell.name: "right" for cell in cells}
