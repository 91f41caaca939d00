"""Who may do what in the deployment? Exactly what stands here, and nothing by a key."""

from tests.infra.bicep import resource, resources, shown, templates, variable

ROLES = {
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "Storage Queue Data Contributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "Website Contributor": "de139f84-1756-47ae-9be6-808fbbe84772",
    "Reader": "acdd72a7-3385-48ef-bd42-f606fba81ae7",
}
APP, TOPIC, DEPLOYER = (
    "identity.properties.principalId",
    "topic.identity.principalId",
    "deployer.properties.principalId",
)
RIGHTS = {
    (APP, "Storage Blob Data Owner", "hostAccount", ""),
    (APP, "Storage Queue Data Contributor", "hostAccount", ""),
    (APP, "Storage Table Data Contributor", "hostAccount", ""),
    (APP, "Storage Blob Data Owner", "jars", ""),
    (APP, "Storage Blob Data Contributor", "releases", ""),
    (APP, "Storage Blob Data Contributor", "ledger", ""),
    (APP, "Storage Queue Data Contributor", "jarsAccount", ""),
    (APP, "Key Vault Secrets User", "vault", "!empty(vaultName)"),
    (APP, "Monitoring Metrics Publisher", "insights", ""),
    (TOPIC, "Storage Blob Data Contributor", "deadLetters", ""),
    ("uploader", "Storage Blob Data Contributor", "jars", "!empty(uploader)"),
    (DEPLOYER, "Website Contributor", "app", ""),
    (DEPLOYER, "Reader", "plan", ""),
}


def test_the_rights_are_these_and_no_others() -> None:
    """Who, which role, on what; each by the role's own id."""
    found = set()
    for assignment in resources("Microsoft.Authorization/roleAssignments"):
        if assignment.file == "container-role.bicep":
            continue
        role = assignment.properties["roleDefinitionId"]["function"]["parameters"]["resource_name_1"]
        id_ = variable(assignment.file, role)
        (name,) = [name for name, known in ROLES.items() if known == id_]
        who, scope = shown(assignment.properties["principalId"]), shown(assignment.config["scope"])
        found.add((who, name, scope, assignment.condition))
    assert found == RIGHTS


def test_an_account_of_others_is_opened_by_one_container() -> None:
    """To read savepoints, or to write jars; the setting names the container."""
    roles = variable("container-role.bicep", "roles")
    assert roles == {
        "read": ROLES["Storage Blob Data Reader"],
        "write": ROLES["Storage Blob Data Contributor"],
    }
    (role,) = resources("Microsoft.Authorization/roleAssignments", "container-role.bicep")
    assert shown(role.config["scope"]) == "place"


def test_a_further_root_may_be_read_and_no_more() -> None:
    """Each is one container of one account."""
    module = templates()["main.bicep"]["modules"]["furtherRole"]
    assert module["detail"]["path"] == "container-role.bicep"
    assert shown(module["config"]["loop_type"]["detail"]["array_name"]) == "furtherRoots"
    given = module["config"]["config"]["params"]
    assert {name: shown(value) for name, value in given.items()} == {
        "accountName": "last(split(root.accountId, /))",
        "container": "root.container",
        "principalId": "identity.outputs.principalId",
        "access": "read",
    }


def test_a_right_is_named_by_what_it_gives() -> None:
    """A name that two assignments share, or that changes with every deployment, fails the second deployment."""
    names = [shown(a.config["name"]) for a in resources("Microsoft.Authorization/roleAssignments")]
    assert len(set(names)) == len(names)
    assert all(name.startswith("guid(") for name in names)


def test_no_account_has_keys() -> None:
    """Shared keys are off, nothing is public, nothing is plain HTTP."""
    accounts = resources("Microsoft.Storage/storageAccounts")
    assert {account.name for account in accounts} == {"host", "jars"}
    for account in accounts:
        assert account.properties["allowSharedKeyAccess"] is False
        assert account.properties["allowBlobPublicAccess"] is False
        assert account.properties["allowCrossTenantReplication"] is False
        assert account.properties["supportsHttpsTrafficOnly"] is True
        assert account.properties["minimumTlsVersion"] == "TLS1_2"
    for container in resources("Microsoft.Storage/storageAccounts/blobServices/containers"):
        assert container.properties["publicAccess"] == "None"


def test_the_vault_is_opened_by_roles_and_forgets_nothing() -> None:
    """RBAC, soft delete, purge protection; who read what is logged."""
    vault = resource("Microsoft.KeyVault/vaults").properties
    assert vault["enableRbacAuthorization"] is True
    assert vault["enablePurgeProtection"] is True
    assert vault["enableSoftDelete"] is True
    assert "accessPolicies" not in vault
    audit = resource("Microsoft.Insights/diagnosticSettings", "audit")
    assert shown(audit.config["scope"]) == "vault"
    assert audit.properties["logs"] == [{"category": "AuditEvent", "enabled": True}]


def test_nobody_writes_telemetry_with_a_key() -> None:
    """Local auth is off in both."""
    assert resource("Microsoft.Insights/components").properties["DisableLocalAuth"] is True
    workspace = resource("Microsoft.OperationalInsights/workspaces").properties
    assert workspace["features"]["disableLocalAuth"] is True


def test_the_app_is_one_identity() -> None:
    """A user-assigned one: it has its rights before the app exists, and keeps them when the app is made anew."""
    app = resource("Microsoft.Web/sites")
    assert app.config["identity"] == {"type": "UserAssigned", "userAssignedIdentities": {"'${identityId}'": {}}}
    assert shown(app.properties["keyVaultReferenceIdentity"]) == "identityId"
    storage = app.properties["functionAppConfig"]["deployment"]["storage"]
    assert storage["authentication"]["type"] == "UserAssignedIdentity"
    assert shown(storage["authentication"]["userAssignedIdentityResourceId"]) == "identityId"


def test_code_is_deployed_with_tokens_only() -> None:
    """No user name and password, neither for SCM nor for FTP."""
    doors = resources("Microsoft.Web/sites/basicPublishingCredentialsPolicies")
    assert {door.config["name"]: door.properties["allow"] for door in doors} == {"scm": False, "ftp": False}
