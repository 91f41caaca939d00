"""What every route does with a call: read its body and its caller, find the job, and write JSON."""

from __future__ import annotations

import json

import azure.functions as func

from ..app import services
from ..core.errors import NotFound, Refused
from ..core.jobs import JobRecord
from ..core.names import JobName
from .views import Json

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


def record_of(job: JobName) -> JobRecord:
    """Return a job's record.

    Raises:
        NotFound: there is none.

    """
    record = services().ledger.read(job)
    if record is None:
        raise NotFound(f"there is no job {job!r}", code="JobNotFound")
    return record


def caller(req: func.HttpRequest) -> str:
    """Name the caller as far as the platform tells: a signed-in principal, else an address; never a key."""
    principal = req.headers.get("x-ms-client-principal-id")
    address = (req.headers.get("x-forwarded-for") or "").partition(",")[0].strip()
    return f"principal {principal[:128]}" if principal else f"function key, from {address[:64] or 'unknown address'}"


def as_json(value: Json, *, status: int = 200, headers: dict[str, str] | None = None) -> func.HttpResponse:
    """Write a reply."""
    return func.HttpResponse(
        json.dumps(value), status_code=status, headers=headers or {}, mimetype="application/json", charset="utf-8"
    )
