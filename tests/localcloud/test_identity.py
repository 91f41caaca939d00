"""Do Microsoft's unmodified SDKs take our Entra ID, managed identity and Key Vault for real ones?"""

import ssl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import jwt
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError, ResourceNotFoundError
from azure.identity import ClientSecretCredential, DefaultAzureCredential, ManagedIdentityCredential
from azure.keyvault.secrets import SecretClient

from localcloud.identity_process import Identity

ARM = "https://management.azure.com"


def client_credential(identity: Identity, client_id: str, secret: str, tenant: str = "") -> ClientSecretCredential:
    """A credential that asks our authority."""
    return ClientSecretCredential(
        tenant or identity.tenant, client_id, secret, authority=identity.url, disable_instance_discovery=True
    )


def claims_of(identity: Identity, token: str, audience: str) -> dict[str, object]:
    """The claims, verified as a relying party does it: through the discovery document and the published keys."""
    document = f"{identity.url}/{identity.tenant}/v2.0/.well-known/openid-configuration"
    discovered = requests.get(document, timeout=30).json()
    trust = ssl.create_default_context(cafile=identity.certificates.ca)
    key = jwt.PyJWKClient(discovered["jwks_uri"], ssl_context=trust).get_signing_key_from_jwt(token)
    return jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=discovered["issuer"])


@contextmanager
def vault(identity: Identity) -> Iterator[SecretClient]:
    """The SDK's client, with the app's managed identity."""
    with (
        ManagedIdentityCredential() as credential,
        SecretClient(identity.url, credential, verify_challenge_resource=False) as client,
    ):
        yield client


def test_a_client_with_its_secret_gets_a_token_that_verifies_against_the_published_keys(app_identity: Identity) -> None:
    """Promise: audience, app id, object id and tenant are those of the caller."""
    client = str(uuid.uuid4())
    object_id = app_identity.register_client(client, "right")
    with client_credential(app_identity, client, "right") as credential:
        token = credential.get_token(f"{ARM}/.default").token
    claims = claims_of(app_identity, token, ARM)
    assert (claims["appid"], claims["oid"], claims["tid"]) == (client, object_id, app_identity.tenant)


def test_a_rotated_secret_ends_the_old_one(app_identity: Identity) -> None:
    """Promise: after a rotation the old secret is refused in Entra's own words and the new one is taken."""
    client = str(uuid.uuid4())
    app_identity.register_client(client, "old")
    app_identity.register_client(client, "new")
    with (
        client_credential(app_identity, client, "old") as before,
        pytest.raises(ClientAuthenticationError, match="AADSTS7000215"),
    ):
        before.get_token(f"{ARM}/.default")
    with client_credential(app_identity, client, "new") as after:
        assert after.get_token(f"{ARM}/.default").token


def test_a_stranger_and_an_unknown_tenant_are_refused_by_their_codes(app_identity: Identity) -> None:
    """Promise: an unregistered client is AADSTS700016, an unknown tenant AADSTS90002."""
    address = f"{app_identity.url}/{{}}/oauth2/v2.0/token"
    form = {"grant_type": "client_credentials", "client_id": "nobody", "client_secret": "x", "scope": f"{ARM}/.default"}
    stranger = requests.post(address.format(app_identity.tenant), data=form, timeout=30)
    elsewhere = requests.post(address.format("elsewhere"), data=form, timeout=30)
    assert (stranger.status_code, stranger.json()["error_codes"]) == (400, [700016])
    assert (elsewhere.status_code, elsewhere.json()["error_codes"]) == (400, [90002])


def test_the_managed_identity_is_found_as_in_app_service(app_identity: Identity) -> None:
    """Promise: DefaultAzureCredential gets a token for what was asked, and a wrong header gets none."""
    with DefaultAzureCredential() as credential:
        token = credential.get_token(f"{ARM}/.default").token
    assert claims_of(app_identity, token, ARM)["aud"] == ARM
    asked, wrong = {"resource": ARM}, {"X-IDENTITY-HEADER": "guessed"}
    assert requests.get(app_identity.endpoint, params=asked, headers=wrong, timeout=30).status_code == 401


def test_the_vault_keeps_every_version_and_gives_the_newest(app_identity: Identity) -> None:
    """Promise: set_secret is seen by the next get_secret; the version before it can still be asked for."""
    with vault(app_identity) as client:
        first = client.set_secret("rotated", "one")
        client.set_secret("rotated", "two")
        assert client.get_secret("rotated").value == "two"
        assert client.get_secret("rotated", first.properties.version).value == "one"


def test_a_missing_secret_is_not_found(app_identity: Identity) -> None:
    """Promise: the SDK raises what it raises in Azure, with the code SecretNotFound."""
    with vault(app_identity) as client, pytest.raises(ResourceNotFoundError, match="SecretNotFound"):
        client.get_secret("missing")


def test_the_vault_gives_nothing_without_a_token_for_the_vault(app_identity: Identity) -> None:
    """Promise: no token, one for another audience, an expired and a foreign one are challenged."""
    app_identity.set_secret("guarded", "s3cret")
    foreign = jwt.encode({"aud": "https://vault.azure.net"}, "k" * 32, algorithm="HS256")
    tokens = ["", app_identity.sign(aud=ARM), app_identity.sign(aud="https://vault.azure.net", exp=0), foreign]
    for token in tokens:
        reply = requests.get(
            f"{app_identity.url}/secrets/guarded/", headers={"Authorization": f"Bearer {token}"}, timeout=5
        )
        assert reply.status_code == 401
        assert reply.headers["www-authenticate"].startswith("Bearer authorization=")
        assert "s3cret" not in reply.text


def test_tokens_live_as_long_as_a_test_says(app_identity: Identity) -> None:
    """Promise: the lifetime of new tokens can be shortened, so that expiry needs no waiting."""
    client = str(uuid.uuid4())
    app_identity.register_client(client, "right")
    app_identity.set_lifetime(-60)
    try:
        token = str(app_identity.sign(aud=ARM))
        with pytest.raises(jwt.ExpiredSignatureError):
            claims_of(app_identity, token, ARM)
    finally:
        app_identity.set_lifetime(3600)


def test_calls_are_counted(app_identity: Identity) -> None:
    """Promise: a test can tell whether the vault was asked once or twice."""
    app_identity.set_secret("counted", "x")
    with vault(app_identity) as client:
        client.get_secret("counted")
        before = app_identity.calls()["GET /secrets/counted/"]
        client.get_secret("counted")
        assert app_identity.calls()["GET /secrets/counted/"] == before + 1
