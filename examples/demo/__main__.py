"""The main job on a real Flink, on one machine: `make demo`.

    python -m examples.demo [--cluster hdinsight|session] [--flink VERSION] [--keep]

Each step is a line with its seconds and what was seen; the last line is JSON. The exit code is 0 only when every step
did what it should and no number was lost or written twice. Whatever happens, no process is left. With `--keep` the job
is neither cancelled nor deleted, and the cloud stays up, to be looked at, until Ctrl-C.
"""

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import requests
from azure.core.exceptions import AzureError

from examples.demo.checks import DemoFailedError, Report
from examples.demo.cloud import Addresses, cloud_up
from examples.demo.story import ENDING, Story, say, tell
from localcloud.processes import StartFailedError, unwinding_on_sigterm

CHAINS = {"hdinsight": "app → gateway → Flink", "session": "app → Flink"}
FOREIGN = (
    requests.RequestException,
    AzureError,
    OSError,
    ValueError,
    LookupError,
)  # no answer, or not what it should be
FAILURES = (DemoFailedError, StartFailedError, *FOREIGN)


def main() -> int:
    """Run the demo in a temporary directory, which is kept when it fails."""
    options = _options()
    directory = Path(tempfile.mkdtemp(prefix="flinkfuncs-demo-"))
    try:
        code = verdict(lambda: demo(directory, cluster=options.cluster, flink=options.flink, keep=options.keep))
    except KeyboardInterrupt:
        code = 130
    except SystemExit as asked:  # SIGTERM
        code = int(asked.code or 1)
    if code:
        print(f"Logs and output: {directory}", file=sys.stderr)
    else:
        shutil.rmtree(directory, ignore_errors=True)
    return code


def verdict(told: Callable[[], Report]) -> int:
    """Print the report and return 0, or say in one sentence what went wrong and return 1."""
    try:
        report = told()
    except FAILURES as error:
        foreign = f" ({type(error).__name__})" if isinstance(error, FOREIGN) else ""
        print(f"The demo failed: {error}{foreign}", file=sys.stderr, flush=True)
        return 1
    print(json.dumps(asdict(report)), flush=True)
    return 0


def demo(directory: Path, *, cluster: str, flink: str, keep: bool = False) -> Report:
    """Bring the cloud up, tell the story, end the cloud, and report."""
    began = time.monotonic()
    with unwinding_on_sigterm(), cloud_up(directory, cluster=cluster, flink=flink) as cloud:
        say("the cloud is up", began, f"{CHAINS[cluster]} {flink}, on this machine")
        story = Story(cloud)
        tell(tuple(step for step in story.steps() if not keep or step[0] not in ENDING))
        report = story.report(cluster=cluster, flink=flink, seconds=time.monotonic() - began)
        if keep:
            stay(cloud)
        ending = time.monotonic()
    say("the cloud is down", ending, "nothing is running")
    return report


def stay(cloud: Addresses) -> None:
    """Name the page, and wait for Ctrl-C."""
    with contextlib.suppress(KeyboardInterrupt):
        print(f"The page: {cloud.app}/ui", f"Its key:  {cloud.key}", "Ctrl-C ends the cloud.", sep="\n", flush=True)
        while True:
            time.sleep(3600)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description="The main job on a real Flink.")
    parser.add_argument("--cluster", choices=list(CHAINS), default="hdinsight")
    parser.add_argument("--flink", default="2.3.0", metavar="VERSION", help="2.3.0 or one that make has installed")
    parser.add_argument("--keep", action="store_true", help="leave the cloud up, with the job, until Ctrl-C")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
