"""No end hides what an operation has behind it, whoever ends it."""

from __future__ import annotations

import pytest

from flinkfuncs.core.abandoning import abandoned
from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import Refused
from flinkfuncs.core.operations import Again, Operation, Undo
from flinkfuncs.core.steps import UploadJar
from flinkfuncs.core.undone import unseen, with_past, with_undo
from flinkfuncs.operations import end_of_refused
from tests.unit.builders import NEW, NOW, OLD, ago, asked, job, sent, with_marks

UPDATE = with_marks(asked(Action.UPDATE, brings=NEW), stop=sent(90), start=sent(80))
UNDO = Undo(reason="it crashed", at=ago(50), started_at=ago(80), completed=2)
UNDOING = with_marks(UPDATE, undo=UNDO, cancel=sent(50))
BACK = with_marks(UNDOING, rollback=sent(40))
LOST = with_marks(UPDATE, again=Again(number=1, since=ago(80), completed=3))
REPLAY = "the new copy completed 2 checkpoints: output since 2026-11-21T11:58:40Z comes again"
COMMITTED = "the cluster lost a copy of the release, and output since 2026-11-21T11:58:40Z is committed"
NOTHING = "the cluster lost 2 copies of the release, and none completed a checkpoint"
UNSEEN = "what the copy that was started last has committed is not known: the next operation looks at it"


@pytest.mark.parametrize(
    ("operation", "undone", "lost"),
    [
        (UPDATE, [], []),
        (UNDOING, ["it crashed"], []),
        (BACK, ["it crashed", REPLAY], []),
        (LOST, [], [COMMITTED]),
        (with_marks(BACK, again=Again(number=2, since=ago(40), completed=0)), ["it crashed", REPLAY], [NOTHING]),
    ],
)
def test_an_end_says_first_what_was_undone_and_what_was_lost(
    operation: Operation, undone: list[str], lost: list[str]
) -> None:
    """Output is said to come again only once the old release is started again."""
    assert with_undo(operation, "over") == "; ".join([*undone, "over"])
    assert with_past(operation, "over") == "; ".join([*undone, *lost, "over"])
    assert unseen(operation, "over") == "; ".join([*undone, *lost, "over", UNSEEN])


def test_a_rollback_that_does_not_begin_says_what_would_come_again() -> None:
    """The start is not written down yet, and whatever starts from that state writes the output again."""
    assert with_past(UPDATE, "over", undo=UNDO) == f"it crashed; {REPLAY}; over"


def test_an_operation_that_started_nothing_hides_nothing() -> None:
    """There is no copy that could have committed anything."""
    assert unseen(asked(Action.UPDATE, brings=NEW), "over") == "over"


def test_a_jar_that_is_refused_on_the_way_back_leaves_the_reason_of_the_way_back() -> None:
    """The refusal alone would say nothing of the copy that failed."""
    step = UploadJar(OLD, instead="it crashed; it completed no checkpoint; START continues from file:/sp/1")
    end = end_of_refused(UPDATE, step, Refused("the cluster takes no jar"))
    assert end.message == f"{step.instead}; the cluster takes no jar"
    assert end_of_refused(BACK, UploadJar(OLD), Refused("no jar")).message == f"it crashed; {REPLAY}; no jar"


def test_a_rollback_that_is_abandoned_says_what_comes_again() -> None:
    """Whoever abandons it does not know."""
    closed = abandoned(job(None, BACK), BACK, "a person", NOW)[1]
    assert closed.result
    assert closed.result.message.startswith(f"it crashed; {REPLAY}; abandoned by a person")
    assert closed.result.message.endswith(UNSEEN)
