"""What is told of an operation, as an OTLP endpoint on loopback gets it from the app in its host."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.otlp import Received, SeenSpan, receiving
from tests.stand_in.rest import FlinkServer, flink_server

from .app import RunningApp, eventually
from .conftest import StartApp
from .test_events import operations

JAR = (Path(__file__).parents[2] / "examples" / "jars" / "sequence-1.jar").read_bytes()
OTHER_JAR = (Path(__file__).parents[2] / "examples" / "jars" / "sequence-2.jar").read_bytes()
ON = {"PYTHON_ENABLE_OPENTELEMETRY": "true", "OTEL_BSP_SCHEDULE_DELAY": "200"}


@pytest.fixture(scope="module")
def received() -> Iterator[Received]:
    with receiving() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def flink() -> Iterator[FlinkServer]:
    with flink_server() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def told_app(start_app: StartApp, received: Received, flink: FlinkServer) -> RunningApp:
    """An app that tells everything, on a small Flink."""
    settings = {"FLINK_REST_URL": flink.url, "SETTLE_SECONDS": "0.2", "LEASE_SECONDS": "4"}
    return start_app("told", {**ON, **settings, "OTEL_EXPORTER_OTLP_ENDPOINT": received.url})


def uploaded(app: RunningApp, job: str, file: str, jar: bytes) -> None:
    app.put_blob(f"stateful/{job}/{file}", jar)
    assert app.blob_event("stateful_jar", f"stateful/{job}/{file}").status_code == 202


def ended(app: RunningApp, job: str, number: int) -> dict[str, Any]:
    """Return a job's newest operation once that many have ended."""

    def look() -> list[dict[str, Any]]:
        found = [operation for operation in operations(app, job) if operation["state"] == "closed"]
        return found if len(found) == number else []

    return eventually(look)[0]


@pytest.fixture(scope="module")
def update(told_app: RunningApp, flink: FlinkServer) -> dict[str, Any]:
    """The UPDATE of a job that ran, as it was closed."""
    before = len(flink.flink.starts)
    uploaded(told_app, "traced", "v1.jar", JAR)
    ended(told_app, "traced", 1)
    uploaded(told_app, "traced", "v2.jar", OTHER_JAR)
    operation = ended(told_app, "traced", 2)
    assert operation["result"]["outcome"] == "SUCCEEDED", operation["result"]
    assert len(flink.flink.starts) == before + 2
    return operation


def below(spans: list[SeenSpan], top: SeenSpan) -> list[SeenSpan]:
    """Return the spans right below another one."""
    return [span for span in spans if span.parent == top.id]


def test_an_uploaded_jar_is_one_trace_from_its_event_to_its_result(update: dict[str, Any], received: Received) -> None:
    """The event, the invocation that drives the operation, each step below it, and each step's calls below that."""
    spans = eventually(lambda: _whole(received, update["id"]))
    assert len({span.trace for span in spans}) == 1
    (event,) = [span for span in spans if span.name == "stateful_jar"]
    (driven,) = [span for span in below(spans, event) if span.name == "drive UPDATE"]
    assert (driven.attributes["job"], driven.attributes["operation"]) == ("traced", update["id"])
    assert driven.links, "the host's own span of the message"
    steps = {span.name: span for span in below(spans, driven) if "step" in span.attributes}
    assert list(steps) == ["Keep", "UploadJar", "Check", "Stop", "Start", "TakeCheckpoint"]
    for name, step in steps.items():
        about = {"job": "traced", "operation": update["id"], "step": name, "outcome": "done"}
        assert about.items() <= step.attributes.items()
        assert not step.failed
    (stop,) = below(spans, steps["Stop"])
    assert (stop.name, stop.attributes["http.response.status_code"]) == ("POST flink", 202)
    assert str(stop.attributes["url.path"]).endswith("/stop")
    assert {"GET storage", "PUT storage"} <= {span.name for span in below(spans, steps["Keep"])}
    assert {"GET flink", "PUT storage"} <= {span.name for span in below(spans, driven)}
    assert {"HEAD storage", "POST storage"} <= {span.name for span in below(spans, event)}
    assert event.trace in update["traceparent"]


def _whole(received: Received, operation: str) -> list[SeenSpan]:
    spans = received.trace_of(operation)
    return spans if {"stateful_jar", "drive UPDATE"} <= {span.name for span in spans} else []


@pytest.mark.usefixtures("update")
def test_a_callers_trace_goes_on_in_the_operation(told_app: RunningApp, received: Received) -> None:
    """A W3C trace context is taken up, and every span of the operation stands in it."""
    trace = secrets.token_hex(16)
    headers = {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01", "Prefer": "wait=60"}
    operation = told_app.post("/api/jobs/traced/list-savepoint", headers=headers).json()
    assert operation["result"]["outcome"] == "SUCCEEDED"
    spans = eventually(lambda: [span for span in received.spans if span.attributes.get("operation") == operation["id"]])
    assert {span.trace for span in spans} == {trace}
    (event,) = eventually(
        lambda: [span for span in received.trace_of(operation["id"]) if span.name == "request_action"]
    )
    assert event.attributes["http.response.status_code"] == 200
    assert not [span for span in below(received.spans, event) if span.name == "GET storage"][3:], "no span a poll"


def test_log_lines_carry_their_operation_and_its_trace(update: dict[str, Any], received: Received) -> None:
    """Each line of a step is found by the operation's id, and lies in its trace."""
    about = {"job": "traced", "operation": update["id"], "step": "Stop"}
    (line,) = eventually(lambda: [line for line in received.lines if about.items() <= line.attributes.items()])
    assert line.attributes["outcome"] == "done"
    assert line.trace in update["traceparent"]
    assert line.text.startswith(f"job=traced operation={update['id']} step=Stop outcome=done seconds=")


@pytest.mark.usefixtures("update")
def test_the_metrics_that_alerts_are_built_on_are_there(told_app: RunningApp, received: Received) -> None:
    """Under their names, with their units and attributes, and with values that can be true."""
    told_app.post("/api/jobs/traced/savepoint", headers={"Prefer": "wait=60"})
    told_app.run_now("sweep")
    names = {
        "flinkfuncs.operations": {"action": "UPDATE", "outcome": "SUCCEEDED"},
        "flinkfuncs.update.downtime": {"action": "UPDATE"},
        "flinkfuncs.step.duration": {"step": "Stop", "outcome": "done"},
        "flinkfuncs.savepoint.age": {"job": "traced"},
        "flinkfuncs.savepoint.duration": {"action": "UPDATE"},
        "flinkfuncs.queue.age": {},
        "flinkfuncs.operation.age": {},
        "flinkfuncs.call.duration": {"peer": "flink", "method": "POST", "status": "202"},
    }
    for name, attributes in names.items():
        point = eventually(lambda name=name, attributes=attributes: received.newest(name, **attributes))  # type: ignore[misc]
        assert point is not None
        assert point.unit == ("" if name == "flinkfuncs.operations" else "s"), name
        assert 0 <= point.value < 3600, point  # neither milliseconds nor a date
    savepoints = eventually(lambda: received.newest("flinkfuncs.operations", action="SAVEPOINT"))
    assert savepoints
    assert savepoints.value == 1, "one was taken in this file, which is counted once"
    assert received.newest("flinkfuncs.call.duration", peer="storage", method="PUT", status="201")


@pytest.mark.nightly("waits for a lease to run out")
def test_an_operation_whose_driver_was_killed_goes_on_in_the_same_trace(
    told_app: RunningApp, received: Received, flink: FlinkServer
) -> None:
    """The trace is kept with the operation: another process, sent for by the sweeper, takes it up."""
    uploaded(told_app, "killed", "v1.jar", JAR)
    ended(told_app, "killed", 1)
    flink.flink.holds_savepoints = True
    uploaded(told_app, "killed", "v2.jar", OTHER_JAR)
    begun = eventually(lambda: [o for o in operations(told_app, "killed") if "Stop" in str(o.get("steps"))])[0]
    eventually(lambda: [s for s in received.trace_of(begun["id"]) if s.name == "Stop"])
    told_app.host.kill()
    flink.flink.holds_savepoints = False
    told_app.host.start()
    eventually(lambda: _swept(told_app, "killed"), seconds=60)  # the lease of the killed driver has to run out
    operation = told_app.get(f"/api/operations/{begun['id']}").json()
    assert operation["result"]["outcome"] == "SUCCEEDED", operation["result"]
    steps = eventually(lambda: _steps(received, begun["id"], "TakeCheckpoint"))
    assert [name for name in steps if name in ("Stop", "Start", "TakeCheckpoint")] == [
        "Stop",
        "Start",
        "TakeCheckpoint",
    ]
    assert len({span.trace for span in received.spans if span.attributes.get("operation") == begun["id"]}) == 1


def _swept(app: RunningApp, job: str) -> bool:
    """Sweep once, and say whether nothing of the job is open any more."""
    done = "Executed 'Functions.sweep'"
    before = app.log().count(done)
    app.run_now("sweep")
    eventually(lambda: app.log().count(done) > before)
    return all(operation["state"] == "closed" for operation in operations(app, job))


def _steps(received: Received, operation: str, last: str) -> list[str]:
    names = [span.name for span in received.trace_of(operation) if "step" in span.attributes]
    return names if last in names else []


@pytest.mark.nightly("an app of its own; tests/wire/test_telemetry.py has an endpoint that is away")
def test_an_endpoint_that_hangs_slows_and_fails_nothing(start_app: StartApp, flink: FlinkServer) -> None:
    """Replies come and operations end before it has answered anything, and nobody has given up waiting for it."""
    with receiving() as dead:
        dead.hangs.set()
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": dead.url, "OTEL_EXPORTER_OTLP_TIMEOUT": "3600"}
        app = start_app("dead", {**ON, **endpoint, "FLINK_REST_URL": flink.url, "SETTLE_SECONDS": "0"})
        app.get("/api/jobs")
        eventually(lambda: dead.held)
        for _ in range(10):
            assert app.get("/api/jobs").status_code == 200
        uploaded(app, "dead", "v1.jar", JAR)
        assert ended(app, "dead", 1)["result"]["outcome"] == "SUCCEEDED"
        app.host.kill()
