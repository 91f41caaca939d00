"""Going back to a release, what is kept for it, and what is held after a rollback: on a real Azurite."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from flinkfuncs.api.shown import KeptRelease
from flinkfuncs.clients.kept_releases import KeptBlob, KeptReleases
from flinkfuncs.clients.ledger import Ledger
from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Operation, Outcome, Request
from flinkfuncs.core.release_retention import ReleasePolicy
from flinkfuncs.core.releases import KeptRelease as Kept
from flinkfuncs.core.releases import Release, SpecPatch
from flinkfuncs.core.rolled_back import CODE
from flinkfuncs.core.steps import Keep, Start, Stop, UploadJar
from flinkfuncs.intake import Intake
from flinkfuncs.operations import Patience
from flinkfuncs.releases import Releases
from tests.fixtures.arm_scenes import ArmPlay, service
from tests.fixtures.scenes import CALLER, MortalCluster, Play
from tests.stand_in.rest import FlinkServer
from tests.unit.builders import ORDERS
from tests.wire.api import Api, json_of
from tests.wire.mortal import CrashError, MortalLedger, Points
from tests.wire.server import serving
from tests.wire.session import intake
from tests.wire.storage import Storage, jar

NOW = datetime.now(UTC)
BAD = jar(padding=b"bad")  # a zip made a second later has other bytes
PATH = "/api/jobs/orders/releases"


@pytest.fixture
def play(storage: Storage, flink: FlinkServer) -> Play:
    """A job that was started from v1.jar and updated to v2.jar."""
    return Play(storage, flink).runs().uploads().drives()


def listed(play: Play) -> list[dict[str, Any]]:
    """What the route shows."""
    releases: list[dict[str, Any]] = json_of(Api(play).get(PATH))["releases"]
    return releases


def last(play: Play) -> tuple[Outcome, str | None, str]:
    """How the job's last operation ended."""
    found = play.record.last
    assert found
    closed = play.ledger.closed(found.id)
    assert closed
    assert closed.result
    return closed.result.outcome, closed.result.code, closed.result.message


def back(play: Play, beginning: str, path: str = "update", **said: object) -> Any:  # noqa: ANN401 - JSON
    """Ask the job to go back; return the reply's body."""
    return json_of(Api(play).post(f"/api/jobs/orders/{path}", json.dumps({"release": beginning} | said).encode()))


def read(storage: Storage) -> JobRecord:
    record = storage.ledger().read(ORDERS)
    assert record
    return record


def wanted(play: Play) -> Release:
    assert play.record.wanted
    return play.record.wanted


def running(play: Play) -> Release:
    assert play.record.running
    return play.record.running.own_release


def jars_of(storage: Storage) -> list[str]:
    return sorted(blob.sha256 for blob in storage.jars.releases.listed() if blob.release is None)


# ----------------------------------------------------------------------------------------------------------- going back


def test_the_releases_of_a_job_are_listed_newest_first_with_what_came_of_each(play: Play) -> None:
    """What they are, which one is wanted and runs, and by which operations; also of a job that was deleted."""
    play.asks(Action.STOP).drives()
    newer, older = listed(play)
    assert (newer["jarName"], newer["wanted"], newer["running"], newer["available"]) == ("v2.jar", True, False, True)
    assert (older["jarName"], older["wanted"], older["running"], older["available"]) == ("v1.jar", False, False, True)
    assert newer["spec"]["args"] == ["--version", "2"]
    (operation,) = older["operations"]
    assert (operation["action"], operation["cause"]["kind"], operation["outcome"]) == ("UPDATE", "upload", "SUCCEEDED")
    assert operation["id"] == older["keptBy"]
    assert operation["endedAt"] > older["keptAt"]
    play.asks(Action.DELETE).drives()
    assert [(each["id"], each["wanted"]) for each in listed(play)] == [(newer["id"], False), (older["id"], False)]


def test_secrets_are_starred_where_a_release_is_shown_and_kept_as_they_are(
    storage: Storage, flink: FlinkServer
) -> None:
    """A job that goes back needs its password."""
    play = Play(storage, flink).uploads(args="--password hunter2").drives()
    (only,) = listed(play)
    assert only["spec"]["args"] == ["--password", "******"]
    (description,) = (blob for blob in storage.jars.releases.listed(ORDERS) if blob.release)
    (kept,) = storage.jars.releases.described(ORDERS, [description])
    assert kept.release.spec.args == ("--password", "hunter2")
    assert kept.release.id == only["id"]


@pytest.mark.parametrize("path", ["update", "stateless-update", "last-state-update"])
def test_a_job_goes_back_to_the_bytes_and_the_whole_spec_of_a_release(play: Play, path: str) -> None:
    """By the path of every update; and forward again. The history says to which release."""
    play.checkpoints()
    newer, older = listed(play)
    for release in (older, newer):
        asked = back(play, release["id"][:8], path)
        assert asked["request"]["release"] == release["id"]
        play.cluster.acts.clear()
        play.drives()
        outcome, _, message = last(play)
        assert outcome is Outcome.SUCCEEDED
        assert f"went back to the release {release['jarName']} {release['id'][:12]}" in message
        assert running(play).id == wanted(play).id == release["id"]
        assert running(play).spec.args == ("--version", release["spec"]["args"][1])
        assert play.cluster.acts[0] == Keep()
        (start,) = play.cluster.starts()
        assert (start.savepoint is None) == (path == "stateless-update")
        play.checkpoints()


def test_going_back_leaves_the_window_that_the_job_has(play: Play) -> None:
    """When uploads may update the job is not a part of what it goes back to."""
    window = {"from": "02:00", "until": "05:00", "timeZone": "Europe/Berlin"}
    assert Api(play).post("/api/jobs/orders/update", json.dumps({"updateWindow": window}).encode()).status_code == 202
    play.drives().checkpoints()
    (_, older) = listed(play)
    back(play, older["id"])
    play.drives()
    assert (wanted(play).id, json_of(Api(play).get("/api/jobs/orders"))["release"]["spec"]["updateWindow"]) == (
        older["id"],
        window,
    )


def test_what_was_gone_back_to_stays_whatever_lies_under_its_name_meanwhile(
    storage: Storage, flink: FlinkServer
) -> None:
    """A later UPDATE that names no jar changes its spec, and a jar without a job.json inherits it."""
    play = Play(storage, flink)
    for version in (b"1", b"2"):
        storage.upload("stateful/orders/orders.jar", jar(padding=version))
        play.intake.upload("stateful/orders/orders.jar")
        play.drives()
        storage.next_second()
    older = listed(play)[1]
    back(play, older["id"])
    play.drives()
    Api(play).post("/api/jobs/orders/update", b'{"parallelism": 3}')
    play.drives()
    assert (running(play).sha256, running(play).spec.parallelism) == (older["sha256"], 3)
    assert running(play).jar_name == "orders.jar"
    storage.next_second()
    storage.upload("stateful/orders/orders.jar", jar(padding=b"3"))
    play.intake.upload("stateful/orders/orders.jar")
    play.drives()
    assert last(play)[0] is Outcome.SUCCEEDED
    assert running(play).spec.parallelism == 3
    assert running(play).sha256 not in {each["sha256"] for each in listed(play)[1:]}


def test_a_release_that_an_earlier_version_kept_is_known_from_its_operations(play: Play) -> None:
    """It described none; the job can go back to it as well."""
    for blob in play.cluster.jars.releases.listed(ORDERS):
        if blob.release:
            assert play.cluster.jars.releases.delete(blob)
    newer, older = listed(play)
    assert [each["jarName"] for each in (newer, older)] == ["v2.jar", "v1.jar"]
    assert older["keptBy"] == older["operations"][0]["id"]
    back(play, older["id"][:12])
    play.drives()
    assert last(play)[0] is Outcome.SUCCEEDED
    assert running(play).id == older["id"]


def test_a_release_that_is_not_known_or_not_kept_is_refused_at_once(play: Play) -> None:
    """With a code of its own, and nothing is recorded."""
    older = listed(play)[1]
    assert back(play, "0" * 12)["code"] == "ReleaseNotFound"
    play.storage.releases.delete_blob(f"orders/{older['sha256']}.jar")
    assert [each["available"] for each in listed(play)] == [True, False]
    refused = back(play, older["id"])
    assert (refused["status"], refused["code"]) == (409, "ReleaseGone")
    assert back(play, older["id"][:12], args="--topic orders")["code"] == "InvalidBody"
    assert play.record.open == ()
    reply = Api(play).post("/api/jobs/nobody/update", b'{"release": "0123456789ab"}')
    assert json_of(reply)["code"] == "JobNotFound"


def test_a_release_whose_bytes_go_after_it_was_asked_for_is_refused_before_anything_is_touched(play: Play) -> None:
    """The operation ends REFUSED, and what runs is not touched."""
    before, older = play.record.running, listed(play)[1]
    back(play, older["id"])
    play.storage.releases.delete_blob(f"orders/{older['sha256']}.jar")
    play.cluster.acts.clear()
    play.drives()
    assert last(play)[:2] == (Outcome.REFUSED, "ReleaseGone")
    assert play.cluster.acts == [Keep()]
    assert play.record.running == before


def test_a_release_that_does_not_start_leads_back_to_what_ran(play: Play) -> None:
    """Like every update; the history says what was asked for."""
    newer, older = listed(play)
    play.cluster.refuses_start = True
    back(play, older["id"])
    play.drives()
    outcome, code, message = last(play)
    assert (outcome, code) == (Outcome.ROLLED_BACK, "RolledBack")
    assert f"was to go back to the release v1.jar {older['id'][:12]}" in message
    assert running(play).id == newer["id"]


def test_behind_the_arm_api_a_job_goes_back_to_the_whole_spec_of_a_release(storage: Storage) -> None:
    """One runJob carries it, and the job's jar lies where the service reads it; the route shows what runs."""
    with serving({}) as server:
        play = ArmPlay(storage, server).uploads().drives()
        older = read(storage).wanted
        assert older
        doors = Intake(play.ledger, storage.queue, play.jars, service(server, play.jars))
        for request in (
            Request(action=Action.STATELESS_UPDATE, spec=SpecPatch(parallelism=4)),
            Request(action=Action.UPDATE, release=older.id[:8]),
        ):
            operation = doors.request(ORDERS, request, CALLER)
            play.will_carry_out(request.action)
            play.drives()
        sent = [json.loads(call.body)["properties"] for call in server.calls if call.method == "POST"]
        assert [body["flinkConfiguration"]["parallelism"] for body in sent] == ["2", "4", "2"]
    record, result = read(storage), storage.ledger().find(operation.id).result
    assert result
    assert "went back to the release v1.jar" in result.message
    assert (record.launched, record.placed) == (older.id, older.sha256)
    known, jars = retention(storage).known(record)
    shown = [KeptRelease.of(one, record, available=one.release.sha256 in jars) for one in known]
    assert [(one.spec.parallelism, one.wanted, one.running, one.available) for one in shown] == [
        (4, False, False, True),
        (2, True, True, True),
    ]


# -------------------------------------------------------------------------------------------------------------- keeping


class MortalReleases(KeptReleases):
    """A container of releases whose client may die before and behind each use of it."""

    points = Points()

    def hold(self, job: JobName, sha256: str) -> bool:
        """Hold between two places."""
        self.points.cross()
        held = super().hold(job, sha256)
        self.points.cross()
        return held

    def describe(self, job: JobName, kept: Kept) -> None:
        """Describe between two places: behind the first the bytes have just been kept."""
        self.points.cross()
        super().describe(job, kept)
        self.points.cross()


@pytest.mark.parametrize("goes_back", [False, True], ids=["an upload", "back to a release"])
def test_a_keep_that_dies_anywhere_leaves_bytes_before_a_description_and_both_before_the_record(
    storage: Storage, flink: FlinkServer, *, goes_back: bool
) -> None:
    """Whoever goes on finds the same release; each is described once, by the operation that kept it first."""
    Play(storage, flink).runs()
    before, cluster, first = read(storage), flink.flink, storage.jars.releases.listed(ORDERS)
    storage.upload("stateful/orders/job.json", json.dumps({"jar": "v2.jar"}))
    storage.upload("stateful/orders/v2.jar", jar(padding=b"2"))
    for deadly in count(1):
        storage.cluster = f"cluster{deadly}"  # a ledger of its own, a Flink, and none of the bytes
        storage.ledger().write(before, etag=None)
        flink.serve(cluster.like())
        for blob in set(storage.jars.releases.listed(ORDERS)) - set(first):
            storage.releases.delete_blob(blob.name)
        operation = asked_for(storage, before, goes_back=goes_back)
        _die_at(storage, flink, deadly)
        kept = consistent(storage, operation)
        storage.clock.sleep(Patience().lease_seconds + 1)
        storage.driver(MortalCluster(storage, flink)).drive(ORDERS)
        assert consistent(storage, operation)
        found = storage.ledger().find(operation.id)
        assert found.result
        assert found.result.outcome is Outcome.SUCCEEDED, f"died at {deadly}: {found.result.message}"
        by = {kept.operation for kept in storage.jars.releases.described(ORDERS, descriptions(storage))}
        assert by == {first_operation(before)} | (set() if goes_back else {operation.id})
        if kept:
            break
    assert deadly > 8, "there are more places than that"


def asked_for(storage: Storage, before: JobRecord, *, goes_back: bool) -> Operation:
    """Record an upload, or an operation that goes back to what ran first."""
    if goes_back:
        assert before.wanted
        return intake(storage).request(ORDERS, Request(action=Action.UPDATE, release=before.wanted.id), CALLER)
    operation = intake(storage).upload("stateful/orders/v2.jar")
    assert operation
    return operation


def first_operation(record: JobRecord) -> str:
    assert record.last
    return record.last.id


def _die_at(storage: Storage, flink: FlinkServer, deadly: int) -> None:
    """Drive to one place; the loop ends before there is none any more."""
    cluster, ledger = MortalCluster(storage, flink), MortalLedger(storage)
    cluster.jars.releases = releases = MortalReleases(storage.releases)
    ledger.points = releases.points = Points(deadly)
    with pytest.raises(CrashError):
        storage.driver(cluster, ledger=ledger).drive(ORDERS)


def descriptions(storage: Storage) -> list[KeptBlob]:
    return [blob for blob in storage.jars.releases.listed(ORDERS) if blob.release]


def consistent(storage: Storage, operation: Operation) -> bool:
    """Whether the operation names what it brings: then it is described; and what is described has its bytes."""
    described = descriptions(storage)
    assert {blob.sha256 for blob in described} <= set(jars_of(storage))
    found = storage.ledger().find(operation.id)
    assert found.release is None or found.release.id in {blob.release for blob in described}
    return found.release is not None


# ------------------------------------------------------------------------------------------------------------ retention


def later(days: float = 40) -> datetime:
    return NOW + timedelta(days=days)


def retention(storage: Storage, *, ledger: Ledger | None = None, count: int = 1, days: float = 30) -> Releases:
    return Releases(ledger or storage.ledger(), storage.jars, ReleasePolicy(count, days))


def test_what_nothing_retains_is_deleted_with_its_description(play: Play) -> None:
    """The wanted release, the running one and the way back stay, whatever the number says."""
    first = running(play).sha256
    (before,) = {each["sha256"] for each in listed(play)} - {first}
    play.uploads().drives()
    newest = running(play).sha256
    retention(play.storage, count=1, days=100).prune(later())
    assert jars_of(play.storage) == sorted([before, first, newest])
    retention(play.storage).prune(later())
    assert jars_of(play.storage) == sorted([first, newest])
    assert {blob.sha256 for blob in descriptions(play.storage)} == {first, newest}
    oldest = listed(play)[2]
    assert (oldest["jarName"], oldest["available"]) == ("v1.jar", False)
    assert back(play, oldest["id"])["code"] == "ReleaseGone"


def test_nothing_goes_while_an_operation_is_open_or_where_the_past_is_not_known(play: Play) -> None:
    """And one record that cannot be read holds up no other job."""
    play.uploads().drives().asks(Action.SAVEPOINT)
    storage, names = play.storage, "abcd"
    for job in ("lost", "newer"):
        for name in names:
            storage.releases.upload_blob(f"{job}/{name * 64}.jar", b"PK")
    storage.records.upload_blob(f"{storage.cluster}/jobs/newer.json", '{"name": "newer", "schemaVersion": 2}')
    before = jars_of(storage)
    retention(storage).prune(later())
    assert jars_of(storage) == before
    play.drives()
    retention(storage).prune(later())
    assert len(jars_of(storage)) == len(before) - 1


def test_a_jar_that_an_operation_takes_into_use_behind_the_look_at_the_record_stays(play: Play) -> None:
    """It was held after it was listed: its ETag is another one. Held again within hours, it is not written to."""
    older = listed(play)[1]["sha256"]
    play.uploads().drives()
    storage = play.storage
    holder = KeptReleases(storage.releases, now=later)

    class Late(Ledger):
        """Behind each look at a record, a Keep finds the bytes."""

        def read(self, job: JobName) -> JobRecord | None:
            record = super().read(job)
            assert holder.hold(job, older)
            return record

    retention(storage, ledger=Late(storage.records, storage.cluster)).prune(later())
    assert older in jars_of(storage)
    assert older in {blob.sha256 for blob in descriptions(storage)}
    etag = storage.jars.releases.bytes_of(ORDERS, older).get_blob_properties().etag
    assert storage.jars.releases.hold(ORDERS, older)
    assert storage.jars.releases.bytes_of(ORDERS, older).get_blob_properties().etag == etag
    storage.next_second()
    assert holder.hold(ORDERS, running(play).sha256)  # the newest one, from now on
    retention(storage).prune(later())
    assert older not in jars_of(storage)
    assert not storage.jars.releases.hold(ORDERS, older)


# ------------------------------------------------------------------------------------------------ hold after a rollback


class Pipeline:
    """Uploads one version again and again, as a pipeline does; its start fails."""

    def __init__(self, play: Play) -> None:
        """Have a job run that is to be updated."""
        self.play = play

    def uploads(self, **job_json: object) -> tuple[Outcome, str | None, str]:
        """Upload the version, with a job.json; its start fails. Return how that ended."""
        storage, play = self.play.storage, self.play
        storage.next_second()
        storage.upload("stateful/orders/bad.jar", BAD)
        storage.upload("stateful/orders/job.json", json.dumps({"jar": "bad.jar"} | job_json))
        play.cluster.acts.clear()
        play.cluster.refuses_start = True
        play.intake.upload("stateful/orders/bad.jar")
        play.drives()
        play.cluster.refuses_start = False
        return last(play)

    @property
    def touched(self) -> bool:
        """Whether anything was done to the job."""
        return any(isinstance(step, Stop | Start | UploadJar) for step in self.play.cluster.acts)


def test_an_upload_of_a_release_that_was_rolled_back_is_refused_before_anything_is_touched(play: Play) -> None:
    """The message says which operation it was and how to try again; a job.json counts once."""
    pipeline = Pipeline(play)
    assert pipeline.uploads()[0] is Outcome.ROLLED_BACK
    first = play.record.rolled_back[0]
    for _ in range(2):
        outcome, code, message = pipeline.uploads()
        assert (outcome, code) == (Outcome.REFUSED, CODE)
        assert first.operation in message
        assert not pipeline.touched
    for number in (1, 2):
        assert pipeline.uploads(again=True, **{"parallelism": 2} if number == 2 else {})[0] is Outcome.ROLLED_BACK
        assert pipeline.uploads(again=True, **{"parallelism": 2} if number == 2 else {})[:2] == (Outcome.REFUSED, CODE)
        assert not pipeline.touched
    assert [one.release for one in play.record.rolled_back] == [first.release] * 3


def test_a_call_is_not_held_and_what_comes_through_is_forgotten(play: Play) -> None:
    """The release that was rolled back is tried again by its id; then its upload has nothing to do."""
    pipeline = Pipeline(play)
    pipeline.uploads()
    release = play.record.rolled_back[0].release
    back(play, release[:12])
    play.drives()
    assert last(play)[0] is Outcome.SUCCEEDED
    assert running(play).id == release
    assert play.record.rolled_back == ()
    assert pipeline.uploads()[:2] == (Outcome.SUCCEEDED, None)
    assert not pipeline.touched


def test_a_job_json_goes_before_the_setting(play: Play) -> None:
    """A pipeline that shall try for ever can."""
    pipeline = Pipeline(play)
    for _ in range(2):
        assert pipeline.uploads(holdAfterRollback=False)[0] is Outcome.ROLLED_BACK


# ------------------------------------------------------------------------------------------- … and after one by hand


class Builds:
    """A pipeline that deploys the newest commit at each build: the same jar and spec, and another buildUrl."""

    def __init__(self, play: Play) -> None:
        """Begin with the jar that was uploaded last."""
        self.play = play
        self.number = 0

    def deploys(self, **job_json: object) -> tuple[Outcome, str | None, str]:
        """Upload the version once more; return how that ended."""
        self.number += 1
        storage, play = self.play.storage, self.play
        said = {"jar": "v2.jar", "args": "--version 2", "buildUrl": f"https://ci.example/{self.number}"} | job_json
        storage.next_second()
        storage.upload("stateful/orders/job.json", json.dumps(said))
        play.intake.upload("stateful/orders/job.json")
        play.cluster.acts.clear()
        play.drives()
        return last(play)

    def plans(self) -> dict[str, Any]:
        """Plan such an upload."""
        uploaded = self.play.storage.uploads.download_blob("stateful/orders/v2.jar").readall()
        self.play.storage.upload("plans/v2.jar", uploaded)
        said = {"jar": "plans/v2.jar", "jobJson": {"jar": "v2.jar", "args": "--version 2"}}
        plan: dict[str, Any] = json_of(Api(self.play).post("/api/jobs/orders/plan", json.dumps(said).encode()))
        return plan


def test_the_next_build_does_not_undo_what_somebody_went_back_from_by_hand(play: Play) -> None:
    """It is refused, says by whom and why, and touches nothing; a plan says the same. `again` brings it, once."""
    builds, (newer, older) = Builds(play), listed(play)
    assert builds.deploys()[:2] == (Outcome.SUCCEEDED, None)
    operation = back(play, older["id"], reason="it loses orders")
    play.drives().checkpoints()
    assert running(play).id == older["id"]
    for _ in range(2):
        outcome, code, message = builds.deploys()
        assert (outcome, code) == (Outcome.REFUSED, CODE)
        by = json_of(Api(play).get(f"/api/operations/{operation['id']}"))["cause"]["detail"]
        assert by
        assert message.startswith(
            f"somebody went back from the release v2.jar {newer['id'][:12]} with operation {operation['id']} "
            f"({by}; reason given: it loses orders). To try it again, "
        ), message
        assert play.cluster.acts == [Keep()]
    plan = builds.plans()
    assert (plan["verdict"], plan["code"]) == ("WOULD_BE_REFUSED", CODE)
    assert plan["reason"] == message
    assert builds.deploys(again=True)[:2] == (Outcome.SUCCEEDED, None)
    assert (running(play).id, play.record.rolled_back) == (newer["id"], ())
    assert builds.plans()["verdict"] == "NOTHING_TO_DO"
    play.checkpoints()
    back(play, older["id"])
    play.drives()
    assert builds.deploys(again=True)[:2] == (Outcome.REFUSED, CODE)
    assert builds.deploys(again=True, holdAfterRollback=False)[:2] == (Outcome.SUCCEEDED, None)


@pytest.mark.parametrize("path", ["update", "stateless-update", "last-state-update"])
def test_who_goes_forward_again_holds_nothing(play: Play, path: str) -> None:
    """By the path of every update: the newer release is wanted again, and nobody went back from the older one."""
    play.checkpoints()
    newer, older = listed(play)
    held = []
    for release in (older, newer):
        back(play, release["id"], path)
        play.drives().checkpoints()
        held.append([(one.release, one.reason) for one in play.record.rolled_back])
    assert held == [[(newer["id"], None)], []]


def test_going_back_while_the_job_is_stopped_holds_what_was_stopped(play: Play) -> None:
    """It starts the older release from the savepoint of the stop."""
    play.asks(Action.STOP).drives()
    newer, older = listed(play)
    back(play, older["id"])
    play.drives()
    assert (last(play)[0], running(play).id) == (Outcome.SUCCEEDED, older["id"])
    assert [one.release for one in play.record.rolled_back] == [newer["id"]]


def test_going_back_that_is_rolled_back_itself_holds_no_more_than_what_failed(play: Play) -> None:
    """The job runs and wants what it was to go back from: a build of that has nothing to do."""
    newer, older = listed(play)
    play.cluster.refuses_start = True
    back(play, older["id"])
    play.drives()
    assert last(play)[0] is Outcome.ROLLED_BACK
    assert [(one.release, one.by) for one in play.record.rolled_back] == [(older["id"], None)]
    assert Builds(play).deploys()[:2] == (Outcome.SUCCEEDED, None)
    assert running(play).id == newer["id"]


def test_a_job_whose_releases_nothing_describes_goes_back_and_forward_by_its_operations(play: Play) -> None:
    """An earlier version kept them, and its operations say when they came."""
    newer, older = listed(play)
    for blob in descriptions(play.storage):
        assert play.cluster.jars.releases.delete(blob)
    back(play, older["id"])
    play.drives().checkpoints()
    assert [one.release for one in play.record.rolled_back] == [newer["id"]]
    for blob in descriptions(play.storage):
        assert play.cluster.jars.releases.delete(blob)
    back(play, newer["id"])
    play.drives()
    assert play.record.rolled_back == ()


@pytest.mark.parametrize("hold", [True, False])
def test_behind_the_arm_api_a_build_does_not_undo_it_either(storage: Storage, *, hold: bool) -> None:
    """The setting counts there as well."""
    with serving({}) as server:
        play = ArmPlay(storage, server, hold_after_rollback=hold).uploads().drives()
        older = read(storage).wanted
        assert older
        storage.next_second()
        play.uploads("v2.jar", BAD).drives()
        newer = read(storage).wanted
        assert newer
        play.asks(Action.STATELESS_UPDATE, release=older.id).drives()
        assert [one.release for one in read(storage).rolled_back] == [newer.id]
        storage.next_second()
        play.uploads("v3.jar", BAD).drives()
    record = read(storage)
    assert record.last
    result = storage.ledger().find(record.last.id).result
    assert result
    if hold:
        assert (result.outcome, result.code, record.wanted) == (Outcome.REFUSED, CODE, record.wanted)
        assert "somebody went back from the release v3.jar" in result.message
    assert (record.wanted and record.wanted.sha256) == (older if hold else newer).sha256
