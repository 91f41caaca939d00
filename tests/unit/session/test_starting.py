"""How a start that was begun goes on, and how the new copy proves itself: every row of `core/session/starting.py`."""

from __future__ import annotations

from datetime import datetime

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.operations import Mark
from flinkfuncs.core.session.facts import CopySeen, CopyState
from flinkfuncs.core.session.table import next_step
from flinkfuncs.core.steps import End
from tests.unit.builders import LIMITS, NEW, ago, asked, copy_of, job, look, said, savepoint, sent, with_marks

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
) -> str:
    """Return the next step of an update whose start was written down."""
    operation = with_marks(UPDATE, start=mark, stop=sent(60), vanished_at=vanished_at)
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
        # it was seen before
        (sent(60), {"seen_before": True}, "Wait vanished"),
        (sent(99), {"seen_before": True, "vanished_at": ago(81)}, "FAILED Vanished"),
        # the JobManager is another one since
        (sent(60), {"incarnation": "second"}, "Wait vanished"),
        (sent(99), {"incarnation": "second", "vanished_at": ago(81)}, "Start new as own from file:///sp/last"),
        # long ago
        (sent(301, last_seconds_ago=31), {}, "FAILED StartUnanswered"),
        (sent(301, last_seconds_ago=2), {}, "FAILED StartUnanswered"),
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


def test_the_reason_of_a_failed_copy_is_its_own_and_not_that_its_id_was_taken() -> None:
    """A start that was repeated is refused because the first one took; why that one failed is what matters."""
    operation = with_marks(UPDATE, start=sent(40, last_seconds_ago=2, refused="Job has already been submitted"))
    record = job(copy_of(NEW, savepoint=STATE), operation)
    step = next_step(operation, record, look(CopySeen(CopyState.FAILED, failure="division by zero")), LIMITS)
    assert isinstance(step, End)
    assert "division by zero" in step.message
