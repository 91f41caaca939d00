"""What the check of a release asks of Flink, and what it makes of every answer, and of none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from flinkfuncs.clients.flink import Flink
from flinkfuncs.clusters.check import ReleaseCheck
from flinkfuncs.clusters.program import run_request
from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import Unanswered, Unavailable
from flinkfuncs.core.jobs import Copy, JobRecord
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Cause, Checked, Compared, Operation, Request, operation_id
from flinkfuncs.core.releases import JarSource, Release, Spec

from .server import Answer, Fault, LocalServer, serving

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ORDERS = JobName("orders")
COPY = "c" * 32
GUARD = [{"key": "cluster.intercept-user-system-exit", "value": "THROW"}]
Answers = Mapping[str, Sequence[Answer | Fault]]


def release(name: str) -> Release:
    sha256 = f"{ord(name):064x}"
    spec = Spec(args="--topic orders", entry_class="my.Main", flink_configuration={"a.key": "b"})
    return Release(
        sha256=sha256, size_bytes=1, jar_name="x.jar", spec=spec, source=JarSource(place="uploads", name="x")
    )


OLD, NEW = release("o"), release("n")
RECORD = JobRecord(
    name=ORDERS, wanted=OLD, current=Copy(flink_job_id=COPY, release=OLD, operation="x", started_at=NOW, seen=True)
)


def operation(action: Action = Action.UPDATE, *, named: str | None = None) -> Operation:
    return Operation(
        id=operation_id(ORDERS, at=NOW, identity="1"),
        job=ORDERS,
        request=Request(action=action, save_point_name=named),
        cause=Cause(kind="http", detail="x"),
        requested_at=NOW,
        progressed_at=NOW,
        release=NEW,
    )


def plan(*operators: str, parallelism: int = 2) -> Answer:
    """A plan of these operators; `b<a` gets its records from `a`."""
    named = [operator.partition("<") for operator in operators]
    nodes = [{"id": one, "parallelism": parallelism, "inputs": [{"id": of}] if of else []} for one, _, of in named]
    return Answer(body={"plan": {"jid": "0", "nodes": nodes}})


def thrown(cause: str) -> Answer:
    trace = f"<Exception on server side:\njava.util.concurrent.CompletionException: x\nCaused by: {cause}\n"
    return Answer(500, {"errors": ["Internal server error.", trace]})


def room(*, held_by_others: int) -> dict[str, object]:
    """A TaskManager with eight slots, of which the old copy holds two."""
    jobs = [COPY, COPY, *["d" * 32] * held_by_others]
    allocated = [{"index": index, "jobId": job} for index, job in enumerate(jobs)]
    return {"slotsNumber": 8, "freeSlots": 8 - len(jobs), "allocatedSlots": allocated}


UNNAMED = thrown(
    "java.lang.IllegalStateException: Auto generated UIDs have been disabled but no UID or hash has been assigned to "
    "operator Source: numbers"
)


def cluster(**changed: Sequence[Answer | Fault]) -> Answers:
    """What a cluster answers on which `source` and `count -> sink` run, both with state."""
    files = [{"id": f"id_{one.sha256}", "name": f"{one.sha256}.jar", "uploaded": 1} for one in (OLD, NEW)]
    tasks = {"source": {"state_size": 265, "persisted_data": 0}, "count": {"state_size": 8440, "persisted_data": 0}}
    vertices = [
        {"id": "source", "name": "Source", "parallelism": 1, "maxParallelism": 64},
        {"id": "count", "name": "count -> sink", "parallelism": 2, "maxParallelism": 128},
    ]
    answers: dict[str, Sequence[Answer | Fault]] = {
        "GET /jobmanager/config": changed.get("config", [Answer(body=GUARD)]),
        "GET /config": changed.get("about", [Answer(body={"flink-version": "2.3.0"})]),
        "GET /jars": [Answer(body={"address": "", "files": files})],
        f"POST /jars/id_{NEW.sha256}/plan": changed.get("plan", [plan("source", "count", "sink")]),
        f"POST /jars/id_{OLD.sha256}/plan": changed.get("old_plan", [Answer(404)]),
        "GET /taskmanagers": [Answer(body={"taskmanagers": [{"id": "10.0.0.7:6122-5dbe5f"}]})],
        "GET /taskmanagers/10.0.0.7%3A6122-5dbe5f": changed.get("room", [Answer(body=room(held_by_others=2))]),
        "GET /overview": changed.get("slots", [Answer(body={"slots-available": 4})]),
        f"GET /jobs/{COPY}": changed.get("job", [Answer(body={"vertices": vertices})]),
        f"GET /jobs/{COPY}/checkpoints": changed.get(
            "checkpoints", [Answer(body={"latest": {"completed": {"id": 7}, "savepoint": {"id": 9}}})]
        ),
        f"GET /jobs/{COPY}/checkpoints/details/9": changed.get("details", [Answer(body={"tasks": tasks})]),
    }
    return answers


def check(
    server: LocalServer,
    asked: Operation | None = None,
    *,
    record: JobRecord = RECORD,
    unguarded: bool = False,
    brought: Release = NEW,
    slots: bool = False,
) -> Checked:
    checks = ReleaseCheck(Flink(server.url, call_seconds=5), 0.5, unguarded, require_slots=slots)
    return checks.check(record, asked or operation(), brought)


def known(*operators: str) -> JobRecord:
    """The record of a job whose copy's operators were planned before."""
    assert RECORD.current
    return RECORD.but(current=RECORD.current.model_copy(update={"operators": operators}))


def test_main_runs_once_with_the_releases_own_arguments_where_every_operator_is_named() -> None:
    """Without chains, so that every operator is told, and under an id that is nobody's."""
    with serving(cluster()) as server:
        found = check(server, record=known("source", "count", "sink"))
        (sent,) = [call.sent for call in server.calls if call.method == "POST"]
    assert (found.verdict, found.warnings, found.operators) == ("PASSED", (), ("count", "sink", "source"))
    learned = Compared(
        kept=("count", "sink", "source"), new=(), gone=(), max_parallelism=64, slots_needed=2, slots_free=6
    )
    assert found.compared == learned
    assert isinstance(sent, dict)
    assert (sent["entryClass"], sent["programArgsList"], sent["parallelism"]) == ("my.Main", ["--topic", "orders"], 2)
    assert sent["jobId"] == operation().token("check")
    assert {"a.key": "b", "pipeline.name": "orders", "pipeline.auto-generate-uids": "false"}.items() <= sent[
        "flinkConfiguration"
    ].items()
    assert {"savepointPath", "allowNonRestoredState"}.isdisjoint(sent)


def test_a_release_cannot_undo_what_the_app_says_with_every_start() -> None:
    """Its checkpoints outlive a cancel, and it has the job's name, whatever its own configuration says."""
    retention = "execution.checkpointing.externalized-checkpoint-retention"
    own = {retention: "DELETE_ON_CANCELLATION", "pipeline.name": "another", "a.key": "b"}
    release = NEW.model_copy(update={"spec": Spec(flink_configuration=own)})
    with serving(cluster()) as server:
        request = run_request(Flink(server.url, call_seconds=5), RECORD, release, flink_job_id=COPY)
    assert request
    assert request.configuration == {retention: "RETAIN_ON_CANCELLATION", "pipeline.name": "orders", "a.key": "b"}


@pytest.mark.parametrize("value", [None, "DISABLED", "LOG"])
def test_no_main_runs_where_it_could_end_the_jobmanager_unless_that_is_allowed(value: str | None) -> None:
    """The operation says that nothing was checked."""
    config = [Answer(body=[{"key": GUARD[0]["key"], "value": value}] if value else [])]
    with serving(cluster(config=config)) as server:
        skipped = check(server)
        assert (skipped.verdict, server.count("POST"), len(skipped.warnings)) == ("SKIPPED", 0, 1)
        assert check(server, unguarded=True).verdict == "PASSED"


@pytest.mark.parametrize("unguarded", [True, False])
def test_a_cluster_that_names_no_version_ends_an_update_before_its_stop(*, unguarded: bool) -> None:
    """How a start is worded depends on it; main() is not run, either."""
    about = [Answer(body={"flink-version": "<unknown>"})]
    with serving(cluster(about=about, config=[Answer(body=[])])) as server:
        with pytest.raises(Unavailable, match="names no version"):
            check(server, unguarded=unguarded)
        assert server.count("POST") == 0


def test_a_main_that_throws_refuses_the_release_with_flinks_cause() -> None:
    """Whatever the first plan said, that of the release as it is decides."""
    with serving(cluster(plan=[thrown("java.lang.IllegalStateException: boom")])) as server:
        found = check(server)
    assert (found.verdict, found.code) == ("REFUSED", "PlanFailed")
    assert (found.cause or "").endswith("java.lang.IllegalStateException: boom")


def test_operators_without_a_name_are_no_refusal_and_said() -> None:
    """The second plan is of the release as it is, with chains and generated ids."""
    with serving(cluster(plan=[UNNAMED, plan("source", "count")])) as server:
        found = check(server)
        second = [call.sent for call in server.calls if call.method == "POST"][1]
    assert (found.verdict, found.operators) == ("PASSED", ())
    assert found.compared
    assert (found.compared.without_uid, found.compared.kept) == ("Source: numbers", None)
    assert "cannot be told: java.lang.IllegalStateException: Auto generated UIDs" in found.warnings[0]
    assert isinstance(second, dict)
    assert not [key for key in second["flinkConfiguration"] if key.startswith("pipeline.operator-chaining")]


def test_a_main_that_does_not_end_refuses_the_release() -> None:
    """It would not start in time, either; then nothing would run, and a start would be in flight."""
    with serving(cluster(plan=[Fault.SILENCE])) as server:
        assert check(server).code == "PlanTimeout"
        assert server.count("POST") == 1


@pytest.mark.parametrize(
    "answers",
    [
        [Fault.RESET_AFTER],
        [Fault.HALF],
        [Answer(502, raw=b"<html>bad gateway</html>")],
        [Answer(200, raw=b"garbage")],
        [UNNAMED, Answer(503)],
        [UNNAMED, Fault.RESET_AFTER],
    ],
)
def test_a_main_that_may_have_run_without_an_answer_is_unanswered(answers: list[Answer | Fault]) -> None:
    """It is counted, so that one that takes its JobManager along is not begun again and again."""
    with serving(cluster(plan=answers)) as server, pytest.raises(Unanswered):
        check(server)


@pytest.mark.parametrize("status", [429, 503])
def test_a_main_that_surely_did_not_run_may_run_later(status: int) -> None:
    """A cluster that is busy now is asked again."""
    with serving(cluster(plan=[Answer(status)])) as server, pytest.raises(Unavailable) as caught:
        check(server)
    assert not isinstance(caught.value, Unanswered)


@pytest.mark.parametrize("what", ["slots", "job", "checkpoints", "details"])
@pytest.mark.parametrize("answer", [Answer(500), Answer(503), Answer(200, raw=b"garbage"), Fault.RESET_AFTER])
def test_once_main_has_run_there_is_a_verdict_whatever_else_fails(what: str, answer: Answer | Fault) -> None:
    """What could not be asked is said, and main() is not run again for it."""
    with serving(cluster(**{what: [answer]})) as server:
        found = check(server, record=known("source", "count", "sink"))
    assert found.verdict == "PASSED"
    assert len(found.warnings) in (1, 2)  # the job's answer tells slots and state


FULL = {"slots": [Answer(body={"slots-available": 0})], "plan": [plan("source", "count", "sink", parallelism=4)]}


def requiring(*, said: bool | None) -> Release:
    """The new release, as a job.json with or without requireSlots makes it."""
    return NEW.model_copy(update={"spec": NEW.spec.model_copy(update={"require_slots": said})})


@pytest.mark.parametrize(
    ("setting", "said", "refused"),
    [(False, None, False), (True, None, True), (False, True, True), (True, False, False)],
)
def test_too_few_slots_refuse_a_release_only_where_they_are_required(
    *, setting: bool, said: bool | None, refused: bool
) -> None:
    """The release's own word goes before the setting; without either it is a warning, as ever."""
    with serving(cluster(room=[Answer(body=room(held_by_others=5))], **FULL)) as server:
        found = check(server, record=known("source"), brought=requiring(said=said), slots=setting)
    assert found.code == ("NotEnoughSlots" if refused else None)
    words = "at least 4 slots, and without the old copy there are 3" if refused else "at least 4 slots; without the old"
    assert words in (found.cause or found.warnings[0])


def test_slots_that_may_become_free_refuse_nothing() -> None:
    """The old copy holds more than its widest vertex tells: enough, when it has ended."""
    with serving(cluster(room=[Answer(body=room(held_by_others=4))], **FULL)) as server:
        found = check(server, record=known("source"), slots=True)
    assert found.verdict == "PASSED"
    assert "requireSlots does not refuse it: there may be 4 for it" in found.warnings[0]


def test_a_cluster_that_makes_do_with_fewer_slots_refuses_nothing() -> None:
    """The warning says why."""
    adaptive = [Answer(body=[*GUARD, {"key": "jobmanager.scheduler", "value": "adaptive"}])]
    with serving(cluster(config=adaptive, room=[Answer(body=room(held_by_others=6))], **FULL)) as server:
        found = check(server, record=known("source"), slots=True)
    assert (found.verdict, "jobmanager.scheduler is adaptive" in found.warnings[0]) == ("PASSED", True)


def test_slots_that_cannot_be_counted_refuse_nothing() -> None:
    """Whatever is required, main() has run, and there is a verdict."""
    with serving(cluster(room=[Answer(503)], **FULL)) as server:
        found = check(server, record=known("source"), slots=True)
    assert (found.verdict, "not known" in found.warnings[0]) == ("PASSED", True)


def test_without_a_plan_nobody_knows_the_slots() -> None:
    """The operation says that nothing was refused for them."""
    with serving(cluster(config=[Answer(body=[])])) as server:
        found = check(server, slots=True)
    assert (found.verdict, "requireSlots" in found.warnings[1]) == ("SKIPPED", True)


@pytest.mark.parametrize(
    ("asked", "record"),
    [(operation(Action.STATELESS_UPDATE), RECORD), (operation(Action.NEW), JobRecord(name=ORDERS))],
)
def test_a_fresh_start_is_compared_with_nothing(asked: Operation, record: JobRecord) -> None:
    """There is no state that it could drop by accident."""
    with serving(cluster(plan=[plan("other")])) as server:
        assert (check(server, asked, record=record).warnings, server.count("GET", "/checkpoints")) == ((), 0)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"job": [Answer(404, {"errors": ["x"]})]}, "no checkpoint of"),
        ({"checkpoints": [Answer(body={"latest": {}})]}, "no checkpoint"),
        ({"details": [Answer(404, {"errors": ["x"]})]}, "no checkpoint"),
    ],
)
def test_without_a_checkpoint_nothing_is_proven(changed: dict[str, Sequence[Answer]], words: str) -> None:
    """A job that takes none, or whose JobManager forgot them."""
    with serving(cluster(plan=[plan("other")], **changed)) as server:
        found = check(server)
    assert found.verdict == "PASSED"
    assert words in found.warnings[-1]


def test_a_named_savepoint_is_not_compared() -> None:
    """What it holds is not told by the newest checkpoint."""
    with serving(cluster(plan=[plan("other")])) as server:
        found = check(server, operation(named="file:/sp/1"))
    assert (found.verdict, "a named one" in found.warnings[0]) == ("PASSED", True)


@pytest.mark.parametrize(
    ("status", "verdict", "words"),
    [
        (Answer(body={"status": "RUNNING"}), "REFUSED", None),
        (Answer(body={"status": "FAILED"}), "PASSED", "a named one"),
        (Answer(404, {"errors": ["FlinkJobNotFoundException"]}), "PASSED", "a named one"),
        (Answer(503), "PASSED", "503"),
    ],
)
def test_a_release_is_compared_where_what_its_job_json_names_does_not_count(
    status: Answer, verdict: str, words: str | None
) -> None:
    """The copy that runs is stopped, and its state goes on; without an answer there is a verdict all the same."""
    http = operation(named="file:/sp/1")
    upload = http.model_copy(update={"cause": Cause(kind="upload", detail="x")})
    with serving({**cluster(plan=[plan("other")]), f"GET /jobs/{COPY}/status": [status]}) as server:
        found = check(server, upload)
    assert found.verdict == verdict
    assert words is None or words in found.warnings[0]


OLD_PLANS = [plan("source", "count<source", "sink<count"), plan("source", "count<source")]


@pytest.mark.parametrize(
    ("plans", "old_plan", "verdict", "posts"),
    [
        # the source, one operator with state, is gone
        ([plan("count", "sink"), plan("count")], OLD_PLANS, "REFUSED", 4),
        # … but the ids of the release as it is are others: what was compared was generated
        ([plan("count", "sink"), plan("g1", "g2")], OLD_PLANS, "PASSED", 4),
        # the whole chain is gone
        ([plan("source", "other"), plan("source")], OLD_PLANS, "REFUSED", 4),
        # its head is gone, the sink is not
        ([plan("source", "sink")], OLD_PLANS, "PASSED", 3),
        # the old jar is not there any more, does not plan, or another chain runs
        ([plan("source", "sink")], [Answer(400, {"errors": ["no jar"]})], "PASSED", 2),
        ([plan("source", "sink")], [plan("x", "y"), plan("x", "y")], "PASSED", 3),
        # everything that the old one has is there
        ([plan("source", "count", "sink")], OLD_PLANS, "PASSED", 3),
    ],
)
def test_the_old_releases_plan_tells_what_a_chain_holds(
    plans: list[Answer], old_plan: list[Answer], verdict: str, posts: int
) -> None:
    """It is asked for only where the verdict hangs on it, since each plan runs a main()."""
    with serving(cluster(plan=plans, old_plan=old_plan)) as server:
        found = check(server)
        assert (found.verdict, server.count("POST")) == (verdict, posts)
    if verdict == "REFUSED":
        assert found.code == "StateWouldBeDropped"


@pytest.mark.parametrize(("free", "takes", "warned"), [(1, 3, False), (0, 2, False), (0, 3, True), (1, 4, True)])
def test_too_few_slots_are_a_warning(free: int, takes: int, *, warned: bool) -> None:
    """An elastic cluster may bring them; the two that the old copy holds will be free."""
    wide = Answer(body={"plan": {"nodes": [{"id": one, "parallelism": takes} for one in ("source", "count", "sink")]}})
    with serving(cluster(slots=[Answer(body={"slots-available": free})], plan=[wide])) as server:
        found = check(server, record=known("source", "count", "sink"))
    assert (found.verdict, [f"at least {takes} slots" in warning for warning in found.warnings]) == (
        "PASSED",
        [True] if warned else [],
    )


def test_a_jar_that_is_gone_from_the_cluster_is_uploaded_again() -> None:
    """Nothing ran: the loop looks again and finds it missing."""
    answers = {**cluster(), "GET /jars": [Answer(body={"files": []})]}
    with serving(answers) as server, pytest.raises(Unavailable) as caught:
        check(server)
    assert caught.value.code == "JarGone"


# ------------------------------------------------------------------------------------ the changelog, batch mode, main()

ON, OFF = {"state.changelog.enabled": "true"}, {"state.changelog.enabled": "false"}
CLAIMS = "FLINK-38307"


def run_before(spec: Mapping[str, str]) -> JobRecord:
    """A job whose copy runs with this configuration."""
    old = OLD.model_copy(update={"spec": Spec(flink_configuration=dict(spec))})
    copy = Copy(flink_job_id=COPY, release=old, operation="x", started_at=NOW, seen=True)
    return RECORD.but(current=copy)


@pytest.mark.parametrize(
    ("by_cluster", "before", "new", "runs_with_it", "verdict"),
    [
        ({}, {}, {}, False, "PASSED"),
        ({}, ON, ON, True, "PASSED warned"),
        (ON, {}, {}, True, "PASSED warned"),
        (ON, {}, OFF, True, "PASSED"),
        ({}, ON, {}, True, "PASSED"),
        ({}, {}, ON, False, "PASSED warned"),
        ({}, {}, {}, True, "REFUSED ChangelogInMain"),
        ({}, {}, ON, True, "REFUSED ChangelogInMain"),
        ({}, {}, OFF, True, "PASSED warned"),
        ({}, OFF, OFF, True, "REFUSED ChangelogInMain"),
    ],
)
def test_a_changelog_that_configuration_turns_on_is_a_warning_and_one_of_main_is_refused(
    by_cluster: Mapping[str, str], before: Mapping[str, str], new: Mapping[str, str], runs_with_it: bool, verdict: str
) -> None:
    """The same release without the word is what a release says that no longer turns it on in main()."""
    config = [Answer(body=[*GUARD, *({"key": key, "value": value} for key, value in by_cluster.items())])]
    of_copy = {f"GET /jobs/{COPY}/checkpoints/config": [Answer(body={"state_changelog_enabled": runs_with_it})]}
    answers = {**of_copy, **cluster(config=config)}
    release = NEW.model_copy(update={"spec": Spec(flink_configuration=dict(new))})
    with serving(answers) as server:
        found = check(server, record=run_before(before), brought=release)
    warned = any(CLAIMS in warning for warning in found.warnings)
    assert " ".join(filter(None, [found.verdict, found.code, "warned" if warned else ""])) == verdict


def test_a_copy_that_restores_runs_without_the_changelog_and_a_fresh_one_as_it_is_told() -> None:
    """Flink restores with it only in CLAIM mode."""
    release = NEW.model_copy(update={"spec": Spec(flink_configuration=ON)})
    with serving(cluster()) as server:
        flink = Flink(server.url, call_seconds=5)
        fresh = run_request(flink, RECORD, release, flink_job_id=COPY)
        restored = run_request(flink, RECORD, release, flink_job_id=COPY, savepoint="file:/sp/1")
    assert fresh
    assert restored
    assert fresh.configuration["state.changelog.enabled"] == "true"
    assert restored.configuration["state.changelog.enabled"] == "false"
    assert restored.configuration["state.backend.changelog.enabled"] == "false"


def test_a_release_in_batch_mode_continues_from_no_state() -> None:
    """A fresh start is what it takes; then what such a job can and cannot do is a warning."""
    nodes = [{"id": "source", "parallelism": 1}]
    batch = [Answer(body={"plan": {"jid": "0", "type": "BATCH", "name": "orders", "nodes": nodes}})]
    with serving(cluster(plan=batch)) as server:
        refused = check(server)
        passed = check(server, operation(Action.STATELESS_UPDATE))
    assert (refused.verdict, refused.code) == ("REFUSED", "StateWouldBeDropped")
    assert passed.verdict == "PASSED"
    assert any("batch mode" in warning for warning in passed.warnings)


def test_a_main_that_ends_without_a_plan_is_a_warning_with_flinks_words() -> None:
    """It may catch whatever goes wrong in it, also what ends it for a plan."""
    words = "The program plan could not be fetched - the program aborted pre-maturely."
    with serving(
        cluster(plan=[thrown(f"org.apache.flink.client.program.ProgramInvocationException: {words}")])
    ) as server:
        found = check(server)
    assert (found.verdict, found.code) == ("PASSED", None)
    assert any("aborted pre-maturely" in warning for warning in found.warnings)


@pytest.mark.parametrize(("name", "kept"), [("orders", None), ("named in main()", "named in main()"), ("", None)])
def test_the_name_that_main_gives_the_job_is_noted_where_it_is_another_one(name: str, kept: str | None) -> None:
    """By it a copy that somebody runs already is recognised."""
    nodes = [{"id": "source", "parallelism": 1}, {"id": "count", "parallelism": 1}, {"id": "sink", "parallelism": 1}]
    with serving(cluster(plan=[Answer(body={"plan": {"jid": "0", "name": name, "nodes": nodes}})])) as server:
        found = check(server)
    assert found.name == kept
    assert any("names the job" in warning for warning in found.warnings) is (kept is not None)
