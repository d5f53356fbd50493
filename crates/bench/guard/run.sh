#!/usr/bin/env bash
# Counts instructions, system calls and allocations per message of wskit's own server and compares them
# with bounds.txt. No times are taken, so the machine's speed and load do not matter.
#
#   crates/bench/guard/run.sh [--update] [--only TEXT] [--spread RUNS] [--profile BUILD SERVER SIZExDEPTH]
#
# Exit code: 0 all within their bounds; 1 a bound exceeded; 2 it could not be measured.
# Needs valgrind and strace.
set -euo pipefail
cd "$(dirname "$0")"

[ "$(uname -m)" = x86_64 ] || { echo "guard: NOT RUN: the bounds are x86-64's" >&2; exit 2; }
grep -qm1 '\bavx2\b' /proc/cpuinfo || { echo "guard: NOT RUN: the v3 build needs a processor with AVX2" >&2; exit 2; }
. ../../../.ci/tools.sh
need valgrind
need strace
(all_there) || { echo "guard: NOT RUN" >&2; exit 2; }

# Set here, so that settings for other benchmarks do not change the counts.
export CARGO_PROFILE_RELEASE_LTO=fat CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 CARGO_PROFILE_RELEASE_OPT_LEVEL=3
export CARGO_PROFILE_RELEASE_DEBUG=line-tables-only CARGO_PROFILE_RELEASE_PANIC=unwind
export CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=false CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=false

target=${CARGO_TARGET_DIR:-../target}
mkdir -p "$target"
target=$(cd "$target" && pwd)/guard

build() {
    local flags=$1 directory=$2
    shift 2
    CARGO_ENCODED_RUSTFLAGS=$flags CARGO_TARGET_DIR=$directory \
        cargo build --quiet --locked --release -p wskit-bench-guard "$@" || { echo "guard: NOT RUN: it does not build" >&2; exit 2; }
}
# The second flag lets the guard at the inner parts of wskit-hub.
flags() { printf -- '-Ctarget-cpu=%s\x1f--cfg=wskit_bench' "$1"; }
build "$(flags x86-64)" "$target/default" --bins
build "$(flags x86-64-v3)" "$target/v3" --bin subject

export WSKIT_GUARD_DEFAULT=$target/default/release WSKIT_GUARD_V3=$target/v3/release WSKIT_GUARD_BOUNDS=$PWD/bounds.txt
exec "$target/default/release/guard" "$@"
