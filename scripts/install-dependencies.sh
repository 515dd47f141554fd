#!/usr/bin/env bash
# Installs the Debian 12 packages that are missing, and nothing when none is. Arguments: groups of packages,
# any of build, test, format, lint, fuzz (default: build).
set -euo pipefail

build_packages=(
  build-essential cmake ninja-build pkg-config ca-certificates zstd
  capnproto libcapnp-dev liblmdb-dev libzmq3-dev cppzmq-dev libspdlog-dev nlohmann-json3-dev libsimdjson-dev
  libtomlplusplus-dev libcli11-dev libgtest-dev libgmock-dev libbenchmark-dev libzstd-dev libsodium-dev
  libssl-dev libisal-dev libxxhash-dev
)
test_packages=(python3 python3-zmq python3-zstandard)
format_packages=(clang-format-19)
lint_packages=(clang-format-19 clang-tidy-19)
fuzz_packages=(clang-19 libclang-rt-19-dev llvm-19)

wanted=()
for group in "${@:-build}"; do
  case "$group" in
    build) wanted+=("${build_packages[@]}") ;;
    test) wanted+=("${test_packages[@]}") ;;
    format) wanted+=("${format_packages[@]}") ;;
    lint) wanted+=("${lint_packages[@]}") ;;
    fuzz) wanted+=("${fuzz_packages[@]}") ;;
    *) echo "install-dependencies: unknown group '$group'; known: build, test, format, lint, fuzz" >&2; exit 2 ;;
  esac
done

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

if ! command -v dpkg-query >/dev/null; then
  echo "install-dependencies: this is no Debian system; install the equivalents of: ${wanted[*]}" >&2
  exit 1
fi
missing=()
for package in "${wanted[@]}"; do installed "$package" || missing+=("$package"); done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "install-dependencies: missing packages, and neither root nor sudo to install them. As root, run:" >&2
    echo "  apt-get update && apt-get install -y ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "installing ${#missing[@]} Debian packages: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${as_root[@]}" apt-get update -q && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
       apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "install-dependencies: apt-get failed (see above); Vigil needs Debian 12 with its main archive" >&2
  exit 1
fi
