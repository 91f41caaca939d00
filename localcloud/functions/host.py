"""What listens to what?

Each function of the app gets the listener of its trigger. A function whose binding cannot be resolved is named in the
log and left out, as in the real host; the others run.
"""

import logging
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from azure.storage.queue import QueueClient, QueueMessage
from starlette.applications import Starlette
from starlette.routing import request_response

from localcloud.functions import queues, storage
from localcloud.functions.admin import Admin
from localcloud.functions.blobs import POISON_QUEUE, BlobEvents, BlobTrigger
from localcloud.functions.configuration import load_configuration
from localcloud.functions.expressions import UnresolvedError, blob_path, resolve, route
from localcloud.functions.invocations import Invocations
from localcloud.functions.listener import QueueListener
from localcloud.functions.messages import TypedData, text
from localcloud.functions.timers import Schedule, TimerListener
from localcloud.functions.web import MOST_BYTES, HttpTrigger, Web
from localcloud.functions.worker import Binding, Function, Worker

log = logging.getLogger("host")

KNOWN_BINDINGS = {"httpTrigger", "http", "blobTrigger", "queueTrigger", "queue", "timerTrigger"}
RESTART_GRACE_SECONDS = 3


class Listener(Protocol):
    """What starts functions without a request."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def wait(self, timeout_seconds: float) -> bool: ...


class Host:
    """An app with everything that starts its functions. The app settings are in the environment already.

    `restart` replaces the process; it does not return.
    """

    def __init__(self, directory: Path, *, key: str, invisibility_seconds: float, restart: Callable[[], None]) -> None:
        self._key = key
        self._restart = restart
        self._configuration = load_configuration(directory, os.environ)
        self._invisibility_seconds = invisibility_seconds
        self._worker = Worker(directory)
        self._invocations = Invocations(
            self._worker, self._emit, self._configuration.timeout_seconds, self._begin_restart
        )
        self._http: list[HttpTrigger] = []
        self._blobs: dict[str, BlobTrigger] = {}
        self._queues: dict[str, list[QueueListener]] = {}
        self._timers: dict[str, TimerListener] = {}
        for function in self._worker.functions.values():
            self._register(function)
        self._blob_events = self._listen_to_blobs()

    @property
    def _listeners(self) -> list[Listener]:
        return [*self._timers.values(), *(listener for several in self._queues.values() for listener in several)]

    def application(self) -> Starlette:
        """The host's HTTP side."""
        functions = self._worker.functions
        admin = Admin(self._configuration.host_id, functions, self._blob_events, self._run_now, self._key)
        web = Web(
            self._http,
            self._invocations,
            self._key,
            homepage=self._configuration.homepage,
            most_bytes=int(os.environ.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT") or MOST_BYTES),
        )
        application = Starlette(routes=admin.routes())
        application.router.redirect_slashes = False
        application.router.default = request_response(
            web.respond
        )  # a pattern of Starlette's ends at a line break (%0A)
        return application

    def start(self) -> None:
        """Start all listeners."""
        for listener in self._listeners:
            listener.start()

    def stop(self) -> None:
        """Take nothing more; what runs goes on."""
        for listener in self._listeners:
            listener.stop()

    def wait(self, timeout_seconds: float) -> bool:
        """After `stop`: whether everything ended in time."""
        return all(listener.wait(timeout_seconds) for listener in self._listeners)

    def _begin_restart(self) -> None:
        threading.Thread(target=self._stop_and_restart, daemon=True).start()

    def _stop_and_restart(self) -> None:
        """Let the listeners give back what failed, then become a new process."""
        self.stop()
        self.wait(RESTART_GRACE_SECONDS)
        self._restart()

    def _register(self, function: Function) -> None:
        kinds: dict[str, Callable[[Function], None]] = {
            "httpTrigger": self._register_route,
            "blobTrigger": self._register_blob,
            "queueTrigger": self._register_queue,
            "timerTrigger": self._register_timer,
        }
        try:
            _check_bindings(function)
            kinds[function.trigger.type](function)
        except (UnresolvedError, storage.UnknownConnectionError, ValueError, KeyError) as error:
            log.error("The listener for function 'Functions.%s' was unable to start: %s", function.name, error)

    def _register_route(self, function: Function) -> None:
        template = function.trigger.options.get("route") or function.name  # an empty route is none
        self._http.append(HttpTrigger(function, route(f"{self._configuration.route_prefix}/{template}")))

    def _register_blob(self, function: Function) -> None:
        path = blob_path(resolve(function.trigger.options["path"], os.environ))
        self._blobs[function.name] = BlobTrigger(function, path)

    def _register_queue(self, function: Function) -> None:
        name, connection = _queue_of(function.trigger)
        poison = partial(storage.existing_queue, f"{name}-poison", connection)
        handle = partial(self._handle_message, function)
        listener = QueueListener(
            storage.queue(name, connection),
            poison,
            handle,
            self._configuration.queues,
            invisibility_seconds=self._invisibility_seconds,
        )
        self._queues.setdefault(name, []).append(listener)

    def _register_timer(self, function: Function) -> None:
        schedule = Schedule(resolve(function.trigger.options["schedule"], os.environ))
        host_id = self._configuration.host_id
        self._timers[function.name] = TimerListener(function, schedule, host_id, self._invocations)

    def _listen_to_blobs(self) -> BlobEvents:
        name = f"azure-webjobs-blobtrigger-{self._configuration.host_id}"
        wake, options = partial(self._wake, name), self._configuration.blobs
        events = BlobEvents(self._blobs, self._invocations, options, name, wake)
        if self._blobs:
            poison = partial(storage.existing_queue, POISON_QUEUE)
            own: QueueClient = storage.existing_queue(name)
            invisibility = self._invisibility_seconds
            listener = QueueListener(own, poison, events.handle, options, invisibility_seconds=invisibility)
            self._queues[name] = [listener]
        return events

    def _handle_message(self, function: Function, message: QueueMessage) -> bool:
        content = queues.decode(message.content, base64_encoded=self._configuration.queues.base64)
        inputs = {function.trigger.name: text(content)}
        return self._invocations.start(function, inputs, queues.metadata(message, content)).result().ok

    def _emit(self, binding: Binding, data: TypedData) -> None:
        if binding.type != "queue":
            raise NotImplementedError(f"output bindings of type '{binding.type}' are not known here")
        name, connection = _queue_of(binding)
        for content in queues.outgoing(data):
            message = queues.encode(content, base64_encoded=self._configuration.queues.base64)
            storage.existing_queue(name, connection).send_message(message)
        self._wake(name)

    def _wake(self, queue_name: str) -> None:
        for listener in self._queues.get(queue_name, []):
            listener.wake()

    def _run_now(self, function: Function, given: str) -> None:
        if function.name in self._timers:
            self._timers[function.name].run_now()
        elif function.name in self._blobs:
            container, _, blob = given.partition("/")
            self._blob_events.enqueue(function.name, container, blob, "")
        else:
            self._invocations.start(function, {function.trigger.name: text(given)})


def _check_bindings(function: Function) -> None:
    others = {binding.type for binding in function.bindings} - KNOWN_BINDINGS
    if others:
        raise ValueError(f"bindings of type {sorted(others)} are not known here")


def _queue_of(binding: Binding) -> tuple[str, str]:
    return resolve(binding.options["queueName"], os.environ), binding.options.get("connection", storage.HOST_STORAGE)
