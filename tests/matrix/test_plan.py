"""A kill happens at its call and nowhere else; calls are named without what changes from run to run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.calls import Counting, Crossing
from tests.harness.methods import NEVER_CROSSED, methods, never_crossed
from tests.harness.sites import RENEWAL, Namer, is_read, service_of

from .places import cells_of
from .plan import Plan, is_killed, mark_killed, read_plan

ID = "0123456789abcdef" * 2
SHA = "ab" * 32
NAMER = Namer(
    {
        "JARS": "AccountName=a;BlobEndpoint=http://127.0.0.1:1/a;QueueEndpoint=http://127.0.0.1:2/a;",
        "FLINK_REST_URL": "http://127.0.0.1:3",
        "JARS_CONTAINER": "lane1-jars",
        "LEDGER_CONTAINER": "lane1-ledger",
        "RELEASES_CONTAINER": "lane1-releases",
    }
)
STOP, WRITE, LOOK = "POST flink /jobs/:id/stop", "PUT ledger jobs/:job", "GET flink /jobs/:id/status"


@pytest.mark.parametrize(
    ("method", "url", "site"),
    [
        ("POST", f"http://127.0.0.1:3/jobs/{ID}/stop", STOP),
        ("GET", f"http://127.0.0.1:3/jobs/{ID}/savepoints/{ID}", "GET flink /jobs/:id/savepoints/:trigger"),
        ("PATCH", f"http://127.0.0.1:3/jobs/{ID}?mode=cancel", "PATCH flink /jobs/:id"),
        (
            "GET",
            f"http://127.0.0.1:3/jobs/{ID}/checkpoints/details/7",
            "GET flink /jobs/:id/checkpoints/details/:number",
        ),
        ("POST", f"http://127.0.0.1:3/jars/4f-1_{SHA}.jar/run", "POST flink /jars/:jar/run"),
        ("POST", "http://127.0.0.1:3/jars/upload", "POST flink /jars/upload"),
        ("GET", "http://127.0.0.1:3/taskmanagers/taskmanager-1", "GET flink /taskmanagers/:id"),
        ("PUT", "http://127.0.0.1:1/a/lane1-ledger/flink/jobs/orders.json", WRITE),
        ("PUT", "http://127.0.0.1:1/a/lane1-ledger/flink%2Fjobs%2Forders.json", WRITE),
        ("PUT", "http://127.0.0.1:1/a/lane1-ledger/flink/closed/orders/2026-11/x.json", "PUT ledger closed/:operation"),
        (
            "PUT",
            "http://127.0.0.1:1/a/lane1-ledger/flink/uploads/SUCCEEDED/8204-x.json",
            "PUT ledger uploads/:upload",
        ),
        ("GET", "http://127.0.0.1:1/a/lane1-ledger?restype=container&comp=list&prefix=flink/jobs/", "LIST ledger jobs"),
        ("HEAD", "http://127.0.0.1:1/a/lane1-jars/stateful/orders/job.json", "HEAD jars :job.json"),
        ("GET", "http://127.0.0.1:1/a/lane1-jars/stateful/orders/job.jar", "GET jars :upload.jar"),
        ("PUT", f"http://127.0.0.1:1/a/lane1-releases/orders/{SHA}.jar", "PUT releases :release"),
        ("PUT", f"http://127.0.0.1:1/a/lane1-releases/orders/{SHA}.{SHA}.json", "PUT releases :description"),
        ("PUT", f"http://127.0.0.1:1/a/lane1-releases/o/{SHA}.jar?comp=block&blockid=1", "PUT releases :release block"),
        ("POST", "http://127.0.0.1:2/a/lane1-operations/messages?visibilitytimeout=0", "POST queue"),
    ],
)
def test_a_call_is_named_without_ids_jobs_and_lanes(method: str, url: str, site: str) -> None:
    """The same call of another job, operation or lane has the same name."""
    assert NAMER.site(method, url) == site


def test_reads_are_told_from_writes_by_their_method() -> None:
    """A listing is a read, a POST is none; a lease that is only renewed counts as a read."""
    assert [is_read(site) for site in (LOOK, "LIST ledger jobs", "HEAD jars :jar", STOP, WRITE)] == [1, 1, 1, 0, 0]
    assert is_read(f"{WRITE}{RENEWAL}")
    assert service_of(STOP) == "flink"


def test_writes_are_numbered_within_the_operation_and_reads_since_the_last_write() -> None:
    """However often is polled, the calls after it keep their numbers."""
    counting = Counting()
    crossed = [counting.cross(site) for site in (WRITE, LOOK, LOOK, STOP, LOOK, WRITE)]
    assert [(it.site, it.nth) for it in crossed] == [
        (WRITE, 1),
        (LOOK, 1),
        (LOOK, 2),
        (STOP, 1),
        (LOOK, 1),
        (WRITE, 2),
    ]
    assert [it.since for it in crossed][3:] == [f"{WRITE} #1", f"{STOP} #1", f"{STOP} #1"]


def test_a_plan_kills_at_its_call_and_moment_only() -> None:
    """Another number, another moment, another stretch: nothing."""
    plan = Plan("cell", Crossing(LOOK, 1, f"{STOP} #1"), "after")
    assert plan.kills(Crossing(LOOK, 1, f"{STOP} #1"), "after")
    assert not plan.kills(Crossing(LOOK, 1, f"{STOP} #1"), "before")
    assert not plan.kills(Crossing(LOOK, 2, f"{STOP} #1"), "after")
    assert not plan.kills(Crossing(LOOK, 1, f"{WRITE} #1"), "after")
    assert not plan.kills(Crossing(WRITE, 1, f"{STOP} #1"), "after")
    assert Plan("cell", Crossing(WRITE, 2, ""), "before").kills(Crossing(WRITE, 2, f"{STOP} #1"), "before")


def test_the_last_of_many_polls_ends_with_its_stretch_at_the_latest() -> None:
    """Fewer polls than were recorded: the kill comes before the next write, not never."""
    plan = Plan("cell", Crossing(LOOK, 9, f"{STOP} #1"), "after", last=True)
    assert plan.kills(Crossing(WRITE, 3, f"{STOP} #1"), "before")
    assert not plan.kills(Crossing(WRITE, 3, f"{WRITE} #2"), "before")
    assert not plan.kills(Crossing(LOOK, 8, f"{STOP} #1"), "after")


def test_a_plan_is_read_as_it_was_written_and_its_kill_is_spent_once(tmp_path: Path) -> None:
    """A host that comes up again under the same plan lives."""
    assert read_plan(tmp_path) is None
    plan = Plan("cell", Crossing(STOP, 1, f"{WRITE} #7"), "after", last=False)
    plan.write(tmp_path)
    assert read_plan(tmp_path) == plan
    assert not is_killed(tmp_path, "cell")
    mark_killed(tmp_path, "cell")
    assert is_killed(tmp_path, "cell")
    assert not is_killed(tmp_path, "another")


def test_each_call_is_two_cells_and_repeated_reads_only_their_first_and_last() -> None:
    """Writes are never left out."""
    counting = Counting()
    cells = cells_of("UPDATE", [counting.cross(site) for site in (WRITE, LOOK, LOOK, LOOK, STOP, WRITE, LOOK)])
    assert [(cell.call.site, cell.call.nth, cell.last) for cell in cells[::2]] == [
        (WRITE, 1, False),
        (LOOK, 1, False),
        (LOOK, 3, True),
        (STOP, 1, False),
        (WRITE, 2, False),
        (LOOK, 1, False),
    ]
    assert [cell.when for cell in cells] == ["before", "after"] * 6


def test_a_client_method_that_no_call_came_from_is_named() -> None:
    """A new method is in the matrix, or in the list of those that are not, with a reason."""
    assert set(NEVER_CROSSED) <= methods()
    everything = never_crossed([])
    assert {"Flink.stop", "Flink.version", "Ledger.write", "Jars.keep", "OperationsQueue.nudge"} <= everything
    assert "Flink.stop" not in never_crossed(["Flink.stop", "Wire.send"])
