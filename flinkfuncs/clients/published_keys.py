"""Which keys does the tenant publish, and how often are they asked for?

    a key id                      what happens
    ----------------------------  ---------------------------------------------------------
    known, keys still fresh       nothing is fetched
    known, keys too old           fetched anew
    unknown                       fetched anew, but at most once every `refetch_seconds`
    … and a fetch just failed     Unavailable, without another try

The rule that must never break: keys come over https from the configured authority, and without them nobody is let in.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import jwt
import requests

from .. import telemetry
from ..core.errors import Unavailable

KEYS_SECONDS = 3600.0  # how long fetched keys are used; Entra ID publishes a new key long before it signs with it
REFETCH_SECONDS = 10.0  # least time between two fetches, so that made-up tokens cause no traffic
TIMEOUT_SECONDS = (3.05, 10.0)  # to connect, to read


@dataclass(frozen=True)
class Published:
    """What the tenant publishes: who signs its tokens, and with which keys."""

    issuer: str
    keys: dict[str, jwt.PyJWK]


@dataclass
class Keys:
    """The keys of one tenant, fetched when they are needed and kept for a while.

    One fetch serves everybody who waits for it; key ids that nobody knows cause at most one every `refetch_seconds`.
    """

    authority: str
    tenant: str
    refetch_seconds: float = REFETCH_SECONDS
    keys_seconds: float = KEYS_SECONDS
    _published: Published | None = field(default=None, init=False)
    _fetched_at: float = field(default=float("-inf"), init=False)
    _tried_at: float = field(default=float("-inf"), init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def find(self, kid: str) -> tuple[Published, jwt.PyJWK | None]:
        """Return what is published, and the key of that id where there is one.

        Raises:
            Unavailable: the keys cannot be fetched.

        """
        published = self._published
        if published and kid in published.keys and self._age(self._fetched_at) < self.keys_seconds:
            return published, published.keys[kid]
        with self._lock:
            published = self._current(kid)
            return published, published.keys.get(kid)

    def _current(self, kid: str) -> Published:
        fresh = self._published if self._age(self._fetched_at) < self.keys_seconds else None
        if fresh and kid in fresh.keys:
            return fresh
        if self._age(self._tried_at) < self.refetch_seconds:
            if fresh and self._fetched_at >= self._tried_at:
                return fresh
            raise _unreachable("they could not be fetched a moment ago", self.refetch_seconds)
        self._tried_at = time.monotonic()
        self._published = fetch_published(self.authority, self.tenant)
        self._fetched_at = time.monotonic()
        return self._published

    @staticmethod
    def _age(moment: float) -> float:
        return time.monotonic() - moment


def fetch_published(authority: str, tenant: str) -> Published:
    """Read the tenant's OpenID configuration and the keys that it names.

        {"issuer": "https://login.microsoftonline.com/<tenant>/v2.0", "jwks_uri": "https://…/discovery/v2.0/keys", …}
        {"keys": [{"kty": "RSA", "use": "sig", "kid": "…", "n": "…", "e": "AQAB"}, …]}

    Raises:
        Unavailable: they cannot be read, or are not what Entra ID publishes.

    """
    try:
        document = _get_json(f"{authority.rstrip('/')}/{tenant}/v2.0/.well-known/openid-configuration")
        keys = jwt.PyJWKSet.from_dict(_get_json(document["jwks_uri"])).keys
        return Published(str(document["issuer"]), {key.key_id: key for key in keys if key.key_id and _signs(key)})
    except (requests.RequestException, jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
        raise _unreachable(type(error).__name__, REFETCH_SECONDS) from error


def _get_json(url: str) -> dict[str, Any]:
    if urlsplit(url).scheme != "https":
        raise ValueError("keys are read over https only")
    with telemetry.call("entra", "GET", url) as told:
        reply = requests.get(url, timeout=TIMEOUT_SECONDS, allow_redirects=False)
        told.status = reply.status_code
    if reply.status_code != 200:
        raise ValueError(f"GET {url} answered {reply.status_code}")
    document: dict[str, Any] = reply.json()
    return document


def _signs(key: jwt.PyJWK) -> bool:
    return key.key_type == "RSA" and key.public_key_use in ("sig", None)


def _unreachable(why: str, retry_after_seconds: float) -> Unavailable:
    return Unavailable(
        f"the keys that verify tokens are out of reach: {why}",
        code="ServiceUnavailable",
        retry_after_seconds=retry_after_seconds,
    )
