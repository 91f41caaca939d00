"""A ledger one of whose writes takes effect and is not answered, and perhaps somebody else writes right after it."""

from __future__ import annotations

from collections.abc import Callable

from flinkfuncs.clients.ledger import Entry
from flinkfuncs.clients.storage import Conflict
from flinkfuncs.core.errors import FlinkFuncsError, Unanswered
from flinkfuncs.core.jobs import JobRecord
from tests.wire.storage import ClockedLedger, Storage

NO_ANSWER = Unanswered("no answer")
ANSWER_TO_A_REPEAT = Conflict("changed meanwhile")  # the storage library repeats a write by itself, with the same ETag


class UnheardLedger(ClockedLedger):
    """Raises `error` for the first write that `when` is true of, after it took effect and `then` was called."""

    def __init__(
        self,
        storage: Storage,
        *,
        when: Callable[[JobRecord], bool] = lambda _: True,
        then: Callable[[], object] = lambda: None,
        error: FlinkFuncsError = NO_ANSWER,
    ) -> None:
        """Wait for that write."""
        super().__init__(storage)
        self._when, self._then, self._error = when, then, error
        self.unheard = 0

    def write(self, record: JobRecord, *, etag: str | None) -> Entry:
        """Write, and perhaps say nothing of it."""
        entry = super().write(record, etag=etag)
        if self.unheard or not self._when(record):
            return entry
        self.unheard += 1
        self._then()
        raise self._error
