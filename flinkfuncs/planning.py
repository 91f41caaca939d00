"""What an action would do now. The code that acts is asked, on a copy of the record that is never written.

    the next step is        the plan
    ----------------------  ----------------------------------------------------------------------------------
    Keep, UploadJar, Check  carries it out: none of them touches a job
    PlaceJar                assumes that it is done
    Wait                    waits, for 20 s in all; then UNKNOWN. The wait for a vanished copy is assumed to be over
    End, well               NOTHING_TO_DO; WILL_DO where the operation would change the job's record
    End, otherwise          WOULD_BE_REFUSED
    anything else           WILL_DO, with the steps that follow

    UNKNOWN as well: operations are open before it, the cluster cannot be asked, or time is up

What a plan leaves: the jar on the session cluster, under the name of its bytes. An operation that comes within half an
hour finds it there, so the plan does not delete it; an hour later it is deleted like every unused jar.

The rule that must never break: nothing is written to the ledger or kept as a release, and no call leaves that changes a
job.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from threading import Thread
from typing import TypeAlias, assert_never

from .clients.jars import BlobFacts, Jars, JarsInPlace
from .clients.ledger import Ledger
from .clusters.cluster import Cluster, TellsState, ground_of
from .core import progress, queueing
from .core.actions import Action
from .core.durations import expected_downtime_seconds
from .core.errors import FlinkFuncsError, NotFound, Refused, Unavailable
from .core.jobs import JobRecord
from .core.names import JobName, state_path
from .core.naming import Standing, named, unused_note, why_unused
from .core.operations import Cause, Operation, Outcome, Request
from .core.plans import (
    NO_RELEASE,
    RESTS,
    Foretold,
    Ground,
    Plan,
    StateFacts,
    StateTaken,
    Stops,
    Verdict,
    WayBack,
    changes_record,
    plan_id,
)
from .core.queueing import Queued
from .core.releases import JarSource
from .core.session.ahead import ahead, parent_of, way_back
from .core.session.savepoints import recorded_path, same_path
from .core.steps import (
    Cancel,
    Check,
    End,
    Keep,
    Placed,
    PlaceJar,
    Start,
    Stop,
    Submit,
    TakeCheckpoint,
    Trigger,
    UploadJar,
    Wait,
)
from .core.uploads import PLANS, Folder, JobJson, UploadPath, parse_path, require_jar_beside, require_plain
from .intake import Intake, new_operation, request_of, with_operation
from .operations import end_of_refused

WAIT_SECONDS = 20.0
LONGEST_SECONDS = 200.0  # Azure's front end gives up a call after 230 s
READ_OPERATIONS = 60  # closed ones, to find enough updates among them
LONG_AGO = timedelta(days=1)


def _now() -> datetime:
    return datetime.now(UTC)


Acting: TypeAlias = Stop | Cancel | Start | Trigger | Submit


@dataclass(frozen=True)
class _Unknown:
    """Why it is not known what the operation would do."""

    why: str
    code: str


@dataclass(frozen=True)
class _Case:
    """One operation that is planned, and what is known of it so far."""

    base: JobRecord  # as it stands in the ledger
    record: JobRecord  # … with the operation on its list, and what was found out
    operation: Operation
    ground: Ground
    notes: tuple[str, ...] = ()

    @property
    def plan(self) -> Plan:
        """What can be said so far."""
        operation = self.operation
        checked = operation.checked
        last = self.base.last_ran
        return Plan(
            id=plan_id(self.base, operation, self.ground, operation.release),
            action=operation.action,
            verdict=Verdict.UNKNOWN,
            release=operation.release,
            before=(last and last.release) or self.base.wanted,
            steps=tuple(Foretold(one.step, one.detail) for one in operation.steps if one.step != "UploadJar"),
            compared=checked.compared if checked else None,
            warnings=(*self.notes, *(checked.warnings if checked else ()), *self._parallelism()),
        )

    def with_record(self, record: JobRecord) -> _Case:
        """Return the case as it is with what was found out."""
        return replace(self, record=record, operation=record.operation(self.operation.id) or self.operation)

    def _parallelism(self) -> tuple[str, ...]:
        release, checked = self.operation.release, self.operation.checked
        most = checked.compared.max_parallelism if checked and checked.compared else None
        if release is None or most is None or release.spec.parallelism <= most:
            return ()
        return (f"parallelism {release.spec.parallelism} is above {most}, the maximum that the state was written with",)


class Planner:
    """Makes plans."""

    def __init__(
        self,
        ledger: Ledger,
        jars: Jars,
        cluster: Cluster,
        intake: Intake,
        *,
        longest_seconds: float = LONGEST_SECONDS,
        now: Callable[[], datetime] = _now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Keep what is needed; nothing is read yet. After `longest_seconds` a plan says that it cannot tell."""
        self._ledger = ledger
        self._jars = jars
        self._cluster = cluster
        self._intake = intake
        self._longest_seconds = longest_seconds
        self._now = now
        self._sleep = sleep

    def action(self, job: JobName, request: Request, cause: Cause) -> Plan:
        """Plan an action that a caller could ask for.

        Raises:
            NotFound: there is no such job, or no such release of it.
            Refused: the bytes of the release are gone.
            Unavailable: storage cannot be reached.

        """
        operation = new_operation(
            job, self._intake.resolved(job, request), cause, at=self._now(), identity=uuid.uuid4().hex
        )
        return self._bounded(operation, JarsInPlace(self._jars), None)

    def upload(
        self, job: JobName, jar: str, folder: Folder, job_json: JobJson | None = None, *, again: bool = False
    ) -> Plan:
        """Plan an upload that has not been made; its bytes lie under `plans/`, or are those of another upload.

        Raises:
            NotFound: there is no such jar.
            Refused: no jar may lie there (400).
            Unavailable: storage cannot be reached.

        """
        _require_place(jar)
        if job_json:
            require_jar_beside(job_json)
        facts = self._jars.look("uploads", jar)
        if facts is None:
            raise NotFound(f"there is no jar {jar[:128]!r} in the jars container", code="JarNotFound")
        path = UploadPath(folder, job, job_json.jar if job_json else jar.rpartition("/")[2])
        request = Request(action=path.action, folder=folder, again=again)
        if job_json:
            request = request_of(path, job_json, job_json.to_json().encode())
        source = JarSource(place="uploads", name=path.blob, etag=facts.etag, last_modified=self._now())
        cause = Cause(kind="upload", detail=f"{path.blob} {facts.etag}")
        request = request.model_copy(update={"jar": source, "plan": None})
        operation = new_operation(job, request, cause, at=self._now(), identity=uuid.uuid4().hex)
        return self._bounded(operation, JarsInPlace(self._jars, {path.blob: jar}), facts)

    def _bounded(self, operation: Operation, jars: JarsInPlace, jar: BlobFacts | None) -> Plan:
        """Plan within the time that a caller waits; the result of a main() that takes longer is dropped."""
        found: Future[Plan] = Future()
        nothing = Plan(id=f"{NO_RELEASE}.{NO_RELEASE}", action=operation.action, verdict=Verdict.UNKNOWN)
        so_far = [nothing]

        def plan() -> None:
            try:
                found.set_result(self._plan(operation, jars, jar, so_far.append))
            except BaseException as error:  # noqa: BLE001 - the caller raises it
                found.set_exception(error)

        Thread(target=copy_context().run, args=(plan,), name="plan", daemon=True).start()
        try:
            return found.result(timeout=self._longest_seconds)
        except TimeoutError:
            why = f"the plan was not made within {self._longest_seconds:.0f} s"
            return replace(so_far[-1], code="PlanTimeout", reason=why)

    def _plan(
        self, operation: Operation, jars: JarsInPlace, jar: BlobFacts | None, report: Callable[[Plan], None]
    ) -> Plan:
        base = self._ledger.read(operation.job) or self._intake.first_record(operation)
        if jar:
            operation = operation.model_copy(update={"repeats": self._intake.repeated(base, operation, jar)})
        case = _Case(base, base, operation, Ground("UNKNOWN"))
        try:
            queued = with_operation(base, operation, self._now())
        except NotFound:
            raise
        except Refused as error:
            return replace(case.plan, verdict=Verdict.WOULD_BE_REFUSED, code=error.code, reason=error.message)
        try:
            case = replace(case, ground=ground_of(self._cluster, base, operation))
        except FlinkFuncsError as error:
            return _unknown(case, _Unknown(error.message, error.code))
        report(case.plan)
        return self._in_its_turn(case, queued, self._cluster.in_place(jars), report)

    def _in_its_turn(self, case: _Case, queued: Queued, cluster: Cluster, report: Callable[[Plan], None]) -> Plan:
        """Plan an operation as it would be queued: one that is held is planned as if it were let through."""
        operation, record = case.operation, queued.record
        for ended in queued.ended:
            if ended.id == operation.id and ended.result:
                return _ended(case, End(ended.result.outcome, ended.result.message, code=ended.result.code))
        if held := [one for one in record.held if one.id == operation.id]:
            others = tuple(one for one in record.held if one.id != operation.id)
            record = record.but(open=(*record.open, *held), held=others)
            why = held[0].why_held or "held until it is let through (`uploads` of the job)"
            case = replace(case, notes=(f"the upload is {why}",))
        if earlier := [other.id for other in takewhile(lambda other: other.id != operation.id, record.open)]:
            count = "1 operation comes" if len(earlier) == 1 else f"{len(earlier)} operations come"
            why = f"{count} before it and may change the job: {', '.join(earlier[:3])}"
            return _unknown(case, _Unknown(why, "OperationsOpen"))
        case = case.with_record(queueing.taken_up(record, self._now()))
        case, step = self._foresee(cluster, case, report)
        match step:
            case _Unknown():
                return _unknown(case, step)
            case End():
                return _ended(case, step)
            case _:
                return self._will_do(case, step)

    # ---------------------------------------------------------------------------------------------------- foreseeing

    def _foresee(
        self, cluster: Cluster, case: _Case, report: Callable[[Plan], None]
    ) -> tuple[_Case, Acting | End | _Unknown]:
        """Look, decide and carry out what touches no job, as the driver does, up to the first step that would act."""
        waited = 0.0
        while True:
            report(case.plan)
            try:
                step = cluster.next_step(case.record, case.operation, self._now())
                match step:
                    case Keep() | UploadJar() | Check() | PlaceJar():
                        case, end = _taken(cluster, case, step, self._now())
                        if end:
                            return case, end
                    case Wait():
                        waited += max(step.seconds, 0.1)
                        if waited > WAIT_SECONDS or (
                            step.vanished and _waited_for_vanished(case.operation, self._now())
                        ):
                            return case, _Unknown(step.why, "Unsettled")
                        case = self._waited(case, step)
                    case TakeCheckpoint():
                        raise AssertionError("no operation begins with its proof")
                    case _:
                        return case, step
            except Unavailable as error:
                return case, _Unknown(error.message, error.code)

    def _waited(self, case: _Case, wait: Wait) -> _Case:
        record = progress.noted(case.record, case.operation.id, wait, self._now())
        if not wait.vanished:
            self._sleep(wait.seconds)
            return case.with_record(record)
        noted = case.with_record(record)
        since = noted.operation.model_copy(update={"vanished_at": self._now() - LONG_AGO})
        notes = (*(note for note in noted.notes if note != wait.why), wait.why)
        return replace(noted, notes=notes).with_record(noted.record.with_operation(since))

    # ------------------------------------------------------------------------------------------------------- details

    def _will_do(self, case: _Case, step: Acting) -> Plan:
        operation, record = case.operation, case.record
        known = case.plan
        if isinstance(step, Submit):
            steps: tuple[Foretold, ...] = (Foretold("Submit", step.action),)
            rollback = WayBack("none: behind the ARM API this app does not go back") if step.release else None
        else:
            steps, rollback = ahead(operation, record, step), way_back(operation, record, step)
        starts = isinstance(step, Start) and not operation.release
        return replace(
            known,
            verdict=Verdict.WILL_DO,
            steps=(*known.steps, *steps),
            stops=_stops(case, step),
            state=self._state(case, step),
            release=record.wanted if starts else known.release,
            warnings=(*known.warnings, *_unused(case)),
            downtime_seconds=self._downtime(case, step),
            rollback=rollback,
        )

    def _downtime(self, case: _Case, step: Acting) -> float | None:
        action = case.operation.action
        ends = isinstance(step, Cancel if action is Action.LAST_STATE_UPDATE else Stop)
        if not (ends and action in queueing.UPDATES):
            return None
        with suppress(FlinkFuncsError):  # the plan is as good without it
            closed = self._ledger.page(case.base.name, state="closed", top=READ_OPERATIONS).operations
            return expected_downtime_seconds(closed, action)
        return None

    def _state(self, case: _Case, step: Acting) -> StateTaken | None:
        """Return the state that is started from, with its age and size where they are known."""
        record, operation = case.record, case.operation
        if operation.action is Action.STATELESS_UPDATE or not operation.action.starts:
            return None
        match step:
            case Start(savepoint=path) | Submit(save_point_name=path):
                pass
            case Stop() | Cancel() if chosen := named(operation, record, Standing.RUNS):
                path = recorded_path(chosen, record) or state_path(chosen)
            case Stop():
                newest = record.newest_savepoint
                return self._known(case, newest.path if newest else None, StateTaken(parent_of(step), "stop"))
            case Cancel():
                path = self._newest_state(record)
            case Trigger():
                return None
            case _:
                assert_never(step)
        return self._known(case, path, _state_at(path)) if path else None

    def _newest_state(self, record: JobRecord) -> str | None:
        """Return the state that a cancelled copy would leave, if it ended now."""
        with suppress(FlinkFuncsError):  # the plan is as good without it
            left = self._cluster.newest_state(record) if isinstance(self._cluster, TellsState) else None
            return left.path if left else None
        return None

    def _known(self, case: _Case, path: str | None, state: StateTaken) -> StateTaken:
        """Add age and size of the savepoint or checkpoint at a path, where they are known."""
        if path is None:
            return state
        record, cluster = case.record, self._cluster
        facts = cluster.state_facts(record, path) if isinstance(cluster, TellsState) else StateFacts()
        recorded = (one.taken_at for one in record.savepoints if same_path(one.path, path))
        return replace(state, taken_at=next(recorded, facts.written_at), size_bytes=facts.size_bytes)


def _require_place(jar: str) -> None:
    """Refuse what is not the name of a jar, below `plans/` or among the uploads."""
    require_plain(jar)
    if not jar.startswith(PLANS):
        parse_path(jar)


def _taken(
    cluster: Cluster, case: _Case, step: Keep | UploadJar | Check | PlaceJar, now: datetime
) -> tuple[_Case, End | None]:
    """Carry out a step that touches no job, or assume that it is done; return how a refusal ends the operation."""
    number = case.operation.id
    case = case.with_record(progress.begun(case.record, number, step, now))
    if isinstance(step, PlaceJar):
        return case.with_record(progress.learned(case.record, number, step, Placed(step.release.sha256))), None
    try:
        fact = cluster.act(case.record, case.operation, step)
    except Refused as error:
        return case, end_of_refused(case.operation, step, error)
    return case.with_record(progress.learned(case.record, number, step, fact)), None


def _waited_for_vanished(operation: Operation, now: datetime) -> bool:
    """Whether the wait was assumed to be over already: then a TaskManager still holds slots of the copy."""
    return operation.vanished_at is not None and now - operation.vanished_at >= LONG_AGO


def _unknown(case: _Case, why: _Unknown) -> Plan:
    return replace(case.plan, verdict=Verdict.UNKNOWN, code=why.code, reason=why.why)


def _ended(case: _Case, end: End) -> Plan:
    verdict = Verdict.WOULD_BE_REFUSED
    if end.outcome is Outcome.SUCCEEDED:
        changes = changes_record(end, case.record, case.operation)
        verdict = Verdict.WILL_DO if changes else Verdict.NOTHING_TO_DO
    plan = replace(case.plan, verdict=verdict, code=end.code, reason=end.message)
    return replace(plan, code="Superseded") if end.outcome is Outcome.SUPERSEDED and not end.code else plan


def _stops(case: _Case, step: Acting) -> Stops | None:
    current, status = case.record.current, case.ground.status
    if isinstance(step, Stop | Cancel) and current:
        return Stops(status, current.flink_job_id, current.release.id if current.release else None)
    ends = isinstance(step, Submit) and step.action in (*queueing.ENDING, *queueing.UPDATES)
    if not ends or status in (*RESTS, "NONE", "DELETED", "CANCELLED", "JOB_LAUNCH_FAILED"):
        return None
    row, wanted = case.record.row, case.record.wanted
    return Stops(status, row.job_id if row else None, wanted.id if wanted else None)


def _unused(case: _Case) -> tuple[str, ...]:
    standing = Standing.RESTS if case.ground.status in RESTS else Standing.RUNS
    why = why_unused(case.operation, case.base, standing if case.base.current else Standing.NEW)
    return (unused_note(why).removeprefix("; "),) if why else ()


def _state_at(path: str) -> StateTaken:
    name = path.rstrip("/").removesuffix("/_metadata").rpartition("/")[2]
    return StateTaken(path, "checkpoint" if name.startswith("chk-") else "savepoint")
