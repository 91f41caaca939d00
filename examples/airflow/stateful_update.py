"""Deploy a stateful job: plan it, let a person approve the plan, deploy that plan and nothing else, look at its output.

    plan ──> approve ──> deploy ──> output_grows
                           └──> after_update.py starts

The approval is for the plan's id: where the job, its state or the jar has changed meanwhile, deploy is refused
(PlanChanged) and the job is untouched. A release that does not start well is rolled back, and fails it.

Airflow 3 asks the person on its page (Required Actions). Airflow 2 has nothing of that kind: there the task waits for
the variable `approved-plan` to hold the plan's id, which is in the log of `plan`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Asset, ObjectStoragePath, Param, Variable
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_1_PLUS
from airflow.providers.standard.sensors.python import PythonSensor
from flinkfuncs_provider.operators import FlinkJobOperator

OUTLETS = [] if AIRFLOW_V_3_0_PLUS else [Asset("flinkfuncs://orders")]  # Airflow 3 sees it: after_update.py
APPROVE_WITHIN = timedelta(hours=12)
RELEASE = {
    "job": "{{ params.job }}",
    "action": "{{ params.action }}",
    "jar": "{{ params.jar }}",
    "args": "{{ params.args }}",
    "body": {"parallelism": 2},
}
SUMMARY = """\
{%- set plan = ti.xcom_pull(task_ids='plan') -%}
Plan `{{ plan.id }}`: **{{ plan.verdict }}**

{% for step in plan.get('steps', []) %}
1. {{ step.step }} {{ step.detail }}
{% endfor %}
{% for warning in plan.get('warnings', []) %}
- {{ warning }}
{% endfor %}
"""


def approved(plan: str) -> bool:
    """Say whether somebody has approved this very plan (Airflow 2)."""
    return bool(Variable.get("approved-plan", None) == plan)


def output_grows(sink: str, **context: Any) -> bool:  # noqa: ANN401 - Airflow's context
    """Say whether the new run has committed output: a file that is newer than this run of the DAG."""
    began = context["dag_run"].start_date.timestamp()
    files = [file for file in ObjectStoragePath(sink).iterdir() if file.name.startswith("part-")]
    return any(file.stat().st_mtime > began for file in files)


with DAG(
    "stateful_update",
    description="Plan, approve, deploy and check a stateful Flink job",
    schedule=None,
    start_date=datetime(2024, 1, 1),
    catchup=False,
    max_active_runs=1,
    params={
        "job": Param("orders", type="string"),
        "action": Param("update", enum=["new", "update"], description="new: its first deployment"),
        "jar": Param(
            None, type=["null", "string"], description="abfs://jars@account.dfs.core.windows.net/orders-2.jar"
        ),
        "args": Param("", type="string"),
        "sink": Param(None, type=["null", "string"], description="the directory of its output"),
    },
    tags=["flink"],
) as dag:
    planned = FlinkJobOperator(task_id="plan", plan_only=True, **RELEASE)
    if AIRFLOW_V_3_1_PLUS:
        from airflow.providers.standard.operators.hitl import ApprovalOperator

        approval = ApprovalOperator(
            task_id="approve",
            subject="Deploy {{ params.job }}?",
            body=SUMMARY,
            fail_on_reject=True,
            response_timeout=APPROVE_WITHIN,
        )
    else:
        approval = PythonSensor(
            task_id="approve",
            python_callable=approved,
            op_args=["{{ ti.xcom_pull(task_ids='plan')['id'] }}"],
            mode="reschedule",
            poke_interval=15,
            timeout=APPROVE_WITHIN.total_seconds(),
        )
    deployed = FlinkJobOperator(
        task_id="deploy",
        plan="{{ ti.xcom_pull(task_ids='plan')['id'] }}",
        deferrable=True,
        retries=2,
        outlets=OUTLETS,
        **RELEASE,
    )
    checked = PythonSensor(
        task_id="output_grows",
        python_callable=output_grows,
        op_args=["{{ params.sink }}"],
        mode="reschedule",
        poke_interval=15,
        timeout=600,
    )
    planned >> approval >> deployed >> checked
