"""Who gets past the gateway's door, with real tokens, real keys and a tenant that publishes them over TLS."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import jwt
import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from flinkfuncs.clients.published_keys import Keys
from flinkfuncs.clients.tokens import Caller, Callers
from flinkfuncs.core.errors import Denied, Unavailable
from flinkfuncs.settings import Settings
from tests.listener import Call, Reply, listening

TENANT = "11111111-2222-3333-4444-555555555555"
AUDIENCE = "https://management.azure.com"
DEFAULT_AUDIENCES: str = Settings.model_fields["gateway_audience"].default
OBJECT_ID = "aaaaaaaa-0000-0000-0000-000000000001"
APP_ID = "bbbbbbbb-0000-0000-0000-000000000002"
DISCOVERY = f"/{TENANT}/v2.0/.well-known/openid-configuration"
JWKS = f"/{TENANT}/discovery/v2.0/keys"
ACTION = "Microsoft.HDInsight/clusterpools/clusters/runJob/action"
SCOPE = "/subscriptions/s"


@dataclass
class Tenant:
    """A tenant that publishes its keys, counts who asks, and can be out of order."""

    base: str = ""
    keys: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)
    status: int = 200
    calls: Counter[str] = field(default_factory=Counter)

    @property
    def issuer(self) -> str:
        return f"{self.base}/{TENANT}/v2.0"

    def answer(self, call: Call) -> Reply:
        self.calls[call.path] += 1
        published_keys = {"keys": [published(kid, key) for kid, key in self.keys.items()]}
        known = {"issuer": self.issuer, "jwks_uri": self.base + JWKS}
        body = known if call.path == DISCOVERY else published_keys
        return Reply(self.status, body, {"Location": self.base + "/elsewhere"})

    def token(self, kid: str = "one", *, key: rsa.RSAPrivateKey | None = None, **claims: object) -> str:
        """Sign a good token, but for the claims that are named here; None takes one away."""
        return self.token_that_says(claims, kid, key=key)

    def token_that_says(
        self, claims: Mapping[str, object], kid: str = "one", *, key: rsa.RSAPrivateKey | None = None
    ) -> str:
        now = int(time.time())
        good = {"iss": self.issuer, "aud": AUDIENCE, "tid": TENANT, "oid": OBJECT_ID, "appid": APP_ID}
        payload = good | {"iat": now, "nbf": now, "exp": now + 3600} | dict(claims)
        kept = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(kept, key or self.keys[kid], algorithm="RS256", headers={"kid": kid})


def published(kid: str, key: rsa.RSAPrivateKey) -> dict[str, object]:
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {"kty": "RSA", "use": "sig", "kid": kid, "n": jwk["n"], "e": jwk["e"]}


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


KEY, OTHER_KEY = new_key(), new_key()


@pytest.fixture
def tenant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    served = Tenant(keys={"one": KEY})

    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with listening(served.answer, tls=context) as served.base:
        yield served


def door(tenant: Tenant, *, allowed: str = OBJECT_ID, **keys: float) -> Callers:
    return Callers(Keys(tenant.base, TENANT, **keys), audience=AUDIENCE, allowed=allowed)


def admit(callers: Callers, token: str) -> Caller:
    return callers.admit(f"Bearer {token}", action=ACTION, scope=SCOPE)


def refusal(callers: Callers, authorization: str | None) -> tuple[int, str]:
    with pytest.raises(Denied) as denied:
        callers.admit(authorization, action=ACTION, scope=SCOPE)
    return denied.value.status, denied.value.code


def test_a_good_token_of_an_allowed_principal_is_let_in(tenant: Tenant) -> None:
    """By its object id, and known by both ids."""
    assert admit(door(tenant), tenant.token()) == Caller(OBJECT_ID, APP_ID)


@pytest.mark.parametrize("claim", ["appid", "azp"])
def test_an_application_is_let_in_by_its_id(tenant: Tenant, claim: str) -> None:
    """Version 1 tokens call it appid, version 2 tokens azp."""
    callers = door(tenant, allowed=f" {APP_ID.upper()} , somebody")
    assert admit(callers, tenant.token_that_says({"appid": None, claim: APP_ID})).app_id == APP_ID


AUDIENCES_OF_ARM = [
    "https://management.azure.com",
    "https://management.azure.com/",
    "https://management.core.windows.net",
    "https://management.core.windows.net/",
]
INVALID = (401, "InvalidAuthenticationToken")


@pytest.mark.parametrize("audience", AUDIENCES_OF_ARM)
def test_by_default_every_audience_counts_that_arm_takes(tenant: Tenant, audience: str) -> None:
    """Azure's command line asks for the last one, the SDKs for the first; a token may name others, too."""
    callers = Callers(Keys(tenant.base, TENANT), audience=DEFAULT_AUDIENCES, allowed=OBJECT_ID)
    for claim in (audience, [audience], ["https://vault.azure.net", audience]):
        assert admit(callers, tenant.token(aud=claim)).object_id == OBJECT_ID


@pytest.mark.parametrize(
    "audience",
    [
        "https://vault.azure.net",
        "https://management.azure.com//",
        "http://management.azure.com",
        "https://management.azure.com,https://management.core.windows.net",
        "https://management.core.windows.net.example.org/",
        "",
        [],
        ["https://vault.azure.net"],
    ],
)
def test_by_default_no_other_audience_counts(tenant: Tenant, audience: str | list[str]) -> None:
    """Nor the setting's own text, nor what only begins alike."""
    callers = Callers(Keys(tenant.base, TENANT), audience=DEFAULT_AUDIENCES, allowed=OBJECT_ID)
    assert refusal(callers, f"Bearer {tenant.token(aud=audience)}") == INVALID


@pytest.mark.parametrize(
    ("configured", "admitted"),
    [
        ("https://management.core.windows.net/", {"https://management.core.windows.net"}),
        ("api://flink", {"api://flink"}),
        (" api://flink/ , ,https://management.azure.com", {"api://flink", "https://management.azure.com"}),
        (" , ", set()),
    ],
)
def test_a_configured_list_replaces_the_default(tenant: Tenant, configured: str, admitted: set[str]) -> None:
    """One value or many, with or without the slash that the token has; an empty list admits nobody."""
    callers = Callers(Keys(tenant.base, TENANT), audience=configured, allowed=OBJECT_ID)
    for audience in ("api://flink", "api://flink/", *AUDIENCES_OF_ARM):
        token = tenant.token(aud=audience)
        if audience.rstrip("/") in admitted:
            assert admit(callers, token).object_id == OBJECT_ID
        else:
            assert refusal(callers, f"Bearer {token}") == INVALID


@pytest.mark.parametrize("authorization", [None, "", "   "])
def test_nothing_is_not_enough(tenant: Tenant, authorization: str | None) -> None:
    """ARM's 401 for a call without a token; no key is fetched for it."""
    assert refusal(door(tenant), authorization) == (401, "AuthenticationFailed")
    assert not tenant.calls


@pytest.mark.parametrize(
    "authorization", ["Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "garbage", "Bearer " + "x" * 20000]
)
def test_a_header_that_is_no_bearer_token_is_refused(tenant: Tenant, authorization: str) -> None:
    """Nor is a key fetched for it."""
    assert refusal(door(tenant), authorization) == (401, "AuthenticationFailed")
    assert not tenant.calls


def segment(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "token",
    [
        "None",
        "garbage",
        "a.b.c",
        "..",
        "é.é.é",
        segment("[]") + ".e30.c2ln",
        segment('{"alg":"RS256"}') + ".e30.c2ln",
        segment('{"alg":"RS256","kid":7}') + ".e30.c2ln",
        segment("[" * 9000) + ".e30.c2ln",
        segment('{"alg":"none","typ":"JWT"}') + "." + segment(json.dumps({"oid": OBJECT_ID})) + ".",
    ],
)
def test_garbage_is_refused(tenant: Tenant, token: str) -> None:
    """Whatever stands where a token should be, it crashes nothing and fetches nothing."""
    assert refusal(door(tenant), f"Bearer {token}") == (401, "InvalidAuthenticationToken")
    assert not tenant.calls


BAD_CLAIMS: list[tuple[str, dict[str, object]]] = [
    ("wrong audience", {"aud": "https://vault.azure.net"}),
    ("audience that begins alike", {"aud": AUDIENCE + ".example.org"}),
    ("no audience", {"aud": None}),
    ("foreign issuer", {"iss": "https://login.microsoftonline.com/other/v2.0"}),
    ("version 1 issuer of an authority that is not the real one", {"iss": f"https://sts.windows.net/{TENANT}/"}),
    ("no issuer", {"iss": None}),
    ("another tenant", {"tid": "99999999-2222-3333-4444-555555555555"}),
    ("no tenant", {"tid": None}),
    ("no expiry", {"exp": None}),
    ("not valid yet", {"nbf": int(time.time()) + 3600}),
]


@pytest.mark.parametrize("claims", [claims for _, claims in BAD_CLAIMS], ids=[name for name, _ in BAD_CLAIMS])
def test_a_signed_token_with_wrong_claims_is_refused(tenant: Tenant, claims: dict[str, object]) -> None:
    """The tenant's own signature does not make up for what the token says."""
    callers = door(tenant)
    assert refusal(callers, f"Bearer {tenant.token_that_says(claims)}") == (401, "InvalidAuthenticationToken")
    assert admit(callers, tenant.token()).object_id == OBJECT_ID


def test_an_expired_token_is_called_expired(tenant: Tenant) -> None:
    """The code by which a client knows that a new token will do."""
    token = tenant.token(exp=int(time.time()) - 3600)
    assert refusal(door(tenant), f"Bearer {token}") == (401, "ExpiredAuthenticationToken")


def test_clocks_may_differ_a_little(tenant: Tenant) -> None:
    """Some seconds either way are nobody's fault."""
    now = int(time.time())
    assert admit(door(tenant), tenant.token(exp=now - 20)).object_id == OBJECT_ID
    assert admit(door(tenant), tenant.token(nbf=now + 20, iat=now + 20)).object_id == OBJECT_ID


def test_another_key_under_a_known_id_is_refused(tenant: Tenant) -> None:
    """The signature counts, not the key id that a token names."""
    token = tenant.token("one", key=OTHER_KEY)
    assert refusal(door(tenant), f"Bearer {token}") == (401, "InvalidAuthenticationToken")


def test_a_changed_token_is_refused(tenant: Tenant) -> None:
    """Other claims under a good signature."""
    header, _, signature = tenant.token().split(".")
    forged = segment(json.dumps({"oid": OBJECT_ID, "exp": 9999999999}))
    assert refusal(door(tenant), f"Bearer {header}.{forged}.{signature}") == (401, "InvalidAuthenticationToken")


@pytest.mark.parametrize("algorithm", ["HS256", "none", "RS512", "PS256"])
def test_only_rs256_counts(tenant: Tenant, algorithm: str) -> None:
    """Not even with the right key, nor with the published key as a shared secret."""
    claims = jwt.decode(tenant.token(), options={"verify_signature": False})
    header = segment(json.dumps({"alg": algorithm, "typ": "JWT", "kid": "one"}))
    signed = f"{header}.{segment(json.dumps(claims))}"
    public = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    mac = hmac.new(public, signed.encode(), hashlib.sha256).digest()
    tokens = {
        "HS256": f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}",
        "none": f"{signed}.",
        "RS512": jwt.encode(claims, KEY, algorithm="RS512", headers={"kid": "one"}),
        "PS256": jwt.encode(claims, KEY, algorithm="PS256", headers={"kid": "one"}),
    }
    assert refusal(door(tenant), f"Bearer {tokens[algorithm]}") == (401, "InvalidAuthenticationToken")


def test_a_stranger_is_known_and_not_allowed(tenant: Tenant) -> None:
    """403 names the principal, the action and the scope, as ARM does."""
    with pytest.raises(Denied, match=rf"object id '{OBJECT_ID}'.*{ACTION}.*{SCOPE}") as denied:
        admit(door(tenant, allowed="somebody"), tenant.token())
    assert (denied.value.status, denied.value.code) == (403, "AuthorizationFailed")


@pytest.mark.parametrize("allowed", ["", " , ", "*"])
def test_an_empty_list_allows_nobody(tenant: Tenant, allowed: str) -> None:
    """A token without ids is no member of it either."""
    for token in (tenant.token(), tenant.token(oid=None, appid=None), tenant.token(oid="", appid="")):
        assert refusal(door(tenant, allowed=allowed), f"Bearer {token}") == (403, "AuthorizationFailed")


def test_a_reader_may_look_and_no_more(tenant: Tenant) -> None:
    """By a right beside the id; an id alone may do everything, as before, and the greater right of two counts."""
    for allowed in (OBJECT_ID, f"{APP_ID} = Contributor", f"{OBJECT_ID}=reader,{APP_ID}=contributor"):
        assert admit(door(tenant, allowed=allowed), tenant.token())
    callers = door(tenant, allowed=f"{OBJECT_ID}=reader")
    assert refusal(callers, f"Bearer {tenant.token()}") == (403, "AuthorizationFailed")
    read = callers.admit(f"Bearer {tenant.token()}", action="Microsoft.HDInsight/clusterpools/read", scope=SCOPE)
    assert read.object_id == OBJECT_ID


@pytest.mark.parametrize("allowed", ["a=owner", "=reader", "a==reader"])
def test_a_right_that_there_is_not_is_a_wrong_setting(allowed: str) -> None:
    """Rather than one that counts as another."""
    with pytest.raises(ValueError, match="reader"):
        Settings(flink_cluster_kind="session", gateway_allowed_principals=allowed)


def test_a_user_is_not_let_in_for_the_program_in_their_hands(tenant: Tenant) -> None:
    """An allowed application id means the application itself; any user of the tenant can sign in with a program."""
    token = tenant.token(oid="cccccccc-0000-0000-0000-000000000003", scp="user_impersonation")
    assert refusal(door(tenant, allowed=APP_ID), f"Bearer {token}") == (403, "AuthorizationFailed")


def test_keys_are_fetched_once(tenant: Tenant) -> None:
    """Not once a call."""
    callers = door(tenant)
    for _ in range(5):
        admit(callers, tenant.token())
    assert tenant.calls == {DISCOVERY: 1, JWKS: 1}


def test_a_new_key_is_found_when_a_token_names_it(tenant: Tenant) -> None:
    """A tenant that rotates its keys locks nobody out."""
    callers = door(tenant, refetch_seconds=0)
    admit(callers, tenant.token())
    tenant.keys["two"] = OTHER_KEY
    assert admit(callers, tenant.token("two")).object_id == OBJECT_ID
    assert tenant.calls[JWKS] == 2


def test_made_up_key_ids_cause_no_traffic(tenant: Tenant) -> None:
    """However many strangers knock, the tenant is asked once in a while."""
    callers = door(tenant)
    for number in range(20):
        token = tenant.token(f"made-up-{number}", key=OTHER_KEY)
        assert refusal(callers, f"Bearer {token}") == (401, "InvalidAuthenticationToken")
    assert tenant.calls == {DISCOVERY: 1, JWKS: 1}


def test_a_withdrawn_key_stops_counting(tenant: Tenant) -> None:
    """Keys are kept for a while, not for ever."""
    callers = door(tenant, keys_seconds=0, refetch_seconds=0)
    old = tenant.token("one")
    admit(callers, old)
    tenant.keys = {"two": OTHER_KEY}
    assert refusal(callers, f"Bearer {old}") == (401, "InvalidAuthenticationToken")


@pytest.mark.parametrize("status", [500, 404, 302])
def test_without_keys_nobody_is_let_in_and_nobody_is_refused(tenant: Tenant, status: int) -> None:
    """503 for everybody, and one try for all of them."""
    callers = door(tenant)
    tenant.status = status
    for token in (tenant.token(), tenant.token("made-up", key=OTHER_KEY), tenant.token()):
        with pytest.raises(Unavailable) as unavailable:
            admit(callers, token)
        assert unavailable.value.status == 503
        assert unavailable.value.retry_after_seconds
    assert sum(tenant.calls.values()) == 1


def test_the_door_opens_again_when_the_keys_are_back(tenant: Tenant) -> None:
    """An outage of the tenant is over when it is over."""
    callers = door(tenant, refetch_seconds=0)
    tenant.status = 500
    with pytest.raises(Unavailable):
        admit(callers, tenant.token())
    tenant.status = 200
    assert admit(callers, tenant.token()).object_id == OBJECT_ID


def test_an_outage_is_no_word_on_a_new_key(tenant: Tenant) -> None:
    """While a new key cannot be looked for, its tokens get 503, not 401; known keys still count."""
    keys = Keys(tenant.base, TENANT, refetch_seconds=0)
    callers = Callers(keys, audience=AUDIENCE, allowed=OBJECT_ID)
    admit(callers, tenant.token())
    tenant.status = 500
    for refetch_seconds in (0.0, 60.0):
        keys.refetch_seconds = refetch_seconds
        with pytest.raises(Unavailable):
            admit(callers, tenant.token("two", key=OTHER_KEY))
    assert admit(callers, tenant.token()).object_id == OBJECT_ID


def test_a_tenant_that_cannot_be_trusted_has_no_keys(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate of an unknown authority, or no TLS at all, is as good as no answer."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(Unavailable):
        admit(door(tenant), tenant.token())
    plain = Callers(Keys(tenant.base.replace("https", "http"), TENANT), audience=AUDIENCE, allowed=OBJECT_ID)
    with pytest.raises(Unavailable, match="ValueError"):  # not sent at all
        admit(plain, tenant.token())
    assert not tenant.calls
