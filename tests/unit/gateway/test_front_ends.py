"""By which name does a caller reach the gateway? A front end that is configured may say, and nobody else."""

from __future__ import annotations

import azure.functions as func
import pytest
from pydantic import ValidationError

from flinkfuncs.clients.tokens import Caller
from flinkfuncs.settings import Settings
from flinkfuncs.triggers.arm import Call, forwarded

from .made import SETTINGS

KNOWN = SETTINGS.model_copy(update={"gateway_front_ends": "10.9.8.0/24, 2001:db8::1"})
HOST = {"x-forwarded-host": "arm.example, inner"}


def call(headers: dict[str, str], settings: Settings = KNOWN) -> Call:
    req = func.HttpRequest("GET", "http://inner.example/subscriptions/x", headers=headers, body=b"")
    return Call(req, Caller("o", "a"), settings)


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ({}, "http://inner.example"),
        (HOST, "http://inner.example"),
        (HOST | {"x-forwarded-for": "10.9.8.7:50000"}, "http://arm.example"),
        (HOST | {"x-forwarded-for": "1.2.3.4, 10.9.8.7", "x-forwarded-proto": "https"}, "https://arm.example"),
        (HOST | {"x-forwarded-for": "10.9.8.7, 1.2.3.4"}, "http://inner.example"),
        (HOST | {"x-forwarded-for": "[2001:db8::1]:443"}, "http://arm.example"),
        ({"forwarded": 'for=1.2.3.4;host="arm.example:8443";proto=https, for=x'}, "http://inner.example"),
        (
            {"forwarded": 'for=1.2.3.4;Host="arm.example:8443";proto=https, for=x', "x-forwarded-for": "10.9.8.7"},
            "https://arm.example:8443",
        ),
        ({"x-forwarded-host": "arm.example/@evil", "x-forwarded-for": "10.9.8.7"}, "http://inner.example"),
        ({"x-forwarded-for": "10.9.8.7"}, "http://inner.example"),
    ],
)
def test_a_host_is_believed_from_a_known_address_alone(headers: dict[str, str], url: str) -> None:
    """The last address of X-Forwarded-For is the platform's own word on who called the app."""
    assert call(headers).base_url == url
    assert call(headers, SETTINGS).base_url.endswith("//inner.example")


def test_what_is_no_forwarded_header_says_nothing() -> None:
    """Whatever stands in it."""
    for text in ("", ";;,", "host", "host=", "by=x"):
        assert forwarded(text) == {}


def test_front_ends_are_addresses() -> None:
    """A name is none: nobody would look it up."""
    with pytest.raises(ValidationError, match="addresses"):
        Settings(flink_cluster_kind="session", gateway_front_ends="arm.example")
