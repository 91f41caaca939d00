"""Which cells are there? From the calls of each row as recorded without a fault, so that a new call is in by itself.

    section    cells                                                                 all of them, or a sample
    ---------  --------------------------------------------------------------------  ------------------------------
    faults     one fault at each call: every write; of the same read between two     at each write all of them, at
               writes the first and the last                                         each read READS of them
    writers    somebody else writes right before a driver's write, or right after    see below
               one that took effect and was not answered
    pairs      two faults in one operation, one after the other                      at the stop and the start of
                                                                                     UPDATE, with the writes that
                                                                                     mark them; a sample of the rest

Somebody else writes at the driver's writes of the record and of the closed operation, and at the calls that change the
job at Flink: so between any two writes. What only prepares a release (its jar, its check) changes no job.

    row                 right before    right after a reset                     … no answer in another way
    ------------------  --------------  --------------------------------------  ----------------------------
    UPDATE              each            each                                    each
    a refused start     each            each                                    each
    the others          each            calls that change the job, the writes   a sample, with the resets
                                        that mark them, the closed operation    that are left

Samples are drawn by a seed, evenly over what there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from random import Random

from tests.harness.calls import Crossing, chosen, matching
from tests.harness.rows import BY_NAME, Row
from tests.harness.sites import RENEWAL, is_read, service_of
from tests.harness.table import Recordings

from .breaker import HANDLED, Fault
from .cell import Cell
from .rows import ASKED, CHANGES, CLOSED, MARKED, MARKS, RUN, START, STOP
from .wire import RECORD, Hit
from .writers import writers_of

SECTIONS = ("faults", "writers", "pairs")
TRIES = 3  # as often as the storage library tries; a read of Flink is tried twice
READS = 3  # so many faults at each read
SAMPLE = 40  # so many cells of each row
SHARP_ROWS = ("UPDATE", "ROLLBACK_OF_NOTHING")  # there all the writers' cells are run
STOP_AND_START = (f"{RECORD} (Stop)", STOP, START, RUN)
# One try that is not answered, and the library's own repeat meets a conflict; or none of its tries is answered.
UNHEARD = (
    (Fault.RESET_AFTER, 1),
    (Fault.RESET_AFTER, TRIES),
    (Fault.TIMEOUT, 1),
    (Fault.LATE, 1),
    (Fault.GARBAGE, TRIES),
)


def faults(recordings: Recordings, *, seed: int, reads: int = READS) -> list[Cell]:
    """Return the cells with one fault."""
    found = list[Cell]()
    for row, calls in recordings.items():
        draw = _draw(seed, row)
        for call in chosen(matching(BY_NAME[row], calls, MARKS)):
            hits = _of_call(call)
            drawn = draw.sample(hits, min(reads, len(hits))) if is_read(call.site) else hits
            found += [Cell(row, (hit,)) for hit in hits if hit in drawn]
    return found


def writers(recordings: Recordings, *, seed: int, sample: int = SAMPLE) -> list[Cell]:
    """Return the cells in which somebody else writes."""
    found = list[Cell]()
    for row, calls in recordings.items():
        cells, draw = list(_with_writers(BY_NAME[row], calls)), _draw(seed, row)
        rest = [cell for cell in cells if not _is_sharp(cell)]
        drawn = sorted(draw.sample(range(len(rest)), min(sample, len(rest))))
        found += [*filter(_is_sharp, cells), *(rest[place] for place in drawn)]
    return found


def pairs(recordings: Recordings, *, seed: int, sample: int = SAMPLE) -> list[Cell]:
    """Return the cells with two faults."""
    found = list(stop_and_start(recordings["UPDATE"])) if "UPDATE" in recordings else []
    for row, calls in recordings.items():
        hits = [hit for call in chosen(matching(BY_NAME[row], calls, MARKS)) for hit in _of_call(call)]
        draw = _draw(seed, row)
        drawn = [sorted(draw.sample(range(len(hits)), 2)) for _ in range(sample)]
        found += [Cell(row, (hits[one], hits[other])) for one, other in drawn if hits[one].call != hits[other].call]
    return found


def _draw(seed: int, row: str) -> Random:
    """Return what draws a row's samples: the same ones, whichever other rows are run."""
    return Random(f"{seed} {row}")  # noqa: S311 - nothing is kept secret by it


def stop_and_start(calls: Sequence[Crossing]) -> Iterator[Cell]:
    """Return the cells with two faults at the stop and the start of an update, and at the writes that mark them.

    Also at the same call twice, where the first fault is one after which it is sent again.
    """
    sites = [call.site for call in calls]
    sharp = [calls[sites.index(site)] for site in STOP_AND_START]
    again = [(call, replace(call, nth=call.nth + 1)) for call in sharp if call.site in (STOP, RUN)]
    for first, second in (*combinations(sharp, 2), *again):
        for one in _of_call(first):
            if first.site == second.site and one.fault in HANDLED:
                continue  # it is found to be done, and is not sent again
            yield from (Cell("UPDATE", (one, other)) for other in _of_call(second))


def _with_writers(row: Row, calls: Sequence[Crossing]) -> Iterator[Cell]:
    """Return all cells of a row in which somebody else writes: while it is driven, not while it is asked for."""
    about = matching(row, calls, MARKS)
    sites = [call.site for call in about]
    for call in about[0 if row.since else sites.index(ASKED) :]:
        if _is_beside(call.site):
            hits = (Hit(call, None), *_unheard(call))
            yield from (Cell(row.name, (hit,), kind) for hit in hits for kind in writers_of(row))


def _is_beside(site: str) -> bool:
    """Whether somebody else writes at a driver's write."""
    return site in (*CHANGES, CLOSED) or (site.startswith(RECORD) and not site.endswith(RENEWAL))


def _unheard(call: Crossing) -> list[Hit]:
    """Return the ways in which a write takes effect and is not answered; a call to Flink is not repeated at once."""
    forms = ((fault, min(times, max(_times(call.site, fault)))) for fault, times in UNHEARD)
    return [Hit(call, fault, times) for fault, times in dict.fromkeys(forms)]


def _is_sharp(cell: Cell) -> bool:
    """Whether a cell of the writers is run whatever the sample is."""
    hit = cell.hits[0]
    if cell.row in SHARP_ROWS or hit.fault is None:
        return True
    decides = hit.call.site in (*CHANGES, *MARKED, CLOSED)
    return decides and (hit.fault, hit.times) == UNHEARD[0]


def _of_call(call: Crossing) -> list[Hit]:
    return [Hit(call, fault, times) for fault in Fault for times in _times(call.site, fault)]


def _times(site: str, fault: Fault) -> tuple[int, ...]:
    """Say how often in a row a call meets a fault; what is repeated at once shows little of a single one."""
    if is_read(site):
        return () if fault is Fault.LATE else (TRIES,)  # a read that is handled late is one that is not answered
    if service_of(site) == "flink":
        return (1,)
    # A fault of storage lasts until the library gives up. One that took effect is also met once: the library's own
    # repeat then meets a conflict.
    return (1, TRIES) if fault in HANDLED else (TRIES,)
