"""What passes locally and fails in Azure: the plan, the site, the network."""

import tomllib

import yaml

from tests.functions import functions
from tests.infra.bicep import ROOT, parameter, resource, resources, shown, templates, variable

SITE = resource("Microsoft.Web/sites")
CONFIG = SITE.properties["functionAppConfig"]
PRIVATE = "privateNetwork ? Deny : Allow"
# Azure answers 51021: "site configuration properties … for Flex Consumption sites is invalid"
# (Azure/terraform-azurerm-avm-res-web-site#345, #360; microsoft/azure-pipelines-tasks#21032).
REFUSED = {
    "alwaysOn",
    "ftpsState",
    "functionAppScaleLimit",
    "functionsRuntimeScaleMonitoringEnabled",
    "linuxFxVersion",
    "minimumElasticInstanceCount",
    "netFrameworkVersion",
    "preWarmedInstanceCount",
    "pythonVersion",
    "use32BitWorkerProcess",
    "vnetRouteAllEnabled",
    "windowsFxVersion",
}


def test_the_plan_is_flex_consumption() -> None:
    """On Linux, which it is always."""
    plan = resource("Microsoft.Web/serverfarms")
    assert plan.config["sku"] == {"name": "FC1", "tier": "FlexConsumption"}
    assert plan.properties["reserved"] is True
    assert SITE.config["kind"] == "functionapp,linux"


def test_the_site_asks_for_nothing_that_the_plan_refuses() -> None:
    """What other plans take in siteConfig stands in functionAppConfig here, or does not exist."""
    assert not REFUSED & set(SITE.properties["siteConfig"])
    assert "containerSize" not in SITE.properties


def test_python_is_one_that_the_tests_run_and_the_plan_has() -> None:
    """3.13 and later: there Azure runs the very worker library that the app brings along and the tests run. On 3.12 it
    runs one of its own, which no package index has.
    """
    python = parameter("main.bicep", "pythonVersion")
    assert python["default"] in python["allowed"]
    assert all(tuple(map(int, version.split("."))) >= (3, 13) for version in python["allowed"])
    matrix = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())["jobs"]["test"]["strategy"]
    assert set(python["allowed"]) <= set(matrix["matrix"]["python"])
    assert shown(CONFIG["runtime"]["version"]) == "pythonVersion"
    least = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert least == ">=3.11"


def test_what_must_not_sleep_does_not_sleep() -> None:
    """The blob group by default; a function's group is called after the function, which has to exist."""
    names = {function.get_function_name() for function in functions()}
    assert shown(variable("app.bicep", "readyForBlobs")) == "[{name: blob, instanceCount: alwaysReadyBlob}]"
    (group,) = variable("app.bicep", "readyToDrive")
    assert group["name"].partition("function:")[2] in names
    assert parameter("main.bicep", "alwaysReadyBlob")["default"] == 1
    assert shown(CONFIG["scaleAndConcurrency"]["alwaysReady"]) == "ready"
    assert "readyForBlobs" in shown(variable("app.bicep", "ready"))


def test_an_instance_may_be_small_and_few_may_do() -> None:
    """The plan's three sizes; the minimum of 40 instances went with its preview."""
    memory, most = parameter("main.bicep", "instanceMemoryMB"), parameter("main.bicep", "maximumInstances")
    assert (memory["allowed"], memory["default"]) == ([512, 2048, 4096], 2048)
    assert (most["min_value"], most["max_value"], most["default"]) == (1, 1000, 40)


def test_storage_has_three_zones_where_the_region_has_any() -> None:
    """Elsewhere Standard_ZRS is refused; who knows better than the list chooses."""
    assert parameter("main.bicep", "storageRedundancy")["default"] == ""
    assert shown(variable("main.bicep", "withoutZones")) == (
        "contains(regionsWithoutZones, to_lower(replace(location,  , )))"
    )
    assert shown(variable("main.bicep", "redundancy")) == (
        "!empty(storageRedundancy) ? storageRedundancy : withoutZones ? Standard_LRS : Standard_ZRS"
    )
    regions = variable("main.bicep", "regionsWithoutZones")
    assert regions == sorted(region.lower().replace(" ", "") for region in regions)
    for account in resources("Microsoft.Storage/storageAccounts"):
        assert account.config["sku"] == {"name": "redundancy"}


def test_there_is_a_vault_where_something_reads_it_and_nowhere_else() -> None:
    """The client secret of hdinsight, or secrets that a deployment names. Without it the app has no right there, no
    address of it and no endpoint.
    """
    assert shown(variable("main.bicep", "hasVault")) == ("keyVault or form == hdinsight and armCredential == vault")
    modules = templates()["main.bicep"]["modules"]
    assert modules["vault"]["config"]["condition"] == "hasVault"
    for module, parameter_name in (("roles", "vaultName"), ("endpoints", "vaultId")):
        config = modules[module]["config"]
        given = shown(config.get("config", config)["params"][parameter_name])
        assert given.startswith("hasVault ? vault.outputs.")


def test_the_package_lies_in_a_container_that_exists() -> None:
    """In the host's account, by identity."""
    storage = CONFIG["deployment"]["storage"]
    assert storage["type"] == "blobContainer"
    package = resource("Microsoft.Storage/storageAccounts/blobServices/containers", "package")
    assert storage["value"] == "${hostAccount.properties.primaryEndpoints.blob}" + package.config["name"]
    assert shown(package.config["parent"]) == "hostBlobs"


def test_azd_finds_the_site() -> None:
    """By its tag, which is the service's name in azure.yaml."""
    (service,) = yaml.safe_load((ROOT / "azure.yaml").read_text())["services"]
    assert shown(SITE.config["tags"]) == f"union(tags, {{'azd-service-name': {service}}})"


def test_the_app_starts_with_its_rights() -> None:
    """It reads its host account before anything else."""
    assert templates()["main.bicep"]["modules"]["app"]["config"]["dependsOn"] == ["roles"]


def test_the_site_speaks_tls_only() -> None:
    """1.2 or newer, for the app and for deployments."""
    assert SITE.properties["httpsOnly"] is True
    assert SITE.properties["siteConfig"]["minTlsVersion"] == "1.2"
    assert SITE.properties["siteConfig"]["scmMinTlsVersion"] == "1.2"


def test_event_grid_reaches_the_webhook_through_every_door() -> None:
    """The public address stays; with a private network the service tag comes first, and everybody else is refused."""
    assert SITE.properties["publicNetworkAccess"] == "Enabled"
    config = SITE.properties["siteConfig"]
    assert shown(config["ipSecurityRestrictionsDefaultAction"]) == PRIVATE
    assert shown(config["ipSecurityRestrictions"]) == "privateNetwork ? concat(eventGrid, callers) : []"
    (rule,) = variable("app.bicep", "eventGrid")
    assert (rule["action"], rule["tag"], rule["ipAddress"]) == ("Allow", "ServiceTag", "AzureEventGrid")
    callers = variable("app.bicep", "callers")
    assert callers["config"]["action"] == "Allow"
    assert rule["priority"] < 200
    assert shown(callers["config"]["priority"]) == "200 + i"


def test_storage_and_vault_are_closed_with_a_private_network() -> None:
    """But for trusted services: Event Grid writes its dead letters."""
    rules = variable("storage.bicep", "rules")
    vault = resource("Microsoft.KeyVault/vaults").properties["networkAcls"]
    for acls in (rules, vault):
        assert shown(acls["defaultAction"]) == PRIVATE
        assert acls["bypass"] == "AzureServices"
    for account in resources("Microsoft.Storage/storageAccounts"):
        assert account.properties["networkAcls"] == "rules"


def test_everything_that_the_app_talks_to_has_a_private_endpoint() -> None:
    """Each with the zone of its kind, so that its usual name leads to it."""
    zones = [name.partition(".")[2].partition(".")[0] for name in variable("endpoints.bicep", "zones")]
    always, of_vault = variable("endpoints.bicep", "always"), variable("endpoints.bicep", "ofVault")
    found = {(e["target"], e["group"], zones[e["zone"]]) for e in (*always, *of_vault)}
    assert shown(variable("endpoints.bicep", "endpoints")) == "concat(always, empty(vaultId) ? [] : ofVault)"
    assert found == {
        ("hostAccountId", "blob", "blob"),
        ("hostAccountId", "queue", "queue"),
        ("hostAccountId", "table", "table"),
        ("jarsAccountId", "blob", "blob"),
        ("jarsAccountId", "queue", "queue"),
        ("vaultId", "vault", "vaultcore"),
        ("appId", "sites", "azurewebsites"),
    }
    for file in ("network", "endpoints"):
        assert templates()["main.bicep"]["modules"][file]["config"]["condition"] == "privateNetwork"


def test_the_network_fits_flex_consumption() -> None:
    """A subnet of its own, delegated, without an underscore in its name; the site joins it."""
    subnets = {s["name"]: s["properties"] for s in resource("Microsoft.Network/virtualNetworks").properties["subnets"]}
    assert set(subnets) == {"app", "endpoints"}
    (delegation,) = subnets["app"]["delegations"]
    assert delegation["properties"]["serviceName"] == "Microsoft.App/environments"
    assert "delegations" not in subnets["endpoints"]
    assert all(shown(subnet["networkSecurityGroup"]["id"]) == "guard.id" for subnet in subnets.values())
    assert shown(SITE.properties["virtualNetworkSubnetId"]) == "privateNetwork ? subnetId : null"


def test_the_gateway_is_off_until_it_is_chosen() -> None:
    """Its settings are empty in every other form: no tenant, no principals, no gateway."""
    assert parameter("main.bicep", "form")["default"] == "session"
    assert parameter("main.bicep", "form")["allowed"] == ["session", "hdinsight", "gateway"]
    assert parameter("main.bicep", "gatewayAllowedPrincipals")["default"] == ""
    assert shown(variable("main.bicep", "isGateway")) == "form == gateway"
