#!/usr/bin/env bash
# Holds so many connections for so many minutes, each talking, closing, breaking and coming back, and
# fails unless memory stays flat and every connection is accounted for. README.md says what is judged.
#
#   crates/bench/soak/soak.sh [MINUTES] [CONNECTIONS]      (3 and 10000; 0.34 minutes are 20 seconds)
#
# Exit code: 0 flat and complete; 1 not; 2 it could not be run.
set -euo pipefail
cd "$(dirname "$0")"
seconds=$(awk -v minutes="${1:-3}" 'BEGIN { printf "%d", minutes * 60 }')
connections=${2:-10000}
target=${CARGO_TARGET_DIR:-../target}
# Without link-time optimisation, which takes a minute and finds no leak.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
cargo build --quiet --release -p wskit-bench-soak || exit 2
exec "$target/release/soak" "$seconds" "$connections"
