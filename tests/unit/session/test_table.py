"""Whether an operation may begin, and with what: every row of `core/session/table.py`."""

from __future__ import annotations

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Operation, Outcome
from flinkfuncs.core.releases import Release, Spec, SpecPatch
from flinkfuncs.core.session.facts import CopySeen, CopyState, Left, Seen
from flinkfuncs.core.session.table import next_step
from flinkfuncs.core.steps import End, Stop
from flinkfuncs.core.windows import DailyWindow, NoWindow, Window
from tests.unit.builders import (
    LIMITS,
    NEW,
    OLD,
    CauseKind,
    ago,
    asked,
    copy_of,
    job,
    look,
    release,
    said,
    savepoint,
    sent,
    with_marks,
)

BATCH = CopySeen(CopyState.RUNNING, batch=True)
NO_STATE = Left("none", survives=False, batch=True)
LAST = savepoint("file:///sp/last")
STOPPED, CANCELED, FINISHED = copy_of(ended="STOPPED"), copy_of(ended="CANCELED"), copy_of(ended="FINISHED")
CUT_OFF = CANCELED.model_copy(update={"ended_by": Action.LAST_STATE_UPDATE})
STOPPED_BY_UPDATE = STOPPED.model_copy(update={"ended_by": Action.UPDATE})
RUNS, IN_FLIGHT = copy_of(), copy_of(seen=False, savepoint="file:///sp/last", operation="another")
NEVER = copy_of(ended="NEVER_STARTED", savepoint="file:///sp/last")
CHECKPOINT = Left("file:/cp/chk-7")
SLOTS_HELD = CopySeen(CopyState.ABSENT, slots_held=True)


def never() -> JobRecord:
    """Return a job that was stopped and whose next start was refused."""
    return job(NEVER, savepoints=(LAST,)).but(previous=STOPPED)


def told(operation: Operation, record: JobRecord, seen: Seen) -> str:
    """Return the next step as one line."""
    return said(next_step(operation, record, seen, LIMITS), operation, record)


def long_ended(operation: Operation) -> Operation:
    """Return the operation after Flink's caches have caught up with the end of the copy."""
    return with_marks(operation, ended_at=ago(10))


def long_vanished(operation: Operation) -> Operation:
    """Return the operation after it saw the copy as vanished for as long as it takes."""
    return with_marks(operation, vanished_at=ago(80))


# ---------------------------------------------------------------------------------------------------------------- NEW


@pytest.mark.parametrize(
    ("record", "seen", "operation", "step"),
    [
        # not NONE: it exists
        (job(RUNS), look(CopyState.RUNNING), asked(Action.NEW), "REFUSED JobExists"),
        (job(RUNS), look(CopyState.ABSENT), asked(Action.NEW), "REFUSED JobExists"),
        (job(IN_FLIGHT), look(CopyState.ABSENT), asked(Action.NEW), "REFUSED JobExists"),
        (job(STOPPED), look(), asked(Action.NEW), "REFUSED JobExists"),
        # NONE, but Flink runs a job of that name
        (job(), look(namesakes=("f" * 32,)), asked(Action.NEW), "REFUSED JobRunsAlready"),
        # NONE, the past is not known
        (job(unknown_past=True), look(), asked(Action.NEW, brings=NEW), "REFUSED UnknownPast"),
        (job(unknown_past=True), look(), asked(Action.NEW, brings=NEW, named="file:/sp/1"), "Start new as own from file:///sp/1"),
        # NONE: keep, upload, start
        (job(), look(), asked(Action.NEW), "Keep"),
        (job(), look(jar=False), asked(Action.NEW, brings=NEW), "UploadJar new"),
        (job(), look(), asked(Action.NEW, brings=NEW), "Start new as own from nothing"),
        (job(), look(), asked(Action.NEW, brings=NEW, named="file:/sp/1"), "Start new as own from file:///sp/1"),
        (job(), look(), asked(Action.NEW, brings=NEW, named="file:/etc/1"), "REFUSED OutsideRoot"),
    ],
)  # fmt: skip
def test_new_starts_the_first_copy_and_never_a_second_one(
    record: JobRecord, seen: Seen, operation: Operation, step: str
) -> None:
    """A job that runs, may run, or ran before in a way that nobody knows, is never started by NEW alone."""
    assert told(operation, record, seen) == step


# -------------------------------------------------------------------------------------------------------------- START


@pytest.mark.parametrize(
    ("record", "seen", "operation", "step"),
    [
        # terminal: from the newest valid state, or the named one
        (job(STOPPED, savepoints=(LAST,)), look(), asked(Action.START), "Start old as own from file:///sp/last"),
        (job(STOPPED, savepoints=(LAST,)), look(jar=False), asked(Action.START), "UploadJar old"),
        (never(), look(), asked(Action.START), "Start old as own from file:///sp/last"),
        (job(FINISHED, savepoints=(LAST,)), look(), long_ended(asked(Action.START)), "REFUSED NoValidState"),
        (job(CANCELED, savepoints=(LAST,)), look(), asked(Action.START), "Wait ended here"),
        (job(CANCELED, savepoints=(LAST,)), look(), long_ended(asked(Action.START)), "REFUSED NoValidState"),
        (job(CANCELED, savepoints=(LAST,)), look(left=CHECKPOINT), long_ended(asked(Action.START)), "Start old as own from file:/cp/chk-7"),
        (job(STOPPED, savepoints=(LAST,)), look(), asked(Action.RE_LAUNCH), "REFUSED JobNotBroken"),
        (job(CANCELED), look(left=CHECKPOINT), long_ended(asked(Action.RE_LAUNCH)), "Start old as own from file:/cp/chk-7"),
        (job(CANCELED, savepoints=(LAST,)), look(), asked(Action.START, named="last"), "Start old as own from file:///sp/last"),
        (job(RUNS, savepoints=(LAST,)), look(CopyState.FAILED), asked(Action.START), "Wait ended here"),
        (job(RUNS, savepoints=(LAST,)), look(CopyState.FAILED), long_ended(asked(Action.START)), "REFUSED NoValidState"),
        (job(RUNS, savepoints=(LAST,)), look(CopyState.FAILED), asked(Action.START, named="last"), "Start old as own from file:///sp/last"),
        # MAY_APPEAR: the same start again, under the same id, when the first one cannot run unseen
        (job(IN_FLIGHT, savepoints=(LAST,)), look(CopyState.ABSENT), asked(Action.START), "Wait vanished"),
        (job(IN_FLIGHT, savepoints=(LAST,)), look(CopyState.ABSENT), long_vanished(asked(Action.START)), "Start old as old from file:///sp/last"),
        (job(IN_FLIGHT, savepoints=(LAST,)), look(CopyState.ABSENT, jar=False), long_vanished(asked(Action.START)), "UploadJar old"),
        (job(IN_FLIGHT, savepoints=(LAST,)), look(SLOTS_HELD), long_vanished(asked(Action.START)), "Wait vanished"),
        (job(copy_of(NEW, seen=False)), look(CopyState.ABSENT), long_vanished(asked(Action.START)), "Start new as old from nothing"),
        (job(IN_FLIGHT, savepoints=(LAST,)), look(CopyState.ABSENT), asked(Action.START, named="file:/sp/other"), "REFUSED StartInFlight"),
        # VANISHED: only when it must be gone
        (job(RUNS, savepoints=(LAST,)), look(CopyState.ABSENT), asked(Action.START), "Wait vanished"),
        (job(RUNS, savepoints=(LAST,)), look(CopyState.ABSENT), long_vanished(asked(Action.START)), "REFUSED NoValidState"),
        (job(RUNS), look(CopyState.ABSENT, left=CHECKPOINT), asked(Action.START), "Wait vanished"),
        (job(RUNS), look(CopyState.ABSENT, left=CHECKPOINT), long_vanished(asked(Action.START)), "Start old as own from file:/cp/chk-7"),
        (job(RUNS, savepoints=(LAST,)), look(CopyState.ABSENT), asked(Action.START, named="last"), "Wait vanished"),
        (job(RUNS, savepoints=(LAST,)), look(CopyState.ABSENT), with_marks(asked(Action.START, named="last"), vanished_at=ago(79)), "Wait vanished"),
        (job(RUNS, savepoints=(LAST,)), look(SLOTS_HELD), long_vanished(asked(Action.START, named="last")), "Wait vanished"),
        (job(RUNS, savepoints=(LAST,)), look(CopyState.ABSENT), long_vanished(asked(Action.START, named="last")), "Start old as own from file:///sp/last"),
        # NONE
        (job(), look(), asked(Action.START), "REFUSED NothingToStart"),
        (job(STOPPED, savepoints=(LAST,), wanted=None), look(), asked(Action.START), "REFUSED NothingToStart"),
        # it runs
        *[(job(RUNS), look(state), asked(Action.START), "REFUSED JobRuns") for state in
          (CopyState.STARTING, CopyState.RUNNING, CopyState.RESTARTING, CopyState.CANCELLING)],
    ],
)  # fmt: skip
def test_start_runs_the_wanted_release_from_its_newest_state(
    record: JobRecord, seen: Seen, operation: Operation, step: str
) -> None:
    """Never beside a copy that runs or may run, and never from an older state than the newest."""
    assert told(operation, record, seen) == step


# ------------------------------------------------------------------------------------------- UPDATE, STATELESS_UPDATE

UPDATE, STATELESS = Action.UPDATE, Action.STATELESS_UPDATE


@pytest.mark.parametrize("action", [UPDATE, STATELESS])
@pytest.mark.parametrize(
    ("record", "seen", "by", "brings", "step"),
    [
        # NONE
        (job(), look(), "upload", None, "Keep"),
        (job(), look(), "upload", NEW, "Start new as own from nothing"),
        (job(), look(namesakes=("f" * 32,)), "upload", NEW, "REFUSED JobRunsAlready"),
        (job(unknown_past=True), look(), "upload", NEW, "REFUSED UnknownPast"),
        (job(), look(), "http", NEW, "REFUSED NothingToUpdate"),
        # RUNNING: keep, upload, stop
        (job(RUNS), look(CopyState.RUNNING), "http", None, "Keep"),
        (job(RUNS), look(CopyState.RUNNING, jar=False), "http", NEW, "UploadJar new"),
        (job(RUNS), look(CopyState.RUNNING), "http", NEW, "Stop old"),
        (job(RUNS), look(CopyState.RUNNING), "upload", NEW, "Stop old"),
        (job(RUNS), look(CopyState.RUNNING), "upload", OLD, "SUCCEEDED wants old"),
        (job(RUNS), look(CopyState.RUNNING), "http", OLD, "Stop old"),
        (job(copy_of(NEW)), look(CopyState.RUNNING), "upload", OLD, "Stop old"),
        # STARTING, CANCELLING: wait
        (job(RUNS), look(CopyState.STARTING), "upload", NEW, "Wait"),
        (job(RUNS), look(CopyState.CANCELLING), "http", NEW, "Wait"),
        # RESTARTING: its jar is checked first; what follows is in test_last_state.py
        (job(RUNS), look(CopyState.RESTARTING), "upload", None, "Keep"),
        # STOPPED, FINISHED by an upload: it is what the next START runs
        (job(STOPPED), look(), "upload", None, "Keep"),
        (job(STOPPED), look(), "upload", NEW, "SUCCEEDED wants new"),
        (job(FINISHED), look(), "upload", NEW, "SUCCEEDED wants new"),
        (job(RUNS), look(CopyState.FINISHED), "upload", NEW, "SUCCEEDED wants new"),
    ],
)  # fmt: skip
def test_an_update_begins_only_where_its_state_is_sure(  # noqa: PLR0917 - one column of the table each
    action: Action, record: JobRecord, seen: Seen, by: CauseKind, brings: Release | None, step: str
) -> None:
    """The old copy is not touched before the new jar is checked and lies on the cluster."""
    assert told(asked(action, by=by, brings=brings), record, seen) == step


@pytest.mark.parametrize(
    ("record", "seen", "operation", "step"),
    [
        # UPDATE of what does not run: from the newest valid state
        (job(STOPPED, savepoints=(LAST,)), look(), asked(UPDATE, brings=NEW), "Start new as own from file:///sp/last"),
        (job(STOPPED, savepoints=(LAST,)), look(), asked(UPDATE), "Keep"),
        (job(STOPPED, savepoints=(LAST,)), look(jar=False), asked(UPDATE, brings=NEW), "UploadJar new"),
        (never(), look(), asked(UPDATE, by="upload", brings=NEW), "Start new as own from file:///sp/last"),
        (job(CANCELED, savepoints=(LAST,)), look(), long_ended(asked(UPDATE, brings=NEW)), "REFUSED NoValidState"),
        (job(CANCELED), look(left=CHECKPOINT), long_ended(asked(UPDATE, brings=NEW)), "Start new as own from file:/cp/chk-7"),
        # by an upload only where it was an update that ended it, and did not come to its start
        (job(CANCELED), look(left=CHECKPOINT), long_ended(asked(UPDATE, by="upload", brings=NEW)), "SUCCEEDED wants new"),
        (job(CUT_OFF), look(left=CHECKPOINT), long_ended(asked(UPDATE, by="upload", brings=NEW)), "Start new as own from file:/cp/chk-7"),
        (job(STOPPED_BY_UPDATE, savepoints=(LAST,)), look(), asked(UPDATE, by="upload", brings=NEW), "Start new as own from file:///sp/last"),
        (job(RUNS, savepoints=(LAST,)), look(CopyState.FAILED), long_ended(asked(UPDATE, by="upload", brings=NEW)), "REFUSED NoValidState"),
        (job(RUNS, savepoints=(LAST,)), look(CopyState.FAILED), asked(UPDATE, brings=NEW, named="last"), "Start new as own from file:///sp/last"),
        (job(RUNS, savepoints=(LAST,)), look(CopyState.ABSENT), asked(UPDATE, brings=NEW, named="last"), "Wait vanished"),
        (job(RUNS, savepoints=(LAST,)), look(CopyState.ABSENT), long_vanished(asked(UPDATE, brings=NEW, named="last")), "Start new as own from file:///sp/last"),
        # … STATELESS_UPDATE: fresh, as asked
        (job(STOPPED, savepoints=(LAST,)), look(), asked(STATELESS, brings=NEW), "Start new as own from nothing"),
        (job(CANCELED), look(), asked(STATELESS, by="upload", brings=NEW), "SUCCEEDED wants new"),
        (job(CUT_OFF), look(), asked(STATELESS, by="upload", brings=NEW), "Start new as own from nothing"),
        (job(RUNS), look(CopyState.ABSENT), asked(STATELESS, brings=NEW), "Wait vanished"),
        (job(RUNS), look(CopyState.ABSENT), long_vanished(asked(STATELESS, brings=NEW)), "Start new as own from nothing"),
        # a start in flight: nothing but the same one
        (job(IN_FLIGHT, savepoints=(LAST,)), look(CopyState.ABSENT), asked(UPDATE, brings=NEW), "REFUSED StartInFlight"),
        (job(IN_FLIGHT, savepoints=(LAST,)), look(CopyState.ABSENT), asked(UPDATE, brings=NEW, named="last"), "REFUSED StartInFlight"),
        (job(IN_FLIGHT, savepoints=(LAST,)), look(CopyState.ABSENT), asked(STATELESS, brings=NEW), "REFUSED StartInFlight"),
        (job(IN_FLIGHT, savepoints=(LAST,)), look(CopyState.ABSENT), long_vanished(asked(UPDATE, brings=OLD, named="last")), "Start old as old from file:///sp/last"),
        # a copy that does not settle
        (job(RUNS), look(CopyState.STARTING), asked(UPDATE, brings=NEW, requested_seconds_ago=301), "REFUSED JobUnsettled"),
        (job(RUNS), look(CopyState.STARTING), with_marks(asked(UPDATE, brings=NEW, requested_seconds_ago=999), driven_at=ago(1)), "Wait"),
    ],
)  # fmt: skip
def test_an_update_of_what_does_not_run_starts_from_a_state_or_fresh_as_asked(
    record: JobRecord, seen: Seen, operation: Operation, step: str
) -> None:
    """UPDATE never starts without state, and neither starts anything beside a start in flight."""
    assert told(operation, record, seen) == step


@pytest.mark.parametrize(
    ("brings", "record", "seen", "step"),
    [
        (OLD, job(RUNS), look(CopyState.RUNNING), "SUCCEEDED wants old"),
        (OLD, job(RUNS), look(CopyState.RESTARTING), "SUCCEEDED wants old"),
        (OLD, job(RUNS), look(CopyState.FAILED, left=CHECKPOINT), "Start old as own from file:/cp/chk-7"),
        (OLD, job(STOPPED), look(), "SUCCEEDED wants old"),
        (NEW, job(RUNS), look(CopyState.RUNNING), "SUPERSEDED HandledBefore"),
        (NEW, job(RUNS), look(CopyState.RESTARTING), "SUPERSEDED HandledBefore"),
        (NEW, job(RUNS), look(CopyState.FAILED, left=CHECKPOINT), "SUPERSEDED HandledBefore"),
        (NEW, job(STOPPED), look(), "SUPERSEDED HandledBefore"),
    ],
)
def test_bytes_that_were_handled_before_only_bring_a_job_back_that_is_down(
    brings: Release, record: JobRecord, seen: Seen, step: str
) -> None:
    """Its blob may only have been touched."""
    repeated = with_marks(asked(UPDATE, by="upload", brings=brings), repeats="an earlier one")
    assert told(long_ended(repeated), record, seen) == step


# ---------------------------------------------------------------------------------------------------------- objections

EARLIER, LATER = ago(60), ago(10)


@pytest.mark.parametrize(
    ("operation", "record", "step"),
    [
        (asked(UPDATE, by="upload", uploaded_at=EARLIER), job(RUNS, asked(UPDATE, by="upload", uploaded_at=LATER, identity="newer")), "SUPERSEDED"),
        (asked(UPDATE, by="upload", uploaded_at=LATER), job(RUNS, asked(UPDATE, by="upload", uploaded_at=EARLIER, identity="older")), "Keep"),
        (asked(UPDATE, by="upload", uploaded_at=LATER), job(RUNS, asked(UPDATE, by="upload", uploaded_at=LATER, identity="same")), "Keep"),
        (asked(UPDATE, by="http"), job(RUNS, asked(UPDATE, by="upload", uploaded_at=LATER, identity="newer")), "Keep"),
        # … but not while it waits for a copy that vanished, which the next one would wait for anew
        (with_marks(asked(UPDATE, by="upload", uploaded_at=EARLIER, brings=NEW), vanished_at=ago(1)), job(RUNS, asked(UPDATE, by="upload", uploaded_at=LATER, identity="newer")), "Stop old"),
        (asked(UPDATE, by="upload", uploaded_at=EARLIER), job(RUNS, wanted_at=LATER), "SUPERSEDED"),
        (asked(UPDATE, by="upload", uploaded_at=LATER), job(RUNS, wanted_at=LATER), "Keep"),
        (asked(UPDATE, by="upload", folder="stateful"), job(RUNS, folder="stateful"), "Keep"),
        (asked(STATELESS, by="upload", folder="stateless"), job(RUNS, folder="stateful"), "REFUSED OtherFolder"),
        (asked(STATELESS, by="upload", folder="stateless", switch_mode=True), job(RUNS, folder="stateful"), "Keep"),
    ],
)  # fmt: skip
def test_an_upload_is_not_taken_when_a_newer_one_was_or_its_folder_is_another(
    operation: Operation, record: JobRecord, step: str
) -> None:
    """The newest upload wins, whatever the order in which they are driven; the first one binds the job to its folder."""
    assert told(operation, record, look(CopyState.RUNNING)) == step


def test_an_upload_that_has_begun_is_carried_on_although_a_newer_one_waits() -> None:
    """A stop that was written down is never given up as if the job were untouched."""
    newer = asked(UPDATE, by="upload", uploaded_at=LATER, identity="newer")
    begun = with_marks(asked(UPDATE, by="upload", uploaded_at=EARLIER, brings=NEW), stop=sent(2))
    assert told(begun, job(RUNS, begun, newer), look(CopyState.RUNNING)) == "Stop old"


# --------------------------------------------------------------------------- STOP, SAVEPOINT, CANCEL, DELETE, the rest


@pytest.mark.parametrize(
    ("record", "copy", "stop", "take", "cancel", "delete"),
    [
        # record        seen                    STOP                      SAVEPOINT                CANCEL                   DELETE
        (job(), None, "REFUSED JobNotRunning", "REFUSED JobNotRunning", "REFUSED JobNotRunning", "SUCCEEDED forgets"),
        (job(RUNS), CopyState.RUNNING, "Stop old", "Trigger old", "Cancel old", "REFUSED JobRuns"),
        (job(RUNS), CopyState.STARTING, "REFUSED JobNotRunning", "REFUSED JobNotRunning", "Cancel old", "REFUSED JobRuns"),
        (job(RUNS), CopyState.RESTARTING, "REFUSED JobRestarting", "REFUSED JobNotRunning", "Cancel old", "REFUSED JobRuns"),
        (job(RUNS), CopyState.CANCELLING, "REFUSED JobNotRunning", "REFUSED JobNotRunning", "Cancel old", "REFUSED JobRuns"),
        (job(RUNS), CopyState.ABSENT, "REFUSED JobNotRunning", "REFUSED JobNotRunning", "REFUSED JobNotRunning", "Wait vanished"),
        (job(IN_FLIGHT), CopyState.ABSENT, "REFUSED JobNotRunning", "REFUSED JobNotRunning", "REFUSED JobNotRunning", "REFUSED JobRuns"),
        (job(RUNS), CopyState.FAILED, "REFUSED JobNotRunning", "REFUSED JobNotRunning", "REFUSED JobNotRunning", "SUCCEEDED forgets"),
        (job(STOPPED), None, "REFUSED JobNotRunning", "REFUSED JobNotRunning", "REFUSED JobNotRunning", "SUCCEEDED forgets"),
    ],
)  # fmt: skip
def test_stop_savepoint_cancel_and_delete_each_need_their_state(  # noqa: PLR0917 - one column of the table each
    record: JobRecord, copy: CopyState | None, stop: str, take: str, cancel: str, delete: str
) -> None:
    """What cannot be done in the job's state is refused, and nothing is touched."""
    for action, step in [
        (Action.STOP, stop),
        (Action.SAVEPOINT, take),
        (Action.CANCEL, cancel),
        (Action.DELETE, delete),
    ]:
        assert told(asked(action), record, look(copy)) == step


def test_delete_of_a_vanished_job_waits_until_it_must_be_gone() -> None:
    """A name is not free while a TaskManager may still run its copy."""
    assert told(long_vanished(asked(Action.DELETE)), job(RUNS), look(SLOTS_HELD)) == "Wait vanished"
    assert told(long_vanished(asked(Action.DELETE)), job(RUNS), look(CopyState.ABSENT)) == "SUCCEEDED forgets"


def test_list_savepoint_lists_what_is_recorded_newest_first() -> None:
    """Whatever the job's state, and without a word of the cluster."""
    earlier = savepoint("file:///sp/earlier")
    end = next_step(asked(Action.LIST_SAVEPOINT), job(savepoints=(earlier, LAST)), look(), LIMITS)
    assert isinstance(end, End)
    assert end.outcome is Outcome.SUCCEEDED
    assert [listing.path for listing in end.savepoints or ()] == [LAST.path, earlier.path]


@pytest.mark.parametrize("action", [Action.STOP, Action.SAVEPOINT, Action.UPDATE])
def test_a_savepoint_directory_outside_the_root_is_refused_before_anything_is_touched(action: Action) -> None:
    """Flink never writes where the settings do not let it."""
    bad = release("bad", Spec(savepoint_directory="file:///elsewhere"))
    operation = asked(action, brings=bad if action is Action.UPDATE else None)
    assert told(operation, job(RUNS, wanted=bad), look(CopyState.RUNNING)) == "REFUSED OutsideRoot"


def test_the_savepoint_has_the_format_that_the_running_release_asks_for() -> None:
    """The old release knows which format its state backend takes."""
    native = copy_of(release("native", Spec(savepoint_format="NATIVE")))
    step = next_step(asked(Action.STOP), job(native), look(CopyState.RUNNING), LIMITS)
    assert isinstance(step, Stop)
    assert step.savepoint_format == "NATIVE"


# --------------------------------------------------------------------------------------------------------- batch mode


@pytest.mark.parametrize(
    ("record", "seen", "operation", "step"),
    [
        (job(RUNS), look(BATCH), asked(Action.UPDATE), "REFUSED BatchJob"),
        (job(RUNS), look(BATCH), asked(Action.LAST_STATE_UPDATE), "REFUSED BatchJob"),
        (job(RUNS), look(BATCH), asked(Action.STOP), "REFUSED BatchJob"),
        (job(RUNS), look(BATCH), asked(Action.SAVEPOINT), "REFUSED BatchJob"),
        (job(RUNS), look(BATCH), asked(Action.CANCEL), "Cancel old"),
        (job(RUNS), look(BATCH), asked(Action.STATELESS_UPDATE), "Keep"),
        (job(RUNS), look(BATCH), asked(Action.STATELESS_UPDATE, brings=NEW), "Cancel old"),
        (job(RUNS), look(CopyState.RESTARTING, left=NO_STATE), asked(Action.UPDATE, brings=NEW), "REFUSED BatchJob"),
        (job(FINISHED), look(left=NO_STATE), long_ended(asked(Action.START)), "REFUSED BatchJob"),
        (job(CANCELED), look(left=NO_STATE), long_ended(asked(Action.RE_LAUNCH)), "REFUSED BatchJob"),
    ],
)  # fmt: skip
def test_what_needs_a_state_of_a_batch_job_is_refused_before_it_is_touched(
    record: JobRecord, seen: Seen, operation: Operation, step: str
) -> None:
    """Flink takes no checkpoints and no savepoints of it; CANCEL and STATELESS_UPDATE need none."""
    assert told(operation, record, seen) == step


# ------------------------------------------------------------------------------------------------------- updateWindow

WINDOW = DailyWindow(opens="02:00", until="05:00")


def saying(window: Window, action: Action = Action.UPDATE, **more: object) -> Operation:
    """Return a call that says a window and, perhaps, something else."""
    spec = SpecPatch.model_validate({"update_window": window, **more})
    operation = asked(action)
    return with_marks(operation, request=operation.request.model_copy(update={"spec": spec}))


@pytest.mark.parametrize("seen", [look(CopyState.RUNNING), look(CopyState.RESTARTING), look(CopyState.ABSENT), look()])
def test_a_call_that_says_a_window_and_nothing_else_restarts_nothing(seen: Seen) -> None:
    """It is recorded, and taken away again, whatever the job does."""
    step = next_step(saying(WINDOW), job(RUNS), seen, LIMITS)
    assert isinstance(step, End)
    assert step.outcome is Outcome.SUCCEEDED
    assert step.wanted == release("old", Spec(update_window=WINDOW))
    away = next_step(saying(NoWindow()), job(RUNS, wanted=step.wanted), seen, LIMITS)
    assert isinstance(away, End)
    assert away.wanted == OLD


@pytest.mark.parametrize(
    ("record", "operation", "step"),
    [
        (job(RUNS), saying(WINDOW, parallelism=3), "Keep"),
        (job(RUNS), saying(WINDOW, Action.STATELESS_UPDATE), "Keep"),
        (job(RUNS), saying(WINDOW, Action.LAST_STATE_UPDATE), "Keep"),
        (job(RUNS, wanted=None), saying(WINDOW), "Keep"),
        (job(), asked(Action.UPDATE), "REFUSED NothingToUpdate"),
        (job(RUNS), asked(Action.UPDATE), "Keep"),
    ],
)
def test_a_call_that_says_more_than_a_window_updates_the_job(
    record: JobRecord, operation: Operation, step: str
) -> None:
    """What else it says needs a restart; and where no release is known there is nothing to note the window with."""
    assert told(operation, record, look(CopyState.RUNNING) if record.current else look()) == step
