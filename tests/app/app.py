"""The running app as a caller sees it, and the storage beneath it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

import requests
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from flinkfuncs.clients.ledger import Ledger
from flinkfuncs.core.jobs import JobRecord
from localcloud.host_process import HostProcess

KEY = "functions-key"
NONE: Mapping[str, str] = MappingProxyType({})

T = TypeVar("T")


@dataclass(frozen=True)
class RunningApp:
    """One app in its host."""

    host: HostProcess
    account: str

    def get(self, path: str, *, headers: Mapping[str, str] = NONE, key: str | None = KEY) -> requests.Response:
        """GET a path as it stands, without normalising it."""
        return self._send("GET", path, headers=headers, body=b"", key=key)

    def post(
        self, path: str, body: bytes = b"", *, headers: Mapping[str, str] = NONE, key: str | None = KEY
    ) -> requests.Response:
        """POST a body."""
        return self._send("POST", path, headers=headers, body=body, key=key)

    def put(
        self, path: str, body: bytes, *, headers: Mapping[str, str] = NONE, key: str | None = KEY
    ) -> requests.Response:
        """PUT a body."""
        return self._send("PUT", path, headers=headers, body=body, key=key)

    def _send(
        self, method: str, path: str, *, headers: Mapping[str, str], body: bytes, key: str | None
    ) -> requests.Response:
        keyed = {"x-functions-key": key} if key else {}
        request = requests.Request(method, self.host.url, headers={**headers, **keyed}, data=body).prepare()
        request.url = self.host.url + path  # requests would resolve `..`
        with requests.Session() as session:
            session.trust_env = False
            return session.send(request, timeout=100)

    def put_blob(self, name: str, content: bytes) -> None:
        """Upload into the jars container."""
        self._blobs().get_blob_client(self.host.settings["JARS_CONTAINER"], name).upload_blob(content, overwrite=True)

    def blob_event(self, function: str, name: str) -> requests.Response:
        """Tell the blob webhook that a blob was created."""
        url = f"{self._blobs().url}{self.host.settings['JARS_CONTAINER']}/{name}"
        event = {"eventType": "Microsoft.Storage.BlobCreated", "data": {"url": url, "eTag": "0x1", "api": "PutBlob"}}
        path = f"/runtime/webhooks/blobs?functionName=Host.Functions.{function}&code={KEY}"
        return self.post(path, json.dumps([event]).encode(), headers={"aeg-event-type": "Notification"})

    def run_now(self, function: str, given: str = "", *, key: str = KEY) -> None:
        """Run a function that has no route, as the portal would."""
        self.post(f"/admin/functions/{function}", json.dumps({"input": given}).encode(), key=key).raise_for_status()

    def send_message(self, text: str) -> None:
        """Put a message on the operations queue."""
        self._queue(self.host.settings["OPERATIONS_QUEUE"]).send_message(base64.b64encode(text.encode()).decode())

    def poison(self) -> list[str]:
        """Return the messages that the host gave up."""
        try:
            queue = self._queue(self.host.settings["OPERATIONS_QUEUE"] + "-poison")
            return [base64.b64decode(message.content).decode() for message in queue.peek_messages(32)]
        except ResourceNotFoundError:
            return []  # the host makes the queue when it is needed

    def ledger_blobs(self) -> dict[str, Any]:
        """Return everything that is recorded, by blob name."""
        container = self._blobs().get_container_client(self.host.settings["LEDGER_CONTAINER"])
        return {name: json.loads(container.download_blob(name).readall()) for name in container.list_blob_names()}

    def put_record(self, record: JobRecord) -> None:
        """Write a job's record as if the app had."""
        container = self._blobs().get_container_client(self.host.settings["LEDGER_CONTAINER"])
        Ledger(container, self.host.settings["CLUSTER_NAME"]).write(record, etag=None)

    def log(self) -> str:
        """Return what host and functions wrote so far."""
        return self.host.log.read_text()

    def _blobs(self) -> BlobServiceClient:
        return BlobServiceClient.from_connection_string(self.account)

    def _queue(self, name: str) -> Any:  # noqa: ANN401 - the SDK's client
        return QueueServiceClient.from_connection_string(self.account).get_queue_client(name)


def eventually(look: Callable[[], T], *, seconds: float = 30) -> T:
    """Return the first thing worth having that `look` sees; fail when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"nothing was seen in {seconds} s"
        time.sleep(0.1)
    return seen
