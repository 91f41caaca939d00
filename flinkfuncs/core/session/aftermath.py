"""What an end that follows a new copy says: what the copy committed, and what the right next step is.

A completed checkpoint makes output of exactly-once sinks visible; going back to an earlier state writes that output
again.

    the copy         checkpoints  the end says
    ---------------  -----------  ----------------------------------------------------------------------------
    never started    none         nothing was committed; START continues from the state before
    has ended        none         the same
    has ended        some         output is committed; START continues from its newest checkpoint; START with the
                                  state before (savePointName) goes back, and output since then comes again
    is kept running  none, some   what was committed; an upload continues from its newest state, CANCEL ends it
    has vanished     any          what was committed at least; START continues from its newest state where that is
                                  known, and else it has to be found

The rule that must never break: no end advises a state that the job has left behind without saying what comes again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ..jobs import JobRecord
from ..operations import Operation
from .ends import current_copy
from .facts import Seen

Fate = Literal["ended", "kept", "vanished"]


@dataclass(frozen=True)
class Output:
    """What the current copy, and those before it that the cluster lost, made visible: since when."""

    completed: int
    since: datetime


def output_of(operation: Operation, record: JobRecord, seen: Seen) -> Output:
    """Return what the copies of the release that was started last have committed at least."""
    again = operation.again
    committed = seen.copy.committed if seen.copy else 0
    if again is None:
        return Output(committed, current_copy(record).started_at)
    return Output(again.completed + committed, again.since)


def state_before(operation: Operation, record: JobRecord) -> str | None:
    """Return what the new copy was started from: the stop's savepoint, or the state that it was given."""
    if operation.savepoint:
        return operation.savepoint
    return operation.again.savepoint if operation.again else current_copy(record).savepoint


def aftermath(operation: Operation, record: JobRecord, seen: Seen, fate: Fate, newest: str | None = None) -> str:
    """Say what the copy that was started last has committed, and what there is to do, as the module's table says.

    `newest` is the path of its newest state, where that is known.
    """
    output, before = output_of(operation, record, seen), state_before(operation, record)
    return f"{_committed(output, fate)}; {_next_step(output, before, fate, newest)}"


def _committed(output: Output, fate: Fate) -> str:
    since = _at(output.since)
    if fate == "vanished":
        return f"it completed {output.completed} checkpoints or more, so output since {since} may be committed"
    if output.completed == 0:
        return "it completed no checkpoint, so exactly-once sinks have nothing of it"
    return f"it completed {output.completed} checkpoints, so its output since {since} is committed"


def _next_step(output: Output, before: str | None, fate: Fate, newest: str | None) -> str:
    if fate == "kept":
        return "an upload continues from its newest state, CANCEL ends it"
    back = f"START with savePointName {before} goes back" if before else "there is no state to go back to"
    if fate == "vanished":
        again = ", and output since then may come again" if before else ""
        unknown = "its newest state is not known: find its newest checkpoint and name it (savePointName)"
        return f"{f'START continues from {newest}' if newest else unknown}; {back}{again}"
    if output.completed == 0:
        return f"START continues from {before}" if before else "it leaves no state"
    again = f", and output since {_at(output.since)} comes again" if before else ""
    return f"START continues from {newest or 'its newest checkpoint'}; {back}{again}"


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
