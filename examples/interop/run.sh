#!/usr/bin/env bash
# Checks wskit against node's `ws`, Python's `websockets` and Chromium, also behind nginx; see README.md.
#   bash examples/interop/run.sh [echo] [client] [chat] [live-feed] [arena] [chat-async-std] [outage] [browser-tls] [origin] [accept] [nginx] [deflate] [together] [centrifuge] [cluster]
# (all of them by default)
# Prints one line a check and at last `N passed, N failed`; exits 1 if any failed.
set -euo pipefail
cd "$(dirname "$0")/../.."

here=examples/interop
work=target/interop
mkdir -p "$work/node" "$work/tls"
log="$work/setup.log"
: >"$log"

# Runs a step of the preparation with a time limit in seconds; its output is shown only if it fails.
prepare() {
    local seconds=$1
    shift
    timeout --kill-after=10 "$seconds" "$@" >>"$log" 2>&1 || {
        tail -n 40 "$log"
        echo "FAILED to prepare: $*"
        echo "0 passed, 1 failed"
        exit 1
    }
}

# The peers. The versions are pinned exactly, and those of their dependencies too, so no lock file is needed.
if ! cmp -s "$here/package.json" "$work/node/package.json" || [ ! -d "$work/node/node_modules/ws" ]; then
    rm -rf "$work/node" && mkdir "$work/node"
    prepare 300 npm install --prefix "$work/node" --no-package-lock --no-audit --no-fund --ignore-scripts \
        $(node -p 'Object.entries(require("./'"$here"'/package.json").dependencies).map((d) => d.join("@")).join(" ")')
    cp "$here/package.json" "$work/node/package.json"
fi
if ! cmp -s "$here/requirements.txt" "$work/venv/requirements.txt"; then
    rm -rf "$work/venv"
    prepare 120 python3 -m venv "$work/venv"
    prepare 300 "$work/venv/bin/pip" install --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$work/venv/requirements.txt"
fi

# A certificate for the peers' servers, and the authority that signed it, for our client.
if ! openssl x509 -in "$work/tls/server.pem" -noout -checkend 86400 >/dev/null 2>&1; then
    key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30)
    prepare 30 openssl req -x509 "${key[@]}" -keyout "$work/tls/ca.key" -out "$work/tls/ca.pem" -subj "/CN=wskit interop" \
        -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign"
    prepare 30 openssl req -x509 "${key[@]}" -keyout "$work/tls/server.key" -out "$work/tls/server.pem" -subj "/CN=localhost" \
        -CA "$work/tls/ca.pem" -CAkey "$work/tls/ca.key" -addext "basicConstraints=critical,CA:FALSE" \
        -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" -addext "extendedKeyUsage=serverAuth"
fi

find_chromium() {
    local name
    for name in chromium chromium-browser google-chrome; do command -v "$name" && return; done
    return 1
}
. .ci/tools.sh
if [ -z "${CHROMIUM:-}" ]; then
    # The fonts are for the screenshots.
    need_that find_chromium chromium chromium fonts-liberation fonts-noto-color-emoji fonts-noto-cjk
fi
(all_there) || { echo "0 passed, 1 failed"; exit 1; }
CHROMIUM=${CHROMIUM:-$(find_chromium || echo chromium)}

# Our side. INTEROP_EXAMPLES names a directory with ready programs instead.
if [ -z "${INTEROP_EXAMPLES:-}" ]; then
    prepare 1800 cargo build -p wskit-examples -p together -p site --examples --all-features
    INTEROP_EXAMPLES=${CARGO_TARGET_DIR:-target}/debug/examples
fi

export CHROMIUM INTEROP_EXAMPLES
export INTEROP_NODE=$PWD/$work/node INTEROP_SCREENSHOTS=$PWD/$work/screenshots PYTHONDONTWRITEBYTECODE=1
exec python3 "$here/run.py" "$work" "$@"
