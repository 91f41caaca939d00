"""Every setting that the app reads from its environment, its default, and what it is for. Read once.

Importing never fails, and an empty environment is no crash: a missing or wrong setting is named by `GET /api/health`
and in the error of the first call that needs it.
"""

from __future__ import annotations

import re
from base64 import b64decode
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from .core.errors import Refused, Unavailable
from .core.messages import DEFAULT, Form, wanted_words
from .core.names import Directory

_CONNECTION = re.compile("[A-Za-z][A-Za-z0-9_]*")
READER, CONTRIBUTOR = "reader", "contributor"  # the rights at the gateway
PLATFORM_SETTINGS = ("WEBSITE_AUTH_ENABLED",)  # what the platform sets by itself, and no template or sample does
NOTIFY_SECRETS = ("notify_url", "notify_key", "notify_key_old")  # or …_secret
EVENT_GRID_HOSTS = (".eventgrid.azure.net", ".eventgrid.azure.us", ".eventgrid.azure.cn")
FLINK_SECRETS = ("flink_client_certificate", "flink_client_key", "flink_password", "flink_token")  # or …_secret
AZURE_HOSTS = (".azure.com", ".azure.net", ".microsoftonline.com", ".microsoftonline.us", ".azure.us", ".azure.cn")


class Settings(BaseSettings):
    """The app's settings; each is an environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(
        case_sensitive=False, extra="ignore", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    flink_cluster_kind: Literal["hdinsight", "session"] = Field(
        description="What runs the jobs: `session` (a Flink session cluster) or `hdinsight` (a service with the "
        "ARM job API)."
    )
    cluster_subscription_id: str = Field("", description="Subscription in the cluster's ARM path.")
    cluster_resource_group: str = Field("", description="Resource group in the cluster's ARM path.")
    cluster_pool: str = Field("", description="Cluster pool in the cluster's ARM path.")
    cluster_name: str = Field("flink", description="Name of the cluster; part of every key in the ledger.")

    jars_container: str = Field(
        "jars", description="Container with the folders `stateful/` and `stateless/`, into which jars are uploaded."
    )
    releases_container: str = Field("releases", description="Container that keeps the bytes of every release.")
    ledger_container: str = Field("ledger", description="Container of the records of jobs and operations.")
    operations_queue: str = Field("operations", description="Queue whose messages drive operations.")
    job_jar_directory: str = Field(
        "",
        description="Root of the jars that ARM calls name, `abfs://container@account.dfs.core.windows.net/path`; "
        "the connection JOB_JARS leads to its storage account.",
    )
    job_jar_directories: str = Field(
        "",
        description="More roots of such jars, comma-separated, each after the name of its connection: "
        "`TEAM=abfs://container@account.dfs.core.windows.net/path`.",
    )

    savepoint_schedule: str = Field(
        "0 */5 * * * *", description="When the app checks whether periodic savepoints are due (NCRONTAB)."
    )
    savepoint_interval_seconds: int = Field(
        6 * 3600, ge=1, description="A job with a savepoint younger than this gets no periodic one (seconds)."
    )
    savepoints_at_once: int = Field(
        4,
        ge=1,
        description="How many periodic savepoints run at the same time; the other jobs wait for their turn.",
    )
    savepoint_retention_count: int = Field(
        10,
        ge=1,
        description="How many savepoints of a job are kept; `savepointRetentionCount` in a job.json overrides it.",
    )
    savepoint_retention_days: float = Field(
        30,
        gt=0,
        le=36500,
        description="How long savepoints are kept (days); `savepointRetentionDays` in a job.json overrides it.",
    )
    savepoints_connection: str = Field(
        "",
        description="Connection to the storage account of SAVEPOINT_DIRECTORY. With it the app finds savepoints "
        "that no record names, the newest state of a vanished job, and savepoints that a request "
        "names. `local` for a `file:` directory on the same machine; empty: the app does not look.",
    )
    release_retention_count: int = Field(
        20, ge=1, description="How many jars of a job's releases are kept at least, whatever their age."
    )
    release_retention_days: float = Field(
        30, ge=1, le=36500, description="How long every jar of a job's releases is kept (days)."
    )
    hold_after_rollback: bool = Field(
        True,
        description="Refuse an upload of a release that was rolled back, by the app or by hand, unless its job.json "
        "has `again`; `holdAfterRollback` in a job.json overrides it.",
    )
    sweep_schedule: str = Field(
        "*/30 * * * * *",
        description="When the sweeper runs (NCRONTAB); it finds uploads whose event was lost, and operations that"
        " nothing drives.",
    )

    lease_seconds: int = Field(
        30,
        ge=4,
        description="How long an invocation owns a job without renewing its lease (seconds); calls time out after"
        " half of it.",
    )
    invocation_seconds: int = Field(
        120, ge=1, description="After this time an invocation hands a waiting operation back to the queue (seconds)."
    )
    start_deadline_seconds: int = Field(
        300, ge=1, description="How long main() may take in a check, and a started copy until it runs (seconds)."
    )
    settle_seconds: float = Field(
        10, ge=0, description="How long a new copy must run without a restart before its proof (seconds)."
    )
    stop_deadline_seconds: int = Field(3600, ge=1, description="How long a savepoint may take (seconds).")
    unreachable_seconds: int = Field(
        300,
        ge=1,
        description="How long an operation that has changed nothing waits for an answer before it fails (seconds).",
    )

    flink_rest_url: str = Field(
        "", description="Base URL of the session cluster's REST API; it may end in a path, as behind a proxy."
    )
    flink_dashboard_url: str = Field(
        "", description="Base URL of Flink's dashboard, if people reach it under another address than FLINK_REST_URL."
    )
    flink_ca_certificate: str = Field(
        "",
        description="Certificate authorities to trust for Flink, and no others: text in PEM, or the path of a "
        "file; empty: the public ones.",
    )
    flink_client_certificate: SecretStr = Field(
        SecretStr(""),
        description="Client certificate for Flink or a proxy in front of it: text in PEM, or the path of a file; "
        "it may include the key.",
    )
    flink_client_certificate_secret: str = Field(
        "", description="Name of the secret in Key Vault that holds it instead (PEM)."
    )
    flink_client_key: SecretStr = Field(
        SecretStr(""), description="Key of that certificate, not encrypted: text in PEM, or the path of a file."
    )
    flink_client_key_secret: str = Field("", description="Name of the secret in Key Vault that holds it instead.")
    flink_user: str = Field("", description="User name for basic authentication.")
    flink_password: SecretStr = Field(SecretStr(""), description="Password of FLINK_USER.")
    flink_password_secret: str = Field("", description="Name of the secret in Key Vault that holds it instead.")
    flink_token: SecretStr = Field(SecretStr(""), description="A fixed bearer token.")
    flink_token_secret: str = Field("", description="Name of the secret in Key Vault that holds it instead.")
    flink_token_scope: str = Field(
        "",
        description="Scope, such as `api://flink/.default`, for bearer tokens that the app gets from Entra ID "
        "with its own identity.",
    )
    savepoint_directory: str = Field("", description="Root directory of savepoints, a URI that Flink can write to.")

    savepoint_directories: str = Field(
        "",
        description="More roots below which savepoints may be, comma-separated. With the name of a connection in "
        "front, the app can look there: `TEAM=abfs://container@account.dfs.core.windows.net/path`.",
    )

    allow_unguarded_main: bool = Field(
        False,
        description="Run a new release's main() before the old copy is stopped even where "
        "`cluster.intercept-user-system-exit` is not `THROW`; there a System.exit in it ends the "
        "JobManager.",
    )
    require_slots: bool = Field(
        False,
        description="Refuse a release, before the old copy is stopped, if it certainly needs more slots than a "
        "session cluster can have; `requireSlots` in a job.json or a request overrides it.",
    )

    arm_base_url: str = Field("https://management.azure.com", description="Base URL of Azure Resource Manager.")
    arm_api_version: str = Field("2023-06-01-preview", description="api-version of the job API.")
    arm_scope: str = Field("https://management.azure.com/.default", description="Scope of the tokens for ARM.")
    arm_credential: Literal["vault", "identity"] = Field(
        "vault", description="`vault`: a client secret from Key Vault; `identity`: the app's managed identity."
    )
    arm_poll_seconds: float = Field(
        5, gt=0, description="How often the job list is read while an operation waits (seconds)."
    )
    arm_deadline_seconds: int = Field(
        1800, ge=1, description="How long a runJob may take before the operation ends as UNKNOWN (seconds)."
    )
    key_vault_url: str = Field("", description="URL of the Key Vault that holds the secrets.")
    key_vault_secret_prefix: str = Field(
        "hdinsight-aks-variables",
        description="Prefix of the secrets for ARM: `<prefix>-api-client-id`, `<prefix>-api-secret`, "
        "`<prefix>-tenant-id`.",
    )
    key_vault_secret_seconds: int = Field(
        3600, ge=1, description="How long a secret is used before it is read again (seconds)."
    )
    entra_authority: str = Field("https://login.microsoftonline.com", description="Base URL of Entra ID.")
    azure_client_id: str = Field(
        "", description="Client ID of the app's user-assigned managed identity, if it has one."
    )
    entra_disable_instance_discovery: bool = Field(
        False, description="For a local Entra ID only; refused together with a real Azure host."
    )
    key_vault_disable_challenge_verification: bool = Field(
        False, description="For a local Key Vault only; refused together with a real Azure host."
    )

    gateway_tenant_id: str = Field(
        "", description="Tenant whose tokens the gateway accepts; empty: the gateway is off."
    )
    gateway_authority: str = Field(
        "https://login.microsoftonline.com", description="Entra ID that issues those tokens."
    )
    gateway_audience: str = Field(
        "https://management.azure.com,https://management.core.windows.net",
        description="Audiences that the gateway accepts, comma-separated, each with or without a slash at the "
        "end; the default is what ARM itself accepts.",
    )
    gateway_allowed_principals: str = Field(
        "",
        description="Object or application IDs that may call the gateway, comma-separated, each with its right: "
        "`id=reader` (read only), `id=contributor` or the ID alone (everything); empty: the gateway "
        "is off.",
    )
    gateway_location: str = Field("local", description="Location in the URLs of the gateway's operationStatuses.")
    gateway_operation_status: Literal["over", "submitted"] = Field(
        "over",
        description="When operationStatuses report Succeeded: when the action is `over`, however it ended, or as "
        "soon as it is `submitted` to the cluster.",
    )
    gateway_front_ends: str = Field(
        "",
        description="Addresses or networks (`10.1.0.4,10.2.0.0/24`) of front ends whose X-Forwarded-Host and "
        "Forwarded headers are trusted; empty: none.",
    )

    api_authorization: Literal["keys", "roles"] = Field(
        "keys",
        description="What opens the routes below /api: `keys` (function keys), or `roles` (App Service "
        "authentication with the app roles `reader` and `operator`; see docs/sign-in.md).",
    )
    website_auth_enabled: bool = Field(
        False,
        description="Set by the platform, not by you, where App Service authentication is on; only then does the "
        "app trust the headers that name the caller.",
    )

    notify_url: SecretStr = Field(
        SecretStr(""),
        description="Where messages for people are sent: an https:// URL that takes a POST for each message; "
        "empty: none are sent. See docs/messages.md.",
    )
    notify_url_secret: str = Field("", description="Name of the secret in Key Vault that holds it instead.")
    notify_format: Form = Field(
        "cloudevents",
        description="Format of the messages: `cloudevents`, `slack`, `teams` (Workflows), or `eventgrid` (a topic"
        " that takes CloudEvents, to which the app's own identity may send).",
    )
    notify_on: str = Field(
        DEFAULT,
        description="What is sent, comma-separated: outcomes of operations, `upload_refused`, `vanished`, "
        "`recovered`, `savepoint_overdue`.",
    )
    notify_key: SecretStr = Field(
        SecretStr(""),
        description="Key that signs messages as Standard Webhooks do: `whsec_` and base64 of 24 to 64 bytes; "
        "empty: messages are not signed.",
    )
    notify_key_secret: str = Field("", description="Name of the secret in Key Vault that holds it instead.")
    notify_key_old: SecretStr = Field(
        SecretStr(""), description="The previous key, which signs as well until every receiver has the new one."
    )
    notify_key_old_secret: str = Field("", description="Name of the secret in Key Vault that holds it instead.")
    messages_queue: str = Field("messages", description="Queue of the messages that are to be sent to NOTIFY_URL.")

    trace_url: str = Field(
        "",
        description="Where people look at a trace: a URL with `{traceId}` in place of its ID, such as "
        "`https://jaeger.example.com/trace/{traceId}`; empty: only the ID is shown. `infra/` sets the logs of its "
        "Application Insights.",
    )
    otel_exporter_otlp_endpoint: str = Field(
        "",
        description="Base URL of an OTLP endpoint (HTTP) for traces, metrics and logs; empty: none. The SDK reads"
        " the other `OTEL_*` variables (headers, timeouts, resource attributes).",
    )
    applicationinsights_connection_string: str = Field(
        "", description="Connection string of the Application Insights that gets the same; empty: none."
    )
    applicationinsights_authentication_string: str = Field(
        "",
        description="`Authorization=AAD;ClientId=…`: the identity with which the app writes to Application Insights.",
    )

    @field_validator("job_jar_directory", "savepoint_directory")
    @classmethod
    def _is_directory(cls, text: str) -> str:
        try:
            return str(Directory.parse(text)) if text else text
        except Refused:
            raise ValueError("is not a plain directory URI") from None  # without the value, and named like every other

    @field_validator("trace_url")
    @classmethod
    def _is_template(cls, url: str) -> str:
        if url and not (url.startswith(("http://", "https://")) and "{traceId}" in url):
            raise ValueError("is not a URL that begins with http:// or https:// and holds {traceId}")
        return url

    @field_validator("job_jar_directories", "savepoint_directories")
    @classmethod
    def _is_list_of_roots(cls, text: str, info: ValidationInfo) -> str:
        try:
            roots = roots_of(text)
        except Refused:
            raise ValueError("is not a list of plain directory URIs, separated by commas") from None
        if info.field_name == "job_jar_directories" and not all(connection for connection, _ in roots):
            raise ValueError("needs the name of a connection and = before each directory")
        if any(connection and _CONNECTION.fullmatch(connection) is None for connection, _ in roots):
            raise ValueError("names a connection that is not the name of a setting")
        return text

    @field_validator("flink_rest_url", "flink_dashboard_url")
    @classmethod
    def _is_base_url(cls, url: str) -> str:
        if "@" in url:
            raise ValueError(
                "must not hold a user or a password; name them by FLINK_USER and FLINK_PASSWORD (or "
                "FLINK_PASSWORD_SECRET, in Key Vault)"
            )
        if url and not _is_plain_url(url):
            raise ValueError("is not a URL that begins with http:// or https:// and has neither query nor fragment")
        return url

    @field_validator("gateway_allowed_principals")
    @classmethod
    def _is_list_of_principals(cls, text: str) -> str:
        rights_of(text)
        return text

    @field_validator("gateway_front_ends")
    @classmethod
    def _is_list_of_networks(cls, text: str) -> str:
        try:
            networks_of(text)
        except ValueError:
            raise ValueError("is not a list of addresses and networks, separated by commas") from None
        return text

    @field_validator("notify_on")
    @classmethod
    def _is_list_of_words(cls, text: str) -> str:
        wanted_words(text)
        return text

    @field_validator("notify_key", "notify_key_old")
    @classmethod
    def _is_key(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and (fault := key_fault(value.get_secret_value())):
            raise ValueError(fault)
        return value

    @field_validator("flink_token_scope", "flink_user", "flink_ca_certificate", *FLINK_SECRETS, *NOTIFY_SECRETS)
    @classmethod
    def _is_resolved(cls, value: SecretStr | str) -> SecretStr | str:
        text = value if isinstance(value, str) else value.get_secret_value()
        if text.startswith("@Microsoft.KeyVault("):
            raise ValueError("is a Key Vault reference that was not resolved")
        return value

    @model_validator(mode="after")
    def _access_is_told_once(self) -> Settings:
        for name in FLINK_SECRETS:
            if getattr(self, name) and getattr(self, f"{name}_secret"):
                raise ValueError(f"{name.upper()} and {name.upper()}_SECRET: set one of them only")
        if self._has("flink_password") != bool(self.flink_user):
            raise ValueError("FLINK_USER and FLINK_PASSWORD (or FLINK_PASSWORD_SECRET): one needs the other")
        if ":" in self.flink_user:
            raise ValueError("FLINK_USER: the name of a user of basic authentication has no colon")
        if bool(self.flink_user) + self._has("flink_token") + bool(self.flink_token_scope) > 1:
            raise ValueError("FLINK_USER, FLINK_TOKEN (or FLINK_TOKEN_SECRET), FLINK_TOKEN_SCOPE: set one of them only")
        if self._has("flink_client_key") and not self._has("flink_client_certificate"):
            raise ValueError("FLINK_CLIENT_KEY needs FLINK_CLIENT_CERTIFICATE (or FLINK_CLIENT_CERTIFICATE_SECRET)")
        return self

    @model_validator(mode="after")
    def _secrets_can_be_had_and_kept(self) -> Settings:
        named = [name for name in FLINK_SECRETS if getattr(self, f"{name}_secret")]
        if named and not self.key_vault_url:
            raise ValueError(f"{named[0].upper()}_SECRET needs KEY_VAULT_URL")
        url = urlsplit(self.flink_rest_url)
        if not self.flink_rest_url or url.scheme.lower() == "https":
            return self
        if self.flink_ca_certificate or self._has("flink_client_certificate"):
            raise ValueError("FLINK_CA_CERTIFICATE and FLINK_CLIENT_CERTIFICATE need an https:// FLINK_REST_URL")
        if self.reaches_flink_by_name and not _is_loopback(url.hostname or ""):
            raise ValueError(
                "FLINK_REST_URL has to be https:// where FLINK_USER, FLINK_TOKEN or FLINK_TOKEN_SCOPE is set"
            )
        return self

    @model_validator(mode="after")
    def _receiver_can_be_reached(self) -> Settings:
        for name in NOTIFY_SECRETS:
            if getattr(self, name).get_secret_value() and getattr(self, f"{name}_secret"):
                raise ValueError(f"{name.upper()} and {name.upper()}_SECRET: set one of them only")
        named = [name for name in NOTIFY_SECRETS if getattr(self, f"{name}_secret")]
        if named and not self.key_vault_url:
            raise ValueError(f"{named[0].upper()}_SECRET needs KEY_VAULT_URL")
        url = self.notify_url.get_secret_value()
        if url and (fault := receiver_fault(url, self.notify_format)):
            raise ValueError(f"NOTIFY_URL {fault}")
        return self

    @model_validator(mode="after")
    def _local_switches_stay_local(self) -> Settings:
        if self.entra_disable_instance_discovery and _is_azure(self.entra_authority):
            raise ValueError("ENTRA_DISABLE_INSTANCE_DISCOVERY is refused for a real Entra ID")
        if self.key_vault_disable_challenge_verification and _is_azure(self.key_vault_url):
            raise ValueError("KEY_VAULT_DISABLE_CHALLENGE_VERIFICATION is refused for a real Key Vault")
        return self

    @model_validator(mode="after")
    def _savepoints_are_where_the_connection_leads(self) -> Settings:
        schemes = ("file:",) if self.savepoints_connection == "local" else ("abfs:", "abfss:")
        if self.savepoints_connection and not self.savepoint_directory.startswith(schemes):
            raise ValueError(
                f"SAVEPOINTS_CONNECTION needs a SAVEPOINT_DIRECTORY that begins with {' or '.join(schemes)}"
            )
        return self

    @property
    def call_timeout_seconds(self) -> float:
        """How long one call that changes something may take: half a lease."""
        return self.lease_seconds / 2

    @property
    def jar_roots(self) -> list[tuple[str, Directory]]:
        """Where jars may lie that ARM calls name, each behind its connection."""
        first = [("JOB_JARS", Directory.parse(self.job_jar_directory))] if self.job_jar_directory else []
        return [*first, *roots_of(self.job_jar_directories)]

    @property
    def savepoint_roots(self) -> list[tuple[str, Directory]]:
        """Where savepoints may lie, each behind its connection, which may be empty."""
        first = [(self.savepoints_connection, Directory.parse(self.savepoint_directory))]
        return [*(first if self.savepoint_directory else []), *roots_of(self.savepoint_directories)]

    def _has(self, name: str) -> bool:
        """Whether a secret for Flink is given, as it is or by its name in Key Vault."""
        return bool(getattr(self, name) or getattr(self, f"{name}_secret"))

    @property
    def notifies(self) -> bool:
        """Whether messages are sent."""
        return bool(self.notify_url.get_secret_value() or self.notify_url_secret)

    @property
    def reaches_flink_by_name(self) -> bool:
        """Whether credentials are sent to Flink."""
        return bool(self.flink_user or self._has("flink_token") or self.flink_token_scope)

    def require(self, *names: str) -> None:
        """Check that settings which have no default are there.

        Raises:
            Unavailable: one is missing; the message names it.

        """
        missing = [name.upper() for name in names if not getattr(self, name)]
        if missing:
            raise Unavailable(f"missing setting: {', '.join(missing)}", code="MissingSetting")


def roots_of(text: str) -> list[tuple[str, Directory]]:
    """Return the directories that a list names, each behind its connection, which may be empty.

    Raises:
        Refused: one is not the URI of a directory.

    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    pairs = [part.partition("=") if "=" in part.partition("://")[0] else ("", "", part) for part in parts]
    return [(connection.strip(), Directory.parse(place)) for connection, _, place in pairs]


def rights_of(text: str) -> dict[str, str]:
    """Return the right of each principal, by its id in lower case.

    Raises:
        ValueError: a right is not one of those there are.

    """
    pairs = [part.partition("=") for part in (part.strip() for part in text.split(",")) if part]
    rights = {name.strip().lower(): right.strip().lower() or CONTRIBUTOR for name, _, right in pairs}
    if "" in rights or not set(rights.values()) <= {READER, CONTRIBUTOR}:
        raise ValueError(f"is not a list of ids, each alone or with ={READER} or ={CONTRIBUTOR}")
    return rights


def networks_of(text: str) -> list[IPv4Network | IPv6Network]:
    """Return the networks that a list names; an address is a network of one.

    Raises:
        ValueError: one is neither.

    """
    return [ip_network(part.strip()) for part in text.split(",") if part.strip()]


def _is_azure(url: str) -> bool:
    return f".{urlsplit(url).hostname or ''}".endswith(AZURE_HOSTS)


def _is_plain_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment


def receiver_fault(url: str, form: Form) -> str | None:
    """Say why messages are not sent to a URL; None: they are."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "is not a URL"
    host = parts.hostname or ""
    if parts.scheme not in ("https", "http") or not host or parts.fragment:
        return "is not a URL that begins with https:// and has no fragment"
    if parts.scheme != "https" and not _is_loopback(host):
        return "has to begin with https://"
    if "@" in parts.netloc:
        return "must not hold a user or a password"
    if form == "eventgrid" and not (host.endswith(EVENT_GRID_HOSTS) or _is_loopback(host)):
        return "is not the endpoint of an Event Grid topic, and only that is sent the app's token"
    return None


def key_fault(key: str) -> str | None:
    """Say why a key signs nothing; None: it does."""
    try:
        secret = b64decode(key.removeprefix("whsec_"), validate=True)
    except ValueError:
        return "is not whsec_ and base64"
    return None if 24 <= len(secret) <= 64 else "is not 24 to 64 bytes in base64"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def read_settings() -> Settings:
    """Read the environment.

    Raises:
        Unavailable: a setting is missing or wrong; the message names each, and no value.

    """
    try:
        return Settings()
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc'])).upper() or 'settings'}: {e['msg']}" for e in error.errors()]
        raise Unavailable(f"missing or wrong settings: {'; '.join(faults)}", code="WrongSettings") from None
