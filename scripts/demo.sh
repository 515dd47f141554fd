#!/usr/bin/env bash
# The demonstration of an already built release: simulate, ingest durably, show what came of it.
# Argument: number of transactions (default 200,000).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

transactions=${1:-200000}
vigil=build/vigil
folder=$(mktemp -d "${TMPDIR:-/tmp}/vigil-demo.XXXXXX")
data=$folder/data
stream=$folder/stream.jsonl

if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi
step() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
# Shows a command as one would type it, then runs it.
show() { printf '  $ %s\n\n' "$*"; "$@"; }

step "1. A stream of payments: people with habits and journeys, shops, six kinds of fraud"
show $vigil simulate --transactions "$transactions" --out "$stream"

step "2. Decide every one of them and record it durably, read models following"
show $vigil ingest --data "$data" "$stream"

step "3. The same stream again: every transaction is known, nothing is decided twice"
show $vigil ingest --data "$data" "$stream"

step "4. Outcomes by day"
show $vigil query --data "$data" aggregates --granularity day --from 2026-01-24

step "5. Alerts by rule, and how many of them were fraud (all labels are known at the stream's end)"
printf '  $ %s\n\n' "$vigil query --data $data rules"
printf '  %-32s %8s %8s %10s\n' rule alerts fraud precision
$vigil query --data "$data" rules | awk 'NR > 1 && NF >= 5 && $2 ~ /^[0-9]+$/ && $2 > 0 {
  printf "  %-32s %8d %8d %9.1f%%\n", $1, $2, $3, 100 * $3 / $2 }' | sort -k4,4nr -k2,2nr

declined=$($vigil query --data "$data" alerts --severity P0 --limit 1 --json)
field() { printf '%s' "$declined" | tr ',{}' '\n' | sed -n "s/^\"$1\":\"\\(.*\\)\"$/\\1/p" | head -n 1; }
transaction=$(field transaction_id)
customer=$(field customer_id)
position=$(printf '%s' "$declined" | tr ',{}' '\n' | sed -n 's/^"position":\([0-9]*\)$/\1/p' | head -n 1)

step "6. One payment that was declined, and why"
show $vigil query --data "$data" transaction "$transaction"

step "7. Its customer, as known now"
show $vigil query --data "$data" customer "$customer"

step "8. Read models made anew from the log are the same, to the last bit"
show $vigil rebuild --data "$data"

step "What to try next"
cat <<TEXT
  everything of this run is in $folder

  $vigil verify --data $data
  $vigil log stat --data $data
  $vigil export features --data $data --csv $folder/features.csv
  $vigil query --data $data customer $customer --as-of $position   # as it was known then
  $vigil rules default                # the rules it was judged by; edit a copy, then
  $vigil serve --data $data           # and in another terminal
  $vigil tail --connect tcp://127.0.0.1:7702
  $vigil ingest --connect tcp://127.0.0.1:7701 $stream
  rm -r $folder                       # when you are done
TEXT
