"""Who tells the app that a blob was written?

    python -m localcloud.events --app URL --key KEY --settings FILE

Azure's Event Grid does; this is our stand-in, a process of its own: it lists the containers of the app's blob triggers
every half second, and posts a BlobCreated event for each new ETag. As with Event Grid, blobs that were there before the
subscription raise no event. An event is repeated until the webhook takes it: no event is lost with a killed host.
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

PERIOD_SECONDS = 0.5
OF_THE_IDENTITY = ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "REQUESTS_CA_BUNDLE")  # read by the SDKs themselves
READY = "watching"


class Watcher:
    """Turns new ETags into deliveries, and deliveries into posts."""

    def __init__(self, subscribed: list[Subscription]) -> None:
        self._subscribed = subscribed
        self._seen = {subscription: subscription.look() for subscription in subscribed}
        self._open: list[Delivery] = []

    def turn(self) -> None:
        """Look once, and deliver what is due."""
        for subscription in self._subscribed:
            try:
                self._take(subscription, subscription.look())
            except AzureError as error:
                log.warning("Cannot list '%s': %s", subscription.container, str(error).split("\n")[0])
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
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s %(message)s")
    logging.getLogger("azure").setLevel(logging.WARNING)
    settings = load_settings(options.settings)
    os.environ.update({name: value for name, value in settings.items() if name in OF_THE_IDENTITY})
    watcher = Watcher(subscriptions(options.app, options.key, settings))
    log.info(READY)
    while True:
        time.sleep(PERIOD_SECONDS)
        watcher.turn()


if __name__ == "__main__":
    main()
