"""On what does the id of a plan rest, and what does an operation change?"""

from __future__ import annotations

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import Copy, JobRecord
from flinkfuncs.core.operations import Operation, Outcome, Request
from flinkfuncs.core.plans import (
    NO_RELEASE,
    Ground,
    changes_record,
    plan_id,
    record_objection,
    record_part,
    release_objection,
)
from flinkfuncs.core.releases import JarSource, SpecPatch
from flinkfuncs.core.steps import End
from flinkfuncs.core.windows import DailyWindow
from tests.unit.builders import NEW, NOW, OLD, asked, copy_of, job, release, sent, with_marks

RECORD = job(copy_of(), folder="stateful")
RUNS = Ground("RUNNING")
UPDATE = asked(Action.UPDATE)
WINDOW = DailyWindow(opens="02:00", until="05:00")


def requested(operation: Operation = UPDATE, **changes: object) -> Operation:
    """Return the operation with another request."""
    return with_marks(operation, request=operation.request.model_copy(update=changes))


def part(record: JobRecord = RECORD, operation: Operation = UPDATE, ground: Ground = RUNS) -> str:
    """Return the part of the id that needs no jar."""
    return record_part(record, operation, ground)


@pytest.mark.parametrize(
    "changed",
    [
        part(RECORD.but(wanted=NEW)),
        part(RECORD.but(wanted=None)),
        part(RECORD.but(current=None)),
        part(RECORD.but(current=copy_of(flink_job_id="2" * 32))),
        part(RECORD.but(current=copy_of(ended="STOPPED"))),
        part(RECORD.but(folder="stateless")),
        part(RECORD.but(open=(asked(Action.SAVEPOINT, identity="another"),))),
        part(ground=Ground("RESTARTING")),
        part(operation=requested(action=Action.STATELESS_UPDATE)),
        part(operation=requested(spec=SpecPatch(parallelism=2))),
        part(operation=requested(replaces_spec=True)),
        part(operation=requested(save_point_name="s")),
        part(operation=requested(folder="stateful")),
        part(operation=requested(switch_mode=True)),
        part(operation=requested(wanted_sha256="a" * 64)),
        part(operation=requested(without_savepoint=True)),
        part(operation=requested(allow_unaligned_checkpoint=True)),
        part(operation=requested(adopt="a" * 32)),
    ],
)
def test_the_id_changes_with_whatever_the_plan_rests_on(changed: str) -> None:
    """Each alone."""
    assert changed != part()


@pytest.mark.parametrize(
    "same",
    [
        part(operation=asked(Action.UPDATE, identity="another time")),
        part(operation=requested(plan=f"{NO_RELEASE}.{NO_RELEASE}")),
        part(operation=requested(jar=JarSource(place="uploads", name="elsewhere", etag="2", last_modified=NOW))),
        part(operation=requested(job_json_sha256="a" * 64)),
        part(RECORD.but(uploads_paused=True, periodic_at=NOW, uploaded_at=NOW)),
        part(RECORD.but(open=(UPDATE, asked(Action.STOP, identity="later")))),
        part(ground=Ground("RUNNING", "file:/a/checkpoint")),
    ],
)
def test_the_id_stays_whatever_else_happens(same: str) -> None:
    """A plan that is made again is the same one."""
    assert same == part()


@pytest.mark.parametrize("status", ["STOPPED", "FAILED", "CANCELED", "FINISHED", "VANISHED", "NEVER_STARTED"])
def test_where_nothing_runs_the_state_counts_unless_it_is_named_or_not_needed(status: str) -> None:
    """The newest one is taken by what needs a state and names none."""
    one, other = Ground(status, "file:/1"), Ground(status, "file:/2")
    assert part(ground=one) != part(ground=other)
    for operation in (requested(save_point_name="s"), requested(action=Action.STATELESS_UPDATE)):
        assert part(operation=operation, ground=one) == part(operation=operation, ground=other)


def test_a_job_that_the_upload_itself_adopted_does_not_count() -> None:
    """It was not there when the upload was planned."""
    upload = asked(Action.UPDATE, by="upload")
    record = job(wanted=None)
    adopted = Copy(flink_job_id="a" * 32, operation=upload.id, started_at=NOW)
    assert part(record.but(current=adopted), upload, RUNS) == part(record, upload, Ground("NONE"))


def planned(operation: Operation, ground: Ground = RUNS, record: JobRecord = RECORD) -> Operation:
    """Return the operation with its own plan."""
    return requested(operation, plan=plan_id(record, operation, ground, operation.release))


def test_an_upload_is_held_against_both_parts_and_a_call_against_its_release() -> None:
    """The intake has held the call against the record."""
    upload, call = (planned(asked(Action.UPDATE, by=by, brings=NEW)) for by in ("upload", "http"))
    for operation in (upload, call):
        assert record_objection(operation, RECORD, RUNS) is None
        assert release_objection(operation) is None
        other = release_objection(with_marks(operation, release=release("other")))
        assert other
        assert (other.outcome, other.code) == (Outcome.REFUSED, "PlanChanged")
    changed = record_objection(upload, RECORD, Ground("RESTARTING"))
    assert changed
    assert (changed.outcome, changed.code) == (Outcome.REFUSED, "PlanChanged")
    assert record_objection(call, RECORD, Ground("RESTARTING")) is None


def test_what_has_acted_or_was_not_planned_is_not_held_against_anything() -> None:
    """What was begun is carried on."""
    upload = planned(asked(Action.UPDATE, by="upload", brings=NEW))
    acted = with_marks(upload, stop=sent(), release=release("other"))
    free = requested(acted, plan=None)
    for operation in (acted, with_marks(free, stop=None)):
        assert record_objection(operation, RECORD, Ground("RESTARTING")) is None
        assert release_objection(operation) is None


def test_a_plan_without_a_release_takes_none() -> None:
    """A jar that could not be read when it was planned is another one when it can."""
    unread = planned(asked(Action.UPDATE))
    assert release_objection(unread) is None
    assert release_objection(with_marks(unread, release=NEW))


def test_an_end_changes_the_record_where_it_forgets_wants_or_has_adopted() -> None:
    """What only says how things are does not."""
    adopted = RECORD.but(current=copy_of(operation=UPDATE.id))
    end = End(Outcome.SUCCEEDED, "")
    assert not changes_record(end, RECORD, UPDATE)
    assert not changes_record(End(Outcome.SUCCEEDED, "", wanted=OLD), RECORD, UPDATE)
    assert changes_record(End(Outcome.SUCCEEDED, "", wanted=NEW), RECORD, UPDATE)
    assert changes_record(End(Outcome.SUCCEEDED, "", forget=True), RECORD, UPDATE)
    windowed = OLD.model_copy(update={"spec": OLD.spec.patched(SpecPatch(update_window=WINDOW))})
    assert windowed.same_as(OLD)
    assert changes_record(End(Outcome.SUCCEEDED, "", wanted=windowed), RECORD, UPDATE)
    assert changes_record(end, adopted, UPDATE)


def test_an_id_is_what_a_request_takes() -> None:
    """Its shape is checked where it comes in."""
    made = plan_id(RECORD, UPDATE, RUNS, NEW)
    assert Request.model_validate({"action": "STOP", "plan": made}).plan == made
    assert made.endswith(NEW.id[:16])
    with pytest.raises(ValueError, match="plan"):
        Request.model_validate({"action": "STOP", "plan": made.upper() + "0"})
