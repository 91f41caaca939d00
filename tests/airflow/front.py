"""Who answers for Azure's names on one machine?

    python -m tests.airflow.front --port P --certificate FILE --arm URL --identity URL --ca FILE

    management.azure.com         the gateway
    login.microsoftonline.com    the local Entra ID
    *.vault.azure.net            the local Key Vault

Callers are unmodified: they look the names up (site/sitecustomize.py leads them here), speak TLS, and trust the
authority of the run. Addresses of the local identity in replies become those that the caller knows.
"""

import argparse
from pathlib import Path

import requests
import trustme
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ARM, LOGIN, VAULT = "management.azure.com", "login.microsoftonline.com", "*.vault.azure.net"
METHODS = ["GET", "POST", "PUT"]
HOP = {"host", "connection", "content-length", "transfer-encoding", "content-encoding", "accept-encoding"}


class Front:
    """Passes calls on by the name that they were made to."""

    def __init__(self, *, arm: str, identity: str, ca: str) -> None:
        self._arm, self._identity = arm, identity
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = ca

    def application(self) -> Starlette:
        """Return what uvicorn serves."""
        return Starlette(routes=[Route("/{path:path}", self._pass_on, methods=METHODS)])

    async def _pass_on(self, request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(self._ask, request, body)

    def _ask(self, request: Request, body: bytes) -> Response:
        name = request.url.hostname
        inner = self._arm if name == ARM else self._identity
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        headers = {key: value for key, value in request.headers.items() if key not in HOP}
        if name == ARM:
            headers |= {"x-forwarded-proto": "https"}
        reply = self._session.request(
            request.method, inner + path, data=body, headers=headers, timeout=60, allow_redirects=False
        )
        # The issuer stays as it is: that is what tokens name.
        text = reply.content.replace(f'"{self._identity}/'.encode(), f'"https://{LOGIN}/'.encode())
        kept = {key: self._outer(value) for key, value in reply.headers.items() if key.lower() not in HOP}
        return Response(text, reply.status_code, kept)

    def _outer(self, value: str) -> str:
        return value.replace(self._identity, f"https://{LOGIN}").replace(self._arm, f"https://{ARM}")


def write_certificates(directory: Path) -> tuple[Path, Path]:
    """Make an authority and a certificate for Azure's names, and return both files."""
    directory.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA(organization_name="flinkfuncs tests of Airflow")
    ca, server = directory / "front-ca.pem", directory / "front.pem"
    authority.cert_pem.write_to_path(ca)
    server.touch(mode=0o600)
    authority.issue_cert(ARM, LOGIN, VAULT).private_key_and_cert_chain_pem.write_to_path(server)
    return ca, server


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    for name in ("--port", "--certificate", "--arm", "--identity", "--ca"):
        parser.add_argument(name, required=True)
    given = parser.parse_args()
    front = Front(arm=given.arm, identity=given.identity, ca=given.ca).application()
    certificate = given.certificate
    uvicorn.run(front, host="127.0.0.1", port=int(given.port), ssl_certfile=certificate, log_level="warning")


if __name__ == "__main__":
    main()
