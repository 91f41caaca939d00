"""Which settings of the way to Flink contradict each other, and does a refusal name them and show nothing?"""

from __future__ import annotations

import pytest

from flinkfuncs.core.errors import Unavailable
from flinkfuncs.settings import Settings, read_settings

HTTPS, VAULT = {"FLINK_REST_URL": "https://flink.example.com/a/b"}, {"KEY_VAULT_URL": "https://kv.vault.azure.net"}
HTTP = {"FLINK_REST_URL": "http://flink.example.com:8081"}
PLANTED = "hunter2"
CERTIFICATE = {"FLINK_CLIENT_CERTIFICATE": PLANTED, "FLINK_CLIENT_KEY": PLANTED}
BASIC = {"FLINK_USER": "app", "FLINK_PASSWORD": PLANTED}


def read(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> Settings:
    """Read settings from an environment that has these."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in {"FLINK_CLUSTER_KIND": "session", **environment}.items():
        monkeypatch.setenv(name, value)
    return read_settings()


@pytest.mark.parametrize(
    "environment",
    [
        HTTP,
        HTTPS,
        {"FLINK_REST_URL": "HTTPS://flink.example.com"} | BASIC,
        HTTPS | BASIC,
        HTTPS | VAULT | {"FLINK_USER": "app", "FLINK_PASSWORD_SECRET": "flink-password"},
        HTTPS | CERTIFICATE | {"FLINK_TOKEN": PLANTED},
        HTTPS | VAULT | {"FLINK_CLIENT_CERTIFICATE_SECRET": "one", "FLINK_CLIENT_KEY_SECRET": "two"},
        HTTPS | {"FLINK_CLIENT_CERTIFICATE": "with its key", "FLINK_TOKEN_SCOPE": "api://flink/.default"},
        {"FLINK_REST_URL": "http://localhost:8081"} | BASIC,
        {"FLINK_REST_URL": "http://127.0.0.1:8081/"} | BASIC,
        {"FLINK_REST_URL": "http://[::1]:8081"} | {"FLINK_TOKEN": PLANTED},
    ],
)
def test_what_goes_together_is_taken(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    """A secret as it is or by its name in the vault; certificate and credentials at once."""
    assert PLANTED not in repr(read(monkeypatch, environment))


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"FLINK_REST_URL": "https://app:hunter2@flink.example.com"}, ["FLINK_REST_URL", "FLINK_USER", "FLINK_PASSWORD_SECRET"]),
        ({"FLINK_REST_URL": "https://hunter2@flink.example.com"}, ["FLINK_REST_URL", "FLINK_USER"]),
        ({"FLINK_REST_URL": "https://app:hun/hunter2@flink.example.com"}, ["FLINK_REST_URL", "FLINK_USER"]),
        ({"FLINK_REST_URL": "hunter2.example.com:8081"}, ["FLINK_REST_URL"]),
        ({"FLINK_REST_URL": "ftp://hunter2.example.com"}, ["FLINK_REST_URL"]),
        ({"FLINK_REST_URL": "https://flink.example.com:hunter2"}, ["FLINK_REST_URL"]),
        ({"FLINK_REST_URL": "https://flink.example.com?token=hunter2"}, ["FLINK_REST_URL"]),
        (HTTPS | VAULT | BASIC | {"FLINK_PASSWORD_SECRET": "x"}, ["FLINK_PASSWORD", "FLINK_PASSWORD_SECRET"]),
        (HTTPS | VAULT | {"FLINK_TOKEN": PLANTED, "FLINK_TOKEN_SECRET": "x"}, ["FLINK_TOKEN", "FLINK_TOKEN_SECRET"]),
        (HTTPS | {"FLINK_USER": PLANTED}, ["FLINK_USER", "FLINK_PASSWORD"]),
        (HTTPS | {"FLINK_PASSWORD": PLANTED}, ["FLINK_USER", "FLINK_PASSWORD"]),
        (HTTPS | BASIC | {"FLINK_USER": "hunter2:x"}, ["FLINK_USER"]),
        (HTTPS | BASIC | {"FLINK_TOKEN": PLANTED}, ["FLINK_USER", "FLINK_TOKEN"]),
        (HTTPS | BASIC | {"FLINK_TOKEN_SCOPE": PLANTED}, ["FLINK_USER", "FLINK_TOKEN_SCOPE"]),
        (HTTPS | VAULT | {"FLINK_TOKEN_SECRET": PLANTED, "FLINK_TOKEN_SCOPE": PLANTED}, ["FLINK_TOKEN_SECRET", "FLINK_TOKEN_SCOPE"]),
        (HTTPS | {"FLINK_CLIENT_KEY": PLANTED}, ["FLINK_CLIENT_KEY", "FLINK_CLIENT_CERTIFICATE"]),
        (HTTPS | {"FLINK_TOKEN_SECRET": PLANTED}, ["FLINK_TOKEN_SECRET", "KEY_VAULT_URL"]),
        (HTTP | BASIC, ["FLINK_REST_URL", "https", "FLINK_USER"]),
        (HTTP | {"FLINK_TOKEN": PLANTED}, ["FLINK_REST_URL", "FLINK_TOKEN"]),
        (HTTP | {"FLINK_TOKEN_SCOPE": PLANTED}, ["FLINK_REST_URL", "FLINK_TOKEN_SCOPE"]),
        (HTTP | VAULT | {"FLINK_CLIENT_CERTIFICATE_SECRET": PLANTED}, ["FLINK_REST_URL", "FLINK_CLIENT_CERTIFICATE"]),
        (HTTP | {"FLINK_CA_CERTIFICATE": PLANTED}, ["FLINK_REST_URL", "FLINK_CA_CERTIFICATE"]),
        ({"FLINK_REST_URL": "http://127.0.0.1.example.com"} | BASIC, ["FLINK_REST_URL"]),
        (HTTPS | {"FLINK_TOKEN": "@Microsoft.KeyVault(SecretUri=https://hunter2)"}, ["FLINK_TOKEN", "not resolved"]),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused_by_the_names(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], named: list[str]
) -> None:
    """Before anything is sent, and without a value."""
    with pytest.raises(Unavailable) as caught:
        read(monkeypatch, environment)
    assert caught.value.code == "WrongSettings"
    assert all(name in caught.value.message for name in named), caught.value.message
    assert PLANTED not in caught.value.message
