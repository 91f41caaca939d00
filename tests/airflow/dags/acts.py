"""What the tests ask of a job, in the two ways in which a task can wait; and a task that prints what it should not."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, BaseHook, Variable
from airflow.providers.standard.operators.python import PythonOperator
from flinkfuncs_provider.operators import FlinkJobOperator

ASKED: dict[str, Any] = {
    "task_id": "act",
    "job": "{{ params.job }}",
    "action": "{{ params.action }}",
    "jar": "{{ params.get('jar', '') }}",
    "args": "{{ params.get('args', '') }}",
    "poll_interval": 2,
    "retries": 2,
    "retry_delay": timedelta(seconds=5),
}
RELEASE: dict[str, Any] = {**ASKED, "body": {"parallelism": 2}}


def note_process(context: Any) -> None:  # noqa: ANN401 - Airflow's context
    """Write down which process runs the task, for the test that kills it."""
    file = Path(os.environ["AIRFLOW_HOME"], "processes", context["run_id"])
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{os.getpid()} {os.getppid()}")


def print_secrets() -> None:
    """Print a password and a variable, as careless code does."""
    print("the password is", BaseHook.get_connection("printed").password)  # noqa: T201
    print("the variable is", Variable.get("planted-password"))  # noqa: T201


def dag(name: str) -> DAG:
    """Make a DAG that is only ever triggered."""
    return DAG(name, schedule=None, start_date=datetime(2024, 1, 1), catchup=False, tags=["test"])


with dag("act_deferred"):
    FlinkJobOperator(deferrable=True, **ASKED)
with dag("act_waiting"):
    FlinkJobOperator(deferrable=False, pre_execute=note_process, **ASKED)
with dag("release_deferred"):
    FlinkJobOperator(deferrable=True, local_jar="{{ params.get('local_jar', '') }}", **RELEASE)
with dag("release_once"):
    FlinkJobOperator(deferrable=False, **{**RELEASE, "retries": 0})
with dag("withdraws"):
    FlinkJobOperator(deferrable=True, on_kill="withdraw", **ASKED)
with dag("prints_secrets"):
    PythonOperator(task_id="print", python_callable=print_secrets)
