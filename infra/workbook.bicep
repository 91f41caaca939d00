// What one looks at: downtime, durations, savepoints, outcomes. The sheet itself is workbook.json.
param location string
param tags object
param workspaceName string

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' existing = {
  name: workspaceName
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(workspace.id, 'flinkfuncs')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'flinkfuncs'
    category: 'workbook'
    sourceId: workspace.id
    serializedData: replace(loadTextContent('workbook.json'), '<workspace>', workspace.id)
  }
}
