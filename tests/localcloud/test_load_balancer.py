"""Does one address stand for several servers, also when some of them are gone?"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import requests

from localcloud.load_balancer import LoadBalancer
from localcloud.ports import HOST, free_port


@contextmanager
def server(port: int) -> Iterator[None]:
    """An HTTP server that answers with its port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(str(port).encode())

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer((HOST, port), Answer) as running:
        Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield
        running.shutdown()


def test_connections_go_to_the_servers_in_turns_and_past_those_that_are_gone() -> None:
    """Promise: whoever asks need not know which servers run; where none does, the connection breaks."""
    ports = [free_port(), free_port()]
    balancer = LoadBalancer(ports)
    with ExitStack() as cleanup, ExitStack() as second:
        balancer.start()
        cleanup.callback(balancer.stop)
        with server(ports[0]):
            second.enter_context(server(ports[1]))
            answers = [int(requests.get(balancer.url, timeout=5).text) for _ in range(4)]
            assert sorted(answers) == sorted([*ports, *ports])
            second.close()
            assert [int(requests.get(balancer.url, timeout=5).text) for _ in range(4)] == [ports[0]] * 4
        with pytest.raises(requests.ConnectionError):
            requests.get(balancer.url, timeout=5)
    with pytest.raises(requests.ConnectionError):
        requests.get(balancer.url, timeout=5)
