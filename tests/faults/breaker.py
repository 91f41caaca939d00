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
import struct
import time
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

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
PAGE = b"<html><body>Please log in.</body></html>"


class Breaker:
    """The server; `url_for` says where a call has to go to meet its fault."""

    def __init__(self) -> None:
        """Listen on one port, and keep another one on which nobody listens."""
        self._nobody = socket.socket()
        self._nobody.bind(("127.0.0.1", 0))
        self.over = Event()
        self._server = _Listener(self)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def netloc_for(self, fault: Fault) -> str:
        """Return host and port."""
        port = self._nobody.getsockname()[1] if fault is Fault.REFUSED else self._server.server_address[1]
        return f"127.0.0.1:{port}"

    def stop(self) -> None:
        """End it."""
        self.over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._nobody.close()


class _Handler(BaseHTTPRequestHandler):
    wbufsize = -1
    disable_nagle_algorithm = True

    def _handle(self) -> None:
        self.close_connection = True
        fault = Fault[self.headers[FAULT]]
        if fault is Fault.RESET_BEFORE:
            return self._reset()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault is Fault.LATE:
            self._until_given_up()
            time.sleep(LATE_SECONDS)
        if fault in HANDLED:
            self._forward(body)
        match fault:
            case Fault.RESET_AFTER:
                self._reset()
            case Fault.TIMEOUT:
                self._until_given_up()
            case Fault.GARBAGE:
                self._answer(200, PAGE, {"Content-Type": "text/html"})
            case Fault.BUSY | Fault.ERROR | Fault.AWAY:
                self._answer(STATUSES[fault], PAGE, {"Retry-After": "1"} if fault is Fault.BUSY else {})
            case _:
                return None
        return None

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815 - the base class calls them so

    def _forward(self, body: bytes) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_HEADERS}
        upstream = http.client.HTTPConnection(self.headers[UPSTREAM], timeout=10)
        with suppress(OSError):
            upstream.request(self.command, self.path, body, headers)
            upstream.getresponse().read()
        upstream.close()

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _until_given_up(self) -> None:
        """Say nothing until the caller has closed the connection."""
        assert isinstance(self.server, _Listener)
        deadline = time.monotonic() + MOST_SECONDS
        while time.monotonic() < deadline and not self.server.told.over.is_set():
            if select.select([self.connection], [], [], 0.05)[0]:
                return

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, told: Breaker) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.told = told

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the base class has it
        """Say nothing: callers go away in the middle."""
