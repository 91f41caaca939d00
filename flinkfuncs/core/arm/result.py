"""What came of an action that was sent. The API has no idempotency key, so only a row that is surely ours counts.

A row is *ours* if its action is ours, and it carries our marker; where the service returned no marker, or the action
takes none: if it was seen IN_PROGRESS after the call, or differs from every row that was there before.

    long-running op.  row                                  step
    ----------------  -----------------------------------  ----------------------------------------------------------
    FAILED            any                                  End(FAILED) with its error
    RUNNING           any                                  Wait
    SUCCEEDED,        none at all, and we sent DELETE      End(SUCCEEDED): the name is free
    UNKNOWN           ours, the launch or stop failed      End(FAILED) with its jobOutput, whatever actionResult says
                      ours, actionResult FAILED            End(FAILED) with its jobOutput
                      ours, actionResult SUCCESS           End(SUCCEEDED)
                      ours, IN_PROGRESS, none, others      Wait
                      unchanged, foreign, none             Wait
    at the deadline   instead of each Wait                 End(UNKNOWN): never SUCCESS

The rule that must never break: what may have left us is never sent again.
"""

from __future__ import annotations

import re

from ..actions import Action
from ..errors import shortened
from ..jobs import JobRecord
from ..naming import Standing, named
from ..operations import ArmProgress, Mark, Operation, Outcome, SavepointListing
from ..steps import End, Step, Wait
from .row import Row, leading
from .seen import ArmLimits, ArmSeen, OperationState, kept_row

LAUNCHING = (
    Action.NEW,
    Action.START,
    Action.UPDATE,
    Action.STATELESS_UPDATE,
    Action.LAST_STATE_UPDATE,
    Action.RE_LAUNCH,
)
SAVING = (Action.STOP, Action.SAVEPOINT, Action.UPDATE)
OUTPUT_LIMIT = 1024  # characters of jobOutput that a message keeps

# From the start of a word only: tried at each of its characters, a word of 200 kB would take hours.
_PATH = re.compile(r"(?<!\S)\S*/savepoint-[0-9A-Za-z-]+")


def result(operation: Operation, record: JobRecord, mark: Mark, seen: ArmSeen, limits: ArmLimits) -> Step:
    """Name the end that the service tells, or wait for it."""
    action = sent_action(operation)
    ours = _ours(operation, action, seen)
    if seen.polled.state is OperationState.FAILED:
        return _failed(action, seen.polled.error, ours)
    if seen.polled.state is not OperationState.RUNNING:
        if action is Action.DELETE and not seen.rows:
            return End(Outcome.SUCCEEDED, "deleted; savepoints and releases are kept, the name is free", forget=True)
        if ours and (end := _told(operation, record, action, ours)):
            return end
    return _wait(action, ours, mark, seen, limits)


def sent_action(operation: Operation) -> Action:
    """Return the action that was sent: an upload of a job that the service did not know was sent as NEW."""
    return (operation.arm and operation.arm.action) or operation.action


def _ours(operation: Operation, action: Action, seen: ArmSeen) -> Row | None:
    progress = operation.arm or ArmProgress()
    same = [row for row in seen.rows if row.action is None or row.action.upper() == action]
    marked = [row for row in same if row.marker == operation.id]
    if marked:
        return leading(marked)
    before = (progress.row_before or "").split(",")
    news = [
        row
        for row in same
        if row.action is not None
        and not (action.takes_release and row.marker)  # it answers somebody else's call of the same action
        and (row.in_progress or progress.seen_in_progress or row.digest not in before)
    ]
    return leading(news)


def _told(operation: Operation, record: JobRecord, action: Action, row: Row) -> End | None:
    if row.in_progress:
        return None
    launch_failed = action in LAUNCHING and row.word == "JOB_LAUNCH_FAILED"
    stop_failed = action is Action.STOP and row.word == "STOP_FAILED"
    if launch_failed or stop_failed or row.action_result == "FAILED":
        return _failed(action, row.job_output or row.status or "the service names no cause", row)
    return _succeeded(operation, record, action, row) if row.action_result == "SUCCESS" else None


def _failed(action: Action, cause: str, row: Row | None) -> End:
    message = f"{action} failed: {shortened(cause, OUTPUT_LIMIT)}"
    return End(Outcome.FAILED, message, code="JobActionFailed", row=kept_row(row))


def _succeeded(operation: Operation, record: JobRecord, action: Action, row: Row) -> End:
    started = (operation.release or record.wanted) if action in LAUNCHING else None
    listing = action is Action.LIST_SAVEPOINT
    return End(
        Outcome.SUCCEEDED,
        _listed_message(row) if listing else f"the service carried {action} out; the job is {row.status}",
        row=kept_row(row),
        savepoint=row.savepoint if action in SAVING else None,
        restored_from=named(operation, record, Standing.RUNS) if action in LAUNCHING else None,
        wanted=started,
        launched=started,
        forget=action is Action.DELETE,
        savepoints=savepoints_in(row.job_output or "") if listing else None,
    )


def savepoints_in(output: str) -> tuple[SavepointListing, ...]:
    """Find the savepoints that LIST_SAVEPOINT prints; the format was never documented, but Flink names them so."""
    paths = dict.fromkeys(_PATH.findall(output))
    return tuple(SavepointListing(path=path) for path in paths)


def _listed_message(row: Row) -> str:
    return f"the service lists: {shortened(row.job_output or 'nothing', OUTPUT_LIMIT)}"


def _wait(action: Action, ours: Row | None, mark: Mark, seen: ArmSeen, limits: ArmLimits) -> Step:
    age = (seen.now - mark.sent_at).total_seconds()
    listing = action is Action.LIST_SAVEPOINT and not (ours and ours.in_progress)
    if age > (limits.listing_seconds if listing else limits.deadline_seconds):
        return _unknown(action, ours, seen)
    return Wait(
        max(limits.poll_seconds, seen.polled.retry_after_seconds or 0.0),
        f"{action} is {ours.action_result or 'accepted' if ours else 'not in the list yet'}",
        in_progress=ours is not None and ours.in_progress,
        accepted=seen.polled.state is OperationState.SUCCEEDED,
    )


def _unknown(action: Action, ours: Row | None, seen: ArmSeen) -> End:
    row = ours or leading(seen.rows)
    shown = f"its row says {row.action} {row.action_result or ''} ({row.status})" if row else "it has no row"
    message = f"{action} was sent, and nobody can tell what came of it: {shown}; nothing is sent again by itself"
    return End(Outcome.UNKNOWN, message, code="NoResult", row=kept_row(row))
