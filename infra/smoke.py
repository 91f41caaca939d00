"""Does what was just deployed work? Asked after every deployment, by smoke.sh; it changes nothing, and fails loudly.

    functions  GET /admin/functions           lists one function of each kind: the code was imported
    health     GET /api/health                200: a function runs, and finds its storage and the cluster
    webhook    POST /runtime/webhooks/blobs   answers Event Grid's handshake, and takes the event of an upload: 202

The event names a blob that is not there, which the host drops. A host that was just deployed starts anew, so each
question is asked again until it is answered well or the time is up.

    SMOKE_URL          https://func-….azurewebsites.net
    SMOKE_KEYS         what `az functionapp keys list` prints
    SMOKE_SETTINGS     what `az functionapp config appsettings list` prints
    SMOKE_TOKEN        a token for the app, where API_AUTHORIZATION is roles
    SMOKE_SECONDS      how long all of it may take (300)

It needs Python and nothing else.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

Json: TypeAlias = "Mapping[str, Json] | list[Json] | str | int | float | bool | None"

FUNCTIONS = frozenset({"stateful_jar", "stateless_jar", "drive_operation", "sweep", "show_health"})
FOLDERS = ("stateful", "stateless")
PAUSE_SECONDS = 2
CALL_SECONDS = 60  # an instance that starts first answers late
EVENT = "Microsoft.Storage.BlobCreated"


class Failed(Exception):
    """What was asked is not answered as it should be."""


@dataclass(frozen=True)
class App:
    """The deployed app, and what opens it."""

    url: str
    functions_key: str
    master_key: str
    webhook_key: str
    token: str
    jars: str  # the URL of the container

    def ask(self, method: str, path: str, *, key: str, body: Json = None, event: str = "") -> tuple[int, str]:
        """Send one request; return the status and the body."""
        headers = {"x-functions-key": key, "content-type": "application/json"}
        headers |= {"authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= {"aeg-event-type": event} if event else {}
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data, headers, method=method)  # noqa: S310 - the deployer's own URL
        opener = build_opener() if self.url.startswith("https:") else build_opener(ProxyHandler({}))
        try:
            with opener.open(request, timeout=CALL_SECONDS) as reply:
                return int(reply.status), reply.read().decode(errors="replace")
        except HTTPError as error:
            with error:
                return error.code, error.read().decode(errors="replace")
        except OSError as error:
            raise Failed(f"{method} {path}: no answer ({error})") from error


def functions_are_listed(app: App) -> str:
    """See that the host has imported the code."""
    status, text = app.ask("GET", "/admin/functions", key=app.master_key)
    if status != 200:
        raise Failed(f"/admin/functions answers {status}{_why(status)}: {text[:300]}")
    listed = {each["name"] for each in json.loads(text)}
    if missing := FUNCTIONS - listed:
        raise Failed(f"the host lists {len(listed)} functions, without {', '.join(sorted(missing))}: its log says why")
    return f"{len(listed)} functions are listed"


def the_app_is_healthy(app: App) -> str:
    """See that a function runs, and finds what it needs."""
    status, text = app.ask("GET", "/api/health", key=app.functions_key)
    if status != 200:
        raise Failed(f"/api/health answers {status}{_why(status)}: {text[:2000]}")
    return "/api/health answers 200"


def uploads_are_taken(app: App) -> str:
    """See that Event Grid is answered, for each of the two folders."""
    for folder in FOLDERS:
        path = f"/runtime/webhooks/blobs?functionName=Host.Functions.{folder}_jar"
        code = f"{folder}-handshake"
        asked: Json = [
            {
                "id": code,
                "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
                "data": {"validationCode": code},
            }
        ]
        status, text = app.ask("POST", path, key=app.webhook_key, body=asked, event="SubscriptionValidation")
        if status != 200 or code not in text:
            raise Failed(f"the handshake of {folder}_jar is answered with {status}{_why(status)}: {text[:300]}")
        blob = f"{folder}/smoke-test/not-there.jar"
        told: Json = [
            {
                "id": f"{folder}-event",
                "topic": "smoke-test",
                "subject": f"/blobServices/default/containers/{app.jars.rpartition('/')[2]}/blobs/{blob}",
                "eventType": EVENT,
                "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "data": {"api": "PutBlob", "url": f"{app.jars}/{blob}", "eTag": "0x0", "blobType": "BlockBlob"},
                "dataVersion": "",
                "metadataVersion": "1",
            }
        ]
        status, text = app.ask("POST", path, key=app.webhook_key, body=told, event="Notification")
        if status not in (200, 202):
            raise Failed(f"the event of an upload for {folder}_jar is answered with {status}: {text[:300]}")
    return "the webhook takes uploads"


CHECKS: tuple[Callable[[App], str], ...] = (functions_are_listed, the_app_is_healthy, uploads_are_taken)


def main(environment: Mapping[str, str], say: Callable[[str], object] = print) -> int:
    """Ask all three; return the exit code."""
    app = _app(environment)
    ends = time.monotonic() + float(environment.get("SMOKE_SECONDS") or 300)
    for check in CHECKS:
        try:
            say(f"smoke test: {_answered(check, app, ends)}")
        except Failed as failed:
            say(f"smoke test FAILED: {failed}")
            return 1
    return 0


def _answered(check: Callable[[App], str], app: App, ends: float) -> str:
    while True:
        try:
            return check(app)
        except Failed:
            if time.monotonic() + PAUSE_SECONDS > ends:
                raise
            time.sleep(PAUSE_SECONDS)


def _app(environment: Mapping[str, str]) -> App:
    keys = json.loads(environment["SMOKE_KEYS"])
    settings = {each["name"]: each["value"] for each in json.loads(environment["SMOKE_SETTINGS"])}
    return App(
        url=environment["SMOKE_URL"].rstrip("/"),
        functions_key=(keys.get("functionKeys") or {}).get("default") or "",
        master_key=keys.get("masterKey") or "",
        webhook_key=(keys.get("systemKeys") or {}).get("blobs_extension") or "",
        token=environment.get("SMOKE_TOKEN", ""),
        jars=f"{settings.get('JARS__blobServiceUri', '').rstrip('/')}/{settings.get('JARS_CONTAINER', '')}",
    )


def _why(status: int) -> str:
    return {
        401: " (the key or the token is refused)",
        403: " (this address may not call the app, or the caller has no role)",
        404: " (no such function: the code was not imported)",
    }.get(status, "")


if __name__ == "__main__":
    sys.exit(main(os.environ))
