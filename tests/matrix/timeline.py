"""What happened when: the steps and results of operations between the kills and losses of a soak.

14:03:07.125  lost  TaskManager 2 killed, back after 9.8 s
14:03:08.004  step  …-soak-3f2a9c1b7d4e Stop
14:03:09.771  END   …-soak-3f2a9c1b7d4e UPDATE SUCCEEDED the job runs, started from …
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from examples.count import Commit
from flinkfuncs.core.operations import Operation

from .losses import Loss
from .replays import Replayed

MARGIN = timedelta(seconds=15)  # a loss may make itself felt that much later


@dataclass(frozen=True)
class Event:
    """One line."""

    at: datetime
    what: str

    def __str__(self) -> str:
        """As the module's docstring shows."""
        return f"{self.at:%H:%M:%S}.{self.at.microsecond // 1000:03}  {self.what}"


def timeline(operations: Iterable[Operation], losses: Iterable[Loss], app_kills: Iterable[datetime]) -> list[Event]:
    """Return everything that happened, in its order; superseded operations are left out."""
    events = [Event(loss.at, f"lost  {loss}") for loss in losses]
    events += [Event(at, "kill  the app") for at in app_kills]
    for operation in operations:
        result = operation.result
        if result is None or result.outcome != "SUPERSEDED":
            events += [Event(step.at, f"step  {operation.id} {step.step} {step.detail}") for step in operation.steps]
        if result and result.outcome != "SUPERSEDED":
            said = f"{operation.action} {result.outcome} {result.code or ''} {result.message}"
            events.append(Event(result.ended_at, f"END   {operation.id} {said}"))
    return sorted(events, key=lambda event: event.at)


def around(events: Iterable[Event], operation: Operation) -> list[Event]:
    """Return what happened from shortly before an operation was taken up to its end."""
    since = (operation.driven_at or operation.requested_at) - MARGIN
    until = operation.result.ended_at if operation.result else datetime.max.replace(tzinfo=UTC)
    return [event for event in events if since <= event.at <= until]


def of_replays(replays: Iterable[Replayed]) -> list[str]:
    """Say which numbers came again, one line for each file that had them first."""
    files = dict[Commit, list[int]]()
    for replay in replays:
        files.setdefault(replay.first, []).append(replay.number)
    return [
        f"{len(numbers)} numbers, {min(numbers)} to {max(numbers)}, were committed by version {first.version} at "
        f"{datetime.fromtimestamp(first.committed_at, UTC):%H:%M:%S} in {first.file}, and came again later"
        for first, numbers in files.items()
    ]
