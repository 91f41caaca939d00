"""The published sample, unmodified: its host names lead to the gateway, its secrets come out of the vault."""

from __future__ import annotations

import pytest

from localcloud.app_settings import SUBSCRIPTION

from .airflow import Airflow, Run
from .cloud import Surroundings
from .sample import DAG, sample

TOKEN, SUBMIT = "get_token", "submit_flink_example_job"


@pytest.mark.skipif(sample() is None, reason="the sample could not be fetched (see sample.py)")
def test_the_published_sample_works_unmodified(airflow: Airflow, around: Surroundings, word_count_jar: str) -> None:
    """Its two tasks have no order: submit fails wherever it comes first, and is run again when the token is there."""
    run = airflow.trigger(DAG, jarName=word_count_jar, subscription=SUBSCRIPTION, **around.arm_parameters)
    ended = run.ended()
    if ended == "failed":
        assert run.states() == {TOKEN: "success", SUBMIT: "failed"}, run.story()
        again(run, SUBMIT)
    run.succeeded()
    assert "request payload" in run.log(SUBMIT)
    name = max(submitted(run))  # they end in the time; an attempt without a token asked for one that nobody took
    job = airflow.eventually(lambda: around.job(name), what=name)
    airflow.eventually(lambda: around.flink(f"/jobs/{job['jid']}")["state"] == "FINISHED", what=f"the end of {name}")


def again(run: Run, task: str) -> None:
    """Clear a task, as a person does in the page, and wait until it counts no longer as failed."""
    body = {"dry_run": False, "task_ids": [task], "dag_run_id": run.id, "only_failed": True}
    run.airflow.call("POST", f"/dags/{run.dag}/clearTaskInstances", body)
    run.airflow.eventually(lambda: run.states()[task] != "failed" or run.state() == "success", what=f"{task} again")


def submitted(run: Run) -> set[str]:
    """Return the names of the jobs that a run's log says it asked for."""
    return {text.split("'")[0] for text in run.log(SUBMIT).split("'jobName': '")[1:]}
