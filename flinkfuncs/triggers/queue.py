"""How an operation gets a driver: a message of the operations queue says that a job is worth a look.

    {"job": "orders", "operation": "20261121T014916Z-orders-3f2a9c1b7d4e"}

A failed look is repeated by the host, 30 s later. The last attempt ends the operation as FAILED with the cause, so that
nothing is retried for ever and nobody has to look into a poison queue; a message that says nothing is dropped.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import azure.functions as func

from .. import telemetry
from ..app import services
from ..core.errors import FlinkFuncsError, Refused
from ..core.model import parse_json

if TYPE_CHECKING:
    from ..clients.queue import Nudge

LAST_ATTEMPT = 5  # host.json: extensions.queues.maxDequeueCount

blueprint = func.Blueprint()
log = logging.getLogger(__name__)


@blueprint.queue_trigger("message", queue_name="%OPERATIONS_QUEUE%", connection="JARS")
def drive_operation(message: func.QueueMessage, context: func.Context) -> None:
    """Drive the operations of the job that the message names, as far as they go now."""
    attempt = message.dequeue_count or 1
    traceparent = context.trace_context.trace_parent
    with telemetry.message(sent_at=message.insertion_time, attempt=attempt, traceparent=traceparent):
        nudge = _nudge(message)
        if nudge:
            _drive(nudge, attempt)


def _drive(nudge: Nudge, attempt: int) -> None:
    try:
        services().driver.drive(nudge.job)
    except Exception as error:
        if attempt < LAST_ATTEMPT:
            raise
        services().driver.give_up(nudge.job, nudge.operation, _cause(error))
        log.exception("job=%s operation=%s outcome=FAILED after %d attempts", nudge.job, nudge.operation, LAST_ATTEMPT)


def _nudge(message: func.QueueMessage) -> Nudge | None:
    from ..clients.queue import Nudge  # noqa: PLC0415 - the queue's SDK is not needed to be indexed

    try:
        return parse_json(Nudge, message.get_body(), what="the message")
    except Refused as refusal:
        log.warning("message=%s outcome=dropped %s", message.id, refusal.message)
        return None


def _cause(error: Exception) -> str:
    """Say why it failed; the text of an error that is not ours may hold anything, so that only its kind is recorded."""
    if isinstance(error, FlinkFuncsError):
        return error.message
    return f"crashed with {type(error).__name__}; the log of this invocation has the rest"
