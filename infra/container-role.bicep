// A role on one container of an account that this deployment does not own.
param accountName string
param container string
param principalId string

@allowed(['read', 'write'])
param access string

var roles = {
  read: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1' // Storage Blob Data Reader
  write: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe' // Storage Blob Data Contributor
}

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: accountName
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' existing = {
  parent: account
  name: 'default'
}

resource place 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' existing = {
  parent: blobs
  name: container
}

resource role 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(place.id, principalId, access)
  scope: place
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[access])
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
