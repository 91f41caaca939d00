"""Who else writes to the record of a job while an operation of it is driven? Each as the app lets them.

    upload             a newer jar in the place of the one that is there
    SAVEPOINT, …       a caller asks for another action
    abandon            a person gives up the operation that is driven, and goes on with a newer jar afterwards
    abandon another    … one that waits behind it
    pause              a person holds uploads, and resumes them when nothing is open any more
    resume             … takes the upload that was held

`before` is done once the operation is on record and nobody drives it, `write` at the moment of the cell, `after` when
nothing is open any more.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

from flinkfuncs.control import Control
from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import Refused
from flinkfuncs.core.operations import Cause, Operation, Request
from tests.harness.rows import Row
from tests.unit.builders import ORDERS
from tests.wire.storage import jar

from . import course
from .course import Course
from .lane import Lane
from .rows import GOOD, JAR

PERSON = Cause(kind="http", detail="a person")
ASKED: dict[str, course.Second] = {kind: kind for kind in ("SAVEPOINT", "LIST_SAVEPOINT", "STOP")}
UPLOAD, ABANDON, ABANDON_ANOTHER, PAUSE, RESUME = "upload", "abandon", "abandon another", "pause", "resume"
WRITERS = (UPLOAD, *ASKED, ABANDON, ABANDON_ANOTHER, PAUSE, RESUME)
_numbers = count(1)


def writers_of(row: Row) -> tuple[str, ...]:
    """Return who may come in between; a held upload cannot be the row's own."""
    return tuple(kind for kind in WRITERS if kind != RESUME or not row.folder)


@dataclass
class Writer:
    """Somebody else, in one cell; `main` is the row's operation, as it stood when he wrote."""

    kind: str
    lane: Lane
    row: Row
    main: Operation
    wrote: bool = False
    refused: bool = False  # he came too late to abandon it
    second: Operation | None = None
    following: list[Operation] = field(default_factory=list)

    def before(self) -> None:
        """Prepare what he changes."""
        if self.kind == ABANDON_ANOTHER:
            self.second = self._ask(Action.SAVEPOINT)
        if self.kind == RESUME:
            self._control.pause_uploads(ORDERS, paused=True)
            self.second = self._upload()

    def write(self) -> None:
        """Write, whatever else is going on."""
        record = self.lane.record()
        self.main = (record and record.operation(self.main.id)) or self.lane.place.ledger().find(self.main.id)
        if self.kind == UPLOAD:
            self.second = self._upload()
        elif self.kind in ASKED:
            self.second = self._ask(Action(self.kind))
        elif self.kind == ABANDON:
            self._abandon(self.main)
            self.main = self.lane.place.ledger().find(self.main.id)  # with what was written down before that
        elif self.kind == ABANDON_ANOTHER and self.second:
            self._abandon(self.second)
        else:
            self._control.pause_uploads(ORDERS, paused=self.kind == PAUSE)
        self.wrote = True

    def after(self) -> bool:
        """Do what follows; False when there is nothing more to do."""
        if self.kind == PAUSE and self.wrote:
            return bool(self._control.pause_uploads(ORDERS, paused=False).open)
        following = self._next() if self.kind == ABANDON and not self.refused else None
        if following:
            self.following.append(following)
        return following is not None

    def _next(self) -> Operation | None:
        """Go on after an operation that was given up: with an upload, and with START where that starts nothing.

        A start that may still take effect is repeated by START alone, and an upload is refused until then.
        """
        match [self._outcome(operation) for operation in self.following]:
            case [] | ["REFUSED", _]:
                return self._upload()
            case ["REFUSED"]:
                return self._ask(Action.START)
            case ["SUCCEEDED"] if not self.lane.flink.running():
                return self._ask(Action.START)
            case _:
                return None

    def _outcome(self, operation: Operation) -> str:
        result = self.lane.place.ledger().find(operation.id).result
        return str(result.outcome) if result else "open"

    def courses(self, alone: list[Course]) -> list[Course]:
        """Return what is right now, from what is right without him."""
        if self.kind == ABANDON and not self.refused:
            return [self._after_abandoning()]
        if self.kind in (ABANDON, PAUSE) or self.second is None:
            return alone
        if self.kind == ABANDON_ANOTHER and self.refused:
            return [one.of("SAVEPOINT", self.second.id) for one in alone]
        if self.kind == ABANDON_ANOTHER:
            return [one.then(self.second.id, "ABANDONED", one.runs) for one in alone]
        return course.with_second(self.row, self.main, ASKED.get(self.kind, "upload"), self.second.id, alone)

    def _after_abandoning(self) -> Course:
        """Each succeeds, but for an upload beside a start that may take effect, and that start if its jar is bad."""
        marks = (self.main.start, self.main.rollback)
        in_flight = any(mark and mark.unanswered for mark in marks)
        outcomes = {operation.id: "SUCCEEDED" for operation in self.following}
        uploads = [operation for operation in self.following if operation.action is not Action.START]
        if len(uploads) > 1 and in_flight:
            outcomes[uploads[0].id] = "REFUSED"
            if self.row.brings != "good":
                outcomes[self.following[1].id] = self._outcome(self.following[1])
        return course.abandoned(self.main, outcomes, uploads[-1].id)

    @property
    def _control(self) -> Control:
        return Control(self.lane.place.ledger(), self.lane.place.messages)

    def _abandon(self, operation: Operation) -> None:
        self.refused = True
        with suppress(Refused):  # it has ended
            self._control.abandon(operation.id, by=PERSON.detail, even_if_begun=True)
            self.refused = False

    def _upload(self) -> Operation:
        """Bring a newer jar, in a later second than what was asked for by a call."""
        folder = self.row.folder or "stateful"
        if not self.row.folder:
            time.sleep(1 - time.time() % 1)
        self.lane.storage.upload(f"{folder}/{ORDERS}/{JAR}", jar(GOOD, padding=f"newer {next(_numbers)}".encode()))
        operation = self.lane.place.intake().upload(f"{folder}/{ORDERS}/{JAR}")
        assert operation
        return operation

    def _ask(self, action: Action) -> Operation:
        return self.lane.place.intake().request(ORDERS, Request(action=action), PERSON)
