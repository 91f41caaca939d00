"""Does a plan say what the action then does, and change nothing? The real planner, intake, driver and Azurite."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flinkfuncs.clients.jars import Jars
from flinkfuncs.clients.savepoint_store import LocalSavepoints, SavepointStore
from flinkfuncs.core.actions import Action
from flinkfuncs.core.durations import downtime_seconds
from flinkfuncs.core.errors import NotFound, Refused, Unavailable
from flinkfuncs.core.idempotency import keyed
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.names import Directory, JobName
from flinkfuncs.core.operations import Operation, Outcome, Request
from flinkfuncs.core.plans import NO_RELEASE, Plan, StateTaken, Verdict
from flinkfuncs.core.releases import JarSource, SpecPatch
from flinkfuncs.core.session.ends import Limits
from flinkfuncs.core.steps import Check, Learned, Step
from flinkfuncs.core.uploads import parse_job_json
from flinkfuncs.intake import MOST_OPEN, Intake
from flinkfuncs.planning import Planner
from tests.fixtures.scenes import CALLER, MortalCluster, Play
from tests.stand_in.rest import STATE_BYTES, VERTICES, FlinkServer, flink_server
from tests.unit.builders import ORDERS
from tests.wire.api import Api, json_of
from tests.wire.arm_driver import cluster as arm_cluster
from tests.wire.server import Answer, serving
from tests.wire.session import BRIEF, Session, quick
from tests.wire.storage import Storage, jar

V2 = jar(padding=b"2 of a plan")
HARMLESS = ("/jars/upload", "/plan")  # what a plan may send to Flink


class Honest(MortalCluster):
    """A cluster that checks releases as the app does."""

    def act(self, record: JobRecord, operation: Operation, step: Step) -> Learned:
        """Act as the app's own."""
        return Session.act(self, record, operation, step)


class Slow(Honest):
    """A cluster on which no main() ends until it may."""

    goes_on = threading.Event()

    def act(self, record: JobRecord, operation: Operation, step: Step) -> Learned:
        """Act, and wait before a check."""
        if isinstance(step, Check):
            self.goes_on.wait(60)
        return super().act(record, operation, step)


class Scene(Play):
    """A job that is planned, and then driven."""

    def __init__(
        self, storage: Storage, server: FlinkServer, *, store: SavepointStore | None = None, limits: Limits = BRIEF
    ) -> None:
        """Begin without a job."""
        super().__init__(storage, server)
        self.cluster: Honest = Honest(storage, server, store=store, limits=limits)
        self.intake = Intake(self.ledger, storage.queue, self.cluster.jars, self.cluster)

    def planner(self, **options: float) -> Planner:
        """Return a planner as another process would have one."""
        clock = self.storage.clock
        made = partial(Planner, self.ledger, self.cluster.jars, self.cluster, self.intake)
        return made(now=clock.now, sleep=clock.sleep, **options)

    def plans(self, action: Action, **request: object) -> Plan:
        """Plan an action, and see that nothing was changed by it."""
        asked = Request.model_validate({"action": action, **request})
        return self._untouched(lambda: self.planner().action(ORDERS, asked, CALLER))

    def plans_upload(self, content: bytes = V2, *, folder: str = "stateful", **described: object) -> Plan:
        """Put bytes below plans/ and plan their upload."""
        self.storage.upload("plans/build-7/new.jar", content)
        job_json = parse_job_json(json.dumps({"jar": "new.jar", **described}).encode()) if described else None
        planned = partial(self.planner().upload, ORDERS, "plans/build-7/new.jar")
        return self._untouched(lambda: planned("stateless" if folder == "stateless" else "stateful", job_json))

    def uploads_as_planned(self, plan: Plan, content: bytes = V2, **described: object) -> Operation:
        """Upload it with the plan in its job.json, drive it, and return how it ended."""
        self.storage.next_second()
        self.storage.upload("stateful/orders/new.jar", content)
        self.storage.upload("stateful/orders/job.json", json.dumps({"jar": "new.jar", "plan": plan.id, **described}))
        recorded = self.intake.upload("stateful/orders/new.jar")
        assert recorded
        self.drives()
        return self.ledger.find(recorded.id)

    def does(self, plan: Plan, action: Action, **request: object) -> Operation:
        """Ask for an action as it was planned, drive it, and return how it ended."""
        asked = Request.model_validate({"action": action, **request, "plan": plan.id})
        recorded = self.intake.request(ORDERS, asked, CALLER)
        self.drives()
        return self.ledger.find(recorded.id)

    def _untouched(self, plan: Callable[[], Plan]) -> Plan:
        blobs, changes = self.blobs(), len(self.cluster.flink.changes)
        made = plan()
        assert self.blobs() == blobs
        assert [one for one in self.cluster.flink.changes[changes:] if not one.endswith(HARMLESS)] == []
        return made

    def blobs(self) -> dict[str, str]:
        """Every blob with its ETag."""
        containers = (self.storage.records, self.storage.uploads, self.storage.releases)
        return {f"{one.container_name}/{blob.name}": blob.etag for one in containers for blob in one.list_blobs()}


@pytest.fixture
def scene(storage: Storage, flink: FlinkServer) -> Scene:
    """Nothing yet."""
    return Scene(storage, flink)


@pytest.fixture
def running(scene: Scene) -> Scene:
    """A job that runs, and has completed a checkpoint."""
    return begun(scene)


@pytest.fixture(scope="module")
def unchanged(azurite: str) -> Iterator[Scene]:
    """The same, for all tests that change nothing of it."""
    with closing(Storage(azurite)) as storage, flink_server() as server:
        server.serve(quick(storage))
        yield begun(Scene(storage, server))
        assert server.flink.wrong == []


def begun(scene: Scene) -> Scene:
    """Have the job run; Flink's caches have noticed."""
    scene.runs().checkpoints()
    scene.storage.clock.sleep(20)
    return scene


def stopped(scene: Scene) -> object:
    """Stop the job."""
    return scene.asks(Action.STOP).drives()


def failed(scene: Scene) -> None:
    """Have it fail behind a checkpoint; Flink's caches have noticed."""
    scene.fails()
    scene.storage.clock.sleep(20)


def nothing_else(_: Scene) -> None:
    """It runs."""


RELEASED = ["Keep", "Check"]
STARTED = ["Start", "TakeCheckpoint"]


@pytest.mark.parametrize(
    ("action", "before", "steps"),
    [
        (Action.UPDATE, nothing_else, [*RELEASED, "Stop", *STARTED]),
        (Action.STATELESS_UPDATE, nothing_else, [*RELEASED, "Stop", *STARTED]),
        (Action.LAST_STATE_UPDATE, nothing_else, [*RELEASED, "Cancel", *STARTED]),
        (Action.UPDATE, failed, [*RELEASED, *STARTED]),
        (Action.UPDATE, stopped, [*RELEASED, *STARTED]),
        (Action.STATELESS_UPDATE, stopped, [*RELEASED, *STARTED]),
        (Action.START, stopped, STARTED),
        (Action.RE_LAUNCH, failed, STARTED),
        (Action.STOP, nothing_else, ["Stop"]),
        (Action.SAVEPOINT, nothing_else, ["Trigger"]),
        (Action.CANCEL, nothing_else, ["Cancel"]),
        (Action.DELETE, stopped, []),
    ],
)
def test_what_is_foretold_is_what_is_done(
    running: Scene, action: Action, before: Callable[[Scene], object], steps: list[str]
) -> None:
    """The plan changes nothing, and its steps are those that the operation records that carries its id."""
    before(running)
    plan = running.plans(action)
    assert (plan.verdict, plan.reason if steps else None) == (Verdict.WILL_DO, None)
    assert [one.step for one in plan.steps] == steps
    assert running.plans(action).id == plan.id
    done = running.does(plan, action)
    assert done.result
    assert done.result.outcome is Outcome.SUCCEEDED
    assert [one.step for one in done.steps] == steps


def test_a_new_job_is_planned_and_then_made(scene: Scene) -> None:
    """There is no record before, and none after the plan."""
    scene.storage.upload("jars/orders.jar", jar())
    request = {"jar": JarSource(place="directory", name="jars/orders.jar"), "spec": SpecPatch(parallelism=3)}
    plan = scene.plans(Action.NEW, **request)
    assert (plan.verdict, plan.stops, plan.state, plan.before) == (Verdict.WILL_DO, None, None, None)
    assert scene.ledger.read(ORDERS) is None
    done = scene.does(plan, Action.NEW, **request)
    assert done.result
    assert done.result.outcome is Outcome.SUCCEEDED
    assert [one.step for one in done.steps] == [one.step for one in plan.steps] == ["Keep", "Check", *STARTED]


def test_a_plan_of_an_update_says_what_stops_and_what_changes(running: Scene) -> None:
    """The run, the savepoint's place, the spec field by field, operators, slots, and the way back."""
    running.asks(Action.SAVEPOINT).drives()
    current = running.record.current
    assert current
    plan = running.plans(Action.UPDATE, spec=SpecPatch(parallelism=3, args=("--version", "9")))
    assert plan.stops
    assert plan.release
    assert (plan.stops.flink_job_id, plan.stops.status) == (current.flink_job_id, "RUNNING")
    assert plan.stops.release_id == current.own_release.id
    newest = running.record.newest_savepoint
    assert plan.state
    assert newest
    assert (plan.state.kind, plan.state.path, plan.state.taken_at) == ("stop", "file:///sp/orders", newest.taken_at)
    assert plan.compared
    assert (plan.compared.kept, plan.compared.new, plan.compared.gone) == (("count", "source"), (), ())
    assert (plan.compared.slots_needed, plan.compared.slots_free) == (3, 4)
    assert plan.rollback
    assert plan.rollback.release_id == current.own_release.id
    assert plan.downtime_seconds is None  # the only update so far was the job's first release
    shown = json_of(Api(running).post("/api/jobs/orders/update?dryRun=true", b'{"parallelism": 3, "args": "--rate 9"}'))
    assert {each["field"]: (each.get("before"), each.get("after")) for each in shown["spec"]} == {
        "parallelism": (2, 3),
        "args": (["--version", "1"], ["--rate", "9"]),
    }


@pytest.mark.parametrize("action", [Action.UPDATE, Action.STATELESS_UPDATE, Action.LAST_STATE_UPDATE])
def test_the_downtime_that_is_expected_is_that_of_the_same_action_before(running: Scene, action: Action) -> None:
    """As the operation before shows it; where nothing is ended there is none."""
    running.asks(action).drives()
    (closed,) = running.ledger.page(ORDERS, state="closed", top=1).operations
    seconds = downtime_seconds(closed)
    assert seconds
    running.checkpoints().storage.clock.sleep(20)
    for planned in (Action.UPDATE, Action.STATELESS_UPDATE, Action.LAST_STATE_UPDATE):
        expected = round(seconds, 1) if planned is action else None
        assert running.plans(planned).downtime_seconds == expected
    failed(running)
    assert running.plans(action).downtime_seconds is None


# ---------------------------------------------------------------------------------------------------- the state taken

STATE_SIZE = STATE_BYTES * len(VERTICES)


def saved(scene: Scene) -> None:
    """Take a savepoint while it runs."""
    scene.asks(Action.SAVEPOINT).drives()


@pytest.mark.parametrize(
    ("action", "before", "kind"),
    [
        (Action.START, stopped, "savepoint"),
        (Action.UPDATE, stopped, "savepoint"),
        (Action.UPDATE, saved, "stop"),
        (Action.LAST_STATE_UPDATE, saved, "savepoint"),
    ],
)
def test_a_plan_names_the_age_and_size_of_a_recorded_savepoint(
    running: Scene, action: Action, before: Callable[[Scene], object], kind: str
) -> None:
    """That of a `stop` is still to be written, so they are those of the newest one that there is."""
    before(running)
    newest, state = running.record.newest_savepoint, running.plans(action).state
    assert newest
    assert state
    path = "file:///sp/orders" if kind == "stop" else newest.path
    assert state == StateTaken(path, state.kind, newest.taken_at, STATE_SIZE)
    assert state.kind == kind


@pytest.mark.parametrize(
    ("action", "before"),
    [
        (Action.START, failed),
        (Action.RE_LAUNCH, failed),
        (Action.UPDATE, failed),
        (Action.LAST_STATE_UPDATE, failed),
        (Action.LAST_STATE_UPDATE, nothing_else),
    ],
)
def test_a_plan_names_the_age_and_size_of_a_checkpoint_as_flink_tells_them(
    running: Scene, action: Action, before: Callable[[Scene], object]
) -> None:
    """Where nothing runs, and where the job is cancelled for it."""
    before(running)
    (job,) = running.cluster.flink.jobs.values()
    assert job.completed
    state = running.plans(action).state
    assert state
    assert state.taken_at
    at = running.cluster.flink.since_1970(job.completed.at) / 1000
    assert (state.kind, state.path, state.size_bytes) == ("checkpoint", job.completed.path, STATE_SIZE)
    assert state.taken_at.timestamp() == pytest.approx(at, abs=1)


def test_a_job_without_a_savepoint_is_stopped_into_one_of_unknown_age_and_size(running: Scene) -> None:
    """Nothing is made up."""
    assert running.plans(Action.UPDATE).state == StateTaken("file:///sp/orders", "stop")


@pytest.mark.parametrize("action", [Action.UPDATE, Action.LAST_STATE_UPDATE])
def test_the_state_that_an_action_names_is_that_of_its_plan(running: Scene, action: Action) -> None:
    """Not the one that the job has, or would leave: by its bare name, too."""
    saved(running)
    first = running.record.newest_savepoint
    assert first
    running.checkpoints().asks(Action.SAVEPOINT).drives()
    for name in (first.path, first.path.rpartition("/")[2]):
        plan = running.plans(action, save_point_name=name)
        assert plan.state == StateTaken(first.path, "savepoint", first.taken_at, None)  # Flink tells of the newest one
    done = running.does(plan, action, save_point_name=name).result
    assert done
    assert done.restored_from == first.path


@pytest.fixture
def stored(storage: Storage, flink: FlinkServer, tmp_path: Path) -> Scene:
    """A job that failed, whose states lie in a directory of this machine; Flink has forgotten it."""
    limits = replace(BRIEF, savepoint_root=Directory.parse(f"{tmp_path.as_uri()}/sp"))
    scene = Scene(storage, flink, store=LocalSavepoints(), limits=limits)
    scene.cluster.flink.options["execution.checkpointing.dir"] = f"{tmp_path.as_uri()}/cp"
    scene.runs().fails().storage.clock.sleep(20)
    scene.asks(Action.CANCEL).drives()
    scene.cluster.flink.forget_ended()
    return scene


def lies(directory: Path, *, at: int, **files: int) -> str:
    """Put a complete state there that was written at a time (seconds since 1970), and return its URI."""
    for name, size in {"_metadata": 100, **files}.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(b"x" * size)
    os.utime(directory / "_metadata", (at, at))
    return directory.as_uri()


def test_a_savepoint_that_no_record_names_has_its_age_and_size_from_storage(stored: Scene, tmp_path: Path) -> None:
    """Wherever it lies below the root."""
    path = lies(tmp_path / "sp/by-hand/savepoint-1", at=1_790_000_000, task=23)
    state = stored.plans(Action.START, save_point_name=f"{path}/_metadata").state
    assert state == StateTaken(path, "savepoint", datetime.fromtimestamp(1_790_000_000, UTC), 123)


@pytest.mark.parametrize("shared", [False, True])
def test_a_checkpoint_of_a_forgotten_copy_has_its_age_and_size_from_storage(
    stored: Scene, tmp_path: Path, *, shared: bool
) -> None:
    """What it needs of the files that it shares with others nobody can tell, so it has no size then."""
    copy = stored.record.current
    assert copy
    directory = tmp_path / "cp" / copy.flink_job_id
    path = lies(directory / "chk-7", at=1_790_000_000, task=23)
    (directory / "shared").mkdir()
    if shared:
        (directory / "shared/one").write_bytes(b"x")
    state = stored.plans(Action.RE_LAUNCH).state
    expected = None if shared else 123
    assert state == StateTaken(path, "checkpoint", datetime.fromtimestamp(1_790_000_000, UTC), expected)


# ------------------------------------------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize("action", [Action.START, Action.NEW, Action.DELETE, Action.RE_LAUNCH])
def test_what_would_be_refused_is_refused_with_the_same_words(running: Scene, action: Action) -> None:
    """Code and reason are those that the operation gets."""
    plan = running.plans(action)
    done = running.does(plan, action)
    assert plan.verdict is Verdict.WOULD_BE_REFUSED
    assert done.result
    assert (plan.code, plan.reason) == (done.result.code, done.result.message)
    assert plan.stops is None


def test_what_only_lists_has_nothing_to_do(unchanged: Scene) -> None:
    """It succeeds, and the job is as it was."""
    plan = unchanged.plans(Action.LIST_SAVEPOINT)
    assert (plan.verdict, plan.reason) == (Verdict.NOTHING_TO_DO, "0 savepoints")


def test_the_release_that_runs_is_nothing_to_do_and_its_upload_neither(running: Scene) -> None:
    """Under whatever name it comes."""
    content = running.storage.uploads.download_blob("stateful/orders/v1.jar").readall()
    plan = running.plans_upload(content, args="--version 1")
    assert plan.verdict is Verdict.NOTHING_TO_DO
    done = running.uploads_as_planned(plan, content, args="--version 1")
    assert done.result
    assert (done.result.outcome, done.result.message) == (Outcome.SUCCEEDED, plan.reason)


@pytest.mark.parametrize(
    ("content", "described", "code"),
    [
        (b"no jar", {}, "NotAJar"),
        (b"", {}, "EmptyJar"),
        (V2, {"sha256": "0" * 64}, "OtherJar"),
        (V2, {"requireSlots": True, "parallelism": 40}, "NotEnoughSlots"),
        (V2, {"savepointDirectory": "file:///etc"}, "OutsideRoot"),
    ],
)
def test_an_upload_that_would_be_refused_is_refused_as_planned(
    unchanged: Scene, content: bytes, described: dict[str, Any], code: str
) -> None:
    """Before anything is uploaded, with the code that it gets when it is."""
    plan = unchanged.plans_upload(content, **described)
    assert (plan.verdict, plan.code) == (Verdict.WOULD_BE_REFUSED, code), plan.reason


def test_an_upload_into_the_other_folder_would_be_refused(unchanged: Scene) -> None:
    """The job is bound to the folder of its first upload."""
    assert unchanged.plans_upload(folder="stateless").code == "OtherFolder"


def test_what_comes_behind_something_else_is_unknown(running: Scene) -> None:
    """What is open may change the job; a STOP goes ahead of an update that waits, and can."""
    running.asks(Action.UPDATE)
    plan = running.plans(Action.SAVEPOINT)
    assert (plan.verdict, plan.code) == (Verdict.UNKNOWN, "OperationsOpen")
    assert running.record.open[0].id in (plan.reason or "")
    assert running.plans(Action.STOP).verdict is Verdict.WILL_DO


def test_one_operation_too_many_would_be_refused(running: Scene) -> None:
    """As the call itself is."""
    entry = running.ledger.entry(ORDERS)
    assert entry
    running.asks(Action.SAVEPOINT)
    (one,) = running.record.open
    entry = running.ledger.entry(ORDERS)
    assert entry
    running.ledger.write(entry.record.but(open=(one,) * MOST_OPEN), etag=entry.etag)
    assert running.plans(Action.SAVEPOINT).code == "TooManyOperations"


def test_a_cluster_that_is_away_leaves_the_plan_open(running: Scene) -> None:
    """Such an id is no word on the job: an action that carries it is not taken."""
    running.cluster.flink.is_away = True
    plan = running.plans(Action.STOP)
    assert plan.verdict is Verdict.UNKNOWN
    with pytest.raises(Unavailable) as unasked:
        running.does(plan, Action.STOP)
    assert unasked.value.code == "PlanUnverified"
    running.cluster.flink.is_away = False
    with pytest.raises(Refused, match="plan it again"):
        running.does(plan, Action.STOP)


def test_a_plan_that_takes_too_long_says_so_in_time(storage: Storage, flink: FlinkServer, running: Scene) -> None:
    """A main() that does not end holds up no caller; what is known by then is said."""
    running.cluster = slow = Slow(storage, flink)
    asked = Request(action=Action.UPDATE, spec=SpecPatch(parallelism=3))
    plan = running.planner(longest_seconds=1.5).action(ORDERS, asked, CALLER)
    slow.goes_on.set()
    assert (plan.verdict, plan.code) == (Verdict.UNKNOWN, "PlanTimeout")
    assert plan.release
    assert plan.release.spec.parallelism == 3


def test_a_copy_that_vanished_is_planned_as_if_the_wait_for_it_were_over(running: Scene) -> None:
    """The plan says that there is a wait; a copy whose slots are held leaves it unknown."""
    running.cluster.flink.restart()
    plan = running.plans(Action.STATELESS_UPDATE)
    assert plan.verdict is Verdict.WILL_DO
    assert [one.step for one in plan.steps] == ["Keep", "Check", *STARTED]
    assert "may still run" in plan.warnings[0]


# ------------------------------------------------------------------------------------------------------- the plan's id


def restarted(scene: Scene) -> None:
    """Let the job restart: Flink says so of one whose tasks fail again and again."""
    (job,) = scene.cluster.flink.running()
    job.state = "RESTARTING"


def written(scene: Scene, **changes: object) -> None:
    """Change the record."""
    entry = scene.ledger.entry(ORDERS)
    assert entry
    scene.ledger.write(entry.record.but(**changes), etag=entry.etag)


@pytest.mark.parametrize(
    "change",
    [
        lambda scene: scene.asks(Action.UPDATE, spec=SpecPatch(parallelism=3)).drives(),  # what is wanted, and runs
        lambda scene: scene.asks(Action.UPDATE).drives(),  # what runs
        stopped,  # whether it runs
        lambda scene: scene.asks(Action.SAVEPOINT),  # what is open
        lambda scene: written(scene, folder="stateless"),
        restarted,
    ],
)
def test_an_action_is_not_taken_once_something_has_changed(running: Scene, change: Callable[[Scene], object]) -> None:
    """412, and nothing is recorded: no operation, and no idempotency key."""
    plan = running.plans(Action.CANCEL)
    change(running)
    before = running.blobs()
    body, key = json.dumps({"plan": plan.id}).encode(), {"idempotency-key": "build-7"}
    reply = Api(running).call("POST", "/api/jobs/orders/cancel", body, headers=key)
    assert (reply.status_code, json_of(reply)["code"]) == (412, "PlanChanged")
    assert running.blobs() == before
    assert running.plans(Action.CANCEL).id != plan.id


def test_what_does_not_matter_leaves_the_id(running: Scene) -> None:
    """Another checkpoint, a savepoint that was taken meanwhile, uploads that are paused."""
    plan = running.plans(Action.UPDATE)
    running.checkpoints().asks(Action.SAVEPOINT).drives()
    running.control.pause_uploads(ORDERS, paused=True)
    assert running.plans(Action.UPDATE).id == plan.id


def test_another_request_or_action_is_not_what_was_planned(running: Scene) -> None:
    """The id says what was asked for."""
    plan = running.plans(Action.UPDATE, spec=SpecPatch(parallelism=3))
    with pytest.raises(Refused) as other:
        running.does(plan, Action.UPDATE, spec=SpecPatch(parallelism=4))
    assert (other.value.code, other.value.status) == ("PlanChanged", 412)
    with pytest.raises(Refused, match="another action"):
        running.does(plan, Action.STATELESS_UPDATE)


def test_another_state_to_start_from_is_not_what_was_planned(running: Scene) -> None:
    """Where nothing runs, the plan rests on it: here on a checkpoint of which storage has a newer one by now."""
    failed(running)
    plan = running.plans(Action.RE_LAUNCH)
    (job,) = running.cluster.flink.jobs.values()
    assert job.completed
    job.completed.number, job.completed.path = 99, job.completed.path.replace("chk-", "chk-9")
    running.storage.clock.sleep(5)
    with pytest.raises(Refused, match="no longer as the plan found it"):
        running.does(plan, Action.RE_LAUNCH)


def test_what_lies_under_the_uploads_name_by_then_does_not_run_in_place_of_what_was_planned(running: Scene) -> None:
    """Without a jar of its own an update runs the recorded bytes; the newer upload has an operation of its own."""
    plan = running.plans(Action.UPDATE)
    running.storage.upload("stateful/orders/v1.jar", V2)
    done = running.does(plan, Action.UPDATE)
    assert done.result
    assert plan.release
    assert done.release
    assert (done.result.outcome, done.release.id) == (Outcome.SUCCEEDED, plan.release.id)


# ------------------------------------------------------------------------------------------------- the jar of an action

V3 = jar(padding=b"3 of a plan")
BELOW_PLANS = JarSource(place="uploads", name="plans/7/new.jar")
IN_DIRECTORY = JarSource(place="directory", name="jars/orders.jar")


@pytest.mark.parametrize("action", [Action.UPDATE, Action.STATELESS_UPDATE, Action.LAST_STATE_UPDATE])
@pytest.mark.parametrize("source", [BELOW_PLANS, IN_DIRECTORY])
@pytest.mark.parametrize("content", [V3, b"no jar"])
def test_an_action_whose_jar_was_replaced_is_not_taken(
    running: Scene, action: Action, source: JarSource, content: bytes
) -> None:
    """412, and nothing is recorded: no operation, and no idempotency key; nor are bytes kept."""
    running.storage.upload(source.name, V2)
    plan = running.plans(action, jar=source)
    assert plan.verdict is Verdict.WILL_DO
    running.storage.upload(source.name, content)
    before, call = running.blobs(), keyed("build-7", "POST", f"/api/jobs/orders/{action}", b"{}")
    asked = Request(action=action, jar=source, plan=plan.id)
    for given in (None, call):
        with pytest.raises(Refused, match="plan it again") as refusal:
            running.intake.request(ORDERS, asked, CALLER, given)
        assert (refusal.value.code, refusal.value.status) == ("PlanChanged", 412)
    assert running.blobs() == before


def test_an_update_whose_recorded_jar_was_replaced_is_not_taken(scene: Scene) -> None:
    """An update that names no jar takes the one that lies there now, as callers of the ARM API replace it."""
    scene.storage.upload(IN_DIRECTORY.name, V2)
    scene.asks(Action.NEW, jar=IN_DIRECTORY).drives()
    plan = scene.plans(Action.UPDATE, spec=SpecPatch(parallelism=3))
    scene.storage.upload(IN_DIRECTORY.name, V3)
    before = scene.blobs()
    with pytest.raises(Refused, match="its jar or its spec has changed") as refusal:
        scene.does(plan, Action.UPDATE, spec=SpecPatch(parallelism=3))
    assert (refusal.value.code, refusal.value.status) == ("PlanChanged", 412)
    assert scene.blobs() == before


@pytest.mark.parametrize("source", [BELOW_PLANS, IN_DIRECTORY])
def test_the_same_bytes_under_another_etag_are_the_jar_that_was_planned(running: Scene, source: JarSource) -> None:
    """And under another name, as the plan says."""
    running.storage.upload(source.name, V2)
    plan = running.plans(Action.UPDATE, jar=source)
    running.storage.upload(source.name, V2)
    assert running.plans(Action.UPDATE, jar=source).id == plan.id
    moved = source.model_copy(update={"name": source.name.replace("new", "newer")})
    running.storage.upload(moved.name, V2)
    done = running.does(plan, Action.UPDATE, jar=moved)
    assert done.result
    assert plan.release
    assert done.release
    assert (done.result.outcome, done.release.id) == (Outcome.SUCCEEDED, plan.release.id)


def test_a_repeat_of_a_call_finds_its_operation_whatever_lies_there_by_then(running: Scene) -> None:
    """Its first call was held against the plan; the later look at the jar is that of the operation."""
    running.storage.upload(BELOW_PLANS.name, V2)
    plan = running.plans(Action.UPDATE, jar=BELOW_PLANS)
    body = json.dumps({"jar": BELOW_PLANS.name, "plan": plan.id}).encode()
    key = {"Idempotency-Key": "build-7"}
    first = Api(running).call("POST", "/api/jobs/orders/update", body, headers=key)
    running.storage.upload(BELOW_PLANS.name, V3)
    again = Api(running).call("POST", "/api/jobs/orders/update", body, headers=key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert json_of(first)["id"] == json_of(again)["id"]
    running.drives()
    ended = running.ledger.find(json_of(first)["id"]).result
    assert ended
    assert (ended.outcome, ended.code) == (Outcome.SUPERSEDED, "Overwritten")


def test_a_jar_that_cannot_be_read_now_leaves_the_call_unverified(running: Scene) -> None:
    """It may be the one that was planned: the call can be sent again."""
    running.storage.upload(IN_DIRECTORY.name, V2)
    plan = running.plans(Action.UPDATE, jar=IN_DIRECTORY)
    jars = Jars({"uploads": running.storage.uploads}, running.storage.releases)  # JOB_JAR_DIRECTORY is not set any more
    intake = Intake(running.ledger, running.storage.queue, jars, running.cluster)
    asked = Request(action=Action.UPDATE, jar=IN_DIRECTORY, plan=plan.id)
    with pytest.raises(Unavailable) as unread:
        intake.request(ORDERS, asked, CALLER)
    assert unread.value.code == "PlanUnverified"


def test_a_plan_that_read_no_jar_binds_a_call_to_none(running: Scene) -> None:
    """What would be refused before its jar is read is refused as planned."""
    running.storage.upload(BELOW_PLANS.name, V2)
    plan = running.plans(Action.NEW, jar=BELOW_PLANS)
    assert (plan.verdict, plan.id.endswith(NO_RELEASE)) == (Verdict.WOULD_BE_REFUSED, True)
    done = running.does(plan, Action.NEW, jar=BELOW_PLANS)
    assert done.result
    assert (done.result.code, done.result.message) == (plan.code, plan.reason)


# ------------------------------------------------------------------------------------------------------------- uploads


def test_a_first_upload_is_planned_and_then_made(scene: Scene) -> None:
    """The plan keeps nothing: kept bytes without a record would be an unknown past."""
    plan = scene.plans_upload(parallelism=3)
    assert (plan.verdict, plan.action) == (Verdict.WILL_DO, Action.UPDATE)
    done = scene.uploads_as_planned(plan, parallelism=3)
    assert done.result
    assert done.result.outcome is Outcome.SUCCEEDED, done.result.message
    assert [one.step for one in done.steps] == [one.step for one in plan.steps] == ["Keep", "Check", *STARTED]


def test_an_upload_is_planned_and_then_made(running: Scene) -> None:
    """Its job.json carries the plan; the same job.json beside a later jar does not count for that one."""
    plan = running.plans_upload(args="--version 2")
    assert plan.stops
    done = running.uploads_as_planned(plan, args="--version 2")
    assert done.result
    assert done.result.outcome is Outcome.SUCCEEDED, done.result.message
    assert [one.step for one in done.steps] == [one.step for one in plan.steps]
    running.storage.next_second()
    running.storage.upload("stateful/orders/new.jar", jar(padding=b"3"))
    later = running.intake.upload("stateful/orders/new.jar")
    assert later
    running.drives()
    ended = running.ledger.find(later.id).result
    assert ended
    assert (ended.outcome, ended.code) == (Outcome.REFUSED, "PlanChanged")


@pytest.mark.parametrize(
    "change",
    [
        lambda scene: scene.asks(Action.UPDATE).drives(),
        stopped,
        lambda scene: scene.asks(Action.CANCEL).drives(),
        restarted,
    ],
)
def test_an_upload_is_refused_once_the_job_has_changed(running: Scene, change: Callable[[Scene], object]) -> None:
    """When its turn comes; the job is untouched."""
    plan = running.plans_upload(parallelism=2)
    change(running)
    running.cluster.acts.clear()
    done = running.uploads_as_planned(plan, parallelism=2)
    assert done.result
    assert (done.result.outcome, done.result.code) == (Outcome.REFUSED, "PlanChanged")
    assert running.cluster.acts == []


@pytest.mark.parametrize(
    ("content", "described"), [(jar(padding=b"other"), {"parallelism": 2}), (V2, {"parallelism": 3})]
)
def test_an_upload_of_something_else_is_refused(running: Scene, content: bytes, described: dict[str, int]) -> None:
    """Another jar, or another job.json."""
    plan = running.plans_upload(parallelism=2)
    done = running.uploads_as_planned(plan, content, **described)
    assert done.result
    assert (done.result.outcome, done.result.code) == (Outcome.REFUSED, "PlanChanged")


def test_an_upload_to_a_job_that_failed_rests_on_the_state_it_takes(running: Scene) -> None:
    """What is found when it is driven is what was found when it was planned."""
    failed(running)
    plan = running.plans_upload(parallelism=2)
    assert plan.state
    done = running.uploads_as_planned(plan, parallelism=2)
    assert done.result
    assert (done.result.outcome, done.result.restored_from) == (Outcome.SUCCEEDED, plan.state.path)


def test_an_upload_to_a_stopped_job_becomes_what_its_next_start_runs(running: Scene) -> None:
    """That changes the record, so there is something to do, without a step but Keep."""
    stopped(running)
    plan = running.plans_upload(parallelism=2)
    assert (plan.verdict, [one.step for one in plan.steps]) == (Verdict.WILL_DO, ["Keep"])
    done = running.uploads_as_planned(plan, parallelism=2)
    assert done.result
    assert (done.result.outcome, done.result.message) == (Outcome.SUCCEEDED, plan.reason)


def test_an_upload_that_would_be_held_is_planned_as_if_it_were_let_through(running: Scene) -> None:
    """And is taken as planned when it is."""
    running.control.pause_uploads(ORDERS, paused=True)
    plan = running.plans_upload(parallelism=2)
    assert (plan.verdict, plan.warnings[0].split(" until")[0]) == (Verdict.WILL_DO, "the upload is held")
    held = running.uploads_as_planned(plan, parallelism=2)
    assert held.result is None
    running.control.pause_uploads(ORDERS, paused=False)
    running.drives()
    ended = running.ledger.find(held.id).result
    assert ended
    assert ended.outcome is Outcome.SUCCEEDED


def test_an_upload_that_another_one_would_supersede_would_be_refused(running: Scene) -> None:
    """One that brings again what was handled under its name, while another waits."""
    content = running.storage.uploads.download_blob("stateful/orders/v1.jar").readall()
    running.uploads()
    running.storage.upload("plans/v1.jar", content)
    plan = running.planner().upload(ORDERS, "plans/v1.jar", "stateful", None)
    assert (plan.verdict, plan.code) == (Verdict.WOULD_BE_REFUSED, "HandledBefore")


def test_jars_below_plans_are_no_uploads(scene: Scene) -> None:
    """No sweep takes them, and no list shows them."""
    scene.storage.upload("plans/orders/x.jar", V2)
    scene.intake.sweep(scene.storage.clock.now())
    assert scene.ledger.listed() == {}
    assert json_of(Api(scene).get("/api/uploads")) == {"uploads": []}


# ------------------------------------------------------------------------------------------------------------- the API


def test_a_plan_of_an_upload_is_shown_as_described(unchanged: Scene) -> None:
    """`Api` compares it with the document."""
    unchanged.storage.upload("plans/x/new.jar", V2)
    body = {"jar": "plans/x/new.jar", "jobJson": {"jar": "new.jar", "args": "--db.password hunter2"}}
    reply = Api(unchanged).post("/api/jobs/orders/plan", json.dumps(body).encode())
    shown = json_of(reply)
    assert (reply.status_code, shown["verdict"], shown["action"]) == (200, "WILL_DO", "UPDATE")
    assert {each["field"] for each in shown["spec"]} == {"args", "sha256"}
    assert b"hunter2" not in reply.get_body()
    assert shown["release"]["jarName"] == "new.jar"
    same = Api(unchanged).post("/api/jobs/orders/plan", b'{"jar": "stateful/orders/v1.jar"}')
    assert json_of(same)["verdict"] == "NOTHING_TO_DO"


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("orders/stop?dryRun=yes", {}, 400, "InvalidQuery"),
        ("orders/stop?dryRun=true", {"x": 1}, 400, "InvalidBody"),
        ("orders/stop?dryRun=true", {"plan": "x"}, 400, "InvalidBody"),
        ("nobody/stop?dryRun=true", {}, 404, "JobNotFound"),
        ("orders/plan", {}, 400, "InvalidBody"),
        ("orders/plan", {"jar": "plans/no.jar"}, 404, "JarNotFound"),
        ("orders/plan", {"jar": "elsewhere/x.jar"}, 400, "InvalidPath"),
        ("orders/plan", {"jar": "plans/job.json"}, 400, "InvalidPath"),
        ("orders/plan", {"jar": "plans/../../releases/orders/x.jar"}, 400, "InvalidPath"),
        ("orders/plan", {"jar": "plans//x.jar"}, 400, "InvalidPath"),
        ("orders/plan", {"jar": "plans/a\\x.jar"}, 400, "InvalidPath"),
        ("orders/plan", {"jar": "plans/x.jar", "jobJson": {"jar": "a/b.jar"}}, 400, "InvalidBody"),
        ("A_B/plan", {"jar": "plans/x.jar"}, 400, "InvalidJobName"),
    ],
)
def test_what_is_not_a_plan_is_a_problem_document(
    unchanged: Scene, path: str, body: dict[str, object], status: int, code: str
) -> None:
    """With a code of its route."""
    reply = Api(unchanged).post(f"/api/jobs/{path}", json.dumps(body).encode())
    assert (reply.status_code, json_of(reply)["code"]) == (status, code)


PLANNED = [("orders/stop?dryRun=true", b""), ("orders/plan", b'{"jar": "plans/x/new.jar"}')]


@pytest.mark.parametrize(("path", "body"), PLANNED)
@pytest.mark.parametrize(
    "headers",
    [
        {"Idempotency-Key": ""},
        {"Idempotency-Key": "x" * 129},
        {"Repeatability-Request-ID": "a b"},
        {"Idempotency-Key": "a", "Repeatability-Request-ID": "b"},
    ],
)
def test_a_plan_refuses_a_key_that_cannot_be_one(
    unchanged: Scene, path: str, body: bytes, headers: dict[str, str]
) -> None:
    """As the action would, which comes with the same one."""
    unchanged.storage.upload("plans/x/new.jar", V2)
    reply = Api(unchanged).call("POST", f"/api/jobs/{path}", body, headers=headers)
    assert (reply.status_code, json_of(reply)["code"]) == (400, "InvalidKey")


@pytest.mark.parametrize(("path", "body"), PLANNED)
def test_a_plan_leaves_its_key_to_the_action(running: Scene, path: str, body: bytes) -> None:
    """It is made anew each time, and another call may have the key afterwards."""
    running.storage.upload("plans/x/new.jar", V2)
    key, before = {"Idempotency-Key": "build-7"}, running.blobs()
    first, second = (Api(running).call("POST", f"/api/jobs/{path}", body, headers=key) for _ in range(2))
    assert (first.status_code, json_of(first)) == (200, json_of(second))
    assert "Idempotency-Replayed" not in second.headers
    assert running.blobs() == before
    done = Api(running).call("POST", "/api/jobs/orders/savepoint", b"{}", headers=key)
    assert (done.status_code, done.headers.get("Idempotency-Replayed")) == (202, None)
    running.drives()
    third = Api(running).call("POST", f"/api/jobs/{path}", body, headers=key)
    assert (third.status_code, third.headers.get("Idempotency-Replayed")) == (200, None)


def test_a_deleted_job_has_nothing_to_plan(running: Scene) -> None:
    """As the action itself says."""
    stopped(running)
    running.asks(Action.DELETE).drives()
    with pytest.raises(NotFound, match="was deleted"):
        running.plans(Action.START)


# -------------------------------------------------------------------------------------------------------- the ARM API


def test_behind_the_arm_api_the_jar_is_read_and_nothing_is_sent(storage: Storage) -> None:
    """The steps are those of an UPDATE there; the savepoint and the way back are the service's."""
    row = {"jobName": "orders", "status": "RUNNING", "actionResult": "SUCCESS", "jobId": "c" * 32}
    storage.upload("jars/orders.jar", jar())
    jars = Jars({"uploads": storage.uploads, "directory": storage.uploads}, storage.releases)
    request = Request(action=Action.UPDATE, jar=JarSource(place="directory", name="jars/orders.jar"))
    storage.ledger().write(JobRecord(name=ORDERS), etag=None)
    with serving({"GET /jobs": [Answer(body={"value": [{"id": "x", "properties": row}]})]}) as server:
        cluster = arm_cluster(server)
        intake = Intake(storage.ledger(), storage.queue, jars, cluster)
        planner = Planner(storage.ledger(), jars, cluster, intake)
        plan = planner.action(ORDERS, request, CALLER)
        assert [one.step for one in plan.steps] == ["Keep", "PlaceJar", "Submit"]
        assert (plan.verdict, plan.stops and plan.stops.status) == (Verdict.WILL_DO, "RUNNING")
        assert [call.method for call in server.calls if call.method != "GET"] == []
        changed = request.model_copy(update={"plan": f"{NO_RELEASE}.{NO_RELEASE}"})
        with pytest.raises(Refused, match="plan it again"):
            intake.request(ORDERS, changed, CALLER)
        assert intake.request(ORDERS, request.model_copy(update={"plan": plan.id}), CALLER)
    assert list(storage.releases.list_blob_names()) == []
    assert JobName("orders") in storage.ledger().listed()
