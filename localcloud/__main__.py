"""How is the cloud started from a shell?

    python -m localcloud up [--cluster hdinsight|session] [--flink VERSION] [--high-availability] [--directory DIR]
                            [--app DIR] [--without-app]

Standard output holds one line of JSON, printed when everything is ready; all else goes to standard error. Ctrl-C and
SIGTERM end everything. The exit code of a failed start is 1.
"""

import argparse
import json
import sys
import threading
from pathlib import Path

from localcloud.processes import StartFailedError, unwinding_on_sigterm
from localcloud.python import ROOT
from localcloud.up import LocalCloud


def main() -> int:
    """Bring the cloud up, say so, and keep it until a signal."""
    options = _options()
    cloud = LocalCloud(
        cluster=options.cluster,
        flink_version=options.flink,
        high_availability=options.high_availability,
        jobmanagers=2 if options.high_availability else 1,
        directory=options.directory,
        app_directory=options.app,
        run_app=not options.without_app,
    )
    print("Starting the local cloud; the first start can take more than a minute.", file=sys.stderr, flush=True)
    try:
        with unwinding_on_sigterm(), cloud:
            print(json.dumps(description(cloud)), flush=True)
            threading.Event().wait()
    except KeyboardInterrupt:
        return 130
    except (StartFailedError, OSError) as error:
        print(f"The local cloud did not start: {error}", file=sys.stderr)
        return 1
    return 0


def description(cloud: LocalCloud) -> dict[str, str | bool | None]:
    """What a caller needs to know of a cloud that is ready."""
    return {
        "ready": True,
        "app": cloud.app,
        "gateway": cloud.gateway,
        "flink": cloud.flink,
        "storage": cloud.storage,
        "key": cloud.key,
        "vault": cloud.vault,
        "ca": str(cloud.ca),
        "sink": str(cloud.sink),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m localcloud", description="The cloud on one machine.")
    up = parser.add_subparsers(required=True).add_parser("up", help="start everything and stay until Ctrl-C")
    up.add_argument("--cluster", choices=["hdinsight", "session"], default="hdinsight")
    up.add_argument("--flink", default="2.3.0", metavar="VERSION", help="2.3.0 or one that make has installed")
    up.add_argument("--high-availability", action="store_true", help="with ZooKeeper and a standby JobManager")
    up.add_argument("--directory", type=Path, help="keeps logs, state and output (default: a temporary one)")
    up.add_argument("--app", type=Path, default=ROOT, help="the directory of function_app.py (default: the project)")
    up.add_argument("--without-app", action="store_true", help="leave the app's host to `func start --port`")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
