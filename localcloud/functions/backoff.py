"""How long is an idle queue left alone?

    100 ms after the last message, then longer and longer by chance, up to host.json's maxPollingInterval

The numbers are those of the storage extension (RandomizedExponentialBackoffStrategy).
"""

from collections.abc import Callable

MINIMUM_SECONDS = 0.1
_SPREAD = 0.2


class Backoff:
    """The waiting times between two polls; `chance` gives numbers from 0 to 1."""

    def __init__(self, maximum_seconds: float, chance: Callable[[], float]) -> None:
        self._maximum = max(maximum_seconds, MINIMUM_SECONDS)
        self._chance = chance
        self._current = 0.0
        self._tries = 0

    def next_seconds(self, *, found: bool) -> float:
        """How long to wait now; `found` says whether messages came since the last wait."""
        if found:
            self._current, self._tries = MINIMUM_SECONDS, 1
        elif self._current != self._maximum:
            self._current = min(MINIMUM_SECONDS + self._increment(), self._maximum)
            self._tries += 1
        return self._current

    def _increment(self) -> float:
        if not self._tries:
            return 0.0
        spread = 1 - _SPREAD + 2 * _SPREAD * self._chance()
        return spread * float(2 ** (self._tries - 1)) * MINIMUM_SECONDS
