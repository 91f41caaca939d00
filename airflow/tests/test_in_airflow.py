"""What Airflow itself makes of the provider: its forms, its fields in the database, its tries, its links."""

from __future__ import annotations

import json
import sqlite3
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import HOME, ROOT, App
from flinkfuncs_provider import get_provider_info
from flinkfuncs_provider.keys import Call
from flinkfuncs_provider.links import KEY, FlinkOperationLink
from flinkfuncs_provider.triggers import _state_in_database

from airflow import __version__

IS_3 = not __version__.startswith("2.")
SECRET = "hunter2secret"
DAG = """
from datetime import datetime, timedelta
from airflow.providers.common.compat.sdk import DAG
from flinkfuncs_provider.operators import FlinkJobOperator
from flinkfuncs_provider.sensors import FlinkJobSensor

with DAG("{name}", schedule=None, start_date=datetime(2026, 1, 1), catchup=False):
    {tasks}
"""


def dag(name: str, *tasks: str) -> Any:
    """Write a DAG's file, and read it as Airflow does."""
    from airflow.models import DagBag

    file = Path(HOME.name) / "dags" / f"{name}.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(DAG.format(name=name, tasks="\n    ".join(tasks)))
    bag = DagBag(str(file))
    assert bag.import_errors == {}
    return bag.dags[name]


def rows(query: str, *values: object) -> list[tuple[Any, ...]]:
    """Read Airflow's database."""
    with sqlite3.connect(Path(HOME.name) / "airflow.db") as database:
        return list(database.execute(query, values))


def logs() -> str:
    """Return what tasks logged."""
    return "".join(file.read_text() for file in Path(HOME.name, "logs").rglob("*.log"))


def states(name: str) -> dict[str, str]:
    """Return how a DAG's tasks ended."""
    return dict(rows("select task_id, state from task_instance where dag_id = ?", name))


def test_no_package_is_called_airflow_but_airflow() -> None:
    """The top directory of that name is no package, wherever Python begins to look."""
    assert not (ROOT / "airflow" / "__init__.py").exists()
    import airflow

    assert "site-packages" in str(airflow.__file__)


def test_airflow_finds_the_provider_with_its_connection_type_and_link() -> None:
    """By the entry point of the installed wheel; its description follows Airflow's own schema."""
    from airflow.providers_manager import ProvidersManager

    (found,) = [each for each in entry_points(group="apache_airflow_provider") if "flinkfuncs" in each.value]
    assert found.load() is get_provider_info
    manager = ProvidersManager()
    hook = manager.hooks["flinkfuncs"]
    assert hook
    assert (hook.hook_name, hook.connection_id_attribute_name) == ("Flink (flinkfuncs)", "flinkfuncs_conn_id")
    assert "flinkfuncs_provider.links.FlinkOperationLink" in manager.extra_links_class_names
    labels = manager.field_behaviours["flinkfuncs"]["relabeling"]
    assert labels["password"] == "Function key, or client secret"
    widgets = {name for name in manager.connection_form_widgets if "flinkfuncs" in name}
    assert {name.rpartition("__")[2] for name in widgets} == {"audience", "tenant_id"}


@pytest.mark.usefixtures("airflow_db", "relay")
def test_a_dag_runs_and_nothing_that_is_secret_is_kept(app: App) -> None:
    """Deferred and not; the rendered fields, XCom and logs hold neither the key nor what is named as a secret."""
    job = app.runs("airflow-dag")
    arguments = f"['--topic', 'orders', '--db-pass', '{SECRET}', '--api-token={SECRET}2']"
    made = dag(
        "whole",
        f"seen = FlinkJobSensor(task_id='seen', job='{job}', poke_interval=1, timeout=60)",
        f"saved = FlinkJobOperator(task_id='saved', job='{job}', action='savepoint', deferrable=True)",
        f"updated = FlinkJobOperator(task_id='updated', job='{job}', action='update', args={arguments},"
        f" flink_configuration={{'kafka.password': '{SECRET}3'}}, timeout=120)",
        "young = FlinkJobSensor(task_id='young', job='{{ params.job }}', savepoint_younger_than=600, deferrable=True,"
        f" params={{'job': '{job}'}}, poke_interval=1, timeout=60)",
        "seen >> saved >> updated >> young",
    )
    made.test()
    assert states("whole") == dict.fromkeys(["seen", "saved", "updated", "young"], "success")
    rendered = str(rows("select rendered_fields from rendered_task_instance_fields where dag_id = 'whole'"))
    assert "'orders'" in rendered.replace('"', "'")
    kept = rendered + str(rows("select key, value from xcom where dag_id = 'whole'")) + logs()
    assert SECRET not in kept
    assert app.key not in kept
    values = dict(rows("select task_id, value from xcom where dag_id = 'whole' and key = 'return_value'"))
    assert _json(values["updated"])["outcome"] == "SUCCEEDED"
    of_the_update = "select value from xcom where dag_id = 'whole' and task_id = 'updated' and key = ?"
    link = _json(rows(of_the_update, KEY)[0][0])
    assert link.endswith(f"/ui#/jobs/{job}/operations/{_json(values['updated'])['operation']}")
    run = rows("select run_id from dag_run where dag_id = 'whole'")[0][0]
    key = SimpleNamespace(dag_id="whole", task_id="updated", run_id=run, map_index=-1, try_number=1)
    if not IS_3:  # 3.x asks the worker for it: below
        assert FlinkOperationLink().get_link(None, ti_key=key) == link  # type: ignore[arg-type]
    else:
        assert _json(rows(of_the_update, "_link_FlinkOperationLink")[0][0]) == link


@pytest.mark.usefixtures("airflow_db", "relay")
def test_airflow_does_not_retry_what_is_refused(app: App) -> None:
    """`failed` at the first try, though a retry is left; what FAILED is tried again, by a second operation."""
    job = app.runs("airflow-tries")
    tries = f"job='{job}', retries=1, retry_delay=timedelta(0)"
    run(dag("refused", f"FlinkJobOperator(task_id='it', action='start', {tries})"))
    assert rows("select state, try_number from task_instance where dag_id = 'refused'") == [("failed", 1)]
    app.flink(is_away=True)
    run(dag("failed", f"FlinkJobOperator(task_id='it', action='savepoint', {tries})"))
    assert rows("select state, try_number from task_instance where dag_id = 'failed'") == [("failed", 2)]
    outcomes = [each["result"]["outcome"] for each in app.operations(job)]
    assert outcomes == ["FAILED", "FAILED", "REFUSED", "SUCCEEDED"]


@pytest.mark.usefixtures("airflow_db", "relay")
def test_a_clear_moves_what_the_key_is_made_of_and_a_retry_does_not(app: App) -> None:
    """By Airflow's own `clear`, in a run that is over and in one that goes on."""
    from airflow.models.taskinstance import TaskInstance, clear_task_instances
    from airflow.utils.session import create_session

    job = app.runs("airflow-clear")
    made = dag("cleared", f"FlinkJobOperator(task_id='it', job='{job}', action='savepoint', retries=2)")
    made.test()
    seen: list[Call] = []
    with create_session() as session:

        def look(further: int = 0) -> None:
            ti = session.query(TaskInstance).filter(TaskInstance.dag_id == "cleared").one()
            fields = ("dag_id", "run_id", "task_id", "map_index", "max_tries")
            told = SimpleNamespace(**{name: getattr(ti, name) for name in fields}, task=SimpleNamespace(retries=2))
            told.try_number = ti.try_number + further
            run = SimpleNamespace(start_date=began)
            seen.append(Call.of({"ti": told, "dag_run": run}))

        ti = session.query(TaskInstance).filter(TaskInstance.dag_id == "cleared").one()
        began = ti.dag_run.start_date  # of a run that goes on: it stays
        look()
        look(further=1)
        more: dict[str, Any] = {} if IS_3 else {"dag": made}
        clear_task_instances([ti], session, dag_run_state=False, **more)
        session.flush()
        look(further=1)
        look(further=2)
    if not IS_3:  # whose triggers look there whether their task still waits
        (found,) = rows("select run_id, state from task_instance where dag_id = 'cleared'")
        assert found[1] is None
        assert _state_in_database("cleared", "it", found[0], -1) == "None"
        assert _state_in_database("cleared", "nobody", found[0], -1) == "removed"
    first, retried, cleared, retried_again = seen
    assert first.digest == retried.digest
    assert first.digest != cleared.digest
    assert cleared.digest == retried_again.digest
    assert [each.tries for each in seen] == [1, 2, 1, 2]


def _json(value: Any) -> Any:
    """Read an XCom's value, which is JSON in either Airflow, once or twice."""
    while isinstance(value, str | bytes):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    return value


def run(made: Any) -> None:
    """Run a DAG whose task fails: some versions raise for that."""
    with suppress(Exception):
        made.test()
