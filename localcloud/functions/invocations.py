"""What surrounds one call of a function?

A time limit, its output bindings, and two log lines. An invocation whose output cannot be written has failed. One that
exceeds the limit takes the worker with it, as in the real host: the others fail too, and `restart` must replace the
process, since a thread cannot be ended.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import MappingProxyType

from localcloud.functions.messages import TypedData
from localcloud.functions.worker import Binding, Function, Outcome, Worker

log = logging.getLogger("host")

Emit = Callable[[Binding, TypedData], None]
_NOTHING: Mapping[str, TypedData] = MappingProxyType({})


class Invocations:
    """Calls functions; `emit` writes what a function put into one of its outputs."""

    def __init__(self, worker: Worker, emit: Emit, timeout_seconds: float | None, restart: Callable[[], None]) -> None:
        self._worker = worker
        self._emit = emit
        self._timeout_seconds = timeout_seconds
        self._restart = restart
        self._running: set[asyncio.Task[Outcome]] = set()
        self._emitters = ThreadPoolExecutor(max_workers=4, thread_name_prefix="outputs")

    def start(
        self,
        function: Function,
        inputs: Mapping[str, TypedData],
        metadata: Mapping[str, TypedData] = _NOTHING,
        attempt: int = 0,
        traceparent: str = "",
    ) -> "Future[Outcome]":
        """Begin an invocation."""
        call = self._worker.invoke(function, inputs, metadata, attempt, traceparent)
        return self._worker.submit(self._run(function, call))

    async def _run(self, function: Function, call: Coroutine[None, None, Outcome]) -> Outcome:
        label, started = f"Id={uuid.uuid4()}", time.monotonic()
        log.info("Executing 'Functions.%s' (%s)", function.name, label)
        task = asyncio.ensure_future(self._outcome(function, call))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        outcome = await task
        word, level = ("Succeeded", logging.INFO) if outcome.ok else ("Failed", logging.ERROR)
        took = (time.monotonic() - started) * 1000
        text = "Executed 'Functions.%s' (%s, %s, Duration=%dms) %s"
        log.log(level, text, function.name, word, label, took, outcome.error or "")
        return outcome

    async def _outcome(self, function: Function, call: Coroutine[None, None, Outcome]) -> Outcome:
        try:
            outcome = await asyncio.wait_for(call, self._timeout_seconds)
            await asyncio.get_running_loop().run_in_executor(self._emitters, self._emit_all, function, outcome)
        except TimeoutError:
            self._give_up_worker()
            return Outcome(error=f"Timeout value of {self._timeout_seconds} s was exceeded by the function")
        except asyncio.CancelledError:
            return Outcome(error="The worker is restarted because another function exceeded its timeout")
        except Exception as error:  # noqa: BLE001  (an output that cannot be written fails the invocation, whatever it was)
            return Outcome(error=f"{type(error).__name__}: {error}")
        return outcome

    def _give_up_worker(self) -> None:
        log.error("A function exceeded its timeout: the worker is restarted")
        for task in self._running - {asyncio.current_task()}:
            task.cancel()
        self._restart()

    def _emit_all(self, function: Function, outcome: Outcome) -> None:
        for name, data in outcome.outputs:
            self._emit(next(binding for binding in function.bindings if binding.name == name), data)
