"""Start when an update of the job `orders` has succeeded, whoever asked for it.

Airflow 3 watches the app: an upload, a pipeline, a person and a DAG all count. Airflow 2 has no watchers, and knows of
the updates alone that its own DAGs make: there stateful_update.py has an outlet, which it leaves away on Airflow 3, or
one update would start this DAG twice.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Asset
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS
from airflow.providers.standard.operators.python import PythonOperator

if AIRFLOW_V_3_0_PLUS:
    from airflow.sdk import AssetWatcher
    from flinkfuncs_provider.triggers import FlinkUpdateTrigger

    WATCHERS = {"watchers": [AssetWatcher(name="orders", trigger=FlinkUpdateTrigger("orders", poll_interval=15))]}
    EVENTS = "triggering_asset_events"
else:
    WATCHERS = {}
    EVENTS = "triggering_dataset_events"


def report(**context: Any) -> list[Any]:  # noqa: ANN401 - Airflow's context
    """Return what the events say: on Airflow 3 the operation, its release and its savepoint."""
    extras = [event.extra for events in context[EVENTS].values() for event in events]
    return [extra.get("payload", extra) for extra in extras]


with DAG(
    "after_update",
    description="Start when a Flink job was updated",
    schedule=[Asset("flinkfuncs://orders", **WATCHERS)],
    start_date=datetime(2024, 1, 1),
    catchup=False,
    tags=["flink"],
) as dag:
    PythonOperator(task_id="report", python_callable=report)
