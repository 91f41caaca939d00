"""What an app replies to the command line, recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from tests.command_line import CommandLine

from .server import Answer, Fault, LocalServer, serving

ID = "20261128T014916Z-orders-3f2a9c1b7d4e"
OPERATION = f"/api/operations/{ID}"
STEPS = [
    {"at": "2026-11-28T01:49:17.123456Z", "step": "Stop", "detail": "into file:///savepoints/orders"},
    {"at": "2026-11-28T02:49:18+01:00", "step": "Start", "detail": "as 7b1c"},
]
SEEN: dict[str, Any] = {"id": ID, "job": "orders", "state": "open", "request": {"action": "UPDATE"}, "steps": []}
JOB = {
    "name": "orders",
    "status": "RUNNING",
    "release": {"id": "5c1d", "jarName": "orders-2.jar", "spec": {"parallelism": 2}},
    "copy": {"flinkJobId": "7b1c", "startedAt": "2026-11-28T01:49:18+00:00"},
    "last": {"id": ID, "action": "UPDATE", "outcome": "SUCCEEDED", "message": "runs"},
    "somethingNew": {"that": "no version knows"},
}
Answers: TypeAlias = Mapping[str, Sequence[Answer | Fault]]


def ended(outcome: str, message: str = "what came of it", **more: object) -> dict[str, Any]:
    result = {"outcome": outcome, "message": message, "endedAt": "2026-11-28T01:49:20Z", **more}
    return SEEN | {"state": "closed", "steps": STEPS, "result": result}


def problem(status: int, code: str, detail: str = "why not") -> Answer:
    type_ = f"urn:flinkfuncs:problem:{code}"
    return Answer(status, {"type": type_, "title": "x", "status": status, "code": code, "detail": detail})


@contextmanager
def app(home: Path, answers: Answers) -> Iterator[tuple[CommandLine, LocalServer]]:
    """An app of recorded replies, and the command line."""
    with serving(answers) as server:
        yield CommandLine(server.url, home), server
