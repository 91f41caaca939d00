"""Which token goes into the next call? One for all threads, renewed before it ends or when it is refused.

    it happens that                                  then
    -----------------------------------------------  -------------------------------------------------------
    the token ends within its last fifth, or 5 min   a new one is asked for, by one thread
    the secret was read key_vault_secret_seconds ago it is read again when the next token is asked for
    the token endpoint refuses the secret            it is read again once, and a new credential is built
    the service refuses the token                    the same

So a rotated secret needs no restart.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from azure.core import exceptions as azure

from ..core.errors import Denied
from ..settings import Settings
from .keyvault import own_identity, read_client_secret, secret_credential, token_error

if TYPE_CHECKING:
    from .keyvault import AzureCredential

MARGIN_SECONDS = 300.0


@dataclass(frozen=True)
class _Token:
    text: str
    renew_at: float  # time.time()


@dataclass(frozen=True)
class _Built:
    credential: AzureCredential
    built_at: float  # time.time()


class Credential:
    """Gives tokens for ARM, or of the app's own identity for another scope; used by any number of threads."""

    def __init__(self, settings: Settings, *, scope: str | None = None, clock: Callable[[], float] = time.time) -> None:
        """Keep the settings; nothing is asked yet."""
        self._settings = settings
        self._scope = scope or settings.arm_scope
        self._by_identity = scope is not None or settings.arm_credential == "identity"
        self._clock = clock
        self._lock = Lock()
        self._built: _Built | None = None
        self._token: _Token | None = None

    def token(self) -> str:
        """Return a token that is good for a while.

        Raises:
            Refused: the vault has no such secret.
            Denied: Entra ID refuses the secret, or the vault this app's identity.
            Unavailable: one of them cannot be reached.

        """
        with self._lock:
            if self._token is None or self._clock() >= self._token.renew_at:
                self._token = self._ask()
            return self._token.text

    def renewed(self, refused: str) -> str:
        """Return another token than the refused one; of N threads that were refused, one asks.

        Raises:
            FlinkFuncsError: as for `token`.

        """
        with self._lock:
            if self._token is None or self._token.text == refused:
                self._forget()
                self._token = self._ask()
            return self._token.text

    def _ask(self) -> _Token:
        age = self._clock() - self._built.built_at if self._built else 0.0
        if age > self._settings.key_vault_secret_seconds:
            self._forget()
        fresh = self._built is None
        try:
            return self._asked()
        except Denied:
            if fresh:
                raise
        self._forget()
        return self._asked()

    def _asked(self) -> _Token:
        if self._built is None:
            self._built = _Built(self._build(), self._clock())
        asked_at = self._clock()
        try:
            token = self._built.credential.get_token(self._scope)
        except azure.AzureError as error:
            raise token_error(error, self._whose) from error
        lifetime = token.expires_on - time.time()
        return _Token(token.token, asked_at + lifetime - min(MARGIN_SECONDS, lifetime / 5))

    @property
    def _whose(self) -> str:
        if self._by_identity:
            return "this app's own identity"
        return f"the client secret {self._settings.key_vault_secret_prefix}-api-secret"

    def _build(self) -> AzureCredential:
        identity = own_identity(self._settings)
        if self._by_identity:
            return identity
        try:
            return secret_credential(self._settings, read_client_secret(self._settings, identity))
        finally:
            identity.close()

    def _forget(self) -> None:
        """Drop the credential object: it would go on serving the token that it keeps."""
        if self._built:
            self._built.credential.close()
        self._built, self._token = None, None
