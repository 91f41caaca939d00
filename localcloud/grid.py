"""What do event subscriptions and their deliveries look like?

One subscription for each blob function of the app, made by the handshake that Event Grid makes:

    POST /runtime/webhooks/blobs?functionName=Host.Functions.X&code=KEY    aeg-event-type: SubscriptionValidation

A delivery is over when the webhook answered 2xx, or 400 or 413, which Event Grid does not repeat either.
"""

import logging
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast
from urllib.parse import quote

import requests
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient

from localcloud.functions import storage
from localcloud.functions.expressions import blob_path, resolve

log = logging.getLogger("events")

_TIMEOUT_SECONDS = 30
_FINAL = (400, 413)
_LONGEST_WAIT_SECONDS = 5.0
_SINGLE_PUT_BYTES = 64 * 1024 * 1024  # the SDK writes larger blobs in blocks

Event = dict[str, object]


@dataclass(frozen=True)
class Seen:
    """What a listing says of a blob."""

    etag: str
    size: int
    content_type: str


@dataclass(frozen=True)
class Subscription:
    """Blobs below a prefix, for one function."""

    function: str
    container: str
    prefix: str
    webhook: str
    storage: ContainerClient = field(compare=False)

    def look(self) -> dict[str, Seen]:
        """Every blob below the prefix; none while there is no container."""
        try:
            found = list(self.storage.list_blobs(name_starts_with=self.prefix))
        except ResourceNotFoundError:
            return {}
        return {
            blob.name: Seen(blob.etag or "", blob.size or 0, blob.content_settings.content_type or "") for blob in found
        }

    def shake_hands(self) -> None:
        """Prove that the webhook wants our events.

        Raises:
            requests.RequestException: it does not answer.
            ValueError: it answers something else.
        """
        code = str(uuid.uuid4())
        event = _event("Microsoft.EventGrid.SubscriptionValidationEvent", "", {"validationCode": code})
        reply = self.post(event, "SubscriptionValidation")
        reply.raise_for_status()
        if reply.json() != {"validationResponse": code}:
            raise ValueError(f"the webhook of {self.function} did not return the validation code")

    def post(self, event: Event, kind: str) -> requests.Response:
        """Send one event in the array that Event Grid sends."""
        return requests.post(self.webhook, json=[event], headers={"aeg-event-type": kind}, timeout=_TIMEOUT_SECONDS)


@dataclass
class Delivery:
    """One event until it is taken."""

    subscription: Subscription
    name: str
    blob: Seen
    due: float = 0.0
    _wait: float = 0.25

    def __post_init__(self) -> None:
        self._event = _blob_created(self.subscription, self.name, self.blob)

    def attempt(self, now: float) -> bool:
        """Post the event if it is due; True when nothing is left to do."""
        if now < self.due:
            return False
        try:
            status = self.subscription.post(self._event, "Notification").status_code
        except requests.RequestException:
            status = 0
        if 200 <= status < 300 or status in _FINAL:
            return True
        log.warning("%s was not taken by %s (%s)", self.name, self.subscription.function, status or "no answer")
        self._wait = min(self._wait * 2, _LONGEST_WAIT_SECONDS)
        self.due = now + self._wait
        return False


def subscriptions(app: str, key: str, settings: Mapping[str, str]) -> list[Subscription]:
    """Ask the host for its blob functions and subscribe each, as a deployment does after the code is there."""
    found: list[Subscription] = []
    for function in _functions(app, key):
        triggers = [binding for binding in function["config"]["bindings"] if binding["type"] == "blobTrigger"]
        found += [_subscription(app, key, settings, str(function["name"]), trigger) for trigger in triggers]
    for subscription in found:
        subscription.shake_hands()
    return found


def _functions(app: str, key: str) -> list[dict[str, dict[str, list[dict[str, str]]]]]:
    """What the host has indexed; a host that is not there yet is waited for."""
    while True:
        with suppress(requests.ConnectionError):
            reply = requests.get(f"{app}/admin/functions", params={"code": key}, timeout=_TIMEOUT_SECONDS)
            reply.raise_for_status()
            return cast(list[dict[str, dict[str, list[dict[str, str]]]]], reply.json())
        time.sleep(0.2)


def _subscription(
    app: str, key: str, settings: Mapping[str, str], function: str, trigger: Mapping[str, str]
) -> Subscription:
    path = blob_path(resolve(trigger["path"], settings))
    webhook = f"{app}/runtime/webhooks/blobs?functionName=Host.Functions.{function}&code={quote(key)}"
    account = storage.blobs(trigger["connection"], settings)
    return Subscription(function, path.container, path.prefix, webhook, account.get_container_client(path.container))


def _blob_created(subscription: Subscription, name: str, blob: Seen) -> Event:
    data = {
        "api": "PutBlob" if blob.size <= _SINGLE_PUT_BYTES else "PutBlockList",
        "requestId": str(uuid.uuid4()),
        "eTag": blob.etag.strip('"'),
        "contentType": blob.content_type,
        "contentLength": blob.size,
        "blobType": "BlockBlob",
        "url": subscription.storage.get_blob_client(name).url,
    }
    subject = f"/blobServices/default/containers/{subscription.container}/blobs/{name}"
    return _event("Microsoft.Storage.BlobCreated", subject, data)


def _event(kind: str, subject: str, data: Mapping[str, object]) -> Event:
    return {
        "id": str(uuid.uuid4()),
        "topic": "/subscriptions/local/resourceGroups/local/providers/Microsoft.Storage/storageAccounts/local",
        "subject": subject,
        "eventType": kind,
        "eventTime": datetime.now(UTC).isoformat(),
        "data": dict(data),
        "dataVersion": "",
        "metadataVersion": "1",
    }
