#!/bin/sh
# Plans a deployment, and keeps what the steps after it need. Any options of `flinkfuncs plan` may follow.
#
#   in    JAR, JOB                  the jar and the job's name
#         FLINKFUNCS_URL, …         which app, and with what right: docs/command-line.md
#         OUT                       a directory (default: plan)
#   out   $OUT/plan.json            the plan
#         $OUT/plan.md              … as a comment for the pull request
#         $OUT/plan-id              its id, which deploy.sh keeps to
#         plan-id, verdict          the step's outputs on GitHub; in Azure Pipelines planId and verdict
#
# Ends as `flinkfuncs plan` does: 0 is a plan that may be deployed, 3 would be refused, 1 cannot tell.
set -eu

here=$(dirname "$0")
out=${OUT:-plan}
mkdir -p "$out"
rm -f "$out/plan.json" "$out/plan.md" "$out/plan-id"

code=0
flinkfuncs plan "$JAR" --job "$JOB" --json --markdown "$out/plan.md" "$@" > "$out/plan.json" || code=$?
if [ -f "$out/plan.md" ]; then
    python3 "$here/outputs.py" "$out/plan-id" < "$out/plan.json"
    sh "$here/summary.sh" "$out/plan.md"
fi
exit "$code"
