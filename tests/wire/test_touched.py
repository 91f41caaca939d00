"""What follows when a blob changes and its bytes do not: the real intake, driver and Azurite, a stand-in for Flink."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial

import pytest

from flinkfuncs.clients.jars import BlobFacts, Jars
from flinkfuncs.clusters.keeper import keep_release
from flinkfuncs.core.handled import CODE
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Operation, Outcome
from flinkfuncs.core.steps import Keep
from tests.stand_in.rest import FlinkServer
from tests.unit.builders import ORDERS
from tests.wire.session import Session, intake
from tests.wire.storage import Storage, jar

JOB, JOB2, JOB3 = (f"stateful/orders/{name}.jar" for name in ("job", "job2", "job3"))
DESCRIPTION = "stateful/orders/job.json"
V1, V2, V3 = (jar(padding=name) for name in (b"1", b"2", b"3"))


class Scene:
    """A job whose uploads are taken and driven as in the app."""

    def __init__(self, storage: Storage, flink: FlinkServer) -> None:
        """Begin without a job."""
        self.storage = storage
        self.cluster = Session(storage, flink, keeper=partial(keep_release, storage.jars))

    @property
    def record(self) -> JobRecord:
        """The record as it stands."""
        record = self.storage.ledger().read(ORDERS)
        assert record
        return record

    @property
    def runs(self) -> str:
        """The name of the jar that runs."""
        assert self.record.running
        return self.record.running.own_release.jar_name

    def puts(self, blob: str, data: bytes | str) -> None:
        """Upload, in a second of its own."""
        self.storage.next_second()
        self.storage.upload(blob, data)

    def touches(self, blob: str) -> None:
        """Set metadata."""
        self.storage.next_second()
        self.storage.uploads.get_blob_client(blob).set_blob_metadata({"reviewed": "yes"})

    def takes(self, blob: str) -> Operation:
        """Take a blob's event, and drive what it asks for; return how that ended."""
        operation = intake(self.storage).upload(blob)
        assert operation
        self.drives()
        return self.storage.ledger().find(operation.id)

    def drives(self) -> None:
        """Drive what is open."""
        self.cluster.acts.clear()
        self.storage.driver(self.cluster).drive(ORDERS)


@pytest.fixture
def scene(storage: Storage, flink: FlinkServer) -> Scene:
    """Return a job that was started from job.jar and runs job2.jar."""
    scene = Scene(storage, flink)
    for blob, content in ((JOB, V1), (JOB2, V2)):
        scene.puts(blob, content)
        assert ended(scene.takes(blob))[0] is Outcome.SUCCEEDED
    assert scene.runs == "job2.jar"
    return scene


def ended(operation: Operation) -> tuple[Outcome, str | None]:
    """Return how an operation ended."""
    assert operation.result
    return operation.result.outcome, operation.result.code


def test_a_touched_old_jar_does_not_take_the_job_back(scene: Scene) -> None:
    """It ends with a word on what handled its bytes, and on how to go back on purpose; the job is not touched."""
    scene.touches(JOB)
    touched = scene.takes(JOB)
    assert ended(touched) == (Outcome.SUPERSEDED, CODE)
    assert touched.result
    first = next(one.operation for one in scene.record.handled if one.blob == JOB)
    assert first in touched.result.message
    assert "another name" in touched.result.message
    assert scene.cluster.acts == [Keep()]
    assert scene.runs == "job2.jar"


def test_the_same_bytes_uploaded_again_under_the_same_name_are_like_a_touched_blob(scene: Scene) -> None:
    """Nothing can tell them apart."""
    scene.puts(JOB, V1)
    assert ended(scene.takes(JOB)) == (Outcome.SUPERSEDED, CODE)
    scene.puts(JOB2, V2)
    assert ended(scene.takes(JOB2)) == (Outcome.SUCCEEDED, None)
    assert scene.runs == "job2.jar"


def test_going_back_on_purpose_is_an_update(scene: Scene) -> None:
    """By the old bytes under another name, or where others lay meanwhile."""
    scene.puts(JOB3, V1)
    assert ended(scene.takes(JOB3))[0] is Outcome.SUCCEEDED
    assert scene.runs == "job3.jar"
    for content in (V3, V1):
        scene.puts(JOB3, content)
        assert ended(scene.takes(JOB3))[0] is Outcome.SUCCEEDED
        running = scene.record.running
        assert running
        assert running.own_release.size_bytes == len(content)
        assert scene.cluster.starts()


def test_a_jar_that_was_removed_and_comes_back_is_an_update(scene: Scene) -> None:
    """As tools do that keep a folder equal to another one."""
    scene.storage.uploads.delete_blob(JOB)
    intake(scene.storage).sweep(datetime.now(UTC))
    assert [one.blob for one in scene.record.handled] == [JOB2]
    scene.puts(JOB, V1)
    assert ended(scene.takes(JOB))[0] is Outcome.SUCCEEDED
    assert scene.runs == "job.jar"


def test_of_a_pair_neither_a_touched_jar_nor_a_touched_job_json_is_news(scene: Scene) -> None:
    """Together they are a release; the earlier job.json is an update, though its jar stays as it is."""
    for parallelism in (3, 4):
        scene.puts(DESCRIPTION, json.dumps({"jar": "job2.jar", "parallelism": parallelism}))
        assert ended(scene.takes(DESCRIPTION))[0] is Outcome.SUCCEEDED
    for blob in (JOB2, DESCRIPTION):
        scene.touches(blob)
        assert ended(scene.takes(blob)) == (Outcome.SUCCEEDED, None)
        assert scene.cluster.acts == [Keep()]
    scene.puts(DESCRIPTION, json.dumps({"jar": "job2.jar", "parallelism": 3}))
    assert ended(scene.takes(DESCRIPTION))[0] is Outcome.SUCCEEDED
    assert scene.record.wanted
    assert scene.record.wanted.spec.parallelism == 3


@pytest.mark.parametrize("lost", [True, False], ids=["its event was lost", "it waits already"])
@pytest.mark.parametrize("touched", [JOB, JOB2])
def test_an_upload_is_not_lost_over_a_blob_that_is_touched_after_it(scene: Scene, touched: str, *, lost: bool) -> None:
    """Though the touched one is the newer blob, and of uploads that wait the newest wins."""
    scene.puts(JOB3, V3)
    waiting = None if lost else intake(scene.storage).upload(JOB3)
    scene.touches(touched)
    again = intake(scene.storage).upload(touched)
    assert again
    if not lost:
        assert ended(again) == (Outcome.SUPERSEDED, CODE)
    intake(scene.storage).sweep(datetime.now(UTC))
    waits = [operation for operation in scene.record.open if not operation.repeats]
    assert len(waits) == 1
    assert waiting is None or waits[0].id == waiting.id
    scene.drives()
    assert scene.runs == "job3.jar"
    assert scene.record.open == ()


def test_a_failed_job_comes_back_when_the_release_that_it_wants_is_uploaded_again(scene: Scene) -> None:
    """The same bytes under the same name are then all that there is to upload."""
    scene.cluster.flink.complete_checkpoint()
    scene.cluster.flink.fail("java.lang.IllegalStateException: it failed")
    scene.puts(JOB2, V2)
    assert ended(scene.takes(JOB2))[0] is Outcome.SUCCEEDED
    assert len(scene.cluster.starts()) == 1
    assert scene.runs == "job2.jar"


@pytest.mark.parametrize(("padding", "reads"), [(b"1", [JOB]), (b"longer" * 100, [])], ids=["same size", "other size"])
def test_a_jar_is_compared_only_if_its_size_is_that_of_one_that_was_handled(
    scene: Scene, padding: bytes, reads: list[str]
) -> None:
    """Else its bytes are surely others; and an event that comes twice reads it once."""
    hashed: list[str] = []

    class Noted(Jars):
        def sha256(self, facts: BlobFacts) -> str:
            hashed.append(facts.name)
            return super().sha256(facts)

    jars = Noted({"uploads": scene.storage.uploads}, scene.storage.releases)
    scene.puts(JOB, jar(padding=padding))
    for _ in range(2):
        assert intake(scene.storage, jars=jars).upload(JOB)
    assert hashed == reads


def test_snapshots_are_no_uploads(scene: Scene) -> None:
    """Nor is what was deleted: only what lies there now is listed."""
    blob = scene.storage.uploads.get_blob_client(JOB3)
    scene.puts(JOB3, V3)
    blob.create_snapshot()
    assert [facts.name for facts in scene.storage.jars.uploads()] == [JOB, JOB2, JOB3]
    blob.delete_blob(delete_snapshots="include")
    intake(scene.storage).sweep(datetime.now(UTC))
    assert scene.record.open == ()
    assert intake(scene.storage).upload(JOB3) is None
