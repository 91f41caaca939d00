// Who the release workflow is: an identity that GitHub's own token stands for, so that no secret is stored anywhere.
// It may replace the app's code, and nothing else.
param location string
param tags object
param token string

@description('owner/name; only its jobs in the environment `production` are this identity.')
param repository string

@description('owner@id/name@id; empty: none.')
param repositoryWithIds string
param appName string
param planName string

var websiteContributor = 'de139f84-1756-47ae-9be6-808fbbe84772'
var reader = 'acdd72a7-3385-48ef-bd42-f606fba81ae7'

resource app 'Microsoft.Web/sites@2024-04-01' existing = {
  name: appName
}

resource plan 'Microsoft.Web/serverfarms@2024-04-01' existing = {
  name: planName
}

resource deployer 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: 'id-deployer-${token}'
  location: location
  tags: tags
}

// GitHub writes the subject with ids for repositories that were made or renamed since 2026-07-15 (Azure/azure-dev#9430);
// the other form gets AADSTS700213.
var plain = [{ name: 'github', repository: repository }]
var withIds = [{ name: 'github-ids', repository: repositoryWithIds }]

@batchSize(1) // an identity takes one credential at a time
resource github 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2023-01-31' = [for subject in concat(plain, empty(repositoryWithIds) ? [] : withIds): {
  parent: deployer
  name: subject.name
  properties: {
    issuer: 'https://token.actions.githubusercontent.com'
    subject: 'repo:${subject.repository}:environment:production'
    audiences: ['api://AzureADTokenExchange']
  }
}]

resource deploysCode 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(app.id, deployer.id, websiteContributor)
  scope: app
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', websiteContributor)
    principalId: deployer.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

resource readsPlan 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(plan.id, deployer.id, reader)
  scope: plan
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', reader)
    principalId: deployer.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

output clientId string = deployer.properties.clientId
