"""Inside the app's host: every call of the app crosses here, is written down, and is perhaps the last one.

Wrapped are `requests.Session.send` and the Azure pipeline's transport, so that a new call is found by itself.
The Functions host shares the process and the storage library: what counts is a call with a frame of the app above it.

    {"cell": "c7", "site": "POST flink /jobs/:id/stop", "nth": 1, "since": "PUT ledger jobs/:job #7", "by": […]}
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import requests
from azure.core.pipeline.transport import RequestsTransport

from .plan import Counting, Crossing, Plan, When, is_killed, mark_killed, read_plan
from .sites import RENEWAL, Namer

DIRECTORY_SETTING = "CROSSINGS_DIRECTORY"
APP, CLIENTS = "flinkfuncs.", "flinkfuncs.clients."
T = TypeVar("T")


class Crossings:
    """The calls of the app in this process."""

    def __init__(self, directory: Path, namer: Namer) -> None:
        """Look for plans in `directory`, and write the calls down there."""
        self._directory = directory
        self._namer = namer
        self._lock = threading.Lock()
        self._cell = ""
        self._counting = Counting()
        self._inside = threading.local()

    def around(self, method: str, url: str, call: Callable[[], T]) -> T:
        """Make a call, unless this is where the app dies; a call that fails has been crossed, too."""
        if getattr(self._inside, "azure", False) or (by := called_by()) is None:
            return call()
        plan = read_plan(self._directory)
        if plan is None:
            return call()
        renewal = RENEWAL if "Claim.renew" in by else ""
        crossing = self._cross(plan, self._namer.site(method, url) + renewal, by)
        self._die_if(plan, crossing, "before")
        try:
            return call()
        finally:
            self._die_if(plan, crossing, "after")

    def around_azure(self, method: str, url: str, call: Callable[[], T]) -> T:
        """The same for a call of Azure's pipeline, whose transport is a `requests.Session` again."""

        def marked() -> T:
            self._inside.azure = True
            try:
                return call()
            finally:
                self._inside.azure = False

        return self.around(method, url, marked)

    def _cross(self, plan: Plan, site: str, by: list[str]) -> Crossing:
        with self._lock:
            if self._cell != plan.cell:
                self._cell, self._counting = plan.cell, Counting()
            crossing = self._counting.cross(site)
            line = {"cell": plan.cell, "site": site, "nth": crossing.nth, "since": crossing.since, "by": by}
            with (self._directory / "crossings.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
        return crossing

    def _die_if(self, plan: Plan, crossing: Crossing, when: When) -> None:
        if plan.kills(crossing, when) and not is_killed(self._directory, plan.cell):
            mark_killed(self._directory, plan.cell)
            os.kill(os.getpid(), signal.SIGKILL)


def called_by() -> list[str] | None:
    """Name the methods of the app's clients that this call is made by, the nearest first; None: not by the app."""
    frame, found, ours = sys._getframe(2), list[str](), False
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        ours = ours or module.startswith(APP)
        if module.startswith(CLIENTS):
            found.append(frame.f_code.co_qualname)
        frame = frame.f_back  # type: ignore[assignment]  # None above the outermost frame
    return found if ours else None


def install() -> None:
    """Wrap both ways out of this process."""
    crossings = Crossings(Path(os.environ[DIRECTORY_SETTING]), Namer(os.environ))
    send, transport_send = requests.Session.send, RequestsTransport.send

    def wrapped(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # noqa: ANN401 - passed on as it is
        return crossings.around(request.method or "", request.url or "", lambda: send(self, request, **options))

    def wrapped_transport(self: RequestsTransport, request: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on
        return crossings.around_azure(request.method, request.url, lambda: transport_send(self, request, **options))

    requests.Session.send = wrapped  # type: ignore[method-assign]
    RequestsTransport.send = wrapped_transport
