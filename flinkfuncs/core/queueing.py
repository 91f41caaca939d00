"""The order in which a job's operations are driven, and which of them are never driven.

The order of the open list is the order of driving. An operation has *begun* once a driver has taken it up; what has
begun keeps its place, and waits for nothing else.

    a new operation     by          its place on the open list
    ------------------  ----------  --------------------------------------------------------------------------
    upload              upload      last; every older upload that has not begun ends as SUPERSEDED, unread
                                    an upload older than one that waits ends as SUPERSEDED itself
    … that repeats one  upload      last; any other upload that waits ends it as SUPERSEDED, an older one as well
    … while paused      upload      not on the list: it is held, and the newest held one is put there on resume
    … outside its       upload      not on the list: it is held, as below; what waits on the list already stays
      updateWindow                  there
    STOP, CANCEL        http, arm   ahead of every update that has not begun: these are overtaken
    … with nothing yet  http, arm   last: the first start that waits is what there is to stop
    anything else       any         last

    an update that was overtaken    when its turn comes
    ------------------------------  ----------------------------------------------------------------------
    UPDATE, STATELESS_UPDATE,       the job runs (the STOP was refused): carried out as usual
    LAST_STATE_UPDATE               nothing runs: its release becomes the one that the next START runs

    an upload that is held        uploads are     what becomes of it
    ----------------------------  --------------  -----------------------------------------------------------------
    by hand                       paused          held, whatever its window says
    by hand, or for its window    resumed         put on the list at once, whatever its window says; also where
                                                  uploads were not paused
    for its window                paused          held by hand from now on: only resuming ends that
    … which opens, or is removed  not paused      put on the list
    … which is changed, or was    not paused      held until it opens next
    missed
    … and the job was deleted     not paused      SUPERSEDED: it was uploaded before the DELETE
    … and a newer upload came     either          SUPERSEDED, whether the newer one is held or not

The window of an upload is that of its job.json or, where that has none, that of the release that the job should run.
Only an upload waits for it, and only where there is something to update: a wanted release, or a copy that may run.
Whether the window is open is checked when the upload is recorded, and by the sweeper from the time that the last check
found.

The age of an upload is its Last-Modified, which has whole seconds. Of two with the same one, the one that was recorded
later counts as newer; but two of the same blob both wait: at most one of them can still be read, and which one is found
out when its jar is kept, without touching the job. An upload *repeats* another one if it brings the bytes that were
handled under its name before (`handled`): it may be a touched blob, so no new bytes are lost because of it.

The rule that must never break: whatever leaves the list ends on record, and nothing overtakes what has begun.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .actions import Action
from .handled import CODE
from .jobs import JobRecord
from .operations import Operation, Outcome, Result
from .windows import Window, opens_at

ENDING = (Action.STOP, Action.CANCEL)
UPDATES = (Action.UPDATE, Action.STATELESS_UPDATE, Action.LAST_STATE_UPDATE)
STARTING = (*UPDATES, Action.NEW, Action.START, Action.RE_LAUNCH)


@dataclass(frozen=True)
class Queued:
    """A record with something new on it, and the operations that ended thereby."""

    record: JobRecord
    ended: tuple[Operation, ...] = ()


def queued(record: JobRecord, operation: Operation, now: datetime) -> Queued:
    """Put a new operation where it belongs."""
    if last_modified(operation) is not None:
        return _with_upload(record, _at_its_time(record, operation, now), now)
    record = record.but(deleted=False)
    if operation.action in ENDING and operation.cause.kind in ("http", "arm") and _has_something_to_end(record):
        return _ahead_of_updates(record, operation)
    return Queued(record.but(open=(*record.open, operation)))


def taken_up(record: JobRecord, now: datetime) -> JobRecord:
    """Record that a driver takes up the first operation of the list; nothing overtakes it from now on."""
    if not record.open:
        return record
    first = record.open[0]
    return record.with_operation(first.model_copy(update={"driven_at": first.driven_at or now}))


def paused(record: JobRecord, now: datetime, reason: str | None = None) -> Queued:
    """Hold uploads from now on, and those that wait already; what has begun is carried on.

    Without a reason the one that was given before stays.
    """
    waiting = tuple(operation for operation in record.open if _waits(operation) and last_modified(operation))
    others = tuple(operation for operation in record.open if operation not in waiting)
    held = tuple(operation.model_copy(update={"held_until": None}) for operation in record.held)
    record = record.but(open=others, held=held, uploads_paused=True, paused_reason=reason or record.paused_reason)
    return _all_queued(record, waiting, now)


def resumed(record: JobRecord, now: datetime) -> Queued:
    """Take the newest upload that was held, by hand or for its window."""
    through = tuple(_let_through(operation, now) for operation in record.held)
    return _all_queued(record.but(held=(), uploads_paused=False, paused_reason=None), through, now)


def windows_opened(record: JobRecord, now: datetime) -> Queued:
    """Take the uploads whose window is open; the record itself comes back where nothing changes.

    Raises:
        Refused: this machine does not know the time zone of a window.

    """
    if record.uploads_paused or not record.held:
        return Queued(record)
    if record.deleted:
        message = "the job was deleted while the upload was held"
        return Queued(record.but(held=()), tuple(_superseded(operation, message, now) for operation in record.held))
    looked_at = tuple(_at_its_time(record, operation, now) for operation in record.held)
    if looked_at == record.held:
        return Queued(record)
    held = tuple(operation for operation in looked_at if operation.held_until)
    through = tuple(_let_through(operation, now) for operation in looked_at if not operation.held_until)
    return _all_queued(record.but(held=held), through, now)


def looked_at_again(record: JobRecord, now: datetime) -> JobRecord:
    """Have the sweeper look at what is held for a window: there is another one, or none any more."""
    held = (one.model_copy(update={"held_until": now}) if one.held_until else one for one in record.held)
    return record.but(held=tuple(held))


def window_of(record: JobRecord, operation: Operation) -> Window | None:
    """Return the window of an upload: its job.json's, else that of the release that the job should run."""
    if operation.request.replaces_spec:
        return operation.request.spec.update_window
    return record.wanted.spec.update_window if record.wanted else None


def last_modified(operation: Operation) -> datetime | None:
    """Return how old an upload is; None for what is no upload."""
    jar = operation.request.jar
    return jar.last_modified if jar and operation.cause.kind == "upload" else None


def _at_its_time(record: JobRecord, operation: Operation, now: datetime) -> Operation:
    """Return an upload with the time until which it is held for its window."""
    updates = not record.deleted and (record.wanted or record.running)
    until = opens_at(window_of(record, operation), now) if updates and not record.uploads_paused else None
    return operation.model_copy(update={"held_until": until})


def _let_through(operation: Operation, now: datetime) -> Operation:
    return operation.model_copy(update={"held_until": None, "resumed_at": now})


def _all_queued(record: JobRecord, uploads: tuple[Operation, ...], now: datetime) -> Queued:
    ended: tuple[Operation, ...] = ()
    for upload in uploads:
        done = _with_upload(record, upload, now)
        record, ended = done.record, (*ended, *done.ended)
    return Queued(record, ended)


def _waits(operation: Operation) -> bool:
    return operation.driven_at is None


def _with_upload(record: JobRecord, operation: Operation, now: datetime) -> Queued:
    """Let the newest upload win, on the open list or among those that are held.

    One that is held for its window ends none that waits on the list: that one came in time.
    """
    held = record.uploads_paused or operation.held_until is not None
    rivals = [other for other in (*record.held, *record.open) if _waits(other) and last_modified(other)]
    new = [other for other in rivals if not other.repeats]
    if operation.repeats and new:
        message = f"operation {operation.repeats} handled the same bytes before, and another upload is waiting: "
        return Queued(record, (ended_as(operation, Outcome.SUPERSEDED, message + new[-1].id, now, CODE),))
    if newer := [other for other in new if _is_older(operation, other)]:
        return Queued(record, (_superseded(operation, f"a newer upload is waiting: {newer[-1].id}", now),))
    beaten = [other for other in rivals if other.repeats or _is_older(other, operation) or _ties(other, operation)]
    older = [other for other in beaten if other in record.held or not held]
    newest = max(filter(None, (record.uploaded_at, _known_until(operation))), default=None)
    waiting, stays = (tuple(o for o in some if o not in older) for some in (record.open, record.held))
    changes: dict[str, object] = {"open": waiting, "held": stays, "uploaded_at": newest}
    changes |= {"held": (*stays, operation)} if held else {"open": (*waiting, operation), "deleted": False}
    message = f"{'another' if operation.repeats else 'a newer'} upload came: {operation.id}"
    return Queued(record.but(**changes), tuple(_superseded(other, message, now) for other in older))


def _known_until(operation: Operation) -> datetime | None:
    """Return how far uploads are known with this one; one that repeats hides no older one whose event was lost."""
    return None if operation.repeats else last_modified(operation)


def _is_older(one: Operation, other: Operation) -> bool:
    first, second = last_modified(one), last_modified(other)
    return first is not None and second is not None and first < second


def _ties(one: Operation, other: Operation) -> bool:
    """Whether two different blobs are equally old; of the same blob, keeping it tells."""
    first, second = one.request.jar, other.request.jar
    same_age = last_modified(one) == last_modified(other)
    return same_age and first is not None and second is not None and first.name != second.name


def _has_something_to_end(record: JobRecord) -> bool:
    """Whether there is, or will be, something else to stop than what the waiting updates would start."""
    if any(operation.action is Action.DELETE for operation in record.open):
        return False
    begins = any(not _waits(operation) and operation.action in STARTING for operation in record.open)
    return begins or record.current is not None or record.row is not None


def _ahead_of_updates(record: JobRecord, operation: Operation) -> Queued:
    """Let the waiting updates stand behind; what else waits keeps its place, and those behind a start theirs."""
    fixed = [place for place, other in enumerate(record.open) if not _waits(other) or _launches(other)]
    first = fixed[-1] + 1 if fixed else 0
    head, tail = record.open[:first], record.open[first:]
    passed = [other for other in tail if other.action in UPDATES]
    others = tuple(other for other in tail if other not in passed)
    behind = tuple(other.model_copy(update={"overtaken_by": operation.id}) for other in passed)
    return Queued(record.but(open=(*head, *others, operation, *behind)))


def _launches(operation: Operation) -> bool:
    return operation.action in STARTING and operation.action not in UPDATES


def _superseded(operation: Operation, message: str, now: datetime) -> Operation:
    return ended_as(operation, Outcome.SUPERSEDED, message, now)


def ended_as(operation: Operation, outcome: Outcome, message: str, now: datetime, code: str | None = None) -> Operation:
    """Return an operation that ended without a driver."""
    result = Result(outcome=outcome, message=message, code=code, ended_at=now)
    return operation.model_copy(update={"result": result})
