"""What the health report says about the environment; storage and cluster are looked at in tests/app."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeAlias

import pytest

from flinkfuncs.app import Services
from flinkfuncs.core.errors import Unavailable
from flinkfuncs.health import BINDING_SETTINGS, HOST_SETTINGS, Health, check_health
from flinkfuncs.settings import Settings

HealthOf: TypeAlias = Callable[[dict[str, str]], Health]

COMPLETE = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "JARS": "UseDevelopmentStorage=true",
    "PYTHON_THREADPOOL_THREAD_COUNT": "32",
    "FLINK_CLUSTER_KIND": "session",
    "JARS_CONTAINER": "jars",
    "OPERATIONS_QUEUE": "operations",
    "SAVEPOINT_SCHEDULE": "0 0 */6 * * *",
    "SWEEP_SCHEDULE": "*/30 * * * * *",
}


def nothing_composed() -> Services:
    raise Unavailable("missing setting: FLINK_REST_URL", code="MissingSetting")


@pytest.fixture
def health_of(monkeypatch: pytest.MonkeyPatch) -> HealthOf:
    """Return the report for an environment of exactly these variables."""

    def check(environment: dict[str, str]) -> Health:
        for name in [*HOST_SETTINGS, *BINDING_SETTINGS, *(field.upper() for field in Settings.model_fields)]:
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return check_health(nothing_composed, environment)

    return check


def test_an_empty_environment_is_reported_and_no_crash(health_of: HealthOf) -> None:
    """A new deployment is told each setting that it lacks."""
    health = health_of({})
    assert not health.healthy
    assert [fault.partition(":")[0] for fault in health.faults] == [
        "AzureWebJobsStorage",
        "JARS",
        *BINDING_SETTINGS,
        "FLINK_CLUSTER_KIND",
    ]
    assert [warning.partition(":")[0] for warning in health.warnings] == ["PYTHON_THREADPOOL_THREAD_COUNT"]
    assert health.cluster_kind is None
    assert (health.storage.reachable, health.cluster.reachable) == (None, None)


def test_what_cannot_be_composed_is_named(health_of: HealthOf) -> None:
    """The settings that only one kind of cluster needs are named by the composition."""
    health = health_of(COMPLETE)
    assert health.faults == ("missing setting: FLINK_REST_URL",)
    assert (health.healthy, health.cluster_kind, health.warnings) == (False, "session", ())


def test_wrong_values_are_named_and_never_shown(health_of: HealthOf) -> None:
    """A value may be a secret that landed in the wrong place."""
    wrong = {
        "FLINK_CLUSTER_KIND": "hunter2",
        "LEASE_SECONDS": "hunter2",
        "SAVEPOINT_DIRECTORY": "hunter2/../x",
        "JOB_JAR_DIRECTORY": "hunter2",
    }
    health = health_of(COMPLETE | wrong)
    assert {fault.partition(":")[0] for fault in health.faults} == set(wrong) | {"JOB_JARS"}
    assert "hunter2" not in health.to_json()


def test_a_reference_that_the_platform_left_unresolved_is_named(health_of: HealthOf) -> None:
    """The platform puts the reference's text in the place of the value, and starts the app all the same."""
    health = health_of(COMPLETE | {"JARS": "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/x)"})
    assert health.faults[0] == "JARS: a Key Vault reference that was not resolved"


@pytest.mark.parametrize(
    ("names", "faulty"),
    [
        (["JARS__blobServiceUri", "JARS__queueServiceUri"], []),
        (["JARS__blobServiceUri"], ["JARS"]),
        (["JARS__accountName"], ["JARS", "JARS__accountName"]),
        (["JARS__credential"], ["JARS"]),
    ],
)
def test_an_identity_needs_both_addresses(health_of: HealthOf, names: list[str], faulty: list[str]) -> None:
    """The blob trigger's binding does not take an account's name."""
    by_identity = {name: value for name, value in COMPLETE.items() if name != "JARS"} | dict.fromkeys(names, "x")
    faults = [fault.partition(":")[0] for fault in health_of(by_identity).faults]
    assert faults == [*faulty, "missing setting"]


def test_the_hosts_own_connection_may_be_an_identity(health_of: HealthOf) -> None:
    """AzureWebJobsStorage takes an account's name."""
    by_identity = COMPLETE | {"AzureWebJobsStorage": "", "AzureWebJobsStorage__accountName": "x"}
    assert [fault.partition(":")[0] for fault in health_of(by_identity).faults] == ["missing setting"]


def test_a_jar_directory_needs_its_account(health_of: HealthOf) -> None:
    """JOB_JARS is needed with JOB_JAR_DIRECTORY, and only then."""
    directory = {"JOB_JAR_DIRECTORY": "abfs://jobs@acct.dfs.core.windows.net/jars"}
    assert "JOB_JARS" in [fault.partition(":")[0] for fault in health_of(COMPLETE | directory).faults]


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ({"PYTHON_THREADPOOL_THREAD_COUNT": "23"}, "PYTHON_THREADPOOL_THREAD_COUNT"),
        ({"PYTHON_THREADPOOL_THREAD_COUNT": "many"}, "PYTHON_THREADPOOL_THREAD_COUNT"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://o"}, "PYTHON_ENABLE_OPENTELEMETRY"),
        ({"PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "1"}, "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"),
        ({"GATEWAY_TENANT_ID": "t"}, "GATEWAY_ALLOWED_PRINCIPALS"),
        ({"GATEWAY_ALLOWED_PRINCIPALS": "p"}, "GATEWAY_TENANT_ID"),
        (
            {"ENTRA_DISABLE_INSTANCE_DISCOVERY": "true", "ENTRA_AUTHORITY": "https://localhost:1"},
            "ENTRA_DISABLE_INSTANCE_DISCOVERY",
        ),
        ({"KEY_VAULT_DISABLE_CHALLENGE_VERIFICATION": "true"}, "KEY_VAULT_DISABLE_CHALLENGE_VERIFICATION"),
    ],
)
def test_what_is_legal_but_hardly_meant_is_a_warning(
    health_of: HealthOf, settings: dict[str, str], warned: str
) -> None:
    """Each names the setting to change, and no fault is made of it."""
    health = health_of(COMPLETE | settings)
    assert [warning.partition(":")[0] for warning in health.warnings] == [warned]
    assert health.faults == ("missing setting: FLINK_REST_URL",)


@pytest.mark.parametrize(
    ("connection", "directory", "faulty"),
    [
        ("local", "file:///sp", False),
        ("local", "abfs://c@a.dfs.core.windows.net/sp", True),
        ("JARS", "abfss://c@a.dfs.core.windows.net/sp", False),
        ("JARS", "file:///sp", True),
        ("JARS", "", True),
        ("", "file:///sp", False),
    ],
)
def test_savepoints_are_looked_for_only_where_the_connection_can_lead(
    health_of: HealthOf, connection: str, directory: str, faulty: bool
) -> None:
    """A wrong pair is named, and not taken for a place without savepoints."""
    health = health_of(COMPLETE | {"SAVEPOINTS_CONNECTION": connection, "SAVEPOINT_DIRECTORY": directory})
    assert any("SAVEPOINTS_CONNECTION" in fault for fault in health.faults) is faulty


def test_the_report_is_json_with_the_apps_version() -> None:
    """What is not known is left out."""
    assert json.loads(Health(healthy=True).to_json()).keys() == {
        "healthy",
        "version",
        "faults",
        "storage",
        "cluster",
        "warnings",
    }
