"""The pipeline in this process: where it sends, and that it is in nobody's way."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flinkfuncs import telemetry
from flinkfuncs.core.actions import Action
from flinkfuncs.redaction import LONGEST_TEXT
from flinkfuncs.telemetry.exporters import OWN_TELEMETRY
from flinkfuncs.telemetry.flusher import Flusher
from localcloud.ports import free_port
from tests.otlp import Received, receiving
from tests.unit.builders import asked

OFF = """
import sys
from flinkfuncs import telemetry
with telemetry.event("sweep", "timer"), telemetry.call("flink", "GET", "http://flink/jobs"):
    assert telemetry.traceparent() is None
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
AWAY = """
import time
from flinkfuncs import telemetry
from tests.wire.test_telemetry import operate
telemetry.begin()
began = time.monotonic()
for _ in range(20):
    operate()
print(time.monotonic() - began)
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def received() -> Iterator[Received]:
    with receiving() as endpoint:
        yield endpoint


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """An environment in which telemetry begins anew, and is off again afterwards."""
    for name in (*telemetry.SWITCHES, *OWN_TELEMETRY):
        monkeypatch.setenv(name, "")
    telemetry.end()
    yield monkeypatch
    telemetry.end(seconds=90)  # a thread of it that goes on would be in the way of other tests


def operate() -> None:
    """Do what an invocation does; no other test has `hunter3`, which would be starred by itself where it is known."""
    with telemetry.event("stateful_jar", "datasource"):
        operation = asked(Action.UPDATE).model_copy(update={"traceparent": telemetry.traceparent()})
    with telemetry.driving(operation), telemetry.step(operation, "Stop"):
        with telemetry.call("flink", "POST", "http://flink:8081/jobs/1/stop?token=hunter2") as told:
            told.status = 202
        with telemetry.call("storage", "GET", "https://account/jars/stateful/orders/password=hunter3.jar") as told:
            told.status = 200
        logging.getLogger("flinkfuncs.operations").warning("step=Stop outcome=done --db.password hunter2")


def test_without_an_endpoint_nothing_of_it_is_imported() -> None:
    """An app that tells nothing pays nothing."""
    done = subprocess.run([sys.executable, "-c", OFF], env={}, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_otlp_endpoint_gets_it_and_no_secret(environment: pytest.MonkeyPatch, received: Received) -> None:
    """The query of a call is left out, and what looks like a secret in its path is starred."""
    environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.url)
    operate()
    telemetry.end(seconds=90)
    paths = [span.attributes["url.path"] for span in received.spans if "url.path" in span.attributes]
    assert paths == ["/jobs/1/stop", "/jars/stateful/orders/password=******"]
    assert [line.text for line in received.lines] == ["step=Stop outcome=done --db.password ******"]
    assert b"hunter" not in b"".join(received.raw)


def test_a_long_line_and_a_long_exception_are_cut_and_keep_what_comes_after(
    environment: pytest.MonkeyPatch, received: Received
) -> None:
    """A message of a megabyte costs as much as one that is just not cut, and hides none of the frames around it."""
    environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.url)
    telemetry.begin()
    log = logging.getLogger("flinkfuncs.operations")
    try:
        _fail_twice("password=hunter2 " + "-" * 1_000_000)
    except RuntimeError:
        log.exception("step=Stop %s", "-" * 1_000_000)
    telemetry.end(seconds=90)
    (line,) = received.lines
    trace = str(line.attributes["exception.stacktrace"])
    assert line.text.startswith("step=Stop ---")
    assert "ValueError: password=****** ---" in trace
    assert "in _fail_twice" in trace
    assert trace.endswith("RuntimeError: what came of it\n")
    assert max(len(line.text), len(trace)) < 2 * LONGEST_TEXT


def _fail_twice(words: str) -> None:
    try:
        raise ValueError(words)
    except ValueError as error:
        raise RuntimeError("what came of it") from error


def test_application_insights_gets_the_same_and_no_secret(environment: pytest.MonkeyPatch, received: Received) -> None:
    """Requests, dependencies, traces and metrics arrive, in one operation of Application Insights."""
    key = "11111111-2222-4333-8444-555555555555"
    connection = f"InstrumentationKey={key};IngestionEndpoint={received.url}/"
    environment.setenv("APPLICATIONINSIGHTS_CONNECTION_STRING", connection)
    for name in OWN_TELEMETRY:
        environment.setenv(name, "true")
    operate()
    telemetry.end(seconds=90)
    items = [json.loads(line) for raw in received.raw for line in _lines(raw)]
    kinds = {item["data"]["baseType"] for item in items}
    assert {"RequestData", "RemoteDependencyData", "MessageData", "MetricData"} <= kinds
    told = [
        item for item in items if item["data"]["baseType"] in ("RequestData", "RemoteDependencyData", "MessageData")
    ]
    assert len({item["tags"]["ai.operation.id"] for item in told}) == 1
    assert "hunter2" not in b"".join(received.raw).decode()
    names = {m["name"] for item in items for m in item["data"]["baseData"].get("metrics", [])}
    assert {"flinkfuncs.step.duration", "flinkfuncs.call.duration"} <= names


def _lines(raw: bytes) -> list[str]:
    """Split what the exporter sends: a JSON list, or a JSON object a line."""
    text = raw.decode()
    return [json.dumps(item) for item in json.loads(text)] if text.startswith("[") else text.splitlines()


EXPORT_SECONDS = 10.0  # the exporters' own timeout


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:{free}"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "no URL at all"),
        ("APPLICATIONINSIGHTS_CONNECTION_STRING", "@Microsoft.KeyVault(SecretUri=https://v/secrets/x)"),
    ],
)
def test_an_endpoint_that_is_wrong_or_away_costs_no_time(setting: str, value: str) -> None:
    """Whatever goes wrong goes wrong in another thread; of a process of its own, since it tries for long."""
    environment = {**os.environ, setting: value.replace("{free}", str(free_port()))}
    command = [sys.executable, "-c", AWAY]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(done.stdout.split()[-1]) < EXPORT_SECONDS  # less than waiting for a single export would take


def test_what_cannot_be_set_up_is_off(environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A wrong OTEL_* variable is a line in the log, and no failed invocation."""
    environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    environment.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "1")
    operate()
    assert not telemetry.is_on()
    assert "telemetry outcome=off" in caplog.text


def test_a_flush_is_asked_for_and_not_waited_for() -> None:
    """Waking returns while a flush is stuck, and what was told meanwhile goes together."""
    begun, stuck, flushes = threading.Semaphore(0), threading.Event(), list[int]()

    def flush() -> None:
        flushes.append(len(flushes))
        begun.release()
        assert stuck.wait(20)

    flusher = Flusher([flush], pause_seconds=0)
    flusher.wake()
    assert begun.acquire(timeout=20)
    for _ in range(100):
        flusher.wake()
    assert flushes == [0]
    stuck.set()
    assert begun.acquire(timeout=20)
    flusher.end()
    assert flushes == [0, 1]
