"""Update a stateful job from a pod: the command line in its own image, under Airflow's KubernetesPodOperator.

The worker needs neither this project nor the app's key: both are in the pod alone, the key by reference to a secret of
the namespace. The task ends as the command does: exit code 0 is a success, everything else fails it, and the pod's log,
which is the task's, says why. The same key for every attempt of a run makes it one operation, whatever died in between.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.secret import Secret
from airflow.providers.common.compat.sdk import DAG, Param
from kubernetes.client import models as k8s

IMAGE = "registry.example.com/flinkfuncs@sha256:" + 64 * "0"  # of examples/kubernetes/Dockerfile, by its digest
URL = "https://flinkfuncs.example.com"
NAMESPACE = "airflow"
USER = 10001

with DAG(
    "pod_update",
    description="Restart a Flink job from its own savepoint, from a pod",
    schedule=None,
    start_date=datetime(2024, 1, 1),
    catchup=False,
    params={"job": Param("orders", type="string", pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")},
    tags=["flink"],
) as dag:
    KubernetesPodOperator(
        task_id="update",
        name="flinkfuncs-update",
        namespace=NAMESPACE,
        image=IMAGE,
        arguments=[
            "update",
            "{{ params.job }}",
            "--wait",
            "--timeout=3600",
            "--idempotency-key={{ dag.dag_id }}/{{ run_id }}",
            "--reason=Airflow, {{ dag.dag_id }}",
        ],
        env_vars=[k8s.V1EnvVar(name="FLINKFUNCS_URL", value=URL)],
        secrets=[Secret("env", "FLINKFUNCS_KEY", "flinkfuncs", "key")],
        service_account_name="flinkfuncs",
        automount_service_account_token=False,
        security_context=k8s.V1PodSecurityContext(
            run_as_non_root=True,
            run_as_user=USER,
            run_as_group=USER,
            seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"),
        ),
        container_security_context=k8s.V1SecurityContext(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=k8s.V1Capabilities(drop=["ALL"]),
        ),
        container_resources=k8s.V1ResourceRequirements(
            requests={"cpu": "50m", "memory": "96Mi"}, limits={"memory": "256Mi"}
        ),
        get_logs=True,
        on_finish_action="delete_succeeded_pod",  # what failed can be looked at
        reattach_on_restart=True,  # a worker that took over finds the pod of the one before
        retries=2,
        retry_delay=timedelta(minutes=1),
        # The task itself is run by a pod that may start others; the rest of the workers may not.
        executor_config={
            "pod_override": k8s.V1Pod(
                spec=k8s.V1PodSpec(
                    service_account_name="airflow-pods", automount_service_account_token=True, containers=[]
                )
            )
        },
    )
