"""How do messages leave, and how does a person find out that they arrive?

    send_message                    %MESSAGES_QUEUE%    sends one message of the outbox to NOTIFY_URL
    POST /api/notifications/test                        sends a test message now; the reply says what was answered

The queue is listened to only where NOTIFY_URL or NOTIFY_URL_SECRET is set: elsewhere storage is not asked for it.
"""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime

import azure.functions as func

from .. import telemetry
from ..api.later import shown
from ..app import services
from ..core.errors import Refused
from ..core.idempotency import Key
from ..core.model import parse_json
from .calls import as_json, replayed, with_key
from .problems import replies

blueprint = func.Blueprint()
log = logging.getLogger(__name__)


def send_message(message: func.QueueMessage, context: func.Context) -> None:
    """Send the message that is named, if it is its time."""
    from ..clients.queue import MessageNudge  # noqa: PLC0415 - the queue's SDK is not needed to be indexed

    with telemetry.event(context.function_name, "datasource", traceparent=context.trace_context.trace_parent):
        try:
            nudge = parse_json(MessageNudge, message.get_body(), what="the message")
        except Refused as refusal:
            log.warning("message=%s outcome=dropped %s", message.id, refusal.message)
            return
        if messages := services().messages:
            messages.deliver(nudge.message, lambda operation: shown.Operation.of(operation).as_json())


if os.environ.get("NOTIFY_URL") or os.environ.get("NOTIFY_URL_SECRET"):
    blueprint.queue_trigger("message", queue_name="%MESSAGES_QUEUE%", connection="JARS")(send_message)


@blueprint.route("api/notifications/test", methods=["POST"])
@replies
def send_test_message(req: func.HttpRequest) -> func.HttpResponse:
    """Send a test message, once; a repeat sends the same message again, since only its answer says anything."""
    messages = services().messages
    if messages is None:
        raise Refused("NOTIFY_URL is not set, so no messages are sent", code="NotConfigured")
    call = with_key(req, "/api/notifications/test", b"{}")
    if call and not call.first:
        services().ledger.keys.record(call, Key(digest=call.digest, at=datetime.now(UTC)))
    number, answer = messages.probe(call.name[:32] if call else None)
    probe = shown.Probe(id=number, delivered=answer.is_good, status=answer.status, answer=answer.text)
    return as_json(probe, headers=replayed(call))
