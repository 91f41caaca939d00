"""What is left when the sharpest calls of an update go wrong on the wire, on a real Flink: the same update, once.

The app's driver runs in this process, on the cloud's storage and Flink, and on containers that the cloud's own app does
not know; tests/faults has every call, on a stand-in.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from examples.count import count
from flinkfuncs.core.actions import Action
from flinkfuncs.core.operations import Cause, Operation, Request
from localcloud.up import LocalCloud
from tests.faults.breaker import Fault
from tests.faults.faults import breaking
from tests.faults.lane import Place
from tests.faults.wire import Crossings, Hit, crossing
from tests.harness.calls import Crossing
from tests.unit.builders import ORDERS
from tests.wire.storage import Storage

from .cloud import eventually, jar

STOP, RUN = "POST flink /jobs/:id/stop", "POST flink /jars/:jar/run"
ENDED = ("FINISHED", "CANCELED", "FAILED")
NIGHTLY = pytest.mark.nightly("the same way to the end as the sharpest one")


class Job:
    """One job, driven in this process."""

    def __init__(self, cloud: LocalCloud, storage: Storage, sink: Path) -> None:
        """Keep where everything lies."""
        self._flink, self._storage, self.sink = cloud.flink, storage, sink
        self.root = cloud.directory / "savepoints" / storage.messages.queue_name
        self.place = Place(
            cloud.storage,
            storage.uploads.container_name,
            storage.releases.container_name,
            storage.records.container_name,
            storage.messages.queue_name,
            storage.cluster,
            cloud.flink,
            self.root.as_uri(),
        )

    def update(self, version: str) -> Operation:
        """Upload a version, drive, and return how that ended."""
        described = {"jar": "job.jar", "args": f"--sink {self.sink.as_uri()} --rate 400", "parallelism": 1}
        folder = f"stateful/{ORDERS}"
        self._storage.upload(f"{folder}/job.json", json.dumps(described))
        self._storage.upload(f"{folder}/job.jar", jar(version))
        asked = self.place.intake().upload(f"{folder}/job.jar")
        assert asked
        return self.driven(asked)

    def driven(self, asked: Operation) -> Operation:
        """Drive until an operation is over."""
        deadline = time.monotonic() + 90
        while (record := self.place.ledger().read(ORDERS)) and record.open:
            assert time.monotonic() < deadline, record.open
            self.place.driver().drive(ORDERS)
        return self.place.ledger().find(asked.id)

    def stop(self) -> Operation:
        """Ask for a stop."""
        request = Request(action=Action.STOP)
        return self.place.intake().request(ORDERS, request, Cause(kind="http", detail="a test"))

    def copies(self) -> list[str]:
        """Return the id of every copy that is not terminal."""
        jobs = requests.get(f"{self._flink}/jobs/overview", timeout=30).json()["jobs"]
        return [job["jid"] for job in jobs if job["name"] == ORDERS and job["state"] not in ENDED]

    def written(self, version: str) -> None:
        """Wait until a version has committed something."""
        eventually(lambda: count(self.sink, running=True).by_version.get(version, 0) > 0)

    def cancel_all(self) -> None:
        """Free the slots."""
        for copy in self.copies():
            requests.patch(f"{self._flink}/jobs/{copy}?mode=cancel", timeout=30)
        eventually(lambda: not self.copies())


@pytest.fixture
def job(session_cloud: LocalCloud, tmp_path: Path) -> Iterator[Job]:
    """A job that runs version 1."""
    with breaking(), closing(Storage(session_cloud.storage)) as storage:
        job = Job(session_cloud, storage, tmp_path / "sink")
        first = job.update("1")
        assert first.result
        assert first.result.outcome == "SUCCEEDED", first.result
        job.written("1")
        yield job
        job.cancel_all()


@pytest.mark.parametrize(
    ("site", "fault"),
    [
        (RUN, Fault.TIMEOUT),
        pytest.param(STOP, Fault.RESET_AFTER, marks=NIGHTLY),
        pytest.param(STOP, Fault.LATE, marks=NIGHTLY),
        pytest.param(RUN, Fault.LATE, marks=NIGHTLY),
        pytest.param(RUN, Fault.RESET_BEFORE, marks=NIGHTLY),
    ],
)
def test_an_update_whose_sharpest_call_goes_wrong_is_carried_on(job: Job, site: str, fault: Fault) -> None:
    """One stop, one savepoint, one copy, and every number once."""
    crossings = Crossings(job.place.namer, (Hit(Crossing(site, 1, ""), fault),))
    with crossing(crossings):
        updated = job.update("2")
    assert crossings.met
    assert updated.result
    assert updated.result.outcome == "SUCCEEDED", updated.result
    assert job.copies() == [updated.token("copy")]
    assert len(list(job.root.glob(f"{ORDERS}/*/savepoint-*/_metadata"))) == 1
    job.written("2")
    stopped = job.driven(job.stop())
    assert stopped.result
    assert stopped.result.outcome == "SUCCEEDED", stopped.result
    assert job.copies() == []
    counted = count(job.sink)
    assert (counted.lost, counted.duplicated, counted.state_mismatches) == (0, 0, 0)
    assert [stretch.version for stretch in counted.stretches] == ["1", "2"]
