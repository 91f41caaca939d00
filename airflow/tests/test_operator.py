"""The operator on the real app: one operation for one call, whatever is lost, and an end for each outcome."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from airflow.exceptions import AirflowException, AirflowFailException, TaskDeferred
from conftest import ROOT, App, Task, eventually
from flinkfuncs_provider.exceptions import (
    FlinkFuncsRefused,
    FlinkKeyExpired,
    FlinkOperationAbandoned,
    FlinkOperationFailed,
    FlinkOperationOpen,
    FlinkOperationRefused,
    FlinkOperationRolledBack,
    FlinkOperationUnknown,
    FlinkOperationUnproven,
    FlinkPlanRefused,
)
from flinkfuncs_provider.links import KEY
from flinkfuncs_provider.operators import FlinkJobOperator
from flinkfuncs_provider.triggers import FlinkOperationTrigger
from relay import Relay

pytestmark = pytest.mark.usefixtures("relay")


def operator(job: str, action: str = "savepoint", **options: Any) -> FlinkJobOperator:
    return FlinkJobOperator(task_id="update", job=job, action=action, **{"poll_interval": 5, "timeout": 90, **options})


def test_a_job_is_started_and_updated_from_a_jar_on_the_worker(
    app: App, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is uploaded to `jar`; what XCom gets are ids, and no word that a user said."""
    wasb = {"conn_type": "wasb", "extra": {"connection_string": app.storage}}
    monkeypatch.setenv("AIRFLOW_CONN_WASB_DEFAULT", json.dumps(wasb))
    jars = str(ROOT / "examples" / "jars" / "sequence-{}.jar")
    jar = f"{app.jars}/from-worker.jar"
    said = ["--name", "quiet", "--db-pass", "hunter2"]
    first = operator("airflow-new", "NEW", jar=jar, local_jar=jars.format(1), args=said).execute(Task("a").context)
    assert first["outcome"] == "SUCCEEDED"
    task = Task("b")
    second = operator("airflow-new", "update", jar=jar, local_jar=jars.format(2), reason="a new release")
    update = second.execute(task.context)
    assert set(update) == {
        *("operation", "job", "action", "outcome", "flinkJobId", "releaseId", "savepoint", "downtimeSeconds"),
    }
    assert (update["job"], update["action"], update["outcome"]) == ("airflow-new", "UPDATE", "SUCCEEDED")
    assert update["flinkJobId"] != first["flinkJobId"]
    assert update["releaseId"] != first["releaseId"]
    assert update["savepoint"].startswith("file:/savepoints/")
    assert 0 < update["downtimeSeconds"] < 90
    newest, oldest = app.operations("airflow-new")
    assert (newest["id"], newest["request"]["reason"]) == (update["operation"], "a new release")
    assert oldest["request"]["reason"] == "Airflow: a update scheduled__2026-11-28"
    assert task.xcoms == {KEY: f"{relay.url}/ui#/jobs/airflow-new/operations/{update['operation']}"}
    assert "hunter2" not in json.dumps([first, update, task.xcoms])


def test_a_lost_answer_is_asked_for_again_with_the_same_key(app: App, relay: Relay) -> None:
    """The POST took effect, and its answer did not arrive: one operation."""
    job = app.runs("airflow-lost")
    lost = iter([True])
    relay.lose = lambda call: call.method == "POST" and next(lost, False)
    ended = operator(job).execute(Task("lost").context)
    first, second = relay.posts()
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert [each["id"] for each in app.operations(job)][:-1] == [ended["operation"]]


def test_a_retry_after_the_worker_died_finds_the_operation_and_a_clear_acts_anew(app: App) -> None:
    """Retry: the same key. Clear by a person: another key. So also for a third and fourth."""
    job = app.runs("airflow-retry")
    task = Task("retry")

    operator(job, wait=False).execute(task.context)  # the worker dies here: nothing but the POST was done
    (begun, _) = app.operations(job)
    assert operator(job).execute(task.retried().context)["operation"] == begun["id"]
    assert operator(job).execute(task.retried().context)["operation"] == begun["id"]
    second = operator(job).execute(task.cleared().context)["operation"]
    assert second != begun["id"]
    assert operator(job).execute(task.retried().context)["operation"] == second
    third = operator(job).execute(task.cleared().context)["operation"]
    assert [each["id"] for each in app.operations(job)][:3] == [third, second, begun["id"]]


def test_what_failed_is_asked_for_anew_by_a_retry(app: App) -> None:
    """Each retry one operation more, and a worker that dies in the second try is found by the third."""
    job = app.runs("airflow-failed")
    task = Task("failed")
    app.flink(is_away=True)
    with pytest.raises(FlinkOperationFailed, match=r"operation .* of airflow-failed") as failed:
        operator(job).execute(task.context)
    assert not isinstance(failed.value, AirflowFailException)  # Airflow retries it
    app.flink(is_away=False)
    second = operator(job).execute(task.retried().context)
    assert second["outcome"] == "SUCCEEDED"
    assert operator(job).execute(task.retried().context)["operation"] == second["operation"]
    assert len(app.operations(job)) == 3  # with the one that started it


def test_an_answer_that_is_lost_is_not_taken_for_an_earlier_try(app: App, relay: Relay) -> None:
    """The operation has failed by the time the request is repeated: it is this try's own, and no second one follows."""
    job = app.runs("airflow-lost-and-failed")
    app.flink(is_away=True)
    relay.lose = lambda _: len(relay.posts()) == 1
    relay.answer = lambda _: 503 if len(relay.posts()) in (2, 3) else None
    with pytest.raises(FlinkOperationFailed):
        operator(job).execute(Task("lost-and-failed").retried().context)
    assert len({call.headers["idempotency-key"] for call in relay.posts()}) == 1
    assert len(app.operations(job)) == 2


def test_what_is_refused_is_not_retried(app: App) -> None:
    """By the app at once (404), and as an operation: Airflow is told to fail."""
    with pytest.raises(FlinkFuncsRefused, match="JobNotFound") as nobody:
        operator("airflow-nobody").execute(Task("nobody").context)
    job = app.runs("airflow-refused")
    with pytest.raises(FlinkOperationRefused, match="REFUSED: ") as refused:
        operator(job, "start").execute(Task("refused").context)
    assert isinstance(nobody.value, AirflowFailException)
    assert isinstance(refused.value, AirflowFailException)


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        ("FAILED", FlinkOperationFailed),
        ("REFUSED", FlinkOperationRefused),
        ("SUPERSEDED", FlinkOperationRefused),
        ("ROLLED_BACK", FlinkOperationRolledBack),
        ("ABANDONED", FlinkOperationAbandoned),
        ("UNPROVEN", FlinkOperationUnproven),
        ("UNKNOWN", FlinkOperationUnknown),
        ("SOMETHING_NEW", FlinkOperationUnknown),
    ],
)
def test_each_outcome_has_an_exception_and_only_failed_is_retried(outcome: str, error: type[Exception]) -> None:
    """UNPROVEN and UNKNOWN above all: nothing is sent again blindly. What counts as success succeeds."""
    event = {
        "status": "ended",
        "operation": {"operation": "1", "job": "orders", "outcome": outcome},
        "message": "so it went [Code]",
    }
    with pytest.raises(error, match=rf"{outcome}: so it went \[Code\] \(operation 1 of orders\)") as raised:
        operator("orders").execute_complete({}, event)  # type: ignore[typeddict-item]
    assert isinstance(raised.value, AirflowFailException) == (outcome != "FAILED")
    assert isinstance(raised.value, AirflowException)
    lenient = operator("orders", success_outcomes=("SUCCEEDED", outcome))
    assert lenient.execute_complete({}, event)["outcome"] == outcome  # type: ignore[typeddict-item]


def test_a_task_whose_fields_changed_between_two_tries_asks_a_person(app: App) -> None:
    """KeyReused: the first try's operation stays the only one; a clear acts anew."""
    job = app.runs("airflow-changed")
    task = Task("changed")
    operator(job, reason="one", wait=False).execute(task.context)
    with pytest.raises(FlinkFuncsRefused, match="clear the task"):
        operator(job, reason="two").execute(task.retried().context)
    assert len(app.operations(job)) == 2
    operator(job, reason="two").execute(task.cleared().context)
    assert len(app.operations(job)) == 3


def test_a_retry_after_seven_days_asks_a_person(relay: Relay) -> None:
    """The key may be gone, and with it the memory of the first try. A first try sends, however old the run is."""
    task = Task("aged")
    task.dag_run.start_date -= timedelta(days=7, seconds=1)
    with pytest.raises(FlinkFuncsRefused, match="JobNotFound"):
        operator("airflow-nobody").execute(task.context)
    sent = len(relay.calls)
    with pytest.raises(FlinkKeyExpired, match="nobody can tell whether an earlier try has acted"):
        operator("airflow-nobody").execute(task.retried().context)
    assert len(relay.calls) == sent
    with pytest.raises(FlinkFuncsRefused, match="JobNotFound"):
        operator("airflow-nobody").execute(task.cleared().context)


def test_an_own_key_is_sent_as_it_is(app: App, relay: Relay) -> None:
    """A cleared task finds the operation of before."""
    job = app.runs("airflow-own-key")
    task = Task("own")
    one = operator(job, idempotency_key="order-17").execute(task.context)
    assert operator(job, idempotency_key="order-17").execute(task.cleared().context) == one
    assert {call.headers["idempotency-key"] for call in relay.posts()} == {"order-17"}


def test_a_plan_changes_nothing_and_is_kept_to(app: App) -> None:
    """XCom has the plan with its id; one that would be refused fails; an action with it is done only as planned."""
    job = app.runs("airflow-plan")
    plan = operator(job, "update", plan_only=True).execute(Task("plan").context)
    assert plan["verdict"] == "WILL_DO"
    assert len(app.operations(job)) == 1
    with pytest.raises(FlinkPlanRefused, match="WOULD_BE_REFUSED"):
        operator(job, "start", plan_only=True).execute(Task("plan").context)
    done = operator(job, "update", plan=plan["id"]).execute(Task("planned").context)
    assert done["outcome"] == "SUCCEEDED"
    with pytest.raises(FlinkFuncsRefused, match="PlanChanged"):
        operator(job, "update", plan=plan["id"]).execute(Task("again").context)


def test_a_wait_that_is_over_leaves_the_operation_and_a_retry_waits_on(app: App) -> None:
    """`timeout` fails the task in a way that Airflow retries."""
    job = app.runs("airflow-timeout")
    app.flink(holds_savepoints=True)
    task = Task("timeout")
    with pytest.raises(FlinkOperationOpen) as raised:
        operator(job, timeout=2).execute(task.context)
    assert not isinstance(raised.value, AirflowFailException)
    app.flink(holds_savepoints=False)
    assert operator(job).execute(task.retried().context)["outcome"] == "SUCCEEDED"
    assert len(app.operations(job)) == 2


@pytest.mark.parametrize(
    ("on_kill", "begun", "outcome"),
    [("withdraw", False, "ABANDONED"), ("withdraw", True, None), ("leave", False, None)],
)
def test_a_killed_task_withdraws_only_what_has_not_begun(
    app: App, on_kill: Any, *, begun: bool, outcome: str | None
) -> None:
    """In the worker (on_kill of the operator) and in the triggerer (on_kill of the trigger)."""
    for place in ("worker", "triggerer"):
        job = app.runs(f"airflow-kill-{on_kill}-{begun}-{place}".lower())
        app.flink(holds_savepoints=True)
        if not begun:
            app.call("POST", f"/api/jobs/{job}/savepoint", {})  # ours waits behind it
        task = operator(job, wait=False, on_kill=on_kill)
        number = task.execute(Task(job).context)["operation"]
        if begun:
            eventually(lambda: "Trigger" in json.dumps(app.call("GET", f"/api/operations/{number}")))  # noqa: B023
        if place == "worker":
            task._waiting_for = number
            task.on_kill()
        else:
            trigger = FlinkOperationTrigger(number, until=0, on_kill=on_kill)
            asyncio.run(trigger.on_kill())
        result = app.call("GET", f"/api/operations/{number}").get("result", {})
        assert result.get("outcome") == outcome, place
        app.flink(holds_savepoints=False)


def test_a_deferrable_task_hands_its_wait_to_the_triggerer(app: App, relay: Relay) -> None:
    """What is stored of it holds neither the key nor the URL; what the trigger sees ends the task."""
    job = app.runs("airflow-deferred")
    app.flink(holds_savepoints=True)
    task = operator(job, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(Task("deferred").context)
    trigger = deferred.value.trigger
    assert app.key not in json.dumps(trigger.serialize())
    assert relay.url not in json.dumps(trigger.serialize())
    app.flink(holds_savepoints=False)
    again = type(trigger)(**trigger.serialize()[1])  # as a triggerer makes it that was restarted
    event = asyncio.run(anext(again.run()))
    assert app.key not in json.dumps(event.payload)
    assert task.execute_complete({}, event.payload)["outcome"] == "SUCCEEDED"  # type: ignore[typeddict-item]


def test_a_triggerer_sees_the_end_at_once_and_the_time_run_out(app: App, relay: Relay) -> None:
    """The look is held by the app; `until` is a time, so a restart does not begin it anew."""
    job = app.runs("airflow-until")
    app.flink(holds_savepoints=True)
    number = operator(job, wait=False).execute(Task("until").context)["operation"]
    event = asyncio.run(anext(FlinkOperationTrigger(number, until=0, poll_interval=60).run()))
    assert event.payload == {"status": "open", "id": number}
    with pytest.raises(FlinkOperationOpen, match="goes on"):
        operator(job).execute_complete({}, event.payload)  # type: ignore[typeddict-item]
    looks = len(relay.calls)

    async def while_it_waits() -> Any:
        trigger = FlinkOperationTrigger(number, until=time.time() + 200, poll_interval=150)
        waiting = asyncio.ensure_future(anext(trigger.run()))
        await asyncio.sleep(3)
        app.flink(holds_savepoints=False)
        return await asyncio.wait_for(waiting, 100)

    assert asyncio.run(while_it_waits()).payload["operation"]["outcome"] == "SUCCEEDED"
    assert len(relay.calls) == looks + 1
