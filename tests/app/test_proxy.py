"""The whole app on a Flink behind a proxy: an update by upload, and nothing of the credentials in what it says."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from tests.otlp import receiving
from tests.proxy import Certificates, basic, proxying
from tests.stand_in.rest import flink_server

from .app import RunningApp, eventually
from .conftest import StartApp

JARS = Path(__file__).parents[2] / "examples" / "jars"
PASSWORD = "planted: hunter2/@"


def closed(app: RunningApp, number: int) -> list[dict[str, Any]]:
    """Return the job's operations once that many have ended, or nothing."""
    operations = app.get("/api/operations?job=orders").json().get("operations", [])  # 404 before the first one
    ended = [one for one in operations if one["state"] == "closed"]
    return ended if len(ended) == number else []


def test_an_uploaded_jar_is_updated_through_a_proxy(start_app: StartApp, tmp_path: Path) -> None:
    """TLS with a private authority, a client certificate, a user with a password, and a path."""
    certificates = Certificates.made(tmp_path)
    with (
        flink_server() as flink,
        receiving() as received,
        proxying(flink.url, certificates, prefix="/flink", asks_clients=True) as proxy,
    ):
        proxy.guard = basic("app", PASSWORD)
        settings = {
            "FLINK_REST_URL": proxy.url,
            "FLINK_CA_CERTIFICATE": str(tmp_path / "ca.pem"),
            "FLINK_CLIENT_CERTIFICATE": certificates.client,
            "FLINK_CLIENT_KEY": certificates.client_key.replace("\n", "\\n"),
            "FLINK_USER": "app",
            "FLINK_PASSWORD": PASSWORD,
            "OTEL_EXPORTER_OTLP_ENDPOINT": received.url,
            "SETTLE_SECONDS": "0",
        }
        app = start_app("proxied", settings)
        for number, file in enumerate(("sequence-1.jar", "sequence-2.jar"), start=1):
            app.put_blob("stateful/orders/orders.jar", (JARS / file).read_bytes())
            assert app.blob_event("stateful_jar", "stateful/orders/orders.jar").status_code == 202
            results = [one["result"] for one in eventually(partial(closed, app, number))]
            assert [result["outcome"] for result in results] == ["SUCCEEDED"] * number, results
        health = app.get("/api/health").json()
        assert health["cluster"]["reachable"], health
        proxy.guard = basic("app", "another")
        health = app.get("/api/health").json()
        assert "FLINK_PASSWORD" in health["cluster"]["reason"]
        eventually(lambda: received.spans)
        said = app.log() + json.dumps([health, app.ledger_blobs()]) + repr(received)
        app.host.kill()
    assert [change.rpartition("/")[2] for change in flink.flink.changes].count("stop") == 1
    key = certificates.client_key.splitlines()[1]
    assert [
        secret for secret in (PASSWORD, key, proxy.calls[0].headers["Authorization"].split()[1]) if secret in said
    ] == []
