"""Many stateful updates of one job, uploaded at random times while the app is killed at random ones.

    python -m tests.matrix.soak [--updates N] [--seed N] [--flink VERSION] [--keep FILE]

A new jar arrives while the update before it may still be under way, and the newest wins: so there are more uploads than
updates. The last line is JSON; the exit code is 0 only when all updates were made and no number was lost or doubled.
The rule that must never break: the verdict is the count of the committed files, after a final stop.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import requests

from examples.demo.cloud import Flink
from flinkfuncs.core.operations import Operation
from localcloud.processes import unwinding_on_sigterm

from .matrix import Matrix
from .trial import Trial

METASPACE = "Status.JVM.Memory.Metaspace.Used"
SECONDS_AN_UPDATE = 15.0  # more is a soak that hangs
UPLOAD_SECONDS, KILL_SECONDS = (0.2, 5.0), (2.0, 15.0)  # from, to: the pauses between two


@dataclass
class Soak:
    """A job under uploads and kills; each of the threads draws from a random source of its own."""

    trial: Trial
    seed: int
    uploads: int = 0
    kills: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    closed: dict[str, Operation] = field(default_factory=dict)

    def keep_uploading(self) -> None:
        """Put one new jar after another; its event is lost while the app is down."""
        chance = random.Random(f"{self.seed} uploads")  # noqa: S311 - no secret
        while not self.over.wait(chance.uniform(*UPLOAD_SECONDS)):
            self.uploads += 1
            self.trial.replace_jar("12"[self.uploads % 2], f"upload {self.uploads}")

    def keep_killing(self) -> None:
        """Kill the app again and again, and start it again at once."""
        chance = random.Random(f"{self.seed} kills")  # noqa: S311 - no secret
        while not self.over.wait(chance.uniform(*KILL_SECONDS)):
            self.trial.lane.start_again()
            self.kills += 1

    def keep_sweeping(self) -> None:
        """Sweep once a second, as the timer does."""
        while not self.over.wait(1.0):
            with suppress(requests.ConnectionError):
                self.trial.lane.sweep()

    def updates(self) -> list[Operation]:
        """Return the updates that were made: a stop, a start, and success."""
        for operation in self.trial.closed_ids():
            if operation not in self.closed and (found := self.trial.lane.ledger.closed(operation)):
                self.closed[operation] = found
        done = [it for it in self.closed.values() if it.stop and it.start and it.result]
        return [it for it in done if it.result and it.result.outcome == "SUCCEEDED"]

    def failures(self) -> list[str]:
        """Tell of the operations that neither succeeded nor made room for a newer upload."""
        results = {name: it.result for name, it in self.closed.items() if it.result}
        wrong = {name: it for name, it in results.items() if it.outcome not in ("SUCCEEDED", "SUPERSEDED")}
        return [f"{name}: {it.outcome} {it.message}" for name, it in wrong.items()]


class Watch:
    """What Flink says meanwhile: how long each update held the job up, and how much metaspace there is."""

    def __init__(self, url: str) -> None:
        """Nothing is known yet."""
        self._url = url
        self._flink = Flink(url)
        self._seen = set[str]()
        self.downtimes = list[float]()
        self.metaspace = list[int]()

    def look(self, trial: Trial) -> None:
        """Note what is new: from the trigger of a stop's savepoint to the last task of the next copy, by its clock."""
        copies = [copy.flink_job_id for copy in self._flink.copies(trial.name)]
        for before, after in pairwise(copies):
            if after not in self._seen and (seconds := self._downtime(before, after)) is not None:
                self._seen.add(after)
                self.downtimes.append(seconds)
        found = requests.get(f"{self._url}/jobmanager/metrics?get={METASPACE}", timeout=30).json()
        self.metaspace += [int(float(it["value"])) for it in found]

    def _downtime(self, before: str, after: str) -> float | None:
        """Return the seconds between the two, or None while not all of the new copy's tasks have run."""
        try:
            ran, stopped = self._flink.last_task_ran(after), self._flink.stop_triggered(before)
        except (KeyError, TypeError, ValueError):
            return None
        return (ran - stopped) / 1000 if ran is not None and stopped is not None else None


def main() -> int:
    """Soak, stop, count."""
    options = _options()
    directory = Path(tempfile.mkdtemp(prefix="soak-"))
    print(f"{options.updates} updates, seed {options.seed}, Flink {options.flink}", flush=True)
    with unwinding_on_sigterm(), Matrix(options.flink, 1, directory, flink_configuration={}) as matrix:
        trial = Trial(matrix.lanes[0], "soak")
        trial.upload("1")
        trial.ended(1)
        soak, watch = Soak(trial, options.seed), Watch(matrix.lanes[0].cloud.flink)
        _run(soak, watch, options.updates)
        made = len(soak.updates())
        trial.post("stop")
        trial.settled()
        watch.look(trial)
        counted = trial.counted()
        copies = trial.flink_jobs()
    for failure in soak.failures():
        print(failure)
    space = [round(bytes_ / 2**20, 1) for bytes_ in watch.metaspace]
    told = f"{soak.uploads} uploads; the JobManager's metaspace in MiB, from first to last: {space}"
    verdict = json.dumps(_verdict(made, soak.kills, counted.lost, counted.duplicated, watch.downtimes))
    if options.keep:
        options.keep.write_text(_document(options, told, verdict))
    print(told, verdict, sep="\n")
    right = counted.is_exact and counted.records > 0 and made >= options.updates and not copies
    return 0 if right else 1


def _run(soak: Soak, watch: Watch, updates: int) -> None:
    """Let uploads and kills go on until that many updates are made, or time is up."""
    threads = [threading.Thread(target=it) for it in (soak.keep_uploading, soak.keep_killing, soak.keep_sweeping)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60 + updates * SECONDS_AN_UPDATE
    told = 0
    try:
        while (made := len(soak.updates())) < updates and time.monotonic() < deadline:
            if made >= told + max(1, updates // 20):
                told = made
                watch.look(soak.trial)
                print(f"{made} updates, {soak.uploads} uploads, {soak.kills} kills", flush=True)
            time.sleep(1)
    finally:
        soak.over.set()
        for thread in threads:
            thread.join()
    soak.trial.settled()


def _verdict(updates: int, kills: int, lost: int, duplicated: int, downtimes: list[float]) -> dict[str, object]:
    median = round(statistics.median(downtimes), 3) if downtimes else None
    downtime = {"median": median, "max": round(max(downtimes), 3) if downtimes else None}
    return {
        "updates": updates,
        "kills": kills,
        "lost": lost,
        "duplicated": duplicated,
        "downtime_seconds": downtime,
    }


def _document(options: argparse.Namespace, told: str, verdict: str) -> str:
    """Return docs/soak.md."""
    return f"""\
# The soak

Written by `make soak` on {datetime.now(UTC):%Y-%m-%d}, with Flink {options.flink}, seed {options.seed}.

A jar is uploaded every {UPLOAD_SECONDS[0]} to {UPLOAD_SECONDS[1]} s, and the app is killed with SIGKILL every \
{KILL_SECONDS[0]} to {KILL_SECONDS[1]} s and started again, until {options.updates} stateful updates are made.
Of uploads that wait the newest wins, so there are more of them than updates.
`lost` and `duplicated` are counted from the committed files, after a final stop; the downtime of an update is Flink's \
own: from the trigger of the stop's savepoint to the last task of the next copy, on a machine of {os.cpu_count()} cores.

{told}.

```json
{verdict}
```
"""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix.soak", description="Many updates, random kills.")
    parser.add_argument("--updates", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--flink", default="2.3.0", metavar="VERSION")
    parser.add_argument("--keep", type=Path, help="write what came of it into this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
