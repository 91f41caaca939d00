"""How does a message leave? One POST to NOTIFY_URL, signed as Standard Webhooks, or with a token for Event Grid.

    webhook-id           the message's id: the same for each attempt
    webhook-timestamp    when this attempt was made (seconds since 1970)
    webhook-signature    v1,<base64 of the HMAC-SHA256 of "id.timestamp.body">; with NOTIFY_KEY_OLD one more, for a
                         receiver that still knows the old key only

Whoever knows the URL of a Slack or Teams webhook can write there, so the URL is a secret: neither a message nor a log
line nor a span shows more of it than its host. Redirects are not followed, and of an answer only the beginning is read.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from urllib.parse import urlsplit

import requests

from .. import telemetry
from ..core.errors import Refused, Unanswered, Unavailable, shortened
from ..core.messages import CONTENT_TYPES, Message, body_of
from ..redaction import keep_secret
from ..settings import NOTIFY_SECRETS, Settings, key_fault, receiver_fault
from .credential import Credential
from .http import new_session
from .keyvault import own_identity, read_secrets

TIMES = (5.0, 10.0)  # seconds to connect, and for the beginning of the answer
LONGEST_ANSWER = 1024  # bytes
SHORTEST_SECRET_PATH = 20  # characters; a shorter one names a place, and would star half of a log
EVENT_GRID_SCOPE = "https://eventgrid.azure.net/.default"
EVENT_GRID_VERSION = "api-version=2018-01-01"


@dataclass(frozen=True)
class Answer:
    """What the receiver said."""

    status: int
    text: str  # its beginning, without what may be a secret

    @property
    def is_good(self) -> bool:
        """Whether the receiver has the message."""
        return 200 <= self.status < 300

    @property
    def is_final(self) -> bool:
        """Whether the receiver wants no more messages: 410 Gone, as Standard Webhooks has it."""
        return self.status == 410

    def __str__(self) -> str:
        """Say it in a line."""
        return f"the receiver answered {self.status}{': ' + self.text if self.text else ''}"


class Receiver:
    """Where messages are sent; used by any number of threads."""

    def __init__(self, settings: Settings, source: str, *, clock: Callable[[], float] = time.time) -> None:
        """Keep the settings; no vault is asked yet. `source` names this app's cluster in each CloudEvent."""
        self._settings = settings
        self._source = source
        self._clock = clock
        self._lock = Lock()
        self._read: tuple[float, dict[str, str]] | None = None
        event_grid = settings.notify_format == "eventgrid"
        self._tokens = Credential(settings, scope=EVENT_GRID_SCOPE) if event_grid else None

    def send(self, message: Message, data: Mapping[str, object]) -> Answer:
        """POST a message once and return the answer, whatever its status.

        Raises:
            Unavailable: it did not leave: no connection, or a setting, the vault or Entra ID stands in the way.
            Unanswered: it left, and no answer came.

        """
        try:
            secrets = self._secrets()
            url = _url(secrets, self._settings)
            body = body_of(message, self._settings.notify_format, self._source, data)
            headers = self._headers(message.id, body, secrets)
        except Refused as error:  # the word of the vault or of Entra ID
            raise Unavailable(error.message, code=error.code) from error
        return _posted(url, body, headers)

    def _headers(self, message_id: str, body: bytes, secrets: Mapping[str, str]) -> dict[str, str]:
        at = int(self._clock())
        headers = {
            "content-type": CONTENT_TYPES[self._settings.notify_format],
            "user-agent": "flinkfuncs",
            "webhook-id": message_id,
            "webhook-timestamp": str(at),
        }
        keys = [secrets[name] for name in ("notify_key", "notify_key_old") if secrets.get(name)]
        if keys:
            headers["webhook-signature"] = " ".join(signature(key, message_id, at, body) for key in keys)
        if self._tokens:
            headers["authorization"] = f"Bearer {self._tokens.token()}"
        return headers

    def _secrets(self) -> dict[str, str]:
        """Return URL and keys: those of the settings, and those of the vault, read again once they are old."""
        settings = self._settings
        named = {name: text for name in NOTIFY_SECRETS if (text := getattr(settings, f"{name}_secret"))}
        with self._lock:
            if self._read and (not named or self._clock() < self._read[0] + settings.key_vault_secret_seconds):
                return self._read[1]
            secrets = {name: value for name in NOTIFY_SECRETS if (value := getattr(settings, name).get_secret_value())}
            if named:
                secrets |= _from_vault(settings, named)
            for value in secrets.values():
                keep_secret(value)
            if len(path := urlsplit(secrets["notify_url"]).path) >= SHORTEST_SECRET_PATH:
                keep_secret(path)
            self._read = (self._clock(), secrets)
            return secrets


def signature(key: str, message_id: str, at: int, body: bytes) -> str:
    """Sign a message with a key as settings hold it: base64, with or without `whsec_`."""
    secret = b64decode(key.removeprefix("whsec_"))
    signed = hmac.new(secret, f"{message_id}.{at}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{b64encode(signed).decode()}"


def _from_vault(settings: Settings, named: Mapping[str, str]) -> dict[str, str]:
    identity = own_identity(settings)
    try:
        values = [value.strip() for value in read_secrets(settings, identity, list(named.values()))]
    finally:
        identity.close()
    found = dict(zip(named, values, strict=True))
    faults = {
        name: receiver_fault(value, settings.notify_format) if name == "notify_url" else key_fault(value)
        for name, value in found.items()
    }
    for name, fault in faults.items():
        if fault:
            raise Unavailable(f"the secret that {name.upper()}_SECRET names {fault}", code="WrongSettings")
    return found


def _url(secrets: Mapping[str, str], settings: Settings) -> str:
    url = secrets["notify_url"]
    if settings.notify_format == "eventgrid" and not urlsplit(url).query:
        return f"{url}?{EVENT_GRID_VERSION}"
    return url


def _posted(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    parts = urlsplit(url)
    about = f"POST to the receiver at {parts.netloc}"
    try:
        with (
            new_session(None) as session,
            telemetry.call("receiver", "POST", f"{parts.scheme}://{parts.netloc}/") as call,
        ):
            answer = session.post(url, data=body, headers=headers, timeout=TIMES, allow_redirects=False, stream=True)
            call.status = answer.status_code
            return Answer(answer.status_code, _beginning(answer))
    except requests.ConnectTimeout:
        raise Unavailable(f"{about}: no connection in time", code="NoConnection") from None
    except requests.Timeout:
        raise Unanswered(f"{about}: no answer in time", code="TimedOut") from None
    except requests.exceptions.SSLError:
        raise Unavailable(f"{about}: TLS failed, or its certificate is not trusted", code="TlsFailed") from None
    except requests.RequestException as error:  # its text holds the URL
        raise Unanswered(f"{about}: {type(error).__name__}", code="NoAnswer") from None


def _beginning(answer: requests.Response) -> str:
    """Return how an answer's body begins; the status alone says whether the receiver has the message."""
    try:
        found = answer.raw.read(LONGEST_ANSWER, decode_content=True)
    except Exception:  # noqa: BLE001 - a body that cannot be read, of any kind
        return ""
    return shortened(found.decode(errors="replace"))
