#!/usr/bin/env bash
# Checks formatting and runs clang-tidy over all sources, or over the files given. `--format`: formatting alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tidy=yes
if [ "${1:-}" = --format ]; then tidy=no; shift; fi
files=("$@")
[ $# -gt 0 ] || mapfile -t files < <(find eventlog rules projections commands api tools tests bench -name '*.h' -o -name '*.cpp')
if ! clang-format-19 --dry-run --Werror "${files[@]}"; then
  echo "lint: to mend it: clang-format-19 -i FILE…" >&2
  exit 1
fi
[ "$tidy" = yes ] || exit 0
cmake --preset release >/dev/null
cmake --build build --target vigil_eventlog >/dev/null  # the generated Cap'n Proto header
mapfile -t sources < <(printf '%s\n' "${files[@]}" | grep '\.cpp$' || true)
[ ${#sources[@]} -eq 0 ] || printf '%s\n' "${sources[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy-19 -p build --quiet
