"""What does the local stand-in for Key Vault answer?

It is ours, not Microsoft's, and knows secrets only:

    GET /secrets/{name}/             the newest version (the SDK sends the slash)
    GET /secrets/{name}/{version}    one version; all are kept
    PUT /secrets/{name}              a new version

No secret leaves without a token that our Entra signed for https://vault.azure.net.
"""

import json
import time
import uuid
from dataclasses import dataclass, field

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localcloud.entra import Entra

RESOURCE = "https://vault.azure.net"


@dataclass(frozen=True)
class Secret:
    """One version of a secret."""

    value: str
    content_type: str | None = None
    version: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: int = field(default_factory=lambda: int(time.time()))


@dataclass
class Vault:
    """Secrets with their versions, the newest last."""

    entra: Entra
    secrets: dict[str, list[Secret]] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        """The endpoints; they speak TLS, the SDK insists."""
        return [
            Route("/secrets/{name}", self._set, methods=["PUT"]),
            Route("/secrets/{name}", self._get),
            Route("/secrets/{name}/", self._get),
            Route("/secrets/{name}/{version}", self._get),
        ]

    async def _get(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        name, version = request.path_params["name"], request.path_params.get("version")
        found = [secret for secret in self.secrets.get(name, []) if version in (None, secret.version)]
        if not found:
            return _error(404, "SecretNotFound", f"A secret with (name/id) {name} was not found in this key vault.")
        return JSONResponse(self._bundle(name, found[-1]))

    async def _set(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        body = json.loads(await request.body())
        if not isinstance(body.get("value"), str):
            return _error(400, "BadParameter", "Property value is required.")
        name = request.path_params["name"]
        secret = Secret(body["value"], body.get("contentType"))
        self.secrets.setdefault(name, []).append(secret)
        return JSONResponse(self._bundle(name, secret))

    def _bundle(self, name: str, secret: Secret) -> dict[str, object]:
        times = {"created": secret.created, "updated": secret.created}
        attributes = {"enabled": True, **times, "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90}
        bundle = {"value": secret.value, "id": f"{self.entra.base}/secrets/{name}/{secret.version}"}
        content_type = {"contentType": secret.content_type} if secret.content_type else {}
        return {**bundle, **content_type, "attributes": attributes}

    def _refusal(self, request: Request) -> Response | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return self._challenge("AKV10000: Request is missing a Bearer or PoP token.")
        try:
            self.entra.signer.check(token, audience=RESOURCE, issuer=self.entra.issuer)
        except jwt.InvalidTokenError as error:
            return self._challenge(f"AKV10032: Invalid token: {error}")
        return None

    def _challenge(self, text: str) -> Response:
        answer = _error(401, "Unauthorized", text)
        where = f"{self.entra.base}/{self.entra.tenant}"
        answer.headers["www-authenticate"] = f'Bearer authorization="{where}", resource="{RESOURCE}"'
        return answer


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status)
