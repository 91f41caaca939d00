"""Who is calling the gateway? The bearer token says so, once it is verified against the tenant's published keys.

    what the caller shows                                   answer
    ------------------------------------------------------  ---------------------------------
    nothing                                                 401 AuthenticationFailed
    anything that is no `Bearer <token>`                    401 AuthenticationFailed
    no JWT, not RS256, no or a foreign key, bad signature   401 InvalidAuthenticationToken
    another issuer, audience or tenant; not valid yet       401 InvalidAuthenticationToken
    a token that was valid                                  401 ExpiredAuthenticationToken
    a valid token of somebody who is not on the list        403 AuthorizationFailed
    … of a reader, to change something                      403 AuthorizationFailed
    … of whom it cannot be told, the keys being out of reach  503

The rule that must never break: nothing but a verified token of an allowed principal gets a caller; there is no other
mode, and a failure to fetch keys allows nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt

from ..core.errors import Denied
from ..settings import CONTRIBUTOR, READER, rights_of
from .published_keys import Keys

LEEWAY_SECONDS = 60  # how far clocks may differ
LONGEST_TOKEN = 16 * 1024  # characters


@dataclass(frozen=True)
class Caller:
    """A verified principal: its object id and, where the token is an application's own, the application's id."""

    object_id: str
    app_id: str

    @property
    def name(self) -> str:
        """Which of the two to call it by."""
        return self.object_id or self.app_id


class Callers:
    """Who may call the gateway."""

    def __init__(self, keys: Keys, *, audience: str, allowed: str) -> None:
        """Keep whose keys count, and two lists, separated by commas: audiences, and principals with their rights.

        An audience counts with and without a slash at its end: clients ask for both, and Entra ID writes what it was
        asked for.
        """
        self._keys = keys
        self._audiences = [form for name in _listed(audience) for form in (name.rstrip("/"), name.rstrip("/") + "/")]
        self._rights = rights_of(allowed)

    def admit(self, authorization: str | None, *, action: str, scope: str) -> Caller:
        """Return who calls, if it is an allowed principal; a reader may do what ends with `/read`.

        Raises:
            Denied: there is no valid token (401), or its principal is not allowed (403).
            Unavailable: the keys cannot be fetched.

        """
        caller = self._verified(_bearer(authorization))
        rights = {self._rights.get(name) for name in (caller.object_id, caller.app_id) if name} - {None}
        if CONTRIBUTOR in rights or (READER in rights and action.endswith("/read")):
            return caller
        raise Denied(
            f"The client '{caller.name}' with object id '{caller.object_id}' does not have authorization to perform "
            f"action '{action}' over scope '{scope}' or the scope is invalid.",
            code="AuthorizationFailed",
        )

    def _verified(self, token: str) -> Caller:
        try:
            claims = self._claims(token)
        except jwt.ExpiredSignatureError:
            raise _unauthenticated(
                "ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than current UTC time."
            ) from None
        except (jwt.PyJWTError, ValueError):  # the second: what a broken token may raise below PyJWT
            raise _unauthenticated("InvalidAuthenticationToken", "The access token is invalid.") from None
        return _caller(claims)

    def _claims(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        kid = header.get("kid")
        if header.get("alg") != "RS256" or not isinstance(kid, str):
            raise jwt.InvalidAlgorithmError("only RS256 with a key id")
        published, key = self._keys.find(kid)
        if key is None:
            raise jwt.InvalidKeyError("no such key")
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=self._audiences,
            issuer=_issuers(published.issuer, self._keys),
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud", "tid"]},
        )
        if str(claims["tid"]).lower() != self._keys.tenant.lower():
            raise jwt.InvalidTokenError("another tenant")
        return claims


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _issuers(published: str, keys: Keys) -> list[str]:
    """Name the tenant's issuers: ARM's own tokens are of version 1, which the v2.0 document does not mention."""
    host = urlsplit(keys.authority).hostname or ""
    version_1 = [f"https://sts.windows.net/{keys.tenant}/"] if host == "login.microsoftonline.com" else []
    return [published, *version_1]


def _caller(claims: dict[str, Any]) -> Caller:
    """Read who it is; a user's token (`scp`) names the program that asked for it, too, which is not the caller."""
    app_id = "" if claims.get("scp") else str(claims.get("appid") or claims.get("azp") or "")
    return Caller(object_id=str(claims.get("oid") or "").lower(), app_id=app_id.lower())


def _bearer(authorization: str | None) -> str:
    if not authorization or not authorization.strip():
        raise _unauthenticated("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip() or len(token) > LONGEST_TOKEN:
        raise _unauthenticated(
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is provided in an invalid format.",
        )
    return token.strip()


def _unauthenticated(code: str, message: str) -> Denied:
    return Denied(message, code=code, status=401)
