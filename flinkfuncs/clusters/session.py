"""A Flink session cluster: how a job is looked at there, and how one step is carried out.

Looking asks only what the table needs now: while a job stops, its uncached status and the trigger, so that the stretch
between stop and start is as short as Flink allows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy as duplicate
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TypeAlias

from ..clients.flink import WEB_SUBMISSION_OFF, Flink
from ..clients.flink_wire import Checkpoints, Listed, seconds
from ..clients.jars import Jars, JarsInPlace
from ..clients.savepoint_store import SavepointStore
from ..core.actions import Action
from ..core.cluster_jars import reusable_since
from ..core.errors import Refused, Unavailable
from ..core.jobs import Copy, JobRecord, Recorded, RecordedCopy
from ..core.names import JobName
from ..core.naming import named
from ..core.operations import Operation
from ..core.plans import StateFacts
from ..core.session import namesakes
from ..core.session.blame import Blame, Thrown
from ..core.session.ends import Limits, refuse
from ..core.session.facts import (
    Adoptable,
    CopySeen,
    CopyState,
    Left,
    Seen,
    TriggerDone,
    TriggerFailed,
    TriggerSeen,
    TriggerUnknown,
    standing,
    status_of,
)
from ..core.session.inheriting import trigger_of
from ..core.session.last_state import is_asked_for
from ..core.session.savepoints import named_savepoint, resting_savepoint
from ..core.session.sending import release_to_send
from ..core.session.table import next_step
from ..core.steps import (
    Cancel,
    Check,
    End,
    Found,
    Keep,
    Kept,
    Learned,
    PlaceJar,
    Start,
    Step,
    Stop,
    Submit,
    TakeCheckpoint,
    Trigger,
    UploadJar,
    Wait,
)
from .check import ReleaseCheck
from .cluster import Findings
from .keeper import Keeper, keep_release
from .last_state import LastState
from .program import jar_name, keep_secrets, keep_secrets_of, run_request
from .suitability import ClusterFacts, judged

VANISH_GRACE_SECONDS = 30.0
HEARTBEAT_SECONDS = 50.0  # Flink's default of heartbeat.timeout
CACHE_SECONDS = 3.0  # … and of web.refresh-interval

STATES = {
    "INITIALIZING": CopyState.STARTING,
    "CREATED": CopyState.STARTING,
    "RECONCILING": CopyState.STARTING,
    "RUNNING": CopyState.RUNNING,
    "RESTARTING": CopyState.RESTARTING,
    "FAILING": CopyState.RESTARTING,
    "SUSPENDED": CopyState.RESTARTING,
    "CANCELLING": CopyState.CANCELLING,
    "FINISHED": CopyState.FINISHED,
    "CANCELED": CopyState.CANCELED,
    "FAILED": CopyState.FAILED,
}
TERMINAL = (CopyState.FINISHED, CopyState.CANCELED, CopyState.FAILED)


OwnerOf: TypeAlias = Callable[[str, JobName], JobName | None]  # which other job a Flink job is the copy of


class SessionCluster:
    """Jobs on one session cluster, by Flink's REST API."""

    def __init__(
        self,
        flink: Flink,
        jars: Jars,
        keeper: Keeper,
        limits: Limits,
        *,
        name: str,
        owner_of: OwnerOf,
        store: SavepointStore | None = None,
        allow_unguarded_main: bool = False,
        require_slots: bool = False,
    ) -> None:
        """Keep what is needed; nothing is asked yet."""
        self._owner_of = owner_of
        self._last_state = LastState(flink, store, limits.savepoint_root, limits.other_roots)
        self._check = ReleaseCheck(flink, limits.start_seconds, allow_unguarded_main, require_slots)
        self._flink = flink
        self._jars: Jars | JarsInPlace = jars
        self._keeper = keeper
        self._limits = limits
        self._name = name

    @property
    def key(self) -> str:
        """The cluster's part of every ledger key."""
        return self._name.lower()

    # -------------------------------------------------------------------------------------------------------- looking

    def next_step(self, record: JobRecord, operation: Operation, now: datetime) -> Step:
        """Look at the job and name the one thing to do now; last of all for jobs of its name that are not ours."""
        keep_secrets(record, operation)
        try:
            seen = self.look(record, operation, now)
            step = next_step(operation, record, seen, self._limits)
            if not namesakes.matter(operation, step):
                return step
            starts = step.flink_job_id if isinstance(step, Start) else None
            alone = replace(seen, namesakes=self._namesakes(record, operation, starts))
        except Refused as error:  # a proxy before Flink answers 403, or 404 while Flink is away
            raise Unavailable(error.message, code=error.code) from error
        except Unavailable as error:
            # What has acted waits, as for a cluster that does not answer: it may be restarted with the option on.
            if error.code != WEB_SUBMISSION_OFF or operation.acted:
                raise
            return refuse(f"{error.message}; the job is untouched", error.code)
        return next_step(operation, record, alone, self._limits)

    def look(self, record: JobRecord, operation: Operation, now: datetime) -> Seen:
        """Return what the table needs to know of the cluster.

        Raises:
            Unavailable: Flink cannot be asked now.

        """
        trigger = self._trigger(record, operation)
        running = record.running
        copy = self._copy(running, operation, trigger, now) if running else None
        asked = is_asked_for(operation, record, copy, trigger)
        configuration = self._flink.configuration() if asked else self._configuration(operation, copy)
        return Seen(
            now=now,
            copy=copy,
            trigger=trigger,
            jar_on_cluster=self._has_jar(record, operation, copy, now),
            namesakes=self._namesakes(record, operation) if record.current is None else (),
            named_there=self._named_there(record, operation, copy, trigger),
            adoptable=self._adoptable(record, operation.request.adopt) if record.current is None else None,
            left=self._last_state.left(record, configuration, ended=_is_over(copy)) if asked else None,
            sizes=self._last_state.sizes(record) if operation.action is Action.LIST_SAVEPOINT else {},
            cache_seconds=seconds(configuration.get("web.refresh-interval"), CACHE_SECONDS) + 1.0,
            incarnation=configuration.get("web.tmpdir", ""),
            vanish_seconds=seconds(configuration.get("heartbeat.timeout"), HEARTBEAT_SECONDS) + VANISH_GRACE_SECONDS,
        )

    def _trigger(self, record: JobRecord, operation: Operation) -> TriggerSeen:
        """Ask for the trigger of a stop or a savepoint that was begun and did not lead to a start yet."""
        trigger = trigger_of(operation, record)
        if record.running is None or trigger is None:
            return TriggerUnknown()
        return self._flink.savepoint(record.running.flink_job_id, trigger)

    def _copy(self, running: Copy, operation: Operation, trigger: TriggerSeen, now: datetime) -> CopySeen:
        word = self._flink.status(running.flink_job_id)
        if word is None:
            return CopySeen(CopyState.ABSENT, slots_held=self._flink.holds_slots(running.flink_job_id))
        state = STATES.get(word, CopyState.STARTING)
        has_begun = state is not CopyState.STARTING
        waits = word == "CREATED"  # in which the adaptive scheduler waits for slots; the default one's tasks do
        ended_by_an_earlier_stop = running.stop is not None and state in TERMINAL
        stop = operation.stop
        failed_over = stop is not None and operation.stops_failed > 0 and stop.unanswered == 0
        if ((stop and not failed_over) or ended_by_an_earlier_stop) and not operation.has_started:
            return self._stopping_copy(running, state, trigger)
        job = self._flink.described(running.flink_job_id) if state is CopyState.RUNNING else None
        if state is CopyState.RUNNING and not (job and job.tasks_run):
            state = CopyState.STARTING
            waits = job is not None and job.waits_for_slots
        if operation.has_started:
            seen = self._new_copy(running, operation, state, has_begun=has_begun)
            seen = replace(seen, slots_gone=self._are_slots_gone(running, operation, seen, now, waits=waits))
        else:
            seen = self._with_failures(running, CopySeen(state))
        return replace(seen, batch=job is not None and job.batch)

    def _new_copy(self, running: Copy, operation: Operation, state: CopyState, *, has_begun: bool) -> CopySeen:
        """Look at a copy that has to prove itself: what it restored, how often, and what went wrong.

        `has_begun`: Flink has left INITIALIZING and CREATED behind. Before that, an answer without what the copy
        restored would stay in Flink's cache.
        """
        failures = self._flink.failures(running.flink_job_id)
        told = self._flink.checkpoints(running.flink_job_id) if has_begun else Checkpoints()
        restored, asked = told.latest.restored, operation.checkpoint
        token = operation.token("checkpoint", operation.checkpoints)
        return CopySeen(
            state,
            restored_from=restored.path if restored else None,
            restored_savepoint=restored.is_savepoint if restored else False,
            restores=told.counts.restored,
            failures=failures,
            completed=told.counts.completed,
            completed_at=told.latest.completed.completed_at if told.latest.completed else None,
            checkpoint=self._flink.checkpoint(running.flink_job_id, token) if asked else TriggerUnknown(),
            failure=failures[0].cause if failures else None,
        )

    def _are_slots_gone(
        self, running: Copy, operation: Operation, seen: CopySeen, now: datetime, *, waits: bool
    ) -> bool:
        """Whether a new copy that failed, or is late, lacks slots that were there when its release was checked.

        Asked only where it decides whom to blame: the release may also want more slots than there ever were.
        """
        compared = operation.checked.compared if operation.checked else None
        lacks = seen.failures[0].blame is Blame.SLOTS if seen.failures else waits
        if operation.undo or not lacks or operation.start is None or compared is None or compared.slots_free is None:
            return False
        late = (now - operation.start.sent_at).total_seconds() > self._limits.start_seconds
        if not (late or seen.state is CopyState.FAILED):
            return False
        return self._flink.room_for(running.flink_job_id).slots < compared.slots_free

    def _stopping_copy(self, running: Copy, state: CopyState, trigger: TriggerSeen) -> CopySeen:
        """Look at a copy that is stopped: has it ended, and where is its savepoint if the trigger is forgotten."""
        told = isinstance(trigger, TriggerDone) or state not in TERMINAL
        last = None if told else self._flink.checkpoints(running.flink_job_id).latest.savepoint
        return self._with_failures(running, CopySeen(state, last_savepoint=last.path if last else None))

    def _with_failures(self, running: Copy, seen: CopySeen) -> CopySeen:
        """Add what went wrong, where something did."""
        if seen.state not in (CopyState.FAILED, CopyState.RESTARTING):
            return seen
        failures = self._flink.failures(running.flink_job_id)
        return replace(seen, failures=failures, failure=failures[0].cause if failures else None)

    def _configuration(self, operation: Operation, copy: CopySeen | None) -> Mapping[str, str]:
        """Ask which run of the JobManager this is, and its heartbeat timeout: for a start, and for what vanished."""
        absent = copy is not None and copy.state is CopyState.ABSENT
        starts = not operation.has_started and copy is None
        stopped = copy is not None and copy.state in TERMINAL
        return self._flink.configuration() if absent or starts or stopped else {}

    def _has_jar(self, record: JobRecord, operation: Operation, copy: CopySeen | None, now: datetime) -> bool:
        """Whether the jar of the release that would be started lies on the cluster, and will be there for the start."""
        release = release_to_send(operation, record, copy)
        if release is None:
            return False
        since = reusable_since(record, operation, release, now)
        return self._flink.jar_id(jar_name(release), since=since) is not None

    def _namesakes(self, record: JobRecord, operation: Operation, starts: str | None = None) -> tuple[str, ...]:
        """List the jobs of this name that have not ended, but for the current copy and the id that is to be started.

        Of a first upload also those of the name that main() gives the job, but for copies of other jobs of this app.
        """
        ended = {"FINISHED", "CANCELED", "FAILED"}
        ours = {starts, record.current.flink_job_id if record.current else None}
        first = record.current is None and operation.cause.kind == "upload"
        in_main = operation.checked.name if first and operation.checked else None
        run = [job for job in self._flink.overview() if job.flink_job_id not in ours and job.state not in ended]
        return tuple(
            job.flink_job_id
            for job in run
            if job.name == record.name
            or (in_main and job.name == in_main and self._owner_of(job.flink_job_id, record.name) is None)
        )

    def _named_there(
        self, record: JobRecord, operation: Operation, copy: CopySeen | None, trigger: TriggerSeen
    ) -> bool | None:
        """Look whether the named savepoint is in storage, before something is stopped or cancelled for it."""
        begun = operation.acted and not isinstance(trigger, TriggerFailed)
        if begun or operation.has_started or not named(operation, record, standing(record, copy)):
            return None
        path = named_savepoint(operation, record, self._limits)
        return None if isinstance(path, End) else self._last_state.lies_there(path)

    def _adoptable(self, record: JobRecord, flink_job_id: str | None) -> Adoptable | None:
        """Look at a Flink job that is to be adopted, and at who else has it."""
        if flink_job_id is None:
            return None
        word, job = self._flink.status(flink_job_id), self._flink.described(flink_job_id)
        if word is None or job is None:
            return None
        parallelism = max((vertex.parallelism for vertex in job.vertices), default=1)
        owner = self._owner_of(flink_job_id, record.name)
        return Adoptable(STATES.get(word, CopyState.STARTING), job.name, parallelism, owner)

    def in_place(self, jars: JarsInPlace) -> SessionCluster:
        """Return the same cluster for a plan, which reads jars where they lie."""
        same = duplicate(self)
        same._jars, same._keeper = jars, partial(keep_release, jars)
        return same

    # --------------------------------------------------------------------------------------------------------- acting

    def act(self, record: JobRecord, operation: Operation, step: Step) -> Learned:
        """Carry out one step, with one call that changes something."""
        match step:
            case Keep():
                return Kept(self._keeper(record, operation))
            case UploadJar(release=release):
                self._flink.upload(jar_name(release), self._jars.kept(record.name, release.sha256))
            case Check(release):
                return Found(self._check.check(record, operation, release))
            case Stop(job, trigger, directory, savepoint_format):
                self._flink.stop(job, trigger_id=trigger, directory=directory, savepoint_format=savepoint_format)
            case Trigger(job, trigger, directory, savepoint_format):
                self._flink.trigger_savepoint(
                    job, trigger_id=trigger, directory=directory, savepoint_format=savepoint_format
                )
            case TakeCheckpoint(job, trigger):
                self._flink.take_checkpoint(job, trigger)
            case Cancel(flink_job_id=job):
                self._flink.cancel(job)
            case Start():
                self._start(record, step)
            case PlaceJar() | Submit() | Wait() | End():
                raise AssertionError(f"{type(step).__name__} is no step of a session cluster")
        return None

    def _start(self, record: JobRecord, step: Start) -> None:
        request = run_request(
            self._flink, record, step.release, flink_job_id=step.flink_job_id, savepoint=step.savepoint
        )
        if request is None:
            raise Refused("the jar is no longer on the cluster", code="JarGone")
        self._flink.run(request)

    # -------------------------------------------------------------------------------------------------------- listing

    def statuses(self, jobs: Mapping[JobName, Recorded]) -> Mapping[JobName, str]:
        """Return a status word for each job, by one call."""
        listed = {job.flink_job_id: job for job in self._flink.overview()}
        return {name: _status(job.current, listed) for name, job in jobs.items()}

    def newest_state(self, record: JobRecord) -> Left | None:
        """Return the state from which a job that does not run can be started.

        Raises:
            Unavailable: Flink, or the storage, cannot be asked now.

        """
        resting = resting_savepoint(record)
        return Left(resting) if resting else self._last_state.left(record, self._flink.configuration(), ended=True)

    def state_facts(self, record: JobRecord, path: str) -> StateFacts:
        """Return when the savepoint or checkpoint at a path was written, and its size, as far as that is known."""
        return self._last_state.facts(record, path)

    def exceptions(self, record: JobRecord, run: Copy) -> tuple[Thrown, ...] | None:
        """Return the exceptions of a run, newest first; None: the cluster does not know it, or it never began."""
        keep_secrets_of(record)
        return None if run.ended == "NEVER_STARTED" else self._flink.thrown(run.flink_job_id)

    def findings(self) -> Findings:
        """Return what will not work on the cluster, and what makes the check of a release dangerous.

        Raises:
            Unavailable: Flink cannot be asked now.

        """
        facts = ClusterFacts(self._flink.about(), self._flink.configuration(), self._flink.hosts())
        return judged(facts, savepoint_root=self._limits.savepoint_root, allow_unguarded=self._check.allow_unguarded)


def _is_over(copy: CopySeen | None) -> bool:
    return copy is None or copy.state in (*TERMINAL, CopyState.ABSENT)


def _status(copy: RecordedCopy | None, listed: Mapping[str, Listed]) -> str:
    job = listed.get(copy.flink_job_id) if copy and not copy.ended else None
    return status_of(copy, CopySeen(_listed_state(job))).value


def _listed_state(job: Listed | None) -> CopyState:
    if job is None:
        return CopyState.ABSENT
    state = STATES.get(job.state, CopyState.STARTING)
    return CopyState.STARTING if state is CopyState.RUNNING and not job.tasks_run else state
