"""The published sample's flow at the ARM API, here the gateway, with the sample's configuration and secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.app_settings import SUBSCRIPTION

from .airflow import Airflow
from .cloud import Surroundings


@pytest.mark.parametrize("spelling", ["subscritpion", "subscription"])
def test_a_job_is_submitted_once_and_followed_to_its_end(
    airflow: Airflow, around: Surroundings, word_count_jar: str, spelling: str
) -> None:
    """With the article's spelling and with the code's; the token is in no XCom, the job is Flink's, and FINISHED."""
    run = airflow.trigger("arm_wordcount", jarName=word_count_jar, **{spelling: SUBSCRIPTION}, **around.arm_parameters)
    run.succeeded()
    name = run.xcom("submit")
    assert around.job(name)["state"] == "FINISHED"
    words = [line for file in Path("/tmp", name).rglob("part-*") for line in file.read_text().splitlines()]  # noqa: S108 - the sample's
    assert sorted(words) == ["be 2", "not 1", "or 1", "to 2"]
    assert name in run.written()
    assert "eyJ" not in run.written()  # as every token begins


def test_a_job_that_fails_fails_the_run_with_the_clusters_reason(airflow: Airflow, around: Surroundings) -> None:
    """The sample ends as a success where runJob was accepted, whatever became of it."""
    around.put_jar("Broken.jar", b"no jar")
    run = airflow.trigger("arm_wordcount", jarName="Broken.jar", subscritpion=SUBSCRIPTION, **around.arm_parameters)
    assert run.ended() == "failed"
    assert run.states() == {"submit": "success", "follow": "failed"}
    assert "Job execution failed." in run.log("follow")


def test_a_run_without_its_parameters_asks_for_nothing(airflow: Airflow) -> None:
    """Refused before a token is asked for, without a retry."""
    run = airflow.trigger("arm_wordcount")
    assert run.ended() == "failed"
    assert "nothing good of: subscriptions, resourceGroups, clusterpools, clusters" in run.log("submit")
    assert run.task("submit")["try_number"] == 1
