"""As much of Flink's REST API as an uploaded jar needs, answered at once: for tests of what is told, not of Flink.

Every job runs as soon as it is started, and a stop's savepoint is complete when `savepoints_complete` is set.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Reply = tuple[int, object]
COMPLETED = {"status": {"id": "COMPLETED"}}


@dataclass
class Run:
    """One Flink job."""

    name: str
    savepoint: str | None
    state: str = "RUNNING"
    triggers: dict[str, str | None] = field(default_factory=dict)  # the directory of a savepoint; None: a checkpoint


@dataclass
class SmallFlink:
    """The cluster; `url` is where it answers, `refuses` what it says instead of starting a job."""

    url: str = ""
    runs: dict[str, Run] = field(default_factory=dict)
    jars: list[str] = field(default_factory=list)
    savepoints_complete: threading.Event = field(default_factory=threading.Event)
    refuses: str | None = None

    def answer(self, method: str, path: str, body: bytes) -> Reply:
        """Answer one request."""
        routes: list[tuple[str, Callable[..., Reply]]] = [
            ("GET /config", lambda: (200, {"flink-version": "2.3.0"})),
            ("GET /jobmanager/config", lambda: (200, [{"key": "web.tmpdir", "value": "/tmp/small"}])),  # noqa: S108
            ("GET /jobs/overview", lambda: (200, {"jobs": [self._listed(id_) for id_ in self.runs]})),
            ("GET /taskmanagers", lambda: (200, {"taskmanagers": []})),
            ("GET /jars", lambda: (200, {"files": [{"id": n, "name": n, "uploaded": _now()} for n in self.jars]})),
            ("POST /jars/upload", lambda: self._upload(body)),
            ("POST /jars/([^/]+)/run", lambda _jar: self._run(json.loads(body))),
            ("GET /jobs/(\\w+)/status", lambda id_: (200, {"status": self.runs[id_].state})),
            ("GET /jobs/(\\w+)", lambda id_: (200, {"name": self.runs[id_].name, "vertices": [{"status": "RUNNING"}]})),
            ("GET /jobs/(\\w+)/exceptions", lambda _id: (200, {"exceptionHistory": {"entries": []}})),
            ("GET /jobs/(\\w+)/checkpoints", self._checkpoints),
            ("POST /jobs/(\\w+)/(?:checkpoints|stop)", lambda id_: self._trigger(id_, json.loads(body))),
            ("GET /jobs/(\\w+)/(?:checkpoints|savepoints)/(\\w+)", self._triggered),
        ]
        for pattern, reply in routes:
            if found := re.fullmatch(pattern, f"{method} {path}"):
                return reply(*found.groups())
        return 404, {"errors": [f"nothing at {path}"]}

    def _listed(self, id_: str) -> object:
        return {"jid": id_, "name": self.runs[id_].name, "state": self.runs[id_].state}

    def _upload(self, body: bytes) -> Reply:
        name = re.search(rb'filename="([^"]+)"', body)
        self.jars.append(name[1].decode() if name else "")
        return 200, {"filename": self.jars[-1], "status": "success"}

    def _run(self, asked: dict[str, object]) -> Reply:
        if self.refuses:
            return 400, {"errors": [self.refuses.format(arguments=" ".join(map(str, asked["programArgsList"])))]}  # type: ignore[call-overload]
        configuration: dict[str, str] = asked["flinkConfiguration"]  # type: ignore[assignment]
        savepoint = asked.get("savepointPath")
        self.runs[str(asked["jobId"])] = Run(configuration["pipeline.name"], str(savepoint) if savepoint else None)
        return 200, {"jobid": asked["jobId"]}

    def _checkpoints(self, id_: str) -> Reply:
        savepoint = self.runs[id_].savepoint
        restored = {"id": 1, "external_path": savepoint, "is_savepoint": True} if savepoint else None
        counts = {"restored": 1 if savepoint else 0, "completed": 1, "total": 1, "in_progress": 0, "failed": 0}
        return 200, {"counts": counts, "latest": {"restored": restored, "savepoint": None}}

    def _trigger(self, id_: str, asked: dict[str, str]) -> Reply:
        self.runs[id_].triggers[asked["triggerId"]] = asked.get("targetDirectory")
        return 202, {"request-id": asked["triggerId"]}

    def _triggered(self, id_: str, trigger: str) -> Reply:
        directory = self.runs[id_].triggers[trigger]
        if directory is None:
            return 200, COMPLETED | {"operation": {"checkpointId": 1}}
        if not self.savepoints_complete.is_set():
            return 200, {"status": {"id": "IN_PROGRESS"}}
        self.runs[id_].state = "FINISHED"
        return 200, COMPLETED | {"operation": {"location": f"{directory}/savepoint-1"}}


@contextmanager
def small_flink() -> Iterator[SmallFlink]:
    """A cluster for the length of a test."""
    flink = SmallFlink()
    flink.savepoints_complete.set()
    server = _Server(flink)
    flink.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield flink
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _now() -> int:
    return int(time.time() * 1000)


class _Handler(BaseHTTPRequestHandler):
    def _handle(self) -> None:
        assert isinstance(self.server, _Server)
        body = self._body()
        status, answer = self.server.flink.answer(self.command, self.path.partition("?")[0], body)
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = _handle  # noqa: N815 - the names that the base class calls

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, flink: SmallFlink) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.flink = flink
