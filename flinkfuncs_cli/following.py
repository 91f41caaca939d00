"""One operation, to its end: each step that is written down becomes a line on stderr.

Over is what has an outcome. Whatever else an operation shows, states that this version does not know too, is waited
for. A look that fails is not the end of the operation: it is made again until --timeout has run out, and only a
refusal that comes LOOKS times in a row (no right, not found) ends the wait with its own exit code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from .api import Api, segment
from .console import Console, Json, shown_time
from .exits import OUTCOMES, Exit, Failure

POLL_SECONDS = 1.0
LOOKS = 3
Shown = TypeVar("Shown")


class Deadline:
    """When --timeout has run out."""

    def __init__(self, seconds: float) -> None:
        """Begin now."""
        self._at = time.monotonic() + seconds

    @property
    def is_over(self) -> bool:
        """Whether it has."""
        return time.monotonic() >= self._at

    def sleep(self) -> None:
        """Pause between two looks, at most until then."""
        time.sleep(max(0.0, min(POLL_SECONDS, self._at - time.monotonic())))


class Looks:
    """Counts looks that failed in a row, and ends the wait where they are more than a passing fault."""

    def __init__(self, console: Console) -> None:
        """Begin with none."""
        self._console, self._refused, self._said = console, 0, ""

    def try_to(self, look: Callable[[], Shown]) -> Shown | None:
        """Return what a look shows; None where it shows nothing, or failed.

        Raises:
            Failure: the app refuses to show it, again and again.

        """
        try:
            shown = look()
        except Failure as error:
            definite = error.exit_code in (Exit.DENIED, Exit.NOT_FOUND, Exit.REFUSED, Exit.USAGE)
            self._refused = self._refused + 1 if definite else 0
            if self._refused >= LOOKS:
                raise
            if error.message != self._said:
                self._console.say(f"{error.message}; still waiting")
            self._said = error.message
            return None
        self._refused, self._said = 0, ""
        return shown


def follow(api: Api, console: Console, operation: Json, deadline: Deadline) -> Json:
    """Wait until the operation is over or the time has run out, and return it as it was seen last."""
    console.come_back = come_back(operation)
    shown, said, looks = 0, None, Looks(console)
    path = f"/api/operations/{segment(str(operation.get('id')))}"
    while True:
        shown = show_steps(console, operation, after=shown)
        if (why := operation.get("message")) and why != said:  # it is held for its updateWindow
            console.say(str(why))
        said = why
        if outcome_of(operation) or deadline.is_over:
            break
        deadline.sleep()
        operation = looks.try_to(lambda: api.get(path)) or operation
    console.come_back = None
    return operation


def come_back(operation: Json) -> str:
    """Return what a person who interrupts the command is shown."""
    return f"the operation continues; to wait for it: flinkfuncs wait {operation.get('id')}"


def show_steps(console: Console, operation: Json, *, after: int = 0) -> int:
    """Write the steps that are new, and return how many there are."""
    steps = steps_of(operation)
    for at, step, detail in steps[after:]:
        console.say(f"{at} {step} {detail}")
    return len(steps)


def steps_of(operation: Json) -> list[tuple[str, str, str]]:
    """Return when each step was begun, its name and its detail."""
    steps = [step for step in operation.get("steps") or [] if isinstance(step, dict)]
    return [(shown_time(s.get("at")), str(s.get("step", "")), str(s.get("detail", ""))) for s in steps]


def outcome_of(operation: Json) -> str | None:
    """Return how the operation ended, or None while it is open."""
    result = operation.get("result")
    return str(result["outcome"]) if isinstance(result, dict) and result.get("outcome") else None


def report(console: Console, operation: Json, *, waited: bool) -> Exit:
    """Write what became of an operation, and return how the command ends.

    20261121T014916Z-orders-3f2a9c1b7d4e SUCCEEDED runs as …     it is over
    20261121T014916Z-orders-3f2a9c1b7d4e ROLLED_BACK             it is over; the error on stderr has the message
    20261121T014916Z-orders-3f2a9c1b7d4e                         it is open
    """
    number, outcome = str(operation.get("id", "")), outcome_of(operation)
    ending = OUTCOMES.get(outcome, Exit.FAILED) if outcome else Exit.OPEN
    result = operation.get("result") or {}
    message, code = str(result.get("message", "")), result.get("code")
    for warning in (operation.get("checked") or {}).get("warnings") or []:
        console.problem(str(warning), kind="warning")
    if console.as_json:
        console.json(operation)
    else:
        console.line(" ".join(filter(None, [number, outcome, message if ending is Exit.DONE else ""])))
    if outcome is None:
        words = "still open" if waited else "accepted"
        console.say(f"{words}; to wait for it: flinkfuncs wait {number}")
        return Exit.OPEN if waited else Exit.DONE
    if ending is not Exit.DONE:
        console.problem(f"{number} {outcome}: {message}", code=code)
    return ending
