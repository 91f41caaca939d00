"""Does the app get to Flink through a proxy with TLS, and does it take no word of the proxy for Flink's?"""

from __future__ import annotations

import logging
import re
import traceback
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from flinkfuncs.clients.flink import Flink, RunRequest
from flinkfuncs.clients.flink_access import FlinkAccess
from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import FlinkFuncsError, Refused, Unavailable
from flinkfuncs.core.operations import Outcome
from flinkfuncs.redaction import redacted_text
from flinkfuncs.settings import Settings
from localcloud.identity_process import Identity
from localcloud.ports import free_port
from tests.clusters.jar import Jar
from tests.listener import Call, Reply
from tests.proxy import Certificates, Guard, Proxy, basic, carrying, html, proxying
from tests.stand_in.rest import FlinkServer, flink_server
from tests.unit.builders import ORDERS, asked
from tests.wire.session import Session, put
from tests.wire.storage import Storage

JOB, TRIGGER = "a" * 32, "b" * 32
PASSWORD, ROTATED, TOKEN = "hunter2:pä/ss", "hunter3-rotated", "t0ken-of-hours"
RUN = RunRequest(
    jar_id="1_orders.jar",
    flink_job_id=JOB,
    entry_class=None,
    arguments=[],
    parallelism=1,
    configuration={"pipeline.name": "orders"},
    savepoint=None,
    allow_non_restored_state=False,
)
CALLS: dict[str, Callable[[Flink], object]] = {
    "overview": lambda flink: flink.overview(),
    "configuration": lambda flink: flink.configuration(),
    "version": lambda flink: flink.version,
    "slots": lambda flink: flink.holds_slots(JOB),
    "free slots": lambda flink: flink.slots_for(JOB),
    "jars": lambda flink: flink.jars(),
    "delete jar": lambda flink: flink.delete_jar("1_orders.jar"),
    "upload": lambda flink: flink.upload("orders.jar", Jar(b"bytes")),  # type: ignore[arg-type]
    "plan": lambda flink: flink.plan(RUN, seconds=5),
    "run": lambda flink: flink.run(RUN),
    "status": lambda flink: flink.status(JOB),
    "described": lambda flink: flink.described(JOB),
    "checkpoints": lambda flink: flink.checkpoints(JOB),
    "left": lambda flink: flink.left(JOB, ended=True),
    "state": lambda flink: flink.checkpoint_state(JOB),
    "thrown": lambda flink: flink.thrown(JOB),
    "failures": lambda flink: flink.failures(JOB),
    "take checkpoint": lambda flink: flink.take_checkpoint(JOB, TRIGGER),
    "checkpoint": lambda flink: flink.checkpoint(JOB, TRIGGER),
    "stop": lambda flink: flink.stop(JOB, trigger_id=TRIGGER, directory="file:///sp", savepoint_format="NATIVE"),
    "savepoint": lambda flink: flink.savepoint(JOB, TRIGGER),
    "take savepoint": lambda flink: flink.trigger_savepoint(
        JOB, trigger_id=TRIGGER, directory="file:///sp", savepoint_format="NATIVE"
    ),
    "dispose": lambda flink: flink.dispose("file:///sp/1"),
    "disposal": lambda flink: flink.disposal(TRIGGER),
    "cancel": lambda flink: flink.cancel(JOB),
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """The authority of a company, which no machine knows by itself."""
    return Certificates.made(tmp_path_factory.mktemp("company"))


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Another authority."""
    return Certificates.made(tmp_path_factory.mktemp("strangers"))


@pytest.fixture
def server() -> Iterator[FlinkServer]:
    """A stand-in for Flink."""
    with flink_server() as server:
        yield server


@pytest.fixture
def proxy(server: FlinkServer, certificates: Certificates) -> Iterator[Proxy]:
    """A proxy with TLS before it, below a path."""
    with proxying(server.url, certificates, prefix="/teams/flink") as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture, certificates: Certificates) -> Iterator[None]:
    """No log line of any library holds a secret, at any level."""
    caplog.set_level(logging.DEBUG)
    yield
    lines = [record for when in ("setup", "call") for record in caplog.get_records(when)]
    assert_silent("\n".join(logging.Formatter().format(line) for line in lines), certificates)


def assert_silent(text: str, certificates: Certificates) -> None:
    """Check that a text holds no secret of these tests."""
    key = certificates.client_key.splitlines()[1]
    for secret in (PASSWORD, ROTATED, TOKEN, key, "Basic "):
        assert secret not in text
    assert not re.search(r"eyJ[\w-]+\.", text)  # a token; `eyJ` alone may stand in a certificate


def settings(proxy: Proxy, **more: object) -> Settings:
    """Return the settings of an app that drives the cluster behind the proxy."""
    always = {"flink_cluster_kind": "session", "flink_rest_url": proxy.url, "savepoint_directory": "file:///sp"}
    return Settings.model_validate(always | more)


def cloud(identity: Identity) -> dict[str, object]:
    """Return the settings that lead to the local Entra ID and Key Vault."""
    return {
        "key_vault_url": identity.url,
        "key_vault_disable_challenge_verification": True,
        "entra_authority": identity.url,
        "entra_disable_instance_discovery": True,
    }


def access(settings: Settings, **more: Callable[[], float]) -> FlinkAccess:
    """Return what gets to Flink by these settings."""
    return FlinkAccess(settings, read_seconds=5, **more)


def client_of(settings: Settings, **more: Callable[[], float]) -> Flink:
    """Return the client of Flink by these settings."""
    return Flink(settings.flink_rest_url, call_seconds=5, access=access(settings, **more))


def failure(certificates: Certificates, call: Callable[[], object]) -> FlinkFuncsError:
    """Return the error of a call; no line of its whole traceback holds a secret."""
    with pytest.raises(FlinkFuncsError) as caught:
        call()
    assert_silent("".join(traceback.format_exception(caught.value)), certificates)
    return caught.value


# ------------------------------------------------------------------------------------------------------ whom we trust


@pytest.mark.parametrize("form", ["text", "escaped", "file"])
def test_a_private_authority_is_trusted_by_setting(proxy: Proxy, certificates: Certificates, form: str) -> None:
    """As the text of a PEM, with the ends of its lines escaped, or as a file; below a path, every call gets there."""
    pem = {
        "text": certificates.authority,
        "escaped": certificates.authority.replace("\n", "\\n"),
        "file": str(certificates.directory / "ca.pem"),
    }[form]
    client = client_of(settings(proxy, flink_ca_certificate=pem))
    assert client.version == (2, 3)
    assert client.overview() == []


def test_a_servers_own_certificate_may_be_trusted_alone(proxy: Proxy, certificates: Certificates) -> None:
    """Where the one who gives out the settings has no more than that."""
    chain = certificates.server.read_text()
    assert client_of(settings(proxy, flink_ca_certificate=chain[chain.index("-----BEGIN CERT") :])).version == (2, 3)


@pytest.mark.parametrize("trusted", [True, False])
def test_an_unknown_authority_is_refused_with_the_setting_that_helps(
    proxy: Proxy, certificates: Certificates, strangers: Certificates, *, trusted: bool
) -> None:
    """With another authority, and with none; nothing was sent, not even the credentials."""
    ca = strangers.authority if trusted else ""
    client = client_of(settings(proxy, flink_ca_certificate=ca, flink_user="app", flink_password=PASSWORD))
    for call in (client.overview, lambda: client.run(RUN)):
        error = failure(certificates, call)
        assert (type(error), error.code) == (Unavailable, "CertificateNotTrusted")
        assert "FLINK_CA_CERTIFICATE" in error.message
    assert proxy.calls == []


def test_what_the_machine_trusts_does_not_count_beside_the_setting(
    proxy: Proxy, certificates: Certificates, strangers: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REQUESTS_CA_BUNDLE adds no authority to the one that was given."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.directory / "ca.pem"))
    assert client_of(settings(proxy)).version == (2, 3)
    client = client_of(settings(proxy, flink_ca_certificate=strangers.authority))
    assert failure(certificates, client.overview).code == "CertificateNotTrusted"


# -------------------------------------------------------------------------------------------------------- what we show


@pytest.mark.parametrize("form", ["two settings", "one text", "files"])
def test_a_client_certificate_is_shown(
    server: FlinkServer, certificates: Certificates, tmp_path: Path, form: str
) -> None:
    """Its key beside it, in the same PEM, or both as files."""
    (tmp_path / "cert.pem").write_text(certificates.client)
    (tmp_path / "key.pem").write_text(certificates.client_key)
    given = {
        "two settings": {"flink_client_certificate": certificates.client, "flink_client_key": certificates.client_key},
        "one text": {"flink_client_certificate": certificates.client_key + certificates.client},
        "files": {
            "flink_client_certificate": str(tmp_path / "cert.pem"),
            "flink_client_key": str(tmp_path / "key.pem"),
        },
    }[form]
    with proxying(server.url, certificates, asks_clients=True) as proxy:
        client = client_of(settings(proxy, flink_ca_certificate=certificates.authority, **given))
        assert client.version == (2, 3)
        assert client.jar_id("orders.jar") is None
        CALLS["upload"](client)
        assert client.jar_id("orders.jar")


def test_a_client_certificate_is_shown_to_whom_the_machine_trusts(
    server: FlinkServer, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an authority of its own, the usual ones count."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.directory / "ca.pem"))
    shown = {"flink_client_certificate": certificates.client, "flink_client_key": certificates.client_key}
    with proxying(server.url, certificates, asks_clients=True) as proxy:
        assert client_of(settings(proxy, **shown)).version == (2, 3)


def test_a_missing_client_certificate_is_named(server: FlinkServer, certificates: Certificates) -> None:
    """As nginx says it."""
    with proxying(server.url, certificates, asks_clients=True) as proxy:
        error = failure(certificates, client_of(settings(proxy, flink_ca_certificate=certificates.authority)).overview)
        assert isinstance(error, Unavailable)
        assert "FLINK_CLIENT_CERTIFICATE" in error.message
        assert proxy.calls == []


def test_a_client_certificate_of_a_stranger_gets_nowhere(
    server: FlinkServer, certificates: Certificates, strangers: Certificates
) -> None:
    """TLS fails, in one way or another."""
    shown = {"flink_client_certificate": strangers.client, "flink_client_key": strangers.client_key}
    with proxying(server.url, certificates, asks_clients=True) as proxy:
        client = client_of(settings(proxy, flink_ca_certificate=certificates.authority, **shown))
        error = failure(certificates, client.overview)
        assert isinstance(error, Unavailable)
        assert "FLINK_CLIENT_CERTIFICATE" in error.message or error.code == "Broken"  # its alert may be lost
        assert proxy.calls == []


def test_a_proxy_that_speaks_no_tls_is_named(server: FlinkServer, certificates: Certificates) -> None:
    """Which happens where the URL has the wrong port."""
    with proxying(server.url, None) as proxy:
        given = settings(proxy, flink_rest_url=proxy.url.replace("http:", "https:"))
        error = failure(certificates, client_of(given).overview)
    assert (type(error), error.code) == (Unavailable, "TlsFailed")
    assert "FLINK_REST_URL" in error.message


def test_basic_credentials_arrive_and_a_netrc_file_adds_none(
    proxy: Proxy, certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A colon, a slash and other letters in the password, too."""
    (tmp_path / "netrc").write_text("machine localhost login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert client_of(settings(proxy, flink_ca_certificate=certificates.authority)).version == (2, 3)
    assert "Authorization" not in proxy.calls[-1].headers
    proxy.guard = basic("app", PASSWORD)
    given = settings(proxy, flink_ca_certificate=certificates.authority, flink_user="app", flink_password=PASSWORD)
    assert client_of(given).version == (2, 3)
    assert_silent(repr(given) + str(given.model_dump()) + repr(access(given)._pass), certificates)
    assert PASSWORD not in redacted_text(f"somebody says {PASSWORD}")


def test_a_fixed_token_arrives(proxy: Proxy, certificates: Certificates) -> None:
    """As a bearer token."""
    proxy.guard = carrying(lambda: f"Bearer {TOKEN}")
    given = settings(proxy, flink_ca_certificate=certificates.authority, flink_token=TOKEN)
    assert client_of(given).version == (2, 3)
    assert TOKEN not in redacted_text(f"somebody says {TOKEN}") + repr(given)


def for_flink(scope: str) -> Guard:
    """Let in who has a token of Entra ID for that application."""

    def guard(call: Call) -> Reply | None:
        text = call.headers.get("Authorization", "").removeprefix("Bearer ")
        claims = jwt.decode(text, options={"verify_signature": False}) if text else {}
        return None if claims.get("aud") == scope else html(401, "Authorization Required")

    return guard


def test_tokens_of_the_apps_identity_arrive_for_their_scope(
    proxy: Proxy, certificates: Certificates, app_identity: Identity
) -> None:
    """Entra gives them for the audience of the scope; one is asked for, and used for every call."""
    proxy.guard = for_flink("api://flink")
    client = client_of(settings(
        proxy, **cloud(app_identity), flink_ca_certificate=certificates.authority, flink_token_scope="api://flink/.default"
    ))  # fmt: skip
    for _ in range(3):
        assert client.overview() == []
    assert len({call.headers["Authorization"] for call in proxy.calls}) == 1


def test_a_token_that_is_refused_is_replaced(proxy: Proxy, certificates: Certificates, app_identity: Identity) -> None:
    """A proxy may have forgotten the key that signed it."""
    client = client_of(settings(
        proxy, **cloud(app_identity), flink_ca_certificate=certificates.authority, flink_token_scope="api://flink/.default"
    ))  # fmt: skip
    client.overview()
    old = proxy.calls[-1].headers["Authorization"]
    proxy.guard = lambda call: html(401, "No") if call.headers["Authorization"] == old else None
    client.overview()
    assert [call.headers["Authorization"] == old for call in proxy.calls] == [True, True, False]


# ------------------------------------------------------------------------------------------------ secrets in the vault


def stored(identity: Identity, value: str) -> str:
    """Put a secret into the vault; return its name."""
    name = f"flink-{uuid.uuid4().hex[:8]}"
    identity.set_secret(name, value)
    return name


def read(identity: Identity, name: str) -> int:
    """How often a secret was read so far; an unauthenticated try belongs to each."""
    return identity.calls().get(f"GET /secrets/{name}/", 0)


def test_every_secret_may_lie_in_the_vault(
    server: FlinkServer, certificates: Certificates, app_identity: Identity
) -> None:
    """Certificate, key and password by their names; read once, and not before they are needed."""
    names = {
        "flink_client_certificate_secret": stored(app_identity, certificates.client),
        "flink_client_key_secret": stored(app_identity, certificates.client_key),
        "flink_password_secret": stored(app_identity, f"{PASSWORD}\n"),  # as `--file` puts it there
    }
    with proxying(server.url, certificates, asks_clients=True) as proxy:
        proxy.guard = basic("app", PASSWORD)
        given = settings(
            proxy, **cloud(app_identity), flink_ca_certificate=certificates.authority, flink_user="app", **names
        )
        client = client_of(given)
        assert read(app_identity, names["flink_password_secret"]) == 0
        assert client.version == (2, 3)
        once = read(app_identity, names["flink_password_secret"])
        client.overview()
        assert read(app_identity, names["flink_password_secret"]) == once > 0


@pytest.mark.parametrize("call", ["overview", "stop", "cancel"])
def test_a_rotated_secret_is_read_again_after_a_401_and_the_call_is_sent_once_more(
    proxy: Proxy, server: FlinkServer, certificates: Certificates, app_identity: Identity, call: str
) -> None:
    """What was refused did not get to Flink, which is asked once."""
    name = stored(app_identity, TOKEN)
    client = client_of(settings(
        proxy, **cloud(app_identity), flink_ca_certificate=certificates.authority, flink_token_secret=name
    ))  # fmt: skip
    client.overview()
    app_identity.set_secret(name, ROTATED)
    proxy.guard = carrying(lambda: f"Bearer {ROTATED}")
    before = len(proxy.calls)
    try:
        CALLS[call](client)
    except FlinkFuncsError as error:
        assert "Could not find Flink job" in error.message  # noqa: PT017 - Flink was asked, and knows no job
    sent = [one.headers["Authorization"] for one in proxy.calls[before:]]
    assert sent == [f"Bearer {TOKEN}", f"Bearer {ROTATED}"]
    assert len(server.flink.changes) <= 1


def test_a_secret_that_stays_the_same_is_not_tried_again(
    proxy: Proxy, certificates: Certificates, app_identity: Identity
) -> None:
    """One request, one reading, and the settings to look at."""
    name = stored(app_identity, TOKEN)
    client = client_of(settings(
        proxy, **cloud(app_identity), flink_ca_certificate=certificates.authority, flink_token_secret=name
    ))  # fmt: skip
    proxy.guard = carrying(lambda: f"Bearer {ROTATED}")
    error = failure(certificates, lambda: client.cancel(JOB))
    assert len(proxy.calls) == 1
    assert "FLINK_TOKEN" in error.message


def test_a_jar_is_not_sent_again_and_the_next_call_has_the_new_secret(
    proxy: Proxy, server: FlinkServer, certificates: Certificates, app_identity: Identity
) -> None:
    """Its bytes were streamed, and are gone."""
    name = stored(app_identity, TOKEN)
    client = client_of(settings(
        proxy, **cloud(app_identity), flink_ca_certificate=certificates.authority, flink_token_secret=name
    ))  # fmt: skip
    client.overview()
    app_identity.set_secret(name, ROTATED)
    proxy.guard = carrying(lambda: f"Bearer {ROTATED}")
    assert type(failure(certificates, lambda: CALLS["upload"](client))) is Unavailable
    CALLS["upload"](client)
    assert len(server.flink.jars) == 1


def test_a_secret_is_read_again_when_its_time_is_over_and_the_old_one_serves_while_the_vault_is_away(
    proxy: Proxy, certificates: Certificates, app_identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update that has stopped the old copy must not wait for a vault."""
    name, ahead = stored(app_identity, TOKEN), [0.0]
    client = client_of(
        settings(
            proxy,
            **cloud(app_identity),
            flink_ca_certificate=certificates.authority,
            flink_token_secret=name,
            key_vault_secret_seconds=60,
        ),
        clock=lambda: ahead[0],
    )
    client.overview()
    app_identity.set_secret(name, ROTATED)
    client.overview()
    ahead[0] = 61
    monkeypatch.setenv("IDENTITY_HEADER", "guessed")
    client.overview()
    monkeypatch.setenv("IDENTITY_HEADER", app_identity.header)
    client.overview()  # it is not asked at once again
    ahead[0] = 122
    client.overview()
    shown = [call.headers["Authorization"] for call in proxy.calls]
    assert shown == [f"Bearer {TOKEN}"] * 4 + [f"Bearer {ROTATED}"]


def test_a_missing_secret_and_a_vault_that_is_away_are_no_word_of_flink(
    proxy: Proxy, certificates: Certificates, app_identity: Identity
) -> None:
    """A start must not count as refused for it; the secret is named."""
    common = {"flink_ca_certificate": certificates.authority, "flink_token_secret": "nothing-here"}
    error = failure(certificates, lambda: client_of(settings(proxy, **cloud(app_identity), **common)).run(RUN))
    assert (type(error), error.code) == (Unavailable, "SecretNotFound")
    assert "nothing-here" in error.message
    away = {**common, "key_vault_url": f"https://localhost:{free_port()}"}
    error = failure(certificates, lambda: client_of(settings(proxy, **(cloud(app_identity) | away))).run(RUN))
    assert (type(error), error.code) == (Unavailable, "KeyVaultUnavailable")
    assert proxy.calls == []


# ----------------------------------------------------------------------------------------- what is not a word of Flink


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("answer", "setting"),
    [
        (html(401, "Authorization Required"), "FLINK_TOKEN"),
        (Reply(401, {"errors": ["FlinkJobNotFoundException"]}), "FLINK_TOKEN"),
        (html(403, "Forbidden"), "FLINK_USER"),
        (html(404, "Could not find Flink job"), "FLINK_REST_URL"),
        (html(400, "No required SSL certificate was sent"), "FLINK_CLIENT_CERTIFICATE"),
        (html(409, "Conflict"), "not in Flink's words"),
        (Reply(302, headers={"Location": "https://login.example.com/"}), "FLINK_TOKEN_SCOPE"),
    ],
)
def test_what_a_proxy_says_is_never_taken_for_flinks_word(
    proxy: Proxy, certificates: Certificates, call: str, answer: Reply, setting: str
) -> None:
    """No job is unknown for it, no start refused, no slot free and nothing disposed of: it has to be asked again."""
    client = client_of(settings(proxy, flink_ca_certificate=certificates.authority))
    assert client.version
    proxy.guard = lambda _call: answer
    if call == "version":
        client = client_of(settings(proxy, flink_ca_certificate=certificates.authority))
    error = failure(certificates, lambda: CALLS[call](client))
    assert type(error) is Unavailable
    assert setting in error.message


def test_a_jar_that_is_too_large_for_the_proxy_is_refused(proxy: Proxy, certificates: Certificates) -> None:
    """Asking again will not help; the old copy was not touched yet."""
    proxy.guard = lambda _call: html(413, "Request Entity Too Large")
    client = client_of(settings(proxy, flink_ca_certificate=certificates.authority))
    error = failure(certificates, lambda: CALLS["upload"](client))
    assert (type(error), error.code) == (Refused, "JarTooLarge")


def test_credentials_do_not_follow_a_redirect(proxy: Proxy, server: FlinkServer, certificates: Certificates) -> None:
    """Wherever it leads."""
    with proxying(server.url, certificates) as elsewhere:
        proxy.guard = lambda call: Reply(307, headers={"Location": f"{elsewhere.url}{call.path}"})
        client = client_of(settings(proxy, flink_ca_certificate=certificates.authority, flink_token=TOKEN))
        assert failure(certificates, client.overview).code == "Redirected"
        assert elsewhere.calls == []


# -------------------------------------------------------------------------------------------------------- wrong secrets


@pytest.mark.parametrize(
    ("names", "given"),
    [
        (["FLINK_CA_CERTIFICATE"], {"flink_ca_certificate": "-----BEGIN CERTIFICATE-----\nhunter2\n"}),
        (["FLINK_CA_CERTIFICATE"], {"flink_ca_certificate": "hunter2"}),
        (["FLINK_CA_CERTIFICATE"], {"flink_ca_certificate": "{key}"}),
        (["FLINK_CLIENT_CERTIFICATE"], {"flink_client_certificate": "/hunter2/app.pem"}),
        (["FLINK_CLIENT_CERTIFICATE", "FLINK_CLIENT_KEY"], {"flink_client_certificate": "{cert}"}),
        (
            ["FLINK_CLIENT_CERTIFICATE", "FLINK_CLIENT_KEY"],
            {"flink_client_certificate": "{cert}", "flink_client_key": "-----BEGIN PRIVATE KEY-----\nhunter2\n"},
        ),
        (
            ["FLINK_CLIENT_CERTIFICATE", "encrypted"],
            {"flink_client_certificate": "{cert}", "flink_client_key": "{encrypted key}"},
        ),
        (["FLINK_TOKEN"], {"flink_token": "Bearer hunter2"}),
        (["FLINK_TOKEN"], {"flink_token": "hun\nter2"}),
    ],
)
def test_what_is_not_what_it_should_be_is_named_and_not_shown(
    proxy: Proxy, certificates: Certificates, names: list[str], given: dict[str, str]
) -> None:
    """When the app is composed, before anything is sent."""
    key = serialization.load_pem_private_key(certificates.client_key.encode(), None).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"hunter2")
    )
    texts = {"{key}": certificates.client_key, "{cert}": certificates.client, "{encrypted key}": key.decode()}
    wrong = {name: texts.get(value, value) for name, value in given.items()}
    error = failure(certificates, lambda: access(settings(proxy, **wrong)))
    assert (type(error), error.code) == (Unavailable, "WrongSettings")
    assert all(name in error.message for name in names)
    assert "hunter2" not in "".join(traceback.format_exception(error))
    assert "ter2" not in error.message


# ------------------------------------------------------------------------------------------------------------ an update


def test_an_update_goes_on_when_the_secret_is_rotated_in_the_middle(
    storage: Storage, flink: FlinkServer, certificates: Certificates, app_identity: Identity
) -> None:
    """Client certificate, basic credentials out of the vault and a path: one stop, one start, no word of a rollback."""
    name = stored(app_identity, PASSWORD)
    with proxying(flink.url, certificates, prefix="/flink", asks_clients=True) as proxy:
        guards = {"/stop": basic("app", PASSWORD)}

        def guard(call: Call) -> Reply | None:
            if call.path.endswith("/stop") and "now" not in guards:
                app_identity.set_secret(name, ROTATED)
                guards["now"] = basic("app", ROTATED)
            return guards.get("now", guards["/stop"])(call)

        proxy.guard = guard
        given = settings(
            proxy,
            **cloud(app_identity),
            flink_ca_certificate=certificates.authority,
            flink_client_certificate=certificates.client,
            flink_client_key=certificates.client_key,
            flink_user="app",
            flink_password_secret=name,
        )
        cluster = Session(storage, flink, client=Flink(given.flink_rest_url, call_seconds=5, access=access(given)))
        for action in (Action.NEW, Action.UPDATE):
            operation = put(storage, asked(action, identity=action))
            storage.driver(cluster).drive(ORDERS)
            closed = storage.ledger().closed(operation.id)
            assert closed
            assert closed.result
            assert closed.result.outcome is Outcome.SUCCEEDED, closed.result
        assert "now" in guards
    changes = [change.rpartition("/")[2] for change in flink.flink.changes]
    assert (changes.count("stop"), changes.count("run")) == (1, 2)
