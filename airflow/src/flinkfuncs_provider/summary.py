"""What is kept of an operation in XCom and in a trigger's event."""

from __future__ import annotations

from datetime import datetime

from .client import Json, outcome_of


def summary(operation: Json) -> Json:
    """Return what is kept of an operation in XCom: ids and the outcome, and none of what a user said."""
    result = operation.get("result") or {}
    release = operation.get("release") or {}
    return {
        "operation": operation["id"],
        "job": operation["job"],
        "action": (operation.get("request") or {}).get("action"),
        "outcome": result.get("outcome"),
        "flinkJobId": result.get("flinkJobId"),
        "releaseId": release.get("id"),
        "savepoint": result.get("savepoint") or operation.get("savepoint"),
        "downtimeSeconds": downtime(operation),
    }


def downtime(operation: Json) -> float | None:
    """Return the seconds from the first stop to the last start, of an operation that made both."""
    steps = [(step.get("step"), step.get("at")) for step in operation.get("steps") or []]
    stops = [at for step, at in steps if step in ("Stop", "Cancel")]
    starts = [at for step, at in steps if step == "Start"]
    if outcome_of(operation) not in ("SUCCEEDED", "ROLLED_BACK", "UNPROVEN") or not stops or not starts:
        return None
    return round((time_of(starts[-1]) - time_of(stops[0])).total_seconds(), 3)


def message_of(operation: Json) -> str:
    """Return why it ended so, for people."""
    result = operation.get("result") or {}
    return f"{result.get('message', '')}{f' [{code}]' if (code := result.get('code')) else ''}"


def time_of(text: str) -> datetime:
    """Read a time of the API, which ends in Z."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
