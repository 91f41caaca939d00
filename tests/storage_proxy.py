"""A proxy before a real storage: it passes on what is signed, as it is, and loses what a test wants to be lost.

with losing(connection) as proxy:
    proxy.fault = lambda call: Fault.RESET_AFTER if proxy.count(is_commit) == 1 and is_commit(call) else None
    … proxy.connection …
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from email.utils import format_datetime
from http.client import HTTPConnection
from threading import Event, Lock
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

from tests.listener import Call, Handler, Listener, Reply
from tests.wire.server import Fault

Which: TypeAlias = Callable[[Call], bool]
NOT_PASSED_ON = ("connection", "transfer-encoding", "content-length", "keep-alive")


def is_commit(call: Call) -> bool:
    """Whether a blob appears by it, put together of its blocks."""
    return call.method == "PUT" and parse_qs(urlsplit(call.path).query).get("comp") == ["blocklist"]


def is_block(call: Call) -> bool:
    """Whether it brings a block."""
    return call.method == "PUT" and parse_qs(urlsplit(call.path).query).get("comp") == ["block"]


def is_job_json(call: Call) -> bool:
    """Whether a job.json is written by it."""
    return call.method == "PUT" and call.bare.endswith("/job.json")


class StorageProxy:
    """The proxy; `fault` says what happens to a call.

    `calls` are all that arrived, `taken` those that storage took, `lost` those that were passed on and not answered.
    `clock` is the time that it tells in storage's place.
    """

    def __init__(self, connection: str) -> None:
        """Listen on a free port."""
        endpoint = re.findall(r"BlobEndpoint=http://([^/;]+)", connection)[0]
        self.calls: list[Call] = []
        self.taken: list[Call] = []
        self.lost: list[Call] = []
        self.fault: Callable[[Call], Fault | None] = lambda _call: None
        self.clock: datetime | None = None
        self.over = Event()
        self._storage, self._lock = endpoint, Lock()
        self._listener = Listener(_Handler, self)
        self.connection = connection.replace(f"BlobEndpoint=http://{endpoint}", f"BlobEndpoint={self._listener.url}")

    def seen(self, call: Call) -> None:
        """Keep a request."""
        with self._lock:
            self.calls.append(call)

    def count(self, which: Which) -> int:
        """Count the requests that arrived."""
        with self._lock:
            return sum(map(which, self.calls))

    def passed_on(self, call: Call) -> Reply:
        """Return what storage answers."""
        connection = HTTPConnection(self._storage, timeout=60)
        try:
            connection.request(call.method, call.path, call.body or None, {**call.headers, "Connection": "close"})
            answer = connection.getresponse()
            headers = {name.lower(): text for name, text in answer.getheaders()}
            if self.clock:
                headers["date"] = format_datetime(self.clock, usegmt=True)
            return Reply(answer.status, raw=answer.read(), headers=headers)
        finally:
            connection.close()

    def stop(self) -> None:
        """End it, and every request that is kept waiting."""
        self.over.set()
        self._listener.stop()


class _Handler(Handler[StorageProxy]):
    def handle_call(self) -> None:
        call = self.read()
        self.told.seen(call)
        fault = self.told.fault(call)
        if fault is Fault.RESET_BEFORE:
            self.reset()
            return
        answer = self.told.passed_on(call)
        if answer.status < 300:
            self.told.taken.append(call)
        if fault is None:
            self._pass_back(answer)
            return
        self.told.lost.append(call)
        if fault is Fault.SILENCE:
            self.told.over.wait(60)
        self.reset()

    def _pass_back(self, answer: Reply) -> None:
        self.send_response_only(answer.status)  # with no Date and Server of its own
        for name, value in answer.headers.items():
            if name not in NOT_PASSED_ON:
                self.send_header(name, value)
        length = answer.headers.get("content-length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(answer.content)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else answer.content)
        self.wfile.flush()


@contextmanager
def losing(connection: str) -> Iterator[StorageProxy]:
    """A proxy for the length of a test, on the account of that connection string."""
    proxy = StorageProxy(connection)
    try:
        yield proxy
    finally:
        proxy.stop()
