"""A real HTTP server whose answers a test writes down, and which can break them on the wire.

    answers = {"POST /runJob": [Answer(202), Fault.RESET_AFTER], "GET /jobs": [Answer(200, body={"value": []})]}

A key is a method and how the path ends; its answers are given in their order, the last one for ever. Every request
that arrived whole is kept, so that a test can count and read what was sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from threading import Event, Lock
from urllib.parse import urlsplit

from tests.listener import Call, Handler, Listener, Reply


@dataclass(frozen=True)
class Answer(Reply):
    """What to answer; `then` replaces answers from now on."""

    then: Mapping[str, Sequence[Answer | Fault]] = field(default_factory=dict)


class Fault(Enum):
    """What can happen on the wire instead of an answer."""

    RESET_BEFORE = "the connection is reset when the headers came, before anything is handled"
    RESET_AFTER = "the request is handled, then the connection is reset"
    SILENCE = "the request is handled, and nothing comes back"
    HALF = "the request is handled, and half of the answer comes back"


class LocalServer:
    """The server; `url` is where it listens."""

    def __init__(self, answers: Mapping[str, Sequence[Answer | Fault]]) -> None:
        """Listen on a free port."""
        self.calls: list[Call] = []
        self.answers = {key: list(given) for key, given in answers.items()}
        self.over = Event()
        self._lock = Lock()
        self._server = Listener(_Handler, self)
        self.url = self._server.url

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
        words = f"nothing at {bare}"  # in ARM's form and in Flink's
        return Answer(404, {"error": {"code": "ResourceNotFound", "message": words}, "errors": [words]})

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
        self._server.stop()


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


class _Handler(Handler[LocalServer]):
    protocol_version = "HTTP/1.0"  # a connection a call: each meets its own fault

    def handle_call(self) -> None:
        answer = self.told.next(self.command, self.path)
        if answer is Fault.RESET_BEFORE:
            self.reset()
            return
        self.told.seen(self.read())
        match answer:
            case Answer():
                self.write(answer)
            case Fault.HALF:
                self.write(Reply(raw=b'{"value": ['), length=100)
            case Fault.SILENCE:
                self.told.over.wait(20)
            case Fault.RESET_AFTER:
                self.reset()
