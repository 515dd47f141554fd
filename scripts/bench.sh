#!/usr/bin/env bash
# Runs the benchmarks of an already built release. `--micro`: the hot pieces alone instead of the whole service.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ "${1:-}" = --micro ]; then
  shift
  exec build/micro_bench "$@"
fi
echo "memory $(awk '/MemTotal/ { printf "%.0f GB", $2 / 1048576 }' /proc/meminfo), Linux $(uname -r)," \
     "file system $(df --output=fstype . | tail -n 1)"
exec build/vigil_bench --scratch build/bench-data "$@"
