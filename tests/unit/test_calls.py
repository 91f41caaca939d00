"""Whose address is recorded: the one that the platform has appended."""

from __future__ import annotations

import azure.functions as func
import pytest

from flinkfuncs.triggers.calls import caller


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        (None, "unknown address"),
        ("", "unknown address"),
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:50123", "203.0.113.7"),
        ("10.0.0.1, 10.0.0.2,203.0.113.7:50123", "203.0.113.7"),
        ("10.0.0.1, [2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("203.0.113.7, somebody", "unknown address"),
        ("203.0.113.7,", "unknown address"),
        ("x" * 100_000, "unknown address"),
    ],
)
def test_only_the_last_address_counts(forwarded: str | None, address: str) -> None:
    """With or without a port; what is no address is not recorded at all."""
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = func.HttpRequest("POST", "https://app/api/jobs/orders/stop", headers=headers, body=b"")
    assert caller(request) == f"function key, from {address}"
