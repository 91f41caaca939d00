"""How do N operations that wait on one cluster cause one listing per poll interval? They share this one.

    the last listing                      a caller gets
    ------------------------------------  ------------------------------------------------------------------
    is younger than the interval          that one, if it began after what the caller needs to see
    is being made                         that one when it is there, on the same condition
    otherwise                             a new one, which every caller that comes meanwhile shares

The rule that must never break: a caller is never given a listing that began before the moment it asks about.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class _Listing(Generic[T]):
    began_at: float  # the clock's
    rows: Future[T]


class SharedListing(Generic[T]):
    """A listing that threads share."""

    def __init__(
        self, read: Callable[[], T], *, interval_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Keep how it is read; nothing is read yet."""
        self._read = read
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._lock = Lock()
        self._last: _Listing[T] | None = None

    def now(self) -> float:
        """Return the moment, by the clock that `get` compares with (seconds)."""
        return self._clock()

    def get(self, *, after: float | None = None) -> T:
        """Return a listing that is younger than the interval and began after that moment, where one is given.

        Raises:
            Exception: what reading it raises, for all who share it; the next caller reads again.

        """
        with self._lock:
            last, mine = self._last, False
            if last is None or not self._serves(last, after):
                self._last = last = _Listing(self._clock(), Future())
                mine = True
        if mine:
            self._fill(last)
        return last.rows.result()

    def _serves(self, listing: _Listing[T], after: float | None) -> bool:
        if after is not None and listing.began_at <= after:
            return False
        if not listing.rows.done():
            return True
        young = self._clock() - listing.began_at < self._interval_seconds
        return young and listing.rows.exception() is None

    def _fill(self, listing: _Listing[T]) -> None:
        try:
            listing.rows.set_result(self._read())
        except BaseException as error:  # noqa: BLE001 - raised in every thread that shares it; none may wait for ever
            listing.rows.set_exception(error)
