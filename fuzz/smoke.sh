#!/usr/bin/env bash
# Runs every fuzz target for a while, from its seeds and with its dictionary.
#
#   fuzz/smoke.sh [SECONDS [TARGET...]]      SECONDS per target, 30 if not given
#
# Prints one line a target. Exit code: 0 nothing found; 1 a finding, or a target that does not build;
# 2 wrong arguments; 3 not run, because the nightly toolchain or cargo-fuzz is missing.
# What is found stays in fuzz/artifacts/<target>/, what is learnt in fuzz/corpus/<target>/.
set -u
cd "$(dirname "$0")" || exit 2

seconds=${1:-30}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "usage: fuzz/smoke.sh [SECONDS [TARGET...]]" >&2; exit 2; }
shift
toolchain=${FUZZ_TOOLCHAIN:-nightly}
if ! cargo "+$toolchain" --version >/dev/null 2>&1; then
    echo "fuzz: NOT RUN: the toolchain '$toolchain' is missing, and fuzzing needs a nightly one: rustup toolchain install nightly" >&2
    exit 3
fi
if ! cargo "+$toolchain" fuzz --version >/dev/null 2>&1; then
    echo "fuzz: NOT RUN: cargo-fuzz is missing: cargo install --locked cargo-fuzz" >&2
    exit 3
fi

# `cargo fuzz` builds for the target it was built for itself, which may not be ours.
host=$(rustc "+$toolchain" -vV | sed -n 's/^host: //p')
log=$(mktemp) || exit 2
trap 'rm -f "$log"' EXIT
# One build for all, so that no target's time goes into it.
if ! cargo "+$toolchain" fuzz build --target "$host" >"$log" 2>&1; then
    echo "fuzz: does not build:"
    cat "$log"
    exit 1
fi

targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cargo "+$toolchain" fuzz list)
failed=0
for target in "${targets[@]}"; do
    # New inputs go into the first folder, the seeds are only read.
    mkdir -p "corpus/$target" "artifacts/$target"
    folders=("corpus/$target")
    [ -d "seeds/$target" ] && folders+=("seeds/$target")
    options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 -print_final_stats=1)
    [ -f "dictionaries/$target.dict" ] && options+=(-dict="dictionaries/$target.dict")
    if cargo "+$toolchain" fuzz run --target "$host" "$target" "${folders[@]}" -- "${options[@]}" >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        echo "fuzz: $target: ok, $runs runs in $seconds s"
    else
        failed=1
        reason=$(grep -m1 -A1 -E "panicked at|ERROR: (AddressSanitizer|libFuzzer)" "$log" | tr '\n' ' ' | cut -c1-300)
        input=$(sed -n 's/.*Test unit written to //p' "$log" | head -n 1)
        echo "fuzz: $target: FAILED: ${reason:-see below}; input: ${input:-none written}"
        [ -n "$reason" ] || tail -n 20 "$log"
    fi
done
exit "$failed"
