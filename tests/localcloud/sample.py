"""The sample app as a test sees it: a host, its storage, and the effects that its functions leave."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import MappingProxyType

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueClient, QueueServiceClient

from localcloud.functions.queues import encode
from localcloud.host_process import HostProcess
from localcloud.processes import Processes

DIRECTORY = Path(__file__).parent / "sample_app"
NEVER = "0 0 0 1 1 *"


def eventually(true: Callable[[], bool], timeout_seconds: float = 60) -> bool:
    """Whether something becomes true."""
    deadline = time.monotonic() + timeout_seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


class Sample:
    """The sample app on a host of its own."""

    def __init__(
        self,
        processes: Processes,
        connection_string: str,
        directory: Path,
        *,
        options: tuple[str, ...] = (),
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        defaults = {
            "AzureWebJobsStorage": connection_string,
            "AzureFunctionsWebHost__hostid": "sample",
            "JARS": connection_string,
            "JARS_CONTAINER": "jars",
            "TICKS": NEVER,
        }
        self._stack = ExitStack()
        self.blobs = self._stack.enter_context(BlobServiceClient.from_connection_string(connection_string))
        self.queues = self._stack.enter_context(QueueServiceClient.from_connection_string(connection_string))
        with suppress(ResourceExistsError):
            self.blobs.create_container("jars")
        self.host = HostProcess(
            processes,
            DIRECTORY,
            defaults | dict(settings),
            name="host",
            directory=directory,
            key="sample-key",
            options=options,
        )

    def close(self) -> None:
        """Close the clients."""
        self._stack.close()

    @property
    def jars(self) -> ContainerClient:
        """The container that the blob triggers listen to."""
        return self.blobs.get_container_client("jars")

    def effects(self, name: str) -> list[object]:
        """What functions left under a name, oldest first."""
        container = self.blobs.get_container_client("effects")
        try:
            found = sorted(container.list_blob_names(name_starts_with=f"{name}/"))
        except ResourceNotFoundError:
            return []
        return [json.loads(container.download_blob(blob).readall()) for blob in found]

    def wait_for(self, name: str, count: int) -> list[object]:
        """The effects, once there are so many."""
        assert eventually(lambda: len(self.effects(name)) >= count), f"{name}: {self.effects(name)}"
        return self.effects(name)

    def order(self, **order: object) -> None:
        """Send a message to the function `work`."""
        queue = self.queue("work")
        with suppress(ResourceExistsError):
            queue.create_queue()
        queue.send_message(encode(json.dumps(order), base64_encoded=True))

    def queue(self, name: str) -> QueueClient:
        """A queue."""
        return self.queues.get_queue_client(name)

    def waiting(self, name: str) -> int:
        """How many messages a queue holds, hidden ones too."""
        try:
            return self.queue(name).get_queue_properties().approximate_message_count or 0
        except ResourceNotFoundError:
            return 0
