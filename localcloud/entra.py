"""What does the local stand-in for Entra ID and managed identity answer?

It is ours, not Microsoft's:

    GET  /{tenant}/v2.0/.well-known/openid-configuration    also without /v2.0
    GET  /{tenant}/discovery/v2.0/keys
    POST /{tenant}/oauth2/v2.0/token                        client_credentials; also /oauth2/token with `resource`
    GET  /msi/token                                         the App Service form, on the plain listener

Tokens are of version 2.0, but for storage of 1.0, as in Azure: Azurite asks for the issuer of those.
A token is given only for a registered client with one of its current secrets, or for the identity header's value.
"""

import hmac
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localcloud.tokens import Signer

STORAGE = "https://storage.azure.com"


@dataclass(frozen=True)
class Client:
    """An app registration: its secrets and the object id of its service principal."""

    secrets: tuple[str, ...]
    object_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True)
class ManagedIdentity:
    """The identity of the function app: `header` is what IDENTITY_HEADER holds."""

    header: str
    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    object_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass
class Entra:
    """One tenant with its clients; `base` is the authority's address (https://localhost:PORT)."""

    base: str
    tenant: str
    identity: ManagedIdentity
    signer: Signer = field(default_factory=Signer)
    clients: dict[str, Client] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        """What tokens name as their issuer: ours, since sts.windows.net cannot be local."""
        return f"{self.base}/{self.tenant}/v2.0"

    def routes(self) -> list[Route]:
        """The endpoints that speak TLS."""
        return [
            Route("/{tenant}/v2.0/.well-known/openid-configuration", self._discovery),
            Route("/{tenant}/.well-known/openid-configuration", self._discovery),
            Route("/{tenant}/discovery/v2.0/keys", self._keys),
            Route("/{tenant}/oauth2/v2.0/token", self._token, methods=["POST"]),
            Route("/{tenant}/oauth2/token", self._token, methods=["POST"]),
        ]

    def identity_routes(self) -> list[Route]:
        """The endpoint that App Service offers on plain HTTP inside the instance."""
        return [Route("/msi/token", self._identity_token)]

    async def _discovery(self, request: Request) -> Response:
        tenant = request.path_params["tenant"]
        if tenant != self.tenant:
            return _refusal(400, "invalid_tenant", 90002, f"Tenant '{tenant}' not found.")
        root = f"{self.base}/{tenant}"
        return JSONResponse(
            {
                "issuer": self.issuer,
                "token_endpoint": f"{root}/oauth2/v2.0/token",
                "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
                "jwks_uri": f"{root}/discovery/v2.0/keys",
                "response_types_supported": ["code", "id_token"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def _keys(self, _request: Request) -> Response:
        return JSONResponse(self.signer.published_keys())

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        client_id = form.get("client_id", "")
        if refusal := self._refusal(request.path_params["tenant"], client_id, form):
            return refusal
        audience = form.get("scope", form.get("resource", "")).removesuffix("/.default")
        token, expires = self._sign(audience, client_id, self.clients[client_id].object_id)
        left = expires - int(time.time())
        answer = {"token_type": "Bearer", "expires_in": left, "ext_expires_in": left, "access_token": token}
        return JSONResponse(answer)

    def _refusal(self, tenant: str, client_id: str, form: Mapping[str, str]) -> Response | None:
        if tenant != self.tenant:
            return _refusal(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        if form.get("grant_type") != "client_credentials":
            return _refusal(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        client = self.clients.get(client_id)
        if client is None:
            text = f"Application with identifier '{client_id}' was not found in the directory '{tenant}'."
            return _refusal(400, "unauthorized_client", 700016, text)
        if not any(hmac.compare_digest(form.get("client_secret", ""), secret) for secret in client.secrets):
            text = f"Invalid client secret provided. Ensure the secret is a current one of app '{client_id}'."
            return _refusal(401, "invalid_client", 7000215, text)
        if "resource" not in form and not form.get("scope", "").endswith("/.default"):
            return _refusal(400, "invalid_scope", 1002012, "The provided value for scope is not valid.")
        return None

    async def _identity_token(self, request: Request) -> Response:
        if not hmac.compare_digest(request.headers.get("x-identity-header", ""), self.identity.header):
            return JSONResponse({"statusCode": 401, "message": "X-IDENTITY-HEADER is missing or wrong."}, 401)
        resource = request.query_params.get("resource", "").removesuffix("/.default")
        asked = request.query_params.get("client_id", self.identity.client_id)
        if asked != self.identity.client_id or not resource:
            return JSONResponse({"statusCode": 400, "message": "No such managed identity, or no resource."}, 400)
        token, expires = self._sign(resource, asked, self.identity.object_id)
        answer = {"access_token": token, "expires_on": str(expires), "resource": resource}
        return JSONResponse({**answer, "token_type": "Bearer", "client_id": asked})

    def _sign(self, audience: str, client_id: str, object_id: str) -> tuple[str, int]:
        who = {"appid": client_id, "azp": client_id, "oid": object_id, "sub": object_id, "idtyp": "app"}
        version = {"iss": self.issuer, "ver": "2.0"}
        if audience.rstrip("/") == STORAGE:
            version = {"iss": f"https://sts.windows.net/{self.tenant}/", "ver": "1.0"}
        return self.signer.token({**version, "aud": audience, "tid": self.tenant, **who})


def _refusal(status: int, error: str, code: int, text: str) -> Response:
    trace = str(uuid.uuid4())
    description = f"AADSTS{code}: {text} Trace ID: {trace}"
    body = {"error": error, "error_description": description, "error_codes": [code], "trace_id": trace}
    return JSONResponse({**body, "correlation_id": trace, "timestamp": time.strftime("%Y-%m-%d %H:%M:%SZ")}, status)
