"""A real HTTP server whose answers a test writes down, and which can break them on the wire.

    answers = {"POST /runJob": [Answer(202), Fault.RESET_AFTER], "GET /jobs": [Answer(200, body={"value": []})]}

A key is a method and how the path ends; its answers are given in their order, the last one for ever. Every request
that arrived whole is kept, so that a test can count and read what was sent.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """What to answer; `raw` is sent as it is in place of a JSON body; `then` replaces answers from now on."""

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    then: Mapping[str, Sequence[Answer | Fault]] = field(default_factory=dict)


class Fault(Enum):
    """What can happen on the wire instead of an answer."""

    RESET_BEFORE = "the connection is reset when the headers came, before anything is handled"
    RESET_AFTER = "the request is handled, then the connection is reset"
    SILENCE = "the request is handled, and nothing comes back"
    HALF = "the request is handled, and half of the answer comes back"


@dataclass(frozen=True)
class Call:
    """A request that arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def sent(self) -> object:
        """The JSON that was sent."""
        parsed: object = json.loads(self.body)
        return parsed


class LocalServer:
    """The server; `url` is where it listens."""

    def __init__(self, answers: Mapping[str, Sequence[Answer | Fault]]) -> None:
        """Listen on a free port."""
        self.calls: list[Call] = []
        self.answers = {key: list(given) for key, given in answers.items()}
        self.over = Event()
        self._lock = Lock()
        self._server = _Listener(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def next(self, method: str, path: str) -> Answer | Fault:
        """Return the next answer for a request."""
        bare = urlsplit(path).path
        with self._lock:
            for key, given in self.answers.items():
                known, _, end = key.partition(" ")
                if known == method and (path.endswith(end) or bare.endswith(end)):
                    answer = given.pop(0) if len(given) > 1 else given[0]
                    self.answers |= {key: list(new) for key, new in _then(answer).items()}
                    return answer
        return Answer(404, {"error": {"code": "ResourceNotFound", "message": f"nothing at {bare}"}})

    def seen(self, call: Call) -> None:
        """Keep a request."""
        with self._lock:
            self.calls.append(call)

    def count(self, method: str, end: str = "") -> int:
        """Count the requests that arrived."""
        return sum(call.method == method and urlsplit(call.path).path.endswith(end) for call in self.calls)

    def stop(self) -> None:
        """End it, and every request that is kept waiting."""
        self.over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def serving(answers: Mapping[str, Sequence[Answer | Fault]]) -> Iterator[LocalServer]:
    """A server for the length of a test."""
    server = LocalServer(answers)
    try:
        yield server
    finally:
        server.stop()


def _then(answer: Answer | Fault) -> Mapping[str, Sequence[Answer | Fault]]:
    return answer.then if isinstance(answer, Answer) else {}


class _Handler(BaseHTTPRequestHandler):
    @property
    def _told(self) -> LocalServer:
        assert isinstance(self.server, _Listener)
        return self.server.told

    def _handle(self) -> None:
        answer = self._told.next(self.command, self.path)
        self.close_connection = True
        if answer is Fault.RESET_BEFORE:
            self._reset()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._told.seen(Call(self.command, self.path, dict(self.headers), body))
        match answer:
            case Answer():
                self._write(answer)
            case Fault.HALF:
                self._write(Answer(200, raw=b'{"value": ['), length=100)
            case Fault.SILENCE:
                self._told.over.wait(20)
            case Fault.RESET_AFTER:
                self._reset()

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815 - the names that the base class calls

    def _write(self, answer: Answer, length: int | None = None) -> None:
        body = json.dumps(answer.body).encode() if answer.raw is None else answer.raw
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


class _Listener(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, told: LocalServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.told = told
