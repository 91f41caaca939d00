#!/bin/sh
# Adds a Markdown file to the summary of the run, in Azure Pipelines and on GitHub; elsewhere prints it.
set -eu

file=$1
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
    cat "$file" >> "$GITHUB_STEP_SUMMARY"
elif [ "${TF_BUILD:-}" = True ]; then
    case $file in
        /*) ;;
        *) file=$PWD/$file ;;
    esac
    printf '##vso[task.uploadsummary]%s\n' "$file"
else
    cat "$file"
fi
