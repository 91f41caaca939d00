"""A server through which one call goes wrong: what is broken is broken on a real socket.

    REFUSED         nobody listens where the call goes
    RESET_BEFORE    the connection is reset when the headers came; nothing is handled
    RESET_AFTER     the request is handled, then the connection is reset
    TIMEOUT         the request is handled, and nothing comes back
    LATE            nothing comes back, and the request is handled when nobody waits for it any more
    BUSY            429 with Retry-After; nothing is handled
    ERROR           500 of a gateway; nothing is handled
    AWAY            503 of a gateway; nothing is handled
    GARBAGE         the request is handled, and a page of HTML comes back with a 200

The headers of a call say where it was going to and what becomes of it.
"""

from __future__ import annotations

import http.client
import select
import socket
import time
from contextlib import suppress
from enum import Enum
from threading import Event

from tests.listener import HOST, Call, Handler, Listener, Reply

UPSTREAM, FAULT = "X-Upstream", "X-Fault"
SILENCE_SECONDS = 0.4  # how long the caller of a silent call waits
LATE_SECONDS = 0.2  # how much later a late call is handled
MOST_SECONDS = 5.0
HOP_HEADERS = ("host", "connection", UPSTREAM.lower(), FAULT.lower())


class Fault(Enum):
    """What becomes of a call."""

    REFUSED = "refused"
    RESET_BEFORE = "reset before"
    RESET_AFTER = "reset after"
    TIMEOUT = "timeout after"
    LATE = "handled late"
    BUSY = "429"
    ERROR = "500"
    AWAY = "503"
    GARBAGE = "garbage"


STATUSES = {Fault.BUSY: 429, Fault.ERROR: 500, Fault.AWAY: 503}
HANDLED = (Fault.RESET_AFTER, Fault.TIMEOUT, Fault.LATE, Fault.GARBAGE)
SILENT = (Fault.TIMEOUT, Fault.LATE)
UNHANDLED = (Fault.REFUSED, Fault.BUSY, Fault.AWAY)  # and the caller knows that
PAGE = b"<html><body>Please log in.</body></html>"


class Breaker:
    """The server; `url_for` says where a call has to go to meet its fault."""

    def __init__(self) -> None:
        """Listen on one port, and keep another one on which nobody listens."""
        self._nobody = socket.socket()
        self._nobody.bind((HOST, 0))
        self.over = Event()
        self._server = Listener(_Handler, self)

    def netloc_for(self, fault: Fault) -> str:
        """Return host and port."""
        port = self._nobody.getsockname()[1] if fault is Fault.REFUSED else self._server.server_port
        return f"{HOST}:{port}"

    def stop(self) -> None:
        """End it."""
        self.over.set()
        self._server.stop()
        self._nobody.close()


class _Handler(Handler[Breaker]):
    protocol_version = "HTTP/1.0"  # a connection a call: each meets its own fault

    def handle_call(self) -> None:
        fault = Fault[self.headers[FAULT]]
        if fault is Fault.RESET_BEFORE:
            return self.reset()
        call = self.read()
        if fault is Fault.LATE:
            self._until_given_up()
            time.sleep(LATE_SECONDS)
        if fault in HANDLED:
            _forward(call)
        match fault:
            case Fault.RESET_AFTER:
                self.reset()
            case Fault.TIMEOUT:
                self._until_given_up()
            case Fault.GARBAGE:
                self.write(Reply(200, headers={"Content-Type": "text/html"}, raw=PAGE))
            case Fault.BUSY | Fault.ERROR | Fault.AWAY:
                headers = {"Retry-After": "1"} if fault is Fault.BUSY else {}
                self.write(Reply(STATUSES[fault], headers=headers, raw=PAGE))
            case _:
                return None
        return None

    def _until_given_up(self) -> None:
        """Say nothing until the caller has closed the connection."""
        deadline = time.monotonic() + MOST_SECONDS
        while time.monotonic() < deadline and not self.told.over.is_set():
            if select.select([self.connection], [], [], 0.05)[0]:
                return


def _forward(call: Call) -> None:
    headers = {name: value for name, value in call.headers.items() if name.lower() not in HOP_HEADERS}
    upstream = http.client.HTTPConnection(call.headers[UPSTREAM], timeout=10)
    with suppress(OSError):
        upstream.request(call.method, call.path, call.body, headers)
        upstream.getresponse().read()
    upstream.close()
