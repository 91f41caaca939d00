"""A session cluster as a small pure model: what it does with a call, what it answers, and what really runs.

    a JobManager     takes an id once, forgets everything when it is restarted, and may start a copy late
    a TaskManager    goes on with a copy for 50 s after its JobManager was lost
    a stop           writes a savepoint and ends the copy; one with another trigger id meanwhile would break both
    a copy           completes a checkpoint now and then, which is retained; storage has it, whatever is restarted
    a namesake       somebody else starts a job of this name, and ends it again; a start that left before may come late

`runs` lists what really ran and when, which no answer shows; the promises are checked against it at every start. The
app's own look is played on `Answers` and `Stored`, in the place of its clients of Flink and of storage: each answers
one question, from what the model holds. The rule that must never break: no code of the app decides here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flinkfuncs.clients import flink_wire as wire
from flinkfuncs.clients.flink import Flink
from flinkfuncs.clients.savepoint_store import Kept
from flinkfuncs.core.errors import NotFound
from flinkfuncs.core.names import Directory
from flinkfuncs.core.orphans import Found
from flinkfuncs.core.plans import StateFacts
from flinkfuncs.core.session.blame import Blame, Failure
from flinkfuncs.core.session.facts import (
    CopyState,
    Left,
    TriggerDone,
    TriggerFailed,
    TriggerRunning,
    TriggerSeen,
    TriggerUnknown,
)
from flinkfuncs.core.steps import Cancel, Start, Step, Stop, TakeCheckpoint, Trigger, UploadJar
from tests.unit.builders import ORDERS

HEARTBEAT_SECONDS = 50.0
ENDED = (CopyState.FINISHED, CopyState.CANCELED, CopyState.FAILED)


class Refusal(Exception):
    """The cluster says no, definitely."""


@dataclass
class Run:
    """A copy that really ran: on a TaskManager, whether or not a JobManager knows it."""

    flink_job_id: str
    since: datetime
    until: datetime | None = None


@dataclass
class Known:
    """What the JobManager knows of an id."""

    state: CopyState
    restored: str | None
    savepoint: str | None = None
    failures: tuple[Failure, ...] = ()  # newest first
    restores: int = 0  # how often it restored a state
    completed: int = 0  # checkpoints
    completed_at: datetime | None = None


@dataclass
class Cluster:
    """The cluster; `now` is moved on by the test."""

    now: datetime
    incarnation: int = 1
    jars: set[str] = field(default_factory=set)
    known: dict[str, Known] = field(default_factory=dict)
    triggers: dict[str, TriggerSeen] = field(default_factory=dict)
    savepoints: dict[str, datetime] = field(default_factory=dict)  # and checkpoints
    newest: dict[str, str | None] = field(default_factory=dict)  # each copy's newest state: its start's, or its own
    stored: set[str] = field(default_factory=set)  # copies whose newest state storage shows
    runs: list[Run] = field(default_factory=list)
    back: set[str] = field(default_factory=set)  # copies that may start from an older state, since somebody named it
    due: list[tuple[datetime, Step]] = field(default_factory=list)  # calls that take effect later
    namesakes: list[str] = field(default_factory=list)  # jobs of this name that are not ours, and run
    committed: set[str] = field(default_factory=set)  # copies that completed a checkpoint: their output is visible
    stops: dict[str, Stop] = field(default_factory=dict)  # the stop under which a copy is being stopped
    caches_lag: bool = False  # the answers that Flink caches are older than what a copy restored, or than its tasks

    # what it does

    def pass_time(self, seconds: float) -> None:
        """Let time go by, and let what is due happen."""
        self.now += timedelta(seconds=seconds)
        for at, step in sorted(self.due, key=lambda entry: entry[0]):
            if at <= self.now:
                self.due.remove((at, step))
                try:
                    self._take(step)
                except Refusal:
                    continue  # nobody is there to hear it

    def later(self, step: Step, seconds: float) -> None:
        """Take a call, but only after a while: main() is slow, or the network is."""
        self._check_alone(step)
        self.due.append((self.now + timedelta(seconds=seconds), step))

    def take(self, step: Step) -> None:
        """Carry out one call."""
        self._check_alone(step)
        self._take(step)

    def start_namesake(self) -> None:
        """Let somebody else start a job of this name, or end the one that he has started."""
        self.namesakes = [] if self.namesakes else [f"{len(self.runs):032x}"]

    def _check_alone(self, step: Step) -> None:
        if isinstance(step, Start):
            assert not self.namesakes, f"a start beside {self.namesakes}"

    def _take(self, step: Step) -> None:
        match step:
            case UploadJar(release=release):
                self.jars.add(release.sha256)
            case Stop():
                self._stop(step)
            case Trigger(job, trigger, directory):
                self._running(job)
                self._complete(job, trigger, directory)
            case TakeCheckpoint(job, trigger):
                self._running(job)
                self.triggers[trigger] = TriggerDone("chk-1")
                self._count(job)
            case Cancel(job):
                if job in self.known and self.known[job].state not in ENDED:
                    self._end(job, CopyState.CANCELED)
            case Start():
                self._start(step)

    def finish_stop(self, step: Stop) -> None:
        """Complete the savepoint of a stop that is under way, and end the copy."""
        if self.triggers.get(step.trigger_id) != TriggerRunning():
            return
        self._complete(step.flink_job_id, step.trigger_id, step.directory)
        self._end(step.flink_job_id, CopyState.FINISHED)

    def fail_stop(self, step: Stop, *, failed_over: bool = False) -> None:
        """Let the savepoint of a stop fail; the job goes on."""
        cause = "Checkpoint Coordinator is suspending." if failed_over else "disk full"
        self.triggers[step.trigger_id] = TriggerFailed(cause, failed_over=failed_over)
        self.stops.pop(step.flink_job_id, None)

    def complete_checkpoint(self) -> None:
        """Let what runs complete a checkpoint, and retain it."""
        for job, known in self.known.items():
            if known.state is CopyState.RUNNING and job not in self.stops:
                self.newest[job] = path = f"file:/cp/{job}/chk-{len(self.savepoints)}"
                self.savepoints[path] = self.now
                self.stored.add(job)
                self._count(job)

    def _count(self, job: str) -> None:
        self.committed.add(job)
        self.known[job].completed += 1
        self.known[job].completed_at = self.now

    def restart_jobmanager(self) -> None:
        """Kill the JobManager and start another one: it knows nothing, and TaskManagers notice after a while."""
        self.incarnation += 1
        for run in self.runs:
            run.until = run.until or self.now + timedelta(seconds=HEARTBEAT_SECONDS)
        for memory in (self.jars, self.known, self.triggers, self.due, self.stops, self.namesakes):
            memory.clear()

    def restart_copy(self) -> None:
        """Let what runs fall into a restart, or come out of it; a stop that is under way fails."""
        other = {CopyState.RUNNING: CopyState.RESTARTING, CopyState.RESTARTING: CopyState.RUNNING}
        for job, known in self.known.items():
            known.restores += known.state is CopyState.RESTARTING
            known.state = other.get(known.state, known.state)
            if known.state is CopyState.RESTARTING and (stop := self.stops.get(job)):
                self.fail_stop(stop, failed_over=True)

    def end_by_itself(self, state: CopyState, blame: Blame | None = None) -> None:
        """Let whatever runs finish or fail, and say who is to blame."""
        for job, known in self.known.items():
            if known.state not in ENDED:
                self._end(job, state)
                known.failures = (Failure(self.now, "it failed", blame), *known.failures) if blame else known.failures

    def _stop(self, step: Stop) -> None:
        job, trigger = step.flink_job_id, step.trigger_id
        self._running(job)
        if trigger in self.triggers:
            return  # Flink takes a trigger id once
        assert job not in self.stops, "two stops with different trigger ids"
        self.stops[job] = step
        self.triggers[trigger] = TriggerRunning()

    def _running(self, job: str) -> None:
        if job not in self.known or self.known[job].state in ENDED:
            raise Refusal("no such job runs")

    def _complete(self, job: str, trigger: str, directory: str) -> None:
        path = f"{as_flink_writes(directory)}/savepoint-{job[:6]}-{len(self.savepoints)}"
        self.savepoints[path] = self.now
        self.triggers[trigger] = TriggerDone(path)
        self.known[job].savepoint = self.newest[job] = path

    def _end(self, job: str, state: CopyState) -> None:
        self.known[job].state = state
        stop = self.stops.pop(job, None)
        if stop and self.triggers[stop.trigger_id] == TriggerRunning():
            self.triggers[stop.trigger_id] = TriggerFailed("the job ended meanwhile")
        for run in self.runs:
            if run.flink_job_id == job and run.until is None:
                run.until = self.now

    def _start(self, step: Start) -> None:
        if step.flink_job_id in self.known:
            raise Refusal("the id was taken before")
        if step.release.sha256 not in self.jars:
            raise Refusal("there is no such jar")
        beside = [run for run in self.runs if run.until is None or run.until > self.now]
        assert not beside, f"a second copy beside {beside}"
        self._check_state(step)
        restored = as_flink_writes(step.savepoint) if step.savepoint else None
        self.known[step.flink_job_id] = Known(CopyState.RUNNING, restored, restores=1 if restored else 0)
        self.newest[step.flink_job_id] = restored
        if step.flink_job_id[-1] in "02468ace":  # Flink made its directory where storage lists it
            self.stored.add(step.flink_job_id)
        self.runs.append(Run(step.flink_job_id, self.now))

    def _check_state(self, step: Start) -> None:
        """Check that the state is the newest one of the copy that ran last; only a rollback or a request goes back.

        A rollback whose copy was lost continues from the newest state of that.
        """
        goes_back = (step.undo and not step.again) or step.flink_job_id in self.back
        if step.savepoint is None or goes_back or not self.runs:
            return
        newest = self.newest[self.runs[-1].flink_job_id]
        state = as_flink_writes(step.savepoint)
        assert state == newest, f"started from {state}, and the newest state is {newest}"


def as_flink_writes(path: str) -> str:
    """Return a path as Flink names it: `file:/x` where we write `file:///x`."""
    return path.replace("file:///", "file:/")


class Answers(Flink):
    """What the cluster answers: to each question of the app's client, from what it holds."""

    def __init__(self, cluster: Cluster) -> None:
        """Ask this one."""
        self._cluster = cluster

    def configuration(self) -> dict[str, str]:
        """The JobManager's; another one has another directory."""
        return {
            "web.tmpdir": f"of JobManager {self._cluster.incarnation}",
            "heartbeat.timeout": f"{HEARTBEAT_SECONDS:.0f} s",
            "execution.checkpointing.dir": "file:///cp",
        }

    def overview(self) -> list[wire.Listed]:
        """Every job that the JobManager knows, and somebody else's of this name."""
        ours = [(job, known.state.value) for job, known in self._cluster.known.items()]
        return [
            wire.Listed(jid=job, name=ORDERS, state=state)
            for job, state in [*ours, *((job, "RUNNING") for job in self._cluster.namesakes)]
        ]

    def holds_slots(self, flink_job_id: str) -> bool:
        """Whether a TaskManager goes on with it."""
        now = self._cluster.now
        return any(run.flink_job_id == flink_job_id and (run.until or now) > now for run in self._cluster.runs)

    def jar_id(self, name: str, *, since: datetime | None = None) -> str | None:  # noqa: ARG002 - none is old here
        """The id of a jar, which is its name."""
        return name if name.removesuffix(".jar") in self._cluster.jars else None

    def status(self, flink_job_id: str) -> str | None:
        """A job's state, not cached."""
        known = self._cluster.known.get(flink_job_id)
        return known.state.value if known else None

    def described(self, flink_job_id: str) -> wire.JobDetails | None:
        """A job and its tasks, cached: none of it where the cache lags."""
        known = flink_job_id in self._cluster.known and not self._cluster.caches_lag
        return wire.JobDetails(vertices=[wire.Vertex(status="RUNNING")]) if known else None

    def checkpoints(self, flink_job_id: str) -> wire.Checkpoints:
        """What a job restored and saved, cached."""
        known = self._cluster.known.get(flink_job_id)
        if known is None or self._cluster.caches_lag:
            return wire.Checkpoints()
        restored = wire.Restored(
            id=self._number(known.restored), external_path=known.restored, is_savepoint=_is_savepoint(known.restored)
        )
        saved = wire.Completed(id=self._number(known.savepoint), external_path=known.savepoint)
        latest = wire.Latest(
            completed=_completed(known.completed_at) if known.completed_at else None,
            restored=restored if known.restored else None,
            savepoint=saved if known.savepoint else None,
        )
        return wire.Checkpoints(latest=latest, counts=wire.Counts(restored=known.restores, completed=known.completed))

    def left(self, flink_job_id: str, *, ended: bool) -> Left | None:  # noqa: ARG002 - all of it is retained
        """A job's newest state."""
        if flink_job_id not in self._cluster.known:
            raise NotFound("no such job")
        newest = self._cluster.newest[flink_job_id]
        return Left(newest) if newest else None

    def failures(self, flink_job_id: str) -> tuple[Failure, ...]:
        """A job's exceptions."""
        return self._cluster.known[flink_job_id].failures

    def checkpoint(self, flink_job_id: str, trigger_id: str) -> TriggerSeen:
        """What became of a checkpoint."""
        return self.savepoint(flink_job_id, trigger_id)

    def savepoint(self, flink_job_id: str, trigger_id: str) -> TriggerSeen:  # noqa: ARG002 - Flink asks for no more
        """What became of a stop or a savepoint."""
        return self._cluster.triggers.get(trigger_id, TriggerUnknown())

    def _number(self, path: str | None) -> int:
        return [*self._cluster.savepoints].index(as_flink_writes(path)) if path else 0


class Stored:
    """What lies in storage: the savepoints, and the checkpoints of the copies whose directory can be listed."""

    def __init__(self, cluster: Cluster) -> None:
        """List what this one has written."""
        self._cluster = cluster

    def found(self, directories: Iterable[Directory]) -> list[Found]:
        """Every savepoint below the directories."""
        inside = tuple(f"{as_flink_writes(str(directory))}/" for directory in directories)
        saved = [path for path in self._cluster.savepoints if _is_savepoint(path) and path.startswith(inside)]
        return [Found(path, "an operation", self._cluster.now) for path in saved]

    def lying(self, root: Directory) -> dict[str, list[Found]]:
        """Every savepoint below the root, by its job's name."""
        return {path.split("/")[-3]: self.found([root]) for path in self._cluster.savepoints if _is_savepoint(path)}

    def checkpoint(self, directory: Directory) -> Kept | None:
        """The newest checkpoint below the directory of one job."""
        inside = f"{as_flink_writes(str(directory))}/chk-"
        taken = [(number, path) for number, path in enumerate(self._cluster.savepoints) if path.startswith(inside)]
        return Kept(taken[-1][1], taken[-1][0]) if taken else None

    def exists(self, directory: Directory) -> bool:
        """Whether the directory of one job can be listed."""
        return str(directory).rpartition("/")[2] in self._cluster.stored

    def number(self, savepoint: Directory) -> int | None:
        """The number that savepoints and checkpoints count on from."""
        return [*self._cluster.savepoints].index(as_flink_writes(str(savepoint)))

    def holds(self, savepoint: Directory) -> bool | None:
        """Whether a savepoint or a checkpoint lies there."""
        return as_flink_writes(str(savepoint)) in self._cluster.savepoints

    def facts(self, _state: Directory) -> StateFacts:
        """Nothing: no step depends on it."""
        return StateFacts()


def _is_savepoint(path: str | None) -> bool:
    return path is not None and "/savepoint-" in path


def _completed(at: datetime) -> wire.Completed:
    return wire.Completed(id=0, acknowledged=int(at.timestamp() * 1000))
