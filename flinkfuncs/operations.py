"""How an operation is driven: claim the job, then look, decide, write down, act, and look again until it is over.

There is no other recovery code: after a crash the same loop looks, and finds that a step happened, or that it did not.

    the step is    what is done
    -------------  -----------------------------------------------------------------------------
    an act         write it down (which renews the lease), carry it out, write down the answer
    Wait           sleep, or hand the operation to a later message when the time is used up
    End            keep the closed operation, then take its result into the record

The rule that must never break: no call that changes a job leaves before the record names it, under a lease that
outlasts it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from . import telemetry
from .clients.claim import Claim, Lost
from .clients.ledger import Ledger
from .clients.queue import OperationsQueue
from .clients.storage import Conflict
from .clusters.cluster import Cluster
from .core import progress, queueing
from .core.errors import FlinkFuncsError, Refused, Unanswered, Unavailable
from .core.jobs import Ended, JobRecord
from .core.names import JobName
from .core.operations import Operation, Outcome
from .core.steps import Check, End, Keep, Learned, PlaceJar, Step, Turned, UploadJar, Wait
from .core.undone import unseen, with_past
from .messages import NO_MESSAGES, NoMessages

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
ABANDON_SECONDS = 6 * 3600.0  # an operation that has acted is carried on this long without an answer


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Patience:
    """How long a driver keeps at it (seconds)."""

    lease_seconds: float = 30.0
    invocation_seconds: float = 120.0
    unreachable_seconds: float = 300.0


class Driver:
    """Drives the open operations of a job, one after the other."""

    def __init__(
        self,
        ledger: Ledger,
        queue: OperationsQueue,
        cluster: Cluster,
        patience: Patience,
        *,
        messages: NoMessages = NO_MESSAGES,
        now: Callable[[], datetime] = _now,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Keep what is needed; nothing is read yet. Times in records are by `now`, durations by `clock` (seconds)."""
        self._ledger = ledger
        self._queue = queue
        self._cluster = cluster
        self._patience = patience
        self._messages = messages
        self._now = now
        self._clock = clock
        self._sleep = sleep

    def drive(self, job: JobName) -> None:
        """Drive the job's open operations as far as they go, or as the invocation's time allows.

        Raises:
            Unavailable: storage cannot be reached.

        """
        claim = self._claim(job)
        if claim is None:
            return
        until = self._clock() + self._patience.invocation_seconds
        try:
            while claim.held:
                self._drive_first(claim, until)
        except Lost as lost:
            log.warning("%s", lost)
        except Exception:
            self._let_go(claim)
            raise

    def give_up(self, job: JobName, operation_id: str, cause: str) -> None:
        """End an operation whose every attempt crashed, with the cause.

        Raises:
            Unavailable: storage cannot be reached, or another driver owns the job.

        """
        claim = self._claim(job)
        if claim is None:
            return
        operation = claim.record.operation(operation_id)
        if operation:
            self._close(claim, operation, _crashed(operation, cause))
        if claim.held:
            claim.give_back(due_seconds=0)
            if claim.record.open:
                self._queue.nudge(job, claim.record.open[0].id)

    def _claim(self, job: JobName) -> Claim | None:
        return Claim.take(self._ledger, job, lease_seconds=self._patience.lease_seconds, clock=self._clock)

    def _let_go(self, claim: Claim) -> None:
        """Leave the job to the next attempt of the message, which a lease of ours would turn away."""
        with suppress(FlinkFuncsError):
            claim.give_back(due_seconds=self._patience.lease_seconds)

    def _drive_first(self, claim: Claim, until: float) -> None:
        """Drive the first open operation; the job is given back when nothing is open, or a later message goes on."""
        claim.conclude(lambda record: queueing.taken_up(record, self._now()))
        # Not held: what waited was superseded, held or abandoned meanwhile. The job was given back at once, since the
        # message of the next operation does nothing while somebody owns the job.
        if claim.held:
            with telemetry.driving(claim.record.open[0]):
                self._drive_one(claim, claim.record.open[0].id, until)

    def _drive_one(self, claim: Claim, operation_id: str, until: float) -> None:
        while operation := claim.record.operation(operation_id):
            step = self._next_step(claim.record, operation)
            match step:
                case End():
                    self._close(claim, operation, step)
                case Wait():
                    if not self._wait(claim, operation, step, until):
                        return
                case _:
                    self._act(claim, operation, step)

    def _next_step(self, record: JobRecord, operation: Operation) -> Step:
        try:
            return self._cluster.next_step(record, operation, self._now())
        except Unavailable as error:
            return self._without_an_answer(operation, error)

    def _without_an_answer(self, operation: Operation, error: Unavailable) -> Step:
        """Wait for the cluster; end an operation that touched nothing before it becomes a surprise."""
        age = self._seconds_since(operation.unreachable_at)
        if not operation.acted and age > self._patience.unreachable_seconds:
            return End(Outcome.FAILED, f"nothing was changed: {error.message}", code=error.code)
        if age > ABANDON_SECONDS:
            message = unseen(operation, f"what was begun could not be followed: {error.message}")
            return End(Outcome.UNKNOWN, message, code=error.code)
        seconds = error.retry_after_seconds or min(RETRY_SECONDS + age / 20, 15.0)
        return Wait(seconds, error.message, unreachable=True)

    def _wait(self, claim: Claim, operation: Operation, wait: Wait, until: float) -> bool:
        if progress.noted(claim.record, operation.id, wait, self._now()) is not claim.record:
            claim.write(lambda record: progress.noted(record, operation.id, wait, self._now()))
        if wait.hop and self._clock() + wait.seconds > until:
            claim.give_back(due_seconds=wait.seconds)
            self._queue.nudge(operation.job, operation.id, delay_seconds=max(1.0, wait.seconds))
            return False
        self._sleep(wait.seconds)
        claim.renew()
        return True

    def _act(self, claim: Claim, operation: Operation, step: Step) -> None:
        record = claim.write(lambda record: progress.begun(record, operation.id, step, self._now()))
        written_down = record.operation(operation.id) or operation
        answer = self._answer(claim, record, written_down, step)
        match answer:
            case Unavailable():
                if not isinstance(answer, Unanswered):
                    claim.write(lambda record: progress.unsent(record, operation.id, step))
                self._after_unavailable(claim, operation, answer)
            case Refused():
                self._refused(claim, written_down, step, answer)
            case None:
                return
            case _:
                claim.write(lambda record: progress.learned(record, operation.id, step, answer))

    def _answer(
        self, claim: Claim, record: JobRecord, operation: Operation, step: Step
    ) -> Learned | Unavailable | Refused:
        """Carry a step out, and say in log and telemetry how that ended."""
        began = self._clock()
        with telemetry.step(operation, type(step).__name__) as told:
            try:
                fact = self._carry_out(claim, record, operation, step)
            except (Unavailable, Refused) as error:
                told.outcome = _word(error)
                _log(operation, step, told.outcome, self._clock() - began, error)
                return error
            _log(operation, step, "done", self._clock() - began)
            return fact

    def _carry_out(self, claim: Claim, record: JobRecord, operation: Operation, step: Step) -> Learned:
        if isinstance(step, Keep | UploadJar | Check | PlaceJar):
            with claim.kept_alive():
                return self._cluster.act(record, operation, step)
        return self._cluster.act(record, operation, step)

    def _after_unavailable(self, claim: Claim, operation: Operation, error: Unavailable) -> None:
        """Give up an operation that touched nothing; else wait as long as we were asked to, and look again."""
        current = claim.record.operation(operation.id) or operation
        if not current.acted and self._seconds_since(current.driven_at) > self._patience.unreachable_seconds:
            self._close(claim, operation, End(Outcome.FAILED, error.message, code=error.code))
            return
        self._sleep(min(error.retry_after_seconds or RETRY_SECONDS, self._patience.lease_seconds / 2))
        claim.renew()

    def _refused(self, claim: Claim, operation: Operation, step: Step, error: Refused) -> None:
        """Take a definite refusal: of a step that changes the job, the table says what follows; else it is over."""
        if not isinstance(step, Keep | UploadJar | Check | PlaceJar):
            claim.write(lambda record: progress.learned(record, operation.id, step, Turned(error.message)))
            return
        self._close(claim, operation, end_of_refused(operation, step, error))

    def _seconds_since(self, moment: datetime | None) -> float:
        """Return how long ago something was written down (seconds); None: just now."""
        now = self._now()
        age = (now - (moment or now)).total_seconds()
        return max(0.0, age)  # the clock of the instance that wrote it down may be ahead of ours

    def _close(self, claim: Claim, operation: Operation, end: End) -> None:
        now = self._now()
        claim.confirm()  # a driver that lost the job says nothing of how it ended
        if progress.was_skipped(claim.record, operation.id, end):
            claim.conclude(lambda record: record.without_operation(operation.id))
            log.info("job=%s operation=%s outcome=skipped %s", operation.job, operation.id, end.message)
            return
        closed = progress.closed(claim.record, operation.id, end, now)
        self._ledger.close(closed, claim.confirm)
        claim.conclude(lambda record: self._messages.noted(progress.concluded(record, operation, end, now), closed))
        telemetry.ended(closed)
        self._messages.collect(claim.record)
        level = logging.INFO if end.outcome is Outcome.SUCCEEDED else logging.WARNING
        log.log(level, "job=%s operation=%s outcome=%s %s", operation.job, operation.id, end.outcome, end.message)


def end_of_refused(operation: Operation, step: Keep | UploadJar | Check | PlaceJar, error: Refused) -> End:
    """Return how an operation ends of which a step was definitely refused that changes no job."""
    if isinstance(step, Keep) and isinstance(error, Conflict):
        return End(Outcome.SUPERSEDED, error.message, code="Overwritten")
    untouched = isinstance(step, Keep | Check) and not operation.acted
    outcome = Outcome.REFUSED if untouched else Outcome.FAILED
    saved = step.stop_savepoint if isinstance(step, UploadJar) else None
    ended: Ended | None = "STOPPED" if saved else None
    instead = step.instead if isinstance(step, UploadJar) else ""
    message = f"{instead}; {error.message}" if instead else with_past(operation, error.message)
    return End(outcome, message, code=error.code, savepoint=saved, ended=ended)


def _crashed(operation: Operation, cause: str) -> End:
    left = "; what it began may still take effect" if operation.acted else "; nothing was changed"
    return End(Outcome.FAILED, unseen(operation, f"every attempt crashed: {cause}{left}"), code="Crashed")


def _word(error: Unavailable | Refused) -> str:
    if isinstance(error, Unanswered):
        return "unanswered"
    return "unavailable" if isinstance(error, Unavailable) else "refused"


def _log(operation: Operation, step: Step, outcome: str, seconds: float, error: FlinkFuncsError | None = None) -> None:
    log.log(
        logging.WARNING if error else logging.INFO,
        "job=%s operation=%s step=%s outcome=%s seconds=%.3f%s",
        operation.job,
        operation.id,
        type(step).__name__,
        outcome,
        seconds,
        f" {error}" if error else "",
    )
