"""What holds whatever happens: any actions, on a cluster that lags, loses answers, refuses and restarts, with crashes.

The loop of `operations.py` is played without I/O: look, decide, write down, act, write down what it told. The look is
the app's own, on a model of a cluster that answers in the place of Flink and of storage.
A crash is an end of the loop at any of these points; the next driver has the record, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from itertools import chain, count, repeat
from typing import Literal

from azure.storage.blob import ContainerClient
from hypothesis import given, settings
from hypothesis import strategies as st

from flinkfuncs.clients.jars import Jars
from flinkfuncs.clusters.session import SessionCluster
from flinkfuncs.core import progress, queueing
from flinkfuncs.core.abandoning import abandoned
from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Cause, Checked, Operation, Outcome, Request, operation_id
from flinkfuncs.core.releases import JarSource, Release
from flinkfuncs.core.session.blame import Blame
from flinkfuncs.core.session.facts import CopyState
from flinkfuncs.core.steps import Check, End, Found, Keep, Kept, Learned, Start, Step, Stop, Turned, Wait
from flinkfuncs.core.undone import replayed
from tests.unit.builders import LIMITS, NOW, ORDERS, release
from tests.unit.session.cluster_model import Answers, Cluster, Refusal, Stored, as_flink_writes

MOST_LOOKS = 2000


class Turn(Enum):
    """What may happen in one turn of the loop, before the look or behind it."""

    NOTHING = auto()
    CACHES_LAG = auto()
    CRASH_AFTER_LOOKING = auto()
    STOP_FAILS = auto()
    JOBMANAGER_RESTARTS = auto()
    COPY_FINISHES = auto()
    COPY_FAILS = auto()
    CLUSTER_LOSES_COPY = auto()
    COPY_RESTARTS = auto()
    CHECKPOINT = auto()
    ABANDONED = auto()
    NAMESAKE = auto()  # somebody else starts a job of this name, or ends it


class Call(Enum):
    """What may become of one call that changes something."""

    ANSWERED = auto()
    CRASH_BEFORE = auto()
    CRASH_BEHIND = auto()
    DOES_NOT_LEAVE = auto()
    LOST = auto()
    ANSWER_LOST = auto()
    LATE = auto()
    VERY_LATE = auto()
    REFUSED = auto()
    ABANDONED_BEFORE = auto()  # its driver sleeps on the way to the call, and makes it long after it lost the job


class Upload(Enum):
    """An UPDATE that names the oldest savepoint: by one of two job.jsons beside the jar, or by a call."""

    ONE = "a"
    ANOTHER = "b"
    NONE = ""


UNANSWERED = {Call.LOST, Call.ANSWER_LOST, Call.LATE, Call.VERY_LATE}
ASLEEP_SECONDS = 20.0
PURPOSES: tuple[Literal["copy", "rollback"], ...] = ("copy", "rollback")
LATE_SECONDS = {Call.LATE: 12.0, Call.VERY_LATE: 400.0}

ACTIONS = st.sampled_from([
    Action.UPDATE,
    Action.STATELESS_UPDATE,
    Action.STOP,
    Action.START,
    Action.SAVEPOINT,
    Action.CANCEL,
    Action.DELETE,
    Action.NEW,
    Action.LAST_STATE_UPDATE,
    Action.RE_LAUNCH,
])  # fmt: skip
UPLOADS = st.sampled_from(Upload)
TURNS = st.one_of(st.just(Turn.NOTHING), st.just(Turn.NOTHING), st.sampled_from(Turn))
CALLS = st.one_of(st.just(Call.ANSWERED), st.sampled_from(Call))


class World:
    """One job on one cluster, and what is still to happen there."""

    def __init__(self, turns: list[Turn], calls: list[Call]) -> None:
        """Begin without a job."""
        self.cluster = Cluster(NOW)
        self._session = session_on(self.cluster)
        self.record = JobRecord(name=ORDERS)
        self._turns: Iterator[Turn] = chain(turns, repeat(Turn.NOTHING))
        self._calls: Iterator[Call] = chain(calls, repeat(Call.ANSWERED))
        self._numbers = count()
        self._named: dict[str, str] = {}  # which operation started from what a job.json names
        self._runs_before_this_life = 0  # DELETE gives the name free: what ran before it is no state of the job

    def ask(self, asked: Action | Upload) -> Operation:
        """Record an operation."""
        number = next(self._numbers)
        now = self.cluster.now
        request = Request(action=asked, without_savepoint=number % 2 == 1) if isinstance(asked, Action) else None
        by_upload = isinstance(asked, Upload) and asked.value
        operation = Operation(
            id=operation_id(ORDERS, at=now, identity=str(number)),
            job=ORDERS,
            request=request or self._naming(str(asked.value)),
            cause=Cause(kind="upload" if by_upload else "http", detail=str(number)),
            requested_at=now,
            progressed_at=now,
        )
        self.record = self.record.but(open=(operation,), deleted=False)
        return operation

    def _naming(self, job_json: str) -> Request:
        oldest = self.record.savepoints[0].path if self.record.savepoints else None
        source = JarSource(place="uploads", name="stateful/orders/a.jar", last_modified=self.cluster.now)
        request = Request(action=Action.UPDATE, save_point_name=oldest)
        if not job_json:
            return request
        return request.model_copy(update={"jar": source, "job_json_sha256": job_json * 64})

    def drive(self, operation: Operation) -> End:
        """Drive the operation to its end, through any number of crashes."""
        for _ in range(MOST_LOOKS):
            end = self._turn(operation.id)
            if end:
                return end
        raise AssertionError(f"{operation.action} does not end: {self.record.open[0].steps[-3:]}")

    def _turn(self, operation_id: str) -> End | None:
        turn = next(self._turns)
        self._let_happen(turn)
        self.record = queueing.taken_up(self.record, self.cluster.now)
        self.cluster.caches_lag = turn is Turn.CACHES_LAG
        step = self._session.next_step(self.record, self.record.open[0], self.cluster.now)
        if turn is Turn.ABANDONED:
            return self._abandon()
        if turn is Turn.CRASH_AFTER_LOOKING:
            self._crash()
            return None
        match step:
            case End():
                return self._conclude(step)
            case Wait():
                self.record = progress.noted(self.record, operation_id, step, self.cluster.now)
                self.cluster.pass_time(step.seconds)
                return None
        self.record = progress.begun(self.record, operation_id, step, self.cluster.now)
        self._check(step)
        return self._act(operation_id, step, next(self._calls))

    def _conclude(self, end: End) -> End:
        self._check_untouched(self.record.open[0])
        operation = progress.closed(self.record, self.record.open[0].id, end, self.cluster.now)
        self._check_told(operation)
        self.record = progress.concluded(self.record, operation, end, self.cluster.now)
        assert not self.record.open
        if end.forget:
            self._runs_before_this_life = len(self.cluster.runs)
            self._named.clear()
        if end.ended == "NEVER_STARTED":
            self._named = {job_json: by for job_json, by in self._named.items() if by != operation.id}
        # What is written down is read again by the next driver.
        self.record = JobRecord.model_validate_json(self.record.to_json())
        return end

    def _abandon(self) -> End:
        """Somebody ends the operation as it stands; what it sent is still on its way."""
        self.record, closed = abandoned(self.record, self.record.open[0], "a person", self.cluster.now)
        self.record = JobRecord.model_validate_json(self.record.to_json())
        self._check_told(closed)
        assert closed.result
        return End(closed.result.outcome, closed.result.message)

    def _act(self, operation_id: str, step: Step, call: Call) -> End | None:
        if call is Call.CRASH_BEFORE:
            self._crash()
            return None
        if call is Call.ABANDONED_BEFORE:
            self.cluster.later(step, ASLEEP_SECONDS)
            return self._abandon()
        try:
            fact = self._call(step, call)
        except ConnectionError:
            self.record = progress.unsent(self.record, operation_id, step)
        except TimeoutError:
            self.cluster.pass_time(15)
        except Refusal as refusal:
            self.record = progress.learned(self.record, operation_id, step, Turned(str(refusal)))
        else:
            if call is Call.CRASH_BEHIND:
                self._crash()
            elif fact:
                self.record = progress.learned(self.record, operation_id, step, fact)
        self.cluster.pass_time(0.5)
        return None

    def _call(self, step: Step, call: Call) -> Learned:
        if call is Call.DOES_NOT_LEAVE:
            raise ConnectionError
        if isinstance(step, Keep):
            return Kept(release(f"jar {self.record.open[0].id}"))
        if isinstance(step, Check) and call in (Call.REFUSED, Call.ANSWERED, Call.CRASH_BEHIND):
            return Found(verdict(step.release, refused=call is Call.REFUSED))
        if call is Call.REFUSED:
            raise Refusal("no")
        if seconds := LATE_SECONDS.get(call):
            # Only a start may take effect very late: its main() may run for long before the job is submitted.
            self.cluster.later(step, seconds if isinstance(step, Start) else 12.0)
        elif call is not Call.LOST:
            self.cluster.take(step)
        if call in UNANSWERED:
            raise TimeoutError
        return None

    def _let_happen(self, turn: Turn) -> None:
        """Let the world go on by itself; a stop that is under way completes in the second turn."""
        if turn is Turn.JOBMANAGER_RESTARTS:
            self.cluster.restart_jobmanager()
        if turn is Turn.CHECKPOINT:
            self.cluster.complete_checkpoint()
        if turn is Turn.NAMESAKE:
            self.cluster.start_namesake()
        if turn is Turn.COPY_RESTARTS:
            self.cluster.restart_copy()
        if turn is Turn.COPY_FINISHES:
            self.cluster.end_by_itself(CopyState.FINISHED)
        if turn in (Turn.COPY_FAILS, Turn.CLUSTER_LOSES_COPY):
            blame = Blame.RELEASE if turn is Turn.COPY_FAILS else Blame.CLUSTER
            self.cluster.end_by_itself(CopyState.FAILED, blame)
        for stop in list(self.cluster.stops.values()):
            (self.cluster.fail_stop if turn is Turn.STOP_FAILS else self.cluster.finish_stop)(stop)

    def _crash(self) -> None:
        """Lose all but the record; the lease runs out before the next driver comes."""
        self.record = JobRecord.model_validate_json(self.record.to_json())
        self.cluster.pass_time(45)

    def _check_untouched(self, operation: Operation) -> None:
        """A release that was refused touched nothing."""
        if operation.checked and operation.checked.verdict == "REFUSED":
            assert not operation.acted
            assert {step.step for step in operation.steps} <= {"Keep", "UploadJar", "Check"}

    def _check_told(self, operation: Operation) -> None:
        """An end hides nothing: why a copy was undone, and that output is visible of one that did not stay."""
        assert operation.result
        message, undo = operation.result.message, operation.undo
        if undo and operation.rollback:
            assert undo.reason in message
            assert replayed(undo) in message
        if operation.result.outcome is Outcome.SUCCEEDED:
            return
        purposes = PURPOSES[:1] if operation.result.outcome is Outcome.ROLLED_BACK else PURPOSES
        started = [operation.copy_token(purpose, lost) for purpose in purposes for lost in range(4)]
        if self.cluster.committed.intersection(started):
            words = ("is committed", "may be committed", "comes again", "may come again", "is not known")
            assert any(part in message for part in words), message

    def _check(self, step: Step) -> None:
        """A start without state is one that was asked for, the same again, or of what never ran; a stop has one id."""
        operation = self.record.open[0]
        if isinstance(step, Stop):
            copy = self.record.current
            assert copy, "only a copy is stopped"
            assert copy.stop, "a stop is written down with the copy"
            assert step.trigger_id == copy.stop.trigger_id
        named = operation.request.save_point_name
        if isinstance(step, Start) and named and as_flink_writes(step.savepoint or "") == as_flink_writes(named):
            self._check_named(operation, step)
        if isinstance(step, Start) and step.savepoint is None:
            starts = [taken for taken in operation.steps if taken.step == "Start" and step.flink_job_id in taken.detail]
            repeated = step.flink_job_id != operation.token("copy") or len(starts) > 1
            never_ran = len(self.cluster.runs) == self._runs_before_this_life
            assert repeated or never_ran or operation.action in (Action.STATELESS_UPDATE, Action.NEW)

    def _check_named(self, operation: Operation, step: Start) -> None:
        """Let a start go back to what was named: by a job.json once, and not where this upload ended a copy."""
        job_json = operation.request.job_json_sha256
        if job_json is None:
            self.cluster.back.add(step.flink_job_id)
        elif not (operation.stop or operation.cancel):
            first = self._named.setdefault(job_json, operation.id) == operation.id
            if first:
                self.cluster.back.add(step.flink_job_id)


def session_on(cluster: Cluster) -> SessionCluster:
    """Return the app's own cluster, which asks the model; it is never called to act."""
    jars = Jars({}, ContainerClient("http://127.0.0.1:9", "none"))

    def kept(_record: JobRecord, operation: Operation) -> Release:
        return release(f"jar {operation.id}")

    return SessionCluster(
        Answers(cluster), jars, kept, LIMITS, name="model", owner_of=lambda _id, _name: None, store=Stored(cluster)
    )


def verdict(release: Release, *, refused: bool) -> Checked:
    """Return what a check found out."""
    if refused:
        return Checked(release=release.id, verdict="REFUSED", code="PlanFailed", cause="main() throws")
    return Checked(release=release.id, verdict="PASSED")


@settings(max_examples=600)
@given(
    actions=st.lists(st.one_of(ACTIONS, UPLOADS), min_size=2, max_size=6),
    turns=st.lists(TURNS, max_size=60),
    calls=st.lists(CALLS, min_size=4, max_size=20),
)
def test_whatever_happens_one_copy_runs_at_most_from_its_newest_state_and_every_operation_ends(
    actions: list[Action | Upload], turns: list[Turn], calls: list[Call]
) -> None:
    """Never two copies, never without state unless asked, one trigger id between two stops, and always an end.

    None beside a job of its name that is not ours, and from what a job.json names once at most, where nothing runs.
    """
    world = World(turns, calls)
    for action in [Action.NEW, *actions]:
        end = world.drive(world.ask(action))
        assert end.message
    world.cluster.pass_time(1000)  # what is still on its way comes, too


def test_a_job_json_takes_a_job_that_failed_back_once() -> None:
    """The second time the same job.json is beside a jar, the job continues from what it saved since."""
    world = World([], [])
    for action in (Action.NEW, Action.SAVEPOINT):
        world.drive(world.ask(action))
    for upload, goes_back in ((Upload.ONE, True), (Upload.ONE, False), (Upload.ANOTHER, True), (Upload.ONE, False)):
        world.cluster.pass_time(60)
        world.cluster.complete_checkpoint()
        world.cluster.end_by_itself(CopyState.FAILED)
        end = world.drive(world.ask(upload))
        assert end.outcome is Outcome.SUCCEEDED, end
        oldest = world.record.savepoints[0].path
        assert (end.restored_from == oldest) is goes_back
        assert ("savePointName was not used" in end.message) is not goes_back
