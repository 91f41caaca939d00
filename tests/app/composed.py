"""The app composed in the test's own process, on real storage: for what a host cannot be made to do."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Self, TypeAlias

from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient
from azure_functions_runtime.bindings.context import Context
from azure_functions_runtime.bindings.tracecontext import TraceContext

from flinkfuncs.clients.jars import JarsInPlace
from flinkfuncs.core.jobs import JobRecord, Recorded
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Operation
from flinkfuncs.core.steps import Learned, Step

Statuses: TypeAlias = Callable[[Mapping[JobName, Recorded]], Mapping[JobName, str]]


def invocation(function: str) -> Any:  # noqa: ANN401 - the worker's own class, which ships no types
    """Return what the worker passes a function about its invocation."""
    return Context(function, "", uuid.uuid4().hex, threading.local(), TraceContext("", "", {}), None)


class BrokenCluster:
    """A cluster whose every answer is the error that it was given."""

    key = "flink"

    def __init__(self, error: Exception) -> None:
        self._error = error

    def next_step(self, _record: JobRecord, _operation: Operation, _now: datetime) -> Step:
        raise self._error

    def act(self, _record: JobRecord, _operation: Operation, _step: Step) -> Learned:
        raise self._error

    def statuses(self, jobs: Mapping[JobName, Recorded]) -> Mapping[JobName, str]:  # noqa: ARG002 - the name counts
        raise self._error

    def in_place(self, jars: JarsInPlace) -> Self:  # noqa: ARG002 - the name counts
        return self


class IdleCluster(BrokenCluster):
    """A cluster that answers, and runs nothing."""

    def __init__(self) -> None:
        super().__init__(NotImplementedError())

    def statuses(self, jobs: Mapping[JobName, Recorded]) -> Mapping[JobName, str]:
        return dict.fromkeys(jobs, "NONE")


def storage_settings(account: str) -> dict[str, str]:
    """Make one container and one queue of a new name, and return the settings that name them."""
    name = f"composed-{uuid.uuid4().hex[:12]}"
    BlobServiceClient.from_connection_string(account).create_container(name)
    QueueServiceClient.from_connection_string(account).create_queue(name)
    return {
        "AzureWebJobsStorage": account,
        "JARS": account,
        "PYTHON_THREADPOOL_THREAD_COUNT": "32",
        "FLINK_CLUSTER_KIND": "session",
        "FLINK_REST_URL": "http://127.0.0.1:9",
        "SAVEPOINT_DIRECTORY": "file:///savepoints",
        "SAVEPOINT_SCHEDULE": "0 0 */6 * * *",
        "SWEEP_SCHEDULE": "*/30 * * * * *",
        "OPERATIONS_QUEUE": name,
        "JARS_CONTAINER": name,
        "RELEASES_CONTAINER": name,
        "LEDGER_CONTAINER": name,
    }
