"""The flow of arm_wordcount.py through the provider: no token, no polling, and the outcome is the operation's.

A word count is a batch job: it takes no checkpoint by which the app could prove its start, so UNPROVEN is what a good
start of it ends as. That it has finished is what the sensor waits for.
"""

from __future__ import annotations

from datetime import datetime

from airflow.providers.common.compat.sdk import DAG, Param
from flinkfuncs_provider.operators import FlinkJobOperator
from flinkfuncs_provider.sensors import FlinkJobSensor

JOB = "wordcount-{{ dag_run.start_date.strftime('%Y%m%d%H%M%S') }}"

with DAG(
    "provider_wordcount",
    description="Start a Flink job through the provider and wait until it has finished",
    schedule=None,
    start_date=datetime(2024, 1, 1),
    catchup=False,
    params={
        "jarName": Param("WordCount.jar", type="string"),
        "jarDirectory": Param(
            None, type=["null", "string"], description="abfs://filesystem@account.dfs.core.windows.net"
        ),
    },
    tags=["flink"],
) as dag:
    started = FlinkJobOperator(
        task_id="start",
        job=JOB,
        action="new",
        jar="{{ params.jarDirectory }}/{{ params.jarName }}",
        args=f"--input /opt/flink/LICENSE --output /tmp/{JOB}",
        body={"entryClass": "org.apache.flink.examples.java.wordcount.WordCount", "parallelism": 2},
        success_outcomes=("SUCCEEDED", "UNPROVEN"),
        deferrable=True,
        retries=2,
    )
    finished = FlinkJobSensor(task_id="finished", job=JOB, status="FINISHED", timeout=3600)
    started >> finished
