"""The manifests of examples/kubernetes and the pods that Airflow itself makes, against Kubernetes' own schemas."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud.python import ROOT

from .conftest import VERSION

BIN = ROOT / ".tools" / f"airflow-{VERSION}" / "bin"
INSIDE = Path(__file__).parent / "inside"
MANIFESTS = sorted((ROOT / "examples" / "kubernetes").glob("*.yaml"))
EXAMPLES = ROOT / "examples" / "airflow"
TEMPLATE = ROOT / "examples" / "kubernetes" / "pod-template.yaml"
RUN = "manual__2026-11-28T00:00:00+00:00"
KUBECONFIG = """
{apiVersion: v1, kind: Config, current-context: none, clusters: [{name: none, cluster: {server: "https://127.0.0.1:1"}}],
 contexts: [{name: none, context: {cluster: none, user: none}}], users: [{name: none, user: {}}]}
"""
Pod = dict[str, Any]


def inside(home: Path, *words: str | Path, code: int = 0) -> str:
    """Run something of the Airflow environment, without any Airflow running."""
    (home / "kubeconfig").write_text(KUBECONFIG)
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "KUBECONFIG": str(home / "kubeconfig"),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "KubernetesExecutor",  # Airflow 2 has its commands only with it,
        "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",  # and does not like SQLite under it
        "AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE": "airflow",
        "AIRFLOW__KUBERNETES_EXECUTOR__POD_TEMPLATE_FILE": str(TEMPLATE),
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        [BIN / words[0], *words[1:]], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def validated(home: Path, *files: Path, code: int = 0) -> str:
    """Validate manifests, and return what is wrong with them."""
    return inside(home, "python", INSIDE / "validate.py", *files, code=code)


def pod_of_task(home: Path) -> Path:
    """Return the pod of the example's task, as the operator would send it."""
    file = home / "pod.yaml"
    inside(home, "python", INSIDE / "pod_of.py", EXAMPLES / "pod_update.py", "update", RUN, file)
    return file


def test_every_manifest_is_what_kubernetes_takes(tmp_path: Path) -> None:
    """In each version in support."""
    assert len(MANIFESTS) >= 4
    assert validated(tmp_path, *MANIFESTS) == ""


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        ("{apiVersion: v1, kind: Pod, metadata: {name: x}, spec: {containers: [{name: x, imagine: x}]}}", "imagine"),
        ("{apiVersion: v1, kind: Pod, metadata: {name: x}, spec: {container: []}}", "container"),
        ("{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {name: x}, spec: {}}", "kind ScaledObject"),
        ("{apiVersion: v2, kind: Pod, metadata: {name: x}, spec: {containers: []}}", "kind Pod"),
        ("", "nothing is in it"),
    ],
)
def test_what_kubernetes_does_not_take_is_noticed(tmp_path: Path, manifest: str, problem: str) -> None:
    """A wrong field, a wrong type, a kind or a version that the schemas do not have."""
    file = tmp_path / "wrong.yaml"
    file.write_text(manifest)
    assert problem in validated(tmp_path, file, code=1)


def test_the_operators_pod_has_the_key_by_reference_and_no_rights(tmp_path: Path) -> None:
    """As Airflow renders it: validated, one key for all attempts of a run, nothing secret in it."""
    file = pod_of_task(tmp_path)
    assert validated(tmp_path, file) == ""
    pod: Pod = yaml.safe_load(file.read_text())
    (container,) = pod["spec"]["containers"]
    assert container["args"][:2] == ["update", "orders"]
    assert f"--idempotency-key=pod_update/{RUN}" in container["args"]
    variables = {one["name"]: one for one in container["env"]}
    assert variables["FLINKFUNCS_KEY"]["valueFrom"] == {"secretKeyRef": {"key": "key", "name": "flinkfuncs"}}
    assert "value" not in variables["FLINKFUNCS_KEY"]
    assert not pod["spec"]["automountServiceAccountToken"]
    assert pod["spec"]["serviceAccountName"] == "flinkfuncs"
    restricted(pod)


def test_the_executors_pods_read_dags_and_write_none(tmp_path: Path) -> None:
    """The worker of a task as the KubernetesExecutor makes it; only one that starts pods has rights."""
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "pod_update.py").write_text((EXAMPLES / "pod_update.py").read_text())
    inside(tmp_path, "airflow", "db", "migrate")
    words = ["kubernetes", "generate-dag-yaml", "--output-path", str(tmp_path)]
    dag = ["pod_update", "2026-11-28"] if VERSION == "2" else ["--logical-date", "2026-11-28", "pod_update"]
    inside(tmp_path, "airflow", *words, *dag)
    (file,) = (tmp_path / "airflow_yaml_output").iterdir()
    assert validated(tmp_path, file) == ""
    pod: Pod = yaml.safe_load(file.read_text())
    (container,) = pod["spec"]["containers"]
    assert container["name"] == "base"
    assert "update" in container["args"] or any("update" in word for word in container["args"])
    mounts = {mount["mountPath"]: mount.get("readOnly") for mount in container["volumeMounts"]}
    assert mounts == {"/opt/airflow/dags": True, "/opt/airflow/logs": None}
    assert pod["spec"]["serviceAccountName"] == "airflow-pods"
    restricted(pod)


def test_only_pods_of_this_namespace_can_be_started() -> None:
    """No cluster role, no secret, no right to run commands in pods, and nobody but the two."""
    documents = [document for file in MANIFESTS for document in yaml.safe_load_all(file.read_text())]
    kinds = {document["kind"] for document in documents}
    assert not {kind for kind in kinds if kind.startswith("ClusterRole")}
    rules = [rule for document in documents if document["kind"] == "Role" for rule in document["rules"]]
    assert {resource for rule in rules for resource in rule["resources"]} == {"pods", "pods/log", "events"}
    assert not any("*" in rule["verbs"] for rule in rules)
    bound = [subject for document in documents if document["kind"] == "RoleBinding" for subject in document["subjects"]]
    assert {subject["name"] for subject in bound} == {"airflow-scheduler", "airflow-pods"}


def restricted(pod: Pod) -> None:
    """Check what the level `restricted` of the namespace asks of a pod."""
    around = pod["spec"]["securityContext"]
    assert around["runAsNonRoot"]
    assert around["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]:
        within = container["securityContext"]
        assert within["allowPrivilegeEscalation"] is False
        assert within["capabilities"] == {"drop": ["ALL"]}
