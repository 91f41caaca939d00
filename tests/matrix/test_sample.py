"""The sharpest cells of the crash matrix, each night; `make crash-matrix` runs all of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.harness.calls import Crossing
from tests.harness.lanes import spread
from tests.harness.rows import BY_NAME

from .cell import record, run
from .matrix import NEWEST, lanes_on
from .places import Cell

STOP, RUN = "POST flink /jobs/:id/stop", "POST flink /jars/:jar/run"
CLOSE = "PUT ledger closed/:operation"


def sharpest(calls: list[Crossing]) -> list[Cell]:
    """Around the stop, between it and the start, around the start, and around the closing writes."""
    run = next(call for call in calls if call.site == RUN)
    close = next(call for call in calls if call.site == CLOSE)
    written_down = next(call for call in calls if f"{call.site} #{call.nth}" == run.since)
    stop = next(call for call in calls if call.site == STOP)
    places = [(stop, "after"), (written_down, "before"), (run, "before"), (run, "after"), (close, "after")]
    return [Cell("UPDATE", call, "before" if when == "before" else "after") for call, when in places]


@pytest.mark.nightly("several apps on a cluster of their own, killed again and again")
def test_an_update_killed_at_its_sharpest_calls_leaves_one_copy_and_every_number_once(tmp_path: Path) -> None:
    """Each cell is right: one copy, one savepoint, exact output, nothing left open; and each kill was carried out."""
    with lanes_on(os.environ.get("FLINK", NEWEST), 3, tmp_path) as lanes:
        cells = sharpest(record(lanes[0], BY_NAME["UPDATE"]).calls)
        judged = spread(lanes, cells, run)
    assert len(judged) == len(cells)
    assert {it.cell.name: it.why or it.verdict for it in judged} == {cell.name: "right" for cell in cells}
