// Where logs, metrics and traces go. Nobody writes with a key: roles.bicep lets the app's identity publish.
param location string
param tags object
param token string

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: 'log-${token}'
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: 90
    features: { disableLocalAuth: true }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: 'appi-${token}'
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: true
  }
}

output workspaceId string = workspace.id
output workspaceName string = workspace.name
output insightsName string = insights.name
output connection string = insights.properties.ConnectionString

// Everything that Application Insights has of a trace, oldest first, as the portal's Logs show it. Its view of one
// transaction cannot be linked to: that wants the id which Application Insights itself gives to an item.
var logs = '${environment().portal}/#blade/Microsoft_Azure_Monitoring_Logs/LogsBlade/resourceId/${uriComponent(insights.id)}/source/LogsBlade.AnalyticsShareLinkToQuery'
var before = uriComponent('union requests, dependencies, traces, exceptions | where operation_Id == "')
var after = uriComponent('" | order by timestamp asc')
output traceUrl string = '${logs}/query/${before}{traceId}${after}/timespan/P90D'
