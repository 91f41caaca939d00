"""Which storage does a connection name mean?

A name is an app setting that holds a connection string; without a name it is the host's own, AzureWebJobsStorage.
"""

import os
from contextlib import suppress
from functools import cache

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueClient, QueueServiceClient

HOST_STORAGE = "AzureWebJobsStorage"


class UnknownConnectionError(Exception):
    """No app setting holds the connection."""


def queue(name: str, connection: str = HOST_STORAGE) -> QueueClient:
    """A queue, which may not exist yet."""
    return _queues(_connection_string(connection)).get_queue_client(name)


def existing_queue(name: str, connection: str = HOST_STORAGE) -> QueueClient:
    """A queue, created if there is none."""
    client = queue(name, connection)
    with suppress(ResourceExistsError):
        client.create_queue()
    return client


def blobs(connection: str = HOST_STORAGE) -> BlobServiceClient:
    """The blobs of an account."""
    return _blobs(_connection_string(connection))


def host_container() -> ContainerClient:
    """The container in which hosts keep leases and the state of timers."""
    client = blobs().get_container_client("azure-webjobs-hosts")
    with suppress(ResourceExistsError):
        client.create_container()
    return client


def _connection_string(name: str) -> str:
    value = os.environ.get(f"AzureWebJobs{name}") or os.environ.get(name)
    if not value:
        raise UnknownConnectionError(f"no app setting holds the connection '{name}'")
    return value


@cache
def _queues(connection_string: str) -> QueueServiceClient:
    return QueueServiceClient.from_connection_string(connection_string)


@cache
def _blobs(connection_string: str) -> BlobServiceClient:
    return BlobServiceClient.from_connection_string(connection_string)
