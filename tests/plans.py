"""A plan as the app replies with it, with every field."""

from __future__ import annotations

from typing import Any

PLAN_ID = "6f0c1d2e3f4a5b6c.9e0f000000000000"
PLAN: dict[str, Any] = {
    "id": PLAN_ID,
    "verdict": "WILL_DO",
    "action": "UPDATE",
    "steps": [{"step": "Stop", "detail": "with a savepoint"}, {"step": "Start", "detail": "as the new release"}],
    "stops": {"flinkJobId": "7b1c", "status": "RUNNING", "releaseId": "5c1d" + "0" * 60},
    "state": {
        "path": "abfs://savepoints@acc/orders",
        "kind": "stop",
        "takenAt": "2026-11-28T01:00:18Z",
        "sizeBytes": 2048,
    },
    "release": {"id": "9e0f" + "0" * 60, "jarName": "orders-3.jar", "sizeBytes": 10240},
    "spec": [
        {"field": "sha256", "before": "a" * 64, "after": "b" * 64},
        {"field": "parallelism", "before": 2, "after": 4},
        {"field": "flinkConfiguration.state.backend", "after": "rocksdb"},
        {"field": "args", "before": ["--topic", "orders"]},
    ],
    "operators": {
        "kept": ["aa5c", "bb6d"],
        "new": ["dd8b"],
        "gone": [{"id": "cc7a", "name": "count", "stateBytes": 12_900_000}],
        "withoutUid": ["Map -> Filter"],
        "maxParallelism": 128,
    },
    "slots": {"needed": 4, "free": 8},
    "warnings": ["1 operator has no uid"],
    "expectedDowntimeSeconds": 0.9,
    "rollback": {"about": "starts release 5c1d again from the savepoint of the stop", "releaseId": "5c1d" + "0" * 60},
    "somethingNew": {"that": "no version knows"},
}
