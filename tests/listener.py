"""HTTP servers of the tests' own, on the standard library: one that answers, and the pieces of one that breaks.

Where a test needs the real thing (Flink, Azurite, the local Entra ID), it does not use this.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Generic, TypeAlias, TypeVar
from urllib.parse import urlsplit

HOST = "127.0.0.1"
Told = TypeVar("Told")


@dataclass(frozen=True)
class Call:
    """A request that arrived whole."""

    method: str
    path: str  # with its query
    headers: Mapping[str, str]
    body: bytes

    @property
    def bare(self) -> str:
        """The path without its query."""
        return urlsplit(self.path).path

    @property
    def sent(self) -> Any:  # noqa: ANN401 - JSON
        """The JSON that was sent."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What to answer; `raw` is sent as it is in place of a JSON body."""

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None

    @property
    def content(self) -> bytes:
        """The body on the wire."""
        return json.dumps(self.body).encode() if self.raw is None else self.raw


Answering: TypeAlias = Callable[[Call], Reply]


class Listener(ThreadingHTTPServer, Generic[Told]):
    """Listens on a free port until it is stopped; `told` is what its handlers speak for."""

    daemon_threads = True
    block_on_close = False  # clients keep their connections open

    def __init__(self, handler: type[Handler[Told]], told: Told, *, tls: ssl.SSLContext | None = None) -> None:
        """Listen, and serve in a thread of its own."""
        super().__init__((HOST, 0), handler)
        self.told, self._tls = told, tls
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self._thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://localhost:{self.server_port}" if self._tls else f"http://{HOST}:{self.server_port}"

    def stop(self) -> None:
        """End it."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the base class has it
        """Say nothing: clients of these tests go away in the middle."""


class Handler(BaseHTTPRequestHandler, Generic[Told]):
    """One connection; a subclass says what `handle_call` does."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    @property
    def told(self) -> Told:
        """What the listener was given."""
        assert isinstance(self.server, Listener)
        told: Told = self.server.told
        return told

    def handle_call(self) -> None:
        """Answer one request."""
        raise NotImplementedError

    def _handle(self) -> None:
        self.handle_call()

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815 - the base class calls them so

    def read(self) -> Call:
        """Read the request to its end."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return Call(self.command, self.path, dict(self.headers), body)

    def write(self, reply: Reply, *, length: int | None = None) -> None:
        """Send a reply; `length` is what to claim of it."""
        content = reply.content
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length or len(content)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else content)
        self.wfile.flush()

    def reset(self) -> None:
        """Break the connection off, so that the client sees a reset."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


class _Answering(Handler[Answering]):
    def handle_call(self) -> None:
        self.write(self.told(self.read()))


def listener(answer: Answering, *, tls: ssl.SSLContext | None = None) -> Listener[Answering]:
    """A server that answers every call; whoever asks for it stops it."""
    return Listener(_Answering, answer, tls=tls)


@contextmanager
def listening(answer: Answering, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The URL of such a server for the length of a test."""
    server = listener(answer, tls=tls)
    try:
        yield server.url
    finally:
        server.stop()
