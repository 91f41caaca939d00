"""A reverse proxy before a Flink, with TLS on: it asks who calls, and passes on what it lets in.

with proxying(flink.url, certificates, prefix="/flink") as proxy:
    proxy.guard = basic("app", "pa:ss")
    … proxy.url …
"""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import trustme

from .listener import Call, Handler, Listener, Reply

Guard: TypeAlias = Callable[[Call], Reply | None]
NOT_PASSED_ON = ("host", "authorization", "connection", "content-length")


@dataclass(frozen=True)
class Certificates:
    """A private authority, with what it signed; all text in PEM."""

    directory: Path
    authority: str
    client: str
    client_key: str
    server: Path  # key and chain

    @classmethod
    def made(cls, directory: Path) -> Certificates:
        """Make an authority, a certificate for this machine, and one for a client of it."""
        directory.mkdir(parents=True, exist_ok=True)
        authority = trustme.CA(organization_name="a company's own")
        client = authority.issue_cert("app@example.com")
        server = authority.issue_cert("localhost", "127.0.0.1")
        server.private_key_and_cert_chain_pem.write_to_path(directory / "server.pem")
        authority.cert_pem.write_to_path(directory / "ca.pem")
        return cls(
            directory,
            authority.cert_pem.bytes().decode(),
            "".join(pem.bytes().decode() for pem in client.cert_chain_pems),
            client.private_key_pem.bytes().decode(),
            directory / "server.pem",
        )

    def context(self, *, asks_clients: bool) -> ssl.SSLContext:
        """Return what the proxy's side of TLS needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server)
        if asks_clients:  # as nginx does, which answers 400 to a client without one
            context.load_verify_locations(cadata=self.authority)
            context.verify_mode = ssl.CERT_OPTIONAL
        return context


class Proxy:
    """The proxy; `guard` may answer in Flink's place, and `calls` are all that arrived."""

    def __init__(self, flink: str, tls: ssl.SSLContext | None, prefix: str, *, asks_clients: bool) -> None:
        """Listen on a free port."""
        self._asks_clients = asks_clients
        self.guard: Guard = lambda _call: None
        self.calls: list[Call] = []
        self._flink, self._prefix = flink, prefix
        self._listener = Listener(_Handler, self, tls=tls)
        self.url = self._listener.url + prefix

    def stop(self) -> None:
        """End it."""
        self._listener.stop()

    def answer(self, call: Call, *, is_known: bool) -> Reply:
        """Answer a call of a client that has shown its certificate, or has not."""
        if self._asks_clients and not is_known:
            return html(400, "No required SSL certificate was sent")
        self.calls.append(call)
        if not call.path.startswith(f"{self._prefix}/"):
            return html(404, "Not Found")
        return self.guard(call) or self._passed_on(call)

    def _passed_on(self, call: Call) -> Reply:
        headers = {name: value for name, value in call.headers.items() if name.lower() not in NOT_PASSED_ON}
        connection = HTTPConnection(urlsplit(self._flink).netloc, timeout=60)
        try:
            connection.request(call.method, call.path.removeprefix(self._prefix), call.body or None, headers)
            answer = connection.getresponse()
            return Reply(
                answer.status, raw=answer.read(), headers={"Content-Type": answer.headers["Content-Type"] or ""}
            )
        finally:
            connection.close()


class _Handler(Handler[Proxy]):
    def handle_call(self) -> None:
        shown = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        self.write(self.told.answer(self.read(), is_known=bool(shown)))


@contextmanager
def proxying(
    flink: str, certificates: Certificates | None, *, prefix: str = "", asks_clients: bool = False
) -> Iterator[Proxy]:
    """A proxy for the length of a test; without certificates it speaks plain HTTP."""
    tls = certificates.context(asks_clients=asks_clients) if certificates else None
    proxy = Proxy(flink, tls, prefix, asks_clients=asks_clients)
    try:
        yield proxy
    finally:
        proxy.stop()


def html(status: int, words: str) -> Reply:
    """Return an answer as a proxy writes it."""
    return Reply(status, raw=f"<html><h1>{status} {words}</h1></html>".encode(), headers={"Content-Type": "text/html"})


def basic(user: str, password: str) -> Guard:
    """Let in who knows the password."""
    return carrying(lambda: f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}")


def carrying(wanted: Callable[[], str]) -> Guard:
    """Let in whose Authorization header is the wanted one."""
    return lambda call: None if call.headers.get("Authorization") == wanted() else html(401, "Authorization Required")
