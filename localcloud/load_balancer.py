"""What is one address for several servers on one machine?

A TCP port whose connections are handed out in turns, as a load balancer does; a server that accepts none is passed
over. A connection ends when its server ends.
"""

import socket
from collections.abc import Sequence
from itertools import count
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import cast

from localcloud.ports import HOST, free_port

_CHUNK = 65536
_CONNECT_SECONDS = 2.0


class LoadBalancer:
    """Connections to `port` go to one of the servers on `ports`."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.port = free_port()
        self._ports = ports
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Take connections from now on."""
        self._server = _Server(self.port, self._ports)
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def stop(self) -> None:
        """Take no more connections."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False  # a client may keep its connection for as long as it likes

    def __init__(self, port: int, ports: Sequence[int]) -> None:
        super().__init__((HOST, port), _Connection)
        self._ports = ports
        self._turns = count()

    def connect(self) -> socket.socket | None:
        """Connect to the server whose turn it is, or to the next one that accepts."""
        first = next(self._turns)
        for number in range(len(self._ports)):
            port = self._ports[(first + number) % len(self._ports)]
            try:
                return socket.create_connection((HOST, port), timeout=_CONNECT_SECONDS)
            except OSError:
                continue
        return None


class _Connection(BaseRequestHandler):
    request: socket.socket

    def handle(self) -> None:
        upstream = cast(_Server, self.server).connect()
        if upstream is None:
            return
        upstream.settimeout(None)
        with upstream:
            back = Thread(target=_pump, args=(upstream, self.request), daemon=True)
            back.start()
            _pump(self.request, upstream)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Pass on what one side sends until it ends, then end the other side, too."""
    try:
        while chunk := source.recv(_CHUNK):
            target.sendall(chunk)
    except OSError:
        pass
    for side in (source, target):
        try:
            side.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue
