# Sourced after tools.sh: a toolchain of the oldest Rust that is promised (`rust-version` in Cargo.toml).
#
#   . .ci/oldest-rust.sh
#   need_oldest_rust        # sets oldest_rustc and oldest_cargo
#
# rustup's toolchain is taken where there is one, then Debian's packages where they have that version. To install,
# rustup's is asked for first. If it cannot be had, Debian's packages are unpacked into target/, so that another
# version that the machine has stays as it is.

oldest_version=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
oldest_unpacked=$PWD/target/rust-$oldest_version

find_oldest_rust() {
    if has_toolchain "$oldest_version"; then
        oldest_rustc=$(rustup which --toolchain "$oldest_version" rustc)
        oldest_cargo=$(rustup which --toolchain "$oldest_version" cargo)
        return
    fi
    local bin
    for bin in /usr/bin "$oldest_unpacked/bin"; do
        oldest_rustc=$bin/rustc oldest_cargo=$bin/cargo
        is_oldest "$oldest_rustc" && is_oldest "$oldest_cargo" && return
    done
    return 1
}

is_oldest() { "$1" --version 2>/dev/null | grep -q "^[a-z]* ${oldest_version//./\\.}\."; }

need_oldest_rust() {
    find_oldest_rust && return
    if may_install; then
        timeout 120 rustup toolchain install "$oldest_version" --profile minimal --no-self-update >/dev/null 2>&1 ||
            unpack_oldest_rust || true
    fi
    find_oldest_rust || lacking+=("Rust $oldest_version (rustup toolchain install $oldest_version --profile minimal)")
}

unpack_oldest_rust() {
    command -v apt-get >/dev/null || return 1
    [ -n "${apt_updated:-}" ] || { as_root apt-get update -qq && apt_updated=1; }
    local exact packages libraries
    exact=$(apt-cache madison rustc-web | awk -v version="$oldest_version." 'index($3, version) == 1 { print $3; exit }')
    [ -n "$exact" ] || return 1
    packages=("rustc-web=$exact" "cargo-web=$exact" "libstd-rust-web-dev=$exact" "libstd-rust-web-$oldest_version=$exact")
    # The libraries that they need and the machine lacks, as a simulation tells them; it changes nothing.
    mapfile -t libraries < <(apt-get install --simulate -y --no-install-recommends --allow-downgrades "${packages[@]}" |
        sed -n 's/^Inst \(lib[^ :]*\) .*(\([^ ]*\) .*/\1=\2/p' | grep -v '^libstd-rust-')
    rm -rf "$oldest_unpacked"
    mkdir -p "$oldest_unpacked/debs" "$oldest_unpacked/bin"
    (cd "$oldest_unpacked/debs" && apt-get download -qq -o APT::Sandbox::User=root "${packages[@]}" "${libraries[@]}") || return 1
    local deb
    for deb in "$oldest_unpacked"/debs/*.deb; do dpkg -x "$deb" "$oldest_unpacked"; done
    rm -r "$oldest_unpacked/debs"
    local name lib
    lib=$oldest_unpacked/usr/lib/$(gcc -print-multiarch)
    for name in rustc cargo; do
        printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s" "$@"\n' "$lib" "$oldest_unpacked/usr/bin/$name" >"$oldest_unpacked/bin/$name"
        chmod +x "$oldest_unpacked/bin/$name"
    done
}
