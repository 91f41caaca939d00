"""What does a job come through by rights? One operation after the other, each with its outcome and what it leaves.

    main      the operation of the row; as the row says, unless it is overtaken or superseded
    second    what somebody else asked for while the main one was driven

A course says how each operation ends, how many savepoints and starts that takes, and whose release runs afterwards. It
knows nothing of the app's tables: it is what docs/actions.md promises.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from flinkfuncs.core.operations import Operation
from tests.harness.rows import Row

OLD = "old"  # the release that ran before the main operation
Second = Literal["upload", "SAVEPOINT", "LIST_SAVEPOINT", "STOP"]
Outcomes: TypeAlias = dict[str, str]


@dataclass(frozen=True)
class Course:
    """How operations end, by id, and what is there in the end; `savepoints` and `starts` None: any number."""

    outcomes: Outcomes = field(default_factory=dict)
    savepoints: int | None = 0
    starts: int | None = 0
    runs: str | None = None  # the id of the operation whose release runs, or OLD
    in_flight: bool = False  # a start may still come

    def then(self, operation: str, outcome: str, runs: str | None, *, savepoints: int = 0, starts: int = 0) -> Course:
        """Return the course with one operation more."""
        return Course(
            self.outcomes | {operation: outcome},
            None if self.savepoints is None else self.savepoints + savepoints,
            None if self.starts is None else self.starts + starts,
            runs,
            self.in_flight,
        )

    def of(self, second: Second, operation: str) -> Course:
        """Return the course with what somebody else asked for."""
        running = self.runs is not None
        match second:
            case "upload" if self.in_flight:  # only the same start again is safe
                return self.then(operation, "REFUSED", None)
            case "upload":  # of a job that was stopped or cancelled: the next START runs it
                runs, number = (operation, 1) if running else (None, 0)
                return self.then(operation, "SUCCEEDED", runs, savepoints=number, starts=number)
            case "SAVEPOINT":
                outcome, number = ("SUCCEEDED", 1) if running else ("REFUSED", 0)
                return self.then(operation, outcome, self.runs, savepoints=number)
            case "STOP":
                outcome, number = ("SUCCEEDED", 1) if running else ("REFUSED", 0)
                return self.then(operation, outcome, None, savepoints=number)
            case "LIST_SAVEPOINT":
                return self.then(operation, "SUCCEEDED", self.runs)


def before(row: Row) -> Course:
    """Return the course up to the row."""
    return Course(runs=OLD if row.before.startswith("running") else None)


def of_row(row: Row, main: Operation, *, after: Course | None = None) -> Course:
    """Return the course of the row's operation."""
    runs = main.id if row.runs == "new" else row.runs
    course = after or before(row)
    return course.then(main.id, row.outcome, runs, savepoints=row.savepoints, starts=row.starts)


def with_second(row: Row, main: Operation, second: Second, operation: str, alone: list[Course]) -> list[Course]:
    """Return the courses that are right when somebody asks for something else, and `main` stood like this then.

    `alone` are those without it.

    A newer upload supersedes one that has not begun to stop the job: surely one that nobody drives; one that is driven
    if its blob was not kept before, or if the newer one is seen before the stop.
    """
    takes_upload = main.cause.kind == "upload"
    superseded = before(row).then(main.id, "SUPERSEDED", before(row).runs).of(second, operation)
    as_usual = [one.of(second, operation) for one in alone]
    if second == "upload" and takes_upload and main.stop is None:
        return [superseded] if main.driven_at is None else [superseded, *as_usual]
    if second == "STOP" and main.driven_at is None and "UPDATE" in main.action:
        overtaken = before(row).of("STOP", operation)
        return [overtaken.then(main.id, "SUCCEEDED", None)]
    return as_usual


def abandoned(main: Operation, following: Outcomes, runs: str) -> Course:
    """Return the course of an operation that was given up, and of what was asked for to go on.

    What it had begun may still take effect, so that nobody can say how many savepoints and starts there are; but in the
    end exactly one copy runs, of the release that was brought last.
    """
    return Course(following | {main.id: "ABANDONED"}, savepoints=None, starts=None, runs=runs)


def in_flight(row: Row, main: Operation) -> Course:
    """Return the course of a start that was not answered, and is refused ever after: the first one may still come.

    To start another copy would be a second one then, so nothing runs; a person, or START, goes on from the savepoint.
    """
    return replace(before(row).then(main.id, "FAILED", None, savepoints=row.savepoints), in_flight=True)


def untouched(row: Row, main: Operation) -> Course:
    """Return the course of a release that its check refuses."""
    return before(row).then(main.id, "REFUSED", before(row).runs)
