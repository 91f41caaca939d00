"""What may be said of a cell, by the crash matrix and by the wire faults."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from flinkfuncs.core.operations import Operation

Verdict: TypeAlias = Literal["right", "WRONG", "unreached"]


class Wrong(AssertionError):
    """A cell is not right; the message says how."""


def require_same(what: str, found: object, wanted: object) -> None:
    """Judge one thing.

    Raises:
        Wrong: it is another one.

    """
    if found != wanted:
        raise Wrong(f"{what}: {found!r}, not {wanted!r}")


def told(error: Exception, operations: Callable[[], Sequence[Operation]], more: Callable[[], Sequence[str]]) -> str:
    """Say what is wrong, with everything that is on record of the job, as far as it can be read."""
    lines = [str(error) if isinstance(error, Wrong) else "".join(traceback.format_exception(error)[-4:])]
    try:
        lines += [operation.model_dump_json(exclude={"release", "request"}) for operation in operations()]
        lines += more()
    except Exception as unreadable:  # noqa: BLE001 - the first error is the one that counts
        lines.append(f"(and nothing more can be read: {unreadable!r})")
    return "\n".join(lines)
