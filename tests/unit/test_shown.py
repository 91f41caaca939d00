"""What callers are shown, and what not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import Field
from pydantic.json_schema import models_json_schema

from flinkfuncs.api import shown
from flinkfuncs.clients.ledger import upload_of
from flinkfuncs.core import jobs, operations, plans, releases
from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import Copy, JobRecord, JobRow, LastOperation, Savepoint
from flinkfuncs.core.model import Model
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import ArmProgress, Cause, Mark, Operation, Outcome, Request, Result, Settling, Undo
from flinkfuncs.core.orphans import Found
from flinkfuncs.core.releases import JarSource, Release, Spec, SpecPatch
from flinkfuncs.core.summaries import summary_of
from flinkfuncs.core.windows import DailyWindow
from flinkfuncs.redaction import redacted_args, redacted_arguments, redacted_configuration
from tests.fixtures.halfway import NAMES, load

NOW = datetime(2026, 11, 21, 2, 3, 4, tzinfo=UTC)
ORDERS = JobName("orders")
CAUSE = Cause(kind="http", detail="function key")
SPEC = Spec(args="--password hunter2", flink_configuration={"s3.secret-key": "hunter2", "pipeline.name": "orders"})
RELEASE = Release(
    sha256="ab" * 32,
    size_bytes=3,
    jar_name="orders.jar",
    spec=SPEC,
    source=JarSource(place="uploads", name="stateful/orders/orders.jar"),
)
COPY = Copy(flink_job_id="c0" * 16, release=RELEASE, operation="op", started_at=NOW)
OPERATION = Operation(
    id="20261121T020304Z-orders-3f2a9c1b7d4e",
    job=ORDERS,
    request=Request(action=Action.UPDATE, spec=SpecPatch(args="--api-key=hunter2 --topic orders")),
    cause=CAUSE,
    requested_at=NOW,
    progressed_at=NOW,
    arm=ArmProgress(operation_url="https://arm.example/operationStatuses/1?api-version=x&s=hunter2"),
)
SAVEPOINTS = tuple(
    Savepoint(path=f"file:/sp/{n}", taken_at=NOW, origin=Action.STOP, cause="http", flink_job_id="c0", operation="o")
    for n in (1, 2)
)
FULL = JobRecord(
    name=ORDERS,
    folder="stateful",
    wanted=RELEASE,
    current=COPY,
    savepoints=SAVEPOINTS,
    open=(OPERATION,),
    last=LastOperation(id="x", action=Action.NEW, cause=CAUSE, outcome=Outcome.SUCCEEDED, message="runs", ended_at=NOW),
)


def test_a_jobs_view_names_what_runs_and_what_is_open() -> None:
    """Every part of the view, from the record and the cluster's word."""
    view = shown.Job.of(FULL, "RUNNING").as_json()
    assert list(view) == [
        "name",
        "status",
        "flinkJobId",
        "folder",
        "release",
        "copy",
        "lastSavePoint",
        "open",
        "last",
    ]
    assert (view["name"], view["status"], view["flinkJobId"]) == ("orders", "RUNNING", COPY.flink_job_id)
    assert view["lastSavePoint"] == "file:/sp/2"
    assert view["copy"] == {
        "flinkJobId": COPY.flink_job_id,
        "releaseId": RELEASE.id,
        "startedAt": "2026-11-21T02:03:04Z",
    }
    release = view["release"]
    assert isinstance(release, dict)
    assert set(release) == {"id", "sha256", "sizeBytes", "jarName", "spec"}
    assert (release["id"], release["sha256"], release["jarName"]) == (RELEASE.id, "ab" * 32, "orders.jar")
    assert view["open"] == [shown.Operation.of(OPERATION).as_json()]


def test_a_job_of_the_arm_api_shows_what_its_row_says() -> None:
    """Where the service runs the job we have no copy of our own."""
    row = JobRow(job_id="25e3", last_save_point="abfs://sp@a/savepoint-1")
    view = shown.Job.of(JobRecord(name=ORDERS, row=row), "RUNNING").as_json()
    assert (view["flinkJobId"], view["lastSavePoint"]) == ("25e3", "abfs://sp@a/savepoint-1")


def test_an_empty_record_shows_only_what_is_known() -> None:
    """Nothing is made up."""
    assert shown.Job.of(JobRecord(name=ORDERS), "UNKNOWN", reason="no answer").as_json() == {
        "name": "orders",
        "status": "UNKNOWN",
        "statusReason": "no answer",
        "open": [],
    }


def test_before_a_release_is_wanted_the_copys_own_is_shown() -> None:
    """A running copy always has a release."""
    release = shown.Job.of(JobRecord(name=ORDERS, current=COPY), "RUNNING").release
    assert release
    assert release.id == RELEASE.id


def test_an_operation_shows_what_was_asked_for_and_its_state() -> None:
    """CamelCase, open until it has a result; a patch shows only what was said."""
    view = shown.Operation.of(OPERATION).as_json()
    assert view["state"] == "open"
    assert view["id"] == OPERATION.id
    assert view["requestedAt"] == "2026-11-21T02:03:04Z"
    request = view["request"]
    assert isinstance(request, dict)
    assert request["spec"] == {"args": "--api-key=****** --topic orders"}
    result = Result(outcome=Outcome.FAILED, message="no", ended_at=NOW)
    closed = shown.Operation.of(OPERATION.model_copy(update={"result": result})).as_json()
    assert closed["state"] == "closed"
    assert closed["result"] == {"outcome": "FAILED", "message": "no", "endedAt": "2026-11-21T02:03:04Z"}


def test_an_operation_shows_its_downtime_and_why_it_was_undone() -> None:
    """While it is open, too."""
    mark = Mark(sent_at=NOW, last_sent_at=NOW)
    undo = Undo(reason="the new copy failed", at=NOW + timedelta(seconds=9), started_at=NOW)
    down = OPERATION.model_copy(update={"stop": mark, "start": mark, "undo": undo})
    view = shown.Operation.of(down).as_json()
    assert view["downtime"] == {"since": "2026-11-21T02:03:04Z"}
    assert view["undo"] == {"reason": "the new copy failed", "at": "2026-11-21T02:03:13Z"}
    again = down.model_copy(update={"settling": Settling(since=NOW + timedelta(seconds=12), restarts=0)})
    until = "2026-11-21T02:03:16Z"
    assert shown.Operation.of(again).as_json()["downtime"] == {"since": "2026-11-21T02:03:04Z", "until": until}


def test_an_upload_that_is_held_for_its_window_says_until_when() -> None:
    """For programs and for people, alone, in its job, in lists, and no longer than it is held."""
    cause, message = Cause(kind="upload", detail="stateful/orders/v2.jar 1"), "held until 2026-11-21T02:03:04Z by its"
    held = OPERATION.model_copy(update={"held_until": NOW, "cause": cause})
    view = shown.Operation.of(held).as_json()
    assert (view["heldUntil"], view["message"]) == ("2026-11-21T02:03:04Z", f"{message} updateWindow")
    job = shown.Job.of(FULL.but(held=(held,)), "RUNNING")
    assert job.uploads == shown.HeldUploads(paused=False, held=(shown.Operation.of(held),))
    assert shown.JobInList.of("orders", summary_of(FULL.but(held=(held,))), "RUNNING").held_until == NOW
    upload = shown.Upload.of(upload_of(held))
    assert (upload.state, upload.message) == ("open", f"{message} updateWindow")
    result = Result(outcome=Outcome.SUPERSEDED, message="a newer upload came", ended_at=NOW)
    over = held.model_copy(update={"result": result})
    assert {"heldUntil", "message"} & set(shown.Operation.of(over).as_json()) == set()
    assert upload_of(over).message == "a newer upload came"


@pytest.mark.parametrize(
    "window",
    [
        {"cron": "0 2 * * 1-5", "minutes": 120, "timeZone": "Europe/Berlin"},
        {"from": "02:00", "until": "05:00", "days": ["MON"], "timeZone": "UTC"},
        {},
    ],
)
def test_a_window_is_shown_as_it_is_written(window: dict[str, object]) -> None:
    """Whatever its form; an empty one was asked for to take one away."""
    patch = SpecPatch.model_validate({"updateWindow": window})
    assert shown.Spec.of(patch).as_json() == {"updateWindow": window}


def test_savepoints_are_shown_newest_first() -> None:
    """The first one is what a START takes."""
    assert [each.path for each in shown.Savepoints.of(FULL).savepoints] == ["file:/sp/2", "file:/sp/1"]


def test_a_savepoint_shows_whether_it_was_restored_and_goes_and_an_orphan_what_it_is() -> None:
    """Orphans come last, the newest of them first."""
    going = SAVEPOINTS[0].model_copy(update={"disposing_at": NOW, "restored": True})
    found = [Found(f"file:///sp/{n}", f"op{n}", NOW + timedelta(seconds=n), 100 * n) for n in (1, 3, 4)]
    views = [
        each.as_json() for each in shown.Savepoints.of(FULL.but(savepoints=(going, SAVEPOINTS[1])), found).savepoints
    ]
    assert views[1] == {
        "path": "file:/sp/1",
        "takenAt": "2026-11-21T02:03:04Z",
        "origin": "STOP",
        "cause": "http",
        "flinkJobId": "c0",
        "operation": "o",
        "restored": True,
        "disposingAt": "2026-11-21T02:03:04Z",
        "sizeBytes": 100,
    }
    assert "sizeBytes" not in str(views[0])  # one that was not found is listed all the same
    assert views[2:] == [
        {
            "path": f"file:///sp/{n}",
            "takenAt": f"2026-11-21T02:03:{4 + n:02}Z",
            "sizeBytes": 100 * n,
            "origin": "orphan",
            "operation": f"op{n}",
        }
        for n in (4, 3)
    ]


def test_nothing_that_is_shown_holds_a_secret() -> None:
    """Arguments and configuration are starred wherever they stand in a record."""
    operation = OPERATION.model_copy(update={"release": RELEASE, "replaced": RELEASE})
    record = FULL.but(open=(operation,), held=(operation,), uploads_paused=True)
    text = json.dumps([shown.Job.of(record, "RUNNING").as_json(), shown.Operation.of(operation).as_json()])
    assert "hunter2" not in text
    assert "--topic orders" in text


# Fields of a record that are not shown: only the loop needs them.
INTERNAL: dict[type[Model], set[str]] = {
    operations.Operation: {
        *("check", "stop", "stops_failed", "start", "again", "cancel", "settling", "checkpoint", "checkpoints"),
        *("rollback", "trigger", "submit", "vanished_at", "unreachable_at", "ended_at", "arm", "asked_as", "run"),
    },
    operations.Request: {"replaces_spec", "kept", "kept_at", "names_savepoint_sha256", "objection"},
    operations.Checked: {"operators", "compared"},
    operations.OperatorGone: set(),
    operations.Undo: {"started_at", "completed", "never_started", "at_least"},
    operations.Cause: set(),
    operations.Result: set(),
    operations.StepTaken: set(),
    operations.SavepointListing: set(),
    jobs.LastOperation: set(),
    jobs.Savepoint: set(),
    jobs.Adopted: set(),
    releases.Release: {"source"},
    releases.JarSource: set(),
    releases.SpecPatch: set(),
}
SHOWN_AS: dict[type[Model], type[shown.Shown]] = {
    operations.Operation: shown.Operation,
    operations.Request: shown.Request,
    operations.Checked: shown.Checked,
    operations.Undo: shown.Undo,
    operations.Cause: shown.Cause,
    operations.Result: shown.Result,
    operations.StepTaken: shown.Step,
    operations.OperatorGone: shown.OperatorGone,
    operations.SavepointListing: shown.ListedSavepoint,
    jobs.LastOperation: shown.LastOperation,
    jobs.Savepoint: shown.Savepoint,
    jobs.Adopted: shown.Adopted,
    releases.Release: shown.Release,
    releases.JarSource: shown.Jar,
    releases.SpecPatch: shown.Spec,
}


@pytest.mark.parametrize("recorded", SHOWN_AS, ids=lambda model: model.__name__)
def test_every_field_of_a_record_is_shown_or_named_as_internal(recorded: type[Model]) -> None:
    """A new field of the ledger is shown because somebody decided so, and never by itself."""
    assert set(recorded.model_fields) - INTERNAL[recorded] <= set(SHOWN_AS[recorded].model_fields)
    assert not INTERNAL[recorded] & set(SHOWN_AS[recorded].model_fields)


def test_no_model_of_the_ledger_is_part_of_a_reply() -> None:
    """A field that is renamed in a record renames nothing in the API."""
    models = [thing for thing in vars(shown).values() if isinstance(thing, type) and issubclass(thing, shown.Shown)]
    _, schema = models_json_schema([(model, "serialization") for model in models])
    described = set(schema["$defs"])
    assert described == {model.__name__ for model in models} | {"Action", "Outcome"}


# ------------------------------------------------------------------------------------------------ what a plan changes

BARE = RELEASE.model_copy(update={"spec": Spec()})
# A spec in which every field is another one than in BARE, by the names of the API.
FULL_SPEC = {
    "entryClass": "com.example.Orders",
    "args": ["--topic", "orders"],
    "parallelism": 4,
    "flinkConfiguration": {"state.backend.type": "rocksdb", "pipeline.name": "orders"},
    "savepointDirectory": "abfs://savepoints@account/team",
    "savepointFormat": "NATIVE",
    "allowNonRestoredState": True,
    "onFailure": "stop",
    "savepointRetentionCount": 3,
    "savepointRetentionDays": 1.5,
    "requireSlots": True,
    "updateWindow": {"from": "02:00", "until": "05:00", "days": ["MON"], "timeZone": "UTC"},
}


def changes(after: Release, before: Release | None = BARE) -> dict[str, tuple[object, object]]:
    """Return what a plan shows of a release: each field with both values."""
    plan = plans.Plan("0", Action.UPDATE, plans.Verdict.WILL_DO, release=after, before=before)
    view = shown.Plan.of(plan)
    assert [one.field for one in view.spec] == sorted({one.field for one in view.spec})
    return {one.field: (one.before, one.after) for one in view.spec}


def with_spec(**spec: object) -> Release:
    """Return BARE with a spec."""
    return RELEASE.model_copy(update={"spec": Spec.model_validate(spec)})


def test_a_plan_lists_what_a_release_changes_field_by_field() -> None:
    """Each key of the configuration is one, and what is the same is left out."""
    before = with_spec(parallelism=2, flink_configuration={"k.a": "1", "k.b": "1", "k.c": "1"})
    after = with_spec(parallelism=4, flink_configuration={"k.a": "1", "k.b": "2", "k.d": "1"})
    assert changes(after, before) == {
        "flinkConfiguration.k.b": ("1", "2"),
        "flinkConfiguration.k.c": ("1", None),
        "flinkConfiguration.k.d": (None, "1"),
        "parallelism": (2, 4),
    }
    assert changes(BARE.model_copy(update={"sha256": "cd" * 32})) == {"sha256": ("ab" * 32, "cd" * 32)}
    assert changes(BARE) == {}
    assert changes(after, None)["parallelism"] == (None, 4)


def test_a_plan_shows_no_secret() -> None:
    """That a password changes is shown, and neither of the two."""
    before = with_spec(args=("--db.password", "hunter1"), flink_configuration={"s3.secret-key": "hunter1"})
    after = with_spec(args=("--db.password", "hunter2"), flink_configuration={"s3.secret-key": "hunter2"})
    found = changes(after, before)
    assert found.keys() == {"args", "flinkConfiguration.s3.secret-key"}
    assert "hunter" not in str(found)


def test_a_plan_names_every_field_as_a_spec_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """However the ledger calls them: a field that is renamed there renames nothing here."""
    after = with_spec(**FULL_SPEC)
    assert shown.Spec.of(after.spec).as_json() == FULL_SPEC
    for field in (*SpecPatch.model_fields.values(), *DailyWindow.model_fields.values()):
        monkeypatch.setattr(field, "alias", "renamed")
        monkeypatch.setattr(field, "serialization_alias", "renamed")
    found = {field: value for field, (_, value) in changes(after).items()}
    configuration = {field.partition(".")[2]: found.pop(field) for field in [*found] if "." in field}
    window = json.loads(str(found.pop("updateWindow")))
    assert found | {"flinkConfiguration": configuration, "updateWindow": window} == FULL_SPEC | {
        "args": ("--topic", "orders")
    }


class RenamedWindow(DailyWindow):
    """A window of a ledger that calls things otherwise."""

    opens: str = Field(alias="begins")
    tide: str = "low"


def test_a_window_of_a_ledger_that_calls_things_otherwise_is_shown_as_before() -> None:
    """Alone, in a spec and among the changes of a plan; a field that is new there is not shown."""
    renamed = RenamedWindow.model_validate({"begins": "02:00", "until": "05:00"})
    window = {"from": "02:00", "until": "05:00", "timeZone": "UTC"}
    spec = BARE.spec.model_copy(update={"update_window": renamed})
    assert shown.Spec.of(spec).as_json()["updateWindow"] == window
    (change,) = changes(BARE.model_copy(update={"spec": spec})).items()
    assert (change[0], json.loads(str(change[1][1]))) == ("updateWindow", window)


@pytest.mark.parametrize("scene", NAMES)
def test_every_record_can_be_shown(scene: str) -> None:
    """Those of earlier versions as well, and what is shown is what the models say."""
    record = JobRecord.model_validate_json(load(scene).text)
    job = shown.Job.of(record, "RUNNING")
    assert shown.Job.model_validate_json(json.dumps(job.as_json())) == job
    assert [operation.id for operation in job.open] == [operation.id for operation in record.open]


HARMLESS = [
    *("--whatever", "3", "--else", "10 s", "--flag", "--now", "true"),
    *("--orderTopic", "a", "--group.id", "g", "--bootstrap-servers", "k1:9092"),
]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ([], []),
        (["--topic", "orders", "--n", "3"], ["--topic", "orders", "--n", "3"]),
        (["--db.password", "hunter2", "--topic", "orders"], ["--db.password", "******", "--topic", "orders"]),
        (["--password", "two words", "x"], ["--password", "******", "******"]),
        (["--password", "-hunter2"], ["--password", "******"]),
        (["--token", "--topic", "orders"], ["--token", "--topic", "orders"]),
        (["--token=hunter2", "token=hunter2", "--TOKEN=hunter2"], ["--token=******", "token=******", "--TOKEN=******"]),
        (["--db-pass", "hunter2", "--private-key", "hunter2"], ["--db-pass", "******", "--private-key", "******"]),
        (["-Dkafka.pass=hunter2", "--dd.api_key=hunter2"], ["-Dkafka.pass=******", "--dd.api_key=******"]),
        (["--conn", "Server=x; Password=hunter2"], ["--conn", "******"]),
        (["--out=Server=x;Password=hunter2"], ["--out=******"]),
        (["--sasl", 'x.Login required username="u" password="hunter2";'], ["--sasl", "******"]),
        (["jdbc:x://me:hun/ter2@host/db?a=b", "--out=x://me:hun/ter2@host"], ["******", "--out=******"]),
        (["--input", "https://a.blob/c?sv=1&sig=hunter2&se=2"], ["--input", "https://a.blob/c?sv=1&sig=******&se=2"]),
        (["--conf", '{"password":"hunter2"}'], ["--conf", "******"]),
        (["AccountName=a;AccountKey=hunter2"], ["AccountName=******"]),
        (["--whatever", "hunter2", "hunter2"], ["--whatever", "******", "******"]),
        (HARMLESS, HARMLESS),
        (["--from", "2026-11-28T01:02:03Z", "--rate", "400"], ["--from", "2026-11-28T01:02:03Z", "--rate", "400"]),
    ],
)
def test_only_arguments_that_are_known_to_be_harmless_are_shown(given: list[str], shown: list[str]) -> None:
    """By the name of their option, or because they can hardly be a secret; everything else is starred."""
    assert redacted_arguments(given) == shown
    assert (
        redacted_args(" ".join(f"'{word}'" if " " in word and "'" not in word else word for word in given)).count(
            "hunter2"
        )
        == 0
    )


def test_only_settings_that_are_known_to_be_harmless_are_shown() -> None:
    """Flink's own keys, unless they name a secret; of anybody else's, numbers and such."""
    configuration = {
        "fs.azure.account.key.a.dfs.core.windows.net": "hunter2",
        "fs.azure.sas.c.a": "hunter2",
        "kafka.pass": "hunter2",
        "dd.api_key": "hunter2",
        "security.ssl.rest.key-password": "hunter2",
        "s3.endpoint": "https://hunter2/",
        "env.java.opts.all": "-Dpassword=hunter2 -Da=hunter2 -Dx.name=b",
        "pipeline.global-job-parameters": "a:hunter2",
        "dd.retries": "3",
        "state.backend.type": "rocksdb",
        "parallelism.default": "2",
    }
    assert redacted_configuration(configuration) == {
        **dict.fromkeys(configuration, "******"),
        "env.java.opts.all": "-Dpassword=****** -Da=****** -Dx.name=b",
        "dd.retries": "3",
        "state.backend.type": "rocksdb",
        "parallelism.default": "2",
    }
