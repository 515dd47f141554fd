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
printf '  $ %s\n\n' "$vigil query --data $data rules --json"
$vigil query --data "$data" rules --json | tr '{' '\n' | awk -F'[:,}]' '
  function field(name,  n) { for (n = 1; n < NF; ++n) if ($n == "\"" name "\"") return $(n + 1); return "" }
  /"rule_id"/ {
    rule = field("rule_id"); gsub(/"/, "", rule)
    raised[rule] = field("raised"); fraud[rule] = field("fraud")
  }
  END {
    printf "  %-32s %8s %8s %10s\n", "rule", "alerts", "fraud", "precision"
    for (rule in raised) printf "  %-32s %8d %8d %9.1f%%\n", rule, raised[rule], fraud[rule],
                                raised[rule] ? 100 * fraud[rule] / raised[rule] : 0 | "sort -k4 -rn"
  }'

declined=$($vigil query --data "$data" alerts --severity P0 --limit 1 --json)
field() { printf '%s' "$declined" | tr ',{}' '\n' | sed -n "s/^\"$1\":\"\\(.*\\)\"$/\\1/p" | head -n 1; }
transaction=$(field transaction_id)
customer=$(field customer_id)

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
  $vigil query --data $data customer $customer --as-of 2026-01-15
  $vigil rules default                # the rules it was judged by; edit a copy, then
  $vigil serve --data $data           # and in another terminal
  $vigil tail --connect tcp://127.0.0.1:7702
  $vigil ingest --connect tcp://127.0.0.1:7701 $stream
  rm -r $folder                       # when you are done
TEXT
