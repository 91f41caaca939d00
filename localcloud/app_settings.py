"""Which app settings does each deployment get?

    app, hdinsight    speaks the ARM API to the gateway, with a client secret out of the vault
    app, session      speaks Flink's REST API
    gateway           speaks Flink's REST API, and serves the ARM API to the app's client

The names are the app's; here is the one place of the local cloud that knows them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from localcloud.flink import FlinkCluster
from localcloud.identity_process import Identity

JOB_JARS_CONTAINER = "jobjars"
OPERATIONS_QUEUE = "operations"
SECRET_PREFIX = "hdinsight-aks-variables"  # noqa: S105  (a name)
SUBSCRIPTION = "5f1b0a5e-6d53-4a53-9f7c-2f6f2f6c1a10"


@dataclass(frozen=True)
class Account:
    """A storage account."""

    name: str
    connection_string: str


@dataclass(frozen=True)
class ApiClient:
    """The service principal in whose name the app calls the gateway."""

    id: str
    secret: str

    def secrets(self, tenant: str) -> dict[str, str]:
        """What lies in the vault."""
        parts = {"api-client-id": self.id, "api-secret": self.secret, "tenant-id": tenant}
        return {f"{SECRET_PREFIX}-{name}": value for name, value in parts.items()}


def for_session_app(account: Account, flink: FlinkCluster) -> dict[str, str]:
    """The app that drives Flink itself."""
    return {**_common(account, "app"), **_session(flink), **_job_jars(account)}


def for_hdinsight_app(account: Account, identity: Identity, gateway_url: str) -> dict[str, str]:
    """The app that drives whatever speaks the ARM API."""
    return {
        **_common(account, "app"),
        **_job_jars(account),
        "FLINK_CLUSTER_KIND": "hdinsight",
        "ARM_BASE_URL": gateway_url,
        "ARM_POLL_SECONDS": "1",
        "ARM_CREDENTIAL": "vault",
        "KEY_VAULT_URL": identity.url,
        "KEY_VAULT_SECRET_PREFIX": SECRET_PREFIX,
        "KEY_VAULT_DISABLE_CHALLENGE_VERIFICATION": "true",
        "ENTRA_AUTHORITY": identity.url,
        "ENTRA_DISABLE_INSTANCE_DISCOVERY": "true",
        "IDENTITY_ENDPOINT": identity.endpoint,
        "IDENTITY_HEADER": identity.header,
        "REQUESTS_CA_BUNDLE": str(identity.certificates.ca),
    }


def for_gateway(
    account: Account, app_account: Account, flink: FlinkCluster, identity: Identity, client: ApiClient
) -> dict[str, str]:
    """The app that serves the ARM API over a session cluster."""
    return {
        **_common(account, "gateway"),
        **_session(flink),
        **_job_jars(app_account),
        "GATEWAY_TENANT_ID": identity.tenant,
        "GATEWAY_AUTHORITY": identity.url,
        "GATEWAY_ALLOWED_PRINCIPALS": client.id,
        "REQUESTS_CA_BUNDLE": str(identity.certificates.ca),
    }


def _common(account: Account, host_id: str) -> dict[str, str]:
    return {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "PYTHON_THREADPOOL_THREAD_COUNT": "32",  # more than a batch of messages and the next one's beginning
        "AzureWebJobsDisableHomepage": "true",
        "AzureWebJobsStorage": account.connection_string,
        "AzureFunctionsWebHost__hostid": host_id,
        "JARS": account.connection_string,
        "JARS_CONTAINER": "jars",
        "OPERATIONS_QUEUE": OPERATIONS_QUEUE,
        "SAVEPOINT_SCHEDULE": "0 0 */6 * * *",
        "SWEEP_SCHEDULE": "*/5 * * * * *",
        "CLUSTER_SUBSCRIPTION_ID": SUBSCRIPTION,
        "CLUSTER_RESOURCE_GROUP": "local",
        "CLUSTER_POOL": "pool",
        "CLUSTER_NAME": "flink",
    }


def _session(flink: FlinkCluster) -> Mapping[str, str]:
    return {
        "FLINK_CLUSTER_KIND": "session",
        "SETTLE_SECONDS": "2",
        "FLINK_REST_URL": flink.url,
        "SAVEPOINT_DIRECTORY": flink.savepoint_directory,
        "SAVEPOINTS_CONNECTION": "local",
    }


def _job_jars(account: Account) -> Mapping[str, str]:
    directory = f"abfs://{JOB_JARS_CONTAINER}@{account.name}.dfs.core.windows.net/"
    return {"JOB_JARS": account.connection_string, "JOB_JAR_DIRECTORY": directory}
