"""Two hosts on one storage account share 100 jobs: whoever takes a message, every operation runs once.

The cluster is the stand-in for Flink, which remembers every call that changes something.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import requests

from flinkfuncs.core.jobs import Copy, JobRecord
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import operation_id
from tests.stand_in.cluster import StandIn
from tests.stand_in.rest import FlinkServer, flink_server
from tests.unit.builders import OLD

from .app import RunningApp, eventually
from .conftest import StartApp

JOBS = [f"shared-{number}" for number in range(100)]
ACTIONS = ("cancel", "delete")
AT_ONCE = 8


def flink_job(job: str) -> str:
    """Return the id of a job's copy."""
    return f"{int(job.rpartition('-')[2]):032x}"


@pytest.fixture
def flink() -> Iterator[FlinkServer]:
    """A cluster on which a copy of every job runs until it is cancelled; nothing that is asked of it may be wrong."""
    with flink_server() as server:
        server.serve(StandIn(slots=len(JOBS)))
        for job in JOBS:
            server.flink.begin(flink_job(job), job)
        yield server
        assert server.flink.wrong == []


def on_record(job: str) -> JobRecord:
    """Return the record of a job whose copy runs."""
    at = datetime.now(UTC)
    made = operation_id(JobName(job), at=at, identity="made")
    copy = Copy(flink_job_id=flink_job(job), release=OLD, operation=made, started_at=at, seen=True)
    return JobRecord(name=JobName(job), wanted=OLD, current=copy)


def for_each(call: Callable[[str], object]) -> None:
    """Do something for every job, some at once."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(call, JOBS))


@pytest.mark.nightly("two hosts, and a hundred jobs")
def test_two_hosts_share_a_hundred_jobs_and_every_operation_runs_once(start_app: StartApp, flink: FlinkServer) -> None:
    """Asked for on both sides, with every message doubled: one cancel a job, one end an operation, and both work."""
    first = start_app("shared", {"FLINK_REST_URL": flink.url, "SWEEP_SCHEDULE": "*/2 * * * * *"})
    another = first.host.another("shared-2")
    another.start()
    second = RunningApp(another, first.account)
    for_each(lambda job: first.put_record(on_record(job)))

    def ask(job: str) -> None:
        sides = [first, second] if int(job.rpartition("-")[2]) % 2 else [second, first]
        for number, action in enumerate(ACTIONS):
            reply = sides[number % 2].post(f"/api/jobs/{job}/{action}")
            assert reply.status_code == requests.codes.accepted, reply.text
            first.send_message(f'{{"job": "{job}", "operation": "{reply.json()["id"]}"}}')

    for_each(ask)
    eventually(lambda: len(ends(first, second)) == len(JOBS) * len(ACTIONS), seconds=120)
    eventually(lambda: first.get("/api/operations?state=open").json() == {"operations": []})
    ended = ends(first, second)
    assert [outcomes for outcomes in ended.values() if outcomes != ["SUCCEEDED"]] == []
    assert Counter(flink.flink.changes) == {f"PATCH /jobs/{flink_job(job)}": 1 for job in JOBS}
    assert flink.flink.running() == []
    assert all(len(ends(app)) > len(JOBS) / 10 for app in (first, second)), "one of them did nothing"
    assert first.poison() == []
    second.host.stop()


def ends(*apps: RunningApp) -> dict[str, list[str]]:
    """Return how each operation ended, as often as one of these says so."""
    found: dict[str, list[str]] = {}
    for operation, outcome in re.findall(r"operation=(\S+) outcome=([A-Z]+)", "".join(app.log() for app in apps)):
        found.setdefault(operation, []).append(outcome)
    return found
