"""The app is replaced while operations run: every record of an earlier version is carried on, one of a newer is left.

The fixtures are records as the versions before wrote them, half-way (tests/fixtures). The current driver and ledger
take each of them to the end that its own version would have come to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import JsonValue

from flinkfuncs.clients.ledger import Ledger
from flinkfuncs.clusters.cluster import Cluster
from flinkfuncs.control import Control
from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import Unavailable
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Cause, Operation, Request
from flinkfuncs.core.steps import Learned, Step, Stop
from tests.fixtures.arm_scenes import ArmPlay, replaying, service
from tests.fixtures.fields import models, shown
from tests.fixtures.halfway import NAMES, load, restored_as_it_was
from tests.stand_in.rest import FlinkServer
from tests.unit.builders import ORDERS
from tests.wire.server import serving
from tests.wire.session import Session, intake
from tests.wire.storage import Storage, jar

SESSION = [name for name in NAMES if load(name).flink]
HDINSIGHT = [name for name in NAMES if load(name).service]


def blob(storage: Storage, job: JobName = ORDERS) -> str:
    """Name the record's blob."""
    return f"{storage.cluster}/jobs/{job}.json"


def now(storage: Storage) -> datetime:
    """Return a moment by which the storage's clock, of whole seconds, says that the lease of who died has run out."""
    return storage.clock.now() - timedelta(seconds=1)


def finished(storage: Storage, cluster: Cluster) -> JobRecord:
    """Drive everything that is open or held to its end."""
    ledger = storage.ledger()
    control = Control(ledger, storage.queue)
    if _read(ledger).uploads_paused or _read(ledger).held:
        control.pause_uploads(ORDERS, paused=False)
    for _ in range(100):
        if not _read(ledger).open:
            break
        storage.driver(cluster).drive(ORDERS)
    else:
        raise AssertionError("it does not end")
    return _read(ledger)


def _read(ledger: Ledger) -> JobRecord:
    record = ledger.read(ORDERS)
    assert record
    return record


def outcomes(storage: Storage, names: object) -> dict[str, str]:
    """Return how these operations ended."""
    ledger = storage.ledger()
    assert isinstance(names, dict)
    closed = {name: ledger.closed(name) for name in names}
    return {name: one.result.outcome for name, one in closed.items() if one and one.result}


@pytest.mark.parametrize("name", SESSION)
def test_what_an_earlier_version_began_on_a_session_cluster_comes_to_its_end(
    storage: Storage, cluster: Session, name: str
) -> None:
    """The same outcome, the same copy, from the same state, with the same savepoints; and nothing is sent twice."""
    fixture = load(name)
    assert fixture.flink
    cluster.flink.may_leave_state = '"allowNonRestoredState": true' in fixture.text
    restored_as_it_was(cluster.flink, fixture.flink)
    for sha256 in set(re.findall(r'"sha256": "([0-9a-f]{64})"', fixture.text)):
        storage.releases.upload_blob(f"{ORDERS}/{sha256}.jar", jar())
    storage.records.upload_blob(blob(storage), fixture.moved(now(storage)))
    record = finished(storage, cluster)
    ends = fixture.ends
    assert outcomes(storage, ends.outcomes) == ends.outcomes
    running = cluster.flink.running()
    assert tuple(job.id for job in running) == ends.running
    assert [place(job.restored.path if job.restored else None) for job in running] == [*map(place, ends.restored)]
    assert [place(savepoint.path) for savepoint in record.savepoints] == [*map(place, ends.savepoints)]
    known = {copy.flink_job_id for copy in fixture.flink.copies}
    assert not {start.flink_job_id for start in cluster.starts()} & known
    under_way = {copy.flink_job_id for copy in fixture.flink.copies if copy.stop_trigger}
    assert not {step.flink_job_id for step in cluster.acts if isinstance(step, Stop)} & under_way


def place(path: str | None) -> str | None:
    """Return where a state lies; Flink chooses the last part of a savepoint's name."""
    return path.partition("/savepoint-")[0] if path else None


@pytest.mark.parametrize("name", HDINSIGHT)
def test_what_an_earlier_version_sent_to_the_service_is_not_sent_again(storage: Storage, name: str) -> None:
    """Its result is found in the service's list; what had not left yet is sent once."""
    fixture = load(name)
    assert fixture.service
    with serving({}) as server:
        play = ArmPlay(storage, server)
        replaying(server, fixture.service)
        text = fixture.moved(now(storage), service=server.url)
        if fixture.service.may_be_sent:
            play.will_carry_out(Action.NEW)
            for operation in JobRecord.model_validate_json(text).open:
                assert operation.release
                storage.releases.upload_blob(f"{ORDERS}/{operation.release.sha256}.jar", jar())
        storage.records.upload_blob(blob(storage), text)
        finished(storage, service(server, play.jars))
        assert server.count("POST") == int(fixture.service.may_be_sent)
    assert outcomes(storage, fixture.ends.outcomes) == fixture.ends.outcomes


def test_the_fixtures_show_every_action_half_way() -> None:
    """On both kinds of cluster."""
    for names in (SESSION, HDINSIGHT):
        assert {action for name in names for action in load(name).actions} == set(Action)


def test_nothing_that_was_written_is_lost_when_a_record_is_written_again() -> None:
    """Whatever an earlier version wrote stands in the record that this one writes, under the same name."""
    for name in NAMES:
        before = load(name).record
        after = json.loads(JobRecord.model_validate(before).to_json())
        assert list(lost(before, after)) == [], name


def lost(before: JsonValue, after: JsonValue, at: str = "") -> Iterator[str]:
    """Name what stands in one JSON text and not in the other; times may be written in another way."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            yield from lost(value, after[name], f"{at}.{name}") if name in after else [f"{at}.{name}"]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from lost(one, other, f"{at}.{number}")
    elif before != after and not (at.endswith(("At", "until", ".at", "since", "lastModified"))):
        yield at


def test_every_field_is_there_in_a_fixture_and_every_optional_one_is_missing_in_one() -> None:
    """So that one which is renamed, taken away or made mandatory is noticed, wherever it stands."""
    seen: set[tuple[str, bool]] = set()
    for name in NAMES:
        fixture = load(name)
        seen |= set(shown(JobRecord, fixture.record))
        seen |= {field for closed in fixture.closed for field in shown(Operation, closed)}
    fields = {
        f"{kind.__name__}.{name}": field for kind in models(JobRecord) for name, field in kind.model_fields.items()
    }
    assert sorted(name for name in fields if (name, True) not in seen) == []
    assert sorted(name for name, field in fields.items() if not field.is_required() and (name, False) not in seen) == []


def test_what_an_earlier_version_closed_can_be_read(storage: Storage) -> None:
    """Closed operations are kept for longer than versions are."""
    for number, closed in enumerate(closed for name in NAMES for closed in load(name).closed):
        storage.cluster = f"cluster{number}"
        operation = Operation.model_validate(closed)
        storage.ledger().close(operation)
        assert storage.ledger().closed(operation.id) == operation


NEWER = {
    "a newer schema": '{"schemaVersion": 2, "name": "orders", "open": [], "wanted": {"secret": "hunter2"}}',
    "a field that is not known": '{"schemaVersion": 1, "name": "orders", "password": "hunter2"}',
    "a field in an operation": load("stop-written").text.replace(
        '"progressedAt"', '"priority": "hunter2", "progressedAt"'
    ),
}


@pytest.mark.parametrize("why", NEWER)
def test_a_record_of_a_newer_version_is_refused_loudly_and_never_overwritten(
    storage: Storage, cluster: Session, why: str
) -> None:
    """Whatever an older version is asked to do with it: it says why, by fields and not by values; no byte changes."""
    storage.records.upload_blob(blob(storage), NEWER[why])
    before = storage.records.get_blob_client(blob(storage)).get_blob_properties()
    ledger, asking = storage.ledger(), intake(storage)
    driver = storage.driver(cluster)
    control = Control(ledger, storage.queue)
    (stop,) = load("stop-written").ends.outcomes
    storage.upload("stateful/orders/v2.jar", jar())
    attempts: list[Callable[[], object]] = [
        lambda: driver.drive(ORDERS),
        lambda: driver.give_up(ORDERS, stop, "crashed"),
        lambda: asking.request(ORDERS, Request(action=Action.STOP), Cause(kind="http", detail="test")),
        lambda: asking.upload("stateful/orders/v2.jar"),
        lambda: control.abandon(stop, by="test"),
        lambda: control.pause_uploads(ORDERS, paused=True),
        lambda: list(ledger.records()),
    ]
    for attempt in attempts:
        with pytest.raises(Unavailable, match="was written by a newer version of this app, and is left") as error:
            attempt()
        assert error.value.code == "NewerRecord"
        assert "hunter2" not in str(error.value)
        assert error.value.__cause__ is None
    after = storage.records.get_blob_client(blob(storage)).get_blob_properties()
    assert after.etag == before.etag
    assert cluster.acts == []


def test_a_newer_record_holds_up_no_other_job(storage: Storage) -> None:
    """The sweeper takes the uploads of the others all the same."""
    storage.records.upload_blob(blob(storage), NEWER["a newer schema"])
    for job in (ORDERS, "payments"):
        storage.upload(f"stateful/{job}/v1.jar", jar())
    intake(storage).sweep(datetime.now(UTC))
    assert [nudge["job"] for nudge in storage.nudges()] == ["payments"]


def test_a_driver_that_a_newer_version_took_the_job_from_writes_nothing(storage: Storage, flink: FlinkServer) -> None:
    """It was at work when the new version began: its next write meets another ETag, and it lets the job go."""

    class Replaced(Session):
        def act(self, record: JobRecord, operation: Operation, step: Step) -> Learned:
            storage.records.upload_blob(blob(storage), NEWER["a newer schema"], overwrite=True)
            return super().act(record, operation, step)

    storage.records.upload_blob(blob(storage), load("new-recorded").moved(now(storage)))
    cluster = Replaced(storage, flink)
    with pytest.raises(Unavailable, match="newer version"):
        storage.driver(cluster).drive(ORDERS)
    assert len(cluster.acts) == 1
    assert storage.records.download_blob(blob(storage)).readall().decode() == NEWER["a newer schema"]
