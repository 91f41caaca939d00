"""What stands between a client and the app in a test: it passes calls on, and loses answers when it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


@dataclass
class Call:
    """A call that came by."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Relay:
    """Where it listens, and what came by."""

    to: str
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    lose: Callable[[Call], bool] = lambda _: False  # whether the answer to a call is lost
    answer: Callable[[Call], int | None] = lambda _: None  # a status in place of the app's …
    content: bytes = b""  # … with this

    def posts(self) -> list[Call]:
        """Return the POSTs that came by."""
        return [call for call in self.calls if call.method == "POST"]


@contextmanager
def relaying(to: str) -> Iterator[Relay]:
    """Relay for the length of a test."""
    relay = Relay(to)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._pass_on()

        def do_POST(self) -> None:
            self._pass_on()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            call = Call(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            relay.calls.append(call)
            status = relay.answer(call)
            if status is None:
                sent = {k: v for k, v in call.headers.items() if k not in ("host", "content-length", "connection")}
                reply = httpx.request(
                    call.method, relay.to + call.path, headers=sent, content=body, timeout=250, trust_env=False
                )
                status, content, headers = reply.status_code, reply.content, reply.headers
            else:
                content, headers = relay.content, httpx.Headers()
            if relay.lose(call):
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(status)
            for name in ("content-type", "etag", "preference-applied", "idempotency-replayed", "retry-after"):
                if name in headers:
                    self.send_header(name, headers[name])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    relay.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield relay
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
