"""Both ways out of a process, wrapped: `requests.Session.send`, and the transport of Azure's pipeline.

So a new call is found by itself. What counts is a call with a frame of the app above it; the Functions host shares the
process and the storage library with the app.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import requests
from azure.core.pipeline.transport import RequestsTransport

APP, CLIENTS = "flinkfuncs.", "flinkfuncs.clients."
# Gets the request, what sends it, and what makes its caller wait no longer than so many seconds.
Around: TypeAlias = Callable[[Any, Callable[[], Any], Callable[[float], None]], Any]


@contextmanager
def wrapped(around: Around) -> Iterator[None]:
    """Let every call of this process be made by `around`."""
    send, transport_send = requests.Session.send, RequestsTransport.send
    inside = threading.local()  # a call of Azure's, whose transport is a `requests.Session` again

    def session(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # noqa: ANN401 - passed on as it is
        def hurry(seconds: float) -> None:
            options["timeout"] = (seconds, seconds)

        if getattr(inside, "azure", False):
            return send(self, request, **options)
        answer: requests.Response = around(request, lambda: send(self, request, **options), hurry)
        return answer

    def transport(self: RequestsTransport, request: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on
        def hurry(seconds: float) -> None:
            options["read_timeout"] = seconds

        def marked() -> Any:  # noqa: ANN401 - passed on
            inside.azure = True
            try:
                return transport_send(self, request, **options)
            finally:
                inside.azure = False

        return around(request, marked, hurry)

    requests.Session.send = session  # type: ignore[method-assign]
    RequestsTransport.send = transport
    try:
        yield
    finally:
        requests.Session.send = send  # type: ignore[method-assign]
        RequestsTransport.send = transport_send


def called_by() -> list[str] | None:
    """Name the methods of the app's clients that this call is made by, the nearest first; None: not by the app."""
    frame, found, ours = sys._getframe(1), list[str](), False
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        ours = ours or module.startswith(APP)
        if module.startswith(CLIENTS):
            found.append(frame.f_code.co_qualname)
        frame = frame.f_back  # type: ignore[assignment]  # None above the outermost frame
    return found if ours else None
