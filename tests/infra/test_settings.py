"""Is every app setting set, and none that nobody reads? Code, templates, sample and docs/settings.md hold the same."""

import json
import re
from urllib.parse import quote, unquote

import pytest
from pydantic_core import PydanticUndefined

from flinkfuncs.core.uploads import PLANS
from flinkfuncs.gateway.bodies import LONGEST_BODY
from flinkfuncs.health import BINDING_SETTINGS, HOST_SETTINGS, MESSAGES_SETTINGS
from flinkfuncs.settings import PLATFORM_SETTINGS, Settings
from flinkfuncs.uploading import LONGEST_JAR
from tests.infra.bicep import INFRA, ROOT, Json, parameter, resource, shown, templates, variable

CHOSEN = variable("main.bicep", "settings")
CONNECTED = {
    name: value
    for part in ("connections", "jobJars", "savepoints")
    for name, value in variable("app.bicep", part).items()
}
PREFIX = "FLINKFUNCS_"
OF_AZD = {"AZURE_ENV_NAME", "AZURE_LOCATION", "AZURE_PRINCIPAL_ID"}
# Not the code's default, since the deployment knows better.
DEPLOYED = {
    "FLINK_CLUSTER_KIND": "form == hdinsight ? hdinsight : session",
    "CLUSTER_SUBSCRIPTION_ID": "clusterSubscription",
    "SAVEPOINTS_CONNECTION": "empty(savepointsAccountId) ?  : SAVEPOINTS",
    "KEY_VAULT_URL": "hasVault ? vault.outputs.url : ",
    "AZURE_CLIENT_ID": "identity.outputs.clientId",
    "GATEWAY_TENANT_ID": "!isGateway ?  : empty(gatewayTenantId) ? tenant().tenantId : gatewayTenantId",
    "GATEWAY_ALLOWED_PRINCIPALS": "!isGateway ?  : gatewayAllowedPrincipals",
    "GATEWAY_LOCATION": "location",
    "API_AUTHORIZATION": "empty(signInClientId) ? keys : roles",
    "TRACE_URL": "monitoring.outputs.traceUrl",
    "APPLICATIONINSIGHTS_CONNECTION_STRING": "telemetryConnection",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "ClientId=${identityClientId};Authorization=AAD",
}
# https://learn.microsoft.com/azure/azure-functions/functions-app-settings: functionAppConfig has them on this plan.
NOT_ON_FLEX = (
    "ENABLE_ORYX_BUILD",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_WORKER_PROCESS_COUNT",
    "FUNCTIONS_WORKER_RUNTIME",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_VNET_ROUTE_ALL",
)


def sample() -> dict[str, str]:
    """The settings of the sample."""
    values: dict[str, str] = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    return values


def azd_names() -> dict[str, str]:
    """The environment variable of azd that fills each parameter of main.bicep."""
    values = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    return {name: re.fullmatch(r"\$\{(\w+)\}", value["value"])[1] for name, value in values.items()}  # type: ignore[index]


def default_of(expression: Json) -> str:
    """The text that a setting has when nothing is chosen."""
    text = shown(expression)
    named = re.fullmatch(r"(?:string\()?(\w+)\)?", text)
    if named and named[1] in templates()["main.bicep"]["parameters"]:
        return str(parameter("main.bicep", named[1])["default"])
    if named and named[1] in templates()["main.bicep"]["variables"]:
        return shown(variable("main.bicep", named[1]))
    return text


def test_every_setting_is_deployed_and_no_other() -> None:
    """Those of the code and those of the host, both ways: one that is forgotten, and one that nobody reads, are
    defects. A connection counts by its forms; the runtime stands where Flex Consumption wants it.
    """
    deployed = {name.partition("__")[0] for name in (*CHOSEN, *CONNECTED)} - {"SAVEPOINTS"}
    known = {name.upper() for name in Settings.model_fields} | set(HOST_SETTINGS)
    assert deployed == known - set(PLATFORM_SETTINGS) - {"FUNCTIONS_WORKER_RUNTIME"}
    assert not set(CHOSEN) & set(CONNECTED)
    assert resource("Microsoft.Web/sites").properties["functionAppConfig"]["runtime"]["name"] == "python"


def test_the_app_gets_all_of_them() -> None:
    """The two halves are put together, and every pair goes into the site."""
    assert shown(variable("app.bicep", "all")) == "union(settings, connections, others)"
    others = shown(variable("app.bicep", "others"))
    assert "empty(jobJarsAccountName) ? {} : jobJars" in others
    assert "empty(savepointsAccountName) ? {} : savepoints" in others
    given = resource("Microsoft.Web/sites").properties["siteConfig"]["appSettings"]
    assert shown(given) == "union(named, furtherUris, furtherCredentials, furtherClients)"
    assert shown(variable("app.bicep", "named")["loop_type"]["detail"]["array_name"]) == "items(all)"
    app = templates()["main.bicep"]["modules"]["app"]["config"]
    assert shown(app["params"]["settings"]) == "union(settings, appSettings)"


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if name.upper() not in PLATFORM_SETTINGS])
def test_a_setting_that_nobody_chooses_has_the_default_of_the_code(name: str) -> None:
    """What docs/settings.md and the sample say of a default is what a deployment gets; where not, it stands above."""
    deployed, field = {**CHOSEN, **CONNECTED}[name.upper()], Settings.model_fields[name]
    if name.upper() in DEPLOYED:
        assert shown(deployed) == DEPLOYED[name.upper()]
    else:
        assert field.default is not PydanticUndefined
        assert default_of(deployed) == sample()[name.upper()]


def test_a_further_root_is_connected_by_the_identity() -> None:
    """In the same form as the first one, under the name that JOB_JAR_DIRECTORIES gives its connection."""
    pairs = {}
    for name in ("furtherUris", "furtherCredentials", "furtherClients"):
        loop = variable("app.bicep", name)
        assert shown(loop["loop_type"]["detail"]["array_name"]) == "furtherRoots"
        pairs[shown(loop["config"]["name"])] = shown(loop["config"]["value"])
    assert pairs == {
        "${root.connection}__blobServiceUri": "https://${last(split(root.accountId, '/'))}.blob.${suffix}",
        "${root.connection}__credential": "managedidentity",
        "${root.connection}__clientId": "identityClientId",
    }
    assert {name.partition("__")[2] for name in pairs} == {
        name.partition("__")[2] for name in CONNECTED if name.startswith("JOB_JARS__")
    }


def test_what_the_triggers_name_is_never_empty() -> None:
    """The host reads these before the code does, and knows no defaults."""
    assert all(default_of(CHOSEN[name]) for name in (*BINDING_SETTINGS, *MESSAGES_SETTINGS))


@pytest.mark.parametrize("connection", ["AzureWebJobsStorage", "JARS"])
def test_a_connection_is_an_identity_with_every_form_that_its_bindings_read(connection: str) -> None:
    """The blob binding reads the blob URI, the blob trigger's poison queue the queue's; neither knows __accountName."""
    forms = {name.partition("__")[2]: shown(value) for name, value in CONNECTED.items() if name.startswith(connection)}
    tables = {"tableServiceUri"} if connection == "AzureWebJobsStorage" else set[str]()  # the host's diagnostic events
    assert set(forms) == {"blobServiceUri", "queueServiceUri", "credential", "clientId"} | tables
    assert forms["credential"] == "managedidentity"
    assert forms["clientId"] == "identityClientId"
    account = "hostAccountName" if connection == "AzureWebJobsStorage" else "jarsAccountName"
    assert forms["blobServiceUri"] == f"https://${{{account}}}.blob.${{suffix}}"
    assert forms["queueServiceUri"] == f"https://${{{account}}}.queue.${{suffix}}"


def test_no_setting_is_a_secret() -> None:
    """Neither a key nor a connection string but that of telemetry, which opens nothing (local auth is off)."""
    harmless = "__|^APPLICATIONINSIGHTS_|^FUNCTIONS_|^PYTHON_|^AzureWebJobsDisableHomepage$"
    assert not [name for name in CONNECTED if not re.search(harmless, name)]
    assert "listKeys" not in (INFRA / "app.bicep").read_text() + (INFRA / "main.bicep").read_text()
    assert shown(CONNECTED["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"]).endswith(";Authorization=AAD")


def test_nothing_is_set_that_the_plan_refuses() -> None:
    """Flex Consumption fails a deployment that sets them."""
    assert not {*CHOSEN, *CONNECTED} & set(NOT_ON_FLEX)


def test_threads_are_as_many_as_at_home() -> None:
    """The queue trigger may use 24 at once."""
    assert CONNECTED["PYTHON_THREADPOOL_THREAD_COUNT"] == sample()["PYTHON_THREADPOOL_THREAD_COUNT"]


def test_the_host_reads_the_longest_jar_that_the_app_takes() -> None:
    """What is above its limit gets a bare 413, which names no other way. But before a gateway, whose routes are open
    until the app has seen the token, it reads no more than those take.
    """
    name = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"
    deployed = re.fullmatch(r"isGateway \? (\d+) : (\d+)", shown(CHOSEN[name]))
    assert deployed
    assert all(int(limit) > LONGEST_JAR for limit in (deployed[2], sample()[name]))
    assert LONGEST_BODY < int(deployed[1]) <= 1024 * 1024


def test_every_parameter_can_be_chosen_in_azd_and_the_page_names_it() -> None:
    """`azd env set NAME value`, with a prefix: where azd's environment lacks a value, azd takes the process's own, and
    a runner of GitHub or an image of Python has a GITHUB_REPOSITORY or a PYTHON_VERSION. A parameter that is a setting
    has the setting's name.
    """
    names = azd_names()
    assert set(names) == set(templates()["main.bicep"]["parameters"])
    page = (ROOT / "docs" / "first-deployment.md").read_text()
    rows = re.findall(r"^\| `([A-Z_]+)`", page.partition("\n## Deployment options\n")[2], re.MULTILINE)
    assert sorted(rows) == sorted(set(names.values()) - OF_AZD)
    assert all(name.startswith(PREFIX) for name in set(names.values()) - OF_AZD)
    for name in names:
        setting = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
        if setting in CHOSEN:
            assert names[name] == PREFIX + setting


def test_a_deployment_says_where_its_traces_are() -> None:
    """In the portal's Logs of its Application Insights, for as long as that keeps them: the query names the trace."""
    variables = templates()["monitoring.bicep"]["variables"]
    encoded = {name: shown(of["value"]).partition("(")[2].removesuffix(")") for name, of in variables.items()}
    url = str(templates()["monitoring.bicep"]["outputs"]["traceUrl"]["value"])
    for name in ("before", "after"):
        assert shown(variables[name]["value"]).startswith("uri_component(")
        url = url.replace(f"${{{name}}}", quote(encoded[name], safe=""))
    url = url.replace("${logs}", shown(variables["logs"]["value"]).replace("${environment().portal}", "https://portal"))
    *place, query, timespan, days = url.split("/")
    assert "/".join(place) == (
        "https://portal/#blade/Microsoft_Azure_Monitoring_Logs/LogsBlade/resourceId/${uriComponent(insights.id)}"
        "/source/LogsBlade.AnalyticsShareLinkToQuery/query"
    )
    tables = "union requests, dependencies, traces, exceptions"
    assert unquote(query) == f'{tables} | where operation_Id == "{{traceId}}" | order by timestamp asc'
    assert "{traceId}" in query  # … which is what Settings wants, and the page replaces
    kept = resource("Microsoft.OperationalInsights/workspaces").properties["retentionInDays"]
    assert (timespan, days) == ("timespan", f"P{kept}D")


def test_a_closed_operation_is_kept_for_longer_than_savepoints_are_by_default() -> None:
    """An orphan goes only while its operation is known as closed."""
    least = parameter("main.bicep", "closedOperationDays")["min_value"]
    assert least > Settings.model_fields["savepoint_retention_days"].default


def test_the_ledger_of_this_cluster_is_what_expires() -> None:
    """The rule's prefixes are the folders of clients/ledger.py, below the cluster's key."""
    (closed, planned, letters) = resource("Microsoft.Storage/storageAccounts/managementPolicies").properties["policy"][
        "rules"
    ]
    prefix = "${ledgerContainer}/${ledgerKey}"
    assert closed["definition"]["filters"]["prefixMatch"] == [
        f"{prefix}/closed/",
        f"{prefix}/uploads/",
        f"{prefix}/sent/",
    ]
    assert shown(closed["definition"]["actions"]["baseBlob"]) == (
        "{delete: {daysAfterModificationGreaterThan: closedOperationDays}}"
    )
    assert planned["definition"]["filters"]["prefixMatch"] == [f"${{jarsContainer}}/{PLANS}"]
    assert letters["definition"]["filters"]["prefixMatch"] == ["${deadLettersContainer}/"]
    storage = templates()["main.bicep"]["modules"]["storage"]["config"]["params"]
    assert shown(storage["ledgerKey"]) == "to_lower(form == hdinsight ? armKey : clusterName)"
