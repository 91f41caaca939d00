"""Who may be told, and with which keys? What a setting cannot mean is refused by its name, never with its value."""

from __future__ import annotations

import base64

import pytest
from pydantic import ValidationError

from flinkfuncs.settings import Settings

LONG = base64.b64encode(b"k" * 24).decode()


def settings(**given: str) -> Settings:
    """Settings of a session app."""
    return Settings.model_validate({"flink_cluster_kind": "session", **given})


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"notify_url": "http://example.net/hunter2"}, "NOTIFY_URL has to begin with https://"),
        ({"notify_url": "http://169.254.169.254/hunter2"}, "NOTIFY_URL has to begin with https://"),
        ({"notify_url": "ftp://example.net/hunter2"}, "NOTIFY_URL is not a URL"),
        ({"notify_url": "https://:99999/hunter2"}, "NOTIFY_URL is not a URL"),
        ({"notify_url": "https://me:hunter2@example.net/"}, "NOTIFY_URL must not hold a user"),
        ({"notify_url": "https://example.net/hunter2#x"}, "NOTIFY_URL is not a URL"),
        ({"notify_url": "https://example.net/hunter2", "notify_format": "eventgrid"}, "Event Grid"),
        ({"notify_url": "@Microsoft.KeyVault(hunter2)"}, "not resolved"),
        ({"notify_url": "https://example.net/hunter2", "notify_url_secret": "x"}, "set one of them only"),
        ({"notify_url_secret": "x"}, "NOTIFY_URL_SECRET needs KEY_VAULT_URL"),
        ({"notify_key": "whsec_hunter2"}, "not whsec_ and base64"),
        ({"notify_key": "whsec_" + base64.b64encode(b"hunter2").decode()}, "24 to 64 bytes"),
        ({"notify_on": "failed,everything"}, "everything"),
    ],
)
def test_what_cannot_be_told_is_refused_by_name(given: dict[str, str], named: str) -> None:
    """Before anything is sent anywhere."""
    with pytest.raises(ValidationError) as caught:
        settings(**given)
    said = str(caught.value)
    assert named in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    "given",
    [
        {"notify_url": "https://hooks.slack.com/services/T/B/x", "notify_format": "slack"},
        {"notify_url": "http://127.0.0.1:8080/hook"},
        {"notify_url": "http://localhost:8080/hook?sig=x"},
        {"notify_url": "https://t.westeurope-1.eventgrid.azure.net/api/events", "notify_format": "eventgrid"},
        {"notify_url": "https://example.net/", "notify_key": f"whsec_{LONG}", "notify_key_old": LONG},
        {"notify_on": "Failed, rolled_back ,"},
    ],
)
def test_what_can_be_told_is_taken(given: dict[str, str]) -> None:
    """A loopback address may be plain HTTP."""
    assert settings(**given).notifies is ("notify_url" in given)
