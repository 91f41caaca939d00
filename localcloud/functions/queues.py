"""How do queue triggers and queue outputs turn messages into parameters and back?

The text travels as host.json's messageEncoding says (base64 by default); a message that is no base64 goes to the poison
queue at once, since no retry can change it.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime

from azure.storage.queue import QueueMessage

from localcloud.functions.listener import Undecodable
from localcloud.functions.messages import TypedData, structured, text


def encode(content: str, *, base64_encoded: bool) -> str:
    """What is sent for a text."""
    return base64.b64encode(content.encode()).decode() if base64_encoded else content


def decode(content: str, *, base64_encoded: bool) -> str:
    """The text of a message.

    Raises:
        Undecodable: it is not in the encoding that host.json names.
    """
    if not base64_encoded:
        return content
    try:
        return base64.b64decode(content, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Undecodable(str(error)) from error


def metadata(message: QueueMessage, content: str) -> dict[str, TypedData]:
    """What the worker builds a QueueMessage from."""
    return {
        "QueueTrigger": text(content),
        "Id": text(message.id),
        "PopReceipt": text(message.pop_receipt or ""),
        "DequeueCount": structured(message.dequeue_count),
        **_times(message),
    }


def _times(message: QueueMessage) -> dict[str, TypedData]:
    times: Mapping[str, datetime | None] = {
        "InsertionTime": message.inserted_on,
        "ExpirationTime": message.expires_on,
        "NextVisibleTime": message.next_visible_on,
    }
    return {name: structured(time.isoformat() if time else None) for name, time in times.items()}


def outgoing(data: TypedData) -> list[str]:
    """The messages that a function put into a queue output: one, or each element of a list."""
    content = data.content
    if content is None:
        return []
    parsed = json.loads(content) if data.WhichOneof() == "json" else content
    return [_as_text(item) for item in (parsed if isinstance(parsed, list) else [parsed])]


def _as_text(item: object) -> str:
    if isinstance(item, bytes):
        return item.decode()
    return item if isinstance(item, str) else json.dumps(item)
