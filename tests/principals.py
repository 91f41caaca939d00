"""What App Service authentication says of a caller, as it writes it into the headers of a call."""

from __future__ import annotations

import base64
import json

ROLE_TYPE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
NAME_TYPE = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"


def signed_in(*roles: str, name: str = "", id_: str = "8d1f") -> dict[str, str]:
    """Return the headers of somebody with these app roles."""
    claims = [{"typ": "aud", "val": "api"}, *({"typ": "roles", "val": role} for role in roles)]
    return header_of([*claims, *([{"typ": "name", "val": name}] if name else [])]) | {"X-MS-CLIENT-PRINCIPAL-ID": id_}


def header_of(claims: object) -> dict[str, str]:
    """Return the header that carries these claims."""
    principal = {"auth_typ": "aad", "claims": claims, "name_typ": NAME_TYPE, "role_typ": ROLE_TYPE}
    return {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(json.dumps(principal).encode()).decode()}
