"""The provider in a real Airflow: deployments, failures, and everything of Airflow killed while a job is worked on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.build import JARS_DIRECTORY
from examples.count import count
from tests.flink.cloud import Job, Json

from .airflow import Airflow, Run
from .cloud import Surroundings

SLOW = "--checkpoint-seconds 15"  # so long takes a savepoint: a wait has a middle
KEY_READ = "GET /secrets/airflow-connections-flinkfuncs-default/"


@pytest.fixture
def slow(around: Surroundings) -> Iterator[Job]:
    """A job whose savepoints take a quarter of a minute."""
    job = Job(around.cloud, "slow")
    if not job.copies():
        body = job.release_body("slow-checkpoints")
        job.ask("new", {**body, "args": job.arguments(SLOW)})
    yield job
    job.ended(len(job.operations()))


def savepoints(job: Job, *, open_only: bool = False) -> list[Json]:
    """Return the operations that took, or take, a savepoint."""
    found = [one for one in job.operations() if one["request"]["action"] == "SAVEPOINT"]
    return [one for one in found if "result" not in one] if open_only else found


def under_way(airflow: Airflow, job: Job, before: int) -> None:
    """Wait until Flink works on a savepoint that was asked for."""

    def begun() -> bool:
        new = savepoints(job)[before:]
        return bool(new) and bool(new[0].get("steps")) and "result" not in new[0]

    airflow.eventually(begun, what="an operation under way")


def one_more(job: Job, before: int) -> Json:
    """Return the one savepoint that was taken."""
    new = savepoints(job)[before:]
    assert [one["result"]["outcome"] for one in new] == ["SUCCEEDED"]
    return new[0]


def test_a_first_deployment_with_a_jar_of_the_worker(airflow: Airflow, around: Surroundings) -> None:
    """The jar is uploaded, the job runs; what is handed on names the operation, and none of what was asked for."""
    job = Job(around.cloud, "first")
    jar = f"{around.arm_parameters['jarDirectory']}/first-1.jar"
    given = {"local_jar": str(JARS_DIRECTORY / "sequence-1.jar"), "jar": jar, "args": job.arguments()}
    run = airflow.trigger("release_deferred", job=job.name, action="new", **given)
    run.succeeded()
    job.written(100, "1")
    (operation,) = job.operations()
    handed_on = run.xcom("act")
    assert (handed_on["operation"], handed_on["outcome"]) == (operation["id"], "SUCCEEDED")
    assert "--sink" not in str(handed_on)
    assert operation["id"] in run.xcom("act", "flinkfuncs_url")

    # Without a retry, and so not deferred: Airflow may fail a task whose wait ends at once, see docs/airflow.md.
    bad = around.put_jar("first-2.jar", (JARS_DIRECTORY / "sequence-throws-in-main.jar").read_bytes())
    copies = job.copies()
    run = airflow.trigger("release_once", job=job.name, action="update", jar=f"{bad}/first-2.jar", args=given["args"])
    assert run.ended() == "failed"
    assert "throws in main()" in run.log("act")
    assert job.copies() == copies
    job.ask("cancel")


def test_a_triggerer_killed_in_mid_wait(airflow: Airflow, slow: Job) -> None:
    """Started again, it waits for the same operation."""
    before = len(savepoints(slow))
    run = airflow.trigger("act_deferred", job=slow.name, action="savepoint")
    run.until("act", "deferred")
    under_way(airflow, slow, before)
    airflow.kill("triggerer")
    airflow.start("triggerer")
    run.succeeded()
    assert one_more(slow, before)["id"] == run.xcom("act")["operation"]


def test_a_worker_killed_after_its_post(airflow: Airflow, slow: Job) -> None:
    """The second try finds the operation of the first, and there is no other one."""
    before = len(savepoints(slow))
    run = airflow.trigger("act_waiting", job=slow.name, action="savepoint")
    under_way(airflow, slow, before)
    processes = Path(airflow.home, "processes", run.id).read_text().split()
    for process in map(int, processes):
        os.kill(process, signal.SIGKILL)
    run.succeeded()
    assert run.task("act")["try_number"] >= 2
    assert one_more(slow, before)["id"] == run.xcom("act")["operation"]


def test_all_of_airflow_killed_in_mid_wait(airflow: Airflow, slow: Job) -> None:
    """Once it is back the run goes on to its end; the operation ended without it."""
    before = len(savepoints(slow))
    run = airflow.trigger("act_deferred", job=slow.name, action="savepoint")
    run.until("act", "deferred")
    under_way(airflow, slow, before)
    airflow.kill()
    slow.ended(len(slow.operations()))
    airflow.start()
    run.succeeded()
    assert one_more(slow, before)["id"] == run.xcom("act")["operation"]


def test_a_task_marked_failed_leaves_what_has_begun(airflow: Airflow, slow: Job) -> None:
    """The run fails, the operation goes on to its end."""
    before = len(savepoints(slow))
    run = airflow.trigger("act_deferred", job=slow.name, action="savepoint")
    run.until("act", "deferred")
    under_way(airflow, slow, before)
    run.set_state("act", "failed")
    assert run.ended() == "failed"
    slow.ended(len(slow.operations()))
    one_more(slow, before)


def test_a_task_marked_failed_withdraws_what_has_not_begun(airflow: Airflow, slow: Job) -> None:
    """A stop that waits behind a savepoint is ended, and the job runs on."""
    run = first_in_line(airflow, slow)
    run.set_state("act", "failed")
    stop = slow.operations()[-1]
    airflow.eventually(lambda: "result" in slow.get(f"/api/operations/{stop['id']}"), what="the end of the stop")
    assert slow.get(f"/api/operations/{stop['id']}")["result"]["outcome"] == "ABANDONED"
    slow.ended(len(slow.operations()))
    assert slow.status() == "RUNNING"


def first_in_line(airflow: Airflow, job: Job) -> Run:
    """Let a task wait for a stop, which waits for savepoints that were asked for before."""
    for _ in range(3):
        assert job.post("savepoint").status_code == 202
    looks = looked(job)
    run = airflow.trigger("withdraws", job=job.name, action="stop")
    run.until("act", "deferred")
    # Airflow ends a wait that no triggerer has begun without a word to anybody.
    airflow.eventually(lambda: looked(job) > looks, what="the trigger's first look")
    assert job.operations()[-1]["request"]["action"] == "STOP"
    return run


def looked(job: Job) -> int:
    """Return how often the app was asked for an operation, by its host's log."""
    return (job.cloud.log_directory / "app.log").read_text().count("Executing 'Functions.show_operation'")


def test_secrets_stand_in_no_log_and_in_no_table(airflow: Airflow, around: Surroundings) -> None:
    """What only the provider and the secrets backend have held; of what a task prints itself, its log has stars.

    The scheduler's own output has not: Airflow 3's LocalExecutor repeats there what tasks print, as it is.
    """
    run = airflow.trigger("prints_secrets")
    run.succeeded()
    assert "the password is ***" in run.log("print")
    assert "the variable is ***" in run.log("print")
    printed = {where for secret in around.printed.values() for where in airflow.holders_of(secret)}
    assert printed <= {str(airflow.home / "log" / "scheduler.log")}
    held = {name: airflow.holders_of(secret) for name, secret in around.planted.items()}
    assert not any(held.values()), held


def test_the_key_is_read_once_for_a_wait(airflow: Airflow, around: Surroundings, slow: Job) -> None:
    """By the worker that asks and by the triggerer that waits, however often they look."""
    before = around.identity.calls().get(KEY_READ, 0)
    run = airflow.trigger("act_deferred", job=slow.name, action="savepoint")
    run.succeeded()
    reads = around.identity.calls()[KEY_READ] - before
    assert 1 <= reads <= 4, reads  # the worker reads it for the call and for the link


def test_a_word_count_through_the_provider(airflow: Airflow, around: Surroundings, word_count_jar: str) -> None:
    """The flow of arm_wordcount without a token: started, and waited for until it has finished."""
    directory = around.arm_parameters["jarDirectory"]
    run = airflow.trigger("provider_wordcount", jarName=word_count_jar, jarDirectory=directory)
    run.succeeded()
    assert around.job(run.xcom("start")["job"])["state"] == "FINISHED"


def test_a_stateful_deployment_is_planned_approved_and_checked(airflow: Airflow, around: Surroundings) -> None:
    """A first deployment and an update with all of its state, each approved; then the DAG that waits for it."""
    job = Job(around.cloud, "orders")
    airflow.wait_for_dag("after_update")
    for action, version in (("new", "1"), ("update", "2")):
        name = f"orders-{version}.jar"
        directory = around.put_jar(name, (JARS_DIRECTORY / f"sequence-{version}.jar").read_bytes())
        given = {"args": job.arguments(), "sink": job.sink.as_uri(), "action": action, "job": job.name}
        run = airflow.trigger("stateful_update", jar=f"{directory}/{name}", **given)
        run.until("plan", "success")
        plan = run.xcom("plan")
        assert plan["verdict"] == "WILL_DO"
        assert len(job.operations()) == int(version) - 1
        approve(run, plan["id"])
        run.succeeded()
        job.written(100, version)
    assert [one["result"]["outcome"] for one in job.operations()] == ["SUCCEEDED", "SUCCEEDED"]
    counted = count(job.sink, running=True)
    assert (counted.lost, counted.duplicated, counted.state_mismatches) == (0, 0, 0)

    started = airflow.eventually(lambda: airflow.runs("after_update"), what="the DAG after the update")
    started[-1].succeeded()
    if airflow.version == "3":
        (after,) = started
        (payload,) = after.xcom("report")
        assert payload["operation"] == job.operations()[-1]["id"]
    job.ask("cancel")


def approve(run: Run, plan: str) -> None:
    """Do what a person does: press the button, or, on Airflow 2, write the plan's id into the variable."""
    if run.airflow.version == "2":
        run.airflow.request("DELETE", "/variables/approved-plan")
        run.airflow.call("POST", "/variables", {"key": "approved-plan", "value": plan})
        return
    run.until("approve", "awaiting_input", "deferred")
    # Airflow 3.3 fails a task that is answered before its scheduler has heard that the process which asked has ended.
    heard = f"executor event with state success for task instance TaskInstanceKey(dag_id='{run.dag}', task_id='approve'"
    log = run.airflow.home / "log" / "scheduler.log"
    run.airflow.eventually(
        lambda: any(heard in line and run.id in line for line in log.read_text().splitlines()),
        what="the question's end",
    )
    path = f"/dags/{run.dag}/dagRuns/{run.quoted}/taskInstances/approve/-1/hitlDetails"
    run.airflow.call("PATCH", path, {"chosen_options": ["Approve"], "params_input": {}})
