"""What does the host answer in its own name?

    GET  /admin/host/status                               is it up (the one without a key)
    GET  /admin/functions, /admin/functions/{name}        what is indexed, bindings as the worker gives them
    POST /admin/functions/{name}   {"input": "…"}         runs a function that is not HTTP: 202
    POST /runtime/webhooks/blobs?functionName=Host.Functions.{name}    Event Grid: 202, or the answer to its handshake

The webhook answers 2xx only when every event of the request lies in the queue.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localcloud.functions.blobs import PREFIX, BlobEvents, blob_of_url
from localcloud.functions.configuration import Json
from localcloud.functions.web import keyed
from localcloud.functions.worker import Function


@dataclass(frozen=True)
class Admin:
    """The host's own endpoints; `run` starts a function with the text of a manual call."""

    host_id: str
    functions: Mapping[str, Function]
    blobs: BlobEvents
    run: Callable[[Function, str], None]
    key: str

    def routes(self) -> list[Route]:
        """See the module's docstring."""
        return [
            Route("/admin/host/status", self._status),
            Route("/admin/functions", self._list),
            Route("/admin/functions/{name}", self._function, methods=["GET", "POST"]),
            Route("/runtime/webhooks/blobs", self._webhook, methods=["POST"]),
        ]

    async def _status(self, _request: Request) -> Response:
        return JSONResponse({"id": self.host_id, "state": "Running", "version": "4.0.0-local"})

    async def _list(self, request: Request) -> Response:
        if not keyed(request, self.key):
            return Response(status_code=401)
        return JSONResponse([_described(function) for function in self.functions.values()])

    async def _function(self, request: Request) -> Response:
        if not keyed(request, self.key):
            return Response(status_code=401)
        function = self.functions.get(request.path_params["name"])
        if function is None:
            return Response(status_code=404)
        if request.method == "GET":
            return JSONResponse(_described(function))
        if function.trigger.type == "httpTrigger":
            return JSONResponse({"message": "An HTTP function is run by its route."}, 400)
        given = json.loads(await request.body() or b"{}").get("input") or ""
        await asyncio.to_thread(self.run, function, str(given))
        return Response(status_code=202)

    async def _webhook(self, request: Request) -> Response:
        if not keyed(request, self.key):
            return Response(status_code=401)
        name = request.query_params.get("functionName", "").removeprefix(PREFIX)
        if name not in self.blobs.triggers:
            return JSONResponse({"message": f"No blob function '{name}'."}, 400)
        content = json.loads(await request.body())
        events = cast(list[dict[str, dict[str, str]]], content if isinstance(content, list) else [content])
        if request.headers.get("aeg-event-type") == "SubscriptionValidation":
            return JSONResponse({"validationResponse": events[0]["data"]["validationCode"]})
        await asyncio.to_thread(self._accept, name, events)
        return Response(status_code=202)

    def _accept(self, name: str, events: list[dict[str, dict[str, str]]]) -> None:
        for event in events:
            container, blob = blob_of_url(event["data"]["url"])
            self.blobs.enqueue(name, container, blob, event["data"].get("eTag", ""))


def _described(function: Function) -> dict[str, Json]:
    return {"name": function.name, "config": {"name": function.name, "bindings": list(function.raw)}}
