// The two event subscriptions: what tells the app of an upload. Deployed after the code (postdeploy.sh): Event Grid asks
// the webhook first whether it wants the events, and the key in its address exists from the app's first start on.
param appName string
param topicName string
param jarsAccountName string
param jarsContainer string

var deadLettersContainer = 'dead-letters'
var webhook = 'https://${app.properties.defaultHostName}/runtime/webhooks/blobs'
// Read here, so that the key passes through no shell.
var key = listKeys('${app.id}/host/default', '2024-04-01').systemKeys.blobs_extension
var folders = [
  { name: 'stateful', function: 'stateful_jar' }
  { name: 'stateless', function: 'stateless_jar' }
]

resource app 'Microsoft.Web/sites@2024-04-01' existing = {
  name: appName
}

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: jarsAccountName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource uploads 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = [for folder in folders: {
  parent: topic
  name: folder.name
  properties: {
    destination: {
      endpointType: 'WebHook'
      properties: {
        endpointUrl: '${webhook}?functionName=Host.Functions.${folder.function}&code=${key}'
        maxEventsPerBatch: 1
        minimumTlsVersionAllowed: '1.2'
      }
    }
    eventDeliverySchema: 'EventGridSchema'
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: '/blobServices/default/containers/${jarsContainer}/blobs/${folder.name}/'
      isSubjectCaseSensitive: true
      // The calls after which a blob is whole: an account with directories also tells of the file that is still empty.
      advancedFilters: [
        {
          operatorType: 'StringIn'
          key: 'data.api'
          values: ['PutBlob', 'PutBlockList', 'CopyBlob', 'FlushWithClose']
        }
      ]
    }
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
    deadLetterWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: {
          resourceId: account.id
          blobContainerName: deadLettersContainer
        }
      }
    }
  }
}]
