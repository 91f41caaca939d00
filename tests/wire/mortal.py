"""Clients of a process that dies at a place: before or behind each of their writes."""

from __future__ import annotations

from collections.abc import Callable

from flinkfuncs.clients.ledger import Entry
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Operation
from tests.wire.storage import ClockedLedger


class CrashError(Exception):
    """The process dies here."""


class Points:
    """The places at which a process can die, counted; it dies at one of them."""

    def __init__(self, deadly: int | None = None) -> None:
        """Choose the place; None: nowhere."""
        self.crossed = 0
        self._deadly = deadly

    def cross(self) -> None:
        """Come to the next place."""
        self.crossed += 1
        if self.crossed == self._deadly:
            raise CrashError


class MortalLedger(ClockedLedger):
    """A ledger whose client may die before and behind each write."""

    points = Points()

    def write(self, record: JobRecord, *, etag: str | None) -> Entry:
        """Write between two places."""
        self.points.cross()
        entry = super().write(record, etag=etag)
        self.points.cross()
        return entry

    def close(self, operation: Operation, confirm: Callable[[], object] = lambda: None) -> None:
        """Close between two places."""
        self.points.cross()
        super().close(operation, confirm)
        self.points.cross()

    def close_unless_closed(self, operation: Operation, *, listed: bool = True) -> None:
        """Close between two places."""
        self.points.cross()
        super().close_unless_closed(operation, listed=listed)
        self.points.cross()
