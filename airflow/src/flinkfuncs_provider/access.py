"""What does a connection say: where is the app, and what opens it?

    audience (extra)  login      password       tenant_id (extra)  what is sent
    ----------------  ---------  -------------  -----------------  ----------------------------------------------------
    empty             -          key            -                  the function key, `x-functions-key`
    api://…           client id  client secret  tenant             a token by client credentials
    api://…           client id  empty          -                  a token of this user-assigned or workload identity
    api://…           empty      empty          -                  a token of the machine's identity

The last two need `azure-identity`, which the microsoft-azure provider brings. Further extras: `verify` (false, or the
path of a certificate authority), `authority` (Entra ID in another cloud), `trust_env` (false: no proxy of the
environment).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import httpx
from airflow.providers.common.compat.sdk import AirflowException, AirflowOptionalProviderFeatureException

from .exceptions import FlinkFuncsDenied, FlinkFuncsUnavailable

AUTHORITY = "https://login.microsoftonline.com"
RENEW_SECONDS = 300  # before a token ends


@dataclass(frozen=True)
class Access:
    """The app's URL, and one way in."""

    url: str
    key: str = field(default="", repr=False)
    audience: str = ""
    tenant: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    authority: str = AUTHORITY
    verify: bool | str = True
    trust_env: bool = True

    @classmethod
    def of(cls, connection: Any) -> Access:
        """Read a connection.

        Raises:
            AirflowException: it names no app.

        """
        extra = connection.extra_dejson
        url = _url(connection)
        audience, password = str(extra.get("audience") or ""), connection.password or ""
        if not audience and not password and not connection.login:
            raise AirflowException(
                f"connection {connection.conn_id!r} has no function key, and no audience in its extra"
            )
        return cls(
            url=url,
            key="" if audience else password,
            audience=audience,
            tenant=str(extra.get("tenant_id") or ""),
            client_id=connection.login or "",
            client_secret=password if audience else "",
            authority=str(extra.get("authority") or AUTHORITY).rstrip("/"),
            verify=extra.get("verify", True),
            trust_env=bool(extra.get("trust_env", True)),
        )


def _url(connection: Any) -> str:
    """Return the app's URL; `flinkfuncs://:key@host:8443/http` and the like come from environment variables."""
    host = (connection.host or "").rstrip("/")
    if not host:
        raise AirflowException(f"connection {connection.conn_id!r} names no host: it is the app's URL")
    if "://" in host:
        return host
    port = f":{connection.port}" if connection.port else ""
    return f"{connection.schema or 'https'}://{host}{port}"


class Tokens:
    """The headers that open the app, with a token that is fetched when it is needed."""

    def __init__(self, access: Access) -> None:
        """Keep the access; nothing is fetched yet."""
        self.access = access
        self._token, self._until = "", 0.0

    def headers(self) -> dict[str, str]:
        """Return them.

        Raises:
            FlinkFuncsDenied: Entra ID gives no token.
            FlinkFuncsUnavailable: it does not answer.

        """
        if not self.access.audience:
            return {"x-functions-key": self.access.key}
        if time.time() > self._until - RENEW_SECONDS:
            self._token, self._until = self._by_secret() if self.access.client_secret else self._by_identity()
        return {"Authorization": f"Bearer {self._token}"}

    def _by_secret(self) -> tuple[str, float]:
        access = self.access
        form = {
            "grant_type": "client_credentials",
            "client_id": access.client_id,
            "client_secret": access.client_secret,
            "scope": f"{access.audience}/.default",
        }
        url = f"{access.authority}/{access.tenant}/oauth2/v2.0/token"
        try:
            reply = httpx.post(url, data=form, timeout=30, verify=access.verify, trust_env=access.trust_env)
            said = reply.json()
        except (httpx.TransportError, ValueError) as error:
            raise FlinkFuncsUnavailable(f"Entra ID does not answer: {type(error).__name__}") from None
        if reply.status_code != 200 or "access_token" not in said:
            why = str(said.get("error_description") or said.get("error") or reply.status_code).splitlines()[0]
            raise FlinkFuncsDenied(f"Entra ID gives no token for {access.audience}: {why[:300]}")
        return str(said["access_token"]), time.time() + float(said.get("expires_in", 3600))

    def _by_identity(self) -> tuple[str, float]:
        try:
            from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - where it is installed
        except ImportError:
            raise AirflowOptionalProviderFeatureException(
                "an identity without a client secret needs azure-identity: install apache-airflow-providers-"
                "microsoft-azure"
            ) from None
        try:
            with DefaultAzureCredential(managed_identity_client_id=self.access.client_id or None) as credential:
                token = credential.get_token(f"{self.access.audience}/.default")
        except Exception as error:  # noqa: BLE001 - the SDK's own tree, told in one line
            raise FlinkFuncsDenied(f"there is no token for {self.access.audience}: {str(error)[:300]}") from None
        return token.token, float(token.expires_on)
