"""Many stateful updates of one job at random times, while the app, Flink and the storage are lost at random ones.

    python -m tests.matrix.soak [--updates N] [--seed N] [--flink VERSION] [--only ha|no-ha] [--keep FILE]

Two runs, one with high availability and one without, each on a cluster of its own. A new jar arrives while the update
before it may still be under way, and the newest wins: so there are more uploads than updates. What is lost besides, and
how often, `losses` says; where nothing runs for some seconds, a START is asked for, as somebody on duty would.

A run is right when

    all updates were made, everything was lost at least once, and the job was stopped in the end
    no number was lost, and none written again that no operation announced (`replays`)
    with high availability: no update failed

The last line is JSON; the exit code is 0 only when both runs are right. The logs of a run that is not are kept.
The rule that must never break: the verdict is the count of the committed files, after a final stop.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import requests

from examples.count import Count, commits
from examples.demo.checks import DemoFailedError
from examples.demo.cloud import Flink
from flinkfuncs.core.actions import Action
from flinkfuncs.core.operations import Operation
from localcloud.processes import Processes, unwinding_on_sigterm
from localcloud.up import LocalCloud
from tests.harness.verdict import Wrong

from .lane import Lane
from .losses import AWAY_SECONDS, HEARTBEAT, PAUSE_SECONDS, STORAGE_SECONDS, Losses
from .replays import Replayed, announced, replays
from .timeline import around, of_replays, timeline
from .trial import Trial, of_version

START_SECONDS, SECONDS_AN_UPDATE = 240.0, 30.0  # more is a soak that hangs
UPLOAD_SECONDS, KILL_SECONDS = (0.2, 8.0), (3.0, 20.0)  # from, to: the pauses between two
END_SECONDS = 300.0
DUTY_SECONDS, DUTY_LOOKS = 3.0, 3  # how often somebody looks whether the job runs, and how often in vain until he acts
TASKMANAGERS, STANDBY_JOBMANAGERS = 2, 1
MADE_ROOM = ("SUCCEEDED", "SUPERSEDED")
FLINK_OPTIONS = HEARTBEAT | {
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.delay": "500 ms",
    "restart-strategy.fixed-delay.attempts": "1000000",
    "cluster.evenly-spread-out-slots": "true",
}


@dataclass
class Soak:
    """A job under uploads, kills and losses; each of the threads draws from a random source of its own."""

    trial: Trial
    losses: Losses
    seed: str
    versions: dict[str, str] = field(default_factory=dict)  # of the uploads, by the SHA-256 of their jars
    kills: list[datetime] = field(default_factory=list)
    starts: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    broken: list[Exception] = field(default_factory=list)
    closed: dict[str, Operation] = field(default_factory=dict)

    def run(self, meanwhile: Callable[[], None], updates: int) -> None:
        """Let everything go on until that many updates are made and all was lost that can be, or time is up.

        Raises:
            Exception: whatever one of the threads could not do.

        """
        threads = [threading.Thread(target=self._guarded, args=(it,)) for it in self._threads()]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + START_SECONDS + updates * SECONDS_AN_UPDATE
        try:
            while not self.enough(updates) and time.monotonic() < deadline and not self.over.wait(1):
                self.read()
                meanwhile()
        finally:
            self.over.set()
            for thread in threads:
                thread.join()
        if self.broken:
            raise self.broken[0]

    def _threads(self) -> list[Callable[[], None]]:
        losing = lambda: self.losses.keep_losing(self.over)  # noqa: E731 - a name for the list
        return [self.keep_uploading, self.keep_killing, self.keep_sweeping, self.keep_on_duty, losing]

    def _guarded(self, work: Callable[[], None]) -> None:
        """End the soak when a thread cannot go on: the others alone would prove nothing."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - raised again by `run`
            self.broken.append(error)
            self.over.set()

    def keep_uploading(self) -> None:
        """Put one new jar after another; its event is lost while the app is down."""
        chance = random.Random(f"{self.seed} uploads")  # noqa: S311 - no secret
        while not self.over.wait(chance.uniform(*UPLOAD_SECONDS)):
            version = f"upload-{len(self.versions) + 1}"
            content = of_version(version)
            self.versions[hashlib.sha256(content).hexdigest()] = version
            with suppress(requests.RequestException):
                self.trial.replace_jar(content)

    def keep_killing(self) -> None:
        """Kill the app again and again, and start it again at once."""
        chance = random.Random(f"{self.seed} kills")  # noqa: S311 - no secret
        while not self.over.wait(chance.uniform(*KILL_SECONDS)):
            self.kills.append(datetime.now(UTC))
            self.trial.lane.start_again()

    def keep_sweeping(self) -> None:
        """Sweep once a second, as the timer does, which begins no second one while storage lets the first one wait."""
        while not self.over.wait(1.0):
            with suppress(requests.RequestException):
                self.losses.storage_answers.wait()
                self.trial.lane.sweep()

    def keep_on_duty(self) -> None:
        """Ask for a START where nothing has run for a while.

        Uploads that follow each other closely do not bring a job back that vanished: an update waits until the old
        copy must be gone, and each newer upload takes its place and waits anew.
        """
        missing = 0
        while not self.over.wait(DUTY_SECONDS):
            with suppress(requests.RequestException):
                missing = 0 if self.trial.flink_jobs() else missing + 1
                record = self.trial.record()
                asked = record is not None and any(it.action is Action.START for it in record.open)
                if missing >= DUTY_LOOKS and not asked and self._ask("start"):
                    self.starts += 1

    def rest(self) -> None:
        """Bring the job to its final stop, whatever it takes.

        Raises:
            Wrong: it was not stopped in time.

        """
        deadline = time.monotonic() + END_SECONDS
        while True:
            self.trial.settled(seconds=END_SECONDS)
            self.read()
            touched = [it for it in self.closed.values() if it.stop or it.start]
            newest = max(touched, key=lambda it: it.result.ended_at if it.result else it.requested_at)
            if newest.action is Action.STOP and newest.result and newest.result.outcome == "SUCCEEDED":
                return
            if time.monotonic() > deadline:
                raise Wrong(f"the job was not stopped; the last operation: {newest.to_json()}")
            self._ask("stop" if self.trial.flink_jobs() else "start")
            time.sleep(1)

    def _ask(self, action: str) -> bool:
        """Ask for an action; whether it was taken."""
        return self.trial.lane.post(f"/api/jobs/{self.trial.name}/{action}").ok

    def read(self) -> None:
        """Read the operations that were closed meanwhile."""
        for operation in self.trial.closed_ids():
            if operation not in self.closed and (found := self.trial.lane.ledger.closed(operation)):
                self.closed[operation] = found

    def updates(self) -> list[Operation]:
        """Return the updates that were made: a stop, a start, and success."""
        done = [it for it in self.closed.values() if it.stop and it.start and it.result]
        return [it for it in done if it.result and it.result.outcome == "SUCCEEDED"]

    def enough(self, updates: int) -> bool:
        """Whether that many updates were made, and everything was lost at least once."""
        return len(self.updates()) >= updates and all(self.losses.counted().values())

    def failures(self) -> list[Operation]:
        """Return the uploads that neither succeeded nor made room for a newer one."""
        found = [it for it in list(self.closed.values()) if it.cause.kind == "upload" and it.result]
        return [it for it in found if it.result and it.result.outcome not in MADE_ROOM]

    def outcomes(self) -> dict[str, int]:
        """Return how often the operations ended how."""
        return dict(sorted(Counter(str(it.result.outcome) for it in self.closed.values() if it.result).items()))


class Watch:
    """What Flink says meanwhile: how long each update held the job up."""

    def __init__(self, url: str, trial: Trial) -> None:
        """Nothing is known yet."""
        self._flink = Flink(url)
        self._trial = trial
        self._seen = set[str]()
        self.downtimes = list[float]()

    def look(self) -> None:
        """Note what is new: from the trigger of a stop's savepoint to the last task of the next copy, by its clock."""
        with suppress(requests.RequestException, DemoFailedError):
            copies = [copy.flink_job_id for copy in self._flink.copies(self._trial.name)][-4:]
            for before, after in pairwise(copies):
                if after not in self._seen and (seconds := self._downtime(before, after)) is not None:
                    self._seen.add(after)
                    self.downtimes.append(seconds)

    def _downtime(self, before: str, after: str) -> float | None:
        """Return the seconds between the two, or None while not all of the new copy's tasks have run."""
        try:
            ran, stopped = self._flink.last_task_ran(after), self._flink.stop_triggered(before)
        except (KeyError, TypeError, ValueError):
            return None
        return (ran - stopped) / 1000 if ran is not None and stopped is not None else None


@dataclass
class Found:
    """What came of one run."""

    high_availability: bool
    soak: Soak
    downtimes: list[float]
    counted: Count
    replays: list[Replayed]
    copies: list[str]
    updates: int

    @property
    def unannounced(self) -> list[Replayed]:
        """What was written again and should not have been."""
        return [it for it in self.replays if not it.announced]

    @property
    def faults(self) -> list[str]:
        """What is not right."""
        counted, made = self.counted, len(self.soak.updates())
        wrong = {
            f"{counted.lost} numbers were lost": counted.lost,
            f"{len(self.unannounced)} numbers came again, unannounced": self.unannounced,
            f"{counted.state_mismatches} counts do not agree": counted.state_mismatches,
            "nothing was written": not counted.records,
            f"{made} updates were made, not {self.updates}": made < self.updates,
            f"not everything was lost: {self.soak.losses.counted()}": not all(self.soak.losses.counted().values()),
            f"copies run after the stop: {self.copies}": self.copies,
            "updates failed": self.high_availability and self.soak.failures(),
        }
        return [fault for fault, there in wrong.items() if there]

    def verdict(self) -> dict[str, object]:
        """Return the numbers."""
        times = self.downtimes
        return {
            "highAvailability": self.high_availability,
            "updates": len(self.soak.updates()),
            "uploads": len(self.soak.versions),
            "operations": self.soak.outcomes(),
            "appKills": len(self.soak.kills),
            "losses": self.soak.losses.counted(),
            "startsByHand": self.soak.starts,
            "records": self.counted.records,
            "lost": self.counted.lost,
            "duplicated": len(self.unannounced),
            "announced": len(self.replays) - len(self.unannounced),
            "downtimeSeconds": {
                "median": round(statistics.median(times), 3) if times else None,
                "max": round(max(times), 3) if times else None,
            },
        }


def main() -> int:
    """Soak, stop, count; twice."""
    options = _options()
    directory = Path(tempfile.mkdtemp(prefix="soak-"))
    print(f"{options.updates} updates, seed {options.seed}, Flink {options.flink}, logs in {directory}", flush=True)
    began = time.monotonic()
    runs = [it for it in ("ha", "no-ha") if options.only in (None, it)]
    with unwinding_on_sigterm():
        found = [
            run(it, directory / it, updates=options.updates, seed=options.seed, flink=options.flink) for it in runs
        ]
    right = not any(it.faults for it in found)
    seconds = time.monotonic() - began
    if options.keep and not options.only:
        options.keep.write_text(_document(options, found, seconds))
    if right:
        shutil.rmtree(directory)
    print(json.dumps({"right": right, "seconds": round(seconds), "runs": [it.verdict() for it in found]}))
    return 0 if right else 1


def run(kind: str, directory: Path, *, updates: int, seed: int, flink: str) -> Found:
    """Soak one job on a cluster of its own, `ha` or `no-ha`; print what is not as it should be."""
    available = kind == "ha"
    jobmanagers = 1 + STANDBY_JOBMANAGERS if available else 1
    directory.mkdir()
    cloud = LocalCloud(
        cluster="session",
        flink_version=flink,
        directory=directory,
        flink_configuration=FLINK_OPTIONS,
        slots=4,
        taskmanagers=TASKMANAGERS,
        jobmanagers=jobmanagers,
        high_availability=available,
        run_app=False,
    )
    with cloud, Processes() as processes:
        lane = Lane(cloud, processes, 0)
        lane.host.start()
        trial, source = Trial(lane, "soak"), f"{seed} {kind}"
        chance = random.Random(f"{source} losses")  # noqa: S311 - no secret
        soak = Soak(trial, Losses(cloud, available, TASKMANAGERS, jobmanagers, chance, trial.runs), source)
        watch = Watch(cloud.flink, trial)
        trial.upload("1", parallelism=2)
        trial.ended(1)
        try:
            soak.run(Telling(kind, soak, watch, updates), updates)
            soak.rest()
        finally:
            soak.read()
            _write(soak, directory / "timeline.txt")
        watch.look()
        written = replays(commits(trial.sink()), announced(soak.closed.values(), soak.versions))
        found = Found(available, soak, watch.downtimes, trial.counted(), written, trial.flink_jobs(), updates)
    _tell(kind, found)
    return found


class Telling:
    """Says from time to time how far it is."""

    def __init__(self, kind: str, soak: Soak, watch: Watch, updates: int) -> None:
        """Nothing is said yet."""
        self._kind, self._soak, self._watch = kind, soak, watch
        self._every, self._said = max(1, updates // 10), 0

    def __call__(self) -> None:
        """Look at Flink, and say something if there is news."""
        self._watch.look()
        made = len(self._soak.updates())
        if made >= self._said + self._every:
            self._said = made
            lost = sum(self._soak.losses.counted().values())
            counts = f"{made} updates, {len(self._soak.versions)} uploads, {len(self._soak.kills)} kills, {lost} losses"
            print(f"{self._kind}: {counts}", flush=True)


def _write(soak: Soak, file: Path) -> None:
    """Write down what happened when, also of a run that broke."""
    events = timeline(soak.closed.values(), soak.losses.found, soak.kills)
    file.write_text("".join(f"{event}\n" for event in events))


def _tell(kind: str, found: Found) -> None:
    """Print everything that is not as it should be, and what happened around it."""
    soak = found.soak
    events = timeline(soak.closed.values(), soak.losses.found, soak.kills)
    for failed in soak.failures():
        print(f"\n{kind}: {failed.id} did not succeed", *around(events, failed), sep="\n  ")
    for fault in found.faults:
        print(f"{kind}: WRONG: {fault}")
    for line in of_replays(found.unannounced):
        print(f"{kind}: {line}")
    print(f"{kind}: {json.dumps(found.verdict())}", flush=True)


def _document(options: argparse.Namespace, found: list[Found], seconds: float) -> str:
    """Return docs/soak.md."""
    verdicts = "\n".join(json.dumps(it.verdict(), indent=2) for it in found)
    failed = sum(len(it.soak.failures()) for it in found if not it.high_availability)
    return f"""\
# The soak

Written by `make soak` on {datetime.now(UTC):%Y-%m-%d}, with Flink {options.flink}, seed {options.seed}; it took \
{seconds / 60:.0f} minutes on a machine of {os.cpu_count()} cores.

A jar is uploaded every {UPLOAD_SECONDS[0]} to {UPLOAD_SECONDS[1]} s, and the app is killed with SIGKILL every \
{KILL_SECONDS[0]} to {KILL_SECONDS[1]} s and started again, until {options.updates} stateful updates are made in each \
run.
Of uploads that wait the newest wins, so there are more of them than updates.
Meanwhile, {PAUSE_SECONDS[0]:.0f} to {PAUSE_SECONDS[1]:.0f} s after the last loss, one of these comes, each as often \
as the others:

- one of {TASKMANAGERS} TaskManagers is killed with SIGKILL, and started again up to {AWAY_SECONDS[1]:.0f} s later;
- the leading JobManager is killed, and started again up to {AWAY_SECONDS[1]:.0f} s later; \
with high availability (ZooKeeper) another one stands by;
- with high availability, both of them are;
- storage (Azurite) is halted for {STORAGE_SECONDS[0]:.0f} to {STORAGE_SECONDS[1]:.0f} s: it accepts connections and \
answers nothing.

There are two runs, with and without high availability.
With it, no update may fail.
Without it, a JobManager takes the job along, and what was under way with it may fail \
({failed} updates did); a START, which is asked for when nothing has run for some seconds (`startsByHand`), goes on \
from the newest state.
In both, `lost` is 0, and `duplicated` is what was written again although no operation announced it; `announced` is \
what a rollback said would come again.
Both are counted from the committed files, after a final stop.
The downtime of an update is Flink's own: from the trigger of the stop's savepoint to the last task of the next copy, \
with whatever was lost in between.

```json
{verdicts}
```
"""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix.soak", description="Many updates, random losses.")
    parser.add_argument("--updates", type=int, default=60, help="how many each run makes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--flink", default="2.3.0", metavar="VERSION")
    parser.add_argument("--only", choices=["ha", "no-ha"], help="one run, with or without high availability")
    parser.add_argument("--keep", type=Path, help="write what came of both runs into this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
