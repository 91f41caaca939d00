"""How a start that was begun goes on, and how the new copy proves itself: every row of `core/session/starting.py`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Literal

import pytest

from flinkfuncs.core import progress
from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Again, Mark, Operation, Undo
from flinkfuncs.core.session.blame import Blame
from flinkfuncs.core.session.facts import CopySeen, CopyState, Left
from flinkfuncs.core.session.table import next_step
from flinkfuncs.core.steps import End, Start, Step, Wait
from tests.unit.builders import (
    LIMITS,
    NEW,
    NOW,
    OLD,
    ago,
    asked,
    copy_of,
    failures,
    job,
    look,
    own,
    said,
    savepoint,
    sent,
    with_marks,
)

UPDATE = asked(Action.UPDATE, brings=NEW)
STATE = "file:///sp/last"


def starting(
    copy: CopyState | CopySeen,
    mark: Mark,
    *,
    state: str | None = STATE,
    seen_before: bool = False,
    vanished_at: datetime | None = None,
    jar: bool = True,
    incarnation: str = "first",
    ended_seconds_ago: float | None = 11,
) -> str:
    """Return the next step of an update whose start was written down."""
    ended_at = None if ended_seconds_ago is None else ago(ended_seconds_ago)
    operation = with_marks(UPDATE, start=mark, stop=sent(60), vanished_at=vanished_at, ended_at=ended_at)
    new = copy_of(NEW, flink_job_id=UPDATE.token("copy"), operation=UPDATE.id, savepoint=state, seen=seen_before)
    record = job(new, operation, savepoints=(savepoint(STATE),))
    step = next_step(operation, record, look(copy, jar=jar, incarnation=incarnation), LIMITS)
    if isinstance(step, End) and step.code:  # a failure always says what there is to go on from
        assert f"savepoint: {STATE}" in step.message
        assert "new.jar" in step.message
    return said(step, operation, record)


def running(restored: str | None, *, savepoint: bool = True) -> CopySeen:
    """Return a copy whose tasks run, and what it restored."""
    return CopySeen(CopyState.RUNNING, restored_from=restored, restored_savepoint=savepoint)


@pytest.mark.parametrize(
    ("copy", "mark", "step"),
    [
        # RUNNING, from what it should
        (running(STATE), sent(2), "Wait listed"),
        (running("file:/sp/last"), sent(2), "Wait listed"),
        (running("file:/cp/chk-4", savepoint=False), sent(2), "Wait listed"),
        # … not told yet
        (running(None), sent(9), "Wait listed"),
        (running(None), sent(11), "FAILED RestoredSomethingElse listed"),
        # … from something else
        (running("file:/sp/other"), sent(2), "FAILED RestoredSomethingElse listed"),
        # FINISHED
        (CopyState.FINISHED, sent(2), "SUCCEEDED ended FINISHED wants new listed"),
        # STARTING, RESTARTING
        *[(state, sent(299), "Wait listed") for state in (CopyState.STARTING, CopyState.RESTARTING, CopyState.CANCELLING)],
        *[(state, sent(301), "FAILED StartTimeout listed") for state in (CopyState.STARTING, CopyState.RESTARTING, CopyState.CANCELLING)],
        (CopySeen(CopyState.RESTARTING, failures=own(2)), sent(299), "Wait listed"),
        (CopySeen(CopyState.RESTARTING, failures=own(3)), sent(2), "FAILED CrashLoop listed"),
        (CopySeen(CopyState.RESTARTING, failures=failures(*[Blame.SLOTS] * 16)), sent(299), "Wait listed"),
        (CopySeen(CopyState.STARTING, failures=failures(*[Blame.SLOTS] * 16)), sent(301), "UNPROVEN Unproven wants new listed"),
        (CopySeen(CopyState.STARTING, failures=own(1)), sent(301), "FAILED StartTimeout listed"),
        (CopySeen(CopyState.STARTING, failures=failures(*[Blame.SLOTS] * 16), completed=1), sent(301), "UNPROVEN Unproven wants new listed"),
        (CopySeen(CopyState.RESTARTING, failures=own(2), completed=1), sent(301), "FAILED StartTimeout listed"),
        (CopySeen(CopyState.RESTARTING, failures=failures(Blame.CLUSTER)), sent(301), "UNPROVEN Unproven wants new listed"),
        (CopySeen(CopyState.STARTING, slots_gone=True), sent(301), "UNPROVEN Unproven wants new listed"),
        (CopySeen(CopyState.STARTING, failures=own(2), slots_gone=True), sent(301), "FAILED StartTimeout listed"),
        # FAILED
        (CopyState.FAILED, sent(2), "FAILED StartFailed ended FAILED"),
        (CopyState.FAILED, sent(2, refused="no such state", unanswered=0), "FAILED StartFailed ended NEVER_STARTED"),
        (CopyState.FAILED, sent(2, refused="the id is taken", unanswered=1), "FAILED StartFailed ended FAILED"),
        # CANCELED
        (CopyState.CANCELED, sent(2), "FAILED CanceledMeanwhile ended CANCELED"),
    ],
)  # fmt: skip
def test_a_new_copy_is_followed_until_it_has_proved_itself(copy: CopyState | CopySeen, mark: Mark, step: str) -> None:
    """Done means: its tasks run, and Flink says that it restored our savepoint (or a later checkpoint of its own)."""
    assert starting(copy, mark) == step


@pytest.mark.parametrize("state", [CopyState.FAILED, CopyState.CANCELED])
def test_the_checkpoints_of_a_copy_that_ended_are_counted_when_flink_tells_of_its_end(state: CopyState) -> None:
    """An answer from before its end may lack the checkpoint that made output visible."""
    assert starting(state, sent(20), ended_seconds_ago=None) == "Wait ended here"
    assert starting(state, sent(20), ended_seconds_ago=9) == "Wait here"
    assert starting(state, sent(20), ended_seconds_ago=10).startswith("FAILED")


@pytest.mark.parametrize(
    ("copy", "step"),
    [
        (running(None), "Wait listed"),
        (running("file:/cp/chk-4", savepoint=False), "Wait listed"),
        (running("file:/sp/other"), "FAILED RestoredSomethingElse listed"),
    ],
)
def test_a_fresh_start_that_was_asked_for_restores_nothing(copy: CopySeen, step: str) -> None:
    """… but its own checkpoints, when it restarted meanwhile."""
    assert starting(copy, sent(2), state=None) == step


@pytest.mark.parametrize(
    ("mark", "given", "step"),
    [
        # refused, and no other call unanswered
        (sent(2, refused="main() threw", unanswered=0), {}, "FAILED StartFailed ended NEVER_STARTED"),
        # one of these two, and the jar is gone too
        (sent(60), {"seen_before": True, "jar": False}, "UploadJar new"),
        (sent(60), {"incarnation": "second", "jar": False}, "UploadJar new"),
        (sent(381), {"incarnation": "second", "jar": False, "vanished_at": ago(81)}, "FAILED StartUnanswered"),
        # it was seen before
        (sent(60), {"seen_before": True}, "Wait vanished"),
        (sent(99), {"seen_before": True, "vanished_at": ago(81)}, "FAILED Vanished"),
        # the JobManager is another one since
        (sent(60), {"incarnation": "second"}, "Wait vanished"),
        (sent(99), {"incarnation": "second", "vanished_at": ago(81)}, "Start new as own from file:///sp/last"),
        # long ago
        (sent(379, last_seconds_ago=31), {}, "Start new as own from file:///sp/last"),
        (sent(381, last_seconds_ago=31), {}, "FAILED StartUnanswered"),
        (sent(381, last_seconds_ago=2), {}, "FAILED StartUnanswered"),
        # a while ago
        (sent(31), {}, "Start new as own from file:///sp/last"),
        (sent(31), {"jar": False}, "UploadJar new"),
        (sent(60, last_seconds_ago=31, refused="the id is taken"), {}, "Start new as own from file:///sp/last"),
        # just sent
        (sent(29), {}, "Wait"),
        (sent(60, last_seconds_ago=29), {}, "Wait"),
        (sent(2, unanswered=0), {}, "Start new as own from file:///sp/last"),
    ],
)
def test_a_new_copy_that_the_cluster_does_not_know_is_never_started_under_another_id(
    mark: Mark, given: dict[str, object], step: str
) -> None:
    """Flink takes an id once, so the same start again cannot make a second copy; anything else could."""
    assert starting(CopyState.ABSENT, mark, **given) == step  # type: ignore[arg-type]


CHECKPOINT = Left("file:/cp/chk-7")


def lost(
    copy: CopySeen, left: Left | None, *, again: Again | None = None, undo: Undo | None = None, jar: bool = True
) -> tuple[Step, Operation, JobRecord]:
    """Return the next step of an update whose new copy, or that of its rollback, the cluster lost."""
    operation = with_marks(UPDATE, start=sent(60), stop=sent(90), savepoint=STATE, again=again, undo=undo)
    operation = with_marks(operation, ended_at=ago(11), vanished_at=ago(81), rollback=sent(30) if undo else None)
    purpose: Literal["copy", "rollback"] = "rollback" if undo else "copy"
    own_id = UPDATE.copy_token(purpose, again.number if again else 0)
    current = copy_of(OLD if undo else NEW, flink_job_id=own_id, operation=UPDATE.id, savepoint=STATE)
    record = job(current, operation, savepoints=(savepoint(STATE),)).but(previous=copy_of(OLD))
    return next_step(operation, record, look(copy, left=left, jar=jar), LIMITS), operation, record


GONE = CopySeen(CopyState.ABSENT)
ENDED_BY_THE_CLUSTER = CopySeen(CopyState.FAILED, failures=failures(Blame.CLUSTER), completed=2)
NO_SLOTS = CopySeen(CopyState.FAILED, failures=failures(Blame.SLOTS))
UNDO = Undo(reason="it crashed", at=ago(70), started_at=ago(80), completed=2)
ONCE = Again(number=1, since=ago(60), completed=2, savepoint=STATE)


@pytest.mark.parametrize("copy", [GONE, ENDED_BY_THE_CLUSTER])
@pytest.mark.parametrize("undo", [None, UNDO])
def test_a_copy_that_the_cluster_lost_is_started_again_from_its_newest_state(copy: CopySeen, undo: Undo | None) -> None:
    """The same release, under an id of its own: the release is not to blame. A rollback's copy likewise."""
    step, operation, _ = lost(copy, CHECKPOINT, undo=undo)
    assert isinstance(step, Start)
    assert step.flink_job_id == operation.copy_token("rollback" if undo else "copy", 1)
    assert step.flink_job_id not in (operation.token("copy"), operation.token("rollback"))
    assert (step.release, step.savepoint, step.undo) == (OLD if undo else NEW, CHECKPOINT.path, undo)
    assert step.again == Again(number=1, since=ago(60), completed=copy.completed or 1, savepoint=STATE)


@pytest.mark.parametrize(
    ("copy", "left", "given", "words"),
    [
        (GONE, None, {}, "FAILED Vanished"),
        (GONE, Left("file:/cp/chk-7", survives=False), {}, "FAILED Vanished"),
        (ENDED_BY_THE_CLUSTER, None, {}, "FAILED CopyLost ended FAILED"),
        (GONE, CHECKPOINT, {"jar": False}, "UploadJar new"),
        (GONE, CHECKPOINT, {"again": ONCE}, "Start new as other from file:/cp/chk-7"),
        (GONE, CHECKPOINT, {"again": ONCE.model_copy(update={"number": 2})}, "FAILED Vanished"),
        # … it got no slots: with nothing committed it may have asked for too many, unless slots are gone
        (NO_SLOTS, CHECKPOINT, {}, "Start old as rollback from file:///sp/last"),
        (replace(NO_SLOTS, slots_gone=True), CHECKPOINT, {}, "Start new as other from file:/cp/chk-7"),
        (replace(NO_SLOTS, completed=1), CHECKPOINT, {}, "Start new as other from file:/cp/chk-7"),
    ],
)
def test_a_lost_copy_is_given_up_where_its_state_is_not_known_or_it_is_lost_too_often(
    copy: CopySeen, left: Left | None, given: dict[str, object], words: str
) -> None:
    """Nothing is started from a state that may not be the newest one, and nothing for ever."""
    step, operation, record = lost(copy, left, **given)  # type: ignore[arg-type]
    assert said(step, operation, record) == words
    if isinstance(step, End):
        assert "START" in step.message


TWICE = Again(number=2, since=ago(300), completed=4, savepoint=STATE)
OUTPUT = "output since 2026-11-21T11:55:00Z"  # since the first of the copies that were lost


@pytest.mark.parametrize(
    ("copy", "left", "words"),
    [
        (GONE, CHECKPOINT, [f"4 checkpoints or more, so {OUTPUT} may be committed", "START continues from file:/cp/chk-7", f"savePointName {STATE} goes back, and output since then may come again"]),
        (ENDED_BY_THE_CLUSTER, CHECKPOINT, [f"6 checkpoints, so its {OUTPUT} is committed", "START continues from file:/cp/chk-7", f"savePointName {STATE} goes back, and {OUTPUT} comes again"]),
        (GONE, None, [f"{OUTPUT} may be committed", "its newest state is not known"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("undo", [None, UNDO])
def test_a_copy_that_is_given_up_says_what_was_committed(
    copy: CopySeen, left: Left | None, words: list[str], undo: Undo | None
) -> None:
    """Also what the copy had committed that was undone before it, and comes again."""
    step, _, _ = lost(copy, left, again=TWICE, undo=undo)
    assert isinstance(step, End)
    undone = ["it crashed", "completed 2 checkpoints: output since 2026-11-21T11:58:40Z comes again"] if undo else []
    assert [part for part in [*undone, *words] if part not in step.message] == [], step.message


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"undo": UNDO}, ["it crashed", "output since 2026-11-21T11:58:40Z comes again"]),
        ({"again": ONCE}, ["the cluster lost a copy of the release", "output since 2026-11-21T11:59:00Z is committed"]),
        ({"again": ONCE.model_copy(update={"completed": 0})}, ["none completed a checkpoint"]),
    ],
)
def test_a_start_that_stays_unanswered_says_what_was_committed_before(
    given: dict[str, object], words: list[str]
) -> None:
    """Nobody knows of the copy that may still come; of those before it the operation does."""
    mark = "rollback" if "undo" in given else "start"
    operation = with_marks(
        UPDATE, stop=sent(500), savepoint=STATE, **({"start": sent(400)} | {mark: sent(381)} | given)
    )
    current = copy_of(OLD, flink_job_id=UPDATE.token("rollback"), operation=UPDATE.id, savepoint=STATE, seen=False)
    step = next_step(operation, job(current, operation).but(previous=copy_of(OLD)), look(CopyState.ABSENT), LIMITS)
    assert isinstance(step, End)
    assert (step.code, [part for part in words if part not in step.message]) == ("StartUnanswered", []), step.message


def test_the_mark_of_a_start_counts_the_calls_for_one_id_alone() -> None:
    """A lost copy's start that went unanswered says nothing of the next one; the way back stays what it was."""
    step, operation, record = lost(GONE, CHECKPOINT)
    begun = progress.begun(record, operation.id, step, NOW).open[0]
    assert begun.start == sent(0)
    assert (begun.again and begun.again.number, begun.ended_at, begun.savepoint) == (1, None, STATE)


def test_after_a_lost_copy_the_way_back_is_the_release_that_was_stopped_and_its_savepoint() -> None:
    """Not the copy that was lost, and not its checkpoint."""
    stopping = with_marks(UPDATE, stop=sent(90))
    record = job(copy_of(OLD), stopping)
    first = Start(UPDATE.token("copy"), NEW, STATE, stop_savepoint=STATE)
    record = progress.begun(record, UPDATE.id, first, ago(80))
    again = Again(number=1, since=ago(80), completed=1, savepoint=STATE)
    second = Start(UPDATE.copy_token("copy", 1), NEW, CHECKPOINT.path, again=again)
    record = progress.begun(record, UPDATE.id, second, ago(20))
    record = progress.noted(record, UPDATE.id, Wait(0.0, "the copy has ended", ended=True), ago(11))
    bad = look(CopySeen(CopyState.FAILED, failures=own(1), completed=3))
    step = next_step(record.open[0], record, bad, LIMITS)
    assert isinstance(step, Start)
    assert (step.release, step.savepoint) == (OLD, STATE)
    assert step.undo
    assert (step.undo.completed, step.undo.started_at) == (4, ago(80))


def test_the_reason_of_a_failed_copy_is_its_own_and_not_that_its_id_was_taken() -> None:
    """A start that was repeated is refused because the first one took; why that one failed is what matters."""
    mark = sent(40, last_seconds_ago=2, refused="Job has already been submitted")
    operation = with_marks(UPDATE, start=mark, ended_at=ago(11))
    record = job(copy_of(NEW, savepoint=STATE), operation)
    step = next_step(operation, record, look(CopySeen(CopyState.FAILED, failure="division by zero")), LIMITS)
    assert isinstance(step, End)
    assert "division by zero" in step.message


REFUSED_ONCE = sent(2, refused="Cannot have more than 1 streaming jobs", unanswered=0)
RAN = CopySeen(CopyState.FAILED, completed=2)


@pytest.mark.parametrize(
    ("copy", "seen_before", "incarnation", "step"),
    [
        # refused by the JobManager that answers now: nothing of it ran
        (CopyState.ABSENT, False, "first", "FAILED StartFailed ended NEVER_STARTED"),
        (CopyState.FAILED, False, "first", "FAILED StartFailed ended NEVER_STARTED"),
        # main() failed after it had submitted the job: its copy ran, or may run still
        (CopyState.ABSENT, True, "first", "Wait vanished"),
        (CopyState.ABSENT, True, "second", "Wait vanished"),
        (CopyState.ABSENT, False, "second", "Wait vanished"),
        (CopyState.FAILED, True, "first", "FAILED StartFailed ended FAILED"),
        (RAN, False, "first", "FAILED StartFailed ended FAILED"),
        (CopyState.FAILED, False, "second", "FAILED StartFailed ended FAILED"),
    ],
)
def test_a_refused_start_whose_copy_ran_is_not_taken_for_one_that_never_did(
    copy: CopyState | CopySeen, seen_before: bool, incarnation: str, step: str
) -> None:
    """Otherwise the old release would start beside it, from an older state, and the result would promise clean sinks."""
    assert starting(copy, REFUSED_ONCE, seen_before=seen_before, incarnation=incarnation) == step
