"""Which TCP ports may a local server take?

Ports lie below the range from which systems choose the ports of outgoing connections, and none is given out twice:
a server that was killed finds its port free when it starts again.
"""

import random
import socket
from contextlib import suppress

HOST = "127.0.0.1"
_RANGE = range(12_000, 32_000)
_given: set[int] = set()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    for port in random.sample(_RANGE, len(_RANGE)):
        if port not in _given and _is_free(port):
            _given.add(port)
            return port
    raise OSError(f"no free port from {_RANGE.start} to {_RANGE.stop}")


def listens(port: int) -> bool:
    """Whether somebody accepts connections on the port."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex((HOST, port)) == 0


def _is_free(port: int) -> bool:
    with socket.socket() as server, suppress(OSError):
        server.bind((HOST, port))
        return True
    return False
