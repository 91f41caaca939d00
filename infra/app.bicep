// The function app on Flex Consumption, and what the platform itself connects it to.
param location string
param tags object
param token string
param pythonVersion string
param instanceMemoryMB int
param maximumInstances int
param alwaysReadyBlob int
param alwaysReadyDriver int
param identityId string
param identityClientId string
param hostAccountName string
param jarsAccountName string

@description('Empty where JOB_JAR_DIRECTORY is; the same for savepoints.')
param jobJarsAccountName string
param savepointsAccountName string

@description('The connections of further roots, as main.bicep describes them.')
param furtherRoots array
param telemetryConnection string

@description('The settings of settings.py.')
param settings object

@description('Empty: App Service authentication is left alone.')
param signInClientId string
param isGateway bool
param privateNetwork bool
param allowedAddresses array
param subnetId string

var suffix = environment().suffixes.storage

resource hostAccount 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: hostAccountName
}

// No FUNCTIONS_WORKER_RUNTIME and no other setting that Flex Consumption takes from functionAppConfig instead: it
// refuses them. The BlobClient binding reads __blobServiceUri only, not __accountName; the poison queue needs
// __queueServiceUri of the same connection. All values are parameters: the loop below has to know them in advance.
var connections = {
  AzureWebJobsStorage__blobServiceUri: 'https://${hostAccountName}.blob.${suffix}'
  AzureWebJobsStorage__queueServiceUri: 'https://${hostAccountName}.queue.${suffix}'
  AzureWebJobsStorage__tableServiceUri: 'https://${hostAccountName}.table.${suffix}' // the host's diagnostic events
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  AzureWebJobsDisableHomepage: 'true'
  JARS__blobServiceUri: 'https://${jarsAccountName}.blob.${suffix}'
  JARS__queueServiceUri: 'https://${jarsAccountName}.queue.${suffix}'
  JARS__credential: 'managedidentity'
  JARS__clientId: identityClientId
  PYTHON_THREADPOOL_THREAD_COUNT: '32'
  PYTHON_ENABLE_OPENTELEMETRY: 'true'
  APPLICATIONINSIGHTS_CONNECTION_STRING: telemetryConnection
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
}
var jobJars = {
  JOB_JARS__blobServiceUri: 'https://${jobJarsAccountName}.blob.${suffix}'
  JOB_JARS__credential: 'managedidentity'
  JOB_JARS__clientId: identityClientId
}
var savepoints = {
  SAVEPOINTS__blobServiceUri: 'https://${savepointsAccountName}.blob.${suffix}'
  SAVEPOINTS__credential: 'managedidentity'
  SAVEPOINTS__clientId: identityClientId
}
var others = union(empty(jobJarsAccountName) ? {} : jobJars, empty(savepointsAccountName) ? {} : savepoints)
var all = union(settings, connections, others)
var named = [for setting in items(all): {
  name: setting.key
  value: setting.value
}]
var furtherUris = [for root in furtherRoots: {
  name: '${root.connection}__blobServiceUri'
  value: 'https://${last(split(root.accountId, '/'))}.blob.${suffix}'
}]
var furtherCredentials = [for root in furtherRoots: {
  name: '${root.connection}__credential'
  value: 'managedidentity'
}]
var furtherClients = [for root in furtherRoots: {
  name: '${root.connection}__clientId'
  value: identityClientId
}]

// With a private network, what is not in it comes in by these only. Event Grid comes over its service tag.
var eventGrid = [
  {
    name: 'event-grid'
    priority: 100
    action: 'Allow'
    tag: 'ServiceTag'
    ipAddress: 'AzureEventGrid'
  }
]
var callers = [for (range, i) in allowedAddresses: {
  name: 'caller-${i}'
  priority: 200 + i
  action: 'Allow'
  ipAddress: range
}]

// A host that starts refuses events until it has loaded the webhook's key (Azure/azure-functions-host#11834): Event Grid
// tries again later, but an instance that always waits takes them at once. The sweeper takes an upload in any case.
var readyForBlobs = [{ name: 'blob', instanceCount: alwaysReadyBlob }]
var readyToDrive = [{ name: 'function:drive_operation', instanceCount: alwaysReadyDriver }]
var ready = concat(alwaysReadyBlob == 0 ? [] : readyForBlobs, alwaysReadyDriver == 0 ? [] : readyToDrive)

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  //checkov:skip=CKV_AZURE_225:instances come and go by themselves, and an operation goes on after any of them dies
  name: 'plan-${token}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true } // Linux
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  //checkov:skip=CKV_AZURE_17:Event Grid has no client certificate to show; callers have keys, the gateway's have tokens
  //checkov:skip=CKV_AZURE_78:Flex Consumption has no FTP and refuses ftpsState; the credentials are off below as well
  //checkov:skip=CKV_AZURE_212:alwaysReady says how many instances wait, for each group
  //checkov:skip=CKV_AZURE_213:GET /api/health asks for a key, which the platform's probe does not send
  //checkov:skip=CKV_AZURE_222:Event Grid delivers to the public address; with a private network only it comes in by it
  name: 'func-${token}'
  location: location
  tags: union(tags, { 'azd-service-name': 'app' }) // azure.yaml's name of the service
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: identityId
    publicNetworkAccess: 'Enabled' // Event Grid delivers to the public address
    virtualNetworkSubnetId: privateNetwork ? subnetId : null
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostAccount.properties.primaryEndpoints.blob}app-package'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: { name: 'python', version: pythonVersion }
      scaleAndConcurrency: {
        alwaysReady: ready
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstances
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
      ipSecurityRestrictionsDefaultAction: privateNetwork ? 'Deny' : 'Allow'
      ipSecurityRestrictions: privateNetwork ? concat(eventGrid, callers) : []
      scmIpSecurityRestrictionsDefaultAction: 'Allow' // deployments come from anywhere, with Entra ID tokens only
      // One account may have several containers: a pair that comes twice is one setting.
      appSettings: union(named, furtherUris, furtherCredentials, furtherClients)
    }
  }
}

// What Event Grid and the gateway's callers send carries a key or a token of its own, which authentication does not
// know: it would answer all of it with 401 (MicrosoftDocs/azure-docs#99036). A star at the end stands for every path
// below (azure-docs#86514). Whoever comes in by these paths has no principal, so no route below /api lets him in.
// The page's files are for everybody, or nobody could sign in on it; what it shows comes from /api.
var webhook = ['/runtime/webhooks/blobs']
var page = ['/ui', '/ui/*']
var gateway = ['/subscriptions/*', '/providers/*']

resource signIn 'Microsoft.Web/sites/config@2024-04-01' = if (!empty(signInClientId)) {
  //checkov:skip=CKV_AZURE_13:these are the settings of authentication, and what checkov asks of a site is not among them
  //checkov:skip=CKV_AZURE_63:as above
  //checkov:skip=CKV_AZURE_65:as above
  //checkov:skip=CKV_AZURE_66:as above
  //checkov:skip=CKV_AZURE_70:as above; httpSettings below ask for it, too
  //checkov:skip=CKV_AZURE_80:as above
  //checkov:skip=CKV_AZURE_88:as above
  //checkov:skip=CKV_AZURE_222:as above
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'Return401'
      excludedPaths: isGateway ? concat(webhook, page, gateway) : concat(webhook, page)
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: signInClientId
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: {
          allowedAudiences: [signInClientId, 'api://${signInClientId}']
        }
      }
    }
    httpSettings: { requireHttps: true }
    login: {
      tokenStore: { enabled: false } // nobody calls another API in the caller's name
    }
  }
}

// Deploying is for Entra ID tokens: no user name and password opens either door.
resource scm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

resource ftp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

output id string = app.id
output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
output planName string = plan.name
