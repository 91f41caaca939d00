"""The page at `/ui`, for people: its files, and nothing that needs a right.

    GET  /                     leads to /ui
    GET  /ui, /ui/             the page
    GET  /ui/{file}            a file of it: one that is in flinkfuncs/page, by its name there
    GET  /ui/sign-in.json      how one signs in: {"by": "key"} or {"by": "entra"}

All four are anonymous; what the page shows it asks of the API, with the caller's own key or sign-in.

The rule that must never break: a path that is asked for is looked up among the names of the package's files, and never
made into a path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

import azure.functions as func

from .calls import as_json, has_it
from .guard import by_roles

FOLDER = Path(__file__).parents[1] / "page"
TYPES = MappingProxyType(
    {
        ".css": "text/css",
        ".html": "text/html",
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".svg": "image/svg+xml",
        ".txt": "text/plain",
    }
)
# Scripts, styles, pictures and calls of this site alone; no text becomes markup or code (Trusted Types); no frame
# around it. To sign in with Entra the page navigates, which needs nothing here.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = MappingProxyType(
    {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
)
# An empty route is not taken for the root (Azure-Functions#2473); this one matches it, and nothing else.
ROOT = "{ignored:maxlength(0)?}"

blueprint = func.Blueprint()


@dataclass(frozen=True)
class File:
    """A file of the page."""

    content: bytes
    type: str
    etag: str


@cache
def files() -> Mapping[str, File]:
    """Return every file of the page by its name, `panels/plots.js`; they are read at the first call."""
    found = (path for path in FOLDER.rglob("*") if path.suffix in TYPES)
    return MappingProxyType({path.relative_to(FOLDER).as_posix(): _read(path) for path in found})


def _read(path: Path) -> File:
    content = path.read_bytes()
    return File(content, TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:32]}"')


@blueprint.route(ROOT, methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def lead_to_page(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the host binds the request by this name
    """Lead from the root to the page."""
    return func.HttpResponse(status_code=302, headers={"Location": "/ui", "Cache-Control": "no-cache"})


@blueprint.route("ui/sign-in.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def show_sign_in(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - as above
    """Say how one signs in."""
    headers = {**HEADERS, "Cache-Control": "no-store"}
    return as_json({"by": "entra" if by_roles() else "key"}, headers=headers)


@blueprint.route("ui/{*path}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def show_page(req: func.HttpRequest) -> func.HttpResponse:
    """Send a file of the page, or 304 where the browser has it already."""
    file = files().get(req.route_params.get("path") or "index.html")
    if file is None:
        return func.HttpResponse(status_code=404, headers=dict(HEADERS))
    headers = {**HEADERS, "ETag": file.etag, "Cache-Control": "no-cache"}
    if has_it(req, file.etag):
        return func.HttpResponse(status_code=304, headers=headers)
    return func.HttpResponse(file.content, headers=headers, mimetype=file.type, charset="utf-8")
