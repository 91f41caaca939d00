"""Whether this app can do its work, and if not, what is missing: names of settings, never their values.

    checked         how
    --------------  ----------------------------------------------------------------------
    settings        every field of settings.py, and what the Functions host itself reads
    storage         the ledger is listed
    cluster         the cluster is asked for the states of all jobs, and what will not work on it
    warnings        legal, but probably not meant; they do not make the app unhealthy

It works with an empty environment, which is what a new deployment has.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pydantic import ValidationError

from . import __version__
from .clusters.cluster import Findings, Inspects
from .core.errors import FlinkFuncsError
from .core.jobs import Recorded
from .core.model import Model
from .core.names import JobName
from .settings import Settings
from .telemetry import SWITCHES

if TYPE_CHECKING:
    from .app import Services

QUEUE_THREADS = 24  # host.json: extensions.queues.batchSize + newBatchThreshold

# What the host reads from the environment before our code runs. The defaults of settings.py do not count for it.
HOST_SETTINGS = {
    "AzureWebJobsStorage": "Connection for the host's own state (timers, leases): a connection string, or the forms "
    "with `__accountName`, `__credential` and so on.",
    "FUNCTIONS_WORKER_RUNTIME": "`python`.",
    "JARS": "Connection to the account of jars, releases, ledger and queue: a connection string, or "
    "JARS__blobServiceUri and JARS__queueServiceUri with JARS__credential and JARS__clientId.",
    "JOB_JARS": "Connection to the account that JOB_JAR_DIRECTORY names, in the same forms. Needed only with that "
    "setting.",
    "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "The longest request body that the host reads (bytes); it replies 413 to a "
    "longer one. It must be above 64 MiB if jars come over HTTP; otherwise 1 MiB is enough.",
    "PYTHON_THREADPOOL_THREAD_COUNT": "Worker threads: at least 24, which the queue trigger may use at once, and some "
    "for the other triggers.",
    "AzureWebJobsDisableHomepage": "`true`: the root of the site leads to the app's page, not to the host's.",
    "PYTHON_ENABLE_OPENTELEMETRY": "`true`: the worker passes the host's trace context to the app, and the host "
    "leaves log lines to the app.",
}
BINDING_SETTINGS = ("JARS_CONTAINER", "OPERATIONS_QUEUE", "SAVEPOINT_SCHEDULE", "SWEEP_SCHEDULE")  # %…% in triggers

MESSAGES_SETTINGS = ("MESSAGES_QUEUE",)  # … in a trigger that is there only where somebody is told


class Reach(Model):
    """Whether something answers, and if not, why; None where it could not be tried."""

    reachable: bool | None = None
    reason: str | None = None


class Health(Model):
    """The state of the app as `GET /api/health` shows it."""

    healthy: bool
    version: str = __version__
    cluster_kind: str | None = None
    faults: tuple[str, ...] = ()  # each names its setting, or the cluster's option
    storage: Reach = Reach()
    cluster: Reach = Reach()
    warnings: tuple[str, ...] = ()


def check_health(services: Callable[[], Services], environment: Mapping[str, str] = os.environ) -> Health:
    """Look at the settings, then at what they lead to; `services` composes the app."""
    settings, faults = _read()
    faults = [*_host_faults(environment), *_unresolved(environment), *faults]
    if settings is None:
        return Health(healthy=False, faults=tuple(faults), warnings=tuple(_host_warnings(environment)))
    warnings = (*_host_warnings(environment), *_warnings(settings))
    try:
        app = services()
    except FlinkFuncsError as error:
        return Health(
            healthy=False,
            cluster_kind=settings.flink_cluster_kind,
            faults=(*faults, error.message),
            warnings=warnings,
        )
    storage, jobs = _storage(app)
    cluster, found = _cluster(app, jobs)
    faults += found.faults
    return Health(
        healthy=not faults and bool(storage.reachable and cluster.reachable),
        cluster_kind=settings.flink_cluster_kind,
        faults=tuple(faults),
        storage=storage,
        cluster=cluster,
        warnings=(*warnings, *found.warnings),
    )


def _read() -> tuple[Settings | None, list[str]]:
    """Read our own settings; each fault names its setting, as pydantic tells it, without the value."""
    try:
        return Settings(), []
    except ValidationError as error:
        faults = [(".".join(map(str, fault["loc"])).upper() or "settings", fault["msg"]) for fault in error.errors()]
        return None, [f"{name}: {message}" for name, message in faults]


def _host_faults(environment: Mapping[str, str]) -> list[str]:
    """Name what the host needs: without it triggers do not start, and nobody but the host's log says so."""
    missing = [f"{name}: missing; the host itself reads it, without a default" for name in _missing(environment)]
    if environment.get("JARS__accountName") and not environment.get("JARS__blobServiceUri"):
        missing.append("JARS__accountName: the blob trigger takes JARS__blobServiceUri and JARS__queueServiceUri only")
    return missing


def _missing(environment: Mapping[str, str]) -> list[str]:
    names = (*BINDING_SETTINGS, *(MESSAGES_SETTINGS if _notifies(environment) else ()))
    bound = [name for name in names if not environment.get(name)]
    wanted = {"AzureWebJobsStorage": (), "JARS": ("blobServiceUri", "queueServiceUri")}
    if environment.get("JOB_JAR_DIRECTORY"):
        wanted["JOB_JARS"] = ()
    return [name for name, forms in wanted.items() if not _connected(environment, name, forms)] + bound


def _notifies(environment: Mapping[str, str]) -> bool:
    return any(environment.get(name) for name in ("NOTIFY_URL", "NOTIFY_URL_SECRET"))


def _connected(environment: Mapping[str, str], connection: str, forms: tuple[str, ...]) -> bool:
    """Whether a connection is a string, or an identity with all the forms that its bindings need."""
    by_identity = {name for name, value in environment.items() if value and name.startswith(f"{connection}__")}
    needed = {f"{connection}__{form}" for form in forms}
    return bool(environment.get(connection)) or (bool(by_identity) and needed <= by_identity)


def _unresolved(environment: Mapping[str, str]) -> list[str]:
    """Name references to Key Vault that the platform could not resolve: it leaves the reference itself in place."""
    ours = [*HOST_SETTINGS, *(name.upper() for name in Settings.model_fields)]
    left = [name for name in ours if environment.get(name, "").startswith("@Microsoft.KeyVault(")]
    return [f"{name}: a Key Vault reference that was not resolved" for name in left]


def _host_warnings(environment: Mapping[str, str]) -> list[str]:
    threads = environment.get("PYTHON_THREADPOOL_THREAD_COUNT", "")
    enough = threads.isdecimal() and int(threads) >= QUEUE_THREADS
    told = any(environment.get(name) for name in SWITCHES)
    said = {
        f"PYTHON_THREADPOOL_THREAD_COUNT: below {QUEUE_THREADS}, busy operations leave no thread for anything "
        "else": not enough,
        "PYTHON_ENABLE_OPENTELEMETRY: not true, so traces begin in this app and not at the host": told
        and not _is_true(environment, "PYTHON_ENABLE_OPENTELEMETRY"),
        "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: true, so the worker tells everything a second time, secrets and "
        "all": _is_true(environment, "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"),
    }
    return [warning for warning, applies in said.items() if applies]


def _is_true(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "").lower() in ("true", "1")


def _warnings(settings: Settings) -> list[str]:
    said = {
        "GATEWAY_ALLOWED_PRINCIPALS: empty, so the gateway is off": settings.gateway_tenant_id
        and not settings.gateway_allowed_principals,
        "GATEWAY_TENANT_ID: empty, so the gateway is off": settings.gateway_allowed_principals
        and not settings.gateway_tenant_id,
        "ENTRA_DISABLE_INSTANCE_DISCOVERY: on, for a local Entra ID only": settings.entra_disable_instance_discovery,
        "KEY_VAULT_DISABLE_CHALLENGE_VERIFICATION: on, for a local Key Vault only": (
            settings.key_vault_disable_challenge_verification
        ),
    }
    return [warning for warning, applies in said.items() if applies]


def _storage(app: Services) -> tuple[Reach, Mapping[JobName, Recorded]]:
    try:
        return Reach(reachable=True), app.ledger.summaries()
    except FlinkFuncsError as error:
        # Reached or not, it is of no use to the app: a missing container and a missing role count, too.
        return Reach(reachable=False, reason=error.message), {}


def _cluster(app: Services, jobs: Mapping[JobName, Recorded]) -> tuple[Reach, Findings]:
    try:
        app.cluster.statuses(jobs)
        return Reach(reachable=True), app.cluster.findings() if isinstance(app.cluster, Inspects) else Findings()
    except FlinkFuncsError as error:
        return Reach(reachable=False, reason=error.message), Findings()
