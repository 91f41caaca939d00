"""How is the app loaded and called?

By Microsoft's own worker library, in this process: indexing, type checks, conversion of bindings, the thread pool of
sync functions and the one event loop of async ones are those of Azure. The loop's thread never waits for anything
of ours.
"""

import asyncio
import json
import re
import secrets
import sys
import threading
import uuid
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar

import azure_functions_runtime as runtime

from localcloud.functions.configuration import Json
from localcloud.functions.messages import ParameterBinding, TypedData, request

_T = TypeVar("_T")
_TRACEPARENT = re.compile("00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class WorkerError(Exception):
    """The app cannot be loaded; the message is the worker's own."""


@dataclass(frozen=True)
class Binding:
    """A trigger, input or output of a function; `options` are its texts (queueName, route, …)."""

    type: str
    name: str
    options: Mapping[str, str]
    methods: tuple[str, ...]
    deferred: bool


@dataclass(frozen=True)
class Retries:
    """A retry policy, which the host carries out for timers."""

    count: int
    delay_seconds: float


@dataclass(frozen=True)
class Function:
    """One function of the app, as the worker describes it."""

    name: str
    id: str
    bindings: tuple[Binding, ...]
    retries: Retries
    raw: tuple[Json, ...]

    @property
    def trigger(self) -> Binding:
        """What starts it."""
        return next(binding for binding in self.bindings if binding.type.lower().endswith("trigger"))


@dataclass(frozen=True)
class Outcome:
    """What came of an invocation: an error, or what the function returned and put into its outputs."""

    error: str | None = None
    returned: TypedData | None = None
    outputs: tuple[tuple[str, TypedData], ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the function did not fail."""
        return self.error is None


class Worker:
    """The app in its worker."""

    def __init__(self, directory: Path) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="worker-loop", daemon=True).start()
        sys.path.insert(0, str(directory))
        runtime.start_threadpool_executor()
        self._load(directory)
        self.functions = {function.name: function for function in self._functions()}
        if not self.functions:
            raise WorkerError(f"no functions found in {directory}")

    def submit(self, work: Coroutine[None, None, _T]) -> "Future[_T]":
        """Run something on the worker's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    async def invoke(
        self,
        function: Function,
        inputs: Mapping[str, TypedData],
        metadata: Mapping[str, TypedData],
        attempt: int = 0,
        traceparent: str = "",
    ) -> Outcome:
        """Call a function; to be awaited on the worker's loop. `traceparent` is what its caller sent."""
        asked = SimpleNamespace(
            invocation_id=str(uuid.uuid4()),
            function_id=function.id,
            trigger_metadata=dict(metadata),
            input_data=[ParameterBinding(name=name, data=data) for name, data in inputs.items()],
            trace_context=SimpleNamespace(trace_parent=_traceparent(traceparent), trace_state="", attributes={}),
            retry_context=SimpleNamespace(retry_count=attempt, max_retry_count=function.retries.count, exception=None),
        )
        reply = await runtime.invocation_request(request(invocation_request=asked))
        if reply.result.status != 1:
            return Outcome(error=_error(reply.result.exception))
        return Outcome(None, reply.return_value, tuple((output.name, output.data) for output in reply.output_data))

    def _load(self, directory: Path) -> None:
        asked = SimpleNamespace(capabilities={}, function_app_directory=str(directory))
        reply = self.submit(runtime.worker_init_request(request(worker_init_request=asked))).result()
        if reply.result.status != 1:
            raise WorkerError(_error(reply.result.exception))

    def _functions(self) -> list[Function]:
        reply = self.submit(runtime.functions_metadata_request(request())).result()
        return [_function(found) for found in reply.function_metadata_results or []]


def _traceparent(callers: str) -> str:
    """A span of the host's own for each invocation: in the caller's trace, or in a new one."""
    found = _TRACEPARENT.fullmatch(callers)
    return f"00-{found[1] if found else secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def _error(exception: SimpleNamespace) -> str:
    return f"{exception.message}\n{exception.stack_trace}"


def _function(found: SimpleNamespace) -> Function:
    raw = tuple(json.loads(binding) for binding in found.raw_bindings)
    options = found.retry_options
    delay = getattr(options, "delay_interval", None) or getattr(options, "minimum_interval", None)
    retries = Retries(getattr(options, "max_retry_count", 0) or 0, _seconds(delay))
    return Function(found.name, found.function_id, tuple(map(_binding, raw)), retries, raw)


def _seconds(delay: object) -> float:
    total = getattr(delay, "total_seconds", None)
    return float(total()) if callable(total) else float(getattr(delay, "seconds", 0))


def _binding(raw: Mapping[str, Json]) -> Binding:
    options = {name: value for name, value in raw.items() if isinstance(value, str)}
    methods, properties = raw.get("methods"), raw.get("properties")
    said = {name.lower(): str(value) for name, value in properties.items()} if isinstance(properties, dict) else {}
    return Binding(
        type=options["type"],
        name=options["name"],
        options=options,
        methods=tuple(str(method).upper() for method in methods) if isinstance(methods, list) else (),
        deferred=said.get("supportsdeferredbinding") == "True",
    )
