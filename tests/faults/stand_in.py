"""What does a Flink session cluster do with a call? A stand-in for wire faults and pauses; it runs no job.

    measured of Flink                                                   on               here
    ------------------------------------------------------------------  ---------------  ----------------------------
    an id is taken once, also a cancelled one; a repeat is a 400        2.3.0            `run`
    a savepoint that is missing, or does not fit, is a 400, and leaves  1.17.2 to 2.3.0  `run`, a jar with Refused
    a FAILED entry under that id
    a main() that throws is a 400 as well, and leaves nothing           1.20.1, 2.1.0    `run`, a jar with Throws
    two stops with different trigger ids: both fail and the job         1.20.1: 10 of    `stop`, and noted as wrong
    restarts (now and then one of them stops it)                        12; 2.1.0: 6
    the same trigger id again is the same stop                          24 of 24         `stop`
    a stop of an unknown or finished job is a 202, and fails when       1.17.2 to 2.3.0  `stop`
    asked
    a crash loop: RUNNING and RESTARTING, `counts.restored` grows       2.3.0            a jar with the class Loops
    checkpoints and savepoints count on from the same number            1.17.2 to 2.3.0  `Job.newest`
    a retained checkpoint outlives a cancel                             1.17.2 to 2.3.0  `cancel`

What it cannot show (a TaskManager that goes on alone, real state) tests/matrix and tests/flink show on a real Flink.
The rule that must never break: whatever is wrong in what was asked of it is noted in `wrong`, and stays there.
"""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field, replace

SAVING_SECONDS = 0.03
CHECKPOINT_SECONDS = 0.1
RESTART_SECONDS = 0.05
ENDED = ("FINISHED", "CANCELED", "FAILED")


class RefusalError(Exception):
    """Flink says no: the status and its words."""

    def __init__(self, status: int, words: str) -> None:
        """Keep both."""
        super().__init__(words)
        self.status, self.words = status, words


@dataclass
class Jar:
    """An uploaded jar."""

    id: str
    name: str
    sha256: str
    loops: bool
    refused: bool
    throws: bool
    uploaded: int


@dataclass
class State:
    """A checkpoint or a savepoint."""

    number: int
    path: str
    is_savepoint: bool


@dataclass
class Job:
    """A Flink job, as its JobManager knows it."""

    id: str
    name: str
    jar: Jar
    restored: State | None
    since: float
    state: str = "RUNNING"
    ended_at: float | None = None
    savepoint: State | None = None

    def age(self) -> float:
        """How long it runs, or ran (seconds)."""
        return (self.ended_at or time.monotonic()) - self.since

    @property
    def looped(self) -> int:
        """How often it was restarted."""
        return int(self.age() / RESTART_SECONDS) if self.jar.loops else 0

    @property
    def checkpoint(self) -> State | None:
        """The newest checkpoint; the savepoint of a stop takes the next number."""
        first = self.restored.number if self.restored else 0
        number = first + int(self.age() / CHECKPOINT_SECONDS)
        return None if self.jar.loops or number == first else State(number, f"file:/cp/{self.id}/chk-{number}", False)

    @property
    def newest(self) -> State | None:
        """The state that a start has to go on from."""
        told = [state for state in (self.restored, self.checkpoint, self.savepoint) if state]
        return max(told, key=lambda state: state.number, default=None)


@dataclass
class Trigger:
    """A stop, a savepoint or a checkpoint that was asked for."""

    job: str
    due: float
    directory: str | None = None  # None: a checkpoint
    stops: bool = False
    location: str | None = None
    cause: str | None = None


@dataclass(frozen=True)
class Started:
    """A start that was taken: from which state, and whether that was the newest one of the copy before."""

    job: str
    sha256: str
    savepoint: str | None
    newest: bool


@dataclass
class StandIn:
    """The cluster; every method is called under its lock."""

    jars: dict[str, Jar] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    savepoints: dict[str, State] = field(default_factory=dict)
    starts: list[Started] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)  # what was handled that may change something
    wrong: list[str] = field(default_factory=list)
    holds_savepoints: bool = False  # none of them is completed meanwhile
    lock: threading.RLock = field(default_factory=threading.RLock)

    def like(self) -> StandIn:
        """Return another one on which the same has happened."""
        with self.lock:
            jobs = {job.id: replace(job) for job in self.jobs.values()}
            triggers = {id_: replace(trigger) for id_, trigger in self.triggers.items()}
            return StandIn(dict(self.jars), jobs, triggers, dict(self.savepoints))

    def running(self) -> list[Job]:
        """Return the jobs that are not terminal."""
        return [job for job in self.jobs.values() if job.state not in ENDED]

    def pass_time(self) -> None:
        """Let what is due happen."""
        for id_, trigger in self.triggers.items():
            held = self.holds_savepoints and trigger.directory
            if trigger.location is None and trigger.cause is None and trigger.due <= time.monotonic() and not held:
                self._complete(id_, trigger)

    # ---------------------------------------------------------------------------------------------------------- calls

    def upload(self, name: str, content: bytes) -> Jar:
        """Take a jar, whatever it is; the same one again is another one."""
        id_ = f"{len(self.jars):04}_{name}"
        digest = name.removesuffix(".jar")
        jar = Jar(
            id_,
            name,
            digest,
            loops=b"com/example/Loops" in content,
            refused=b"com/example/Refused" in content,
            throws=b"com/example/Throws" in content,
            uploaded=int(time.time() * 1000),
        )
        self.jars[id_] = jar
        return jar

    def run(self, jar: Jar, job_id: str, name: str, savepoint: str | None) -> None:
        """Start a jar."""
        if job_id in self.jobs:
            raise RefusalError(400, "org.apache.flink.runtime.client.DuplicateJobSubmissionException: taken")
        if jar.throws:
            raise RefusalError(400, "org.apache.flink.client.program.ProgramInvocationException: main() threw")
        state = self._state(savepoint) if savepoint else None
        job = Job(job_id, name, jar, state, time.monotonic())
        if jar.refused or (savepoint and state is None):
            job.state, job.ended_at = "FAILED", job.since
            self.jobs[job_id] = job
            raise RefusalError(400, "java.lang.IllegalStateException: Cannot map checkpoint/savepoint state")
        if beside := [one.id for one in self.running() if one.name == name]:
            self.wrong.append(f"{job_id} was started beside {beside}")
        self.starts.append(Started(job_id, jar.sha256, savepoint, self._is_newest(name, state)))
        self.jobs[job_id] = job

    def stop(self, job_id: str, trigger_id: str, directory: str) -> None:
        """Begin to stop a job with a savepoint."""
        if trigger_id in self.triggers:
            return
        trigger = Trigger(job_id, time.monotonic() + SAVING_SECONDS, directory, stops=True)
        self.triggers[trigger_id] = trigger
        others = [t for t in self.triggers.values() if t.job == job_id and t.stops and t is not trigger]
        if any(other.location is None and other.cause is None for other in others):
            self.wrong.append(f"two stops of {job_id} with different trigger ids")
            for one in (trigger, *others):
                one.cause = "java.lang.IllegalStateException: at most one stop-with-savepoint at a time"

    def save(self, job_id: str, trigger_id: str, directory: str) -> None:
        """Begin a savepoint; the job runs on."""
        self.triggers.setdefault(trigger_id, Trigger(job_id, time.monotonic() + SAVING_SECONDS, directory))

    def check(self, job_id: str, trigger_id: str) -> None:
        """Begin a checkpoint."""
        self.triggers.setdefault(trigger_id, Trigger(job_id, time.monotonic() + SAVING_SECONDS))

    def cancel(self, job_id: str) -> None:
        """Cancel a job."""
        job = self.jobs.get(job_id)
        if job is None:
            raise RefusalError(404, f"FlinkJobNotFoundException: Could not find Flink job ({job_id})")
        if job.state in ENDED:
            raise RefusalError(409, "Job cancellation failed because the job has already reached another state")
        self._end(job, "CANCELED")

    # ------------------------------------------------------------------------------------------------------ happening

    def _complete(self, id_: str, trigger: Trigger) -> None:
        job = self.jobs.get(trigger.job)
        if job is None or job.state in ENDED:
            trigger.cause = f"FlinkJobNotFoundException: Could not find Flink job ({trigger.job})"
            return
        if trigger.directory is None:
            trigger.location = "checkpoint"
            return
        if trigger.stops:
            self._end(job, "FINISHED")  # first: no checkpoint comes after its savepoint, however slow this machine is
        number = (job.newest.number if job.newest else 0) + 1
        name = hashlib.sha256(id_.encode()).hexdigest()[:12]
        path = f"{trigger.directory.replace('file:///', 'file:/')}/savepoint-{job.id[:6]}-{name}"
        job.savepoint = self.savepoints[path] = State(number, path, True)
        trigger.location = path

    def _end(self, job: Job, state: str) -> None:
        job.state, job.ended_at = state, time.monotonic()

    def _state(self, path: str) -> State | None:
        known = {state.path: state for job in self.jobs.values() if (state := job.checkpoint)} | self.savepoints
        return known.get(path.replace("file:///", "file:/"))

    def _is_newest(self, name: str, state: State | None) -> bool:
        before = [job for job in self.jobs.values() if job.name == name and not job.jar.refused]
        newest = max(before, key=lambda job: job.since).newest if before else None
        return (state and state.path) == (newest and newest.path)
