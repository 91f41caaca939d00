"""When is what was told sent? Soon after an invocation or a step ended, by a thread of its own; nobody waits for it.

An instance of the app may be gone a moment after it has replied, so waiting for the SDK's own intervals would lose the
end of many a story.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

PAUSE_SECONDS = 1.0  # what is told within it goes together


class Flusher:
    """A thread that flushes when it is woken."""

    def __init__(self, flushes: Sequence[Callable[[], object]], *, pause_seconds: float = PAUSE_SECONDS) -> None:
        """Begin to wait."""
        self._flushes = flushes
        self._pause_seconds = pause_seconds
        self._awake = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Ask for a flush; returns at once."""
        self._awake.set()

    def end(self) -> None:
        """Begin no further flush, and wait for the one that is under way."""
        self._ended.set()
        self._awake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._awake.wait()
            self._awake.clear()
            if self._ended.is_set():
                return
            for flush in self._flushes:
                with suppress(Exception):  # a dead endpoint is told by the exporter's own log line
                    flush()
            self._ended.wait(self._pause_seconds)
