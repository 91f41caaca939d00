"""How does a blob event reach its function?

    event at the webhook ─> message in azure-webjobs-blobtrigger-<host id> ─> blob still there? ─> function

As with source=EventGrid in Azure, no receipt is written and no ETag compared: an event may run twice, or for a blob
that has been overwritten since. Only a blob that is gone drops its message.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import unquote, urlsplit

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobProperties
from azure.storage.queue import QueueMessage

from localcloud.functions import storage
from localcloud.functions.configuration import QueueOptions
from localcloud.functions.expressions import BlobPath
from localcloud.functions.invocations import Invocations
from localcloud.functions.messages import TypedData, binary, blob_reference, structured, text
from localcloud.functions.queues import decode, encode
from localcloud.functions.worker import Function

log = logging.getLogger("host")

POISON_QUEUE = "webjobs-blobtrigger-poison"
PREFIX = "Host.Functions."


@dataclass(frozen=True)
class BlobTrigger:
    """A function with the path it listens to."""

    function: Function
    path: BlobPath


@dataclass(frozen=True)
class BlobEvents:
    """The way from webhook to function; `wake` tells the listener that a message was sent."""

    triggers: Mapping[str, BlobTrigger]
    invocations: Invocations
    options: QueueOptions
    queue_name: str
    wake: Callable[[], None]

    def enqueue(self, function: str, container: str, blob: str, etag: str) -> None:
        """Accept an event: from here on it survives the host."""
        message = {
            "FunctionId": f"{PREFIX}{function}",
            "BlobType": "BlockBlob",
            "ContainerName": container,
            "BlobName": blob,
            "ETag": f'"{etag}"',
        }
        storage.existing_queue(self.queue_name).send_message(encode(json.dumps(message), base64_encoded=True))
        self.wake()

    def handle(self, message: QueueMessage) -> bool:
        """Run the function of a message; True ends the message."""
        event = cast(dict[str, str], json.loads(decode(message.content, base64_encoded=True)))
        trigger = self.triggers.get(event["FunctionId"].removeprefix(PREFIX))
        container, name = event["ContainerName"], event["BlobName"]
        parts = trigger.path.match(container, name) if trigger else None
        if trigger is None or parts is None:
            log.warning("No function listens to blob '%s/%s': dropped", container, name)
            return True
        connection = trigger.function.trigger.options.get("connection", storage.HOST_STORAGE)
        blob = storage.blobs(connection).get_blob_client(container, name)
        try:
            properties = blob.get_blob_properties()
        except ResourceNotFoundError:
            log.info("Blob '%s/%s' is gone: dropped", container, name)
            return True
        return self._run(trigger.function, blob, properties, parts, connection)

    def _run(
        self,
        function: Function,
        blob: BlobClient,
        properties: BlobProperties,
        parts: Mapping[str, str],
        connection: str,
    ) -> bool:
        container, name = blob.container_name, blob.blob_name
        trigger = function.trigger
        content = (
            blob_reference(connection, container, name) if trigger.deferred else binary(blob.download_blob().readall())
        )
        metadata = {
            "BlobTrigger": text(f"{container}/{name}"),
            "Uri": structured(blob.url),
            "Metadata": structured(dict(properties.metadata or {})),
            "Properties": _properties(properties),
            **{part: text(value) for part, value in parts.items()},
        }
        return self.invocations.start(function, {trigger.name: content}, metadata).result().ok


def _properties(properties: BlobProperties) -> TypedData:
    modified = properties.last_modified
    return structured(
        {
            "Length": properties.size,
            "ETag": properties.etag,
            "LastModified": modified.isoformat() if modified else None,
            "ContentType": properties.content_settings.content_type,
        }
    )


def blob_of_url(url: str) -> tuple[str, str]:
    """Container and name of the blob that an event names; local addresses begin with the account."""
    parts = urlsplit(url)
    path = parts.path.lstrip("/")
    if parts.hostname in ("127.0.0.1", "localhost"):
        path = path.partition("/")[2]
    container, _, name = path.partition("/")
    return container, unquote(name)
