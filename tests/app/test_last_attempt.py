"""What becomes of an operation whose driver crashes, attempt after attempt: on real storage, with a broken cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from azure.functions.queue import QueueMessage
from azure.storage.blob import BlobServiceClient

from flinkfuncs.app import Services, compose, given
from flinkfuncs.clients.queue import Nudge, OperationsQueue
from flinkfuncs.clients.storage import queue_service
from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import FlinkFuncsError, Refused, Unavailable
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Cause, Operation, Outcome, Request
from flinkfuncs.operations import Driver, Patience
from flinkfuncs.settings import read_settings
from flinkfuncs.triggers.queue import LAST_ATTEMPT, drive_operation

from .composed import BrokenCluster, invocation, storage_settings

JOB = JobName("crashing")


@pytest.fixture
def broken_app(account: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """The app with a driver whose cluster raises the test's parameter."""
    for setting, value in storage_settings(account).items():
        monkeypatch.setenv(setting, value)
    app = compose(read_settings())
    queue = OperationsQueue(queue_service("JARS"), app.settings.operations_queue)
    error: Exception = request.param
    broken = replace(app, driver=Driver(app.ledger, queue, BrokenCluster(error), Patience()))
    with given(broken):
        yield broken


def attempt(operation: Operation, number: int) -> None:
    """Deliver the operation's message for the n-th time."""
    body = Nudge(job=operation.job, operation=operation.id).to_json()
    drive_operation(QueueMessage(id="1", body=body, dequeue_count=number), invocation("drive_operation"))


def asked(app: Services) -> Operation:
    return app.intake.request(JOB, Request(action=Action.NEW), Cause(kind="http", detail="test"))


@pytest.mark.parametrize("broken_app", [RuntimeError("hunter2")], indirect=True)
def test_a_crash_is_left_to_the_host_until_the_last_attempt_ends_the_operation(broken_app: Services) -> None:
    """The host repeats the message; the last time the operation ends as FAILED, and says nothing foreign."""
    operation = asked(broken_app)
    for number in range(1, LAST_ATTEMPT):
        with pytest.raises(RuntimeError):
            attempt(operation, number)
        assert broken_app.ledger.find(operation.id).result is None
    attempt(operation, LAST_ATTEMPT)
    result = broken_app.ledger.find(operation.id).result
    assert result is not None
    assert result.outcome is Outcome.FAILED
    assert "RuntimeError" in result.message
    assert "hunter2" not in result.message
    record = broken_app.ledger.read(JOB)
    assert record is not None
    assert record.open == ()


@pytest.mark.parametrize("broken_app", [FlinkFuncsError("the cluster speaks in riddles")], indirect=True)
def test_an_error_of_ours_is_the_cause_in_its_own_words(broken_app: Services) -> None:
    """Our messages hold no secrets and say what to do."""
    operation = asked(broken_app)
    attempt(operation, LAST_ATTEMPT)
    result = broken_app.ledger.find(operation.id).result
    assert result is not None
    assert "the cluster speaks in riddles" in result.message


@pytest.mark.parametrize("broken_app", [RuntimeError()], indirect=True)
def test_what_cannot_even_be_given_up_goes_to_the_poison_queue(broken_app: Services, account: str) -> None:
    """A record that cannot be read can neither be driven nor closed: the host keeps the message."""
    operation = asked(broken_app)
    container = BlobServiceClient.from_connection_string(account).get_container_client(
        broken_app.settings.ledger_container
    )
    (record,) = [name for name in container.list_blob_names() if name.endswith(f"/jobs/{JOB}.json")]
    container.upload_blob(record, b"{}", overwrite=True)
    with pytest.raises(Unavailable, match=f"the record of job {JOB} cannot be read"):
        attempt(operation, LAST_ATTEMPT)


@pytest.mark.parametrize("broken_app", [Refused("no")], indirect=True)
def test_a_message_of_a_job_that_is_idle_costs_nothing(broken_app: Services) -> None:
    """Messages come twice: the second finds nothing to do, on any attempt."""
    operation = asked(broken_app)
    attempt(operation, LAST_ATTEMPT)
    attempt(operation, 1)
    assert len(broken_app.ledger.operations(JOB)) == 1
