"""What every route does with a call: read its body and its caller, find the job, and write JSON."""

from __future__ import annotations

import hashlib
import json
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

import azure.functions as func

from ..app import services
from ..core.actions import parse_action
from ..core.errors import NotFound, Refused
from ..core.idempotency import Keyed, keyed, parse_key
from ..core.jobs import JobRecord
from ..core.model import parse_json
from ..core.names import JobName
from ..core.operations import Request
from .guard import named_principal

if TYPE_CHECKING:
    from ..api.shown import Json, Shown

LONGEST_BODY = 256 * 1024  # bytes; a runJob body is some hundred


def read_body(req: func.HttpRequest) -> bytes:
    """Return the body; none at all is an empty object.

    Raises:
        Refused: it is too long (413).

    """
    text = req.get_body()
    if len(text) > LONGEST_BODY:
        raise Refused(f"a body takes at most {LONGEST_BODY} bytes", code="BodyTooLarge", status=413)
    return text if text.strip() else b"{}"


def asked_in(req: func.HttpRequest) -> Request:
    """Return the action that a call asks for.

    Raises:
        Refused: the body is not valid (400); there is no such action (404).

    """
    from ..runjob import RunJobProperties, to_request  # noqa: PLC0415 - with the settings' library, at the first call

    action = parse_action(req.route_params["action"])
    body = parse_json(RunJobProperties, read_body(req), what="the body")
    return to_request(action, body, services().settings)


def with_key(req: func.HttpRequest, path: str, body: bytes) -> Keyed | None:
    """Return the call by its idempotency key, if it has one, with what is known of the first one.

    `path` is that of the route in one spelling, and `body` was parsed before.

    Raises:
        Refused: the key cannot be one (400), or came with another call (422).
        Unavailable: storage cannot be reached.

    """
    key = key_of(req)
    return services().ledger.keys.look(keyed(key, "POST", path, body)) if key is not None else None


def key_of(req: func.HttpRequest) -> str | None:
    """Return the idempotency key of a call, if it has one.

    Raises:
        Refused: it cannot be one, or two headers give two (400).

    """
    return parse_key(req.headers.get("idempotency-key"), req.headers.get("repeatability-request-id"))


def replayed(call: Keyed | None) -> dict[str, str]:
    """Return the header that tells the reply to a repeat from that to a first call."""
    return {"Idempotency-Replayed": "true"} if call and call.first else {}


def record_of(job: JobName) -> JobRecord:
    """Return a job's record.

    Raises:
        NotFound: there is none.

    """
    record = services().ledger.read(job)
    if record is None:
        ended = "; operations of that name have ended: GET /api/operations?job=" + job
        hint = ended if services().ledger.has_closed(job) else ""
        raise NotFound(f"there is no job {job!r}{hint}", code="JobNotFound")
    return record


def caller(req: func.HttpRequest) -> str:
    """Name the caller by what the platform says, and not by what it says itself; never a key.

    header                     who wrote it
    -------------------------  -------------------------------------------------------------------------
    x-ms-client-principal-id   the platform, where App Service authentication is on; elsewhere anybody
    x-ms-client-principal      the same; of its claims the name
    x-forwarded-for            its last element: the platform, which appends the address that called it;
                               the others: anybody
    """
    principal = named_principal(req)
    if principal and services().settings.website_auth_enabled:
        return principal
    return f"function key, from {_address(req.headers.get('x-forwarded-for') or '')}"


def _address(forwarded: str) -> str:
    return str(last_address(forwarded) or "unknown address")


def last_address(forwarded: str) -> IPv4Address | IPv6Address | None:
    """Return the last address without its port: `10.0.0.1, 203.0.113.7:50123`, `[2001:db8::1]:443`."""
    last = forwarded.rpartition(",")[2].strip()[:64]
    for text in (last, last.rpartition(":")[0]):
        try:
            return ip_address(text.removeprefix("[").removesuffix("]"))
        except ValueError:
            continue
    return None


def as_found(req: func.HttpRequest, value: Shown | Json) -> func.HttpResponse:
    """Write what a GET found: with an ETag, and as 304 without a body where the caller has it already (RFC 9110, 13.1).

    No cache but the caller's own may keep it: the key is in a header of ours, which caches do not know.
    """
    reply = as_json(value)
    etag = f'"{hashlib.sha256(reply.get_body()).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if has_it(req, etag):
        return func.HttpResponse(status_code=304, headers=headers)
    reply.headers.extend(headers)
    return reply


def has_it(req: func.HttpRequest, etag: str) -> bool:
    """Whether the caller has what carries this ETag: `If-None-Match` names it."""
    header = req.headers.get("if-none-match") or ""
    known = [each.strip().removeprefix("W/") for each in header.split(",")]
    return etag in known or known == ["*"]


def as_json(value: Shown | Json, *, status: int = 200, headers: dict[str, str] | None = None) -> func.HttpResponse:
    """Write a reply."""
    from ..api.shown import Shown  # noqa: PLC0415 - at the first reply, and not while the host lists the functions

    text = json.dumps(value.as_json() if isinstance(value, Shown) else value)
    return func.HttpResponse(
        text, status_code=status, headers=headers or {}, mimetype="application/json", charset="utf-8"
    )
