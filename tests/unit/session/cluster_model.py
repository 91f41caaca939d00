"""A session cluster as a small pure model: what it does with a call, what it shows, and what really runs.

    a JobManager     takes an id once, forgets everything when it is restarted, and may start a copy late
    a TaskManager    goes on with a copy for 50 s after its JobManager was lost
    a stop           writes a savepoint and ends the copy; one with another trigger id meanwhile would break both
    a copy           completes a checkpoint now and then, which is retained; storage tells of it, whatever is restarted
    a namesake       somebody else starts a job of this name, and ends it again; a start that left before may come late

`runs` lists what really ran and when, which no look tells; the promises are checked against it at every start.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Operation
from flinkfuncs.core.session.blame import Blame, Failure
from flinkfuncs.core.session.facts import (
    Adoptable,
    CopySeen,
    CopyState,
    Left,
    Seen,
    TriggerDone,
    TriggerFailed,
    TriggerRunning,
    TriggerSeen,
    TriggerUnknown,
)
from flinkfuncs.core.session.inheriting import trigger_of
from flinkfuncs.core.session.last_state import is_asked_for
from flinkfuncs.core.session.savepoints import same_path
from flinkfuncs.core.session.sending import release_to_send
from flinkfuncs.core.steps import Cancel, Start, Step, Stop, TakeCheckpoint, Trigger, UploadJar

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
    stops: dict[str, Stop] = field(default_factory=dict)  # the stop under which a copy is being stopped

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
        path = f"{directory.replace('file:///', 'file:/')}/savepoint-{len(self.savepoints)}"
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
        self.known[step.flink_job_id] = Known(CopyState.RUNNING, step.savepoint)
        self.newest[step.flink_job_id] = step.savepoint
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
        assert same_path(step.savepoint, newest), f"started from {step.savepoint}, and the newest state is {newest}"

    # what it shows

    def look(self, record: JobRecord, operation: Operation, *, lagging: bool) -> Seen:
        """Return what a look tells; caches that lag do not tell of savepoints and restored state."""
        current = record.running
        known = self.known.get(current.flink_job_id) if current else None
        copy = self._copy(known, lagging=lagging) if current else None
        asked = operation.token("checkpoint", operation.checkpoints)
        if copy and known and operation.checkpoint:
            copy = replace(copy, checkpoint=self.triggers.get(asked, TriggerUnknown()))
        wanted = release_to_send(operation, record, copy)
        return Seen(
            now=self.now,
            copy=copy,
            trigger=self.triggers.get(trigger_of(operation, record) or "", TriggerUnknown()),
            jar_on_cluster=wanted is not None and wanted.sha256 in self.jars,
            namesakes=tuple(self.namesakes),
            named_there=any(same_path(operation.request.save_point_name, path) for path in self.savepoints),
            adoptable=self._adoptable(operation.request.adopt) if record.current is None else None,
            left=self._left(record, operation, copy),
            sizes=dict.fromkeys(self.savepoints, 100),
            incarnation=str(self.incarnation),
            vanish_seconds=HEARTBEAT_SECONDS + 30,
        )

    def _adoptable(self, named: str | None) -> Adoptable | None:
        known = self.known.get(named) if named else None
        return Adoptable(known.state, "orders", 2, None) if known else None

    def _left(self, record: JobRecord, operation: Operation, copy: CopySeen | None) -> Left | None:
        trigger = self.triggers.get(trigger_of(operation, record) or "", TriggerUnknown())
        last = record.last_ran
        if last is None or not is_asked_for(operation, record, copy, trigger):
            return None
        told = last.flink_job_id in self.known or last.flink_job_id in self.stored
        newest = self.newest.get(last.flink_job_id) if told else None
        return Left(newest) if newest else None

    def _copy(self, known: Known | None, *, lagging: bool) -> CopySeen:
        if known is None:
            return CopySeen(CopyState.ABSENT)
        if lagging:
            state = CopyState.STARTING if known.state is CopyState.RUNNING else known.state
            return CopySeen(state, failures=known.failures)
        return CopySeen(
            known.state,
            restored_from=known.restored,
            restored_savepoint=known.restored is not None,
            last_savepoint=known.savepoint,
            failures=known.failures,
        )
