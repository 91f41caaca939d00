"""What time is it in a test? The real time, and what was slept so far: sleeping costs nothing, and counts all the same.

A driver that waits for a minute is a minute older, and so is the storage that a lease is measured by.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """The times of one test, for all of its threads."""

    def __init__(self) -> None:
        """Begin at the real time."""
        self.slept_seconds = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the date and time."""
        return self.later(datetime.now(UTC))

    def later(self, moment: datetime) -> datetime:
        """Return a moment of the real time as this clock shows it."""
        return moment + timedelta(seconds=self.slept_seconds)

    def monotonic(self) -> float:
        """Return the seconds of a clock that nobody sets."""
        return time.monotonic() + self.slept_seconds

    def sleep(self, seconds: float) -> None:
        """Let that much time pass, at once."""
        with self._lock:
            self.slept_seconds += seconds
