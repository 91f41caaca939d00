"""Does the command line read fields that the app has? Each reply is read through the model that the app fills it from.

A field that a model does not have reads as one that has no value, so that no text of a reply would show it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from pydantic import BaseModel

from flinkfuncs.api import examples, shown
from flinkfuncs.api.routes import ROUTES
from flinkfuncs.core.actions import Action
from flinkfuncs.core.operations import Outcome
from flinkfuncs_cli.__main__ import COMMANDS, parser
from flinkfuncs_cli.api import Api
from flinkfuncs_cli.config import Config
from flinkfuncs_cli.console import Console
from flinkfuncs_cli.exits import Failure
from flinkfuncs_cli.finding import Release, Stands, standing
from flinkfuncs_cli.following import Deadline
from flinkfuncs_cli.upload import Blob
from tests.plans import PLAN_MODEL

from . import recorded
from .recorded import AT, ID, LAST, LISTED_JOB, MISPLACED, OPERATION_SEEN, RELEASE, SAVEPOINT, STOPPING, UPLOADED
from .server import Answer, serving

READ: set[tuple[str, str]] = set()


class Fields(dict[str, Any]):
    """An object of a reply, of which only fields of its model are read."""

    def __init__(self, model: BaseModel, *alike: BaseModel) -> None:
        """Take what the reply says, with its model at each place; `alike` are the others of a list of several kinds."""
        values = {alias: getattr(model, name) for alias, name in _names(model).items()}
        super().__init__({alias: _read(value) for alias, value in values.items() if value is not None})
        self._model, self._known = type(model).__name__, {name for one in (model, *alike) for name in _names(one)}

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as of any dict
        """Return a field that the model has."""
        return super().get(self._named(name), default)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - as of any dict
        """Return a field that the model has."""
        return super().__getitem__(self._named(name))

    def __contains__(self, name: object) -> bool:
        """Whether a field that the model has has a value."""
        return super().__contains__(self._named(str(name)))

    def _named(self, name: str) -> str:
        assert name in self._known, f"{self._model} has no {name}"
        READ.add((self._model, name))
        return name


def _names(model: BaseModel) -> dict[str, str]:
    return {field.alias or name: name for name, field in type(model).model_fields.items()}


def _read(value: object) -> object:
    if isinstance(value, BaseModel):
        return Fields(value)
    if isinstance(value, tuple):
        models = [one for one in value if isinstance(one, BaseModel)]
        return [Fields(one, *models) for one in models] or list(value)
    if isinstance(value, Mapping):
        return {name: _read(one) for name, one in value.items()}
    return value if isinstance(value, bool | int | float) or value is None else _text(value)


def _text(value: object) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


class StrictApi(Api):
    """The client, which reads the replies of a route through the route's model."""

    def _json(self, reply: requests.Response) -> dict[str, Any]:
        return self._strict(super()._json(reply), reply.request)

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Read the report in the same way."""
        healthy, report = super().health()
        return healthy, Fields(type(examples.WELL).model_validate(report))

    def _strict(self, value: dict[str, Any], request: requests.PreparedRequest) -> dict[str, Any]:
        path = urlsplit(str(request.url)).path
        matching = (route for route in ROUTES if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route.path), path))
        route = min((one for one in matching if one.method == request.method), key=lambda one: one.path.count("{"))
        example = route.replies[0].or_else if "verdict" in value else route.replies[0].example
        example = example or route.replies[0].example
        assert example, path
        return Fields(type(example).model_validate(value))


HELD = OPERATION_SEEN.model_copy(update={"held_until": AT, "message": "held by its window"})
ENDED = OPERATION_SEEN.model_copy(
    update={
        "state": "closed",
        "request": examples.UPDATED.request.model_copy(update={"reason": "why", "commit": "1234567", "plan": "x"}),
        "steps": examples.UPDATED.steps,
        "checked": shown.Checked(release="5c1d", verdict="PASSED", warnings=("too few slots",)),
        "result": shown.Result(outcome=Outcome.UNPROVEN, message="m", code="c", ended_at=AT),
    }
)
IN_ALL_JOBS = shown.OpenOperation(
    id=ID,
    job="orders",
    request=shown.ActionAsked(action=Action.STOP),
    cause=shown.CauseKind(kind="http"),
    requested_at=AT,
    progressed_at=AT,
)
JOB = shown.Job(
    name="orders",
    status="UNKNOWN",
    status_reason="why",
    flink_job_id="7b1c",
    folder="stateful",
    release=RELEASE,
    run=shown.Copy(flink_job_id="7b1c", started_at=AT, started_from="file:/s/1"),
    last_save_point="file:/s/1",
    open=(OPERATION_SEEN,),
    uploads=shown.HeldUploads(paused=True, held=(HELD,)),
    last=LAST,
    starts_from=shown.StartsFrom(path="file:/s/1", unaligned=False),
)
RELEASES = shown.Releases(
    releases=tuple(
        examples.RELEASES.releases[0].model_copy(
            update={"id": digit * 64, "wanted": False, "running": digit == "b", "kept_at": AT + timedelta(hours=1)}
        )
        for digit in "cba"
    )
)
PATHS: Mapping[str, shown.Shown] = {
    "GET /api/jobs": shown.Jobs(jobs=(LISTED_JOB.model_copy(update={"open": (STOPPING,)}), LISTED_JOB)),
    "GET /api/jobs/orders": JOB,
    "GET /api/jobs/orders/savepoints": shown.Savepoints(savepoints=(SAVEPOINT,), orphans_unknown="why"),
    "GET /api/jobs/orders/releases": RELEASES,
    "GET /api/operations": shown.Operations(operations=(ENDED, IN_ALL_JOBS, MISPLACED)),
    f"GET /api/operations/{ID}": ENDED,
    f"POST /api/operations/{ID}/abandon": ENDED,
    "GET /api/uploads": shown.Uploads(uploads=(UPLOADED, *examples.UPLOADS.uploads)),
    "PUT /api/jobs/orders/uploads": shown.HeldUploads(paused=True, held=(HELD,)),
    "POST /api/notifications/test": examples.PROBE,
    "POST dryRun=true": PLAN_MODEL,
    **{
        f"POST /api/jobs/orders/{action}": HELD
        for action in ("stop", "start", "update", "new", "savepoint", "cancel", "delete")
    },
}
OPERATING = (["stop"], ["start"], ["update"], ["savepoint"], ["cancel", "--yes"], ["delete", "--yes"])
LINES = [
    *(["jobs"], ["job", "orders"], ["savepoints", "orders"], ["releases", "orders"]),
    *(["operations"], ["operations", "--job", "orders"], ["operations", "--state", "rejected"]),
    *(["logs", ID], ["uploads"], ["health"], ["wait", ID], ["abandon", ID, "--yes"]),
    *(["pause", "orders"], ["resume", "orders"], ["test-message"], ["adopt", "orders", "7b1c"]),
    *([name, "orders", *more, "--wait"] for name, *more in OPERATING),
    *(["rollback", "orders", "--yes", "--wait"], ["plan", "--job", "orders", "--action", "stop"]),
]


def replies() -> Iterator[tuple[str, Answer]]:
    """Yield what the app answers: a whole path goes before what it ends with."""
    for key, model in sorted(PATHS.items(), key=lambda one: "dryRun" not in one[0]):
        yield key, Answer(200, model.as_json())
    yield "GET /api/health", Answer(503, examples.ILL.model_dump(mode="json", by_alias=True, exclude_none=True))


def run(words: list[str]) -> None:
    """Run a command in this process."""
    args, console = parser().parse_args(words), Console(as_json=False)
    with serving({key: [answer] for key, answer in replies()}) as server:
        args.run(args, StrictApi(Config(url=server.url), console, sleep=lambda _: None), console)


@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_a_command_reads_only_what_its_reply_can_say(words: list[str]) -> None:
    """Of each reply every field, as deep as it goes."""
    run(words)


def test_a_deploy_reads_only_what_its_replies_can_say() -> None:
    """To find its operation, and to see that there will be none."""
    jar, job_json = Blob("stateful/orders/orders-2.jar", "0x1", AT), Blob("stateful/orders/job.json", "0x2", AT)
    paired = ENDED.model_copy(update={"request": ENDED.request.model_copy(update={"job_json_sha256": "ab"})})
    with serving({key: [answer] for key, answer in replies()}) as server:
        server.answers["GET /api/operations"] = [Answer(200, shown.Operations(operations=(paired,)).as_json())]
        console = Console(as_json=False)
        api = StrictApi(Config(url=server.url), console, sleep=lambda _: None)
        for release in (Release("orders", jar), Release("orders", jar, job_json, "ab")):
            assert isinstance(standing(release, api, console, Deadline(0)), Stands)
    assert not Release("orders", jar).is_shown_by(Fields(UPLOADED))
    assert Release("orders", Blob("a/b", "0x1", UPLOADED.at)).is_shown_by(Fields(UPLOADED))


def test_every_command_was_asked() -> None:
    """Each is there, and what lies deep in a reply was read."""
    assert {words[0] for words in LINES} | {"deploy"} == {command.name for command in COMMANDS}
    some = {("OperationInList", "action"), ("KeptRelease", "running"), ("OperatorGone", "stateBytes"), ("Step", "at")}
    for words in LINES:
        run(words)
    assert some <= READ


def test_a_field_that_the_app_does_not_have_is_noticed() -> None:
    """Wherever it is read."""
    for wrong in (lambda one: one.get("request"), lambda one: one["request"], lambda one: "request" in one):
        with pytest.raises(AssertionError, match="OperationInList has no request"):
            wrong(Fields(STOPPING))


def test_a_problem_is_read_by_fields_that_it_has() -> None:
    """Its code and its words."""
    with (
        serving({"GET /api/jobs": [recorded.problem(404, "JobNotFound", "no job")]}) as server,
        pytest.raises(Failure) as caught,
    ):
        Api(Config(url=server.url), Console(as_json=False)).get("/api/jobs")
    assert (caught.value.code, caught.value.message) == ("JobNotFound", "no job")
