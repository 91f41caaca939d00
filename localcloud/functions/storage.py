"""Which storage does a connection name mean? Without a name it is the host's own, AzureWebJobsStorage.

    NAME                                           an app setting that holds a connection string
    NAME__blobServiceUri, NAME__queueServiceUri    an account by identity: with NAME__credential = managedidentity and
                                                   NAME__clientId that of the app, else whatever the machine offers

Of each, the setting with AzureWebJobs before its name goes first. (`__accountName` names an account in Azure, never
one on this machine.)
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from azure.core.credentials import TokenCredential
from azure.core.exceptions import ResourceExistsError
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueClient, QueueServiceClient

HOST_STORAGE = "AzureWebJobsStorage"


class UnknownConnectionError(Exception):
    """No app setting holds the connection."""


def queue(name: str, connection: str = HOST_STORAGE) -> QueueClient:
    """A queue, which may not exist yet."""
    return _queues(_form(connection, "queue", os.environ)).get_queue_client(name)


def existing_queue(name: str, connection: str = HOST_STORAGE) -> QueueClient:
    """A queue, created if there is none."""
    client = queue(name, connection)
    with suppress(ResourceExistsError):
        client.create_queue()
    return client


def blobs(connection: str = HOST_STORAGE, settings: Mapping[str, str] = os.environ) -> BlobServiceClient:
    """The blobs of an account."""
    return _blobs(_form(connection, "blob", settings))


def host_container() -> ContainerClient:
    """The container in which hosts keep leases and the state of timers."""
    client = blobs().get_container_client("azure-webjobs-hosts")
    with suppress(ResourceExistsError):
        client.create_container()
    return client


@dataclass(frozen=True)
class _Form:
    """How an account is reached: by a connection string, or by a URL and an identity."""

    text: str
    by_identity: bool = False
    client_id: str | None = None
    managed: bool = False

    def credential(self) -> TokenCredential:
        if self.managed:
            return ManagedIdentityCredential(client_id=self.client_id)
        return DefaultAzureCredential(managed_identity_client_id=self.client_id)


def _form(name: str, service: str, settings: Mapping[str, str]) -> _Form:
    def setting(suffix: str) -> str:
        return settings.get(f"AzureWebJobs{name}{suffix}") or settings.get(f"{name}{suffix}") or ""

    if text := setting(""):
        return _Form(text)
    if url := setting(f"__{service}ServiceUri"):
        managed = setting("__credential").lower() == "managedidentity"
        return _Form(url, by_identity=True, client_id=setting("__clientId") or None, managed=managed)
    raise UnknownConnectionError(f"no app setting holds the connection '{name}'")


@cache
def _queues(form: _Form) -> QueueServiceClient:
    if form.by_identity:
        return QueueServiceClient(form.text, form.credential())
    return QueueServiceClient.from_connection_string(form.text)


@cache
def _blobs(form: _Form) -> BlobServiceClient:
    if form.by_identity:
        return BlobServiceClient(form.text, form.credential())
    return BlobServiceClient.from_connection_string(form.text)
