"""A plan as the app replies with it, with every field, and one that no version knows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flinkfuncs.api import shown
from flinkfuncs.core.actions import Action

PLAN_ID = "6f0c1d2e3f4a5b6c.9e0f000000000000"
PLAN_MODEL = shown.Plan(
    id=PLAN_ID,
    verdict="WILL_DO",
    action=Action.UPDATE,
    steps=(
        shown.StepAhead(step="Stop", detail="with a savepoint"),
        shown.StepAhead(step="Start", detail="as the new release"),
    ),
    stops=shown.Stops(flink_job_id="7b1c", status="RUNNING", release_id="5c1d" + "0" * 60),
    state=shown.StateTaken(
        path="abfs://savepoints@acc/orders",
        kind="stop",
        taken_at=datetime(2026, 11, 28, 1, 0, 18, tzinfo=UTC),
        size_bytes=2048,
    ),
    release=shown.Release(
        id="9e0f" + "0" * 60, sha256="b" * 64, jar_name="orders-3.jar", size_bytes=10240, spec=shown.Spec()
    ),
    spec=(
        shown.Difference(field="sha256", before="a" * 64, after="b" * 64),
        shown.Difference(field="parallelism", before=2, after=4),
        shown.Difference(field="flinkConfiguration.state.backend", after="rocksdb"),
        shown.Difference(field="args", before=("--topic", "orders")),
    ),
    operators=shown.Operators(
        kept=("aa5c", "bb6d"),
        new=("dd8b",),
        gone=(shown.OperatorGone(id="cc7a", name="count", state_bytes=12_900_000),),
        without_uid=("Map -> Filter",),
        max_parallelism=128,
    ),
    slots=shown.Slots(needed=4, free=8),
    warnings=("1 operator has no uid",),
    expected_downtime_seconds=0.9,
    rollback=shown.Rollback(
        about="starts release 5c1d again from the savepoint of the stop", release_id="5c1d" + "0" * 60
    ),
)
PLAN: dict[str, Any] = {**PLAN_MODEL.as_json(), "somethingNew": {"that": "no version knows"}}
