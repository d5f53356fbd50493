#!/usr/bin/env bash
# Builds bundle.js from the npm packages that package.json names, and collects their licences beside it:
#   bash examples/together/page/build.sh
set -euo pipefail
cd "$(dirname "$0")"
here=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp package.json "$work"
npm install --prefix "$work" --no-package-lock --no-audit --no-fund --ignore-scripts >/dev/null
cd "$work"
echo "export * as Y from 'yjs'; export { WebsocketProvider } from 'y-websocket';" >entry.js
node_modules/.bin/esbuild entry.js --bundle --format=esm --minify --target=es2022 --legal-comments=none \
    --banner:js='// yjs and y-websocket; see bundle.js.LICENSES.txt. Built by build.sh.' --metafile=meta.json --outfile="$here/bundle.js"
# The licence of each package of which something is in the bundle.
node - >"$here/bundle.js.LICENSES.txt" <<'NODE'
const { readFileSync, readdirSync } = require('fs');
const inputs = Object.keys(JSON.parse(readFileSync('meta.json')).inputs);
const packages = new Set(inputs.map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]).filter(Boolean));
for (const name of [...packages].sort()) {
  const folder = `node_modules/${name}`;
  const { version, license } = JSON.parse(readFileSync(`${folder}/package.json`));
  const file = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
  console.log(`${name} ${version} (${license})\n\n${readFileSync(`${folder}/${file}`, 'utf8').trim()}\n\n${'-'.repeat(79)}\n`);
}
NODE
