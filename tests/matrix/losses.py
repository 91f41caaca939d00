"""What the cluster and the storage lose while a soak runs, and when: one thing after another, each at a random time.

    TaskManager       one of them is killed, and started again up to 5 s later
    JobManager        the one that leads is killed, and started again up to 5 s later; with high availability another
                      one stands by and takes over
    all JobManagers   with high availability: the leader and the one that stands by
    storage           Azurite is halted for 1 to 20 s: connections are accepted and nothing is answered

Every kind comes as often as the others. Between two losses there is time to go on; without high availability a job that
went with its JobManager is waited for, until somebody has started it again.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from localcloud.up import LocalCloud

PAUSE_SECONDS = (8.0, 25.0)  # from, to: between the end of one loss and the beginning of the next
AWAY_SECONDS = (0.0, 5.0)  # … and how long a part is away before it is started again
STORAGE_SECONDS = (1.0, 20.0)
HEARTBEAT = {"heartbeat.interval": "1000", "heartbeat.timeout": "6000"}
GONE_SECONDS = 240.0  # how long a job that is gone is waited for at the most: with that heartbeat the app takes 36 s


@dataclass(frozen=True)
class Loss:
    """One thing that was lost, from its end to its return."""

    kind: str
    what: str
    at: datetime
    until: datetime

    def __str__(self) -> str:
        """Say it on one line."""
        return f"{self.what}, back after {(self.until - self.at).total_seconds():.1f} s"


@dataclass
class Losses:
    """Everything that was lost so far."""

    cloud: LocalCloud
    high_availability: bool
    taskmanagers: int
    jobmanagers: int
    chance: random.Random
    runs: Callable[[], bool]  # whether Flink has the job now
    found: list[Loss] = field(default_factory=list)
    storage_answers: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.storage_answers.set()

    def counted(self) -> dict[str, int]:
        """Return how often each kind was lost."""
        return {kind: sum(loss.kind == kind for loss in self.found) for kind in self.kinds}

    @property
    def kinds(self) -> dict[str, Callable[[], None]]:
        """What can be lost here."""
        kinds = {"TaskManager": self._taskmanager, "JobManager": self._jobmanager, "storage": self._storage}
        return kinds | {"all JobManagers": self._all_jobmanagers} if self.high_availability else kinds

    def keep_losing(self, over: threading.Event) -> None:
        """Lose one thing after another until it is over; then everything is there again."""
        bag = list[str]()
        while not over.wait(self.chance.uniform(*PAUSE_SECONDS)):
            if not bag:
                bag = sorted(self.kinds)
                self.chance.shuffle(bag)
            kind = bag.pop()
            self.kinds[kind]()
            deadline = time.monotonic() + GONE_SECONDS
            while not self.runs() and time.monotonic() < deadline and not over.wait(1.0):
                pass

    def _taskmanager(self) -> None:
        number, flink = self.chance.randint(1, self.taskmanagers), self.cloud.flink_cluster
        with self._noted("TaskManager", f"TaskManager {number} killed"):
            flink.kill_taskmanager(number)
            self._away()
            flink.start_taskmanager(number)

    def _jobmanager(self) -> None:
        flink = self.cloud.flink_cluster
        leader = flink.leader or 1
        with self._noted("JobManager", f"JobManager {leader} killed, which led"):
            flink.kill_jobmanager(leader)
            self._away()
            flink.start_jobmanager(leader)
        for number in range(1, self.taskmanagers + 1):
            flink.wait_for_taskmanager(number)

    def _all_jobmanagers(self) -> None:
        flink, numbers = self.cloud.flink_cluster, range(1, self.jobmanagers + 1)
        with self._noted("all JobManagers", "all JobManagers killed"):
            for number in numbers:
                flink.kill_jobmanager(number)
            self._away()
            for number in numbers:
                flink.start_jobmanager(number)

    def _storage(self) -> None:
        seconds = self.chance.uniform(*STORAGE_SECONDS)
        with self._noted("storage", "storage halted"):
            self.storage_answers.clear()
            self.cloud.azurite.pause()
            try:
                time.sleep(seconds)
            finally:
                self.cloud.azurite.resume()
                self.storage_answers.set()

    def _away(self) -> None:
        time.sleep(self.chance.uniform(*AWAY_SECONDS))

    @contextmanager
    def _noted(self, kind: str, what: str) -> Iterator[None]:
        at = datetime.now(UTC)
        yield
        self.found.append(Loss(kind, what, at, datetime.now(UTC)))
