"""How does the app get to Flink through what stands before it? Whom it trusts, what it shows, and when that changes.

    it happens that                                     then
    --------------------------------------------------  ----------------------------------------------------------------
    a secret was read key_vault_secret_seconds ago      it is read again; while the vault is away, the old one is used
    401 or 403, or the client certificate is refused    every secret is read again, and another Entra token is asked for
    … and what came is not what was refused             the request is sent again, once, unless its body was a stream
    … and it is the same                                the answer is the caller's

Flink itself asks for no credentials: 401 and 403 come from what stands before it, so the request did not get there.

The rule that must never break: a message names settings and secrets, never a value, and no answer that is not Flink's
is taken for its word about a job. All that goes wrong in here is Unavailable.
"""

from __future__ import annotations

import os
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Lock
from typing import IO

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from ..core.errors import FlinkFuncsError, Refused, Unavailable
from ..redaction import keep_secret
from ..settings import FLINK_SECRETS, Settings
from . import flink_wire
from .credential import Credential
from .http import TLS_FAILED, UNTRUSTED, Reply, Wire
from .keyvault import own_identity, read_secrets

CREDENTIALS = "FLINK_USER and FLINK_PASSWORD, FLINK_TOKEN, or FLINK_TOKEN_SCOPE"
CERTIFICATE = "FLINK_CLIENT_CERTIFICATE"
AWAY_SECONDS = 60.0  # how long an old secret is used before a vault that gave none is asked again


@dataclass(frozen=True)
class _Pass:
    """What a request is sent with."""

    wire: Wire
    header: str | None = field(repr=False)
    secrets: Mapping[str, str] = field(repr=False)
    read_again_at: float  # time.time()


class FlinkAccess:
    """Sends requests to a Flink that asks for TLS or credentials; used by any number of threads."""

    def __init__(self, settings: Settings, *, read_seconds: float, clock: Callable[[], float] = time.time) -> None:
        """Check what the settings hold; no vault is asked yet.

        Raises:
            Unavailable: a certificate, a key or a token is not what it should be; the message names its setting.

        """
        self._settings = settings
        self._read_seconds = read_seconds
        self._clock = clock
        self._lock = Lock()
        self._in_vault = {name: named for name in FLINK_SECRETS if (named := getattr(settings, f"{name}_secret"))}
        self._given = {name: value for name in FLINK_SECRETS if (value := getattr(settings, name).get_secret_value())}
        self._trusted = _text_of("FLINK_CA_CERTIFICATE", settings.flink_ca_certificate)
        scope = settings.flink_token_scope
        self._tokens = Credential(settings, scope=scope, clock=clock) if scope else None
        self._pass = None if self._in_vault else self._made(self._given)
        if self._in_vault:
            _context(self._trusted, {})

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: object | None = None,
        data: IO[bytes] | None = None,
        read_seconds: float | None = None,
    ) -> Reply:
        """Send one request and return its answer, whatever its status, as `Wire.send` does.

        Raises:
            Unavailable: the request did not leave, or it was a GET.
            Unanswered: it may have been carried out.

        """

        def sent(one: _Pass) -> Reply:
            shown = {"Authorization": one.header} if one.header else {}
            every = {**(headers or {}), **shown}
            return one.wire.send(method, path, headers=every, body=body, data=data, read_seconds=read_seconds)

        current = self._current()
        reply = self._hinted(sent, current)
        if not is_turned_away(reply):
            return reply
        other = self._renewed(current)
        if data is not None or (other.header == current.header and other.wire is current.wire):
            return reply
        return self._hinted(sent, other)

    def _hinted(self, send: Callable[[_Pass], Reply], one: _Pass) -> Reply:
        try:
            return send(one)
        except Unavailable as error:
            if error.code == UNTRUSTED:
                raise Unavailable(f"{error.message}: see FLINK_CA_CERTIFICATE", code=error.code) from error
            if error.code == TLS_FAILED:
                if "flink_client_certificate" in self._in_vault:
                    self._renewed(one)
                plain = "WRONG_VERSION_NUMBER" in error.message
                hint = "it speaks no TLS: see FLINK_REST_URL" if plain else f"see {CERTIFICATE}, if it asks for one"
                raise type(error)(f"{error.message}: {hint}", code=error.code) from error
            raise

    def _current(self) -> _Pass:
        try:
            with self._lock:
                one = self._pass
                if one is None:
                    one = self._pass = self._made(self._read())
                elif self._in_vault and self._clock() >= one.read_again_at:
                    one = self._pass = self._read_again(one)
            return replace(one, header=f"Bearer {self._tokens.token()}") if self._tokens else one
        except Refused as error:  # the word of the vault or of Entra ID, and not Flink's
            raise Unavailable(error.message, code=error.code) from error

    def _renewed(self, refused: _Pass) -> _Pass:
        """Return what there is now; of N threads that were refused, one reads. What cannot be read stays as it was."""
        with self._lock:
            if self._in_vault and self._pass and self._pass.secrets is refused.secrets:
                self._pass = self._read_again(self._pass)
            one = self._pass or refused
        if self._tokens is None:
            return one
        with suppress(FlinkFuncsError):
            token = self._tokens.renewed((refused.header or "").removeprefix("Bearer "))
            return replace(one, header=f"Bearer {token}")
        return refused

    def _read_again(self, old: _Pass) -> _Pass:
        try:
            return self._made(self._read(), old)
        except FlinkFuncsError:
            return replace(old, read_again_at=self._clock() + AWAY_SECONDS)

    def _read(self) -> dict[str, str]:
        identity = own_identity(self._settings)
        try:
            values = read_secrets(self._settings, identity, list(self._in_vault.values()))
        finally:
            identity.close()
        return self._given | dict(zip(self._in_vault, values, strict=True))

    def _made(self, secrets: Mapping[str, str], old: _Pass | None = None) -> _Pass:
        """Make what requests are sent with; the connections of an old one stay where its certificate does."""
        header = _header(self._settings.flink_user, secrets)
        shown = {name: secrets.get(name) for name in ("flink_client_certificate", "flink_client_key")}
        if old and all(old.secrets.get(name) == value for name, value in shown.items()):
            wire = old.wire
        else:
            context = _context(self._trusted, secrets)
            wire = Wire(self._settings.flink_rest_url, peer="flink", read_seconds=self._read_seconds, tls=context)
        return _Pass(wire, header, secrets, self._clock() + self._settings.key_vault_secret_seconds)


def is_turned_away(reply: Reply) -> bool:
    """Whether what stands before Flink wants other credentials, or another certificate (nginx answers 400 then)."""
    return reply.status in (401, 403) or (reply.status == 400 and b"SSL certificate" in reply.body)


def not_flinks(reply: Reply) -> Unavailable | None:
    """Return what a bad answer of something before Flink means: the request did not get to Flink.

    answer                                  message names
    --------------------------------------  ------------------------------------------
    401, 403, or 400 about the certificate  the settings of credentials or certificate
    a redirect, as to a login               FLINK_REST_URL and the settings of credentials
    404, and not in Flink's words           FLINK_REST_URL
    other 4xx, not in Flink's words         that they are not
    429, 5xx                                nothing: the caller sorts them
    """
    # Otherwise a 404 would mean that a job is unknown, and a 401 that Flink refused a start: the old release would be
    # started again.
    status = reply.status
    if status == 400 and is_turned_away(reply):
        return Unavailable(f"{reply.about} about the client certificate: see {CERTIFICATE}", code="AccessRefused")
    if status in (401, 403):
        return Unavailable(f"{reply.about}, and not by Flink: see {CREDENTIALS}", code="AccessRefused")
    if 300 <= status < 400:
        words = (
            f"{reply.about}: redirects are not followed: see FLINK_REST_URL or, if this one is a login, {CREDENTIALS}"
        )
        return Unavailable(words, code="Redirected")
    if not 400 <= status < 500 or status == 429 or flink_wire.is_flinks(reply):
        return None
    hint = ": see FLINK_REST_URL" if status == 404 else ""
    return Unavailable(f"{reply.about}, and not in Flink's words{hint}", code="BadAnswer")


def _header(user: str, secrets: Mapping[str, str]) -> str | None:
    if token := secrets.get("flink_token", "").strip():
        if not token.isascii() or not token.isprintable() or " " in token:
            raise _wrong("FLINK_TOKEN (or the secret that FLINK_TOKEN_SECRET names)", "is not a token and nothing else")
        keep_secret(token)
        return f"Bearer {token}"
    if not user:
        return None
    password = secrets.get("flink_password", "").rstrip("\r\n")
    pair = b64encode(f"{user}:{password}".encode()).decode()
    keep_secret(password)
    keep_secret(pair)
    return f"Basic {pair}"


def _context(trusted: str, secrets: Mapping[str, str]) -> ssl.SSLContext | None:
    """Return whom to trust and which certificate to show; None: as requests does without a word of ours.

    An authority that was given is the only one that counts; it may be an intermediate one, or the server's certificate.
    """
    certificate = _text_of(CERTIFICATE, secrets.get("flink_client_certificate", ""))
    if not trusted and not certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if trusted:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        try:
            context.load_verify_locations(cadata=trusted)
        except (ssl.SSLError, ValueError):
            raise _wrong("FLINK_CA_CERTIFICATE", "is not a certificate in PEM") from None
    else:
        _trust_the_usual(context)
    if certificate:
        key = _text_of("FLINK_CLIENT_KEY", secrets.get("flink_client_key", ""))
        _show(context, f"{certificate}\n{key}\n")
    return context


def _trust_the_usual(context: ssl.SSLContext) -> None:
    """Trust whom requests trusts when nothing else is said."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or DEFAULT_CA_BUNDLE_PATH
    is_directory = Path(bundle).is_dir()
    try:
        context.load_verify_locations(None if is_directory else bundle, bundle if is_directory else None)
    except OSError:
        raise _wrong("REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE", "names no certificates in PEM") from None


def _show(context: ssl.SSLContext, pem: str) -> None:
    """Load certificate and key, which Python takes from a file only; it is gone at once."""
    with NamedTemporaryFile("w", suffix=".pem") as file:  # only its owner can read it
        file.write(pem)
        file.flush()
        try:
            context.load_cert_chain(file.name, password=lambda: "")  # else OpenSSL would ask at a terminal
        except (ssl.SSLError, OSError, ValueError):
            what = "is not a certificate in PEM with its key, which must not be encrypted"
            raise _wrong(f"{CERTIFICATE} with FLINK_CLIENT_KEY", what) from None


def _text_of(name: str, value: str) -> str:
    """Return a PEM that a setting, or a secret, holds or names the file of; some tools escape the ends of its lines."""
    if "-----BEGIN " in value:
        return value.replace("\\n", "\n")
    if not value:
        return ""
    try:
        text = Path(value).read_text(encoding="ascii")
    except (OSError, ValueError):
        raise _wrong(name, "is neither text in PEM nor a file that can be read") from None
    if "-----BEGIN " not in text:
        raise _wrong(name, "names a file that is not text in PEM")
    return text


def _wrong(name: str, what: str) -> Unavailable:
    return Unavailable(f"wrong setting: {name} {what}", code="WrongSettings")
