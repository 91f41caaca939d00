"""What an operation has behind it that its end must not hide: a copy that was undone, and copies that the cluster lost.

    behind it                                   the end says first
    ------------------------------------------  --------------------------------------------------------------------
    a new copy that is undone                   why
    … and the old release is started again      why, and since when output comes again, or that none does
    copies that the cluster lost, where the     how many, and since when their output is committed
    end does not look at the one that followed
    a copy that nobody could look at any more   in the end, that what it committed is not known

The rule that must never break: whatever comes after it, no end hides output that comes twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from .operations import Again, Operation, Undo


def with_undo(operation: Operation, message: str) -> str:
    """Return the message of an end that says itself what the copies that were started last have committed."""
    return "; ".join([*_undone(operation, None), message])


def with_past(operation: Operation, message: str, undo: Undo | None = None, again: Again | None = None) -> str:
    """Return the message of an end after which nothing runs that was started last.

    `undo` and `again` are those of a start that is not written down yet.
    """
    return "; ".join([*_undone(operation, undo), *_lost(again or operation.again), message])


def unseen(operation: Operation, message: str) -> str:
    """Return the message of an end before which nobody could look at the copy that was started last."""
    if operation.has_started:
        message += "; what the copy that was started last has committed is not known: the next operation looks at it"
    return with_past(operation, message)


def replayed(undo: Undo) -> str:
    """Say whether output of the new copy was committed, and is written again by the rollback."""
    if undo.completed == 0 and not undo.at_least:
        return "the new copy completed no checkpoint, so exactly-once sinks have nothing of it"
    since = _at(undo.started_at)
    if undo.at_least:
        return f"the new copy vanished after {undo.completed} checkpoints or more: output since {since} may come again"
    return f"the new copy completed {undo.completed} checkpoints: output since {since} comes again"


def _undone(operation: Operation, about_to: Undo | None) -> Iterator[str]:
    undo = about_to or operation.undo
    if undo:
        yield undo.reason
        if about_to or operation.rollback:
            yield replayed(undo)


def _lost(again: Again | None) -> Iterator[str]:
    if again:
        copies = "a copy" if again.number == 1 else f"{again.number} copies"
        output = f"output since {_at(again.since)} is committed" if again.completed else "none completed a checkpoint"
        yield f"the cluster lost {copies} of the release, and {output}"


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
