# Sourced by the scripts that need programs: looks for each, and installs it where that is allowed.
#
#   . .ci/tools.sh
#   need strace             # the program, and the Debian package of the same name
#   need_cargo cargo-hack   # a program from crates.io
#   all_there               # fails with a list of what is missing
#
# Installing is allowed where WSKIT_INSTALL is 1. `.ci/run` sets it: for `--install`, and for a run without
# arguments by root without a terminal, as on a CI machine. Without it nothing on the machine changes.
# Nothing that is installed is ever downgraded or removed.

lacking=()

may_install() { [ "${WSKIT_INSTALL:-0}" = 1 ]; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# apt_install PACKAGE...
apt_install() {
    command -v apt-get >/dev/null || return 0
    [ -n "${apt_updated:-}" ] || { as_root apt-get update -qq && apt_updated=1; } || return 0
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends --no-remove "$@" >/dev/null || return 0
}

# need_that 'TEST' NAME PACKAGE...: a thing that TEST finds, from Debian packages.
need_that() {
    local test=$1 name=$2
    shift 2
    eval "$test" >/dev/null 2>&1 && return
    if may_install; then apt_install "$@"; fi
    eval "$test" >/dev/null 2>&1 || lacking+=("$name (Debian: $*)")
}

# need PROGRAM [PACKAGE]
need() { need_that "command -v '$1'" "$1" "${2:-$1}"; }

# need_cargo PROGRAM [CRATE]
need_cargo() {
    command -v "$1" >/dev/null && return
    if may_install; then cargo install --quiet --locked "${2:-$1}" || true; fi
    command -v "$1" >/dev/null || lacking+=("$1 (cargo install --locked ${2:-$1})")
}

has_toolchain() { command -v rustup >/dev/null && RUSTUP_AUTO_INSTALL=0 rustup run "$1" rustc --version >/dev/null 2>&1; }

# need_toolchain NAME: a toolchain of rustup's.
need_toolchain() {
    has_toolchain "$1" && return
    if may_install && command -v rustup >/dev/null; then
        timeout 300 rustup toolchain install "$1" --profile minimal --no-self-update >/dev/null 2>&1 || true
    fi
    has_toolchain "$1" || lacking+=("Rust $1 (rustup toolchain install $1 --profile minimal)")
}

# Fails if anything was missing.
all_there() {
    [ ${#lacking[@]} -gt 0 ] || return 0
    {
        printf 'missing: %s\n' "${lacking[@]}"
        may_install || echo "Install these, or allow it: bash .ci/run --install${tiers:+ ${tiers[*]}}"
    } >&2
    exit 1
}
