// When somebody has to look. docs/runbook.md says of each what it means and what to do.
//
//   failed       an operation ended as FAILED, ROLLED_BACK, UNPROVEN or UNKNOWN
//   stuck        an operation is open for too long
//   savepoint    a job's newest savepoint is older than twice the interval
//   untold       a message to NOTIFY_URL was given up: its receiver never took it, or wants no more
//   poison       the host gave a message up
//   undelivered  Event Grid gave an event up (the sweeper takes the upload all the same)
//   silent       the sweeper has not run to its end: nobody would notice the others
param location string
param tags object
param token string
param email string
param workspaceName string
param topicName string
param savepointIntervalSeconds int
param operationStuckSeconds int

// The app's own metrics (OpenTelemetry) lie in AppMetrics, their attributes in Properties.
var failed = '''
AppMetrics
| where Name == 'flinkfuncs.operations'
| extend Action = tostring(Properties.action), Outcome = tostring(Properties.outcome)
| where Outcome in ('FAILED', 'ROLLED_BACK', 'UNPROVEN', 'UNKNOWN')
| summarize Operations = sum(Sum) by Action, Outcome
'''
var stuck = '''
AppMetrics
| where Name == 'flinkfuncs.operation.age'
| summarize arg_max(TimeGenerated, Max)
| project Seconds = Max
'''
var savepoint = '''
AppMetrics
| where Name == 'flinkfuncs.savepoint.age'
| extend Job = tostring(Properties.job)
| summarize arg_max(TimeGenerated, Max) by Job
| project Job, Seconds = Max
'''
var untold = '''
AppMetrics
| where Name == 'flinkfuncs.messages'
| extend Outcome = tostring(Properties.outcome)
| where Outcome == 'given_up'
| summarize Messages = sum(Sum)
'''
var poison = '''
StorageQueueLogs
| where OperationName == 'PutMessage' and Uri has 'poison'
| extend Queue = tostring(split(parse_url(Uri).Path, '/')[1])
| summarize Messages = count() by Queue
'''
var silent = '''
AppRequests
| where Name has 'sweep' or OperationName has 'sweep'
| where Success == true
'''
var rules = [
  {
    name: 'failed'
    description: 'An operation did not end well; its result gives the reason.'
    query: failed
    column: 'Operations'
    each: [
      { name: 'Action', operator: 'Include', values: ['*'] }
      { name: 'Outcome', operator: 'Include', values: ['*'] }
    ]
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 0
    severity: 1
  }
  {
    name: 'stuck'
    description: 'An operation has been open for too long.'
    query: stuck
    column: 'Seconds'
    each: []
    aggregation: 'Maximum'
    operator: 'GreaterThan'
    threshold: operationStuckSeconds
    severity: 1
  }
  {
    name: 'savepoint'
    description: 'The newest savepoint of a job is older than twice SAVEPOINT_INTERVAL_SECONDS.'
    query: savepoint
    column: 'Seconds'
    each: [{ name: 'Job', operator: 'Include', values: ['*'] }]
    aggregation: 'Maximum'
    operator: 'GreaterThan'
    threshold: 2 * savepointIntervalSeconds
    severity: 2
  }
  {
    name: 'untold'
    description: 'The app gave up sending a message to NOTIFY_URL; the log names it.'
    query: untold
    column: 'Messages'
    each: []
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 0
    severity: 2
  }
  {
    name: 'poison'
    description: 'The host failed to process a message and moved it to a poison queue.'
    query: poison
    column: 'Messages'
    each: [{ name: 'Queue', operator: 'Include', values: ['*'] }]
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 0
    severity: 2
  }
  {
    name: 'silent'
    description: 'The sweeper has not completed a run for a quarter of an hour.'
    query: silent
    column: ''
    each: []
    aggregation: 'Count'
    operator: 'LessThan'
    threshold: 1
    severity: 1
  }
]

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' existing = {
  name: workspaceName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: 'people-${token}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'flinkfuncs'
    enabled: true
    emailReceivers: [
      {
        name: 'people'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource alert 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in rules: {
  name: '${rule.name}-${token}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'flinkfuncs: ${rule.name}'
    description: rule.description
    severity: rule.severity
    enabled: true
    scopes: [workspace.id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    skipQueryValidation: true // a table exists from its first row on
    criteria: {
      allOf: [
        {
          query: rule.query
          timeAggregation: rule.aggregation
          metricMeasureColumn: empty(rule.column) ? null : rule.column
          dimensions: rule.each
          operator: rule.operator
          threshold: rule.threshold
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: empty(email) ? [] : [people.id] }
  }
}]

resource undelivered 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'undelivered-${token}'
  location: 'global'
  tags: tags
  properties: {
    description: 'Event Grid could not deliver an event to the webhook for a day.'
    severity: 3
    enabled: true
    scopes: [topic.id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'dead letters'
          metricName: 'DeadLetteredCount'
          timeAggregation: 'Total'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: empty(email) ? [] : [{ actionGroupId: people.id }]
  }
}
