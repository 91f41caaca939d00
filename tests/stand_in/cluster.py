"""A Flink session cluster in memory. It runs no job, and remembers everything that was asked of it."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

RESTART_SECONDS = 0.05
ENDED = ("FINISHED", "CANCELED", "FAILED")
NO_STATE = "java.lang.IllegalStateException: Cannot map checkpoint/savepoint state"
FAILED_OVER = "org.apache.flink.runtime.checkpoint.CheckpointException: Checkpoint Coordinator is suspending."


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
    loops: bool = False
    refused: bool = False
    throws: bool = False
    batch: bool = False
    uploaded: int = 0  # milliseconds since 1970

    @property
    def sha256(self) -> str:
        """The hash of its bytes, by its name."""
        return self.name.removesuffix(".jar")


@dataclass
class State:
    """A checkpoint or a savepoint."""

    number: int
    path: str
    is_savepoint: bool
    at: float = 0.0  # when it was complete, by the cluster's clock (seconds)


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
    every: float | None = None  # how often it completes a checkpoint (seconds); None: when a test says so
    completed: State | None = None  # … the one that a test completed
    failures: list[str] = field(default_factory=list)  # its exceptions, newest first
    parallelism: int = 1
    clock: Callable[[], float] = time.monotonic

    def age(self) -> float:
        """How long it runs, or ran (seconds)."""
        return (self.ended_at or self.clock()) - self.since

    @property
    def looped(self) -> int:
        """How often it was restarted."""
        return int(self.age() / RESTART_SECONDS) if self.jar.loops else 0

    @property
    def checkpoint(self) -> State | None:
        """The newest checkpoint; the savepoint of a stop takes the next number."""
        if self.every is None:
            return self.completed
        first = self.restored.number if self.restored else 0
        count = int(self.age() / self.every)
        path, at = f"file:/cp/{self.id}/chk-{first + count}", self.since + count * self.every
        return None if self.jar.loops or count == 0 else State(first + count, path, False, at)

    @property
    def newest(self) -> State | None:
        """The state that a start has to go on from."""
        states = [state for state in (self.restored, self.checkpoint, self.savepoint) if state]
        return max(states, key=lambda state: state.number, default=None)


@dataclass
class Trigger:
    """A stop, a savepoint or a checkpoint that was asked for."""

    job: str
    due: float
    directory: str | None = None  # None: a checkpoint
    stops: bool = False
    location: str | None = None
    cause: str | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether nothing has come of it yet."""
        return self.location is None and self.cause is None


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
    saving_seconds: float = 0.03  # how long a savepoint takes
    checkpoint_seconds: float | None = 0.1  # how often a job completes a checkpoint; None: when a test says so
    holds_savepoints: bool = False  # none of them is completed meanwhile
    is_away: bool = False  # nobody answers meanwhile
    may_leave_state: bool = False  # allowNonRestoredState is not wrong
    web_submit: bool = True  # web.submit.enable
    options: dict[str, str] = field(default_factory=dict)  # of its configuration, besides the usual ones
    hosts: tuple[str, ...] = ("localhost",)  # … and where its TaskManagers run
    slots: int = 4  # of each TaskManager; a job holds one on the first, and waits if it wants more than there are
    incarnation: int = 1
    clock: Callable[[], float] = time.monotonic  # its time (seconds)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def like(self) -> StandIn:
        """Return another one on which the same has happened."""
        with self.lock:
            jobs = {job.id: replace(job) for job in self.jobs.values()}
            triggers = {id_: replace(trigger) for id_, trigger in self.triggers.items()}
            return StandIn(
                dict(self.jars),
                jobs,
                triggers,
                dict(self.savepoints),
                saving_seconds=self.saving_seconds,
                checkpoint_seconds=self.checkpoint_seconds,
                clock=self.clock,
            )

    def since_1970(self, at: float) -> int:
        """Return a time of the cluster's clock as Flink's answers have it (milliseconds)."""
        return int((time.time() - time.monotonic() + at) * 1000)

    def running(self) -> list[Job]:
        """Return the jobs that are not terminal."""
        return [job for job in self.jobs.values() if job.state not in ENDED]

    def running_ids(self) -> list[str]:
        """Return their ids."""
        return [job.id for job in self.running()]

    def waits(self, job: Job) -> bool:
        """Whether a job has not got its slots; others take none of them away, however many a test starts."""
        return job.state not in ENDED and job.parallelism > self.slots * len(self.hosts)

    def pass_time(self, *, stops: bool = True) -> None:
        """Let what is due happen; with or without the end of stops."""
        for id_, trigger in self.triggers.items():
            held = (self.holds_savepoints and trigger.directory) or (trigger.stops and not stops)
            if trigger.is_under_way and trigger.due <= self.clock() and not held:
                self._complete(id_, trigger)

    # ---------------------------------------------------------------------------------------------------------- calls

    def upload(self, name: str, content: bytes) -> Jar:
        """Take a jar, whatever it is; the same one again is another one."""
        jar = Jar(
            f"{len(self.jars):04}_{name}",
            name,
            loops=b"com/example/Loops" in content,
            refused=b"com/example/Refused" in content,
            throws=b"com/example/Throws" in content,
            batch=b"com/example/Batch" in content,
            uploaded=self.since_1970(self.clock()),
        )
        self.jars[jar.id] = jar
        return jar

    def run(self, jar: Jar, job_id: str, name: str, savepoint: str | None, parallelism: int = 1) -> None:
        """Start a jar."""
        if job_id in self.jobs:
            raise RefusalError(400, "org.apache.flink.runtime.client.DuplicateJobSubmissionException: taken")
        if jar.throws:
            raise RefusalError(400, "org.apache.flink.client.program.ProgramInvocationException: main() threw")
        state = self._state(savepoint) if savepoint else None
        job = Job(job_id, name, jar, state, self.clock(), every=self.checkpoint_seconds, clock=self.clock)
        if jar.refused or (savepoint and state is None):
            job.state, job.ended_at, job.failures = "FAILED", job.since, [NO_STATE]
            self.jobs[job_id] = job
            raise RefusalError(400, NO_STATE)
        if beside := [one.id for one in self.running() if one.name == name]:
            self.wrong.append(f"{job_id} was started beside {beside}")
        job.parallelism = parallelism
        self.starts.append(Started(job_id, jar.sha256, savepoint, self._is_newest(name, state)))
        self.jobs[job_id] = job

    def stop(self, job_id: str, trigger_id: str, directory: str) -> None:
        """Begin to stop a job with a savepoint."""
        if trigger_id in self.triggers:
            return
        trigger = Trigger(job_id, self.clock() + self.saving_seconds, directory, stops=True)
        self.triggers[trigger_id] = trigger
        others = [t for t in self.triggers.values() if t.job == job_id and t.stops and t is not trigger]
        if any(other.is_under_way for other in others):
            self.wrong.append(f"two stops of {job_id} with different trigger ids")
            for one in (trigger, *others):
                one.cause = "java.lang.IllegalStateException: at most one stop-with-savepoint at a time"

    def save(self, job_id: str, trigger_id: str, directory: str) -> None:
        """Begin a savepoint; the job runs on."""
        self.triggers.setdefault(trigger_id, Trigger(job_id, self.clock() + self.saving_seconds, directory))

    def check(self, job_id: str, trigger_id: str) -> None:
        """Begin a checkpoint."""
        self.triggers.setdefault(trigger_id, Trigger(job_id, self.clock() + self.saving_seconds))

    def cancel(self, job_id: str) -> None:
        """Cancel a job."""
        job = self.jobs.get(job_id)
        if job is None:
            raise RefusalError(404, f"FlinkJobNotFoundException: Could not find Flink job ({job_id})")
        if job.state in ENDED:
            raise RefusalError(409, "Job cancellation failed because the job has already reached another state")
        self._end(job, "CANCELED")

    # ------------------------------------------------------------------------------------------------------ happening

    def begin(self, job_id: str, name: str) -> Job:
        """Let a job run that somebody else started."""
        with self.lock:
            jar = Jar("another", "another.jar")
            self.jobs[job_id] = job = Job(job_id, name, jar, None, self.clock(), clock=self.clock)
            return job

    def complete_checkpoint(self) -> None:
        """Let what runs complete a checkpoint, and retain it."""
        with self.lock:
            for job in self.running():
                number = (job.newest.number if job.newest else 0) + 1
                job.completed = State(number, f"file:/cp/{job.id}/chk-{number}", False, self.clock())

    def finish(self) -> None:
        """Let what runs finish by itself."""
        with self.lock:
            for job in self.running():
                self._end(job, "FINISHED")

    def forget_ended(self) -> None:
        """Forget the jobs that have ended, as after `jobstore.expiration-time`."""
        with self.lock:
            self.jobs = {job.id: job for job in self.running()}

    def fail(self, why: str) -> None:
        """Let what runs fail."""
        with self.lock:
            for job in self.running():
                job.failures.insert(0, why)
                self._end(job, "FAILED")

    def fail_over(self) -> None:
        """Let the stops that are under way fail, since the job restarts; it goes on."""
        with self.lock:
            for trigger in self.triggers.values():
                if trigger.is_under_way and trigger.stops:
                    trigger.cause = FAILED_OVER

    def restart(self) -> None:
        """Start another JobManager, which knows nothing; the TaskManagers have noticed."""
        with self.lock:
            self.incarnation += 1
            for memory in (self.jars, self.jobs, self.triggers):
                memory.clear()

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
        job.savepoint = self.savepoints[path] = State(number, path, True, self.clock())
        trigger.location = path

    def _end(self, job: Job, state: str) -> None:
        job.state, job.ended_at = state, self.clock()

    def _state(self, path: str) -> State | None:
        known = {state.path: state for job in self.jobs.values() if (state := job.checkpoint)} | self.savepoints
        return known.get(path.replace("file:///", "file:/"))

    def _is_newest(self, name: str, state: State | None) -> bool:
        before = [job for job in self.jobs.values() if job.name == name and not job.jar.refused]
        newest = max(before, key=lambda job: job.since).newest if before else None
        return (state and state.path) == (newest and newest.path)
