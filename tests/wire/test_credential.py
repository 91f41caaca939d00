"""Does the app keep its token, and take a rotated secret without a restart? Against the SDKs' own wire."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import jwt
import pytest

from flinkfuncs.clients.credential import Credential
from flinkfuncs.core.errors import Denied, Refused, Unavailable
from flinkfuncs.settings import Settings
from localcloud.identity_process import Identity
from localcloud.ports import free_port

THREADS = 10


class Clock:
    """The time, moved on by hand (seconds)."""

    def __init__(self) -> None:
        """Begin now."""
        self.ahead = 0.0

    def __call__(self) -> float:
        """Return what the clock shows."""
        return time.time() + self.ahead


def settings(identity: Identity, prefix: str, **more: object) -> Settings:
    """The settings of an app whose client secret lies in the local vault under that prefix."""
    local = {
        "flink_cluster_kind": "hdinsight",
        "key_vault_url": identity.url,
        "key_vault_secret_prefix": prefix,
        "entra_authority": identity.url,
        "entra_disable_instance_discovery": True,
        "key_vault_disable_challenge_verification": True,
    }
    return Settings.model_validate(local | more)


def stored(identity: Identity, *, secret: str, registered: str | None = None) -> str:
    """Put a client with its secret into Entra and the vault; return the prefix."""
    prefix, client = f"p{uuid.uuid4().hex[:8]}", str(uuid.uuid4())
    identity.register_client(client, registered or secret)
    for part, value in (("api-client-id", client), ("api-secret", secret), ("tenant-id", identity.tenant)):
        identity.set_secret(f"{prefix}-{part}", value)
    return prefix


def client_of(token: str) -> object:
    """The application that a token names."""
    return jwt.decode(token, options={"verify_signature": False})["appid"]


def asked(identity: Identity) -> int:
    """How often Entra was asked for a token of a client so far."""
    return identity.calls().get(f"POST /{identity.tenant}/oauth2/v2.0/token", 0)


def read(identity: Identity, prefix: str) -> int:
    """How often the secret was read so far; an unauthenticated try belongs to each."""
    return identity.calls().get(f"GET /secrets/{prefix}-api-secret/", 0)


def test_a_token_is_had_with_the_secret_from_the_vault_and_kept(app_identity: Identity) -> None:
    """Promise: three parts, one token for the ARM scope, asked for once."""
    prefix = stored(app_identity, secret="right")
    credential, before = Credential(settings(app_identity, prefix)), asked(app_identity)
    token = credential.token()
    assert jwt.decode(token, options={"verify_signature": False})["aud"] == "https://management.azure.com"
    assert [credential.token() for _ in range(5)] == [token] * 5
    assert asked(app_identity) == before + 1


def test_ten_threads_share_one_token(app_identity: Identity) -> None:
    """Promise: one refresh, not ten; after a refusal by ARM, too."""
    credential, before = Credential(settings(app_identity, stored(app_identity, secret="right"))), asked(app_identity)
    together = Barrier(THREADS)

    def ask(refused: str | None) -> str:
        together.wait()
        return credential.renewed(refused) if refused else credential.token()

    with ThreadPoolExecutor(THREADS) as threads:
        first = set(threads.map(ask, [None] * THREADS))
        assert (len(first), asked(app_identity)) == (1, before + 1)
        second = set(threads.map(ask, list(first) * THREADS))
    assert (len(second), asked(app_identity)) == (1, before + 2)
    assert first != second


def test_a_token_is_renewed_shortly_before_it_ends(app_identity: Identity) -> None:
    """Promise: not at half time, and not too late."""
    clock = Clock()
    app_identity.set_lifetime(100)
    try:
        credential = Credential(settings(app_identity, stored(app_identity, secret="right")), clock=clock)
        first = credential.token()
        clock.ahead = 70
        assert credential.token() == first
        clock.ahead = 90
        assert credential.token() != first
    finally:
        app_identity.set_lifetime(3600)


def test_a_secret_rotated_at_entra_is_read_again_when_it_is_refused(app_identity: Identity) -> None:
    """Promise: the next token comes with the new secret, without a restart, after one refusal and one more reading."""
    clock = Clock()
    app_identity.set_lifetime(100)  # the SDK, whose clock is the real one, asks anew for a token this short
    try:
        prefix = stored(app_identity, secret="old")
        credential = Credential(settings(app_identity, prefix), clock=clock)
        client = client_of(credential.token())
        app_identity.register_client(str(client), "new")
        app_identity.set_secret(f"{prefix}-api-secret", "new")
        readings, askings = read(app_identity, prefix), asked(app_identity)
        clock.ahead = 90
        assert client_of(credential.token()) == client
        assert asked(app_identity) == askings + 2
        assert read(app_identity, prefix) > readings
    finally:
        app_identity.set_lifetime(3600)


def test_a_token_that_arm_refuses_is_replaced_with_what_the_vault_says_now(app_identity: Identity) -> None:
    """Promise: another client in the vault is another client in the next token."""
    prefix, other = stored(app_identity, secret="one"), str(uuid.uuid4())
    credential = Credential(settings(app_identity, prefix))
    first = credential.token()
    app_identity.register_client(other, "two")
    app_identity.set_secret(f"{prefix}-api-client-id", other)
    app_identity.set_secret(f"{prefix}-api-secret", "two")
    assert credential.token() == first
    second = credential.renewed(first)
    assert client_of(second) == other
    assert credential.renewed(first) == second


def test_a_secret_is_read_again_when_its_time_is_over(app_identity: Identity) -> None:
    """Promise: KEY_VAULT_SECRET_SECONDS, at the next token."""
    clock = Clock()
    prefix = stored(app_identity, secret="right")
    credential = Credential(settings(app_identity, prefix, key_vault_secret_seconds=60), clock=clock)
    credential.token()
    once = read(app_identity, prefix)
    clock.ahead = 3590
    credential.token()
    assert read(app_identity, prefix) > once


def test_a_wrong_secret_is_named_with_its_code_and_never_shown(app_identity: Identity) -> None:
    """Promise: AADSTS7000215, which secret, and not its value; asked for once, since it was read just now."""
    prefix = stored(app_identity, secret="wr0ng-value", registered="right")
    before = asked(app_identity)
    with pytest.raises(Denied, match=f"{prefix}-api-secret: AADSTS7000215") as caught:
        Credential(settings(app_identity, prefix)).token()
    assert "wr0ng-value" not in str(caught.value)
    assert asked(app_identity) == before + 1


def test_a_missing_secret_is_named(app_identity: Identity) -> None:
    """Promise: the error says which secret the vault lacks."""
    with pytest.raises(Refused, match="nothing-here-tenant-id") as caught:
        Credential(settings(app_identity, "nothing-here")).token()
    assert caught.value.code == "SecretNotFound"


def test_a_vault_or_entra_that_does_not_answer_is_unavailable(app_identity: Identity) -> None:
    """Promise: later it may work; nothing is said to be wrong with the secret."""
    nobody = f"https://localhost:{free_port()}"
    prefix = stored(app_identity, secret="right")
    with pytest.raises(Unavailable) as caught:
        Credential(settings(app_identity, prefix, key_vault_url=nobody)).token()
    assert caught.value.code == "KeyVaultUnavailable"
    with pytest.raises(Unavailable) as caught:
        Credential(settings(app_identity, prefix, entra_authority=nobody)).token()
    assert caught.value.code == "EntraUnavailable"


def test_a_missing_vault_setting_is_named(app_identity: Identity) -> None:
    """Promise: KEY_VAULT_URL stands in the error."""
    with pytest.raises(Unavailable, match="KEY_VAULT_URL"):
        Credential(settings(app_identity, "p", key_vault_url="")).token()


def test_the_managed_identity_alone_serves_without_a_vault(app_identity: Identity) -> None:
    """Promise: ARM_CREDENTIAL=identity reads no secret."""
    credential = Credential(settings(app_identity, "p", arm_credential="identity", key_vault_url=""))
    first = credential.token()
    assert credential.token() == first
    assert credential.renewed(first) != first


def test_an_identity_that_is_refused_is_told_apart_from_the_secret(
    app_identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise: the message says that it is the app's own identity."""
    monkeypatch.setenv("IDENTITY_HEADER", "guessed")
    with pytest.raises((Denied, Unavailable), match="this app's own identity"):
        Credential(settings(app_identity, stored(app_identity, secret="right"))).token()
