"""Who are we to Azure? The app's own identity; and what does Key Vault hold for it? A client secret in three parts.

    <prefix>-api-client-id      the application that may run jobs
    <prefix>-api-secret         its secret
    <prefix>-tenant-id          its tenant

The rule that must never break: a message names a secret, never its value.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from azure.core import exceptions as azure

from ..core.errors import Denied, FlinkFuncsError, Refused, Unavailable
from ..redaction import keep_secret
from ..settings import Settings
from .transport import transport

if TYPE_CHECKING:
    from typing import TypeAlias

    from azure.identity import ClientSecretCredential, DefaultAzureCredential, ManagedIdentityCredential
    from azure.keyvault.secrets import SecretClient

    AzureCredential: TypeAlias = ClientSecretCredential | DefaultAzureCredential | ManagedIdentityCredential

CONNECT_SECONDS = 5
READ_SECONDS = 10
PARTS = ("tenant-id", "api-client-id", "api-secret")

_AADSTS = re.compile(r"AADSTS\d+")


@dataclass(frozen=True)
class ClientSecret:
    """The three parts of a client secret."""

    tenant: str
    client_id: str
    secret: str = field(repr=False)


def own_identity(settings: Settings) -> AzureCredential:
    """Return the app's own identity: the managed one in Azure, elsewhere whatever the machine offers."""
    from azure.identity import DefaultAzureCredential, ManagedIdentityCredential  # noqa: PLC0415 - a slow import

    client_id = settings.azure_client_id or None
    if "IDENTITY_ENDPOINT" in os.environ:
        return ManagedIdentityCredential(client_id=client_id, **_options("entra"))
    return DefaultAzureCredential(managed_identity_client_id=client_id, **_options("entra"))


def secret_credential(settings: Settings, secret: ClientSecret) -> AzureCredential:
    """Return a credential that asks Entra ID for tokens with a client secret."""
    from azure.identity import ClientSecretCredential  # noqa: PLC0415 - a slow import

    return ClientSecretCredential(
        secret.tenant,
        secret.client_id,
        secret.secret,
        authority=settings.entra_authority,
        disable_instance_discovery=settings.entra_disable_instance_discovery,
        **_options("entra"),
    )


def read_client_secret(settings: Settings, identity: AzureCredential) -> ClientSecret:
    """Read the newest versions of the three parts.

    Raises:
        FlinkFuncsError: as for `read_secrets`.

    """
    names = [f"{settings.key_vault_secret_prefix}-{part}" for part in PARTS]
    tenant, client_id, secret = read_secrets(settings, identity, names)
    keep_secret(secret)
    return ClientSecret(tenant, client_id, secret)


def read_secrets(settings: Settings, identity: AzureCredential, names: Sequence[str]) -> list[str]:
    """Read the newest versions of secrets.

    Raises:
        Refused: the vault has no such secret.
        Denied: the app's identity may not read it.
        Unavailable: the vault cannot be reached, or KEY_VAULT_URL is missing.

    """
    from azure.keyvault.secrets import SecretClient  # noqa: PLC0415 - a slow import

    settings.require("key_vault_url")
    verify = not settings.key_vault_disable_challenge_verification
    options = _options("keyvault")
    with SecretClient(settings.key_vault_url, identity, verify_challenge_resource=verify, **options) as vault:
        return [_read(vault, name) for name in names]


def _read(vault: SecretClient, name: str) -> str:
    try:
        value = vault.get_secret(name).value
    except azure.AzureError as error:
        raise _vault_error(error, name) from error
    if not value:
        raise Refused(f"the secret {name} in Key Vault is empty", code="SecretNotFound")
    return value


def _vault_error(error: azure.AzureError, name: str) -> FlinkFuncsError:
    """Turn the vault's errors into ours: the one place that knows both."""
    match error:
        case azure.ResourceNotFoundError():
            return Refused(f"Key Vault has no secret {name}", code="SecretNotFound")
        case azure.HttpResponseError() if error.status_code in (401, 403):
            return Denied(f"Key Vault refuses this app's identity: {name}", code="KeyVaultDenied")
        case azure.ClientAuthenticationError():
            return token_error(error, "this app's own identity")
        case azure.HttpResponseError() if error.status_code and error.status_code < 500 and error.status_code != 429:
            return Refused(f"Key Vault refuses to give {name}: {error.status_code}", code="KeyVaultRefused")
        case _:
            return Unavailable(f"Key Vault cannot be reached: {name}", code="KeyVaultUnavailable")


def token_error(error: azure.AzureError, whose: str) -> FlinkFuncsError:
    """Turn the token endpoint's errors into ours: the one place that knows both.

    The SDK says that authentication failed, too, when nobody answered; then its cause is another one.
    """
    from azure.identity import CredentialUnavailableError  # noqa: PLC0415 - a slow import

    code = _AADSTS.search(str(error))
    if code:
        return Denied(f"Entra ID refuses {whose}: {code[0]}", code=code[0])
    if isinstance(error, CredentialUnavailableError):
        return Unavailable(f"there is no managed identity here for {whose}", code="NoIdentity")
    rejected = isinstance(error, azure.ClientAuthenticationError) and not isinstance(
        error.__cause__, azure.ServiceRequestError | azure.ServiceResponseError
    )
    if rejected:
        return Denied(f"Entra ID refuses {whose}", code="AuthenticationFailed")
    return Unavailable(f"Entra ID cannot be reached for {whose}", code="EntraUnavailable")


def _options(peer: str) -> dict[str, Any]:
    """Short timeouts and one quick retry: the loop above is the patient one."""
    return transport(peer, connect_seconds=CONNECT_SECONDS, read_seconds=READ_SECONDS) | {"retry_total": 1}
