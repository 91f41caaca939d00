"""Who may call a route of the app. It is decided before anything of the call is read.

    API_AUTHORIZATION  call                                                       reply
    -----------------  ---------------------------------------------------------  -----------------------------------
    `keys`             without a function key                                     401 by the host, without a body
    `roles`            any, while App Service authentication is off               503 `WrongSettings`, for health, too
    `roles`            without a principal, or with one that cannot be read       401 `NotSignedIn`
    `roles`            of a principal without a role                              403 `NotAllowed`
    `roles`            of a `reader`, to change something                         403 `NotAllowed`
    either             to change something, from a page of another site           403 `CrossSite`
    otherwise                                                                     the route's own

A `reader` may send every GET, every plan and every dry run; an `operator` everything. The platform writes the header
`x-ms-client-principal`, base64 of JSON, and removes it from what a caller sends; where its authentication is off, it
does not, so there the header is never trusted.

    {"auth_typ": "aad", "name_typ": "…/claims/name", "role_typ": "…/claims/role",
     "claims": [{"typ": "name", "val": "Ada Lovelace"}, {"typ": "roles", "val": "operator"}]}

The cookies of a sign-in are sent along when another site's page sends a form, and a form can send JSON as `text/plain`.
A browser says where a request comes from, in `Sec-Fetch-Site` or, if it is an old one, in `Origin`; a client that sends
neither is not a browser.
"""

from __future__ import annotations

import os
from base64 import b64decode
from functools import cache
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

import azure.functions as func
from pydantic import BaseModel

from ..core.errors import Denied, Unavailable

if TYPE_CHECKING:
    from ..api.routes import Route

READER: Final = "reader"  # values of the app roles in Entra ID
OPERATOR: Final = "operator"
ROLE_CLAIM = "roles"  # Entra's own word, which stays although `role_typ` is a URI
NAME_CLAIMS = ("name", "preferred_username")
LONGEST_NAME = 128  # characters

Origin = tuple[str, str, int | None]


class _Claim(BaseModel):
    typ: str
    val: object = None  # anything but a text is of no use here


class Principal(BaseModel):
    """Whom App Service authentication names."""

    claims: tuple[_Claim, ...]
    name_typ: str | None = None
    role_typ: str | None = None

    @property
    def roles(self) -> frozenset[str]:
        """The app roles that it was given."""
        return frozenset(self._values(ROLE_CLAIM, self.role_typ))

    @property
    def name(self) -> str | None:
        """What people call it, where it says."""
        return next((name for kind in (self.name_typ, *NAME_CLAIMS) for name in self._values(kind)), None)

    def _values(self, *kinds: str | None) -> list[str]:
        return [claim.val for claim in self.claims if claim.typ in kinds and isinstance(claim.val, str)]


def by_roles() -> bool:
    """Whether roles open the routes, and not keys. Indexing asks this, too, when nothing else is read yet."""
    return os.environ.get("API_AUTHORIZATION") == "roles"


def auth_level() -> func.AuthLevel:
    """Return what the host itself has to ask for."""
    return func.AuthLevel.ANONYMOUS if by_roles() else func.AuthLevel.FUNCTION


def admit(req: func.HttpRequest, function: str) -> None:
    """Let the call of a function through.

    Raises:
        Denied: the caller is not known (401), or may not (403).
        Unavailable: callers cannot be known.

    """
    if by_roles() and os.environ.get("WEBSITE_AUTH_ENABLED", "").lower() not in ("true", "1"):
        raise Unavailable(
            "API_AUTHORIZATION is roles, but App Service authentication is off (WEBSITE_AUTH_ENABLED): no caller can "
            "be known, so no route is served",
            code="WrongSettings",
        )
    if req.method != "GET" and _is_cross_site(req):
        raise Denied("the request comes from a page of another site", code="CrossSite", status=403)
    if by_roles():
        _admit_roles(req, function)


def role_of(req: func.HttpRequest) -> tuple[str | None, Literal["reader", "operator"]]:
    """Return the name and the role of a caller who was let in: a function key opens everything, and has no name."""
    if not by_roles():
        return None, OPERATOR
    principal = read_principal(req.headers.get("x-ms-client-principal"))
    if principal is None:
        return None, READER
    return printable(principal.name or "") or None, OPERATOR if OPERATOR in principal.roles else READER


def _admit_roles(req: func.HttpRequest, function: str) -> None:
    principal = read_principal(req.headers.get("x-ms-client-principal"))
    if principal is None:
        raise Denied("App Service authentication names no caller: sign in first", code="NotSignedIn", status=401)
    if OPERATOR in principal.roles:
        return
    if READER not in principal.roles:
        raise Denied(f"the caller has neither the role {READER} nor {OPERATOR}", code="NotAllowed", status=403)
    if req.method != "GET" and not _only_plans(req, function):
        raise Denied(f"this needs the role {OPERATOR}", code="NotAllowed", status=403)


def read_principal(header: str | None) -> Principal | None:
    """Return whom the header names; None where there is none, or where it cannot be read."""
    try:
        return Principal.model_validate_json(b64decode(header or "", validate=True))
    except ValueError:  # of base64, or pydantic's
        return None


def named_principal(req: func.HttpRequest) -> str | None:
    """Return how the headers name the caller, by its name and its id; None where they name nobody."""
    principal = read_principal(req.headers.get("x-ms-client-principal"))
    name = printable(principal.name or "") if principal else ""
    number = printable(req.headers.get("x-ms-client-principal-id", ""))
    if name and number:
        return f"principal {name} ({number})"
    if name or number:
        return f"principal {name or number}"
    return "principal without a name" if principal else None


def printable(text: str) -> str:
    """Return a name as a line of text that shows what it is: no line breaks, nothing that turns the writing round."""
    shown = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return shown if len(shown) <= LONGEST_NAME else shown[: LONGEST_NAME - 1] + "…"


def only_plans(route: Route, dry_run: str | None) -> bool:
    """Whether a POST changes nothing: a plan, or a dry run of a route that has them."""
    if route.path.endswith("/plan"):
        return True
    return dry_run == "true" and any((each.place, each.name) == ("query", "dryRun") for each in route.parameters)


def _only_plans(req: func.HttpRequest, function: str) -> bool:
    route = _routes().get(function)
    return route is not None and only_plans(route, req.params.get("dryRun"))


@cache
def _routes() -> dict[str, Route]:
    from ..api.routes import ROUTES  # noqa: PLC0415 - with the settings' library, when it is needed

    return {route.function: route for route in ROUTES}


def _is_cross_site(req: func.HttpRequest) -> bool:
    fetched, origin = req.headers.get("sec-fetch-site"), req.headers.get("origin")
    if fetched is not None:
        return fetched.strip().lower() not in ("same-origin", "none")
    return origin is not None and _origin(origin) not in _own_origins(req)


def _own_origins(req: func.HttpRequest) -> set[Origin]:
    """Return what the app is called by: a front end may have taken the TLS off, or have a name of its own.

    No page of another site can make a browser send these headers: a form has none, and a script would have to ask
    first (CORS).
    """
    scheme, _, rest = req.url.partition("://")
    forwarded = _first(req, "x-forwarded-proto")
    scheme = forwarded if forwarded in ("http", "https") else scheme
    hosts = (rest.partition("/")[0], _first(req, "host"), _first(req, "x-forwarded-host"))
    return {origin for host in hosts if (origin := _origin(f"{scheme}://{host}"))}


def _first(req: func.HttpRequest, header: str) -> str:
    text: str = req.headers.get(header, "")
    return text.partition(",")[0].strip().lower()


def _origin(text: str) -> Origin | None:
    """Take an origin apart: `https://app.example:8443`; None for `null` and whatever else is none."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname:
        return None
    return parts.scheme, parts.hostname, port or {"https": 443, "http": 80}.get(parts.scheme)
