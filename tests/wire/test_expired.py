"""What still holds once the lifecycle rule of infra/ has deleted the closed operations, as docs/actions.md says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.operations import Outcome
from flinkfuncs.core.orphans import Found
from tests.fixtures.scenes import Play
from tests.stand_in.rest import FlinkServer
from tests.unit.builders import ORDERS
from tests.wire.api import Api, json_of
from tests.wire.server import Answer, serving
from tests.wire.session import intake
from tests.wire.storage import Storage
from tests.wire.test_housekeeping import KEPT, Shelf, gave_up, keeper, paths, put, read, saved
from tests.wire.test_messages import Place, uploading

RULE = ("closed", "uploads", "sent")  # the folders of the rule


def expires(storage: Storage) -> None:
    """Delete what the rule deletes, whatever still names it."""
    for folder in RULE:
        for blob in storage.records.list_blob_names(name_starts_with=f"{storage.cluster}/{folder}/"):
            storage.records.delete_blob(blob)


@pytest.fixture
def play(storage: Storage, flink: FlinkServer) -> Play:
    """A job that was updated to v2.jar, taken back to v1.jar, and whose operations are gone."""
    play = Play(storage, flink).runs()
    first = play.record.wanted
    assert first
    play.uploads().drives().checkpoints()
    play.asks(Action.UPDATE, release=first.id, reason="it loses orders").drives()
    expires(storage)
    return play


def last(play: Play) -> tuple[Outcome, str | None]:
    """How the job's last operation ended."""
    found = play.record.last
    assert found
    closed = play.ledger.closed(found.id)
    assert closed
    assert closed.result
    return closed.result.outcome, closed.result.code


def test_the_job_keeps_what_it_needs(play: Play) -> None:
    """Its last operation, its savepoints and its releases; the operations themselves are not found any more."""
    api, record = Api(play), play.record
    job = json_of(api.get("/api/jobs/orders"))
    assert (job["last"]["outcome"], job["last"]["reason"]) == ("SUCCEEDED", "it loses orders")
    assert json_of(api.get(f"/api/operations/{job['last']['id']}"))["code"] == "OperationNotFound"
    assert json_of(api.get("/api/operations?job=orders"))["operations"] == []
    savepoints = json_of(api.get("/api/jobs/orders/savepoints"))["savepoints"]
    assert [(one["path"], one["origin"]) for one in savepoints] == [
        (one.path, "UPDATE") for one in reversed(record.savepoints)
    ]
    newer, older = json_of(api.get("/api/jobs/orders/releases"))["releases"]
    assert (newer["jarName"], older["jarName"]) == ("v2.jar", "v1.jar")
    assert newer["keptAt"] > older["keptAt"]
    assert all(each["keptBy"] and each["available"] and not each["operations"] for each in (newer, older))


def test_what_somebody_went_back_from_stays_held(play: Play) -> None:
    """And the release can be asked for by its id; then it is forgotten, as ever."""
    content = play.storage.uploads.download_blob("stateful/orders/v2.jar").readall()
    play.storage.next_second()
    play.storage.upload("stateful/orders/again.jar", content)
    play.storage.upload("stateful/orders/job.json", json.dumps({"jar": "again.jar", "args": "--version 2"}))
    play.intake.upload("stateful/orders/again.jar")
    play.drives()
    assert last(play) == (Outcome.REFUSED, "RolledBackBefore")
    expires(play.storage)
    play.asks(Action.UPDATE, release=play.record.rolled_back[0].release).drives()
    assert (last(play)[0], play.record.rolled_back) == (Outcome.SUCCEEDED, ())


def test_a_touched_jar_is_nothing_new_and_no_upload_is_found_again(play: Play) -> None:
    """The record knows which bytes were handled, and how far its uploads are known."""
    later = datetime.now(UTC) + timedelta(days=400)
    intake(play.storage).sweep(later)
    assert play.record.open == ()
    play.storage.next_second()
    play.touches().drives()
    assert last(play) == (Outcome.SUPERSEDED, "HandledBefore")


def test_an_orphan_of_a_deleted_operation_is_only_shown(storage: Storage) -> None:
    """Nothing says any more that it is this deployment's own."""
    put(storage, KEPT.but(savepoints=(saved(3, restored=True), saved(4))))
    operation = gave_up(storage)
    orphan = Found(
        f"file:///sp/orders/{operation.id}/savepoint-x", operation.id, datetime.now(UTC) - timedelta(days=500)
    )
    expires(storage)
    with serving({}) as server:
        housekeeper, before = keeper(storage, server, store=Shelf(orphan)), paths(storage)
        housekeeper.retain(ORDERS, datetime.now(UTC))
        assert housekeeper.orphans(read(storage)) == [orphan]
        assert (paths(storage), server.calls) == (before, [])


@pytest.mark.parametrize("blob", ["stateful/orders/job.json", "stateful/no_job/a.jar"])
def test_an_upload_that_was_refused_and_still_lies_there_is_reported_once_more(storage: Storage, blob: str) -> None:
    """No record knows it, so it is refused again when somebody looks."""
    with serving({"POST /hook": [Answer(200)]}) as server:
        place = Place(storage, server)
        storage.upload(blob, "{")
        for _ in range(2):
            for _ in range(2):
                uploading(storage, place).sweep(datetime.now(UTC))
                uploading(storage, place).upload(blob)
                place.settle(rounds=1)
            expires(storage)
        assert len(place.got) == 2
        assert len(set(place.got)) == 1
