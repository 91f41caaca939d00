#!/bin/sh
# The smoke test of a deployed app (smoke.py): reads its keys and settings with the Azure CLI, and shows neither.
set -eu
cd "$(dirname "$0")"

of_the_app() {
  az functionapp "$@" --resource-group "$AZURE_RESOURCE_GROUP" --name "$AZURE_FUNCTION_APP_NAME" \
    --subscription "$AZURE_SUBSCRIPTION_ID"
}

SMOKE_URL="https://$(of_the_app show --query defaultHostName --output tsv)"
SMOKE_KEYS="$(of_the_app keys list --output json)"
SMOKE_SETTINGS="$(of_the_app config appsettings list --output json)"
SMOKE_TOKEN=
if [ -n "${FLINKFUNCS_SIGN_IN_CLIENT_ID:-}" ]; then
  SMOKE_TOKEN="$(az account get-access-token --resource "api://$FLINKFUNCS_SIGN_IN_CLIENT_ID" --query accessToken --output tsv)"
fi
export SMOKE_URL SMOKE_KEYS SMOKE_SETTINGS SMOKE_TOKEN
exec python3 smoke.py
