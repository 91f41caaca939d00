"""Whether a step may be taken while Flink runs a job of this name that is not ours, but another ledger's or a person's.

    step                                              where there is such a job
    ------------------------------------------------  ---------------------------------------------------------------
    Start, and the operation has touched nothing      Refuse
    Stop or Cancel, with which an update begins       Refuse: the job is untouched
    Cancel, since an update's stop has failed         Fail: the job continues
    Start after the operation's stop                  Fail, naming the savepoint of the stop; the job is STOPPED
    Start after the operation's cancel                Fail; the job is as it ended
    Start of the old release, as a rollback           Fail, naming the savepoint to go back to
    the same Start again                              Fail; if no call can have left, the copy never started
    anything else                                     allowed

A Flink job is recognised by its name, which its main() may set: what runs under another name is not seen, except for a
first upload, whose name the release check has found out. Ours are the current copy and the one to be started, by their
ids. The last look before a start is for this, so what somebody starts in the milliseconds between the two is not seen
either.

The rule that must never break: no start of ours, by any action, beside a job of that name that is not ours.
"""

from __future__ import annotations

from dataclasses import replace

from ..jobs import Ended, JobRecord
from ..operations import Operation, Outcome
from ..steps import Cancel, End, Start, Step, Stop
from ..undone import with_past
from .ends import ENDS, refuse, was_refused
from .facts import Seen, TriggerFailed

CODE = "JobRunsAlready"
ADOPT = "`adopt` takes one over"
WAYS_ON = "cancel the one that is not wanted, or DELETE this job and take the other one over (NEW with `adopt`)"


def matter(operation: Operation, step: Step) -> bool:
    """Whether a step is taken only while no other job of this name runs."""
    match step:
        case Start():
            return True
        case Stop():
            return operation.action.takes_release and not operation.acted
        case Cancel(undo=undo):
            begun = operation.cancel is not None and operation.cancel.unanswered > 0
            return operation.action.takes_release and undo is None and not begun
        case _:
            return False


def alone(operation: Operation, record: JobRecord, seen: Seen, step: Step) -> Step:
    """Return the step, or how the operation ends where another job of this name runs."""
    if not seen.namesakes or not matter(operation, step):
        return step
    way_on = ADOPT if record.current is None else WAYS_ON
    what = f"Flink runs a job of this name that is not ours: {', '.join(seen.namesakes)}; {way_on}"
    if isinstance(step, Start):
        return _instead_of(step, operation, record, seen, what)
    if operation.acted:
        failed = isinstance(seen.trigger, TriggerFailed)
        return End(Outcome.FAILED, f"the job was not stopped, and continues; {what}", code=CODE, unstopped=failed)
    return refuse(f"{what}; the job is untouched", CODE)


def _instead_of(step: Start, operation: Operation, record: JobRecord, seen: Seen, what: str) -> End:
    ended = _ended(step, operation, record, seen)
    if not operation.acted:
        return replace(refuse(what, CODE), ended=ended if operation.start else None)
    state = f"; it was to be started from {step.savepoint}" if step.savepoint else ""
    saved = step.stop_savepoint or operation.savepoint
    message = with_past(operation, f"nothing was started beside it: {what}{state}", step.undo, step.again)
    return End(Outcome.FAILED, message, code=CODE, savepoint=saved, ended=ended)


def _ended(step: Start, operation: Operation, record: JobRecord, seen: Seen) -> Ended | None:
    """Return how the current copy ended, where that is known and not on record yet."""
    if step.stop_savepoint:
        return "STOPPED"
    mark = operation.rollback or operation.start  # of the current copy, if it is one that this operation started
    did_not_leave = mark is not None and mark.unanswered == 0 and mark.refused is None
    if mark is not None and (did_not_leave or was_refused(record, mark, seen)):
        return "NEVER_STARTED"
    return ENDS.get(seen.copy.state) if seen.copy else None
