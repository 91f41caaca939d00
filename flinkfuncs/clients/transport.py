"""How do the Azure SDKs' requests leave? Through a transport of ours, where telemetry is on, which tells of each.

Every way out of the app reports a call by `telemetry.call`, so spans and metrics have the same words. The SDKs' own
tracing records no metrics.
"""

from __future__ import annotations

from typing import Any

from azure.core.pipeline.transport import RequestsTransport

from .. import telemetry


def transport(peer: str, *, connect_seconds: float, read_seconds: float) -> dict[str, Any]:
    """Return the options that a client of that peer takes: its timeouts, in a transport of ours or in the SDK's own."""
    timeouts = {"connection_timeout": connect_seconds, "read_timeout": read_seconds}
    return {"transport": ToldTransport(peer, **timeouts)} if telemetry.is_on() else timeouts


class ToldTransport(RequestsTransport):  # type: ignore[misc]  # the SDK exports it lazily, without its type
    """Tells of each request, where telemetry is on."""

    def __init__(self, peer: str, **options: float) -> None:
        """Name the peer; the options are the SDK's own."""
        super().__init__(**options)
        self._peer = peer

    def send(self, request: Any, **options: Any) -> Any:  # noqa: ANN401 - the SDK's own signature has two forms
        """Send a request."""
        with telemetry.call(self._peer, request.method, request.url) as told:
            response = super().send(request, **options)
            told.status = response.status_code
        return response
