// A network of the app's own. Where Flink has no public address, peer it with Flink's.
param location string
param tags object
param token string

@description('The first three numbers of its addresses.')
param prefix string

resource guard 'Microsoft.Network/networkSecurityGroups@2024-07-01' = {
  name: 'nsg-${token}'
  location: location
  tags: tags
  properties: {} // the default rules: in from this network only, out to everything
}

resource network 'Microsoft.Network/virtualNetworks@2024-07-01' = {
  name: 'vnet-${token}'
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: ['${prefix}.0/24'] }
    subnets: [
      {
        name: 'app' // an underscore in this name breaks Flex Consumption
        properties: {
          addressPrefix: '${prefix}.0/26'
          networkSecurityGroup: { id: guard.id }
          delegations: [
            {
              name: 'functions'
              properties: { serviceName: 'Microsoft.App/environments' }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: '${prefix}.64/26'
          networkSecurityGroup: { id: guard.id }
        }
      }
    ]
  }
}

output id string = network.id
output appSubnetId string = '${network.id}/subnets/app'
output endpointSubnetId string = '${network.id}/subnets/endpoints'
