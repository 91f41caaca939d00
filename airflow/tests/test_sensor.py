"""The sensor and the update trigger, on the real app."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from airflow.exceptions import AirflowException, AirflowFailException, TaskDeferred
from conftest import App, Task, eventually
from flinkfuncs_provider.exceptions import FlinkFuncsRefused
from flinkfuncs_provider.sensors import FlinkJobSensor
from flinkfuncs_provider.triggers import FlinkJobTrigger, FlinkUpdateTrigger
from relay import Relay

pytestmark = pytest.mark.usefixtures("relay")


def sensor(job: str, **options: Any) -> FlinkJobSensor:
    return FlinkJobSensor(task_id="seen", job=job, **{"poke_interval": 1, "timeout": 60, **options})


def test_a_status_and_a_young_savepoint_are_seen(app: App) -> None:
    """Both, where both are asked for; a status that is a failure fails at once, and is not retried."""
    job = app.runs("airflow-sensor")
    context = Task().context
    assert sensor(job).poke(context)
    assert not sensor(job, status="STOPPED").poke(context)
    young = {"savepoint_younger_than": timedelta(hours=1)}
    assert not sensor(job, **young).poke(context)
    app.call("POST", f"/api/jobs/{job}/savepoint", {}, Prefer="wait=60")
    assert sensor(job, **young).poke(context)
    assert sensor(job, status=(), savepoint_younger_than=3600).poke(context)
    assert not sensor(job, status="STOPPED", **young).poke(context)
    assert not sensor(job, savepoint_younger_than=0.0).poke(context)
    with pytest.raises(AirflowFailException, match=f"job {job} is RUNNING"):
        sensor(job, failed_status="RUNNING").poke(context)
    with pytest.raises(FlinkFuncsRefused, match="JobNotFound"):
        sensor("airflow-nobody").poke(context)


def test_an_app_that_is_away_is_waited_for(relay: Relay) -> None:
    """It says nothing of the job."""
    relay.answer = lambda _: 503
    sent = len(relay.calls)
    assert not sensor("airflow-away").poke(Task().context)
    assert len(relay.calls) == sent + 1


def test_a_deferrable_sensor_waits_in_the_triggerer(app: App) -> None:
    """It is stored without the key, sees what changes, and its time runs on through a restart."""
    job = app.runs("airflow-deferred-sensor")
    waiting = sensor(job, status="STOPPED", deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        waiting.execute(Task().context)
    serialized = deferred.value.trigger.serialize()
    assert app.key not in json.dumps(serialized)

    async def seen() -> Any:
        run = asyncio.ensure_future(anext(FlinkJobTrigger(**serialized[1]).run()))
        await asyncio.sleep(1)
        await asyncio.to_thread(app.call, "POST", f"/api/jobs/{job}/stop", {})
        return (await asyncio.wait_for(run, 60)).payload

    event = asyncio.run(seen())
    assert event["status"] == "reached"
    waiting.execute_complete(Task().context, event)
    late = asyncio.run(anext(FlinkJobTrigger(job, until=time.time(), statuses=["RUNNING"]).run())).payload
    assert late["status"] == "open"
    with pytest.raises(AirflowException):
        waiting.execute_complete(Task().context, late)
    failed = FlinkJobTrigger(job, until=time.time() + 60, statuses=["RUNNING"], failed_statuses=["STOPPED"])
    with pytest.raises(AirflowFailException):
        waiting.execute_complete(Task().context, asyncio.run(anext(failed.run())).payload)


def test_a_watcher_reports_each_update_once_whoever_asked_for_it(app: App, relay: Relay) -> None:
    """Not what had ended before, no savepoint, and what is missed while the app is away comes afterwards."""
    job = app.runs("airflow-watched")
    before = app.call("POST", f"/api/jobs/{job}/update", {}, Prefer="wait=60")["id"]

    async def watch() -> list[Any]:
        events: list[Any] = []
        trigger = FlinkUpdateTrigger(job, poll_interval=0.5)
        again = type(trigger)(**trigger.serialize()[1])

        async def collect() -> None:
            async for event in again.run():
                events.append(event.payload)

        collecting = asyncio.ensure_future(collect())
        await asyncio.to_thread(eventually, lambda: len(relay.calls) > 0)
        await asyncio.sleep(1)
        for action in ("savepoint", "update", "update"):
            done = await asyncio.to_thread(app.call, "POST", f"/api/jobs/{job}/{action}", {}, Prefer="wait=60")
            assert done["result"]["outcome"] == "SUCCEEDED"
        await asyncio.to_thread(eventually, lambda: len(events) >= 2)
        await asyncio.sleep(1)
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
        return events

    events = asyncio.run(watch())
    updates = [each["id"] for each in app.operations(job) if each["request"]["action"] == "UPDATE"]
    assert [event["operation"] for event in events] == [*reversed(updates[:2])]
    assert before not in [event["operation"] for event in events]
    assert {event["outcome"] for event in events} == {"SUCCEEDED"}
    late = FlinkUpdateTrigger(job, look_back=3600, actions=("SAVEPOINT",))
    assert asyncio.run(anext(late.run())).payload["action"] == "SAVEPOINT"
