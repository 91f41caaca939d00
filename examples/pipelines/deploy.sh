#!/bin/sh
# Deploys what was planned, waits for its end, and writes into the run's summary what the exit code means. Any options
# of `flinkfuncs deploy` may follow; they have to be those that plan.sh was given.
#
#   in    JAR, JOB                  the jar and the job's name
#         PLAN_ID                   the plan that was approved; nothing is deployed that differs from it
#         TIMEOUT                   how long to wait, in seconds (default: 3600)
#         FLINKFUNCS_URL, …         which app, and with what right: docs/command-line.md
#         OUT                       a directory (default: plan)
#   out   $OUT/operation.json       the operation as it ended
#         $OUT/summary.md           what is in the run's summary
#
# Ends as `flinkfuncs deploy` does. Run again, it follows the operation of the first run.
set -eu

: "${PLAN_ID:?names the plan that was approved}"
here=$(dirname "$0")
out=${OUT:-plan}
mkdir -p "$out"

code=0
flinkfuncs deploy "$JAR" --job "$JOB" --plan-id "$PLAN_ID" --wait --timeout "${TIMEOUT:-3600}" --json "$@" \
    > "$out/operation.json" || code=$?

case $code in
    0) meaning="Deployed: the release runs." ;;
    2) meaning="Wrong options or configuration. Nothing was sent." ;;
    3) meaning="Refused: the job was not touched. If the plan has changed, run the pipeline again for a new one." ;;
    4) meaning="Not authorized: the sign-in or a role is missing. The job was not touched." ;;
    5) meaning="Rolled back: the new release did not start well, and the old one runs again from the same state." ;;
    6) meaning="Unproven: the new release runs, but nothing shows yet whether it works. Look at the job." ;;
    7) meaning="Still open when the timeout expired. The operation continues: run this again to wait for it." ;;
    8) meaning="Not found: check the URL and the container." ;;
    *) meaning="Failed: look at the operation and the job before you deploy again." ;;
esac
{
    printf '### Deployment of `%s`: exit code %s\n\n%s\n' "$JOB" "$code" "$meaning"
    python3 "$here/outcome.py" < "$out/operation.json"
} > "$out/summary.md"
sh "$here/summary.sh" "$out/summary.md"
exit "$code"
