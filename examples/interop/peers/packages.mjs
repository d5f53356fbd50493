// The npm packages: run.sh installs them outside the source tree, where `import` does not look.
import { createRequire } from 'node:module';

const dir = process.env.INTEROP_NODE ?? new URL('../../../target/interop/node', import.meta.url).pathname;
const require = createRequire(`${dir}/package.json`);

export const { WebSocket, WebSocketServer } = require('ws');
export const { chromium } = require('playwright-core');
