"""The main job on a real Flink, on one machine: `make demo`.

    python -m examples.demo [--cluster hdinsight|session] [--flink VERSION]

Each step is a line with its seconds and what was seen; the last line is JSON. The exit code is 0 only when every step
did what it should and no number was lost or written twice. Whatever happens, no process is left.
"""

import argparse
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
from examples.demo.cloud import cloud_up
from examples.demo.story import Story, say, tell
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
        code = verdict(lambda: demo(directory, cluster=options.cluster, flink=options.flink))
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


def demo(directory: Path, *, cluster: str, flink: str) -> Report:
    """Bring the cloud up, tell the story, end the cloud, and report."""
    began = time.monotonic()
    with unwinding_on_sigterm(), cloud_up(directory, cluster=cluster, flink=flink) as cloud:
        say("the cloud is up", began, f"{CHAINS[cluster]} {flink}, on this machine")
        story = Story(cloud)
        tell(story.steps())
        ending = time.monotonic()
        report = story.report(cluster=cluster, flink=flink, seconds=ending - began)
    say("the cloud is down", ending, "nothing runs any more")
    return report


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description="The main job on a real Flink.")
    parser.add_argument("--cluster", choices=list(CHAINS), default="hdinsight")
    parser.add_argument("--flink", default="2.3.0", metavar="VERSION", help="2.3.0 or one that make has installed")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
