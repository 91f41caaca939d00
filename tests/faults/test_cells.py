"""Which cells follow from the calls of a row? Those that decide are all there, whatever the samples are."""

from __future__ import annotations

import pytest

from tests.harness.calls import Counting, Crossing
from tests.harness.rows import BY_NAME
from tests.harness.sites import RENEWAL

from . import cells
from .breaker import Fault
from .cells import TRIES, UNHEARD
from .rows import ASKED, CANCEL, CLOSED, RUN, START, STOP
from .wire import RECORD
from .writers import writers_of

LOOK, JAR = "GET flink /jobs/:id/status", "POST flink /jars/upload"
STORAGE = ((None, 1), *UNHEARD)
FLINK = ((None, 1), *((fault, 1) for fault in (Fault.RESET_AFTER, Fault.TIMEOUT, Fault.LATE, Fault.GARBAGE)))
Form = tuple[Fault | None, int]


def calls(*sites: str) -> list[Crossing]:
    """Return the calls of an operation, as they are recorded."""
    counting = Counting()
    return [counting.cross(site) for site in sites]


def forms(row: str, recorded: list[Crossing], *, sample: int = 0) -> dict[str, set[Form]]:
    """At which calls of a row is there somebody else, and in which ways are they not answered? Every one of them."""
    found = dict[tuple[str, Form], list[str]]()
    for cell in cells.writers({row: recorded}, seed=1, sample=sample):
        (hit,) = cell.hits
        found.setdefault((hit.call.site, (hit.fault, hit.times)), []).append(cell.writer)
    assert all(sorted(writers) == sorted(writers_of(BY_NAME[row])) for writers in found.values())
    return {site: {form for other, form in found if other == site} for site, _ in found}


def test_somebody_else_comes_to_every_write_of_an_update_in_every_form() -> None:
    """To those that change its record, its job or its end; not to what asks for it, looks or prepares a release."""
    marked = (f"{RECORD} (Stop)", STOP, START, RUN, CLOSED)
    recorded = calls(RECORD, ASKED, RECORD, LOOK, RECORD + RENEWAL, JAR, *marked)
    found = forms("UPDATE", recorded)
    assert found == {site: set(FLINK if site in (STOP, RUN) else STORAGE) for site in (RECORD, *marked)}
    beside = cells.writers({"UPDATE": recorded}, seed=1, sample=0)
    assert {cell.hits[0].call.nth for cell in beside if cell.hits[0].call.site == RECORD} == {2}


def test_in_a_refused_start_too() -> None:
    """Up to the call that is refused."""
    found = forms("ROLLBACK_OF_NOTHING", calls(ASKED, RECORD, START, RUN, RECORD, CLOSED))
    assert found == {START: set(STORAGE), RUN: set(FLINK)}


@pytest.mark.parametrize(("row", "change"), [("STOP", STOP), ("START", RUN), ("CANCEL", CANCEL)])
def test_elsewhere_somebody_comes_before_each_write_and_after_a_reset_of_those_that_decide(
    row: str, change: str
) -> None:
    """Whatever the sample is; a larger one leaves nothing out."""
    recorded = calls(ASKED, RECORD, change, CLOSED)
    before: set[Form] = {(None, 1)}
    reset: set[Form] = {*before, (Fault.RESET_AFTER, 1)}
    assert forms(row, recorded) == {RECORD: before, change: reset, CLOSED: reset}
    assert forms(row, recorded, sample=1000) == {RECORD: set(STORAGE), change: set(FLINK), CLOSED: set(STORAGE)}


def test_a_sample_of_the_rest_is_drawn_by_its_seed() -> None:
    """The same for the same seed, and of that size."""
    recorded = {"STOP": calls(ASKED, RECORD, STOP, CLOSED)}
    complete = cells.writers(recorded, seed=1, sample=0)
    one, again, other = (cells.writers(recorded, seed=seed, sample=10) for seed in (1, 1, 2))
    assert [len(found) - len(complete) for found in (one, again, other)] == [10, 10, 10]
    assert one == again != other
    assert max(cell.hits[0].times for cell in cells.writers(recorded, seed=1, sample=1000)) == TRIES
