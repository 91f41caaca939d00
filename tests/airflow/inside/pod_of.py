"""Which pod does a KubernetesPodOperator ask for? Run by the Python of an Airflow environment.

pod_of.py DAG_FILE TASK RUN_ID FILE    renders the task's templates and writes its pod as YAML
"""

import importlib.util
import sys
from pathlib import Path

import yaml
from kubernetes.client import ApiClient


def main() -> None:
    """Write the pod."""
    dag_file, task_id, run_id, output = sys.argv[1:]
    spec = importlib.util.spec_from_file_location("dag_of_a_test", dag_file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    task = module.dag.get_task(task_id)
    params = {name: module.dag.params[name] for name in module.dag.params}
    task.render_template_fields({"params": params, "dag": module.dag, "run_id": run_id, "task": task})
    pod = task.build_pod_request_obj()
    Path(output).write_text(yaml.safe_dump(ApiClient().sanitize_for_serialization(pod)))


if __name__ == "__main__":
    main()
