#!/bin/sh
# Registers the provider to which the app's subnet is delegated: ARM registers only those of the resources that a template
# creates, and Microsoft.App is none of them (Azure/bicep#16340). Repeating it changes nothing.
set -eu

[ "${FLINKFUNCS_PRIVATE_NETWORK:-false}" = true ] || exit 0
az provider register --subscription "$AZURE_SUBSCRIPTION_ID" --namespace Microsoft.App --wait
