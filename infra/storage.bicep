// Two accounts without keys: the Functions host's own, and the one of jars, releases, ledger and queue.
//
//   stor…host    the package of the app; what the host keeps for itself (it makes its containers and queues as it needs)
//   stor…jars    what people and pipelines write to, what the app keeps, and the events that nobody took
//
// Apart, so that who may upload jars can never come near the app's own code.
param location string
param tags object
param token string
param jarsContainer string
param releasesContainer string
param ledgerContainer string
param operationsQueue string
param messagesQueue string

@description('First part of every blob of the ledger: the cluster.')
param ledgerKey string
param closedOperationDays int
param privateNetwork bool
param allowedAddresses array
param workspaceId string

@description('Standard_ZRS or Standard_LRS.')
param redundancy string

var deadLettersContainer = 'dead-letters'
var containers = [jarsContainer, releasesContainer, ledgerContainer, deadLettersContainer]
// The host moves a message there after its last attempt; made here, so that an alert can watch them from the first day.
var queues = [
  operationsQueue
  '${operationsQueue}-poison'
  messagesQueue
  '${messagesQueue}-poison'
  'webjobs-blobtrigger-poison'
]
// Trusted services: Event Grid writes what it could not deliver, and reads from nowhere.
var ipRules = [for range in (privateNetwork ? allowedAddresses : []): {
  value: replace(range, '/32', '') // storage takes a single address without its length
  action: 'Allow'
}]
var rules = {
  bypass: 'AzureServices'
  defaultAction: privateNetwork ? 'Deny' : 'Allow'
  ipRules: ipRules
}

resource host 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  //checkov:skip=CKV_AZURE_35:denies with a private network; without one an instance has no fixed address to let in
  //checkov:skip=CKV_AZURE_43:the name is an expression: stor, 13 letters and digits, and a word
  //checkov:skip=CKV_AZURE_206:three zones where there are any, not two regions: what the host keeps is made anew with the app
  name: 'stor${token}host'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: redundancy }
  properties: {
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    networkAcls: rules
  }
}

resource jars 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  //checkov:skip=CKV_AZURE_35:denies with a private network; without one an instance has no fixed address to let in
  //checkov:skip=CKV_AZURE_43:the name is an expression: stor, 13 letters and digits, and a word
  //checkov:skip=CKV_AZURE_206:three zones where there are any, not two regions: with the region the app and its cluster are gone as well
  name: 'stor${token}jars'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: redundancy }
  properties: {
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    networkAcls: rules
  }
}

resource hostBlobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: host
  name: 'default'
}

resource package 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: hostBlobs
  name: 'app-package'
  properties: { publicAccess: 'None' }
}

resource jarsBlobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: jars
  name: 'default'
  properties: {
    // For people's mistakes; nothing in the code knows of versions or of what was deleted.
    deleteRetentionPolicy: { enabled: true, days: 7 }
    containerDeleteRetentionPolicy: { enabled: true, days: 7 }
  }
}

resource jarsQueues 'Microsoft.Storage/storageAccounts/queueServices@2024-01-01' = {
  parent: jars
  name: 'default'
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = [for name in containers: {
  parent: jarsBlobs
  name: name
  properties: { publicAccess: 'None' }
}]

resource queue 'Microsoft.Storage/storageAccounts/queueServices/queues@2024-01-01' = [for name in queues: {
  parent: jarsQueues
  name: name
}]

// The ledger deletes no record: a closed operation goes by its age, and so do events that nobody took.
resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2024-01-01' = {
  parent: jars
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'closed-operations'
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: ['blockBlob']
              prefixMatch: [
                '${ledgerContainer}/${ledgerKey}/closed/'
                '${ledgerContainer}/${ledgerKey}/uploads/'
                '${ledgerContainer}/${ledgerKey}/sent/'
              ]
            }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: closedOperationDays } } }
          }
        }
        {
          name: 'planned-jars'
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['${jarsContainer}/plans/'] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: 7 } } }
          }
        }
        {
          name: 'dead-letters'
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['${deadLettersContainer}/'] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: 30 } } }
          }
        }
      ]
    }
  }
}

// What is written to the queues, for the alert on poison messages. Storage's own metric counts an account once a day.
resource queueLog 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'writes'
  scope: jarsQueues
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'StorageWrite', enabled: true }]
  }
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: 'evgt-${token}'
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' } // to write dead letters without a key
  properties: {
    source: jars.id
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

output hostAccountName string = host.name
output hostAccountId string = host.id
output jarsAccountName string = jars.name
output jarsAccountId string = jars.id
output deadLettersContainer string = deadLettersContainer
output topicName string = topic.name
