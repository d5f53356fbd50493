#!/usr/bin/env bash
# Three hub processes, 200 clients and faults, on a real engine; see src/main.rs.
#   bash crates/wskit-cluster/prove.sh nats|redis|none [--seconds N] [--seed N] [OPTION]...
set -euo pipefail
cd "$(dirname "$0")/../.."
engine=$1
shift
here=crates/wskit-cluster/js packages=target/cluster/node
if ! cmp -s "$here/package.json" "$packages/package.json" || [ ! -d "$packages/node_modules/centrifuge" ]; then
    rm -rf "$packages" && mkdir -p "$packages"
    # Exact versions, so no lock file is needed.
    npm install --prefix "$packages" --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error \
        $(node -p 'Object.entries(require("./'"$here"'/package.json").dependencies).map((d) => d.join("@")).join(" ")')
    cp "$here/package.json" "$packages/package.json"
fi
cargo build --quiet -p wskit-cluster ${WSKIT_CLUSTER_FEATURES:+--features "$WSKIT_CLUSTER_FEATURES"}
exec target/debug/wskit-cluster run --engine "$engine" --packages "$packages" --js 30 "$@"
