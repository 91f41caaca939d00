// Private endpoints, and the names under which they are found from inside the network.
// The app has one as well, for callers in the network; its public address stays, since Event Grid knows no other.
param location string
param tags object
param networkId string
param subnetId string
param hostAccountId string
param jarsAccountId string

@description('Empty: there is no vault.')
param vaultId string
param appId string

var zones = [
  'privatelink.blob.${environment().suffixes.storage}'
  'privatelink.queue.${environment().suffixes.storage}'
  'privatelink.vaultcore.azure.net'
  'privatelink.azurewebsites.net'
  'privatelink.table.${environment().suffixes.storage}'
]
var always = [
  { name: 'host-blob', target: hostAccountId, group: 'blob', zone: 0 }
  { name: 'host-queue', target: hostAccountId, group: 'queue', zone: 1 }
  { name: 'jars-blob', target: jarsAccountId, group: 'blob', zone: 0 }
  { name: 'jars-queue', target: jarsAccountId, group: 'queue', zone: 1 }
  { name: 'app', target: appId, group: 'sites', zone: 3 }
  { name: 'host-table', target: hostAccountId, group: 'table', zone: 4 }
]
var ofVault = [{ name: 'vault', target: vaultId, group: 'vault', zone: 2 }]
var endpoints = concat(always, empty(vaultId) ? [] : ofVault)

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = [for name in zones: {
  name: name
  location: 'global'
  tags: tags
}]

resource link 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [for (name, i) in zones: {
  parent: zone[i]
  name: 'network'
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: { id: networkId }
  }
}]

resource endpoint 'Microsoft.Network/privateEndpoints@2024-07-01' = [for item in endpoints: {
  name: 'pe-${item.name}'
  location: location
  tags: tags
  properties: {
    subnet: { id: subnetId }
    privateLinkServiceConnections: [
      {
        name: item.name
        properties: {
          privateLinkServiceId: item.target
          groupIds: [item.group]
        }
      }
    ]
  }
}]

resource names 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-07-01' = [for (item, i) in endpoints: {
  parent: endpoint[i]
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: 'zone'
        properties: { privateDnsZoneId: zone[item.zone].id }
      }
    ]
  }
}]
