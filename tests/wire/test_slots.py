"""What becomes of a release that cannot get its slots: the real loop, on a stand-in for Flink."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Operation, Outcome
from flinkfuncs.core.releases import Release, Spec
from flinkfuncs.core.steps import Learned, Step, Stop
from tests.stand_in.rest import FlinkServer
from tests.unit.builders import ORDERS, asked, with_marks
from tests.wire.session import BRIEF, Session, jar_of_its_own
from tests.wire.storage import Storage

SOON = replace(BRIEF, start_seconds=10)  # until a start is late


class Wide(Session):
    """A cluster on which each operation brings a jar of its own, with a spec."""

    def __init__(self, storage: Storage, server: FlinkServer, spec: Spec) -> None:
        """Choose the spec."""

        def keep(record: JobRecord, operation: Operation) -> Release:
            return jar_of_its_own(storage, record, operation).model_copy(update={"spec": spec})

        super().__init__(storage, server, keeper=keep, limits=SOON)


def driven(storage: Storage, cluster: Session, action: Action) -> Operation:
    """Ask for an action, drive it, and return the closed operation."""
    now = storage.clock.now()
    operation = with_marks(asked(action, identity=action.value), requested_at=now, progressed_at=now, driven_at=None)
    entry = storage.ledger().entry(ORDERS)
    record = entry.record if entry else JobRecord(name=ORDERS)
    storage.ledger().write(record.but(open=(*record.open, operation)), etag=entry.etag if entry else None)
    storage.driver(cluster).drive(ORDERS)
    closed = storage.ledger().closed(operation.id)
    assert closed, "the operation is not closed"
    return closed


@pytest.mark.parametrize(
    ("parallelism", "required", "ends"),
    [
        (4, True, "SUCCEEDED None"),  # three are free, and the old copy's is the fourth
        (5, True, "REFUSED NotEnoughSlots"),
        (5, False, "ROLLED_BACK RolledBack warned"),  # it asked for more than there are
    ],
)
def test_a_release_is_refused_before_the_stop_where_its_slots_are_required_and_cannot_be(
    storage: Storage, flink: FlinkServer, parallelism: int, ends: str, *, required: bool
) -> None:
    """The job runs on untouched; without requireSlots the update begins, with a warning, and leads back."""
    assert driven(storage, Session(storage, flink), Action.NEW).result
    running = flink.flink.running_ids()
    cluster = Wide(storage, flink, Spec(parallelism=parallelism, require_slots=required))
    update = driven(storage, cluster, Action.UPDATE)
    assert update.result
    assert update.checked
    warned = " warned" if any("slots" in warning for warning in update.checked.warnings) else ""
    assert f"{update.result.outcome} {update.result.code}{warned}" == ends
    untouched = not any(isinstance(step, Stop) for step in cluster.acts)
    assert untouched is (flink.flink.running_ids() == running) is ends.startswith("REFUSED")


def test_a_new_job_is_refused_where_its_slots_are_required_and_cannot_be(storage: Storage, flink: FlinkServer) -> None:
    """Nothing is started."""
    new = driven(storage, Wide(storage, flink, Spec(parallelism=5, require_slots=True)), Action.NEW)
    assert new.result
    assert (new.result.outcome, new.result.code, flink.flink.jobs) == (Outcome.REFUSED, "NotEnoughSlots", {})


class Losing(Session):
    """A cluster that loses slots behind each stop."""

    def __init__(self, storage: Storage, server: FlinkServer) -> None:
        """Lose nothing yet."""
        super().__init__(storage, server, limits=SOON)

    def act(self, record: JobRecord, operation: Operation, step: Step) -> Learned:
        """Carry a step out."""
        fact = super().act(record, operation, step)
        if isinstance(step, Stop):
            self.flink.slots = 0
        return fact


def test_a_release_is_not_blamed_for_slots_that_are_gone_since_it_was_checked(
    storage: Storage, flink: FlinkServer
) -> None:
    """It is kept, and runs once there are slots; nothing is remembered against it."""
    cluster = Losing(storage, flink)
    driven(storage, cluster, Action.NEW)
    update = driven(storage, cluster, Action.UPDATE)
    assert update.result
    assert (update.result.outcome, update.result.code) == (Outcome.UNPROVEN, "Unproven")
    assert "it completed no checkpoint" in update.result.message
    entry = storage.ledger().entry(ORDERS)
    assert entry
    assert (entry.record.wanted, entry.record.rolled_back) == (update.release, ())
    assert flink.flink.running_ids() == [update.token("copy")]
