"""How is the host started and ended?

    python -m localcloud.functions --app DIR --settings FILE --port N --key KEY

SIGTERM and Ctrl-C stop the listeners at once, let running invocations finish for a grace, and then end the process,
whatever a function is still doing.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

import uvicorn

from localcloud import lifeline
from localcloud.functions.configuration import load_settings
from localcloud.functions.host import Host
from localcloud.functions.worker import WorkerError
from localcloud.ports import HOST

KEEP_ALIVE_SECONDS = 130  # as the real host's server: clients keep connections, and must not lose a POST to a close
INVISIBILITY_SECONDS = 600  # of a message in work; fixed in the real host, shorter only for tests


class OneLine(logging.Formatter):
    """One record, one line: line ends inside it become " | "."""

    def format(self, record: logging.LogRecord) -> str:
        """Format as always, then fold."""
        return super().format(record).strip().replace("\n", " | ")


class Server(uvicorn.Server):
    """A server that tells the host of a signal before it drains its own requests."""

    def __init__(self, config: uvicorn.Config, host: Host) -> None:
        super().__init__(config)
        self._functions = host

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop the listeners, outside the signal handler, which must take no locks."""
        threading.Thread(target=self._functions.stop, daemon=True).start()
        super().handle_exit(sig, frame)


def main() -> int:
    """Run an app until a signal; the exit code is 1 when it cannot be loaded."""
    options = _options()
    if options.settings:
        _replace_environment(load_settings(options.settings))
    _configure_logging()
    try:
        host = Host(options.app.resolve(), key=options.key, invisibility_seconds=options.invisibility, restart=_restart)
    except WorkerError as error:
        logging.getLogger("host").error("The app cannot be loaded: %s", error)
        return 1
    _serve(host, options.port, options.grace)
    return 0


def _replace_environment(settings: Mapping[str, str]) -> None:
    """Take the settings, and nothing of the developer's own Azure login."""
    for name in [name for name in os.environ if name.startswith(("AZURE_", "IDENTITY_", "MSI_"))]:
        del os.environ[name]
    os.environ.update(settings)


def _serve(host: Host, port: int, grace_seconds: float) -> None:
    config = uvicorn.Config(
        host.application(),
        host=HOST,
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=int(grace_seconds),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        proxy_headers=False,  # or a caller could choose its own address, and whether it came by TLS
    )
    host.start()
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises them again once its own requests are drained
        signal.signal(number, lambda _number, _frame: None)
    Server(config, host).run()
    host.stop()
    if not host.wait(grace_seconds):
        logging.getLogger("host").warning("Some invocations were still running")
    sys.stdout.flush()
    os._exit(0)  # a thread of a function must not keep the process


def _restart() -> None:
    """Become the same program again, with no thread of the old one; the bond to the parent must be made anew."""
    sys.stdout.flush()
    again = [sys.executable, "-I", "-S", lifeline.__file__, str(os.getppid()), *sys.orig_argv]
    os.execv(sys.executable, again)  # noqa: S606  (no shell is wanted)


def _configure_logging() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(OneLine("%(asctime)s %(levelname)-7s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # The listeners share the process with the app: their polling would drown its lines.
    for chatty in ("azure.core.pipeline.policies.http_logging_policy", "azure.functions"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m localcloud.functions", description="A local Functions host.")
    parser.add_argument("--app", type=Path, default=Path(), help="the directory of function_app.py and host.json")
    parser.add_argument("--settings", type=Path, help="app settings: a JSON object, flat or like local.settings.json")
    parser.add_argument("--port", type=int, default=7071)
    parser.add_argument("--key", default="local-key", help="the key of all functions and of the host")
    parser.add_argument("--grace", type=float, default=10, help="seconds for running invocations at the end")
    parser.add_argument(
        "--invisibility", type=float, default=INVISIBILITY_SECONDS, help="seconds a message in work stays hidden"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
