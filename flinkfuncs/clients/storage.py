"""How the app reaches its storage account: one connection name, a secret string or an identity.

    JARS                                        a connection string (local, or where keys are still in use)
    JARS__blobServiceUri, JARS__queueServiceUri an account by identity; JARS__clientId names a user-assigned one

The same forms that the Functions host accepts for a connection, so that triggers and our own calls share the settings.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from azure.core import exceptions as azure
from azure.core.credentials import TokenCredential
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential
from azure.storage.blob import BlobServiceClient, ExponentialRetry
from azure.storage.queue import QueueServiceClient

from ..core.errors import FlinkFuncsError, NotFound, Refused, Unanswered, Unavailable, shortened
from .transport import ToldTransport, transport

CONNECT_SECONDS = 5
READ_SECONDS = 20
BLOCK_BYTES = 256 * 1024  # read from the socket at once; as in the library's own transport
CHUNK_BYTES = 4 * 1024 * 1024  # a jar passes through memory in pieces of this size


class StorageTransport(ToldTransport):
    """Takes an answer only from storage itself: of a page that something on the way wrote, anything could be read."""

    def send(self, request: Any, **options: Any) -> Any:  # noqa: ANN401 - the SDK's own, untyped
        """Send a request.

        Raises:
            azure.ServiceResponseError: what came back is no answer of storage, which numbers each of its own.

        """
        answer = super().send(request, **options)
        if "x-ms-request-id" not in answer.headers:
            answer.internal_response.close()
            raise azure.ServiceResponseError(f"something else than storage answered {answer.status_code}")
        return answer


class Conflict(Refused):
    """Somebody else changed the blob first: read it again."""

    status = 409


def blob_service(connection: str, environment: Mapping[str, str] = os.environ) -> BlobServiceClient:
    """Return the blob service behind a connection name.

    Raises:
        Unavailable: the connection is not configured.

    """
    options = _options() | {"max_single_get_size": CHUNK_BYTES, "max_chunk_get_size": CHUNK_BYTES}
    options |= {"max_block_size": CHUNK_BYTES, "max_single_put_size": CHUNK_BYTES}
    if text := environment.get(connection):
        return BlobServiceClient.from_connection_string(text, **options)
    url = _service_url(connection, "blob", environment)
    return BlobServiceClient(url, credential=_identity(connection, environment), **options)


def queue_service(connection: str, environment: Mapping[str, str] = os.environ) -> QueueServiceClient:
    """Return the queue service behind a connection name.

    Raises:
        Unavailable: the connection is not configured.

    """
    if text := environment.get(connection):
        return QueueServiceClient.from_connection_string(text, **_options())
    url = _service_url(connection, "queue", environment)
    return QueueServiceClient(url, credential=_identity(connection, environment), **_options())


def _options() -> dict[str, Any]:
    """Short timeouts and few, quick retries: the loop above is the patient one."""
    return {
        "transport": StorageTransport(
            "storage",
            connection_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            connection_data_block_size=BLOCK_BYTES,
        ),
        "retry_policy": ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=2),
    }


def _service_url(connection: str, service: str, environment: Mapping[str, str]) -> str:
    if url := environment.get(f"{connection}__{service}ServiceUri"):
        return url
    if account := environment.get(f"{connection}__accountName"):
        return f"https://{account}.{service}.core.windows.net"
    raise Unavailable(f"missing setting: the connection {connection} is not configured", code="MissingSetting")


def _identity(connection: str, environment: Mapping[str, str]) -> TokenCredential:
    client_id = environment.get(f"{connection}__clientId") or environment.get("AZURE_CLIENT_ID") or None
    if environment.get(f"{connection}__credential", "").lower() == "managedidentity":
        return ManagedIdentityCredential(client_id=client_id, **_token_options())
    return DefaultAzureCredential(managed_identity_client_id=client_id, **_token_options())


def _token_options() -> dict[str, Any]:
    return transport("entra", connect_seconds=CONNECT_SECONDS, read_seconds=READ_SECONDS)


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Turn the SDK's errors into ours: the one place that knows both.

    Raises:
        NotFound: there is no such blob, container or queue.
        Conflict: a condition on the ETag did not hold.
        Unavailable: storage cannot be reached now, or refuses this app's identity: not the caller's fault.
        Unanswered: a request left and no answer came back.

    """
    try:
        yield
    except azure.AzureError as error:
        raise _ours(error, what) from error


def _ours(error: Exception, what: str) -> FlinkFuncsError:
    match error:
        case azure.ResourceNotFoundError():
            return NotFound(f"storage has no {what}")
        case azure.ResourceExistsError() | azure.ResourceModifiedError():
            return Conflict(f"{what} was changed meanwhile")
        case azure.ClientAuthenticationError():
            return Unavailable(f"storage refuses this app's identity: {what}", code="StorageDenied")
        case azure.ServiceResponseError():
            return Unanswered(f"storage did not answer: {what}", code="StorageUnanswered")
        case azure.HttpResponseError() if error.status_code in (409, 412):
            return Conflict(f"{what} was changed meanwhile")
        case azure.HttpResponseError() if error.status_code in (401, 403):
            return Unavailable(f"storage refuses this app's identity: {what}", code="StorageDenied")
        case azure.HttpResponseError() if error.status_code and error.status_code < 500 and error.status_code != 429:
            return Refused(f"storage refuses {what}: {shortened(error.message)}", code="StorageRefused")
        case _:
            return Unavailable(f"storage cannot be reached: {what}", code="StorageUnavailable")
