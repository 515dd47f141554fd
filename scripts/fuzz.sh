#!/usr/bin/env bash
# Runs the fuzz targets of tests/fuzz, as many at a time as there are processors, and says what each one did.
# usage: ./run fuzz [--seconds N] [TARGET…]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=30
targets=()
while [ $# -gt 0 ]; do
  case "$1" in
    --seconds) seconds=${2:?fuzz: --seconds needs a number}; shift 2 ;;
    -*) echo "fuzz: unknown option '$1'; usage: ./run fuzz [--seconds N] [TARGET…]" >&2; exit 2 ;;
    *) targets+=("$1"); shift ;;
  esac
done
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "fuzz: --seconds '$seconds' is no whole number above zero" >&2; exit 2; }
mapfile -t known < <(basename -a tests/fuzz/corpus/*/)
[ ${#targets[@]} -gt 0 ] || targets=("${known[@]}")
for target in "${targets[@]}"; do
  [ -d "tests/fuzz/corpus/$target" ] || { echo "fuzz: no target '$target'; there are: ${known[*]}" >&2; exit 2; }
done

if ! command -v clang++-19 >/dev/null; then
  echo "fuzz: clang++-19 is missing; on Debian 12: scripts/install-dependencies.sh fuzz (package clang-19)" >&2
  exit 1
fi
jobs=${VIGIL_JOBS:-$(nproc)}
work=build-fuzz/fuzz
mkdir -p "$work/findings" "$work/logs"
cmake --preset fuzz >"$work/configure.log" 2>&1 || { cat "$work/configure.log" >&2; exit 1; }
cmake --build build-fuzz -j "$jobs" --target "${targets[@]/#/fuzz_}"

# What is found interesting stays in build-fuzz for the next run; a finding is kept beside it.
run_target() {
  local target=$1 seconds=$2 work=$3 dictionary
  case "$target" in
    features | rules | mapped_rows) dictionary=toml ;;
    expression | message) dictionary=$target ;;
    *) dictionary= ;;
  esac
  mkdir -p "$work/corpus/$target"
  "build-fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
    ${dictionary:+-dict="tests/fuzz/dictionaries/$dictionary.dict"} -artifact_prefix="$work/findings/$target-" \
    "$work/corpus/$target" "tests/fuzz/corpus/$target" $(compgen -G "tests/fuzz/regressions/$target" || true) \
    >"$work/logs/$target.log" 2>&1 || echo "$target" >>"$work/failed"
}
export -f run_target

rm -f "$work/failed"
printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I{} bash -c 'run_target "$@"' run_target {} "$seconds" "$work"

printf '\n%-16s %12s %10s %8s %9s\n' target executions per-second edges features
for target in "${targets[@]}"; do
  log=$work/logs/$target.log
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
  reached=$(grep -o 'cov: [0-9]* ft: [0-9]*' "$log" | tail -n 1 || true)
  read -r _ edges _ features <<<"${reached:-x - x -}"
  printf '%-16s %12s %10s %8s %9s\n' "$target" "${executions:--}" "${rate:--}" "$edges" "$features"
done

[ -e "$work/failed" ] || { printf '\nfuzz: nothing found in %s s each\n' "$seconds"; exit 0; }
while read -r target; do
  log=$work/logs/$target.log
  printf '\n== %s\n' "$target" >&2
  grep -v '^#' "$log" | grep -A 25 -E 'property broken|ERROR|runtime error' | head -n 40 >&2 || tail -n 20 "$log" >&2
  input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
  [ -z "$input" ] || printf 'fuzz: %s found something; the input is %s\n  again:  build-fuzz/fuzz_%s %s\n  mended: copy it to tests/fuzz/regressions/%s/\n' \
    "$target" "$input" "$target" "$input" "$target" >&2
done < <(sort "$work/failed")
exit 1
