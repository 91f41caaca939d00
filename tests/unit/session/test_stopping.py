"""How a stop, a savepoint and a cancel go on: every row of `core/session/stopping.py`."""

from __future__ import annotations

import pytest

from flinkfuncs.core import progress
from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import Copy, JobRecord
from flinkfuncs.core.operations import Mark, Operation, Outcome, Settling
from flinkfuncs.core.releases import Spec
from flinkfuncs.core.session.blame import Blame
from flinkfuncs.core.session.facts import (
    CopySeen,
    CopyState,
    Left,
    TriggerDone,
    TriggerFailed,
    TriggerRunning,
    TriggerSeen,
    TriggerUnknown,
)
from flinkfuncs.core.session.inheriting import trigger_of
from flinkfuncs.core.session.sending import release_to_send
from flinkfuncs.core.session.stopping import begin_stop
from flinkfuncs.core.session.table import next_step
from flinkfuncs.core.steps import End, Start, Stop, UploadJar, Wait
from tests.unit.builders import (
    LIMITS,
    NEW,
    NOW,
    ago,
    asked,
    copy_of,
    failures,
    job,
    look,
    release,
    said,
    savepoint,
    sent,
    with_marks,
)

STOP, UPDATE, STATELESS = (
    asked(Action.STOP),
    asked(Action.UPDATE, brings=NEW),
    asked(Action.STATELESS_UPDATE, brings=NEW),
)
WITHOUT = asked(Action.STATELESS_UPDATE, brings=NEW, without_savepoint=True)
DONE, RUNNING, UNKNOWN = TriggerDone("file:/sp/1"), TriggerRunning(), TriggerUnknown()
FAILING_OVER = TriggerFailed("Checkpoint Coordinator is suspending.", failed_over=True)
FAILED, WRITTEN = TriggerFailed("disk full"), TriggerFailed("a sink failed", "file:/sp/1")
OURS = f"file:/sp/orders/{STOP.id}/savepoint-1"  # all operations of this file have one id
RUNS = (CopyState.RUNNING, CopyState.STARTING, CopyState.RESTARTING, CopyState.CANCELLING)
FINISHED_OURS = CopySeen(CopyState.FINISHED, last_savepoint=OURS)
FINISHED_OTHER = CopySeen(CopyState.FINISHED, last_savepoint="file:/sp/orders/another/savepoint-1")
FINISHED_ODD = CopySeen(CopyState.FINISHED, last_savepoint="file:/a%20b/savepoint-1")


def stopping(
    operation: Operation,
    copy: CopyState | CopySeen,
    trigger: TriggerSeen,
    mark: Mark | None = None,
    *,
    jar: bool = True,
) -> str:
    """Return the next step of an operation whose stop was written down."""
    operation = with_marks(operation, stop=mark or sent(2), progressed_at=operation.progressed_at)
    record = job(copy_of(), operation)
    return said(next_step(operation, record, look(copy, trigger=trigger, jar=jar), LIMITS), operation, record)


@pytest.mark.parametrize(
    ("copy", "trigger", "stop", "update", "stateless"),
    [
        # copy               savepoint  STOP                                     UPDATE                              STATELESS_UPDATE
        (CopyState.FINISHED, RUNNING, "Wait here", "Wait here", "Wait here"),
        (CopyState.FINISHED, DONE, "SUCCEEDED ended STOPPED with file:/sp/1", "Start new as own from file:/sp/1", "Start new as own from nothing"),
        (FINISHED_OURS, UNKNOWN, f"SUCCEEDED ended STOPPED with {OURS}", f"Start new as own from {OURS}", "Start new as own from nothing"),
        (FINISHED_OURS, FAILED, f"SUCCEEDED ended STOPPED with {OURS}", f"Start new as own from {OURS}", "Start new as own from nothing"),
        *[(copy, trigger, *["FAILED JobFinished ended FINISHED"] * 3) for copy in (CopyState.FINISHED, FINISHED_OTHER, FINISHED_ODD) for trigger in (UNKNOWN, FAILED)],
        (CopyState.FAILED, RUNNING, "Wait here", "Wait here", "Wait here"),
        (CopyState.FAILED, WRITTEN, *["FAILED FailedWhileStopping ended FAILED with file:/sp/1"] * 3),
        (CopyState.FAILED, DONE, *["FAILED FailedWhileStopping ended FAILED with file:/sp/1"] * 3),
        (CopyState.FAILED, FAILED, *["FAILED FailedWhileStopping ended FAILED"] * 3),
        (CopyState.FAILED, UNKNOWN, *["FAILED FailedWhileStopping ended FAILED"] * 3),
        *[(CopyState.CANCELED, trigger, *["FAILED CanceledMeanwhile ended CANCELED"] * 3) for trigger in (DONE, RUNNING, FAILED, UNKNOWN)],
        *[(CopyState.ABSENT, trigger, *["Wait vanished"] * 3) for trigger in (DONE, RUNNING, FAILED, UNKNOWN)],
        *[(copy, RUNNING, *["Wait"] * 3) for copy in RUNS],
        *[(copy, DONE, *["Wait here"] * 3) for copy in RUNS],
        *[(copy, FAILED, *["FAILED SavepointFailed"] * 3) for copy in RUNS],
        *[(copy, WRITTEN, *["FAILED SavepointFailed with file:/sp/1"] * 3) for copy in RUNS],
        *[(copy, UNKNOWN, *["Stop old"] * 3) for copy in RUNS],
    ],
)  # fmt: skip
def test_a_stop_is_carried_on_to_what_flink_says_of_it(
    copy: CopyState | CopySeen, trigger: TriggerSeen, stop: str, update: str, stateless: str
) -> None:
    """Nothing starts before the old copy has ended with a savepoint of ours; only the same stop is ever repeated."""
    late = {"progressed_at": ago(11)}  # Flink's caches tell the truth by now
    assert stopping(with_marks(STOP, **late), copy, trigger) == stop
    assert stopping(with_marks(UPDATE, **late), copy, trigger) == update
    assert stopping(with_marks(STATELESS, **late), copy, trigger) == stateless


@pytest.mark.parametrize("copy", [CopyState.RUNNING, CopyState.STARTING, CopyState.RESTARTING])
@pytest.mark.parametrize("operation", [STOP, UPDATE, STATELESS])
def test_a_stop_that_failed_in_a_failover_is_made_again_under_another_trigger_id(
    operation: Operation, copy: CopyState
) -> None:
    """A TaskManager that was lost at the savepoint's moment ends no update; two stops never overlap."""
    record = job(copy_of(), with_marks(operation, stop=sent(2)))
    first = progress.begun(record, operation.id, begin(record), ago(2))
    noted = next_step(first.open[0], first, look(copy, trigger=FAILING_OVER), LIMITS)
    assert said(noted, first.open[0], first) == "Wait unstopped"
    assert isinstance(noted, Wait)
    then = progress.noted(first, operation.id, noted, NOW)
    waiting = then.open[0]
    assert (waiting.acted, waiting.stops_failed) == (False, 1)
    assert then.current
    assert then.current.stop is None
    step = next_step(waiting, then, look(copy), LIMITS)
    if copy is not CopyState.RUNNING:
        assert said(step, waiting, then) == "Wait"
        step = next_step(waiting, then, look(CopyState.RUNNING), LIMITS)
    assert isinstance(step, Stop)
    assert step.trigger_id == operation.token("stop", 2)
    assert step.trigger_id == trigger_of(waiting, progress.begun(then, operation.id, step, NOW))


def begin(record: JobRecord) -> Stop:
    """Return the stop that an operation begins with."""
    step = begin_stop(record.open[0], record, LIMITS)
    assert isinstance(step, Stop)
    return step


@pytest.mark.parametrize(
    ("operation", "copy", "trigger", "step"),
    [
        # a savepoint was written, or none is wanted
        (STOP, CopyState.RUNNING, TriggerFailed("bad", "file:/sp/1", failed_over=True), "FAILED SavepointFailed with file:/sp/1"),
        (WITHOUT, CopyState.RUNNING, TriggerFailed("bad", failed_over=True), "Cancel old"),
        # three of them failed
        (with_marks(STOP, stops_failed=2), CopyState.RUNNING, TriggerFailed("bad", failed_over=True), "FAILED SavepointFailed"),
    ],
)  # fmt: skip
def test_a_stop_is_not_made_again_for_ever_or_where_its_savepoint_was_written(
    operation: Operation, copy: CopyState, trigger: TriggerSeen, step: str
) -> None:
    """Three times at most; what was written is named."""
    assert stopping(operation, copy, trigger) == step


def test_a_job_that_does_not_come_out_of_its_failover_is_not_waited_for_for_ever() -> None:
    """The operation ends as any whose stop failed, and an update tries what gets a fix through."""
    mark = sent(400, last_seconds_ago=301, unanswered=0)
    failed = with_marks(STOP, stops_failed=1)
    assert stopping(failed, CopyState.RESTARTING, UNKNOWN, mark) == "FAILED SavepointFailed"
    update = with_marks(UPDATE, stops_failed=1, stop=mark)
    record = job(copy_of(), update)
    step = next_step(update, record, look(CopyState.RESTARTING, left=Left("file:/cp/chk-7")), LIMITS)
    assert said(step, update, record) == "Cancel old"


@pytest.mark.parametrize("trigger", [UNKNOWN, FAILED])
def test_a_finished_copy_is_not_called_finished_by_itself_while_the_caches_lag(trigger: TriggerSeen) -> None:
    """Flink lists the savepoint up to 3 s after the end of the job."""
    assert stopping(with_marks(UPDATE, progressed_at=ago(9)), CopyState.FINISHED, trigger) == "Wait here"


@pytest.mark.parametrize(
    ("operation", "step"),
    [(UPDATE, "Start new as own from file:/cp/chk-7"), (STOP, "FAILED Vanished"), (STATELESS, "FAILED Vanished")],
)
def test_an_update_whose_job_vanished_while_it_was_stopped_goes_on_from_the_newest_state(
    operation: Operation, step: str
) -> None:
    """Where storage tells which one that is: a checkpoint, or the savepoint of the stop."""
    operation = with_marks(operation, stop=sent(100), vanished_at=ago(81))
    record = job(copy_of(), operation)
    seen = look(CopyState.ABSENT, left=Left("file:/cp/chk-7"))
    assert said(next_step(operation, record, seen, LIMITS), operation, record) == step


@pytest.mark.parametrize(
    ("blame", "left", "step"),
    [
        (Blame.CLUSTER, Left("file:/cp/chk-7"), "Start new as own from file:/cp/chk-7"),
        (Blame.SLOTS, Left("file:/cp/chk-7"), "Start new as own from file:/cp/chk-7"),
        (Blame.CLUSTER, Left("file:/cp/chk-7", survives=False), "FAILED FailedWhileStopping ended FAILED"),
        (Blame.CLUSTER, None, "FAILED FailedWhileStopping ended FAILED"),
        (Blame.RELEASE, Left("file:/cp/chk-7"), "FAILED FailedWhileStopping ended FAILED"),
    ],
)
def test_an_update_whose_job_the_cluster_ended_while_it_was_stopped_goes_on_from_the_newest_state(
    blame: Blame, left: Left | None, step: str
) -> None:
    """A job that uses up its restarts when its TaskManager is lost is not left down."""
    operation = with_marks(UPDATE, stop=sent(100), ended_at=ago(11))
    record = job(copy_of(), operation)
    copy = CopySeen(CopyState.FAILED, failures=failures(blame))
    seen = look(copy, trigger=FAILING_OVER, left=left)
    assert said(next_step(operation, record, seen, LIMITS), operation, record) == step


def test_a_copy_that_vanished_while_it_was_stopped_ends_the_operation_naming_its_directory() -> None:
    """Where its savepoint may lie is the only thing that a person can go on from."""
    operation = with_marks(UPDATE, stop=sent(100), vanished_at=ago(81))
    step = next_step(operation, job(copy_of(), operation), look(CopyState.ABSENT), LIMITS)
    assert isinstance(step, End)
    assert (step.code, step.ended) == ("Vanished", None)
    assert f"file:///sp/orders/{UPDATE.id}" in step.message


@pytest.mark.parametrize(
    ("operation", "mark", "trigger", "step"),
    [
        # a refusal, and nothing else under way
        (STOP, sent(2, refused="no", unanswered=0), UNKNOWN, "FAILED SavepointFailed"),
        (WITHOUT, sent(2, refused="no", unanswered=0), UNKNOWN, "Cancel old"),
        (WITHOUT, sent(2), FAILED, "Cancel old"),
        # a refusal after a call that was not answered
        (STOP, sent(9, refused="no"), UNKNOWN, "Wait"),
        (STOP, sent(9, refused="no"), RUNNING, "Wait"),
        (STOP, sent(60, refused="no"), UNKNOWN, "FAILED SavepointFailed"),
        # the same call again, but not in a hurry
        (STOP, sent(0), UNKNOWN, "Wait here"),
        (STOP, sent(0, unanswered=0), UNKNOWN, "Stop old"),
        (STOP, sent(3600, last_seconds_ago=2), UNKNOWN, "Stop old"),
        # the deadline
        (STOP, sent(3601, last_seconds_ago=2), UNKNOWN, "FAILED SavepointTimeout"),
        (STOP, sent(3601), RUNNING, "FAILED SavepointTimeout"),
        (STOP, sent(3601), DONE, "FAILED SavepointTimeout"),
    ],
)
def test_a_stop_that_is_not_taken_is_repeated_refused_or_timed_out(
    operation: Operation, mark: Mark, trigger: TriggerSeen, step: str
) -> None:
    """It is given up only when nothing that left us can still stop the job, or after the deadline, saying so."""
    assert stopping(operation, CopyState.RUNNING, trigger, mark) == step


def test_after_the_stop_the_jar_is_sent_again_if_the_cluster_lost_it() -> None:
    """The savepoint goes along, so that it is not forgotten if the cluster refuses the jar."""
    operation = with_marks(UPDATE, stop=sent(2))
    step = next_step(operation, job(copy_of(), operation), look(CopyState.FINISHED, trigger=DONE, jar=False), LIMITS)
    assert step == UploadJar(NEW, "file:/sp/1", "the job is stopped, and START continues from file:/sp/1")


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("file:///sp/earlier", "Start new as own from file:///sp/earlier"),
        ("nowhere", "Start old as rollback from file:/sp/1"),
    ],
)
def test_an_update_from_a_named_savepoint_keeps_the_one_that_the_stop_wrote(named: str, expected: str) -> None:
    """The state that ran last is never forgotten; where the named one is gone by now, the old release has it."""
    operation = with_marks(asked(Action.UPDATE, brings=NEW, named=named), stop=sent(2))
    record = job(copy_of(), operation, savepoints=(savepoint("file:///sp/earlier"),))
    step = next_step(operation, record, look(CopyState.FINISHED, trigger=DONE), LIMITS)
    assert said(step, operation, record) == expected
    assert isinstance(step, Start)
    assert step.stop_savepoint == "file:/sp/1"


@pytest.mark.parametrize(
    ("copy", "jar", "expected"),
    [
        (copy_of(), True, "Start old as rollback from file:/sp/1"),
        (copy_of(), False, "UploadJar old"),
        (copy_of(release("careful", Spec(on_failure="stop"))), True, "FAILED SavepointDisposed ended STOPPED with file:/sp/1"),
        (copy_of().model_copy(update={"release": None}), True, "FAILED SavepointDisposed ended STOPPED with file:/sp/1"),
    ],
)  # fmt: skip
def test_a_named_savepoint_that_is_gone_after_the_stop_leads_back_to_the_old_release(
    copy: Copy, expected: str, *, jar: bool
) -> None:
    """From the savepoint of the stop, if there is an old release and it may: nothing is left STOPPED for a name."""
    operation = with_marks(asked(Action.UPDATE, brings=NEW, named="earlier"), stop=sent(2))
    gone = savepoint("file:///sp/earlier").model_copy(update={"disposing_at": ago(1)})
    record = job(copy, operation, savepoints=(gone,))
    ended = look(CopyState.FINISHED, trigger=DONE, jar=jar)
    assert release_to_send(operation, record, ended.copy) == copy.release
    step = next_step(operation, record, ended, LIMITS)
    assert said(step, operation, record) == expected


def test_the_old_release_that_runs_again_proves_itself_like_any_rollback() -> None:
    """Its start keeps the savepoint of the stop on record, and the result says why it runs again."""
    operation = with_marks(asked(Action.UPDATE, brings=NEW, named="nowhere"), stop=sent(2))
    record = job(copy_of(), operation)
    step = next_step(operation, record, look(CopyState.FINISHED, trigger=DONE), LIMITS)
    record = progress.begun(record, operation.id, step, NOW)
    assert [saved.path for saved in record.savepoints] == ["file:/sp/1"]
    well = CopySeen(
        CopyState.RUNNING,
        restored_from="file:/sp/1",
        restored_savepoint=True,
        restores=1,
        checkpoint=TriggerDone("chk-1"),
    )
    settled = record.open[0].model_copy(
        update={"settling": Settling(since=ago(20), restarts=0, restored_from="file:/sp/1")}
    )
    end = next_step(settled, record.with_operation(settled), look(well), LIMITS)
    assert isinstance(end, End)
    assert end.outcome is Outcome.ROLLED_BACK
    assert "no savepoint of this job is called 'nowhere'" in end.message


@pytest.mark.parametrize(
    ("trigger", "copy", "mark", "step"),
    [
        # savepoint  copy            refused   step
        *[(DONE, copy, sent(2), "SUCCEEDED with file:/sp/1") for copy in CopyState],
        *[(FAILED, copy, sent(2), "FAILED SavepointFailed") for copy in CopyState],
        (RUNNING, CopyState.RUNNING, sent(2), "Wait"),
        (RUNNING, CopyState.STARTING, sent(2), "Wait"),
        (RUNNING, CopyState.RUNNING, sent(2, refused="no"), "Wait"),
        (RUNNING, CopyState.RUNNING, sent(3601), "FAILED SavepointTimeout"),
        *[(trigger, copy, sent(2), "FAILED JobNotRunning") for trigger in (RUNNING, UNKNOWN) for copy in CopyState if copy not in ("RUNNING", "STARTING")],
        (UNKNOWN, CopyState.RUNNING, sent(0), "Wait here"),
        (UNKNOWN, CopyState.RUNNING, sent(2), "Trigger old"),
        (UNKNOWN, CopyState.STARTING, sent(2), "Trigger old"),
        (UNKNOWN, CopyState.RUNNING, sent(3601), "FAILED SavepointTimeout"),
        (UNKNOWN, CopyState.RUNNING, sent(2, refused="no", unanswered=0), "FAILED SavepointFailed"),
        (UNKNOWN, CopyState.RUNNING, sent(2, refused="no"), "Wait"),
    ],
)  # fmt: skip
def test_a_savepoint_is_carried_on(trigger: TriggerSeen, copy: CopyState, mark: Mark, step: str) -> None:
    """It is taken once, under one trigger id, and never touches the job."""
    operation = with_marks(asked(Action.SAVEPOINT), trigger=mark)
    record = job(copy_of(), operation)
    assert said(next_step(operation, record, look(copy, trigger=trigger), LIMITS), operation, record) == step


CANCEL = asked(Action.CANCEL)


@pytest.mark.parametrize(
    ("operation", "copy", "mark", "step"),
    [
        (CANCEL, CopyState.CANCELED, sent(2), "SUCCEEDED ended CANCELED"),
        (CANCEL, CopyState.FINISHED, sent(2), "SUCCEEDED ended FINISHED"),
        (CANCEL, CopyState.FAILED, sent(2), "SUCCEEDED ended FAILED"),
        *[(WITHOUT, copy, sent(2), "Start new as own from nothing") for copy in (CopyState.CANCELED, CopyState.FINISHED, CopyState.FAILED)],
        (CANCEL, CopyState.CANCELLING, sent(2), "Wait"),
        (CANCEL, CopyState.CANCELLING, sent(2, refused="no", unanswered=0), "Wait"),
        (CANCEL, CopyState.CANCELLING, sent(3601), "FAILED CancelTimeout"),
        (CANCEL, CopyState.ABSENT, sent(2), "Wait vanished"),
        *[(CANCEL, copy, sent(2), "Wait") for copy in (CopyState.RUNNING, CopyState.STARTING, CopyState.RESTARTING)],
        *[(CANCEL, copy, sent(31), "Cancel old") for copy in (CopyState.RUNNING, CopyState.STARTING, CopyState.RESTARTING)],
        (CANCEL, CopyState.RUNNING, sent(2, unanswered=0), "Cancel old"),
        (CANCEL, CopyState.RUNNING, sent(2, refused="no", unanswered=0), "FAILED CancelFailed"),
        (CANCEL, CopyState.RUNNING, sent(3601, last_seconds_ago=2), "FAILED CancelTimeout"),
    ],
)  # fmt: skip
def test_a_cancel_is_carried_on(operation: Operation, copy: CopyState, mark: Mark, step: str) -> None:
    """It ends when Flink names a terminal state of the very id; a stateless update then starts fresh."""
    operation = with_marks(operation, cancel=mark)
    record = job(copy_of(), operation)
    assert said(next_step(operation, record, look(copy), LIMITS), operation, record) == step


def test_a_copy_that_vanished_while_it_was_cancelled_is_waited_out() -> None:
    """Then the operation fails: nobody saw the copy end."""
    operation = with_marks(CANCEL, cancel=sent(100), vanished_at=ago(81))
    record = job(copy_of(), operation)
    assert said(next_step(operation, record, look(CopyState.ABSENT), LIMITS), operation, record) == "FAILED Vanished"
