"""What may a failed HTTP call have done? The one wire to Flink and ARM: sends, and sorts every failure by that.

    what happened                                   error
    ----------------------------------------------  -----------------------------------------------------
    no connection: nothing left us                  Unavailable
    TLS failed                                      Unavailable where a certificate was not trusted, else as below
    it left, and no whole answer came               Unanswered (a GET: Unavailable, it changes nothing)
    3xx                                             Unavailable: redirects are not followed
    429, 503                                        Unavailable, with what Retry-After asks for
    other 5xx                                       Unanswered (a GET: Unavailable), or what the caller knows
    401, 403                                        Denied
    404                                             NotFound
    other 4xx                                       Refused
    an answer that is not what it should be         Unavailable

The rule that must never break: nothing but a GET is ever sent twice here (`flink_access` and `arm` send again what was
turned away with 401, with other credentials), and no query, header or body gets into a
message.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import IO, Any
from urllib.parse import urlsplit

import requests
from pydantic import BaseModel, ConfigDict, ValidationError
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from .. import telemetry
from ..core.errors import Denied, FlinkFuncsError, NotFound, Refused, Unanswered, Unavailable, shortened
from ..core.model import ModelT

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0
REPEAT_SECONDS = 0.2  # the pause before the one repetition of a GET
LONGEST_CODE = 64  # characters
UNTRUSTED, TLS_FAILED = "CertificateNotTrusted", "TlsFailed"


@dataclass(frozen=True)
class Reply:
    """An answer that came back whole, whatever its status."""

    method: str
    url: str
    status: int
    headers: Mapping[str, str]  # their names in any case
    body: bytes

    @property
    def about(self) -> str:
        """Method, path and status, as messages name the call; the query may hold a signature and stays out."""
        return f"{self.method} {urlsplit(self.url).path} answered {self.status}"

    @property
    def retry_after_seconds(self) -> float | None:
        """What the Retry-After header asks for, given as seconds or as a date."""
        return _seconds(self.headers.get("Retry-After"))

    def parsed(self, model: type[ModelT]) -> ModelT:
        """Return the body as a model.

        Raises:
            Unavailable: the body is no such JSON; something else than the service has answered.

        """
        try:
            return model.model_validate_json(self.body)
        except ValidationError as error:
            place = ".".join(map(str, error.errors()[0]["loc"])) or "body"
            raise Unavailable(f"{self.about} with what it should not: {shortened(place)}", code="BadAnswer") from None


class Wire:
    """Sends requests below one base URL (or to a full URL); used by any number of threads."""

    def __init__(
        self,
        base_url: str,
        *,
        peer: str = "http",
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Keep the timeouts (seconds), and what telemetry calls the other side; nothing is sent.

        `tls`: whom to trust and which certificate to show, in place of what requests reads from the environment.
        """
        self._peer = peer
        self._tls = tls
        self.base_url = base_url.rstrip("/")
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._sleep = sleep
        self._kept = new_session(tls)

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: object | None = None,
        data: bytes | IO[bytes] | None = None,
        read_seconds: float | None = None,
    ) -> Reply:
        """Send one request and return its answer, whatever its status; `raise_for` sorts the bad ones.

        Args:
            method: GET, or what is never repeated.
            path: a path with its query below the base URL, or a whole URL that the caller trusts.
            headers: sent as they are.
            body: sent as JSON.
            data: sent as it is, streamed from a file.
            read_seconds: how long the answer may take, where it is not the usual time.

        Raises:
            Unavailable: the request did not leave, or it was a GET.
            Unanswered: it may have been carried out.

        """
        url = path if "://" in path else self.base_url + path
        timeout = (self._connect_seconds, read_seconds or self._read_seconds)
        if method == "GET":
            return self._get(url, headers, timeout)
        # On a kept connection that the other side closes just now, nobody could tell whether a request was carried out.
        with new_session(self._tls) as fresh:
            return self._send(fresh, method, url, timeout, headers=headers, json=body, data=data)

    def _get(self, url: str, headers: Mapping[str, str] | None, timeout: tuple[float, float]) -> Reply:
        try:
            return self._send(self._kept, "GET", url, timeout, headers=headers)
        except Unavailable as error:
            if error.code == "TimedOut":
                raise
        self._sleep(REPEAT_SECONDS)
        return self._send(self._kept, "GET", url, timeout, headers=headers)

    def _send(
        self,
        session: requests.Session,
        method: str,
        url: str,
        timeout: tuple[float, float],
        *,
        headers: Mapping[str, str] | None,
        json: object | None = None,
        data: bytes | IO[bytes] | None = None,
    ) -> Reply:
        try:
            with telemetry.call(self._peer, method, url) as told:
                sent = {**(headers or {}), **told.headers}
                answer = session.request(
                    method, url, headers=sent, json=json, data=data, timeout=timeout, allow_redirects=False
                )
                told.status = answer.status_code
        except requests.RequestException as error:
            raise _failed(method, url, error) from error
        return Reply(method, url, answer.status_code, CaseInsensitiveDict(answer.headers), answer.content)


def raise_for(reply: Reply, *, server_error: type[Unavailable | Refused] | None = None) -> Reply:
    """Return a good answer (2xx) as it is.

    Args:
        reply: what came back.
        server_error: what a 5xx other than 503 means to a caller who knows better than the table.

    Raises:
        FlinkFuncsError: the answer is a bad one, as the module's table says.

    """
    if 200 <= reply.status < 300:
        return reply
    code, detail = _detail(reply)
    message = f"{reply.about}{': ' + shortened(detail) if detail else ''}"
    raise _ours(reply, message, code, server_error)


def _ours(
    reply: Reply, message: str, code: str | None, server_error: type[Unavailable | Refused] | None
) -> FlinkFuncsError:
    status = reply.status
    if status < 400:
        return Unavailable(f"{message}: redirects are not followed", code="Redirected")
    if status in (429, 503):
        return Unavailable(message, code=code or "Busy", retry_after_seconds=reply.retry_after_seconds)
    if status >= 500:
        return (server_error or (Unavailable if reply.method == "GET" else Unanswered))(message, code=code)
    if status in (401, 403):
        return Denied(message, code=code, status=status)
    return NotFound(message, code=code) if status == 404 else Refused(message, code=code, status=status)


class _Tls(HTTPAdapter):
    """Connects with a context of ours, to which requests adds nothing: no REQUESTS_CA_BUNDLE, no list of its own."""

    def __init__(self, context: ssl.SSLContext) -> None:
        """Keep the context."""
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - the base class's own signature
        """Make the pools with it."""
        super().init_poolmanager(*args, ssl_context=self._context, **options)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:  # noqa: ANN401 - the base class's own signature
        """Make the pools behind a forward proxy with it."""
        return super().proxy_manager_for(proxy, ssl_context=self._context, **options)

    def build_connection_pool_key_attributes(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - likewise
        """Add no certificates to the context that each pool has."""
        return super().build_connection_pool_key_attributes(*args, **options)[0], {}

    def cert_verify(self, *args: object, **options: object) -> None:
        """Add none to a connection, either."""


def new_session(tls: ssl.SSLContext | None) -> requests.Session:
    """Return a session that keeps no cookies and takes no credentials from a .netrc file."""
    session = requests.Session()
    if tls:
        session.mount("https://", _Tls(tls))
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.auth = _as_it_is
    return session


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leave the Authorization header alone, which requests would otherwise take from a .netrc file."""
    return request


def _failed(method: str, url: str, error: requests.RequestException) -> Unavailable:
    """Turn the wire's errors into ours: the one place that knows both."""
    parts = urlsplit(url)
    about = f"{method} {parts.path} at {parts.netloc.rpartition('@')[2]}"
    tls = _tls_error(error)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return Unavailable(f"{about}: its certificate is not trusted ({tls.verify_message})", code=UNTRUSTED)
    if _never_left(error):
        return Unavailable(f"{about}: no connection", code="NoConnection")
    kind: type[Unavailable] = Unavailable if method == "GET" else Unanswered
    if isinstance(error, requests.Timeout):
        return kind(f"{about}: no answer in time", code="TimedOut")
    if tls is not None:
        return kind(f"{about}: TLS failed ({tls.reason or 'the connection broke'})", code=TLS_FAILED)
    return kind(f"{about}: the connection broke before a whole answer", code="Broken")


def _never_left(error: requests.RequestException) -> bool:
    """Whether the request surely did not leave: no connection, or no URL at all."""
    if isinstance(error, requests.ConnectTimeout | ValueError | requests.exceptions.ProxyError):
        return not isinstance(error, requests.exceptions.JSONDecodeError)
    return type(_reason(error)).__name__ in ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError")


def _tls_error(error: requests.RequestException) -> ssl.SSLError | None:
    cause = _reason(error)
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__ or _first(cause)
    return cause


def _reason(error: requests.RequestException) -> BaseException | None:
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return reason if isinstance(reason, BaseException) else None


def _first(error: BaseException) -> BaseException | None:
    inner = error.args[0] if error.args else None
    return inner if isinstance(inner, BaseException) else None


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _ArmError(_Lenient):
    code: str | None = None
    message: str = ""


class _ErrorBody(_Lenient):
    """An error as ARM (`{"error": {"code", "message"}}`) or Flink (`{"errors": ["…", "<stack trace>"]}`) writes it."""

    error: _ArmError | None = None
    errors: list[str] = []


def _detail(reply: Reply) -> tuple[str | None, str]:
    """Return the code and the words of a bad answer; nothing of a body that is neither ARM's nor Flink's."""
    try:
        body = _ErrorBody.model_validate_json(reply.body)
    except ValidationError:
        return None, ""
    if body.error:
        return body.error.code and shortened(body.error.code, LONGEST_CODE), body.error.message
    return None, " ".join(body.errors)


def _seconds(text: str | None) -> float | None:
    if not text:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
