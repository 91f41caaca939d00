"""Which steps follow the first one that acts, and what would a rollback do? The table of `ahead`, row by row."""

from __future__ import annotations

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import Adopted, Copy
from flinkfuncs.core.operations import Checked, Operation
from flinkfuncs.core.releases import Spec
from flinkfuncs.core.session.ahead import ahead, way_back
from flinkfuncs.core.session.verdicts import BATCH
from flinkfuncs.core.steps import Cancel, Start, Stop, Trigger
from tests.unit.builders import NEW, NOW, OLD, OLD_ID, asked, copy_of, job, with_marks

RECORD = job(copy_of())
STOP = Stop(OLD_ID, "t", "file:///sp/orders/an-operation", "CANONICAL")
TRIGGER = Trigger(OLD_ID, "t", "file:///sp/orders/an-operation", "CANONICAL")
CANCEL = Cancel(OLD_ID)
START = Start("3" * 32, NEW, "file:/sp/1")
FRESH = Start("3" * 32, NEW, None)


def brings(action: Action, **options: object) -> Operation:
    """An operation with its release; it names a savepoint where that is said."""
    operation = asked(action, brings=NEW)
    return with_marks(operation, request=operation.request.model_copy(update=options))


@pytest.mark.parametrize(
    ("operation", "first", "steps"),
    [
        (asked(Action.STOP), STOP, ["Stop"]),
        (asked(Action.CANCEL), CANCEL, ["Cancel"]),
        (asked(Action.SAVEPOINT), TRIGGER, ["Trigger"]),
        (brings(Action.UPDATE), STOP, ["Stop", "Start from its savepoint", "TakeCheckpoint"]),
        (brings(Action.UPDATE, save_point_name="s"), STOP, ["Stop", "Start from s", "TakeCheckpoint"]),
        (brings(Action.STATELESS_UPDATE), STOP, ["Stop", "Start without state", "TakeCheckpoint"]),
        (brings(Action.STATELESS_UPDATE), CANCEL, ["Cancel", "Start without state", "TakeCheckpoint"]),
        (brings(Action.LAST_STATE_UPDATE), CANCEL, ["Cancel", "Start from its newest state", "TakeCheckpoint"]),
        (brings(Action.UPDATE), CANCEL, ["Cancel", "Start from its newest state", "TakeCheckpoint"]),
        (brings(Action.UPDATE), START, ["Start from file:/sp/1", "TakeCheckpoint"]),
        (brings(Action.NEW), FRESH, ["Start without state", "TakeCheckpoint"]),
        (asked(Action.START), START, ["Start from file:/sp/1", "TakeCheckpoint"]),
    ],
)
def test_the_steps_from_the_first_one_that_acts(
    operation: Operation, first: Stop | Cancel | Start | Trigger, steps: list[str]
) -> None:
    """With where a start begins."""
    found = ahead(operation, RECORD, first)
    named = [" ".join([one.step, *one.detail.split(" ")[2:]]) if one.step == "Start" else one.step for one in found]
    assert [name.replace("Start release", "Start") for name in named] == steps


def test_a_savepoint_that_a_job_json_names_does_not_count_while_the_job_runs() -> None:
    """As `naming` has it."""
    upload = with_marks(asked(Action.UPDATE, by="upload", named="s", job_json="a"), release=NEW)
    assert ahead(upload, RECORD, STOP)[1].detail.endswith("from its savepoint")


def test_no_checkpoint_proves_a_release_in_batch_mode() -> None:
    """Flink takes none of it."""
    checked = Checked(release=NEW.id, verdict="PASSED", warnings=(BATCH,))
    batch = with_marks(brings(Action.STATELESS_UPDATE), checked=checked)
    assert [one.step for one in ahead(batch, RECORD, CANCEL)] == ["Cancel", "Start"]


STANDS_STILL = NEW.model_copy(update={"spec": Spec(on_failure="stop")})
ADOPTED = Copy(flink_job_id=OLD_ID, adopted=Adopted(name="x", parallelism=1), operation="o", started_at=NOW, seen=True)


@pytest.mark.parametrize(
    ("operation", "first", "about", "back"),
    [
        (brings(Action.UPDATE), STOP, "started again from the savepoint of the stop", OLD.id),
        (brings(Action.STATELESS_UPDATE), STOP, "started again from the savepoint of the stop", OLD.id),
        (brings(Action.LAST_STATE_UPDATE), CANCEL, "started again from the state", OLD.id),
        (brings(Action.UPDATE), CANCEL, "none: this operation ends no copy", None),
        (brings(Action.UPDATE), START, "none: this operation ends no copy", None),
        (with_marks(brings(Action.UPDATE), release=STANDS_STILL), STOP, "none: onFailure is stop", None),
    ],
)
def test_what_a_rollback_would_do(
    operation: Operation, first: Stop | Cancel | Start, about: str, back: str | None
) -> None:
    """The release that would run again, or why there is none."""
    found = way_back(operation, RECORD, first)
    assert found
    assert about in found.about
    assert found.release_id == back


def test_there_is_no_way_back_to_a_run_that_was_adopted_and_none_is_spoken_of_without_a_release() -> None:
    """Its jar is not known; and what brings no release cannot fail so."""
    found = way_back(brings(Action.UPDATE), job(ADOPTED), STOP)
    assert found
    assert "adopted" in found.about
    assert way_back(asked(Action.STOP), RECORD, STOP) is None
    assert way_back(asked(Action.SAVEPOINT), RECORD, TRIGGER) is None
