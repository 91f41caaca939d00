// What `azd up` creates: a resource group with the app and everything that it needs. docs/first-deployment.md says how.
//
//   monitoring ── storage; vault, network (on request) ── identity ── app ── roles ── alerts, workbook
//   events.bicep comes after the code: Event Grid accepts a webhook only when it answers.
//
// checkov passes over a file that it cannot parse, and of several resources inside another one it sees only the last.
// So the syntax is plain, and each resource stands by itself, with its parent.
//
// Here is what a deployment chooses; each choice is an environment variable of azd (main.parameters.json).
targetScope = 'subscription'

@description('Name of the azd environment; every name of a resource is made from it.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('Region; one in which Flex Consumption exists (az functionapp list-flexconsumption-locations).')
@metadata({ azd: { type: 'location' } })
param location string

@description('Redundancy of the storage; empty: three zones, or one place in the regions that have no zones.')
@allowed(['', 'Standard_LRS', 'Standard_ZRS'])
param storageRedundancy string = ''

@description('Which of the three deployments: drives a session cluster, drives the ARM job API, or serves that API.')
@allowed(['session', 'hdinsight', 'gateway'])
param form string = 'session'

@description('Python of the function app; on each of these Azure runs the worker library that the tests run.')
@allowed(['3.13', '3.14'])
param pythonVersion string = '3.13'

@description('Memory of an instance (MB).')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Most instances at once.')
@minValue(1)
@maxValue(1000)
param maximumInstances int = 40

@description('Instances that always wait for uploads; with none the first event after a rest is refused and comes again later.')
@minValue(0)
param alwaysReadyBlob int = 1

@description('Instances that always wait to drive operations; with none an operation may wait for a cold start.')
@minValue(0)
param alwaysReadyDriver int = 0

@description('Storage and vault behind private endpoints; the app reaches out through a network of its own.')
param privateNetwork bool = false

@description('With privateNetwork: address ranges (CIDR) that may reach the app, the storage and the vault from outside.')
param allowedAddresses array = []

@description('With privateNetwork: the first three numbers of that network, which collides with none it is peered with.')
param networkPrefix string = '10.20.0'

@description('Object id of who may upload jars (azd: who deploys); empty: nobody but by roles of your own.')
param uploader string = ''

@description('Repository (owner/name) whose release workflow may deploy the code; empty: none.')
param githubRepository string = ''

@description('The same with ids (owner@id/name@id), as GitHub writes it since July 2026; empty: only the form without.')
param githubRepositoryWithIds string = ''

@description('A vault for secrets that the app reads; hdinsight with ARM_CREDENTIAL vault has one in any case.')
param keyVault bool = false

@description('Where alerts go; empty: they show in the portal only.')
param alertEmail string = ''

@description('An operation that is open for longer than this is reported (seconds).')
@minValue(60)
param operationStuckSeconds int = 7200

@description('How long a closed operation is kept (days), by its age alone; an orphan of one that is gone is only shown.')
@minValue(31)
param closedOperationDays int = 400

@description('CLUSTER_SUBSCRIPTION_ID; empty: the subscription of the deployment.')
param clusterSubscriptionId string = ''

@description('CLUSTER_RESOURCE_GROUP')
param clusterResourceGroup string = ''

@description('CLUSTER_POOL')
param clusterPool string = ''

@description('CLUSTER_NAME')
param clusterName string = 'flink'

@description('FLINK_REST_URL')
param flinkRestUrl string = ''

@description('SAVEPOINT_DIRECTORY')
param savepointDirectory string = ''

@description('SAVEPOINT_INTERVAL_SECONDS; a savepoint twice as old is reported.')
@minValue(60)
param savepointIntervalSeconds int = 21600

@description('Resource id of the storage account that SAVEPOINT_DIRECTORY names; given, orphans are looked for in it.')
param savepointsAccountId string = ''

@description('JOB_JAR_DIRECTORY')
param jobJarDirectory string = ''

@description('Resource id of the storage account that JOB_JAR_DIRECTORY names.')
param jobJarsAccountId string = ''

@description('JOB_JAR_DIRECTORIES; its connections are in furtherRoots.')
param jobJarDirectories string = ''

@description('SAVEPOINT_DIRECTORIES; its connections are in furtherRoots.')
param savepointDirectories string = ''

@description('The containers of those two: [{"connection": "TEAM", "accountId": "/subscriptions/…", "container": "jars"}].')
param furtherRoots array = []

@description('ARM_CREDENTIAL')
@allowed(['vault', 'identity'])
param armCredential string = 'vault'

@description('GATEWAY_ALLOWED_PRINCIPALS; the gateway is off without.')
param gatewayAllowedPrincipals string = ''

@description('GATEWAY_TENANT_ID; empty: the tenant of the deployment.')
param gatewayTenantId string = ''

@description('Client id of the app registration by which people and pipelines sign in; empty: function keys open the API.')
param signInClientId string = ''

@description('Any other app setting by its name, over what stands below.')
param appSettings object = {}

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var isGateway = form == 'gateway'
var hasVault = keyVault || (form == 'hdinsight' && armCredential == 'vault')
// Flex Consumption exists there, and availability zones do not: the storage refuses Standard_ZRS.
var regionsWithoutZones = ['australiasoutheast', 'northcentralus', 'southindia', 'ukwest', 'westcentralus', 'westus']
var withoutZones = contains(regionsWithoutZones, toLower(replace(location, ' ', '')))
var redundancy = !empty(storageRedundancy) ? storageRedundancy : (withoutZones ? 'Standard_LRS' : 'Standard_ZRS')
var clusterSubscription = empty(clusterSubscriptionId) ? subscription().subscriptionId : clusterSubscriptionId
var armKey = '${clusterSubscription}.${clusterResourceGroup}.${clusterPool}.${clusterName}'
// /subscriptions/2/resourceGroups/4/…; a scope has to be one, also where nothing comes of it.
var jobJarsId = split(empty(jobJarsAccountId) ? nowhere : jobJarsAccountId, '/')
var savepointsId = split(empty(savepointsAccountId) ? nowhere : savepointsAccountId, '/')
var nowhere = '/subscriptions/${subscription().subscriptionId}/resourceGroups/rg-${environmentName}'
var jarsContainer = 'jars'
var releasesContainer = 'releases'
var ledgerContainer = 'ledger'
var operationsQueue = 'operations'
var messagesQueue = 'messages'

// Every setting of settings.py; tests/infra compares names and defaults. The connections are in app.bicep.
var settings = {
  FLINK_CLUSTER_KIND: (form == 'hdinsight') ? 'hdinsight' : 'session'
  CLUSTER_SUBSCRIPTION_ID: clusterSubscription
  CLUSTER_RESOURCE_GROUP: clusterResourceGroup
  CLUSTER_POOL: clusterPool
  CLUSTER_NAME: clusterName

  JARS_CONTAINER: jarsContainer
  RELEASES_CONTAINER: releasesContainer
  LEDGER_CONTAINER: ledgerContainer
  OPERATIONS_QUEUE: operationsQueue
  JOB_JAR_DIRECTORY: jobJarDirectory
  JOB_JAR_DIRECTORIES: jobJarDirectories

  SAVEPOINT_SCHEDULE: '0 */5 * * * *'
  SAVEPOINT_INTERVAL_SECONDS: string(savepointIntervalSeconds)
  SAVEPOINTS_AT_ONCE: '4'
  SAVEPOINT_RETENTION_COUNT: '10'
  SAVEPOINT_RETENTION_DAYS: '30'
  SAVEPOINTS_CONNECTION: empty(savepointsAccountId) ? '' : 'SAVEPOINTS'
  RELEASE_RETENTION_COUNT: '20'
  RELEASE_RETENTION_DAYS: '30'
  HOLD_AFTER_ROLLBACK: 'true'
  SWEEP_SCHEDULE: '*/30 * * * * *'

  LEASE_SECONDS: '30'
  INVOCATION_SECONDS: '120'
  START_DEADLINE_SECONDS: '300'
  SETTLE_SECONDS: '10'
  STOP_DEADLINE_SECONDS: '3600'
  UNREACHABLE_SECONDS: '300'

  FLINK_REST_URL: flinkRestUrl
  FLINK_DASHBOARD_URL: ''
  FLINK_CA_CERTIFICATE: ''
  FLINK_CLIENT_CERTIFICATE: ''
  FLINK_CLIENT_CERTIFICATE_SECRET: ''
  FLINK_CLIENT_KEY: ''
  FLINK_CLIENT_KEY_SECRET: ''
  FLINK_USER: ''
  FLINK_PASSWORD: ''
  FLINK_PASSWORD_SECRET: ''
  FLINK_TOKEN: ''
  FLINK_TOKEN_SECRET: ''
  FLINK_TOKEN_SCOPE: ''
  SAVEPOINT_DIRECTORY: savepointDirectory
  SAVEPOINT_DIRECTORIES: savepointDirectories
  ALLOW_UNGUARDED_MAIN: 'false'
  REQUIRE_SLOTS: 'false'

  ARM_BASE_URL: 'https://management.azure.com'
  ARM_API_VERSION: '2023-06-01-preview'
  ARM_SCOPE: 'https://management.azure.com/.default'
  ARM_CREDENTIAL: armCredential
  ARM_POLL_SECONDS: '5'
  ARM_DEADLINE_SECONDS: '1800'
  KEY_VAULT_URL: hasVault ? vault.outputs.url : ''
  KEY_VAULT_SECRET_PREFIX: 'hdinsight-aks-variables'
  KEY_VAULT_SECRET_SECONDS: '3600'
  ENTRA_AUTHORITY: 'https://login.microsoftonline.com'
  AZURE_CLIENT_ID: identity.outputs.clientId
  ENTRA_DISABLE_INSTANCE_DISCOVERY: 'false'
  KEY_VAULT_DISABLE_CHALLENGE_VERIFICATION: 'false'

  GATEWAY_TENANT_ID: !isGateway ? '' : (empty(gatewayTenantId) ? tenant().tenantId : gatewayTenantId)
  GATEWAY_AUTHORITY: 'https://login.microsoftonline.com'
  GATEWAY_AUDIENCE: 'https://management.azure.com,https://management.core.windows.net'
  GATEWAY_ALLOWED_PRINCIPALS: !isGateway ? '' : gatewayAllowedPrincipals
  GATEWAY_LOCATION: location
  GATEWAY_OPERATION_STATUS: 'over'
  GATEWAY_FRONT_ENDS: ''

  // The host reads a body before the app may refuse it, and the gateway's routes are open to everybody until then.
  FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: isGateway ? '1048576' : '104857600'

  API_AUTHORIZATION: empty(signInClientId) ? 'keys' : 'roles'

  NOTIFY_URL: ''
  NOTIFY_URL_SECRET: ''
  NOTIFY_FORMAT: 'cloudevents'
  NOTIFY_ON: 'failed,rolled_back,unproven,unknown,upload_refused,vanished,recovered,savepoint_overdue'
  NOTIFY_KEY: ''
  NOTIFY_KEY_SECRET: ''
  NOTIFY_KEY_OLD: ''
  NOTIFY_KEY_OLD_SECRET: ''
  MESSAGES_QUEUE: messagesQueue

  TRACE_URL: monitoring.outputs.traceUrl
  OTEL_EXPORTER_OTLP_ENDPOINT: ''
}

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module monitoring 'monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
  }
}

module storage 'storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    jarsContainer: jarsContainer
    releasesContainer: releasesContainer
    ledgerContainer: ledgerContainer
    operationsQueue: operationsQueue
    messagesQueue: messagesQueue
    ledgerKey: toLower(form == 'hdinsight' ? armKey : clusterName)
    closedOperationDays: closedOperationDays
    privateNetwork: privateNetwork
    allowedAddresses: allowedAddresses
    workspaceId: monitoring.outputs.workspaceId
    redundancy: redundancy
  }
}

module vault 'vault.bicep' = if (hasVault) {
  name: 'vault'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    privateNetwork: privateNetwork
    allowedAddresses: allowedAddresses
    workspaceId: monitoring.outputs.workspaceId
  }
}

module identity 'identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
  }
}

module network 'network.bicep' = if (privateNetwork) {
  name: 'network'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    prefix: networkPrefix
  }
}

module app 'app.bicep' = {
  name: 'app'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstances: maximumInstances
    alwaysReadyBlob: alwaysReadyBlob
    alwaysReadyDriver: alwaysReadyDriver
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    hostAccountName: storage.outputs.hostAccountName
    jarsAccountName: storage.outputs.jarsAccountName
    jobJarsAccountName: last(split(jobJarsAccountId, '/'))
    savepointsAccountName: last(split(savepointsAccountId, '/'))
    furtherRoots: furtherRoots
    telemetryConnection: monitoring.outputs.connection
    settings: union(settings, appSettings)
    signInClientId: signInClientId
    isGateway: isGateway
    privateNetwork: privateNetwork
    allowedAddresses: allowedAddresses
    subnetId: privateNetwork ? network.outputs.appSubnetId : ''
  }
  dependsOn: [roles] // it starts by reading its host account
}

module deployer 'deployer.bicep' = if (!empty(githubRepository)) {
  name: 'deployer'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    repository: githubRepository
    repositoryWithIds: githubRepositoryWithIds
    appName: app.outputs.name
    planName: app.outputs.planName
  }
}

module endpoints 'endpoints.bicep' = if (privateNetwork) {
  name: 'endpoints'
  scope: group
  params: {
    location: location
    tags: tags
    networkId: privateNetwork ? network.outputs.id : ''
    subnetId: privateNetwork ? network.outputs.endpointSubnetId : ''
    hostAccountId: storage.outputs.hostAccountId
    jarsAccountId: storage.outputs.jarsAccountId
    vaultId: hasVault ? vault.outputs.id : ''
    appId: app.outputs.id
  }
}

module roles 'roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    identityName: identity.outputs.name
    uploader: uploader
    hostAccountName: storage.outputs.hostAccountName
    jarsAccountName: storage.outputs.jarsAccountName
    jarsContainer: jarsContainer
    releasesContainer: releasesContainer
    ledgerContainer: ledgerContainer
    deadLettersContainer: storage.outputs.deadLettersContainer
    topicName: storage.outputs.topicName
    vaultName: hasVault ? vault.outputs.name : ''
    insightsName: monitoring.outputs.insightsName
  }
}

// Accounts that are not ours: a role on the one container that the setting names (abfs://container@account…).
module jobJarsRole 'container-role.bicep' = if (!empty(jobJarsAccountId)) {
  name: 'job-jars-role'
  scope: resourceGroup(jobJarsId[2], jobJarsId[4])
  params: {
    accountName: last(split(jobJarsAccountId, '/'))
    container: split(replace('${jobJarDirectory}//', '//', '@'), '@')[1]
    principalId: identity.outputs.principalId
    access: 'write'
  }
}

module savepointsRole 'container-role.bicep' = if (!empty(savepointsAccountId)) {
  name: 'savepoints-role'
  scope: resourceGroup(savepointsId[2], savepointsId[4])
  params: {
    accountName: last(split(savepointsAccountId, '/'))
    container: split(replace('${savepointDirectory}//', '//', '@'), '@')[1]
    principalId: identity.outputs.principalId
    access: 'read'
  }
}

module furtherRole 'container-role.bicep' = [for (root, i) in furtherRoots: {
  name: 'further-role-${i}'
  scope: resourceGroup(split(root.accountId, '/')[2], split(root.accountId, '/')[4])
  params: {
    accountName: last(split(root.accountId, '/'))
    container: root.container
    principalId: identity.outputs.principalId
    access: 'read'
  }
}]

module alerts 'alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    email: alertEmail
    workspaceName: monitoring.outputs.workspaceName
    topicName: storage.outputs.topicName
    savepointIntervalSeconds: savepointIntervalSeconds
    operationStuckSeconds: operationStuckSeconds
  }
}

module workbook 'workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    location: location
    tags: tags
    workspaceName: monitoring.outputs.workspaceName
  }
}

output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FUNCTION_APP_NAME string = app.outputs.name
output AZURE_FUNCTION_APP_URL string = app.outputs.url
output AZURE_DEPLOYER_CLIENT_ID string = empty(githubRepository) ? '' : deployer.outputs.clientId
output AZURE_KEY_VAULT_NAME string = hasVault ? vault.outputs.name : ''
output AZURE_STORAGE_ACCOUNT_NAME string = storage.outputs.jarsAccountName
output AZURE_EVENT_GRID_TOPIC_NAME string = storage.outputs.topicName
output JARS_CONTAINER string = jarsContainer
