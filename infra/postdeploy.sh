#!/bin/sh
# Subscribes the app to uploads, once its code runs. azd passes the outputs of main.bicep; the Azure CLI does the rest.
# Repeating it changes nothing. Right after a deployment the webhook's key may not exist yet: then it tries again.
# Last comes the smoke test; where it fails, so does the deployment.
set -eu
cd "$(dirname "$0")"

attempt=1
until az deployment group create \
  --name events \
  --subscription "$AZURE_SUBSCRIPTION_ID" \
  --resource-group "$AZURE_RESOURCE_GROUP" \
  --template-file events.bicep \
  --parameters \
  appName="$AZURE_FUNCTION_APP_NAME" \
  topicName="$AZURE_EVENT_GRID_TOPIC_NAME" \
  jarsAccountName="$AZURE_STORAGE_ACCOUNT_NAME" \
  jarsContainer="$JARS_CONTAINER" \
  --output none; do
  [ "$attempt" -lt 6 ] || exit 1
  echo "The webhook does not answer yet (attempt $attempt of 6); trying again in 30 s." >&2
  attempt=$((attempt + 1))
  sleep 30
done

./smoke.sh
