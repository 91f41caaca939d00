"""Who tells the app that a blob was written?

    python -m localcloud.events --app URL --key KEY --settings FILE --storage-log FILE

Azure's Event Grid does; this is our stand-in, a process of its own: whenever Azurite's log shows a write to a container
of the app's blob triggers, it lists that container, and posts a BlobCreated event for each new ETag. As with Event
Grid, blobs that were there before the subscription raise no event. An event is repeated until the webhook takes it: no
event is lost with a killed host.
"""

import argparse
import logging
import os
import time
from pathlib import Path

from azure.core.exceptions import AzureError

from localcloud.functions.configuration import load_settings
from localcloud.grid import Delivery, Seen, Subscription, subscriptions

log = logging.getLogger("events")

PERIOD_SECONDS = 0.25
OF_THE_IDENTITY = ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "REQUESTS_CA_BUNDLE")  # read by the SDKs themselves
READY = "watching"


class StorageLog:
    """Azurite's log of requests, from its end when this was made."""

    def __init__(self, path: Path) -> None:
        self._file = path.open(errors="replace")
        self._file.seek(0, os.SEEK_END)
        self._begun = ""

    def written(self) -> list[str]:
        """The requests since the last call that may have written a blob, a line each."""
        *lines, self._begun = (self._begun + self._file.read()).split("\n")
        return [line for line in lines if '"PUT /' in line]


class Watcher:
    """Turns new ETags into deliveries, and deliveries into posts."""

    def __init__(self, subscribed: list[Subscription], log: StorageLog) -> None:
        self._log = log
        self._seen = {subscription: subscription.look() for subscription in subscribed}
        self._to_list: set[Subscription] = set()
        self._open: list[Delivery] = []

    def turn(self) -> None:
        """List what may have been written to, and deliver what is due."""
        written = self._log.written()
        self._to_list |= {one for one in self._seen if any(f"/{one.container}/" in line for line in written)}
        for subscription in list(self._to_list):
            try:
                self._take(subscription, subscription.look())
            except AzureError as error:
                log.warning("Cannot list '%s': %s", subscription.container, str(error).split("\n")[0])
            else:
                self._to_list.remove(subscription)
        self._open = [delivery for delivery in self._open if not delivery.attempt(time.monotonic())]

    def _take(self, subscription: Subscription, now: dict[str, Seen]) -> None:
        before = self._seen[subscription]
        for name, blob in now.items():
            if name not in before or before[name].etag != blob.etag:
                log.info("BlobCreated %s/%s for %s", subscription.container, name, subscription.function)
                self._open.append(Delivery(subscription, name, blob))
        self._seen[subscription] = now


def main() -> None:
    """Subscribe, then watch until the process is ended."""
    parser = argparse.ArgumentParser(description="A stand-in for Event Grid.")
    parser.add_argument("--app", required=True, help="the running Functions host")
    parser.add_argument("--key", required=True, help="its key")
    parser.add_argument("--settings", type=Path, required=True, help="the app's settings")
    parser.add_argument("--storage-log", type=Path, required=True, help="where Azurite logs its requests")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s %(message)s")
    logging.getLogger("azure").setLevel(logging.WARNING)
    settings = load_settings(options.settings)
    os.environ.update({name: value for name, value in settings.items() if name in OF_THE_IDENTITY})
    storage_log = StorageLog(options.storage_log)
    watcher = Watcher(subscriptions(options.app, options.key, settings), storage_log)
    log.info(READY)
    while True:
        time.sleep(PERIOD_SECONDS)
        watcher.turn()


if __name__ == "__main__":
    main()
