"""How do Entra ID, managed identity and Key Vault run as one process, and how do tests change them?

    python -m localcloud.identity --port P --plain-port Q --certificate FILE --tenant GUID --identity-header VALUE
        --identity-client-id GUID

On the plain port, for tests only (`identity_process.Identity` calls them):

    PUT  /_local/clients/{id}    {"secrets": ["…"], "object_id": "…"}    registers a client or rotates its secrets
    PUT  /_local/lifetime        {"seconds": 300}                        of tokens from now on
    POST /_local/tokens          {"aud": "…", "exp": 0, …}               any claims, signed with the real key
    GET  /_local/calls           {"GET /secrets/a/": 2, …}               calls since the start, without queries

The port with TLS serves nothing but what the real services serve.
"""

import argparse
import json
import threading
from collections import Counter
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from localcloud.entra import Client, Entra, ManagedIdentity
from localcloud.ports import HOST
from localcloud.vault import Vault


class Counting:
    """Counts the calls by method and path."""

    def __init__(self, app: ASGIApp, calls: Counter[str]) -> None:
        self._app = app
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._calls[f"{scope['method']} {scope['path']}"] += 1
        await self._app(scope, receive, send)


class Control:
    """The endpoints for tests."""

    def __init__(self, entra: Entra, calls: Counter[str]) -> None:
        self._entra = entra
        self._calls = calls

    def routes(self) -> list[Route]:
        """See the module's docstring."""
        return [
            Route("/_local/clients/{id}", self._register, methods=["PUT"]),
            Route("/_local/lifetime", self._set_lifetime, methods=["PUT"]),
            Route("/_local/tokens", self._sign, methods=["POST"]),
            Route("/_local/calls", self._count),
        ]

    async def _register(self, request: Request) -> Response:
        body, name = json.loads(await request.body()), request.path_params["id"]
        known = self._entra.clients.get(name, Client(()))
        self._entra.clients[name] = Client(tuple(body["secrets"]), body.get("object_id", known.object_id))
        return JSONResponse({"client_id": name, "object_id": self._entra.clients[name].object_id})

    async def _set_lifetime(self, request: Request) -> Response:
        self._entra.signer.lifetime_seconds = int(json.loads(await request.body())["seconds"])
        return JSONResponse({"seconds": self._entra.signer.lifetime_seconds})

    async def _sign(self, request: Request) -> Response:
        claims = {"iss": self._entra.issuer, "tid": self._entra.tenant, **json.loads(await request.body())}
        return JSONResponse({"access_token": self._entra.signer.token(claims)[0]})

    async def _count(self, _request: Request) -> Response:
        return JSONResponse(dict(self._calls))


def applications(entra: Entra) -> tuple[ASGIApp, ASGIApp]:
    """The application for the port with TLS and the one for the plain port."""
    calls: Counter[str] = Counter()
    public = Starlette(routes=[*Vault(entra).routes(), *entra.routes()])
    plain = Starlette(routes=[*entra.identity_routes(), *Control(entra, calls).routes()])
    return Counting(public, calls), Counting(plain, calls)


def serve(entra: Entra, *, port: int, plain_port: int, certificate: Path) -> None:
    """Serve both ports until SIGTERM or Ctrl-C."""
    public, plain = applications(entra)
    inner = uvicorn.Server(uvicorn.Config(plain, host=HOST, port=plain_port, log_level="warning"))
    threading.Thread(target=inner.run, name="plain", daemon=True).start()
    # Clients keep their connections open: without a limit the server would wait for them.
    uvicorn.run(
        public,
        host=HOST,
        port=port,
        ssl_certfile=str(certificate),
        timeout_graceful_shutdown=1,
        timeout_keep_alive=130,
        log_level="warning",
    )


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description="Entra ID, managed identity and Key Vault for one machine.")
    parser.add_argument("--port", type=int, required=True, help="Entra ID and Key Vault, TLS")
    parser.add_argument("--plain-port", type=int, required=True, help="managed identity and the tests' endpoints")
    parser.add_argument("--certificate", type=Path, required=True, help="PEM file with key and chain")
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--identity-header", required=True, help="what IDENTITY_HEADER holds in the app")
    parser.add_argument("--identity-client-id", required=True, help="the client id of the app's managed identity")
    options = parser.parse_args()
    identity = ManagedIdentity(options.identity_header, options.identity_client_id)
    entra = Entra(f"https://localhost:{options.port}", options.tenant, identity)
    serve(entra, port=options.port, plain_port=options.plain_port, certificate=options.certificate)


if __name__ == "__main__":
    main()
