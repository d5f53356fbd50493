#!/bin/sh
# Disassembles the masking as it is compiled for several CPUs and fails on what would ruin it:
# gathers and scatters (an AVX-512 target once made them of a plain loop, at ten times the cost),
# and loops that lost their vectors. Needs an x86-64 toolchain and objdump; compiles only
# wskit-frame and simdutf8, once a target.
set -eu

root=$(CDPATH= cd -- "$(dirname -- "$0")/../../.." && pwd)
work=${CARGO_TARGET_DIR:-$root/target}/mask-asm
mkdir -p "$work/src"
cat > "$work/Cargo.toml" <<END
[package]
name = "mask-asm"
version = "0.0.0"
edition = "2024"
[workspace]
[lib]
crate-type = ["cdylib"]
[dependencies]
wskit-frame = { path = "$root/crates/wskit-frame" }
[profile.release]
lto = "fat"
codegen-units = 1
debug = false
strip = false
END
# Every way in, each with a name of its own.
cat > "$work/src/lib.rs" <<'END'
use wskit_frame::{InvalidUtf8, Mask, OpCode, Utf8Check, encode_frame};

#[unsafe(no_mangle)]
pub fn mask_asm_apply(mask: &mut Mask, data: &mut [u8]) {
    mask.apply(data);
}

#[unsafe(no_mangle)]
pub fn mask_asm_ascii(mask: &mut Mask, data: &mut [u8]) -> bool {
    mask.apply_ascii(data)
}

#[unsafe(no_mangle)]
pub fn mask_asm_text(
    mask: &mut Mask,
    data: &mut [u8],
    utf8: &mut Utf8Check,
) -> Result<(), InvalidUtf8> {
    mask.apply_text(data, utf8)
}

#[unsafe(no_mangle)]
pub fn mask_asm_encode(key: [u8; 4], payload: &[u8], out: &mut [u8]) -> Option<usize> {
    encode_frame(true, false, OpCode::Binary, Some(key), payload, out)
}
END
cp "$root/Cargo.lock" "$work/Cargo.lock"

failed=0
for cpu in x86-64 x86-64-v3 x86-64-v4 native; do
    RUSTFLAGS="-C target-cpu=$cpu" CARGO_TARGET_DIR="$work/$cpu" \
        cargo build -q --release --manifest-path "$work/Cargo.toml"
    objdump -d --no-show-raw-insn "$work/$cpu/release/libmask_asm.so" |
        awk '/^[0-9a-f]+ <.*>:$/ { ours = /mask_asm_|wskit_frame/ && !/detect/ } ours' \
            > "$work/$cpu.s"
    # The long loops: 16-byte vectors only where the target has no better ones.
    slow=$(grep -Ec 'v?p?(gather|scatter)' "$work/$cpu.s" || true)
    wide=$(grep -Ec 'v?p?xor[dqps]* .*%[yz]mm' "$work/$cpu.s" || true)
    echo "$cpu: $(wc -l < "$work/$cpu.s") lines, $wide wide xors, $slow gathers or scatters"
    if [ "$slow" -ne 0 ] || [ "$wide" -lt 16 ]; then
        failed=1
    fi
done
if [ "$failed" -ne 0 ]; then
    echo "the masking is not compiled as it should be; see $work/*.s" >&2
fi
exit "$failed"
