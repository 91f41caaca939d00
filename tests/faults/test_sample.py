"""Every row of the wire faults without a fault, and each night the sharpest cells; `make wire-faults` runs them all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.calls import Crossing
from tests.harness.lanes import spread
from tests.harness.methods import never_crossed
from tests.harness.rows import rows_of

from . import cells
from .breaker import Fault
from .cell import Cell, record, run
from .faults import NEVER_CROSSED, breaking, lanes_on, storage
from .rows import CANCEL, CLOSED, RUN, START, STOP, TRIGGER
from .wire import RECORD

LANES = 6
ROWS = rows_of("faults")
NIGHTLY = pytest.mark.nightly("many updates, each with a fault; `make test` has every row without one")
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
    with lanes_on(azurite, 1) as lanes:
        found = spread(lanes, ROWS, record)
    calls = {row.name: one.calls for row, one in zip(ROWS, found, strict=True)}
    return calls, set[str]().union(*(one.by for one in found))


def is_sharp(cell: Cell) -> bool:
    """Whether a call was handled and that is not known, or the other way about, where it matters most."""
    hit = cell.hits[0]
    if cell.row == "ROLLBACK_OF_A_LOOP":  # a cell of it takes long
        return hit.call.site == RUN and hit.fault is Fault.RESET_AFTER
    if cell.row not in ("UPDATE", "SAVEPOINT", "CANCEL"):
        return False
    if hit.call.site in (STOP, RUN, TRIGGER, CANCEL):
        return hit.fault in (Fault.RESET_BEFORE, *HANDLED)
    return cell.row == "UPDATE" and hit.call.site.startswith((RECORD, CLOSED)) and hit.fault is Fault.RESET_AFTER


def is_sharp_beside(cell: Cell) -> bool:
    """Whether somebody else writes where a driver would count a call twice, leave a lease behind, or undo his word."""
    hit = cell.hits[0]
    if cell.row == "SAVEPOINT":
        return hit.call.site == CLOSED and cell.writer == "abandon" and hit.fault in (None, Fault.RESET_AFTER)
    if cell.row == "ROLLBACK":
        return hit.call.site == START and cell.writer in ("upload", "SAVEPOINT") and hit.fault is Fault.RESET_AFTER
    first_writes = hit.call.site == RECORD and hit.call.nth in (2, 3)  # the claim, and that it is taken up
    return cell.row == "UPDATE" and first_writes and hit.fault is None and cell.writer in ("abandon", "pause")


def is_sharp_pair(cell: Cell) -> bool:
    """Whether neither the mark nor the call is answered, of the stop and of the start."""
    unheard = all(hit.fault is Fault.RESET_AFTER and hit.times == 1 for hit in cell.hits)
    return unheard and len({hit.call.site for hit in cell.hits}) == len(cell.hits)


def test_every_row_is_right_without_a_fault_and_every_client_method_is_crossed(recordings: Recorded) -> None:
    """A new method is in the table by itself, or in the list of those that are not, with a reason."""
    calls, by = recordings
    assert list(calls) == [row.name for row in ROWS]
    assert never_crossed(by, NEVER_CROSSED) == set()


@NIGHTLY
def test_a_call_that_goes_wrong_on_the_wire_leaves_the_operation_right(azurite: str, recordings: Recorded) -> None:
    """Each cell is right, and each fault was met: one copy, its state, nothing twice, nothing left open."""
    sharp = [cell for cell in cells.faults(recordings[0], seed=1) if is_sharp(cell)]
    sites = {cell.hits[0].call.site for cell in sharp}
    assert sites > {STOP, RUN, TRIGGER, CANCEL, RECORD, START, CLOSED}
    require_right(azurite, sharp)


@NIGHTLY
def test_somebody_else_who_writes_at_the_same_moment_leaves_the_operation_right(
    azurite: str, recordings: Recorded
) -> None:
    """What a driver wrote without an answer is made once, and a job in which nothing is open is nobody's."""
    sharp = [cell for cell in cells.writers(recordings[0], seed=1) if is_sharp_beside(cell)]
    assert len(sharp) >= 8
    require_right(azurite, sharp)


@NIGHTLY
def test_two_calls_that_go_wrong_leave_the_operation_right(azurite: str, recordings: Recorded) -> None:
    """Of the stop, the start, and the writes that mark them, any two."""
    sharp = [cell for cell in cells.stop_and_start(recordings[0]["UPDATE"]) if is_sharp_pair(cell)]
    assert len(sharp) == 6
    require_right(azurite, sharp)


def require_right(azurite: str, sharp: list[Cell]) -> None:
    """Run cells: each has to be right, and each of its faults to be met."""
    with lanes_on(azurite, LANES) as lanes:
        judged = spread(lanes, sharp, run)
    assert {one.cell.name: one.why or one.verdict for one in judged} == {cell.name: "right" for cell in sharp}
