"""An upload that lies there already: each row of the table of flinkfuncs_cli/finding.py, on the app's models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from flinkfuncs.api import shown
from flinkfuncs.core.actions import Action
from flinkfuncs.core.operations import Outcome
from flinkfuncs_cli.api import Api
from flinkfuncs_cli.config import Config
from flinkfuncs_cli.console import Console
from flinkfuncs_cli.exits import Failure
from flinkfuncs_cli.finding import FIND_SECONDS, PAGE, Again, Release, Stands, operation_of, standing
from flinkfuncs_cli.following import Deadline
from flinkfuncs_cli.upload import Blob

from .recorded import problem
from .server import Answer, Fault, LocalServer, serving

AT = datetime(2026, 11, 28, 1, 49, 16, tzinfo=UTC)
JAR = Blob("stateful/orders/orders-3.jar", "0x1", AT)
YOUNG, OLD = 0.0, FIND_SECONDS + 1.0
OPEN = None
ALL, WAITING = f"GET job=orders&top={PAGE}", f"GET job=orders&state=open&top={PAGE}"


def operation(
    outcome: str | None,
    *,
    action: Action = Action.UPDATE,
    etag: str | None = None,
    minutes: int = 0,
    job_json: str | None = None,
) -> shown.Operation:
    """An operation some minutes after the upload; with an ETag it is that of an upload of our jar."""
    at = AT + timedelta(minutes=minutes)
    cause = shown.Cause(kind="upload", detail=f"{JAR.name} {etag}") if etag else shown.Cause(kind="http", detail="me")
    result = outcome and shown.Result(outcome=Outcome(outcome), message="what came of it", ended_at=at)
    jar = shown.Jar(place="uploads", name=JAR.name, etag=etag, last_modified=at) if etag else None
    return shown.Operation(
        state="closed" if outcome else "open",
        id=f"{at:%Y%m%dT%H%M%SZ}-orders-3f2a9c1b7d4e",
        job="orders",
        request=shown.Request(action=action, spec=shown.Spec(), jar=jar, job_json_sha256=job_json),
        cause=cause,
        requested_at=at,
        progressed_at=at,
        result=result or None,
    )


def page(operations: Sequence[shown.Operation], link: str | None = None) -> Answer:
    return Answer(200, shown.Operations(operations=tuple(operations), next_link=link).as_json())


@contextmanager
def app(
    *pages: Sequence[shown.Operation], waiting: Sequence[shown.Operation] = (), status: str = "RUNNING"
) -> Iterator[tuple[Api, Console, LocalServer]]:
    """An app that shows these operations, newest first, and the client of the command line."""
    links = [f"/api/operations?page={number}" for number in range(2, len(pages) + 1)]
    answers: dict[str, Sequence[Answer | Fault]] = {
        WAITING: [page(waiting)],
        ALL: [page(pages[0], links[0] if links else None)],
        "GET /api/jobs/orders": [Answer(200, shown.Job(name="orders", status=status, open=()).as_json())],
    }
    for number, (link, part) in enumerate(zip(links, pages[1:], strict=True), start=1):
        answers[f"GET {link}"] = [page(part, links[number] if number < len(links) else None)]
    with serving(answers) as server:
        console = Console(as_json=False)
        yield Api(Config(url=server.url), console, sleep=lambda _: None), console, server


OURS = operation("SUCCEEDED", etag="0x1")


@pytest.mark.parametrize(
    ("history", "stands"),
    [
        ([operation(OPEN, etag="0x1")], True),
        ([operation("SUCCEEDED", etag="0x1")], True),
        ([operation("UNPROVEN", etag="0x1")], True),
        ([operation("ROLLED_BACK", etag="0x1")], True),
        ([operation("FAILED", etag="0x1")], False),
        ([operation("REFUSED", etag="0x1")], False),
        ([operation("SUPERSEDED", etag="0x1")], False),
        ([operation("UNKNOWN", etag="0x1")], False),
        ([operation("ABANDONED", etag="0x1")], False),
        ([operation("SUCCEEDED", action=Action.STOP, minutes=1), OURS], False),
        ([operation("FAILED", action=Action.STOP, minutes=1), OURS], False),
        ([operation(OPEN, action=Action.STOP, minutes=1), OURS], False),
        ([operation("SUCCEEDED", etag="0x2", minutes=1), OURS], False),
        ([operation("REFUSED", etag="0x2", minutes=1), OURS], True),
        ([operation("SUPERSEDED", etag="0x2", minutes=1), OURS], True),
        ([operation("SUCCEEDED", action=Action.SAVEPOINT, minutes=1), OURS], True),
        ([operation(OPEN, action=Action.LIST_SAVEPOINT, minutes=1), OURS], True),
        ([operation("SUCCEEDED", action=Action.SAVEPOINT, minutes=1)], False),
        ([], False),
    ],
    ids=lambda value: (
        "-".join(f"{one.request.action} {one.result and one.result.outcome}" for one in value)
        if isinstance(value, list)
        else str(value)
    ),
)
@pytest.mark.parametrize("age", [YOUNG, OLD], ids=["young", "old"])
def test_an_upload_stands_as_long_as_a_new_one_would_come_to_the_same(
    history: list[shown.Operation], age: float, *, stands: bool
) -> None:
    """Newest first; the job runs. What the app may not have seen yet is waited for instead."""
    waiting = [one for one in history if one.state == "open"]
    release, is_known = Release("orders", JAR, age_seconds=age), any(one.cause.kind == "upload" for one in history)
    with app(history, waiting=waiting) as (api, console, _):
        judged = standing(release, api, console, Deadline(0))
    if not is_known and age == YOUNG:
        assert judged == Stands(None)
    elif stands:
        assert isinstance(judged, Stands)
        assert judged.operation
        assert judged.operation["cause"]["detail"] == f"{JAR.name} 0x1"
    else:
        assert isinstance(judged, Again)


@pytest.mark.parametrize("outcome", ["SUCCEEDED", "ROLLED_BACK"])
@pytest.mark.parametrize(
    ("status", "stands"),
    [
        *(("RUNNING", True), ("STOPPED", True), ("FINISHED", True), ("UNKNOWN", True)),
        *(("FAILED", False), ("VANISHED", False), ("DELETED", False)),
    ],
)
def test_a_job_that_has_failed_since_gets_its_release_again(outcome: str, status: str, *, stands: bool) -> None:
    """An upload of what it should run starts it; one that somebody stopped stays so."""
    with app([operation(outcome, etag="0x1")], status=status) as (api, console, _):
        judged = standing(Release("orders", JAR, age_seconds=OLD), api, console, Deadline(0))
    assert isinstance(judged, Stands) is stands
    assert stands or judged == Again(f"orders is {status} since")


def test_a_job_of_which_only_history_is_left_gets_its_release_again() -> None:
    """Its record is gone."""
    with app([OURS]) as (api, console, server):
        server.answers["GET /api/jobs/orders"] = [problem(404, "JobNotFound")]
        assert standing(Release("orders", JAR), api, console, Deadline(0)) == Again("orders is DELETED since")


def test_an_upload_that_is_held_stands_whatever_was_done_to_the_job_since() -> None:
    """It is not over, however old it is."""
    held = operation(OPEN, etag="0x1")
    stops = [operation("SUCCEEDED", action=Action.STOP, minutes=minutes) for minutes in (9, 8)]
    with app(stops, [held], waiting=[held]) as (api, console, server):
        judged = standing(Release("orders", JAR, age_seconds=OLD), api, console, Deadline(0))
        assert len(server.calls) == 1
    assert isinstance(judged, Stands)
    assert judged.operation == held.as_json()


def test_with_a_job_json_an_operation_has_to_be_of_both() -> None:
    """Of the same jar with another job.json, or with an older one, it is another upload."""
    job_json = Blob("stateful/orders/job.json", "0x7", AT + timedelta(minutes=5))
    release = Release("orders", JAR, job_json, "ab" * 32, OLD)
    before = operation("SUCCEEDED", etag="0x1", minutes=4, job_json="ab" * 32)
    another = operation("REFUSED", etag="0x1", minutes=6, job_json="cd" * 32)
    ours = operation("SUCCEEDED", etag="0x1", minutes=5, job_json="ab" * 32)
    with app([another, before]) as (api, console, _):
        assert isinstance(standing(release, api, console, Deadline(0)), Again)
    with app([another, ours, before]) as (api, console, _):
        assert standing(release, api, console, Deadline(0)) == Stands(ours.as_json())


def test_an_old_history_is_not_read_to_its_end() -> None:
    """As far as something else was done to the job, or until before the upload, whichever is first."""
    savepoints = [operation("SUCCEEDED", action=Action.SAVEPOINT, minutes=minutes) for minutes in (9, 8, 7, 6)]
    stop = operation("SUCCEEDED", action=Action.STOP, minutes=5)
    before = operation("SUCCEEDED", minutes=-1)
    release = Release("orders", JAR, age_seconds=OLD)
    for pages, read in (
        ([savepoints[:2], savepoints[2:], [OURS], [before]], 3),
        ([savepoints[:2], [savepoints[2], stop], [OURS], [before]], 2),
        ([savepoints[:2], [before], [before]], 2),
    ):
        with app(*pages) as (api, console, server):
            standing(release, api, console, Deadline(0))
            assert sum("job=orders&top" in call.path or "page=" in call.path for call in server.calls) == read


def test_while_the_app_does_not_answer_an_upload_stands() -> None:
    """A second one might be another operation; a refusal that stays ends the command."""
    with app([OURS]) as (api, console, server):
        server.answers = {"GET ": [Answer(500, raw=b"")]}
        assert standing(Release("orders", JAR, age_seconds=OLD), api, console, Deadline(0)) == Stands(None)
        server.answers = {"GET ": [Answer(401, raw=b"")]}
        with pytest.raises(Failure, match="401"):
            standing(Release("orders", JAR, age_seconds=OLD), api, console, Deadline(60))


def test_a_look_for_the_operation_reads_a_page_and_not_the_history() -> None:
    """Operations are listed by the time of their upload: what is new is on the first page."""
    older = [operation("SUCCEEDED", minutes=-minutes) for minutes in range(1, 20)]
    with app([OURS, *older], older) as (api, console, server):
        assert operation_of(Release("orders", JAR), api, console, Deadline(60)) == OURS.as_json()
        assert [call.path for call in server.calls] == [f"/api/operations?job=orders&top={PAGE}"]
        server.calls.clear()
        server.answers[ALL] = [page(older, "/api/operations?page=2")]
        assert operation_of(Release("orders", JAR), api, console, Deadline(0)) is None
        assert [call.path for call in server.calls] == [f"/api/operations?job=orders&top={PAGE}"]


def test_an_operation_behind_many_newer_ones_is_found_all_the_same() -> None:
    """A page that does not reach back to the upload is followed by the next."""
    newer = [operation("SUCCEEDED", action=Action.SAVEPOINT, minutes=minutes) for minutes in range(20, 0, -1)]
    with app(newer, [OURS], [operation("SUCCEEDED", minutes=-1)]) as (api, console, server):
        assert operation_of(Release("orders", JAR), api, console, Deadline(60)) == OURS.as_json()
        assert len(server.calls) == 2
