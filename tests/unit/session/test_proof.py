"""What proves a new copy, and what follows when it fails: every row of `proof`, `rollback` and `sending`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Again, Mark, Operation, Settling, Undo
from flinkfuncs.core.releases import Release, Spec
from flinkfuncs.core.session.blame import Blame, Failure
from flinkfuncs.core.session.facts import (
    CopySeen,
    CopyState,
    TriggerDone,
    TriggerFailed,
    TriggerRunning,
    TriggerSeen,
    TriggerUnknown,
)
from flinkfuncs.core.session.sending import release_to_send
from flinkfuncs.core.session.table import next_step
from flinkfuncs.core.steps import End
from tests.unit.builders import (
    LIMITS,
    NEW,
    OLD,
    ago,
    asked,
    copy_of,
    failures,
    job,
    look,
    own,
    release,
    said,
    savepoint,
    sent,
)
from tests.unit.builders import with_marks as marked

UPDATE = asked(Action.UPDATE, brings=NEW)
STATE = "file:///sp/last"
RELEASE, CLUSTER, SLOTS = Blame.RELEASE, Blame.CLUSTER, Blame.SLOTS
DONE, FAILED, TAKEN = TriggerDone("chk-7"), TriggerFailed("no"), TriggerRunning()


def proving(
    *,
    restores: int = 1,
    failures: tuple[Failure, ...] = (),
    completed_at: datetime | None = None,
    completed: int = 0,
    restored: str = STATE,
    settled: Settling | None = None,
    asked_for: Mark | None = None,
    checkpoint: TriggerSeen | None = None,
    started: Mark | None = None,
    batch: bool = False,
) -> tuple[Operation, JobRecord, CopySeen]:
    """Return an update whose new copy runs from its savepoint."""
    operation = marked(
        UPDATE,
        start=started or sent(20),
        stop=sent(30),
        savepoint=STATE,
        settling=settled,
        checkpoint=asked_for,
        checkpoints=1 if asked_for else 0,
    )
    new = copy_of(NEW, flink_job_id=UPDATE.token("copy"), operation=UPDATE.id, savepoint=STATE)
    record = job(new, operation, savepoints=(savepoint(STATE),)).but(previous=copy_of(OLD))
    copy = CopySeen(
        CopyState.RUNNING,
        restored_from=restored,
        restored_savepoint=restored == STATE,
        restores=restores,
        failures=failures,
        completed=completed,
        completed_at=completed_at,
        checkpoint=checkpoint or TriggerUnknown(),
        batch=batch,
    )
    return operation, record, copy


def settling(seconds_ago: float, restarts: int = 0) -> Settling:
    """Return since when the copy has run without a restart."""
    return Settling(since=ago(seconds_ago), restarts=restarts, restored_from=STATE)


REFUSED_ONCE, REFUSED_AGAIN = sent(20, refused="x", unanswered=0), sent(20, refused="x", unanswered=1)
PROVED = {"settled": settling(11), "asked_for": sent(2), "checkpoint": DONE}


@pytest.mark.parametrize(
    ("given", "step"),
    [
        # 3 of its own fault since the newest checkpoint
        ({"failures": own(3)}, "Cancel own"),
        ({"failures": own(3), "completed_at": ago(2)}, "Cancel own"),
        ({"failures": failures(SLOTS, RELEASE, CLUSTER, RELEASE, RELEASE)}, "Cancel own"),
        # … fewer, or a checkpoint was completed since, or the cluster is to blame: settling begins anew
        ({"failures": own(2)}, "Wait listed"),
        ({"failures": own(9), "completed_at": ago(0.5), "completed": 4}, "Wait listed"),
        ({"failures": failures(*[SLOTS] * 15, CLUSTER), "restores": 17}, "Wait listed"),
        ({"failures": failures(*[CLUSTER] * 16), "restores": 17}, "Wait listed"),
        ({"restores": 4}, "Wait listed"),
        # settling begins, and begins anew after a restart
        ({}, "Wait listed"),
        ({"restores": 2, "settled": settling(11)}, "Wait listed"),
        ({"settled": settling(9)}, "Wait listed"),
        # settled: the checkpoint
        ({"settled": settling(11)}, "TakeCheckpoint own"),
        ({"restores": 2, "settled": settling(11, restarts=1)}, "TakeCheckpoint own"),
        ({"settled": settling(11), "asked_for": sent(2), "checkpoint": TAKEN}, "Wait"),
        ({"settled": settling(11), "asked_for": sent(0), "checkpoint": FAILED}, "Wait"),
        ({"settled": settling(11), "asked_for": sent(2), "checkpoint": FAILED}, "TakeCheckpoint own"),
        ({"settled": settling(11), "asked_for": sent(2)}, "TakeCheckpoint own"),
        ({"settled": settling(11), "asked_for": sent(2), "checkpoint": DONE}, "SUCCEEDED wants new listed"),
        # batch mode: none is asked for
        ({"settled": settling(9), "batch": True}, "Wait listed"),
        ({"settled": settling(11), "batch": True}, "UNPROVEN BatchJob wants new listed"),
        ({"settled": settling(11), "batch": True, "failures": own(3)}, "Cancel own"),
        # main() failed after it had submitted the job; a repeat is refused since its id is taken
        (
            {"started": REFUSED_ONCE, **PROVED},
            "SUCCEEDED MainFailed wants new listed",
        ),
        (
            {"started": REFUSED_AGAIN, **PROVED},
            "SUCCEEDED wants new listed",
        ),
        # a checkpoint of a copy that restarted since proves nothing
        ({"restores": 2, "settled": settling(11), "asked_for": sent(2), "checkpoint": DONE}, "Wait listed"),
        # nor does one of a copy that another JobManager took over, however often either restarted it
        ({"restored": "file:/cp/chk-4", "settled": settling(11)}, "Wait listed"),
        # the deadline
        ({"started": sent(301), "settled": settling(11)}, "UNPROVEN Unproven wants new listed"),
        ({"started": sent(301), "restores": 2, "settled": settling(5, 1)}, "UNPROVEN Unproven wants new listed"),
        ({"started": sent(301), "restores": 3, "settled": settling(5, 2)}, "UNPROVEN Unproven wants new listed"),
        ({"started": sent(301), "failures": own(1)}, "UNPROVEN Unproven wants new listed"),
        ({"started": sent(301), "failures": own(2)}, "Cancel own"),
        ({"started": sent(301), "failures": own(2), "completed_at": ago(0.5)}, "UNPROVEN Unproven wants new listed"),
        ({"started": sent(301), "failures": failures(*[SLOTS] * 9)}, "UNPROVEN Unproven wants new listed"),
        (
            {"started": sent(301), "settled": settling(11), "asked_for": sent(2), "checkpoint": DONE},
            "SUCCEEDED wants new listed",
        ),
    ],
)
def test_a_copy_is_proved_by_settling_and_a_checkpoint_that_we_ask_for(given: dict[str, object], step: str) -> None:
    """RUNNING alone proves nothing; a release is condemned only by what is its own fault and stops its progress."""
    operation, record, copy = proving(**given)  # type: ignore[arg-type]
    assert said(next_step(operation, record, look(copy), LIMITS), operation, record) == step


def failing(
    copy: CopyState | CopySeen,
    *,
    start: Mark | None = None,
    on_failure: Literal["rollback", "stop"] = "rollback",
    stopped: bool = True,
    jar: bool = True,
    undo: Undo | None = None,
    cancel: Mark | None = None,
    rollback: Mark | None = None,
    vanished_seconds: float | None = None,
    ended_seconds: float | None = 11,
) -> tuple[str, str]:
    """Return the next step of an update whose new copy is no good, and the message of its end."""
    new: Release = release("new", Spec(on_failure=on_failure))
    operation = marked(
        UPDATE,
        start=start or sent(20),
        stop=sent(30) if stopped else None,
        savepoint=STATE if stopped else None,
        undo=undo,
        cancel=cancel,
        rollback=rollback,
        vanished_at=ago(vanished_seconds) if vanished_seconds is not None else None,
        ended_at=ago(ended_seconds) if ended_seconds is not None else None,
    )
    own = UPDATE.token("rollback" if rollback else "copy")
    current = copy_of(OLD if rollback else new, flink_job_id=own, seen=rollback is None and start != REFUSED)
    record = job(current.model_copy(update={"savepoint": STATE}), operation, savepoints=(savepoint(STATE),))
    record = record.but(previous=copy_of(OLD))
    step = next_step(operation, record, look(copy, jar=jar), LIMITS)
    return said(step, operation, record), step.message if isinstance(step, End) else ""


UNDO = Undo(reason="it crashed", at=ago(5), started_at=ago(20), completed=2)
REFUSED = sent(20, refused="main() threw", unanswered=0)
LOOP = CopySeen(CopyState.RESTARTING, failures=own(3))


@pytest.mark.parametrize(
    ("given", "step"),
    [
        # nothing was stopped for it
        ({"copy": CopyState.FAILED, "stopped": False}, "FAILED StartFailed ended FAILED"),
        ({"copy": LOOP, "stopped": False}, "FAILED CrashLoop listed"),
        # onFailure stop
        ({"copy": CopyState.FAILED, "on_failure": "stop"}, f"FAILED StartFailed ended FAILED with {STATE}"),
        ({"copy": LOOP, "on_failure": "stop"}, "Cancel own"),
        (
            {"copy": CopyState.CANCELED, "on_failure": "stop", "undo": UNDO, "cancel": sent(2)},
            f"FAILED NewCopyFailed ended CANCELED with {STATE}",
        ),
        # rollback
        ({"copy": CopyState.FAILED}, f"Start old as rollback from {STATE}"),
        ({"copy": CopyState.FAILED, "jar": False}, "UploadJar old"),
        ({"copy": CopyState.ABSENT, "start": REFUSED}, f"Start old as rollback from {STATE}"),
        ({"copy": LOOP}, "Cancel own"),
        ({"copy": CopySeen(CopyState.STARTING, failures=failures(SLOTS)), "start": sent(301)}, "Cancel own"),
        ({"copy": CopySeen(CopyState.RUNNING, restored_from="file:/else")}, "Wait listed"),
        ({"copy": LOOP, "undo": UNDO, "cancel": sent(2)}, "Wait here"),
        ({"copy": CopyState.CANCELED, "undo": UNDO, "cancel": sent(2), "ended_seconds": None}, "Wait ended here"),
        ({"copy": CopyState.CANCELED, "undo": UNDO, "cancel": sent(2), "ended_seconds": 9}, "Wait here"),
        # the cluster's fault
        (
            {"copy": CopySeen(CopyState.RESTARTING, failures=failures(CLUSTER)), "start": sent(301)},
            "UNPROVEN Unproven wants new listed",
        ),
        (
            {"copy": CopySeen(CopyState.STARTING, failures=failures(SLOTS), slots_gone=True), "start": sent(301)},
            "UNPROVEN Unproven wants new listed",
        ),
        (
            {"copy": CopySeen(CopyState.STARTING, slots_gone=True), "start": sent(301)},
            "UNPROVEN Unproven wants new listed",
        ),
        ({"copy": LOOP, "undo": UNDO, "cancel": sent(2, unanswered=0)}, "Cancel own"),
        ({"copy": LOOP, "undo": UNDO, "cancel": sent(31)}, "Cancel own"),
        ({"copy": CopyState.CANCELLING, "undo": UNDO, "cancel": sent(31)}, "Wait here"),
        ({"copy": CopyState.CANCELLING, "undo": UNDO, "cancel": sent(3601)}, "FAILED RollbackFailed"),
        ({"copy": CopyState.CANCELED, "undo": UNDO, "cancel": sent(2)}, f"Start old as rollback from {STATE}"),
        ({"copy": CopyState.ABSENT, "undo": UNDO, "cancel": sent(2)}, "Wait vanished"),
        (
            {"copy": CopyState.ABSENT, "undo": UNDO, "cancel": sent(99), "vanished_seconds": 81},
            f"Start old as rollback from {STATE}",
        ),
        # the rollback itself
        ({"copy": CopyState.FAILED, "undo": UNDO, "rollback": sent(9)}, "FAILED RollbackFailed ended FAILED"),
        ({"copy": LOOP, "undo": UNDO, "rollback": sent(9)}, "FAILED RollbackFailed listed"),
        ({"copy": CopyState.ABSENT, "undo": UNDO, "rollback": sent(31)}, f"Start old as rollback from {STATE}"),
    ],
)
def test_a_bad_copy_is_made_terminal_before_the_old_release_is_started(given: dict[str, object], step: str) -> None:
    """From the same savepoint, under an id of its own, and only where this operation had stopped the old release."""
    assert failing(**given)[0] == step  # type: ignore[arg-type]


def test_when_nothing_works_the_end_says_what_there_is_to_go_on_from() -> None:
    """Why the new copy failed, why the old one did, and the savepoint."""
    _, message = failing(CopySeen(CopyState.FAILED, failure="no slots"), undo=UNDO, rollback=sent(9))
    assert "it crashed" in message
    assert "no slots" in message
    assert STATE in message


def test_an_update_from_a_named_savepoint_that_fails_leads_back_to_the_savepoint_of_its_stop() -> None:
    """The named one is older than what the job had when it was stopped: the rollback loses nothing."""
    earlier = "file:///sp/earlier"
    asked_for = asked(Action.UPDATE, brings=NEW, named=earlier)
    operation = marked(asked_for, start=sent(20), stop=sent(30), savepoint=STATE, ended_at=ago(11))
    new = copy_of(NEW, flink_job_id=operation.token("copy"), operation=operation.id, savepoint=earlier)
    record = job(new, operation, savepoints=(savepoint(earlier), savepoint(STATE))).but(previous=copy_of(OLD))
    step = next_step(operation, record, look(CopyState.FAILED), LIMITS)
    assert said(step, operation, record) == f"Start old as rollback from {STATE}"


@pytest.mark.parametrize(
    ("completed", "at_least", "words"),
    [
        (0, False, "have nothing of it"),
        (2, False, "completed 2 checkpoints: output since 2026-11-21T11:59:40Z comes again"),
        (0, True, "vanished after 0 checkpoints or more: output since 2026-11-21T11:59:40Z may come again"),
        (2, True, "vanished after 2 checkpoints or more: output since 2026-11-21T11:59:40Z may come again"),
    ],
)
def test_a_rollback_says_whether_output_comes_again(completed: int, words: str, *, at_least: bool) -> None:
    """No checkpoint of the new copy, no output of it; else it says from when output is written again.

    Of a copy that vanished the last count is not known: there may be more checkpoints than were seen.
    """
    operation, record, copy = proving(settled=settling(11), asked_for=sent(2), checkpoint=DONE)
    undo = UNDO.model_copy(update={"completed": completed, "at_least": at_least})
    operation = marked(operation, undo=undo, rollback=sent(20))
    step = next_step(operation, record.with_operation(operation), look(copy), LIMITS)
    assert isinstance(step, End)
    assert (step.outcome, step.wanted) == ("ROLLED_BACK", None)
    assert words in step.message


def ends(copy: CopySeen, *, undo: Undo | None = UNDO, again: Again | None = None) -> str:
    """Return the message with which a rollback, or (without an undo) an update without a way back, fails."""
    operation = marked(UPDATE, start=sent(20), stop=sent(30), savepoint=STATE if undo else None, again=again)
    operation = marked(operation, ended_at=ago(11))
    if undo:
        operation = marked(operation, undo=undo, rollback=sent(400))
    own_copy = copy_of(OLD if undo else NEW, flink_job_id=UPDATE.token("rollback" if undo else "copy"), savepoint=STATE)
    record = job(own_copy, operation, savepoints=(savepoint(STATE),)).but(previous=copy_of(OLD))
    step = next_step(operation, record, look(copy), LIMITS)
    assert isinstance(step, End)
    return step.message


T_NEW, T_OLD = "2026-11-21T11:59:40Z", "2026-11-21T11:59:00Z"  # when the new copy, and that of the rollback, started


@pytest.mark.parametrize(
    ("copy", "undo", "words"),
    [
        # the rollback failed: what both copies committed, and from where a START continues
        (CopySeen(CopyState.FAILED), UNDO, [f"completed 2 checkpoints: output since {T_NEW} comes again", "it completed no checkpoint", f"START continues from {STATE}"]),
        (CopySeen(CopyState.FAILED, completed=3), UNDO, [f"it completed 3 checkpoints, so its output since {T_OLD} is committed", "START continues from its newest checkpoint", f"savePointName {STATE} goes back, and output since {T_OLD} comes again"]),
        (CopySeen(CopyState.RESTARTING, failures=own(3)), UNDO, ["the rollback failed, too", "an upload continues from its newest state, CANCEL ends it"]),
        (CopySeen(CopyState.RESTARTING, failures=failures(SLOTS)), UNDO, ["the old release was started again", "it is kept", "an upload continues"]),
        (CopySeen(CopyState.CANCELED, completed=3), UNDO, ["it crashed", f"output since {T_NEW} comes again", "cancelled by somebody else", f"its output since {T_OLD} is committed"]),
        # there was no way back
        (CopySeen(CopyState.FAILED, completed=1), None, ["is committed", f"savePointName {STATE} goes back"]),
        (CopySeen(CopyState.FAILED), None, ["exactly-once sinks have nothing of it", f"START continues from {STATE}"]),
        (CopySeen(CopyState.CANCELED, completed=1), None, ["cancelled by somebody else", "is committed", "START continues from its newest checkpoint"]),
        (CopySeen(CopyState.RESTARTING, restored_from="file:/cp/chk-1", failures=own(3)), None, ["it completed 1 checkpoints", "CANCEL ends it"]),
    ],
)  # fmt: skip
def test_every_end_after_a_new_copy_says_what_it_committed_and_what_to_do(
    copy: CopySeen, undo: Undo | None, words: list[str]
) -> None:
    """No end advises a state that the job has left behind without saying what comes again."""
    message = ends(copy, undo=undo)
    assert [part for part in words if part not in message] == [], message


def test_what_a_lost_copy_committed_is_not_forgotten() -> None:
    """Its output counts to that of the copy that was started in its place."""
    again = Again(number=1, since=ago(200), completed=4, savepoint=STATE)
    message = ends(CopySeen(CopyState.FAILED, completed=3), undo=None, again=again)
    assert "it completed 7 checkpoints, so its output since 2026-11-21T11:56:40Z is committed" in message


SAVED: dict[str, object] = {"savepoint": "file:///sp/1"}


@pytest.mark.parametrize(
    ("given", "copy", "sends"),
    [
        ({"start": sent(2), "stop": sent(9)}, CopyState.ABSENT, "new"),
        ({"start": sent(2), "stop": sent(9)}, CopyState.RUNNING, None),
        ({"start": sent(2), "stop": sent(9)} | SAVED, CopyState.FAILED, "old"),
        ({"start": sent(2), "stop": sent(9)}, CopyState.FAILED, "new"),
        ({"cancel": sent(9)}, CopyState.CANCELLING, None),
        ({"cancel": sent(9)}, CopyState.CANCELED, "new"),
        ({"start": sent(2)}, CopyState.FAILED, "new"),
        ({"start": REFUSED, "stop": sent(9)} | SAVED, CopyState.ABSENT, "old"),
        ({"start": sent(2), "stop": sent(9), "undo": UNDO} | SAVED, CopyState.CANCELLING, "old"),
        ({"start": sent(2), "stop": sent(9), "undo": UNDO, "rollback": sent(1)}, CopyState.RUNNING, None),
        ({"stop": sent(9)}, CopyState.RUNNING, None),
        ({"stop": sent(9)}, CopyState.FINISHED, "new"),
        ({}, CopyState.RUNNING, "new"),
    ],
)
def test_the_jar_of_what_may_come_next_is_looked_for(
    given: dict[str, object], copy: CopyState, sends: str | None
) -> None:
    """One question a look; nothing is asked while nothing can be sent."""
    operation = marked(UPDATE, **given)
    record = job(copy_of(NEW), operation).but(previous=copy_of(OLD))
    found = release_to_send(operation, record, CopySeen(copy))
    assert (found and found.jar_name) == (sends and f"{sends}.jar")
